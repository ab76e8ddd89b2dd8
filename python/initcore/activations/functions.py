"""Activations as functions of NumPy arrays, for gains and theory.

The kernels compute most of them (`initcore.activations`); a gain can be had for all of these, and
for any function of your own. Each takes an array and gives an array of its shape.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Phi = Callable[[Array], Array]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def identity(z: Array) -> Array:
    """z."""
    return z


def relu(z: Array) -> Array:
    """max(z, 0)."""
    return np.maximum(z, 0.0)


def leaky_relu(z: Array, slope: float = 0.01) -> Array:
    """z for z > 0, slope z otherwise."""
    return np.where(z > 0, z, slope * z)


def prelu(z: Array, slope: float = 0.25) -> Array:
    """A leaky ReLU whose slope is trained; 0.25 is where it starts."""
    return leaky_relu(z, slope)


def absolute(z: Array) -> Array:
    """|z|."""
    return np.abs(z)


def relu6(z: Array) -> Array:
    """ReLU, cut at 6."""
    return np.clip(z, 0.0, 6.0)


def relu_squared(z: Array) -> Array:
    """max(z, 0)^2."""
    return np.square(relu(z))


def elu(z: Array, alpha: float = 1.0) -> Array:
    """z for z > 0, alpha (e^z - 1) otherwise."""
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0)))


SELU_ALPHA = 1.6732632423543772
SELU_LAMBDA = 1.0507009873554805


def selu(z: Array) -> Array:
    """lambda ELU(alpha), with the two numbers for which N(0, 1) keeps mean 0 and variance 1."""
    return SELU_LAMBDA * elu(z, SELU_ALPHA)


def gelu(z: Array) -> Array:
    """z Phi(z), with the normal distribution function itself."""
    return z * 0.5 * (1.0 + erf(z * math.sqrt(0.5)))


def gelu_tanh(z: Array) -> Array:
    """GELU, with the tanh that approximates Phi."""
    return 0.5 * z * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))


def quick_gelu(z: Array) -> Array:
    """z sigmoid(1.702 z)."""
    return z * sigmoid(1.702 * z)


def silu(z: Array) -> Array:
    """z sigmoid(z), also called swish."""
    return z * sigmoid(z)


def mish(z: Array) -> Array:
    """z tanh(softplus(z))."""
    return z * np.tanh(softplus(z))


def softplus(z: Array) -> Array:
    """log(1 + e^z)."""
    return np.logaddexp(0.0, z)


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z)."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def log_sigmoid(z: Array) -> Array:
    """log(sigmoid(z))."""
    return -np.logaddexp(0.0, -z)


def tanh(z: Array) -> Array:
    """tanh(z)."""
    return np.tanh(z)


def lecun_tanh(z: Array) -> Array:
    """1.7159 tanh(2 z / 3), which is close to 1 at 1."""
    return 1.7159 * np.tanh(2.0 / 3.0 * z)


def erf(z: Array) -> Array:
    """The error function."""
    return np.asarray(_erf(z))


def arctan(z: Array) -> Array:
    """arctan(z)."""
    return np.arctan(z)


def softsign(z: Array) -> Array:
    """z / (1 + |z|)."""
    return z / (1.0 + np.abs(z))


def hardtanh(z: Array) -> Array:
    """z, cut to [-1, 1]."""
    return np.clip(z, -1.0, 1.0)


def hardsigmoid(z: Array) -> Array:
    """z / 6 + 1/2, cut to [0, 1]."""
    return np.clip(z / 6.0 + 0.5, 0.0, 1.0)


def hardswish(z: Array) -> Array:
    """z hardsigmoid(z)."""
    return z * hardsigmoid(z)


def sin(z: Array) -> Array:
    """sin(z)."""
    return np.sin(z)


def cos(z: Array) -> Array:
    """cos(z)."""
    return np.cos(z)


def snake(z: Array) -> Array:
    """z + sin(z)^2."""
    return z + np.square(np.sin(z))


def gaussian(z: Array) -> Array:
    """exp(-z^2)."""
    return np.exp(-np.square(z))


def softshrink(z: Array) -> Array:
    """z drawn 0.5 towards 0."""
    return np.asarray(z - np.clip(z, -0.5, 0.5))


def tanhshrink(z: Array) -> Array:
    """z - tanh(z)."""
    return z - np.tanh(z)


def squareplus(z: Array) -> Array:
    """(z + sqrt(z^2 + 4)) / 2."""
    return 0.5 * (z + np.sqrt(z * z + 4.0))


BY_NAME: dict[str, Callable[..., Array]] = {
    function.__name__: function
    for function in (
        identity,
        relu,
        leaky_relu,
        prelu,
        absolute,
        relu6,
        relu_squared,
        elu,
        selu,
        gelu,
        gelu_tanh,
        quick_gelu,
        silu,
        mish,
        softplus,
        sigmoid,
        log_sigmoid,
        tanh,
        lecun_tanh,
        erf,
        arctan,
        softsign,
        hardtanh,
        hardsigmoid,
        hardswish,
        sin,
        cos,
        snake,
        gaussian,
        softshrink,
        tanhshrink,
        squareplus,
    )
}
ALIASES = {"linear": "identity", "abs": "absolute", "swish": "silu"}
