"""Recipes: schemes that concern a whole network, as starts and factors for each role in it."""

from initcore.recipes._base import Recipe, Role
from initcore.recipes.adapters import Lora, LowRank, olora, pissa
from initcore.recipes.krahenbuhl import krahenbuhl
from initcore.recipes.lsuv import lsuv
from initcore.recipes.mimetic import mimetic
from initcore.recipes.models import T5, Bert, Embedding, Mamba, Olmo2, SwitchMoe
from initcore.recipes.plain import SelfNormalizing, TailoredRelu, ZeroReadout
from initcore.recipes.recurrent import Irnn, Lstm
from initcore.recipes.residual import (
    Fixup,
    InverseSqrtDepth,
    LayerScale,
    NormFree,
    SkipInit,
    ZeroGamma,
)
from initcore.recipes.shaping import DeepKernelShaping
from initcore.recipes.transformer import DeepNorm, Gpt2, Llama, Mitchell, SubLn, TFixup
from initcore.recipes.unit_norm import act_norm, weight_norm
from initcore.recipes.width import CompleteP, DepthMuP, MuP, NeuralTangent, Spectral

__all__ = [
    "T5",
    "Bert",
    "CompleteP",
    "DeepKernelShaping",
    "DeepNorm",
    "DepthMuP",
    "Embedding",
    "Fixup",
    "Gpt2",
    "InverseSqrtDepth",
    "Irnn",
    "LayerScale",
    "Llama",
    "Lora",
    "LowRank",
    "Lstm",
    "Mamba",
    "Mitchell",
    "MuP",
    "NeuralTangent",
    "NormFree",
    "Olmo2",
    "Recipe",
    "Role",
    "SelfNormalizing",
    "SkipInit",
    "Spectral",
    "SubLn",
    "SwitchMoe",
    "TFixup",
    "TailoredRelu",
    "ZeroGamma",
    "ZeroReadout",
    "act_norm",
    "krahenbuhl",
    "lsuv",
    "mimetic",
    "olora",
    "pissa",
    "weight_norm",
]
