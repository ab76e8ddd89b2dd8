"""Activations of the user's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from initcore.activations.base import Array, FlatEnds
from initcore.activations.named import ALIASES, DEFAULTS


@dataclass(frozen=True)
class UserDefined:
    """An activation of your own: two functions of arrays, around the linear kernel.

    Parameters
    ----------
    name : str
        Any name that is not one of initcore's.
    phi : callable
        From z to phi(z), an array of the same shape; rounded to the type of z.
    dphi : callable
        From z to phi'(z), likewise.

    Notes
    -----
    Exactness: that of your functions.
    Source: yours.

    Examples
    --------
    >>> import numpy as np
    >>> from initcore import activations, kernels
    >>> square = activations.UserDefined("square", np.square, lambda z: 2 * z)
    >>> y, saved = kernels.dense_forward(np.ones((1, 2)), np.ones((1, 2)), activation=square)
    >>> y.tolist(), saved.tolist()
    ([[4.0]], [[2.0]])
    """

    name: str
    phi: Callable[[Array], Array]
    dphi: Callable[[Array], Array]
    parameters: ClassVar[tuple[float, ...]] = ()
    flat_ends: ClassVar[FlatEnds | None] = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name={self.name!r} must be a text that is not empty")
        if self.name in DEFAULTS or self.name in ALIASES:
            raise ValueError(
                f"name={self.name!r} is that of an activation of initcore; choose another"
            )
        for what in ("phi", "dphi"):
            if not callable(getattr(self, what)):
                raise TypeError(f"{what}={getattr(self, what)!r} must be a function of an array")

    def __call__(self, z: Array) -> Array:
        """phi(z)."""
        return self.phi(z)

    def derivative(self, z: Array) -> Array:
        """phi'(z)."""
        return self.dphi(z)
