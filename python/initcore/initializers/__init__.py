"""Initializers: frozen objects that say from which law a tensor starts."""

from initcore.initializers._asymmetric import RandomizedAsymmetric
from initcore.initializers._base import Initializer
from initcore.initializers._block import Block
from initcore.initializers._constant import Constant, Filled, Identity, Ones, Zeros
from initcore.initializers._depth import (
    DropoutHeNormal,
    RandomWalk,
    SmallInit,
    StandardUniform,
    WangInit,
)
from initcore.initializers._heads import BiasPrior, ClassPrior
from initcore.initializers._icnr import Icnr
from initcore.initializers._law import Law, Spread, spread_of
from initcore.initializers._layout import Axes, axes, canonical_strides, einsum_layout
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
from initcore.initializers._random import Elementwise, Normal, TruncatedNormal, Uniform
from initcore.initializers._recurrent import Chrono, ForgetBias
from initcore.initializers._registry import from_dict, get, register
from initcore.initializers._sign import Sign
from initcore.initializers._sparse import Sparse
from initcore.initializers._spectral import SpectralNormal
from initcore.initializers._state_space import DiagonalStates, HippoLegS, StepBias
from initcore.initializers._truncation import result_std
from initcore.initializers._variance import (
    Distribution,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Mode,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
)
from initcore.initializers._weight import Fans, WeightShape, fans

__all__ = [
    "Axes",
    "BiasPrior",
    "Block",
    "Chrono",
    "ClassPrior",
    "Constant",
    "DeltaOrthogonal",
    "DiagonalStates",
    "Dirac",
    "Distribution",
    "DropoutHeNormal",
    "Elementwise",
    "Fans",
    "Filled",
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
    "Law",
    "LecunNormal",
    "LecunUniform",
    "LooksLinear",
    "Mode",
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
    "Spread",
    "StandardUniform",
    "StepBias",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "WangInit",
    "WeightShape",
    "XavierNormal",
    "XavierUniform",
    "ZerO",
    "Zeros",
    "axes",
    "canonical_strides",
    "einsum_layout",
    "fans",
    "from_dict",
    "get",
    "register",
    "result_std",
    "spread_of",
]
