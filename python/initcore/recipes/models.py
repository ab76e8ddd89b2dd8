"""The starts of published models: BERT, OLMo 2, Mamba, T5, Switch; and of embeddings anywhere."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from initcore import _checks
from initcore.initializers import (
    DiagonalStates,
    LecunNormal,
    Normal,
    Ones,
    StandardUniform,
    StepBias,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from initcore.models.parameters import Model, Parameter
from initcore.models.patterns import (
    KERNELS,
    POSITIONS,
    TOKENS,
    VECTORS,
    count_layers,
    optional,
    rest,
)
from initcore.models.roles import Recipe, Role, not_for_models, register
from initcore.models.rules import Rule

# of N(0, 1) cut at 2, rounded to double
_CUT_VARIANCE = 0.7737413035499233


@register("bert")
@dataclass(frozen=True)
class Bert(Recipe):
    """N(0, 0.02^2) cut at 2 standard deviations, for every matrix and embedding.

    The values' standard deviation is 0.0176, for nothing makes up for the cut. To port a model;
    its depth plays no part, which post-normalization has to make up for. Roles: ``"embedding"``,
    ``"projection"``, ``"norm_scale"``.

    Parameters
    ----------
    std : float, default 0.02
        Before the cut.

    Notes
    -----
    Use: porting BERT; depth plays no part in it, which post-normalization has to make up for.
    Exactness: bit-exact, stream v1.
    Source: Devlin, Chang, Lee, Toutanova, "BERT", 2019; google-research/bert, modeling.py,
    create_initializer: TensorFlow's truncated normal.
    Check: std(Bert().role("projection").weight) == 0.017592513

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Bert().role("projection").weight
    <TruncatedNormal: N(0, 0.02^2), cut to [-2, 2] sigma>
    """

    std: float = 0.02

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.positive, "std")

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        every = Role(TruncatedNormal(std=self.std))
        return {"embedding": every, "projection": every, "norm_scale": Role(Ones())}

    def rules(self) -> tuple[Rule, ...]:
        """Kernels, tables, positions and tokens alike."""
        every = self.role("projection").weight
        return (
            optional(every, name=(*POSITIONS, *TOKENS), role=VECTORS),
            optional(every, role=KERNELS),
            *rest(embedding=every, token=every),
        )


@register("olmo2")
@dataclass(frozen=True)
class Olmo2(Recipe):
    """N(0, 0.02^2) cut at 3 standard deviations, for all matrices of all layers alike.

    OLMo-core's ``normal``: no division by depth or width, as the normalization of each branch's
    output allows. To port a model, or for transformers normalized that way. Roles:
    ``"embedding"``, ``"projection"``, ``"residual"``.

    Parameters
    ----------
    std : float, default 0.02
        Before the cut.

    Notes
    -----
    Use: porting OLMo 2, or transformers that normalize each branch's output; not for pre-normalized
    ones.
    Exactness: bit-exact, stream v1.
    Source: OLMo Team, "2 OLMo 2 Furious", 2025; allenai/OLMo-core,
    src/olmo_core/nn/transformer/init.py.
    Check: std(Olmo2().role("residual").weight) == 0.019731568

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Olmo2().role("residual").weight
    <TruncatedNormal: N(0, 0.02^2), cut to [-3, 3] sigma>
    """

    std: float = 0.02

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.positive, "std")

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        every = Role(TruncatedNormal(std=self.std, low=-3.0, high=3.0))
        return {"embedding": every, "projection": every, "residual": every}

    def rules(self) -> tuple[Rule, ...]:
        """Kernels and tables alike."""
        every = self.role("projection").weight
        return (
            optional(every, name=POSITIONS, role=VECTORS),
            optional(every, role=KERNELS),
            *rest(embedding=every),
        )


@register("mamba")
@dataclass(frozen=True)
class Mamba(Recipe):
    """PyTorch's U(-r, r), r = 1 / sqrt(fan_in); over sqrt(n_layers) for what writes to the stream.

    Steps are log-uniform, states decay as -(n + 1). Roles: ``"embedding"``, ``"projection"``
    (input, convolution and the projection to B, C and the step), ``"residual"`` (output),
    ``"step"`` (dt_rank, with its bias), ``"states"`` (log of -A), ``"skip"`` (D).

    Parameters
    ----------
    n_layers : int, optional
        Blocks of the model; None for the number that its names show.
    step_rank : int, optional
        Inputs of the step projection (dt_rank); None for those of the model's.
    adds_per_layer : int, default 1
        Additions to the stream in each block; 2 where a feed-forward part follows.

    Notes
    -----
    Use: Mamba's blocks; not for its second version, which has other tensors.
    Exactness: bit-exact, stream v1; the step's bias for the same whole tensor.
    Source: Gu and Dao, "Mamba", 2023, and its code.
    Check: bound(Mamba(64, 16).role("residual").weight, 1, 256) == 0.0078125

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Mamba(n_layers=24, step_rank=48).role("states").weight
    <DiagonalStates: diagonal of A, log_real>
    """

    n_layers: int | None = None
    step_rank: int | None = None
    adds_per_layer: int = 1

    def __post_init__(self) -> None:
        for name in ("n_layers", "step_rank", "adds_per_layer"):
            if getattr(self, name) is not None:
                _checks.check_fields(self, _checks.count, name, least=1)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        roles = {
            "embedding": Role(Normal(std=0.02)),
            "projection": Role(StandardUniform(), Zeros()),
            "states": Role(DiagonalStates("log_real")),
            "skip": Role(Ones()),
        }
        if self.n_layers is not None:
            variance = 1.0 / (3.0 * self.n_layers * self.adds_per_layer)
            roles["residual"] = Role(VarianceScaling(variance, "fan_in", "uniform"))
        if self.step_rank is not None:
            step = 1.0 / math.sqrt(self.step_rank)
            roles["step"] = Role(Uniform(low=-step, high=step), StepBias())
        return roles

    def fitted(self, role: str, parameter: Parameter, model: Model) -> Recipe:
        """With the layers that the model's names show, and the inputs of its step projection."""
        if role == "residual":
            return replace(self, n_layers=count_layers(parameter, model, self.n_layers))
        if role == "step" and parameter.fan_in:
            return replace(self, step_rank=self.step_rank or int(parameter.fan_in))
        return self

    def rules(self) -> tuple[Rule, ...]:
        """Outputs, the step's projection, states and skips by name."""
        return (
            optional(self.by_role("residual"), name="*.out_proj.weight", role="weight"),
            optional(self.by_role("step"), name="*.dt_proj.weight", role="weight"),
            optional(StepBias(), name="*.dt_proj.bias", role="bias"),
            optional(self.by_role("states"), name="*.A_log", role="other"),
            optional(self.by_role("skip"), name="*.D", role="other"),
            optional(self.by_role("projection"), role=KERNELS),
            *rest(embedding=self.by_role("embedding")),
        )


@register("t5")
@dataclass(frozen=True)
class T5(Recipe):
    """1 / sqrt(fan_in), and queries by 1 / sqrt(head) more: attention without its division.

    T5 does not divide attention's logits by sqrt(head); its queries start that much smaller, and
    its optimizer moves each weight in proportion to its size. Roles: ``"embedding"`` (N(0, 1)),
    ``"query"``, ``"projection"`` (keys, values, outputs, feed-forward), ``"relative_bias"``.

    Parameters
    ----------
    width : int
        Width d of the stream.
    head : int
        Width of a head.

    Notes
    -----
    Use: porting T5; not with attention that divides by sqrt(head).
    Exactness: bit-exact, stream v1.
    Source: Raffel et al., "Exploring the limits of transfer learning with a unified text-to-text
    transformer", 2020; huggingface/transformers, models/t5/modeling_t5.py, _init_weights, which
    follows Mesh TensorFlow's attention.
    Check: std(T5(width=512, head=64).role("query").weight) == 0.0055242717

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.T5(width=64, head=16).role("query").weight
    <Normal: N(0, 0.03125^2)>
    """

    width: int
    head: int

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.count, "width", least=1)
        _checks.check_fields(self, _checks.count, "head", least=1)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        return {
            "embedding": Role(Normal(std=1.0)),
            "query": Role(Normal(std=1.0 / math.sqrt(self.width * self.head))),
            "projection": Role(LecunNormal()),
            "relative_bias": Role(Normal(std=1.0 / math.sqrt(self.width))),
        }

    def rules(self) -> tuple[Rule, ...]:
        """Queries and relative positions by name."""
        queries = ("*.q.weight", "*.q_proj.weight", "*.query.weight")
        relative = ("*relative_attention_bias*", "*relative_position_bias*")
        return (
            optional(self.by_role("relative_bias"), name=relative, role=VECTORS),
            optional(self.by_role("query"), name=queries, role="weight"),
            optional(self.by_role("projection"), role=KERNELS),
            *rest(embedding=self.by_role("embedding")),
        )


@register("switch_moe")
@dataclass(frozen=True)
class SwitchMoe(Recipe):
    """Var(W) = scale / fan_in cut at 2 standard deviations, with scale 0.1 where others have 1.

    A tenth of the usual variance makes the training of a mixture of experts stable, in low
    precision above all. Nothing makes up for the cut. Roles: ``"expert"``, ``"router"``,
    ``"projection"``; experts stacked in one tensor take a layout with a ``g``.

    Parameters
    ----------
    scale : float, default 0.1
        Of the variance, before the cut.

    Notes
    -----
    Use: mixtures of experts in low precision; not for dense transformers.
    Exactness: bit-exact, stream v1.
    Source: Fedus, Zoph, Shazeer, "Switch transformers: scaling to trillion parameter models with
    simple and efficient sparsity", 2021, section 2.4: sqrt(s / fan_in), s a tenth of the default
    of 1, resampled beyond two standard deviations.
    Check: std(SwitchMoe().role("expert").weight, 8, 100) / 0.1 == 0.27816206

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.SwitchMoe().role("expert").weight
    <VarianceScaling: Var(W) = 0.0773741 / fan_in, truncated normal>
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.positive, "scale")

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        # the family's variance is that behind the cut, the paper's the one before it
        every = Role(VarianceScaling(self.scale * _CUT_VARIANCE, "fan_in", "truncated_normal"))
        return {"expert": every, "router": every, "projection": every}

    def rules(self) -> tuple[Rule, ...]:
        """Every kernel alike; experts stacked in one tensor need a rule of your own."""
        return (optional(self.by_role("projection"), role=KERNELS), *rest())


_EMBEDDINGS = ("width", "torch", "keras")


@dataclass(frozen=True)
class EmbeddingTable(Recipe):
    """N(0, 1 / width): rows of length about 1; or what PyTorch or Keras gives a table.

    PyTorch's N(0, 1) gives rows of length sqrt(width), which suits a stream that a normalization
    follows at once; Keras's is U(-0.05, 0.05). For tables that are also the last layer's weight,
    1 / width keeps the logits at 1. Role: ``"table"``.

    Parameters
    ----------
    width : int
        Length of a row.
    convention : {"width", "torch", "keras"}, default "width"
        Which of the three.

    Notes
    -----
    Use: tables of tokens; ``1 / width`` where the table is the last matrix too, PyTorch's law where
    a normalization follows.
    Exactness: bit-exact, stream v1.
    Source: flax.linen.Embed; torch.nn.Embedding; keras.layers.Embedding.
    Check: std(EmbeddingTable(64).role("table").weight) == 0.125

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.EmbeddingTable(width=64, convention="keras").role("table").weight
    <Uniform: U[-0.05, 0.05)>
    """

    width: int
    convention: Literal["width", "torch", "keras"] = "width"

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.count, "width", least=1)
        if self.convention not in _EMBEDDINGS:
            raise ValueError(
                f"convention={self.convention!r} must be one of {', '.join(_EMBEDDINGS)}"
            )

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; there is one."""
        if self.convention == "keras":
            return {"table": Role(Uniform(low=-0.05, high=0.05))}
        std = 1.0 if self.convention == "torch" else 1.0 / math.sqrt(self.width)
        return {"table": Role(Normal(std=std))}

    def rules(self) -> tuple[Rule, ...]:
        """There are none."""
        raise not_for_models(
            self,
            "is for a table of vectors and says nothing of other layers",
            'put a rule before another recipe: {"base": "he", "rules": [{"role": "embedding", '
            f'"init": {self.role("table").weight.to_dict()}}}]}}',
        )
