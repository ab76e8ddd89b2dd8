"""Width: settings that are found on a narrow network and hold on a wide one."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from initcore import _checks
from initcore.initializers import Normal, SpectralNormal, VarianceScaling, Zeros
from initcore.models.parameters import Model, Parameter
from initcore.models.patterns import HEADS, KERNELS, RESIDUAL, optional, rest
from initcore.models.roles import Recipe, Role, register
from initcore.models.rules import Assignment, Rule


@register("mup")
@dataclass(frozen=True)
class MuP(Recipe):
    """The maximal update parametrization: what is learned per step does not depend on width.

    With m = width / base_width, against the settings that suit the base width:

    - ``"input"`` (and embeddings, biases, normalization): start as at the base width; Adam's
      rate as there, SGD's times m.
    - ``"hidden"``: Var(W) = scale / fan_in, so std goes with m^(-1/2); Adam's rate over m, and
      its decay times m; SGD's rate as at the base width.
    - ``"readout"``: 0, output over m; Adam's rate as at the base width, SGD's times m.

    Attention logits take `attention_multiplier`, 1 / d_head and not 1 / sqrt(d_head). Tune the
    learning rate at the base width, then make the network wide.

    Parameters
    ----------
    width, base_width : int
        Of the hidden layers, in this network and in the one that was tuned.
    optimizer : {"adam", "sgd"}, default "adam"
        Which one the learning-rate factors are for.
    scale : float, default 1.0
        Var(W) = scale / fan_in of hidden and input layers at the base width; 2 for ReLU.
    input_fan : float, optional
        Inputs of the input layer, which do not change with width; 1 for an embedding. None for
        those of a model's first kernel, and 1 where there is no model.

    Notes
    -----
    Formula: Hidden Var(W) = scale / fan_in, Adam's rate over m; readout 0, its output over m.
    Use: networks tuned narrow and trained wide; not for depth, for which there is `CompleteP`.
    Exactness: bit-exact, stream v1.
    Source: Yang et al., "Tensor programs V: tuning large neural networks via zero-shot
    hyperparameter transfer", 2022, table 8.
    Check: MuP(width=1024, base_width=64).role("hidden").lr == 0.0625

    Examples
    --------
    >>> from initcore import recipes
    >>> hidden = recipes.MuP(width=1024, base_width=64).role("hidden")
    >>> hidden.lr, hidden.weight_decay
    (0.0625, 16.0)
    """

    width: int
    base_width: int
    optimizer: Literal["adam", "sgd"] = "adam"
    scale: float = 1.0
    input_fan: float | None = None

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.count, "width", least=1)
        _checks.check_fields(self, _checks.count, "base_width", least=1)
        _checks.check_fields(self, _checks.positive, "scale")
        if self.input_fan is not None:
            _checks.check_fields(self, _checks.positive, "input_fan")
        if self.optimizer not in ("adam", "sgd"):
            raise ValueError(f'optimizer={self.optimizer!r} must be "adam" or "sgd"')

    @property
    def ratio(self) -> float:
        """m = width / base_width."""
        return self.width / self.base_width

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        m = self.ratio
        adam = self.optimizer == "adam"
        vector = 1.0 if adam else m
        input_std = math.sqrt(self.scale / (self.input_fan or 1.0))
        return {
            "input": Role(Normal(std=input_std), lr=vector, note="input"),
            "hidden": Role(
                VarianceScaling(self.scale, "fan_in", "normal"),
                lr=1.0 / m if adam else 1.0,
                weight_decay=m if adam else 1.0,
                note="hidden",
            ),
            "readout": Role(Zeros(), multiplier=1.0 / m, lr=vector, note="readout"),
        }

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """A kernel by its place: the first, unless there is a table, the last, or another."""
        if role == "hidden" and model.is_first(parameter) and not _has_table(model):
            fan_in = self.input_fan or parameter.fan_in or 1.0
            return replace(self, input_fan=fan_in).role("input").assignment()
        if role == "hidden" and model.is_last(parameter):
            role = "readout"
        return super().assign(role, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """Heads by name, tables by role, kernels by their place."""
        return (
            optional(self.by_role("readout"), name=HEADS, role="weight"),
            optional(self.by_role("hidden"), role=KERNELS),
            optional(replace(self, input_fan=None).by_role("input"), role="embedding"),
            *rest(bias=self.role("input").bias_assignment()),
        )

    def attention_multiplier(self, head: int, base_head: int | None = None) -> float:
        """What attention logits are multiplied by: sqrt(base_head) / head, or 1 / head."""
        head = _checks.count(head, "head", least=1)
        if base_head is None:
            return 1.0 / head
        base_head = _checks.count(base_head, "base_head", least=1)
        return math.sqrt(base_head) / head


def _has_table(model: Model) -> bool:
    return any(parameter.role == "embedding" for parameter in model)


@register("complete_p")
@dataclass(frozen=True)
class CompleteP(Recipe):
    """MuP's factors for width, and factors for depth so that every layer keeps learning.

    With m_n = width / base_width and m_l = depth / base_depth: each branch of the residual stream
    is multiplied by m_l^-alpha, and its hidden matrices have Var(W) = scale / fan_in, Adam's rate
    times m_l^(alpha - 1) / m_n, decay times m_n and epsilon times m_l^-alpha / m_n. At alpha = 1
    it is CompleteP; at 1/2 it is `DepthMuP`. Roles: ``"hidden"`` (matrices within a branch),
    ``"branch"`` (its last matrix, with the branch's `multiplier`), ``"embedding"``,
    ``"readout"``.

    Parameters
    ----------
    width, base_width, depth, base_depth : int
        Of this network and of the one that was tuned.
    scale : float, default 1.0
        Var(W) = scale / fan_in.

    Notes
    -----
    Formula: MuP's factors, and each branch times m_l^-1, Adam's epsilon times m_l^-1 / m_n.
    Use: transformers tuned small and trained large in width and depth; not for post-normalization.
    Exactness: bit-exact, stream v1.
    Source: Dey et al., "Don't be lazy: CompleteP enables compute-efficient deep transformers",
    2025, table 1.
    Check: CompleteP(512, 256, 8, 2).role("hidden").eps == 0.125

    Examples
    --------
    >>> from initcore import recipes
    >>> recipe = recipes.CompleteP(width=512, base_width=256, depth=8, base_depth=2)
    >>> recipe.role("branch").multiplier, recipe.role("hidden").eps
    (0.25, 0.125)
    """

    width: int
    base_width: int
    depth: int
    base_depth: int
    scale: float = 1.0
    _alpha: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        for name in ("width", "base_width", "depth", "base_depth"):
            _checks.check_fields(self, _checks.count, name, least=1)
        _checks.check_fields(self, _checks.positive, "scale")

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        wider = self.width / self.base_width
        deeper = self.depth / self.base_depth
        branch = 1.0 / (deeper if self._alpha == 1.0 else math.sqrt(deeper))
        weight = VarianceScaling(self.scale, "fan_in", "normal")
        hidden = Role(
            weight,
            lr=1.0 / (deeper * branch * wider),
            weight_decay=wider,
            eps=branch / wider,
        )
        return {
            "embedding": Role(Normal(std=math.sqrt(self.scale))),
            "hidden": hidden,
            "branch": replace(hidden, multiplier=branch),
            "readout": Role(Zeros(), multiplier=1.0 / wider),
        }

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """A kernel outside of the layers is the readout if it is the last, else an input."""
        if role == "hidden" and model.block(parameter) is None:
            if not model.is_last(parameter):
                return Assignment(self.role("hidden").weight, note="input")
            role = "readout"
        return super().assign(role, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """Heads, and what writes to the residual stream, by name; tables by role."""
        return (
            optional(self.by_role("readout"), name=HEADS, role="weight"),
            optional(self.by_role("branch"), name=RESIDUAL, role="weight"),
            optional(self.by_role("hidden"), role=KERNELS),
            *rest(embedding=self.by_role("embedding")),
        )


@register("depth_mup")
@dataclass(frozen=True)
class DepthMuP(CompleteP):
    """MuP's factors for width; each branch over sqrt(m_l), and Adam's rate within it too.

    Features then differ as much as they can from layer to layer. The rate carries over to other
    depths where a branch is one layer; for transformers, whose branches are deeper, `CompleteP`
    does better. Roles and parameters as there.

    Notes
    -----
    Formula: MuP's factors, branches times m_l^-1/2, Adam's rate times m_l^-1/2 / m_n.
    Use: residual networks tuned shallow and trained deep whose branches are one layer; for
    transformers `CompleteP`.
    Exactness: bit-exact, stream v1.
    Source: Yang, Yu, Zhu, Hayou, "Tensor programs VI: feature learning in infinite-depth neural
    networks", 2023; the factors as alpha = 1/2 of Dey et al. 2025 and its code.
    Check: DepthMuP(512, 256, 8, 2).role("hidden").lr == 0.25

    Examples
    --------
    >>> from initcore import recipes
    >>> recipe = recipes.DepthMuP(width=512, base_width=256, depth=8, base_depth=2)
    >>> recipe.role("branch").multiplier, recipe.role("hidden").lr
    (0.5, 0.25)
    """

    _alpha = 0.5


@register("spectral")
@dataclass(frozen=True)
class Spectral(Recipe):
    """Each matrix of spectral norm sqrt(fan_out / fan_in), and steps of that norm too.

    Said of a single matrix, whatever its place: the start is `initializers.SpectralNormal`, and the
    learning rate is multiplied by fan_out / fan_in for SGD, by 1 / fan_in for Adam. Features then
    move by about their own size at every width, as with `MuP`, of which this is another form.
    Role: ``"matrix"``.

    Parameters
    ----------
    fan_in, fan_out : int, optional
        Of the matrix; an embedding has fan_in 1. None for those of each of a model's matrices.
    optimizer : {"adam", "sgd"}, default "adam"
        Which one the learning-rate factor is for.

    Notes
    -----
    Formula: s_max(W) = sqrt(fan_out / fan_in); SGD's rate times fan_out / fan_in, Adam's / fan_in.
    Use: matrices of a network that is made wider, one by one; where places are known `MuP` says the
    same.
    Exactness: bit-exact, stream v1.
    Source: Yang, Simon, Bernstein, "A spectral condition for feature learning", 2023,
    parametrization 1 (for SGD), as huggingface/nanotron, src/nanotron/scaling/parametrization.py,
    quotes it; the factor for Adam is that of hidden matrices under `MuP`. Both are tested.
    Check: Spectral(fan_in=256, fan_out=1024, optimizer="sgd").role("matrix").lr == 4

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Spectral(fan_in=256, fan_out=1024).role("matrix").lr
    0.00390625
    """

    fan_in: int | None = None
    fan_out: int | None = None
    optimizer: Literal["adam", "sgd"] = "adam"

    def __post_init__(self) -> None:
        for name in ("fan_in", "fan_out"):
            if getattr(self, name) is not None:
                _checks.check_fields(self, _checks.count, name, least=1)
        if self.optimizer not in ("adam", "sgd"):
            raise ValueError(f'optimizer={self.optimizer!r} must be "adam" or "sgd"')

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; there is one."""
        if self.fan_in is None or self.fan_out is None:
            return {}
        rate = 1.0 if self.optimizer == "adam" else float(self.fan_out)
        return {"matrix": Role(SpectralNormal(), lr=rate / self.fan_in)}

    def fitted(self, role: str, parameter: Parameter, model: Model) -> Recipe:
        """With the fans of this matrix."""
        fan_in, fan_out = int(parameter.fan_in or 1), int(parameter.fan_out or 1)
        return replace(self, fan_in=self.fan_in or fan_in, fan_out=self.fan_out or fan_out)

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """A row of a table is a matrix of its own, of fan_in 1."""
        if role == "row":
            row = replace(self, fan_in=1, fan_out=self.fan_out or parameter.shape[-1])
            return Assignment(Normal(), lr=row.role("matrix").lr)
        return super().assign(role, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """Every kernel alike; rows of tables of length about sqrt(width)."""
        return (
            optional(self.by_role("matrix"), role=KERNELS),
            *rest(embedding=self.by_role("row")),
        )


@register("neural_tangent")
@dataclass(frozen=True)
class NeuralTangent(Recipe):
    """W ~ N(0, 1), and the layer's output multiplied by 1 / sqrt(fan_in): gradients scale too.

    With ``mean_field=True`` the last layer is multiplied by 1 / fan_in. Biases start at 0: the
    paper's, N(0, 1) times a constant, are added behind the multiplier, which multiplies a layer's
    own. Roles: ``"hidden"``, ``"readout"``.

    Parameters
    ----------
    fan_in : int, optional
        Inputs of the layer; None for those of each of a model's layers.
    mean_field : bool, default False
        Whether the readout is an average rather than a normalized sum.

    Notes
    -----
    Use: theory, and comparing how parametrizations learn; not for training wide networks well,
    whose features it leaves where they are.
    Exactness: bit-exact, stream v1.
    Source: Jacot, Gabriel, Hongler, "Neural tangent kernel", 2018, page 3, as
    google/neural-tangents, neural_tangents/_src/stax/linear.py, quotes it.
    Check: NeuralTangent(fan_in=256).role("hidden").multiplier == 0.0625

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.NeuralTangent(fan_in=256).role("hidden").multiplier
    0.0625
    """

    fan_in: int | None = None
    mean_field: bool = False

    def __post_init__(self) -> None:
        if self.fan_in is not None:
            _checks.check_fields(self, _checks.count, "fan_in", least=1)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        if self.fan_in is None:
            return {}
        sum_of = 1.0 / math.sqrt(self.fan_in)
        readout = 1.0 / self.fan_in if self.mean_field else sum_of
        return {
            "hidden": Role(Normal(), multiplier=sum_of),
            "readout": Role(Normal(), multiplier=readout),
        }

    def fitted(self, role: str, parameter: Parameter, model: Model) -> Recipe:
        """With the inputs of this layer."""
        return replace(self, fan_in=self.fan_in or int(parameter.fan_in or 1))

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """The last kernel in the model's order is the readout."""
        which = "readout" if model.is_last(parameter) else role
        return super().assign(which, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """Kernels by their place."""
        return (optional(self.by_role("hidden"), role=KERNELS), *rest())
