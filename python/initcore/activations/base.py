"""What an activation is: a frozen object that holds all facts of one function."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from initcore import _checks, _serial
from initcore.activations.moments import MOMENTS

Array = NDArray[Any]
Means = tuple[float, float, float, float]

erf: Callable[[Array], Array] = np.vectorize(math.erf, otypes=[np.float64])

# A tanh beyond 0.97 has a slope below 0.06; a sigmoid is as flat outside [0.03, 0.97].
_SATURATION = 0.97


class FlatEnds(NamedTuple):
    """The values of phi far below and far above 0, where it is flat."""

    low: float
    """-inf if no value counts as saturated below."""
    high: float
    """inf if no value counts as saturated above."""
    reached: bool = False
    """Whether phi takes the two values, as a function that is cut does."""

    def limits(self, dtype: np.dtype[Any]) -> tuple[float, float]:
        """Below the first and above the second limit, a value y of this dtype is saturated."""
        if self.reached:
            low, high = dtype.type(self.low), dtype.type(self.high)
            return float(np.nextafter(low, high)), float(np.nextafter(high, low))
        high = _SATURATION * self.high
        return _SATURATION * self.low if self.low else (1 - _SATURATION) * self.high, high


@runtime_checkable
class Activation(Protocol):
    """An activation: a function of arrays, with a name, numbers and what is known of it."""

    @property
    def name(self) -> str:
        """Its name, such as ``"leaky_relu"``."""
        ...

    @property
    def parameters(self) -> tuple[float, ...]:
        """Its numbers, in the order the kernels expect; empty for most."""
        ...

    @property
    def flat_ends(self) -> FlatEnds | None:
        """Where phi is saturated; None if it has no flat end."""
        ...

    def __call__(self, z: Array) -> Array:
        """phi(z), an array of the shape of z, by NumPy in float64."""
        ...

    def derivative(self, z: Array) -> Array:
        """phi'(z), likewise."""
        ...


@dataclass(frozen=True)
class Named:
    """An activation of initcore; the fields of a class are the numbers of the formula."""

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names that `get` takes."""
    has_kernel: ClassVar[bool] = True
    """Whether layers can compute it; the others are for gains and theory."""
    kinks: ClassVar[tuple[float, ...]] = ()
    """Where phi or one of its first two derivatives jumps."""
    flat_ends: ClassVar[FlatEnds | None] = None
    """Where phi is saturated."""
    torch_module: ClassVar[str] = ""
    """The class of torch.nn."""
    torch_functions: ClassVar[tuple[str, ...]] = ()
    """Functions and methods of PyTorch, without underscores at their ends."""
    torch_parameters: ClassVar[tuple[str, ...]] = ()
    """What PyTorch calls the parameters, in the order of the fields."""
    keras_layer: ClassVar[str] = ""
    """The layer of Keras."""
    keras_functions: ClassVar[tuple[str, ...]] = ()
    """Functions of keras.activations with the default parameters."""
    keras_parameters: ClassVar[tuple[str, ...]] = ()
    """What the layer of Keras calls the parameters, in the order of the fields."""

    @property
    def parameters(self) -> tuple[float, ...]:
        """The numbers of its formula, in the order of the fields."""
        names: tuple[str, ...] = self.__match_args__
        return tuple([float(getattr(self, name)) for name in names])

    def constant_moments(self, q: float) -> Means | None:
        """The moments whose bytes are the same everywhere: tabulated, for default parameters."""
        return MOMENTS.get(self.name) if q == 1.0 and self == type(self)() else None

    def closed_form(self, q: float) -> Means | None:
        """E phi, E phi^2, E phi^2 z^2 and E phi'^2 by formula, if there is one."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """The activation as a plain dict; `from_dict` reads it."""
        return _serial.to_dict(self)

    def __call__(self, z: Array) -> Array:
        """phi(z), an array of the shape of z, by NumPy in float64."""
        raise NotImplementedError

    def derivative(self, z: Array) -> Array:
        """phi'(z), likewise."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.real, *(field.name for field in fields(self)))


def require_above_zero(name: str, value: float, otherwise: str) -> None:
    """Refuse a parameter that is not positive; `otherwise` says what to use."""
    if value <= 0:
        raise ValueError(f"{name}={value!r} must be greater than 0; {otherwise}")
