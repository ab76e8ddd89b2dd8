"""Recipes for transformers. Which matrix writes to the residual stream is read off its name."""

import math
from typing import Literal

from initcore import recipes
from initcore.initializers import (
    GlorotNormal,
    GlorotUniform,
    Initializer,
    Normal,
    StandardUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
from initcore.models.parameters import Model, Parameter
from initcore.models.presets.common import (
    BRANCH_SCALES,
    FEED_FORWARD_OUTPUTS,
    HEADS,
    OUTPUTS,
    POSITIONS,
    TOKENS,
    block_of,
    optional,
    rest,
)
from initcore.models.rules import Choice, Rule, Start, start_of

_RESIDUAL = (*FEED_FORWARD_OUTPUTS, *OUTPUTS)
_KERNELS = ("weight", "recurrent")
_FEED_FORWARD_BIASES = ("*.mlp.*bias", "*.ffn.*bias", "*.linear[12].bias", "*.fc[12].bias")


def _in_a_block(parameter: Parameter, model: Model) -> bool:
    return model.block(parameter) is not None


def gpt2(
    n_layers: int | None = None, std: float = 0.02, position_std: float | None = None
) -> tuple[Rule, ...]:
    """N(0, std^2), over sqrt(2 n_layers) for what writes to the residual stream; see `Gpt2`.

    The layers are counted off the names where `n_layers` does not say them.
    """

    def residual(parameter: Parameter, model: Model) -> Start:
        layer, layers = block_of(parameter, model, n_layers)
        found = recipes.Gpt2(layers, std, position_std).role("residual", layer)
        return start_of(found, f"{std:g} / sqrt(2 x {layers} layers)")

    all_alike = recipes.Gpt2(1, std, position_std).roles()
    return (
        optional(residual, name=_RESIDUAL, role="weight"),
        optional(all_alike["position"].weight, name=POSITIONS, role=("embedding", "other")),
        optional(all_alike["projection"].weight, role=_KERNELS),
        *rest(embedding=all_alike["embedding"].weight),
    )


def llama(
    n_layers: int | None = None, std: float = 0.02, by_layer: bool = False
) -> tuple[Rule, ...]:
    """N(0, std^2) cut at 3 std, over sqrt(2 L) for what writes to the stream; see `Llama`.

    An untied head takes 1 / sqrt(width), cut likewise.
    """

    def residual(parameter: Parameter, model: Model) -> Start:
        layer, layers = block_of(parameter, model, n_layers)
        depth = layer + 1 if by_layer else layers
        found = recipes.Llama(layers, std, by_layer).role("residual", layer)
        return start_of(found, f"{std:g} / sqrt(2 x {depth} layers)")

    def readout(parameter: Parameter, model: Model) -> Start:
        width = parameter.shape[-1]
        return start_of(recipes.Llama(1, width=width).role("readout"), "1 / sqrt(width)")

    all_alike = recipes.Llama(1, std).roles()
    return (
        optional(residual, name=_RESIDUAL, role="weight"),
        optional(readout, name=HEADS, role="weight"),
        optional(all_alike["projection"].weight, role=_KERNELS),
        *rest(embedding=all_alike["embedding"].weight),
    )


def _mitchell(parameter: Parameter, model: Model) -> Start:
    fan_in = int(parameter.fan_in or 0)
    layer, _ = block_of(parameter, model, None)
    found = recipes.Mitchell(fan_in, fan_in).role("attention_out", layer)
    return start_of(found, f"1 / sqrt(2 x {layer + 1} x fan_in)")


def _mitchell_inner(parameter: Parameter, model: Model) -> Initializer:
    fan_in = int(parameter.fan_in or 0)
    return recipes.Mitchell(fan_in, fan_in).role("projection").weight


def _mitchell_embedding(parameter: Parameter, model: Model) -> Initializer:
    width = parameter.shape[-1]
    return recipes.Mitchell(width, width).role("embedding").weight


def olmo() -> tuple[Rule, ...]:
    """OLMo's first start: 1 / sqrt(fan_in), less by layer for what writes to the stream.

    See `Mitchell`. Embeddings, those of positions too, take 1 / sqrt(width).
    """
    return (
        optional(_mitchell, name=_RESIDUAL, role="weight"),
        optional(_mitchell_inner, role=_KERNELS),
        optional(_mitchell_embedding, name=POSITIONS, role=("embedding", "other")),
        optional(_mitchell_embedding, role="embedding"),
        *rest(),
    )


def bert(std: float = 0.02) -> tuple[Rule, ...]:
    """N(0, std^2) cut at 2 std for kernels and embeddings, biases 0; see `Bert`.

    As in the authors' code; the port in transformers does not cut.
    """
    law = TruncatedNormal(std=std)
    return (
        optional(law, name=(*POSITIONS, *TOKENS), role=("embedding", "other")),
        optional(law, role=_KERNELS),
        *rest(embedding=law, token=law),
    )


def _layer_scale(parameter: Parameter, model: Model) -> Initializer:
    _, layers = block_of(parameter, model, None)
    return recipes.LayerScale(layers).role("branch_scale").weight


def vit(std: float = 0.02, convention: Literal["timm", "google"] = "timm") -> tuple[Rule, ...]:
    """A vision transformer as timm starts it, or as its authors do.

    ``"timm"`` (timm, models/vision_transformer.py, init_weights_vit_timm): N(0, std^2) for dense
    kernels and positions, whose cut at +-2 is beyond reach; class and register tokens
    N(0, 1e-6^2); biases 0; the patches' convolution as PyTorch leaves it. ``"google"``
    (google-research/vision_transformer, vit_jax/models_vit.py; timm's ``"jax"``): Glorot's uniform
    law for dense kernels, biases of the feed-forward part N(0, 1e-6^2), positions N(0, std^2), the
    token and the head 0, the patches LeCun's truncated law. A trained scale of each branch, where
    there is one, starts as in `LayerScale`.
    """
    if convention not in ("timm", "google"):
        raise ValueError(f'convention={convention!r} must be "timm" or "google"')
    timm = convention == "timm"
    law: Initializer = Normal(std=std) if timm else GlorotUniform()
    token: Initializer = Normal(std=1e-6) if timm else Zeros()
    patches = StandardUniform() if timm else VarianceScaling(1.0, "fan_in", "truncated_normal")
    convolution = ("_ConvNd", "Conv")
    theirs = (
        (optional(StandardUniform(), module=convolution, role="bias"),)
        if timm
        else (
            optional(Zeros(), name=HEADS, role="weight"),
            optional(Normal(std=1e-6), name=_FEED_FORWARD_BIASES, role="bias"),
        )
    )
    return (
        optional(Normal(std=std), name=POSITIONS, role=("embedding", "other")),
        optional(token, name=TOKENS, role=("embedding", "other")),
        optional(_layer_scale, name=BRANCH_SCALES, role="other"),
        optional(patches, module=convolution, role="weight"),
        *theirs,
        optional(law, role=_KERNELS),
        *rest(embedding=Normal(std=std), token=token),
    )


_QUERIES = (
    *("*.q_proj.*", "*.query.*", "*.wq.*", "*.to_q.*", "*.q_proj_weight"),
    *("*.k_proj.*", "*.key.*", "*.wk.*", "*.to_k.*", "*.k_proj_weight"),
)


def deepnorm(n_encoder: int | None = None, n_decoder: int | None = None) -> tuple[Rule, ...]:
    """Glorot's law, times beta for values, outputs and feed-forward; see `DeepNorm`.

    The layers of each stack are counted off the names: blocks below "encoder" and "decoder", or
    one stack of any name. The residual connection is to be multiplied by alpha in the model.
    """

    def scaled(parameter: Parameter, model: Model) -> Start:
        counts = [n_encoder, n_decoder]
        if n_encoder is None and n_decoder is None:
            counts = [_layers_below(model, name) for name in ("encoder", "decoder")]
        encoder, decoder = counts[0] or 0, counts[1] or 0
        which = ""
        if encoder and decoder:
            which = "decoder_" if "decoder" in parameter.path else "encoder_"
        elif not (encoder or decoder):
            encoder = block_of(parameter, model, None)[1]
        roles = recipes.DeepNorm(encoder, decoder).roles()
        law = roles[f"{which}value_out_feed_forward"].weight
        note = f"alpha = {roles[f'{which}residual'].multiplier:.6g}"
        if "q" in parameter.parts:
            return Start(law, by_part={"q": GlorotNormal(), "k": GlorotNormal()}, note=note)
        return Start(law, note=note)

    def outside_or_scaled(parameter: Parameter, model: Model) -> Initializer | Start:
        return scaled(parameter, model) if _in_a_block(parameter, model) else GlorotNormal()

    kernel: Choice = outside_or_scaled
    return (
        optional(GlorotNormal(), name=_QUERIES, role="weight"),
        optional(kernel, role="weight"),
        optional(GlorotNormal(), role="recurrent"),
        optional(_inverse_root_of_width, role="embedding"),
        *rest(),
    )


def _inverse_root_of_width(parameter: Parameter, model: Model) -> Initializer:
    return Normal(std=1.0 / math.sqrt(parameter.shape[-1]))


def _layers_below(model: Model, name: str) -> int:
    return max((len(n) for prefix, n in model.stacks.items() if name in prefix), default=0)
