"""Initializers that draw nothing: they need no key."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from initcore._checks import check_fields, real
from initcore.initializers._base import Initializer, refuse_own_write, rounded, store
from initcore.initializers._block import Block
from initcore.initializers._law import Spread
from initcore.initializers._weight import WeightShape
from initcore.keys import Key


@dataclass(frozen=True, repr=False)
class Filled(Initializer):
    """Every element the same value."""

    _by_element: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_own_write(cls, Filled)

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"every element {self.element():g}"

    @abstractmethod
    def element(self) -> float:
        """The value."""

    @final
    def write(
        self, out: np.ndarray[Any, Any], *, key: Key | None, block: Block, weight: WeightShape
    ) -> None:
        """Write a block; see `Initializer.write`."""
        store(out, np.float64(self.element()), "value")

    def spread(self, weight: WeightShape) -> Spread:
        """The value, and 0."""
        return Spread(self.element(), 0.0)


@dataclass(frozen=True, repr=False)
class Constant(Filled):
    """Every element the same value.

    In a hidden layer's weights it keeps all units of the layer identical for ever; it is meant
    for biases and scales.

    Parameters
    ----------
    value : float, default 0.0
        Rounded once to the type of the array.

    Notes
    -----
    Use: biases and scales; not for a hidden layer's weights, whose units it keeps identical.
    Exactness: bit-exact.
    Source: a constant.
    Check: np.linalg.matrix_rank(draw(Constant(0.05), 32, 64)) == 1

    Examples
    --------
    >>> import initcore as ic
    >>> ic.Constant(0.5)(3)
    array([0.5, 0.5, 0.5], dtype=float32)
    """

    value: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self, real, "value")

    def element(self) -> float:
        """The value."""
        return self.value


@dataclass(frozen=True, repr=False)
class Zeros(Filled):
    """Every element 0: the usual start of a bias.

    Notes
    -----
    Use: biases, and the last layer of a branch or of a classifier; not for two layers in a row, of
    which neither would move.
    Exactness: bit-exact.
    Source: a constant.
    Check: abs(draw(Zeros(), 3, 4)).max() == 0

    Examples
    --------
    >>> import initcore as ic
    >>> ic.Zeros()(2)
    array([0., 0.], dtype=float32)
    """

    def element(self) -> float:
        """The value."""
        return 0.0


@dataclass(frozen=True, repr=False)
class Ones(Filled):
    """Every element 1: the usual start of a scale.

    Notes
    -----
    Use: scales of normalization and multipliers; not for weights.
    Exactness: bit-exact.
    Source: a constant.
    Check: draw(Ones(), 7).sum() == 7

    Examples
    --------
    >>> import initcore as ic
    >>> ic.Ones()(2)
    array([1., 1.], dtype=float32)
    """

    def element(self) -> float:
        """The value."""
        return 1.0


@dataclass(frozen=True, repr=False)
class Identity(Initializer):
    """`gain` where out index and in index are equal, 0 elsewhere, for 2-D weights.

    A weight that is not square passes on as many coordinates as it can. In a deep linear network
    of L such layers the output is exactly gain^L times the input while the type holds it: the
    notes' 0.5^L and 1.5^L.

    Parameters
    ----------
    gain : float, default 1.0
        Value on the diagonal.

    Notes
    -----
    Use: recurrent ReLU weights, layers of a residual kind, and demonstrations; not for a plain
    layer, whose units it leaves with one input each.
    Exactness: bit-exact.
    Source: for recurrent layers, Le, Jaitly, Hinton, "A simple way to initialize recurrent
    networks of rectified linear units", arXiv:1504.00941, 2015.
    Check: np.linalg.matrix_power(draw(Identity(1.5), 4, 4), 9)[0, 0] == 38.443359375

    Examples
    --------
    >>> import initcore as ic
    >>> ic.Identity(gain=1.5)((2, 3))
    array([[1.5, 0. , 0. ],
           [0. , 1.5, 0. ]], dtype=float32)
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, real, "gain")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.gain:g} on the diagonal, 0 elsewhere"

    def write(
        self, out: np.ndarray[Any, Any], *, key: Key | None, block: Block, weight: WeightShape
    ) -> None:
        """Write a block; see `Initializer.write`."""
        which = weight.axes if weight.ndim > 1 else None
        if which is None or not len(which.out) == len(which.in_) == 1 or which.spatial:
            raise ValueError(
                f"shape={weight.shape} must have 2 axes for Identity, which is the start of a "
                "dense layer, and one more for each letter g of the layout; for convolutions "
                "there is Dirac"
            )
        gain = rounded(np.float64(self.gain), out.dtype, "gain")
        lengths = dict(zip(block.kept, block.shape, strict=True))
        rows, columns = (
            block.starts[axis] + block.steps[axis] * np.arange(lengths.get(axis, 1))
            for axis in (*which.out, *which.in_)
        )
        _, row, column = np.intersect1d(rows, columns, assume_unique=True, return_indices=True)
        # an axis that the block does not keep has no index; it holds the one place left, or none
        places = {which.out[0]: row, which.in_[0]: column}
        out[...] = 0.0
        if row.size:
            out[tuple(places.get(axis, slice(None)) for axis in block.kept)] = gain
