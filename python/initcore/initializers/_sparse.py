"""Sparse initialization: exactly so many zeros in each column."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from initcore import kernels
from initcore._checks import check_fields, fraction, not_negative
from initcore.initializers._base import Initializer
from initcore.initializers._block import Block
from initcore.initializers._random import Normal
from initcore.initializers._weight import WeightShape
from initcore.keys import Key, require_key

Array = np.ndarray[Any, Any]

_MOST_ROWS = 2**31 - 1


@dataclass(frozen=True, repr=False)
class Sparse(Initializer):
    """N(0, std^2) with exactly ``ceil(sparsity * n_out)`` zeros in each column.

    A column holds the weights of one input (of one input and place, for convolutions). Which of
    them are zero is uniform over all choices and independent of the values: those that stay are
    the elements of ``Normal(std=std)`` under the same key.

    Parameters
    ----------
    sparsity : float, default 0.9
        The part of each column that is zero, from 0 to 1.
    std : float, default 0.01
        Standard deviation of the others.

    Raises
    ------
    ValueError
        If the tensor has fewer than 2 axes, or 2^31 rows and more.

    Notes
    -----
    Use: wide layers whose units should see few inputs each, as in second-order training; not for
    narrow ones.
    Exactness: bit-exact, stream v1: each element is a function of the key, its index and the
    number of rows.
    Source: Martens, "Deep learning via Hessian-free optimization", 2010, which leaves a fixed
    number of weights per unit; the count of zeros per column is that of PyTorch's `sparse_`.
    Check: abs((draw(Sparse(0.75), 100, 30) == 0).sum(axis=0) - 75).max() == 0

    Examples
    --------
    >>> import initcore as ic
    >>> w = ic.Sparse(0.75)((100, 30), key=ic.Key(0) / "fc" / "weight")
    >>> set((w == 0).sum(axis=0).tolist())
    {75}
    """

    _by_element: ClassVar[bool] = True
    sparsity: float = 0.9
    std: float = 0.01

    def __post_init__(self) -> None:
        check_fields(self, fraction, "sparsity")
        check_fields(self, not_negative, "std")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.sparsity:g} of each column 0, the others N(0, {self.std:g}^2)"

    def write(self, out: Array, *, key: Key | None, block: Block, weight: WeightShape) -> None:
        """Write a block; see `Initializer.write`."""
        if weight.ndim < 2:
            raise ValueError(
                f"shape={weight.shape} must have an out axis and an in axis for Sparse, which "
                "counts zeros per column"
            )
        row_axes = weight.axes.out
        rows = weight.length(row_axes)
        if rows > _MOST_ROWS:
            raise ValueError(f"shape={weight.shape} must have fewer than 2**31 rows for Sparse")
        Normal(std=self.std).write(out, key=key, block=block, weight=weight)
        self._zero(out, require_key(key), block, weight)

    def _zero(self, out: Array, key: Key, block: Block, weight: WeightShape) -> None:
        """Set to zero what is zero of a block."""
        row_axes = weight.axes.out
        rows = weight.length(row_axes)
        column_strides = list(weight.strides)
        row_strides = [0] * weight.ndim
        step = 1
        for axis in reversed(row_axes):
            column_strides[axis], row_strides[axis] = 0, step
            step *= weight.shape[axis]
        # the kernel moves in rows along one axis: the others are stepped along here
        outer = [place for place, axis in enumerate(block.kept) if axis in row_axes[:-1]]
        steps = block.strides(row_strides)
        for index in np.ndindex(*(out.shape[place] for place in outer)):
            taken: list[int | slice] = [slice(None)] * out.ndim
            for place, number in zip(outer, index, strict=True):
                taken[place] = number
            rest = [place for place in range(out.ndim) if place not in outer]
            moved = sum(steps[p] * n for p, n in zip(outer, index, strict=True))
            kernels._zero_columns(
                out[tuple(taken)],
                rows,
                math.ceil(self.sparsity * rows),
                key.seed,
                key.stream_id("permutation"),
                (block.first(row_strides) + moved, block.first(column_strides)),
                (
                    [steps[place] for place in rest],
                    [block.strides(column_strides)[place] for place in rest],
                ),
            )
