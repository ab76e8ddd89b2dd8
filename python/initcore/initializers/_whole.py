"""Initializers that make a matrix or kernel as a whole, and then lay it out."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from initcore.initializers._base import Initializer, store
from initcore.initializers._block import Block
from initcore.initializers._weight import Fans, WeightShape
from initcore.keys import Key, require_key

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, repr=False)
class Whole(Initializer):
    """An initializer whose elements depend on the whole matrix.

    Copies (axes ``g`` of a layout) and groups are each a matrix of their own, that of
    ``key / number``. 16-bit types are the float32 matrix, rounded once.
    """

    _draws: ClassVar[bool] = True  # whether it needs a key

    @abstractmethod
    def _make(self, out: Array, tensor_fans: Fans, key: Key | None) -> None:
        """Write one matrix or kernel, (n_out, n_in, spatial...), of float32 or float64."""

    def write(self, out: Array, *, key: Key | None, block: Block, weight: WeightShape) -> None:
        """Write a block; see `Initializer.write`."""
        if weight.ndim < 2:
            raise ValueError(
                f"shape={weight.shape} must have an out axis and an in axis for "
                f"{type(self).__name__}"
            )
        which = weight.axes
        tensor_key = require_key(key) if self._draws else None
        if out.size == 0:
            return
        wide = out.dtype.itemsize > 2
        in_place = wide and out.flags.aligned
        one_each = len(which.out) == len(which.in_) == 1
        many = bool(which.copies) or weight.groups > 1
        if one_each and in_place and not many and block == weight.whole:
            self._make(out.transpose(which.order), weight.fans, tensor_key)
            return
        matrices = tuple(weight.length(axes) for axes in (which.copies, which.out, which.in_))
        spatial = tuple(weight.shape[axis] for axis in which.spatial)
        values = np.empty((*matrices, *spatial), out.dtype if wide else np.float32)
        grouped = int(weight.transposed)  # the axis of a matrix that groups share out
        parts = [part for copy in values for part in np.split(copy, weight.groups, grouped)]
        for number, part in enumerate(parts):
            own = tensor_key / number if many and tensor_key is not None else tensor_key
            self._make(part, weight.fans, own)
        laid_out = values.reshape(tuple(weight.shape[axis] for axis in which.order))
        part = laid_out.transpose(np.argsort(which.order))[block.index()]
        if wide:
            out[...] = part
        else:
            store(out, part)
