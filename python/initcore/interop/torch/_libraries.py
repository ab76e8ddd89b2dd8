"""What the parameters are that libraries add in classes of their own.

Within a library a name has one meaning; in a class of somebody else's it has none, and the
parameter is "other". A row says the library, the class and the name as patterns, and the role:
"token" for learned vectors and positions, "set" for what the library itself computes or reads
from the model's configuration, which is kept.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn

from initcore.initializers import fans

Facts = dict[str, Any]


class _Row(NamedTuple):
    libraries: str
    names: str
    """Matched against "Class.parameter"."""
    role: str
    layout: str = ""
    """Of a kernel: which axis sums over the input."""


_VISION = r"transformers|timm|torchvision|diffusers"
_ROWS = (
    # tokens: Dosovitskiy et al. 2021, section 3.1; Touvron et al. 2021; Darcet et al. 2024
    _Row(
        _VISION,
        r".*\.(cls|class|mask|dist|distillation|reg|register|storage|query|bos|eos|sep|pad|prompt)"
        r"_?(token|tokens|embed|embedding|embeds|query|queries|feat)(_learned)?_?\d*",
        "token",
    ),
    _Row(
        _VISION, r".*\.(probe|latents?|latent_query|queries|query_embeds?|image_newline)", "token"
    ),
    _Row(
        _VISION,
        r".*\.(object_queries|masked_spec_embed|no_\w+|view_seperator|level_embed)",
        "token",
    ),
    _Row("transformers", r".*(Embeddings?|Model|Projector|Pooler|Resampler)\.query", "token"),
    # positions
    _Row(
        _VISION,
        r".*\.(absolute_|spatial_|temporal_|learned_)?(pos|position|positional)"
        r"_?(embed|embedding|embeddings|emb|encoding|bias)(s|_window|_table|_spatial|_temporal)?_?\d*",
        "token",
    ),
    _Row(_VISION, r".*\.\w*(positional_(encoding|embedding)|position_embeddings?)\w*", "token"),
    _Row(_VISION, r".*\.(row|column)_embeddings?", "token"),
    _Row("timm", r"TNT\.(patch|pixel)_pos|PosEmbedRel\.(height|width)_rel", "token"),
    # relative positions: Liu et al. 2021 (Swin), eq. 4; Li et al. 2022 (MViTv2); Dai et al. 2019
    _Row(_VISION, r".*\.(relative_position_bias_table|relative_attention_bias)", "token"),
    _Row(_VISION, r".*\.(rel_pos_[hwt]|attention_biases)", "set"),
    _Row("transformers", r".*\.(pos_)?bias_[uv]", "set"),
    # scales of residual branches, read from the configuration: Touvron et al. 2021, CaiT
    _Row(_VISION, r".*(LayerScale|Layer_scale)\w*\.\w+", "set"),
    _Row(_VISION, r".*\.(lambda_?[0-9]|layer_scale(_\w+)?|gamma(_?[0-9]|_xca)?|ffn_gamma)", "set"),
    _Row(_VISION, r".*(CXBlock|ConvNext\w*Layer|ConvNext\w*Block)\.(scale|gamma)", "set"),
    # global response normalization, which starts as the identity: Woo et al. 2023, ConvNeXt V2
    _Row(_VISION, r".*(GRN|GlobalResponseNorm)\w*\.(weight|bias|gamma|beta)", "set"),
    # temperatures: Radford et al. 2021, CLIP, section 2.5
    _Row(
        _VISION,
        r".*\.(logit_(scale|bias)(_\w)?|temperature|tau|per_dim_scale|scaling|global_scale)",
        "set",
    ),
    # state spaces: Gu and Dao 2023, Mamba, section 3.6
    _Row("transformers", r".*\.(A_logs?|dt_bias|D|A|conv_bias)", "set"),
    _Row("transformers", r".*(RwkvSelfAttention|RwkvFeedForward|Rwkv\w+)\.time_\w+", "set"),
    # attention sinks and mixing weights
    _Row("transformers", r".*\.(sinks|lambda_[qk][0-9]|alpha_[pn]|gate_bias|alphas?)", "set"),
    _Row(
        "transformers",
        r".*\.(e_score_correction_bias|expert_bias|\w*_residual|residual_\w+)",
        "set",
    ),
    _Row("transformers", r".*(HyperConnection|HyperHead)\.\w+", "set"),
    _Row("transformers", r".*\.\w*(attn|mlp)_gate", "set"),
    _Row("transformers", r"RecurrentGemmaRglru\.\w+", "set"),
    _Row("transformers", r"Zaya\w+\.(\w+_(scale|bias)|temp)", "set"),
    _Row("transformers", r".*\.(\w*_pos_emb|cls_emb|cls_register_token|detection_tokens)", "token"),
    _Row(
        "transformers", r".*\.(time_embeddings|view_separator|silence_embeds|bos_latent)", "token"
    ),
    _Row("transformers", r"SegGptEmbeddings\.(segment|type)_token_\w+", "token"),
    _Row("transformers", r".*\.(pooling_attention_query|occlusion_spatial_embedding_\w+)", "token"),
    _Row("transformers", r"TvpFramePadPrompter\.pad_\w+|TvpModel\.text_prompt", "token"),
    _Row(
        "transformers", r"XLNetModel\.mask_emb|SwiftFormerEfficientAdditiveAttention\.w_g", "token"
    ),
    _Row("transformers", r"VitsAttention\.emb_rel_[kv]", "token"),
    _Row("transformers", r".*SoftmaxScaling\.\w+|.*(AffineBlock|SnakeBeta)\.\w+", "set"),
    _Row("transformers", r".*ElementwiseAffine\.(log_scale|translate)", "set"),
    _Row("transformers", r".*\.\w*(logit_(scale|bias)|gru_rel_pos_const)", "set"),
    _Row("transformers", r".*\.(latent_(bias|scaling)_factor|(text|vision)_param)", "set"),
    _Row("transformers", r".*(L2Clip|ResidualGate)\.\w+|.*ContrastiveEmbedding\.bias", "set"),
    _Row("transformers", r"Gemma3nTextAltUp\.correct_output_scale", "set"),
    _Row("transformers", r"Idefics\w+\.alpha_\w+", "set"),
    # gates, gains and scales: d'Ascoli et al. 2021, ConViT; Brock et al. 2021, NFNet; Yu et al.
    # 2022, MetaFormer; state spaces of EfficientViM
    _Row("timm", r"GPSA\.gating_param|ScaledStdConv\w+\.gain|(Scale|StarReLU)\.\w+", "set"),
    _Row("timm", r"(EfficientViM\w*|HSMSSD)\.(weights|alpha|A|D)", "set"),
    _Row("timm", r"EfficientAdditiveAttention\.w_g", "token"),
    # normalizations with an activation of their own
    _Row("timm", r"\w*Norm\w*Act\w*\.weight", "scale"),
    _Row("timm", r"\w*Norm\w*Act\w*\.bias", "shift"),
    # kernels, biases and normalizations whose modules take more than one input
    _Row("transformers", r".*(Router|Gate)\.weight", "weight", "oi"),
    _Row("transformers", r".*Projector\.mm_input_projection_weight", "weight", "io"),
    _Row("transformers|timm", r"(\w*Attention)\.([qkv]|dense)_bias", "bias"),
    _Row("transformers", r"(SeparableConv1D|EntityPredictionHead)\.bias", "bias"),
    _Row("transformers", r"(PerceiverEmbeddingDecoder|JetMoeMo[AE])\.bias", "bias"),
    _Row("transformers", r"QuantEmbedding\.weight", "embedding"),
    _Row("transformers", r"(NoNorm|IntLayerNorm|xLSTMMultiHead\w*Norm)\.weight", "scale"),
    _Row("transformers", r"(NoNorm|IntLayerNorm|xLSTMMultiHead\w*Norm)\.bias", "shift"),
)


@lru_cache(maxsize=4096)
def _row(library: str, name: str) -> _Row | None:
    for row in _ROWS:
        if re.fullmatch(row.libraries, library) and re.fullmatch(row.names, name):
            return row
    return None


def library_facts(module: nn.Module, name: str, tensor: torch.Tensor) -> Facts | None:
    """What a parameter of a class of a known library is; None where that is not known."""
    cls = type(module)
    library = cls.__module__.split(".")[0]
    if library == "transformers" and cls.__name__.endswith("Experts"):
        facts = _experts(module, name, tensor)
        if facts is not None:
            return facts
    row = _row(library, f"{cls.__name__}.{name}")
    if row is None:
        return None
    if row.layout:
        known = fans(tuple(tensor.shape), row.layout)
        layout = {"layout": row.layout}
        return {"role": row.role, "fan_in": known.fan_in, "fan_out": known.fan_out, **layout}
    if row.role == "embedding":
        return {"role": row.role, "fan_in": 1, "fan_out": tensor.shape[1]}
    return {"role": row.role}


_INTO = ("gate_up_proj", "gate_proj", "up_proj", "w1", "w3")
_OUT_OF = ("down_proj", "w2")


def _experts(module: Any, name: str, tensor: torch.Tensor) -> Facts | None:
    """A stack of the experts' kernels or biases, of which each sums over its own inputs."""
    stem = name.removesuffix("_bias")
    if stem not in (*_INTO, *_OUT_OF):
        return None
    kernel = module._parameters.get(stem)
    if kernel is None or kernel.ndim != 3:
        return None
    width = next((w for w in map(module.__dict__.get, ("hidden_dim", "hidden_size")) if w), None)
    other, last = kernel.shape[1:]
    if width not in (other, last):
        return None
    transposed = bool(getattr(module, "is_transposed", False))
    if other != last:  # one axis alone is as wide as the model
        transposed = (other == width) == (stem in _INTO)
    fan_in, fan_out = (other, last) if transposed else (last, other)
    facts: Facts = {"fan_in": fan_in, "fan_out": fan_out}
    if name != stem:
        return {"role": "bias", **facts}
    if stem == "gate_up_proj":  # two kernels side by side, each with fans of its own
        facts["fan_out"] = fan_out // 2
    return {"role": "weight", "layout": "gio" if transposed else "goi", **facts}
