"""Sparse initialization: exactly so many zeros in each column."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore import kernels
from initcore.initializers._base import Block, require_finite
from initcore.initializers._layout import Fans, axes, canonical_strides
from initcore.initializers._random import Elementwise, Law
from initcore.keys import Key, require_key

_MOST_ROWS = 2**31 - 1


@dataclass(frozen=True, repr=False)
class Sparse(Elementwise):
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

    sparsity: float = 0.9
    std: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 <= require_finite("sparsity", self.sparsity) <= 1.0:
            raise ValueError(f"sparsity={self.sparsity!r} must be a part of 1: from 0 to 1")
        if require_finite("std", self.std) < 0:
            raise ValueError(f"std={self.std!r} must not be negative")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"{self.sparsity:g} of each column 0, the others N(0, {self.std:g}^2)"

    def law(self, tensor_fans: Fans) -> Law:
        """The kernels' name of the law of the elements that stay, and its parameters."""
        return "normal", (0.0, self.std)

    def _write(
        self,
        array: np.ndarray[Any, Any],
        whole_shape: tuple[int, ...],
        block: Block,
        layout: str,
        tensor_fans: Fans,
        key: Key | None,
    ) -> None:
        if len(whole_shape) < 2:
            raise ValueError(
                f"shape={whole_shape} must have an out axis and an in axis for Sparse, which "
                "counts zeros per column"
            )
        row_axes = axes(layout, len(whole_shape)).out
        rows = math.prod(whole_shape[axis] for axis in row_axes)
        if rows > _MOST_ROWS:
            raise ValueError(f"shape={whole_shape} must have fewer than 2**31 rows for Sparse")
        super()._write(array, whole_shape, block, layout, tensor_fans, key)
        tensor_key = require_key(key)
        column_strides = list(canonical_strides(whole_shape, layout))
        row_strides = [0] * len(whole_shape)
        step = 1
        for axis in reversed(row_axes):
            column_strides[axis], row_strides[axis] = 0, step
            step *= whole_shape[axis]
        # the kernel moves in rows along one axis: what the others say is worked off here
        outer = [place for place, axis in enumerate(block.kept) if axis in row_axes[:-1]]
        steps = block.strides(row_strides)
        for index in np.ndindex(*(array.shape[place] for place in outer)):
            taken: list[int | slice] = [slice(None)] * array.ndim
            for place, number in zip(outer, index, strict=True):
                taken[place] = number
            rest = [place for place in range(array.ndim) if place not in outer]
            moved = sum(steps[p] * n for p, n in zip(outer, index, strict=True))
            kernels._zero_columns(
                array[tuple(taken)],
                rows,
                math.ceil(self.sparsity * rows),
                tensor_key.seed,
                tensor_key.stream_id("permutation"),
                (block.first(row_strides) + moved, block.first(column_strides)),
                (
                    [steps[place] for place in rest],
                    [block.strides(column_strides)[place] for place in rest],
                ),
            )
