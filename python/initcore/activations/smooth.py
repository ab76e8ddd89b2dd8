"""Activations of one formula on both sides of 0: sigmoids, waves, and what they leave of z."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from initcore.activations.base import Array, FlatEnds, Means, Named, erf

__all__ = [
    "Arctan",
    "Cos",
    "Erf",
    "Gaussian",
    "LecunTanh",
    "Sigmoid",
    "Sin",
    "Snake",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]

# Taylor coefficients of z - tanh(z), of z^3, z^5, ...: the difference cancels near 0
_TANHSHRINK = (1 / 3, -2 / 15, 17 / 315, -62 / 2835, 1382 / 155925, -21844 / 6081075)


@dataclass(frozen=True)
class Tanh(Named):
    """phi(z) = tanh(z).

    Source: LeCun et al. 1998, Efficient BackProp, section 4.4.
    """

    name: ClassVar[str] = "tanh"
    flat_ends: ClassVar[FlatEnds | None] = FlatEnds(-1.0, 1.0)
    torch_module: ClassVar[str] = "Tanh"
    torch_functions: ClassVar[tuple[str, ...]] = ("tanh",)
    keras_functions: ClassVar[tuple[str, ...]] = ("tanh",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.tanh(z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return 1.0 - np.square(np.tanh(z))


@dataclass(frozen=True)
class LecunTanh(Named):
    """phi(z) = 1.7159 tanh(2 z / 3), which is close to 1 at 1.

    Source: LeCun et al. 1998, Efficient BackProp, section 4.4.
    """

    name: ClassVar[str] = "lecun_tanh"
    flat_ends: ClassVar[FlatEnds | None] = FlatEnds(-1.7159, 1.7159)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return 1.7159 * np.tanh(2.0 / 3.0 * z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return 1.7159 * 2.0 / 3.0 * (1.0 - np.square(np.tanh(2.0 / 3.0 * z)))


@dataclass(frozen=True)
class Sigmoid(Named):
    """phi(z) = 1 / (1 + exp(-z)).

    Source: Rumelhart, Hinton and Williams 1986, Nature 323, eq. 2.
    """

    name: ClassVar[str] = "sigmoid"
    flat_ends: ClassVar[FlatEnds | None] = FlatEnds(0.0, 1.0)
    torch_module: ClassVar[str] = "Sigmoid"
    torch_functions: ClassVar[tuple[str, ...]] = ("sigmoid",)
    keras_functions: ClassVar[tuple[str, ...]] = ("sigmoid",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return 0.5 * (1.0 + np.tanh(0.5 * z))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        s = self(z)
        return s * (1.0 - s)


@dataclass(frozen=True)
class Erf(Named):
    """phi(z) = erf(z).

    Source: the error function.
    """

    name: ClassVar[str] = "erf"
    flat_ends: ClassVar[FlatEnds | None] = FlatEnds(-1.0, 1.0)
    torch_functions: ClassVar[tuple[str, ...]] = ("erf",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return erf(z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return 2.0 / math.sqrt(math.pi) * np.exp(-np.square(z))


@dataclass(frozen=True)
class Arctan(Named):
    """phi(z) = arctan(z).

    Source: the arc tangent.
    """

    name: ClassVar[str] = "arctan"
    flat_ends: ClassVar[FlatEnds | None] = FlatEnds(-math.pi / 2, math.pi / 2)
    torch_functions: ClassVar[tuple[str, ...]] = ("atan",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.arctan(z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return 1.0 / (1.0 + z * z)


@dataclass(frozen=True)
class Softsign(Named):
    """phi(z) = z / (1 + |z|).

    Source: Glorot and Bengio 2010, section 3.
    """

    name: ClassVar[str] = "softsign"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    flat_ends: ClassVar[FlatEnds | None] = FlatEnds(-1.0, 1.0)
    torch_module: ClassVar[str] = "Softsign"
    torch_functions: ClassVar[tuple[str, ...]] = ("softsign",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return z / (1.0 + np.abs(z))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return 1.0 / np.square(1.0 + np.abs(z))


@dataclass(frozen=True)
class Sin(Named):
    """phi(z) = sin(z), for |z| up to 2^20 in float32 and 2^30 in float64; NaN beyond.

    Source: Sitzmann et al. 2020, SIREN, section 3.
    """

    name: ClassVar[str] = "sin"
    torch_functions: ClassVar[tuple[str, ...]] = ("sin",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.sin(z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.cos(z)

    def closed_form(self, q: float) -> Means:
        """From E cos(a z) = exp(-a^2 / 2)."""
        less, z2 = -math.expm1(-2.0 * q), 4.0 * q * math.exp(-2.0 * q)
        return 0.0, 0.5 * less, 0.5 * (less + z2), 0.5 * (1.0 + math.exp(-2.0 * q))


@dataclass(frozen=True)
class Cos(Named):
    """phi(z) = cos(z).

    Source: Rahimi and Recht 2007, random Fourier features.
    """

    name: ClassVar[str] = "cos"
    torch_functions: ClassVar[tuple[str, ...]] = ("cos",)
    has_kernel: ClassVar[bool] = False

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.cos(z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return -np.sin(z)

    def closed_form(self, q: float) -> Means:
        """From E cos(a z) = exp(-a^2 / 2)."""
        two = math.exp(-2.0 * q)
        square_z2 = 0.5 * (1.0 + (1.0 - 4.0 * q) * two)
        return math.exp(-0.5 * q), 0.5 * (1.0 + two), square_z2, -0.5 * math.expm1(-2.0 * q)


@dataclass(frozen=True)
class Snake(Named):
    """phi(z) = z + sin(z)^2.

    Source: Ziyin, Hartwig and Ueda 2020, NeurIPS, with a = 1.
    """

    name: ClassVar[str] = "snake"
    has_kernel: ClassVar[bool] = False

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return z + np.square(np.sin(z))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return 1.0 + np.sin(2.0 * z)

    def closed_form(self, q: float) -> Means:
        """From E cos(a z) = exp(-a^2 / 2)."""
        two, eight = math.exp(-2.0 * q), math.exp(-8.0 * q)
        fourth = 0.375 - 0.5 * two + 0.125 * eight  # E sin^4
        z2 = 0.375 - 0.5 * (1.0 - 4.0 * q) * two + 0.125 * (1.0 - 16.0 * q) * eight
        mean = -0.5 * math.expm1(-2.0 * q)
        return mean, q + fourth, 3.0 * q + z2, 1.0 - 0.5 * math.expm1(-8.0 * q)


@dataclass(frozen=True)
class Gaussian(Named):
    """phi(z) = exp(-z^2).

    Source: Broomhead and Lowe 1988, radial basis functions.
    """

    name: ClassVar[str] = "gaussian"
    has_kernel: ClassVar[bool] = False

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.exp(-np.square(z))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return -2.0 * z * np.exp(-np.square(z))


@dataclass(frozen=True)
class Tanhshrink(Named):
    """phi(z) = z - tanh(z).

    Source: torch.nn.Tanhshrink.
    """

    name: ClassVar[str] = "tanhshrink"
    torch_module: ClassVar[str] = "Tanhshrink"
    torch_functions: ClassVar[tuple[str, ...]] = ("tanhshrink",)
    has_kernel: ClassVar[bool] = False

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        near = np.clip(z, -0.1, 0.1)
        square = near * near
        series = np.polynomial.polynomial.polyval(square, _TANHSHRINK) * near * square
        return np.where(np.abs(z) < 0.1, series, z - np.tanh(z))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.square(np.tanh(z))
