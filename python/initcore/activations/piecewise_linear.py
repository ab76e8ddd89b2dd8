"""Activations made of straight lines."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from initcore import kernels
from initcore.activations.base import Array, FlatEnds, Means, Named, require_above_zero

__all__ = [
    "Absolute",
    "HardSigmoid",
    "HardTanh",
    "Identity",
    "LeakyRelu",
    "PRelu",
    "Relu",
    "Relu6",
    "Softshrink",
    "TwoSlopes",
]

_DENSITY_AT_0 = 0.3989422804014327  # of N(0, 1): 1 / sqrt(2 pi)


@dataclass(frozen=True)
class TwoSlopes(Named):
    """Slope 1 above 0 and another below: phi(c z) = c phi(z) for c > 0."""

    @property
    @abstractmethod
    def slope_below_0(self) -> float:
        """What phi multiplies a negative z by."""

    def constant_moments(self, q: float) -> Means:
        """The closed forms, at every q: products of constants."""
        slope = self.slope_below_0
        both = 0.5 * (1.0 + slope * slope)
        return (1.0 - slope) * _DENSITY_AT_0 * math.sqrt(q), both * q, 3.0 * both * q, both


@dataclass(frozen=True)
class Identity(TwoSlopes):
    """phi(z) = z: a linear layer.

    Source: linear algebra.
    """

    name: ClassVar[str] = "identity"
    aliases: ClassVar[tuple[str, ...]] = ("linear",)
    keras_functions: ClassVar[tuple[str, ...]] = ("linear",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return z

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.ones_like(z)

    @property
    def slope_below_0(self) -> float:
        """1: the line goes on."""
        return 1.0


@dataclass(frozen=True)
class Relu(TwoSlopes):
    """phi(z) = max(z, 0).

    Source: Nair and Hinton 2010, ICML.
    """

    name: ClassVar[str] = "relu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    torch_module: ClassVar[str] = "ReLU"
    torch_functions: ClassVar[tuple[str, ...]] = ("relu",)
    keras_layer: ClassVar[str] = "ReLU"
    keras_functions: ClassVar[tuple[str, ...]] = ("relu",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.maximum(z, 0.0)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.where(z > 0, 1.0, 0.0)

    @property
    def slope_below_0(self) -> float:
        """0: nothing passes."""
        return 0.0


@dataclass(frozen=True)
class LeakyRelu(TwoSlopes):
    """phi(z) = z for z > 0, slope * z otherwise.

    Parameters
    ----------
    slope : float, default 0.01
        Greater than 0, so that the sign of phi(z) is the sign of z.

    Source: Maas, Hannun and Ng 2013, ICML workshop.
    """

    slope: float = 0.01
    name: ClassVar[str] = "leaky_relu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    torch_module: ClassVar[str] = "LeakyReLU"
    torch_functions: ClassVar[tuple[str, ...]] = ("leaky_relu",)
    torch_parameters: ClassVar[tuple[str, ...]] = ("negative_slope",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_above_zero(
            "slope", self.slope, "for a slope of 0 use Relu(), for any other PRelu()"
        )

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.where(z > 0, z, self.slope * z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.where(z > 0, 1.0, self.slope)

    @property
    def slope_below_0(self) -> float:
        """The parameter."""
        return float(self.slope)


@dataclass(frozen=True)
class PRelu(TwoSlopes):
    """phi(z) = z for z > 0, slope * z otherwise, with any slope: the one that is trained.

    The slope of an object is fixed; `slope_gradient` says which way to move it.

    Parameters
    ----------
    slope : float, default 0.25
        Any number.

    Source: He et al. 2015, eq. 1.
    """

    slope: float = 0.25
    name: ClassVar[str] = "prelu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    torch_module: ClassVar[str] = "PReLU"
    torch_functions: ClassVar[tuple[str, ...]] = ("prelu",)

    @staticmethod
    def slope_gradient(dy: Array, z: Array) -> Array:
        """The gradient of the loss in the slope of each unit: the sum of dy min(z, 0).

        Parameters
        ----------
        dy, z : ndarray, (batch, n_out), float32 or float64
            Gradient in the output, and what `dense_forward` saved.

        Returns
        -------
        ndarray, (n_out,)
            For a slope that all units share, its sum.

        Notes
        -----
        Exactness: bit-exact across CPUs and threads (compute v1), summed like db.
        Source: He et al. 2015, eq. 2 to 4.

        Examples
        --------
        >>> import numpy as np
        >>> PRelu.slope_gradient(np.array([[1.0, 2.0]]), np.array([[-3.0, 4.0]])).tolist()
        [-3.0, 0.0]
        """
        part = np.minimum(z, 0) * dy
        _, _, found = kernels.dense_backward(part, None, None, None, need=("db",))
        return np.asarray(found)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.where(z > 0, z, self.slope * z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.where(z > 0, 1.0, self.slope)

    @property
    def slope_below_0(self) -> float:
        """The parameter."""
        return float(self.slope)


@dataclass(frozen=True)
class Absolute(TwoSlopes):
    """phi(z) = |z|.

    Source: the absolute value.
    """

    name: ClassVar[str] = "absolute"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    aliases: ClassVar[tuple[str, ...]] = ("abs",)
    torch_functions: ClassVar[tuple[str, ...]] = ("abs", "absolute")
    has_kernel: ClassVar[bool] = False

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.abs(z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.sign(z)

    @property
    def slope_below_0(self) -> float:
        """-1: the sign turns."""
        return -1.0


@dataclass(frozen=True)
class Relu6(Named):
    """phi(z) = z cut to [0, 6].

    Source: Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10.
    """

    name: ClassVar[str] = "relu6"
    kinks: ClassVar[tuple[float, ...]] = (0.0, 6.0)
    flat_ends: ClassVar[FlatEnds | None] = FlatEnds(-math.inf, 6.0, reached=True)
    torch_module: ClassVar[str] = "ReLU6"
    torch_functions: ClassVar[tuple[str, ...]] = ("relu6",)
    keras_functions: ClassVar[tuple[str, ...]] = ("relu6",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.clip(z, 0.0, 6.0)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.where((z > 0) & (z < 6), 1.0, 0.0)


@dataclass(frozen=True)
class HardTanh(Named):
    """phi(z) = z cut to [low, high].

    Parameters
    ----------
    low : float, default -1
        Where it is flat below.
    high : float, default 1
        Where it is flat above; greater than `low`.

    Source: Collobert 2004, Large scale machine learning, section 6.1.
    """

    low: float = -1.0
    high: float = 1.0
    name: ClassVar[str] = "hardtanh"
    torch_module: ClassVar[str] = "Hardtanh"
    torch_functions: ClassVar[tuple[str, ...]] = ("hardtanh",)
    torch_parameters: ClassVar[tuple[str, ...]] = ("min_val", "max_val")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise ValueError(f"low={self.low!r} must be less than high={self.high!r}")

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where the cuts begin."""
        return self.low, self.high

    @property
    def flat_ends(self) -> FlatEnds:  # type: ignore[override]
        """The cuts."""
        return FlatEnds(float(self.low), float(self.high), reached=True)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.clip(z, self.low, self.high)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.where((z > self.low) & (z < self.high), 1.0, 0.0)


@dataclass(frozen=True)
class HardSigmoid(Named):
    """phi(z) = z / 6 + 1 / 2 cut to [0, 1].

    Source: Howard et al. 2019, MobileNetV3, section 5.2.
    """

    name: ClassVar[str] = "hardsigmoid"
    kinks: ClassVar[tuple[float, ...]] = (-3.0, 3.0)
    flat_ends: ClassVar[FlatEnds | None] = FlatEnds(0.0, 1.0, reached=True)
    torch_module: ClassVar[str] = "Hardsigmoid"
    torch_functions: ClassVar[tuple[str, ...]] = ("hardsigmoid",)

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.clip(z / 6.0 + 0.5, 0.0, 1.0)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.where((z > -3) & (z < 3), 1.0 / 6.0, 0.0)


@dataclass(frozen=True)
class Softshrink(Named):
    """phi(z) = z drawn towards 0 by the threshold, and 0 within it.

    Parameters
    ----------
    threshold : float, default 0.5
        Greater than 0.

    Source: Donoho 1995, De-noising by soft-thresholding.
    """

    threshold: float = 0.5
    name: ClassVar[str] = "softshrink"
    torch_module: ClassVar[str] = "Softshrink"
    torch_functions: ClassVar[tuple[str, ...]] = ("softshrink",)
    torch_parameters: ClassVar[tuple[str, ...]] = ("lambd",)
    has_kernel: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_above_zero("threshold", self.threshold, "for 0 use Identity()")

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where it leaves 0."""
        return -self.threshold, self.threshold

    def __call__(self, z: Array) -> Array:
        """phi(z), in the type of z."""
        return np.asarray(z - np.clip(z, -self.threshold, self.threshold))

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return np.where(np.abs(z) > self.threshold, 1.0, 0.0)
