"""Activations: objects that hold all facts of one, gains, moments and quadrature.

The kernels compute most of them, forward and backward, to the same bytes on every machine
(docs/compute-v1.md); an object itself is a function of NumPy arrays, for gains and theory. What
`kernels.dense_forward` saves for backward is y = phi(z) where the derivative is a function of it,
and z for PRelu, HardSwish, Squareplus, Silu, QuickGelu, Mish, Gelu, GeluTanh, Erf, Arctan, Sin and
functions of your own.
"""

from initcore.activations import piecewise_linear, rectifiers, smooth
from initcore.activations.base import Activation, FlatEnds
from initcore.activations.piecewise_linear import *  # noqa: F403
from initcore.activations.rectifiers import *  # noqa: F403
from initcore.activations.registry import (
    for_layer,
    from_dict,
    get,
    names,
    names_for_layers,
    register,
)
from initcore.activations.smooth import *  # noqa: F403
from initcore.activations.user_defined import UserDefined

__all__ = [
    "Activation",
    "FlatEnds",
    "UserDefined",
    "for_layer",
    "from_dict",
    "get",
    "names",
    "names_for_layers",
    "register",
]
__all__ += piecewise_linear.__all__
__all__ += rectifiers.__all__
__all__ += smooth.__all__
