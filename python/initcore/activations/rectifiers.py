"""Activations that are nearly linear far above 0 and small, or nearly so, below it."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from initcore.activations.base import Array, Named, erf, require_above_zero

__all__ = [
    "Celu",
    "Elu",
    "Gelu",
    "GeluTanh",
    "HardSwish",
    "LogSigmoid",
    "Mish",
    "QuickGelu",
    "ReluSquared",
    "Selu",
    "Silu",
    "Softplus",
    "Squareplus",
]

_SELU_ALPHA = 1.6732632423543772  # Klambauer et al. 2017, equation 14
_SELU_LAMBDA = 1.0507009873554805


def _logistic(z: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * z))


@dataclass(frozen=True)
class ReluSquared(Named):
    """phi(z) = max(z, 0)^2.

    Source: So et al. 2021, Primer, section 3.
    """

    name: ClassVar[str] = "relu_squared"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    has_kernel: ClassVar[bool] = False

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.square(np.maximum(z, 0.0))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return 2.0 * np.maximum(z, 0.0)


@dataclass(frozen=True)
class Elu(Named):
    """phi(z) = z for z > 0, alpha (e^z - 1) otherwise.

    Parameters
    ----------
    alpha : float, default 1.0
        Greater than 0.

    Source: Clevert, Unterthiner and Hochreiter 2016, eq. 15.
    """

    alpha: float = 1.0
    name: ClassVar[str] = "elu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    torch_module: ClassVar[str] = "ELU"
    torch_functions: ClassVar[tuple[str, ...]] = ("elu",)
    torch_parameters: ClassVar[tuple[str, ...]] = ("alpha",)
    keras_layer: ClassVar[str] = "ELU"
    keras_functions: ClassVar[tuple[str, ...]] = ("elu",)
    keras_parameters: ClassVar[tuple[str, ...]] = ("alpha",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_above_zero("alpha", self.alpha, "for 0 use Relu()")

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.where(z > 0, z, self.alpha * np.expm1(np.minimum(z, 0.0)))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.where(z > 0, 1.0, self.alpha * np.exp(np.minimum(z, 0.0)))


@dataclass(frozen=True)
class Selu(Named):
    """phi(z) = lambda z for z > 0, lambda alpha (e^z - 1) otherwise: keeps mean 0 and variance 1.

    Source: Klambauer et al. 2017, eq. 2 and 14.
    """

    name: ClassVar[str] = "selu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    torch_module: ClassVar[str] = "SELU"
    torch_functions: ClassVar[tuple[str, ...]] = ("selu",)
    keras_functions: ClassVar[tuple[str, ...]] = ("selu",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        below = _SELU_ALPHA * np.expm1(np.minimum(z, 0.0))
        return _SELU_LAMBDA * np.where(z > 0, z, below)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        below = _SELU_ALPHA * np.exp(np.minimum(z, 0.0))
        return _SELU_LAMBDA * np.where(z > 0, 1.0, below)


@dataclass(frozen=True)
class Celu(Named):
    """phi(z) = z for z > 0, alpha (e^(z / alpha) - 1) otherwise: an ELU without a kink.

    Parameters
    ----------
    alpha : float, default 1.0
        Greater than 0.

    Source: Barron 2017, Continuously differentiable exponential linear units.
    """

    alpha: float = 1.0
    name: ClassVar[str] = "celu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    torch_module: ClassVar[str] = "CELU"
    torch_functions: ClassVar[tuple[str, ...]] = ("celu",)
    torch_parameters: ClassVar[tuple[str, ...]] = ("alpha",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_above_zero("alpha", self.alpha, "for 0 use Relu()")

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.where(z > 0, z, self.alpha * np.expm1(np.minimum(z, 0.0) / self.alpha))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.exp(np.minimum(z, 0.0) / self.alpha)


@dataclass(frozen=True)
class Softplus(Named):
    """phi(z) = log(1 + e^(beta z)) / beta.

    Parameters
    ----------
    beta : float, default 1.0
        Greater than 0.

    Source: Dugas et al. 2001, NeurIPS.
    """

    beta: float = 1.0
    name: ClassVar[str] = "softplus"
    torch_module: ClassVar[str] = "Softplus"
    torch_functions: ClassVar[tuple[str, ...]] = ("softplus",)
    torch_parameters: ClassVar[tuple[str, ...]] = ("beta",)
    keras_functions: ClassVar[tuple[str, ...]] = ("softplus",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_above_zero("beta", self.beta, "the formula divides by it")

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.logaddexp(0.0, self.beta * z) / self.beta

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return _logistic(self.beta * z)


@dataclass(frozen=True)
class Squareplus(Named):
    """phi(z) = (z + sqrt(z^2 + b)) / 2.

    Parameters
    ----------
    b : float, default 4.0
        Greater than 0.

    Source: Barron 2021, Squareplus, eq. 1.
    """

    b: float = 4.0
    name: ClassVar[str] = "squareplus"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_above_zero("b", self.b, "for 0 use Relu()")

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return 0.5 * (z + np.sqrt(z * z + self.b))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return 0.5 * (1.0 + z / np.sqrt(z * z + self.b))


@dataclass(frozen=True)
class LogSigmoid(Named):
    """phi(z) = log(1 / (1 + e^-z)).

    Source: the logarithm of the sigmoid.
    """

    name: ClassVar[str] = "log_sigmoid"
    torch_module: ClassVar[str] = "LogSigmoid"
    torch_functions: ClassVar[tuple[str, ...]] = ("logsigmoid", "log_sigmoid")

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return -np.logaddexp(0.0, -z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return _logistic(-z)


@dataclass(frozen=True)
class Silu(Named):
    """phi(z) = z / (1 + e^-z), also called swish.

    Source: Hendrycks and Gimpel 2016; Elfwing et al. 2017; Ramachandran et al. 2017.
    """

    name: ClassVar[str] = "silu"
    aliases: ClassVar[tuple[str, ...]] = ("swish",)
    torch_module: ClassVar[str] = "SiLU"
    torch_functions: ClassVar[tuple[str, ...]] = ("silu",)
    keras_functions: ClassVar[tuple[str, ...]] = ("silu",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return z * _logistic(z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        s = _logistic(z)
        return s + z * s * (1.0 - s)


@dataclass(frozen=True)
class QuickGelu(Named):
    """phi(z) = z / (1 + e^(-1.702 z)).

    Source: Hendrycks and Gimpel 2016, section 2.
    """

    name: ClassVar[str] = "quick_gelu"

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return z * _logistic(1.702 * z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        s = _logistic(1.702 * z)
        return s + 1.702 * z * s * (1.0 - s)


@dataclass(frozen=True)
class Mish(Named):
    """phi(z) = z tanh(log(1 + e^z)).

    Source: Misra 2019, eq. 1.
    """

    name: ClassVar[str] = "mish"
    torch_module: ClassVar[str] = "Mish"
    torch_functions: ClassVar[tuple[str, ...]] = ("mish",)
    keras_functions: ClassVar[tuple[str, ...]] = ("mish",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return z * np.tanh(np.logaddexp(0.0, z))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        t = np.tanh(np.logaddexp(0.0, z))
        return t + z * (1.0 - t * t) * _logistic(z)


@dataclass(frozen=True)
class Gelu(Named):
    """phi(z) = z Phi(z), with the normal distribution function itself.

    Source: Hendrycks and Gimpel 2016, section 2.
    """

    name: ClassVar[str] = "gelu"
    torch_module: ClassVar[str] = "GELU"
    torch_functions: ClassVar[tuple[str, ...]] = ("gelu",)
    keras_functions: ClassVar[tuple[str, ...]] = ("gelu",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return z * 0.5 * (1.0 + erf(z * math.sqrt(0.5)))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        below = 0.5 * (1.0 + erf(z * math.sqrt(0.5)))
        return below + z * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


@dataclass(frozen=True)
class GeluTanh(Named):
    """phi(z) = z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2.

    Source: Hendrycks and Gimpel 2016, section 2.
    """

    name: ClassVar[str] = "gelu_tanh"

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return 0.5 * z * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        t = np.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3))
        inner = math.sqrt(2.0 / math.pi) * (1.0 + 3.0 * 0.044715 * z * z)
        return 0.5 * (1.0 + t + z * (1.0 - t * t) * inner)


@dataclass(frozen=True)
class HardSwish(Named):
    """phi(z) = z times the hard sigmoid of z.

    Source: Howard et al. 2019, MobileNetV3, section 5.2.
    """

    name: ClassVar[str] = "hardswish"
    kinks: ClassVar[tuple[float, ...]] = (-3.0, 3.0)
    torch_module: ClassVar[str] = "Hardswish"
    torch_functions: ClassVar[tuple[str, ...]] = ("hardswish",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return z * np.clip(z / 6.0 + 0.5, 0.0, 1.0)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.where((z > -3) & (z < 3), z / 3.0 + 0.5, np.where(z > 0, 1.0, 0.0))
