"""The activations of the kernels in 40 digits, after their definitions."""

import math
from collections.abc import Callable
from typing import Any

import mpmath as mp

Exact = Callable[[Any], Any]

_SELU = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")


def _normal(z: Any) -> Any:
    return mp.erfc(-z / mp.sqrt(2)) / 2


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + mp.exp(-z))


def _cut(z: Any, low: float, high: float) -> Any:
    return min(max(z, low), high)


EXACT: dict[str, Exact] = {
    "identity": lambda z: z,
    "relu": lambda z: max(z, 0),
    "leaky_relu": lambda z: z if z > 0 else z * mp.mpf(0.01),
    "prelu": lambda z: z if z > 0 else z / 4,
    "relu6": lambda z: _cut(z, 0, 6),
    "hardtanh": lambda z: _cut(z, -1, 1),
    "hardsigmoid": lambda z: _cut(z + 3, 0, 6) / mp.mpf(6),
    "hardswish": lambda z: z * _cut(z + 3, 0, 6) / 6,
    "softsign": lambda z: z / (1 + abs(z)),
    "elu": lambda z: z if z > 0 else mp.expm1(z),
    "celu": lambda z: z if z > 0 else mp.expm1(z),
    "selu": lambda z: _SELU[0] * (z if z > 0 else _SELU[1] * mp.expm1(z)),
    "lecun_tanh": lambda z: mp.mpf(1.7159) * mp.tanh(2 * z / 3),
    "log_sigmoid": lambda z: -mp.log1p(mp.exp(-z)),
    "softplus": lambda z: mp.log1p(mp.exp(z)),
    "squareplus": lambda z: (z + mp.sqrt(z * z + 4)) / 2,
    "silu": lambda z: z * _sigmoid(z),
    "quick_gelu": lambda z: z * _sigmoid(mp.mpf(1.702) * z),
    "mish": lambda z: z * mp.tanh(mp.log1p(mp.exp(z))),
    "gelu": lambda z: z * _normal(z),
    "gelu_tanh": lambda z: z * _sigmoid(2 * mp.sqrt(2 / mp.pi) * (z + mp.mpf(0.044715) * z**3)),
    "tanh": mp.tanh,
    "sigmoid": _sigmoid,
    "erf": mp.erf,
    "arctan": mp.atan,
    "sin": mp.sin,
}


def derivative(name: str, z: Any) -> Any:
    """By the central difference, in twice the digits."""
    with mp.workprec(2 * mp.mp.prec):
        h = mp.ldexp(1, -mp.mp.prec // 3)
        return (EXACT[name](z + h) - EXACT[name](z - h)) / (2 * h)


def _softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


WITH_PARAMETERS: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {
    "elu": (
        lambda z, alpha: z if z > 0 else alpha * math.expm1(z),
        lambda z, alpha: 1.0 if z > 0 else alpha * math.exp(z),
    ),
    "celu": (
        lambda z, alpha: z if z > 0 else alpha * math.expm1(z / alpha),
        lambda z, alpha: 1.0 if z > 0 else math.exp(z / alpha),
    ),
    "hardtanh": (_cut, lambda z, low, high: float(low < z < high)),
    "softplus": (
        lambda z, beta: _softplus(beta * z) / beta,
        lambda z, beta: math.exp(-_softplus(-beta * z)),
    ),
    "squareplus": (
        lambda z, b: (z + math.hypot(z, math.sqrt(b))) / 2,
        lambda z, b: (1 + z / math.hypot(z, math.sqrt(b))) / 2,
    ),
    "leaky_relu": (
        lambda z, slope: z if z > 0 else slope * z,
        lambda z, slope: 1.0 if z > 0 else slope,
    ),
    "softshrink": (lambda z, cut: z - _cut(z, -cut, cut), lambda z, cut: float(abs(z) > cut)),
}
"""phi and its derivative in double, of z and the parameters."""
