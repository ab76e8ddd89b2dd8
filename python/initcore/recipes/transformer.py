"""Transformers: with normalization before, after or nowhere in a layer."""

import math
from abc import abstractmethod
from dataclasses import dataclass, replace

from initcore import _checks
from initcore._exact.elementwise import log
from initcore.initializers import (
    GlorotNormal,
    Initializer,
    Normal,
    TruncatedNormal,
    VarianceScaling,
)
from initcore.models.parameters import Model, Parameter
from initcore.models.patterns import (
    FEED_FORWARD_OUTPUTS,
    HEADS,
    KERNELS,
    POSITIONS,
    QUERIES_AND_KEYS,
    RESIDUAL,
    VALUES,
    VECTORS,
    count_layers,
    inverse_root_of_width,
    layer_number,
    optional,
    rest,
)
from initcore.models.roles import Recipe, Role, register
from initcore.models.rules import Assignment, Rule


def _power(base: float, eighths: int) -> float:
    """base^(eighths / 8) by square roots, which every machine rounds alike."""
    root = math.sqrt(math.sqrt(math.sqrt(base)))
    power = 1.0
    for _ in range(abs(eighths)):
        power *= root
    return power if eighths >= 0 else 1.0 / power


def _sixteenth_root(base: float) -> float:
    return math.sqrt(_power(base, 1))


@register("gpt2")
@dataclass(frozen=True)
class Gpt2(Recipe):
    """N(0, std^2) everywhere, over sqrt(2 n_layers) for what writes to the residual stream.

    The 2 n_layers additions to the stream then have, together, the variance of one. Roles:
    ``"embedding"``, ``"position"``, ``"projection"`` (reads the stream), ``"residual"`` (writes to
    it).

    Parameters
    ----------
    n_layers : int, optional
        Transformer layers L, each with attention and a feed-forward part; None for the number
        that a model's names show.
    std : float, default 0.02
        Of everything that is not written to the stream.
    position_std : float, optional
        Of learned positions; None for `std`. GPT-2's own code has 0.01.

    Notes
    -----
    Use: pre-normalized transformers of ordinary size; not for very deep or very wide ones, whose
    rates it leaves to you.
    Exactness: bit-exact, stream v1.
    Source: Radford et al., "Language models are unsupervised multitask learners", 2019, section
    2.3; Shoeybi et al., "Megatron-LM", 2019; the widths as in openai/gpt-2, src/model.py.
    Check: std(Gpt2(n_layers=12).role("residual").weight) == 0.0040824829

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Gpt2(n_layers=12).role("residual").weight
    <Normal: N(0, 0.00408248^2)>
    """

    n_layers: int | None = None
    std: float = 0.02
    position_std: float | None = None

    def __post_init__(self) -> None:
        if self.n_layers is not None:
            _checks.check_fields(self, _checks.count, "n_layers", least=1)
        _checks.check_fields(self, _checks.positive, "std")
        if self.position_std is not None:
            _checks.check_fields(self, _checks.positive, "position_std")

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        position = self.std if self.position_std is None else self.position_std
        roles = {
            "embedding": Role(Normal(std=self.std)),
            "position": Role(Normal(std=position)),
            "projection": Role(Normal(std=self.std)),
        }
        if self.n_layers is not None:
            residual = Normal(std=self.std / math.sqrt(2.0 * self.n_layers))
            note = f"{self.std:g} / sqrt(2 x {self.n_layers} layers)"
            roles["residual"] = Role(residual, note=note)
        return roles

    def fitted(self, role: str, parameter: Parameter, model: Model) -> Recipe:
        """With the number of layers that the model's names show."""
        if role != "residual":
            return self
        return replace(self, n_layers=count_layers(parameter, model, self.n_layers))

    def rules(self) -> tuple[Rule, ...]:
        """What writes to the stream, and learned positions, by name; the others by role."""
        return (
            optional(self.by_role("residual"), name=RESIDUAL, role="weight"),
            optional(self.by_role("position"), name=POSITIONS, role=VECTORS),
            optional(self.by_role("projection"), role=KERNELS),
            *rest(embedding=self.by_role("embedding")),
        )


@register("llama")
@dataclass(frozen=True)
class Llama(Recipe):
    """N(0, std^2) cut at 3 std; what writes to the stream is over sqrt(2 L) or sqrt(2 (l + 1)).

    OLMo calls it ``full_megatron``; OLMo-core ``llama``, or ``llama_depth`` with `by_layer`.
    OLMo-core differs in two tensors: its embeddings are N(0, 1), uncut, and of a gated
    feed-forward part it divides the gate's second factor (w3) too. The standard deviation of the
    values is 0.98658 of the one said, for nothing makes up for the cut. Roles: ``"embedding"``,
    ``"projection"``, ``"residual"``, and with `width` ``"readout"``, the untied last matrix,
    1 / sqrt(width).

    Parameters
    ----------
    n_layers : int, optional
        Transformer layers L; None for the number that a model's names show.
    std : float, default 0.02
        Before the cut.
    by_layer : bool, default False
        Divide by the number of layers so far rather than by that of all.
    width : int, optional
        Width d of the stream, for the readout; None for a model's own.

    Notes
    -----
    Use: pre-normalized transformers, as `Gpt2`.
    Exactness: bit-exact, stream v1.
    Source: allenai/OLMo, olmo/model.py, reset_parameters; allenai/OLMo-core,
    src/olmo_core/nn/transformer/init.py.
    Check: std(Llama(n_layers=32).role("residual").weight) == 0.0024664460

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Llama(n_layers=32).role("residual").weight
    <TruncatedNormal: N(0, 0.0025^2), cut to [-3, 3] sigma>
    """

    n_layers: int | None = None
    std: float = 0.02
    by_layer: bool = False
    width: int | None = None

    def __post_init__(self) -> None:
        if self.n_layers is not None:
            _checks.check_fields(self, _checks.count, "n_layers", least=1)
        _checks.check_fields(self, _checks.positive, "std")
        if self.width is not None:
            _checks.check_fields(self, _checks.count, "width", least=1)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role of the layer of this number, from 0."""
        roles = {
            "embedding": Role(_cut_at_3(self.std)),
            "projection": Role(_cut_at_3(self.std)),
        }
        if self.n_layers is not None:
            depth = _layer(layer, self.n_layers) if self.by_layer else self.n_layers
            residual = _cut_at_3(self.std / math.sqrt(2.0 * depth))
            note = f"{self.std:g} / sqrt(2 x {depth} layers)"
            roles["residual"] = Role(residual, note=note)
        if self.width is not None:
            readout = _cut_at_3(1.0 / math.sqrt(self.width))
            roles["readout"] = Role(readout, note="1 / sqrt(width)")
        return roles

    def fitted(self, role: str, parameter: Parameter, model: Model) -> Recipe:
        """With the number of layers that the model's names show, and the width of its head."""
        if role == "residual":
            return replace(self, n_layers=count_layers(parameter, model, self.n_layers))
        if role == "readout":
            return replace(self, n_layers=None, width=self.width or parameter.shape[-1])
        return self if self.n_layers is None else replace(self, n_layers=None)

    def rules(self) -> tuple[Rule, ...]:
        """What writes to the stream, and the head, by name; the others by role."""
        return (
            optional(self.by_role("residual"), name=RESIDUAL, role="weight"),
            optional(self.by_role("readout"), name=HEADS, role="weight"),
            optional(self.by_role("projection"), role=KERNELS),
            *rest(embedding=self.by_role("embedding")),
        )


@register("olmo")
@dataclass(frozen=True)
class Mitchell(Recipe):
    """OLMo's first start: 1 / sqrt(fan_in), over sqrt(2 (l + 1)) for what writes to the stream.

    Normal, cut at 3 standard deviations and not corrected for the cut. Roles: ``"embedding"``
    (tokens and positions, 1 / sqrt(width)), ``"projection"`` (reads the stream, the last matrix
    included), ``"attention_out"``, ``"feed_forward_out"``.

    Parameters
    ----------
    width : int, optional
        Width d of the stream; None for that of each of a model's tensors.
    feed_forward : int, optional
        Inputs of the feed-forward part's second matrix; None likewise.

    Notes
    -----
    Use: porting OLMo's first models.
    Exactness: bit-exact, stream v1.
    Source: Groeneveld et al., "OLMo: accelerating the science of language models", 2024;
    allenai/OLMo, olmo/model.py, reset_parameters.
    Check: std(Mitchell(64, 256).role("attention_out", 7).weight) == 0.0308305748

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Mitchell(width=64, feed_forward=256).role("attention_out", layer=1).weight
    <TruncatedNormal: N(0, 0.0625^2), cut to [-3, 3] sigma>
    """

    width: int | None = None
    feed_forward: int | None = None

    def __post_init__(self) -> None:
        for name in ("width", "feed_forward"):
            if getattr(self, name) is not None:
                _checks.check_fields(self, _checks.count, name, least=1)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role of the layer of this number, from 0."""
        adds = 2.0 * _layer(layer)
        note = f"1 / sqrt(2 x {layer + 1} x fan_in)"
        roles = {}
        if self.width is not None:
            plain = Role(_cut_at_3(1.0 / math.sqrt(self.width)))
            out = _cut_at_3(1.0 / math.sqrt(adds * self.width))
            roles = {"embedding": plain, "projection": plain, "attention_out": Role(out, note=note)}
        if self.feed_forward is not None:
            out = _cut_at_3(1.0 / math.sqrt(adds * self.feed_forward))
            roles["feed_forward_out"] = Role(out, note=note)
        return roles

    def fitted(self, role: str, parameter: Parameter, model: Model) -> Recipe:
        """With the inputs of this tensor, or the length of a table's row, for what is not given."""
        table = role == "embedding" or parameter.fan_in is None
        width = parameter.shape[-1] if table else int(parameter.fan_in or 0)
        return replace(self, width=self.width or width, feed_forward=self.feed_forward or width)

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """Of what writes to the stream the number of its layer has to be known."""
        if role in ("attention_out", "feed_forward_out"):
            layer_number(parameter, model, None)
        return super().assign(role, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """What writes to the stream, and learned positions, by name; the others by role."""
        embedding = self.by_role("embedding")
        feed_forward = self.by_role("feed_forward_out")
        return (
            optional(feed_forward, name=FEED_FORWARD_OUTPUTS, role="weight"),
            optional(self.by_role("attention_out"), name=RESIDUAL, role="weight"),
            optional(self.by_role("projection"), role=KERNELS),
            optional(embedding, name=POSITIONS, role=VECTORS),
            *rest(embedding=embedding),
        )


def _cut_at_3(std: float) -> TruncatedNormal:
    return TruncatedNormal(std=std, low=-3.0, high=3.0)


def _layer(layer: int, n_layers: int | None = None) -> int:
    """The layer's number counted from 1, checked."""
    layer = _checks.count(layer, "layer", least=0)
    if n_layers is not None and layer >= n_layers:
        raise ValueError(f"layer={layer} must be from 0 to n_layers - 1")
    return layer + 1


def _layers_below(model: Model, name: str) -> int:
    return max((len(n) for prefix, n in model.stacks.items() if name in prefix), default=0)


@dataclass(frozen=True)
class _Stacks(Recipe):
    """Values, outputs and feed-forward of an encoder, a decoder or both differ from the rest."""

    n_encoder: int | None = None
    n_decoder: int | None = None

    def __post_init__(self) -> None:
        for name in ("n_encoder", "n_decoder"):
            if getattr(self, name):
                _checks.check_fields(self, _checks.count, name, least=1)
        if (self.n_encoder, self.n_decoder) == (0, 0):
            raise ValueError("n_encoder=0 and n_decoder=0: at least one stack must have layers")

    @abstractmethod
    def stacks(self, n: int, m: int) -> dict[str, Role]:
        """Every role of stacks of n and m layers."""

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        n, m = self.n_encoder or 0, self.n_decoder or 0
        return self.stacks(n, m) if n or m else {}

    def fitted(self, role: str, parameter: Parameter, model: Model) -> "_Stacks":
        """With the layers below "encoder" and "decoder", or those of one stack of any name."""
        if self.n_encoder is not None or self.n_decoder is not None:
            return self
        encoder, decoder = (_layers_below(model, name) for name in ("encoder", "decoder"))
        if not (encoder or decoder):
            encoder = count_layers(parameter, model, None)
        return replace(self, n_encoder=encoder, n_decoder=decoder)

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """Kernels outside of the layers, queries and keys take Glorot's law."""
        if role != _SCALED or model.block(parameter) is None:
            return _GLOROT
        recipe = self.fitted(role, parameter, model)
        side = ""
        if recipe.n_encoder and recipe.n_decoder:
            side = "decoder_" if "decoder" in parameter.path else "encoder_"
        assignment = recipe.role(side + role).assignment()
        if "q" in parameter.parts:
            by_part: dict[str, Initializer] = {"q": GlorotNormal(), "k": GlorotNormal()}
            return replace(assignment, by_part=by_part)
        return assignment

    def rules(self) -> tuple[Rule, ...]:
        """Queries and keys by name; a table takes N(0, 1 / width)."""
        return (
            optional(self.by_role("query_key"), name=QUERIES_AND_KEYS, role="weight"),
            optional(self.by_role(_SCALED), role="weight"),
            optional(GlorotNormal(), role="recurrent"),
            optional(inverse_root_of_width, role="embedding"),
            *rest(),
        )


_SCALED = "value_out_feed_forward"
_GLOROT = Assignment(GlorotNormal())


@register("deepnorm")
@dataclass(frozen=True)
class DeepNorm(_Stacks):
    """For LayerNorm(alpha x + F(x)): Glorot's law, times beta for values, outputs and feed-forward.

    Post-normalized transformers of up to 1000 layers train with it. Roles of a network with one
    stack: ``"query_key"``, ``"value_out_feed_forward"`` and ``"residual"``; the last one's
    `multiplier` is alpha, by which x is multiplied before the sum. With both stacks the same with
    ``"encoder_"`` and ``"decoder_"`` before.

    Parameters
    ----------
    n_encoder, n_decoder : int, optional
        Layers of each stack; 0 for none, None for both for those that a model's
        names show. One stack of N: alpha = (2 N)^(1/4), beta = (8 N)^(-1/4). Both, N
        and M: encoder alpha = 0.81 (N^4 M)^(1/16), beta = 0.87 (N^4 M)^(-1/16); decoder
        alpha = (3 M)^(1/4), beta = (12 M)^(-1/4).

    Notes
    -----
    Use: post-normalized transformers, very deep ones above all; not for pre-normalized ones.
    Exactness: bit-exact, stream v1.
    Source: Wang et al., "DeepNet: scaling transformers to 1,000 layers", 2022. Its code
    has 1 / 1.15 where the paper has 0.87.
    Check: DeepNorm(n_encoder=12).role("residual").multiplier == 2.2133638394

    Examples
    --------
    >>> from initcore import recipes
    >>> round(recipes.DeepNorm(n_encoder=12).role("residual").multiplier, 6)
    2.213364
    """

    def stacks(self, n: int, m: int) -> dict[str, Role]:
        """Every role of stacks of n and m layers."""
        if not (n and m):
            return self._stack("", _power(2.0 * (n or m), 2), _power(8.0 * (n or m), -2))
        root = _sixteenth_root(float(n) ** 4 * m)
        return {
            **self._stack("encoder_", 0.81 * root, 0.87 / root),
            **self._stack("decoder_", _power(3.0 * m, 2), _power(12.0 * m, -2)),
        }

    @staticmethod
    def _stack(prefix: str, alpha: float, beta: float) -> dict[str, Role]:
        scaled = VarianceScaling(beta * beta, "fan_avg", "normal")
        return {
            f"{prefix}query_key": Role(GlorotNormal()),
            f"{prefix}{_SCALED}": Role(scaled, note=f"alpha = {alpha:.6g}"),
            f"{prefix}residual": Role(GlorotNormal(), multiplier=alpha),
        }


@register("tfixup")
@dataclass(frozen=True)
class TFixup(Recipe):
    """Glorot's law scaled down so that a transformer trains without LayerNorm and warmup.

    Encoder: values, outputs and feed-forward times 0.67 N^(-1/4), the values by sqrt(2) more.
    Decoder: the same roles times (9 M)^(-1/4). Embeddings: N(0, d^-1) times (9 N)^(-1/4). Roles:
    ``"query_key"``, ``"encoder_value"``, ``"encoder_out_feed_forward"``, ``"decoder_value"``,
    ``"decoder_out_feed_forward"``, ``"embedding"``.

    Parameters
    ----------
    n_encoder, n_decoder : int
        Layers of each stack.
    width : int
        Width d of the embeddings.

    Notes
    -----
    Formula: Glorot's law times 0.67 N^(-1/4), values by sqrt(2) more; decoder (9 M)^(-1/4).
    Use: transformers that have no normalization at all; not beside it.
    Exactness: bit-exact, stream v1.
    Source: Huang, Perez, Ba, Volkovs, "Improving transformer optimization through better
    initialization", 2020, and its code.
    Check: TFixup(6, 6, 512).role("encoder_out_feed_forward").weight.scale == 0.1832626576

    Examples
    --------
    >>> from initcore import recipes
    >>> recipe = recipes.TFixup(n_encoder=6, n_decoder=6, width=512)
    >>> recipe.role("encoder_out_feed_forward").weight
    <VarianceScaling: Var(W) = 0.366525 / (fan_in + fan_out), normal>
    """

    n_encoder: int
    n_decoder: int
    width: int

    def __post_init__(self) -> None:
        for name in ("n_encoder", "n_decoder", "width"):
            _checks.check_fields(self, _checks.count, name, least=1)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        encoder = 0.67 * _power(float(self.n_encoder), -2)
        decoder = _power(9.0 * self.n_decoder, -2)
        embedding = _power(9.0 * self.n_encoder, -2) / math.sqrt(self.width)

        def glorot(factor: float) -> Role:
            return Role(VarianceScaling(factor * factor, "fan_avg", "normal"))

        return {
            "query_key": glorot(1.0),
            "encoder_value": glorot(math.sqrt(2.0) * encoder),
            "encoder_out_feed_forward": glorot(encoder),
            "decoder_value": glorot(math.sqrt(2.0) * decoder),
            "decoder_out_feed_forward": glorot(decoder),
            "embedding": Role(Normal(std=embedding)),
        }

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """By the stack that a tensor is in; kernels outside of both take Glorot's law."""
        if role in ("query_key", "embedding"):
            return super().assign(role, parameter, model)
        if model.block(parameter) is None:
            return _GLOROT
        side = "decoder" if "decoder" in parameter.path else "encoder"
        assignment = super().assign(f"{side}_{role}", parameter, model)
        if "q" in parameter.parts:
            value = self.role(f"{side}_value").weight
            by_part: dict[str, Initializer] = {"q": GlorotNormal(), "k": GlorotNormal(), "v": value}
            return replace(assignment, by_part=by_part)
        return assignment

    def rules(self) -> tuple[Rule, ...]:
        """Queries, keys and values by name."""
        return (
            optional(self.by_role("query_key"), name=QUERIES_AND_KEYS, role="weight"),
            optional(self.by_role("value"), name=VALUES, role="weight"),
            optional(self.by_role("out_feed_forward"), role="weight"),
            optional(GlorotNormal(), role="recurrent"),
            *rest(embedding=self.by_role("embedding")),
        )


@register("sub_ln")
@dataclass(frozen=True)
class SubLn(_Stacks):
    """Glorot's law times sqrt(log(2 L)) for values, outputs and feed-forward, with two norms each.

    Roles of one stack: ``"query_key"``, ``"value_out_feed_forward"``; of both the same with
    ``"encoder_"`` and ``"decoder_"`` before.

    Parameters
    ----------
    n_encoder, n_decoder : int, optional
        Layers of each stack; 0 for none, None for both for those that a model's
        names show. One stack of L: gamma = sqrt(log(2 L)). Both, N and M: encoder
        sqrt(log(3 M) log(2 N) / 3), decoder sqrt(log(3 M)).

    Notes
    -----
    Use: transformers that normalize before a sublayer's input and before its output matrix
    (Magneto, RetNet); not for others.
    Exactness: bit-exact, stream v1 (the logarithm is the kernels' own).
    Source: Wang et al., "Foundation transformers", 2022, and its code, torchscale.
    Check: SubLn(n_decoder=12).role("value_out_feed_forward").weight.scale == 3.1780538303

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.SubLn(n_decoder=12).role("query_key").weight
    <GlorotNormal: Var(W) = 2 / (fan_in + fan_out), normal>
    """

    def stacks(self, n: int, m: int) -> dict[str, Role]:
        """Every role of stacks of n and m layers."""
        if not (n and m):
            return self._stack("", float(log(2.0 * (n or m))))
        decoder = float(log(3.0 * m))
        return {
            **self._stack("encoder_", decoder * float(log(2.0 * n)) / 3.0),
            **self._stack("decoder_", decoder),
        }

    @staticmethod
    def _stack(prefix: str, square: float) -> dict[str, Role]:
        return {
            f"{prefix}query_key": Role(GlorotNormal()),
            f"{prefix}{_SCALED}": Role(VarianceScaling(square, "fan_avg", "normal")),
        }
