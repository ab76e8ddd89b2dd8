"""Cache-line-aligned arrays, alone or together."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_LINE = 64
"""Bytes of a line of the cache, where each array begins: no vector of a kernel crosses one."""
_PIECE = 1 << 18
"""Bytes that are asked for at once, if no array is larger."""


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array whose values are not set, that begins with a line of the cache.

    >>> aligned((3, 5), np.dtype(np.float64)).ctypes.data % 64
    0
    """
    memory = np.empty(math.prod(shape) * dtype.itemsize + _LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.ctypes.data % _LINE)


def zeros_like_all(arrays: Sequence[Array]) -> list[Array]:
    """Contiguous zeros of the shapes and types of `arrays`.

    A network of fifty layers has a hundred parameters; to ask the system for each alone takes
    longer than a step of training.

    >>> [a.shape for a in zeros_like_all([np.ones((2, 3)), np.ones(3)])]
    [(2, 3), (3,)]
    """
    places, end = [], 0
    for array in arrays:
        places.append(end)
        end += -(-array.nbytes // _LINE) * _LINE
    memory = np.zeros(end + _LINE, np.uint8)
    first = -memory.ctypes.data % _LINE
    return [
        np.ndarray(array.shape, array.dtype, memory, first + at)
        for at, array in zip(places, arrays, strict=True)
    ]


class AlignedPool:
    """Hands out uninitialized, cache-line-aligned arrays of one type.

    >>> pool = AlignedPool(np.dtype(np.float32))
    >>> [(a.shape, a.ctypes.data % 64) for a in (pool(3), pool((2, 5)))]
    [((3,), 0), ((2, 5), 0)]
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._memory = np.empty(0, np.uint8)
        self._at = 0

    def __call__(self, shape: int | tuple[int, ...]) -> Array:
        """An array of this shape, in C order."""
        size = shape if isinstance(shape, int) else math.prod(shape)
        used = -(-size * self._dtype.itemsize // _LINE) * _LINE
        if self._at + used > len(self._memory):
            self._memory = np.empty(max(used, _PIECE) + _LINE, np.uint8)
            self._at = -self._memory.ctypes.data % _LINE
        array: Array = np.ndarray(shape, self._dtype, self._memory, self._at)
        self._at += used
        return array
