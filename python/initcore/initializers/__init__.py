"""Initializers: frozen objects that say from which law a tensor starts."""

from initcore.initializers._asymmetric import RandomizedAsymmetric
from initcore.initializers._base import Initializer
from initcore.initializers._constant import Constant, Identity, Ones, Zeros
from initcore.initializers._depth import (
    DropoutHeNormal,
    RandomWalk,
    SmallInit,
    StandardUniform,
    WangInit,
)
from initcore.initializers._heads import BiasPrior, ClassPrior
from initcore.initializers._icnr import Icnr
from initcore.initializers._layout import Fans, einsum_layout, fans
from initcore.initializers._orthogonal import (
    DeltaOrthogonal,
    Dirac,
    LooksLinear,
    Orthogonal,
    ScaledOrthogonal,
    ZerO,
)
from initcore.initializers._packed import Packed
from initcore.initializers._periodic import FourierFeatures, Siren
from initcore.initializers._random import Normal, TruncatedNormal, Uniform
from initcore.initializers._recurrent import Chrono, ForgetBias
from initcore.initializers._registry import from_dict, get, register
from initcore.initializers._sign import Sign
from initcore.initializers._sparse import Sparse
from initcore.initializers._spectral import SpectralNormal
from initcore.initializers._state_space import DiagonalStates, HippoLegS, StepBias
from initcore.initializers._variance import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
)

__all__ = [
    "BiasPrior",
    "Chrono",
    "ClassPrior",
    "Constant",
    "DeltaOrthogonal",
    "DiagonalStates",
    "Dirac",
    "DropoutHeNormal",
    "Fans",
    "ForgetBias",
    "FourierFeatures",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "HippoLegS",
    "Icnr",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "LooksLinear",
    "Normal",
    "Ones",
    "Orthogonal",
    "Packed",
    "RandomWalk",
    "RandomizedAsymmetric",
    "ScaledOrthogonal",
    "Sign",
    "Siren",
    "SmallInit",
    "Sparse",
    "SpectralNormal",
    "StandardUniform",
    "StepBias",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "WangInit",
    "XavierNormal",
    "XavierUniform",
    "ZerO",
    "Zeros",
    "einsum_layout",
    "fans",
    "from_dict",
    "get",
    "register",
]
