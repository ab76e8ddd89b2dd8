"""Writes the tensors of a plan: those that are drawn element by element all in one call."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from initcore import kernels
from initcore._memory.arrays import writable
from initcore.keys import Key
from initcore.models.pieces import Piece
from initcore.models.plan import Entry, key_below

Array = np.ndarray[Any, Any]

GROUP_BYTES = 32 * 2**20


class Writer:
    """A plan and the arrays that it is for, to be written as often as one likes.

    What is the same for every key is worked out here, once: writing then costs little more than
    the fill, which is one call of pieces that are shared out among the threads.

    Parameters
    ----------
    todo : iterable of (Entry, array)
        NumPy arrays of the parameters' shapes, which may be written and share no memory.
    """

    def __init__(self, todo: Iterable[tuple[Entry, Array]]) -> None:
        self._fills: list[tuple[Any, ...]] = []  # as kernels._fill_many takes them
        self._drawn: list[tuple[Entry, Piece, str]] = []  # whose they are, and kinds of streams
        self._values: list[tuple[Array, Any]] = []
        self._alone: list[tuple[Entry, Piece, Array]] = []
        self._zeroed: list[Array] = []
        self._path: tuple[str, ...] | None = None  # of the key that the fills are for
        for entry, target in todo:
            for piece in entry.pieces:
                part = target[piece.index] if piece.index else target
                if piece.drawn is not None:
                    law, parameters, kind, strides = piece.drawn
                    key = piece.key(entry.key)
                    stream = key.stream_id(kind)
                    self._fills.append((law, part, parameters, key.seed, stream, 0, strides))
                    self._drawn.append((entry, piece, kind))
                    if self._path is None:
                        self._path = _above(entry)
                elif piece.value is not None:
                    self._values.append((part, _element(piece.value, part)))
                else:
                    self._alone.append((entry, piece, target))
            if entry.parameter.zero_row is not None and not entry.is_kept:
                self._zeroed.append(target[entry.parameter.zero_row])

    def write(self, key: Key | None = None) -> None:
        """Write all arrays.

        Parameters
        ----------
        key : Key, optional
            Of the model; without one the plan's. Another seed costs nothing, another path the
            names of the streams.
        """
        fills = self._fills
        keys: dict[tuple[str, ...], Key] | None = None
        if key is not None:
            keys = {(): key}
            streams: Iterable[int] = (fill[4] for fill in fills)
            if key.path != self._path:
                streams = [
                    piece.key(key_below(entry.parameter.path, keys)).stream_id(kind)
                    for entry, piece, kind in self._drawn
                ]
            fills = [
                (law, part, parameters, key.seed, stream, 0, strides)
                for (law, part, parameters, _, _, _, strides), stream in zip(
                    fills, streams, strict=True
                )
            ]
        if fills:
            kernels._fill_many(fills)
        for part, value in self._values:
            part.fill(value)
        for entry, piece, target in self._alone:
            own = entry.key if keys is None else key_below(entry.parameter.path, keys)
            piece.write(target, own)
        for row in self._zeroed:
            row.fill(0)


def _above(entry: Entry) -> tuple[str, ...]:
    """Path of the key of the model that holds this tensor."""
    whole = entry.key.path
    return whole[: len(whole) - len(entry.parameter.path)]


def _element(value: float, array: Array) -> Any:
    """A value as an array's elements have it; one of 16 bits is the float32 one, rounded once."""
    return np.float32(value) if array.dtype.itemsize == 2 else value


def write(todo: Iterable[tuple[Entry, Any]]) -> None:
    """Write tensors as `Entry.write` does each, in pieces shared out among the threads.

    Parameters
    ----------
    todo : iterable of (Entry, array)
        Arrays on the CPU as of `Initializer.fill`, of the parameters' shapes; they share no memory.
    """
    on_cpu, on_written = [], []
    for entry, array in todo:
        target, written = writable(array, entry.parameter.name)
        on_cpu.append((entry, target))
        if written is not None:
            on_written.append(written)
    Writer(on_cpu).write()
    for written in on_written:
        written()


def made(todo: Iterable[tuple[Entry, Any]]) -> Iterator[tuple[Entry, Array]]:
    """New arrays for entries of a plan, for frameworks that take arrays and not memory.

    They are written many in one call, yet few are there at a time: groups of neighbors of about
    `GROUP_BYTES`, or one larger tensor, each handed out before the next is made.

    Parameters
    ----------
    todo : iterable of (Entry, dtype)
        What NumPy knows the type by.
    """
    group: list[tuple[Entry, Array]] = []
    size = 0
    for entry, dtype in todo:
        item = np.dtype(dtype).itemsize * math.prod(entry.parameter.shape)
        if group and size + item > GROUP_BYTES:
            Writer(group).write()
            yield from group
            group, size = [], 0
        group.append((entry, np.empty(entry.parameter.shape, dtype)))
        size += item
    Writer(group).write()
    yield from group
