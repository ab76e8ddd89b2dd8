"""Initializers that make a matrix or kernel as a whole, and then lay it out."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from initcore.initializers._base import Block, Initializer, store, whole
from initcore.initializers._layout import Fans, axes
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

    def _write(
        self,
        array: Array,
        whole_shape: tuple[int, ...],
        block: Block,
        layout: str,
        tensor_fans: Fans,
        key: Key | None,
    ) -> None:
        if len(whole_shape) < 2:
            raise ValueError(
                f"shape={whole_shape} must have an out axis and an in axis for "
                f"{type(self).__name__}"
            )
        found = axes(layout, len(whole_shape))
        tensor_key = require_key(key) if self._draws else None
        if array.size == 0:
            return
        wide = array.dtype.itemsize > 2
        one_each = len(found.out) == len(found.in_) == 1
        many = bool(found.copies) or tensor_fans.groups > 1
        if one_each and wide and not many and block == whole(whole_shape):
            self._make(array.transpose(found.order), tensor_fans, tensor_key)
            return
        copies, n_out, n_in = (
            math.prod(whole_shape[axis] for axis in which)
            for which in (found.copies, found.out, found.in_)
        )
        spatial = tuple(whole_shape[axis] for axis in found.spatial)
        values = np.empty((copies, n_out, n_in, *spatial), array.dtype if wide else np.float32)
        grouped = int(tensor_fans.transposed)  # the axis of a matrix that groups share out
        parts = [part for copy in values for part in np.split(copy, tensor_fans.groups, grouped)]
        for number, part in enumerate(parts):
            own = tensor_key / number if many and tensor_key is not None else tensor_key
            self._make(part, tensor_fans, own)
        laid_out = values.reshape(tuple(whole_shape[axis] for axis in found.order))
        part = laid_out.transpose(np.argsort(found.order))[block.index()]
        if wide:
            array[...] = part
        else:
            store(array, part)
