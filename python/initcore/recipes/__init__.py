"""Recipes: schemes for a whole network, as initializers and factors of each role in it."""

from initcore.models.roles import Recipe, Role, register
from initcore.recipes.adapters import Lora, LowRank, olora, pissa
from initcore.recipes.frameworks import KerasDefault, TorchDefault
from initcore.recipes.krahenbuhl import krahenbuhl
from initcore.recipes.lsuv import lsuv
from initcore.recipes.mimetic import mimetic
from initcore.recipes.models import T5, Bert, EmbeddingTable, Mamba, Olmo2, SwitchMoe
from initcore.recipes.networks import Glorot, He, Lecun, SineNetwork, Xavier
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
from initcore.recipes.vision import Vit
from initcore.recipes.width import CompleteP, DepthMuP, MuP, NeuralTangent, Spectral

__all__ = [
    "T5",
    "Bert",
    "CompleteP",
    "DeepKernelShaping",
    "DeepNorm",
    "DepthMuP",
    "EmbeddingTable",
    "Fixup",
    "Glorot",
    "Gpt2",
    "He",
    "InverseSqrtDepth",
    "Irnn",
    "KerasDefault",
    "LayerScale",
    "Lecun",
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
    "SineNetwork",
    "SkipInit",
    "Spectral",
    "SubLn",
    "SwitchMoe",
    "TFixup",
    "TailoredRelu",
    "TorchDefault",
    "Vit",
    "Xavier",
    "ZeroGamma",
    "ZeroReadout",
    "act_norm",
    "krahenbuhl",
    "lsuv",
    "mimetic",
    "olora",
    "pissa",
    "register",
    "weight_norm",
]
