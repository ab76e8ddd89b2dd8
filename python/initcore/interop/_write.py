"""Writes the tensors of a plan: those that are drawn element by element all in one call."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from initcore import kernels
from initcore._arrays import writable
from initcore.initializers._base import store
from initcore.interop._plan import Entry


def write(todo: Iterable[tuple[Entry, Any]]) -> None:
    """Write tensors as `Entry.write` does each, in pieces shared out among the threads.

    What a plan says of a tensor is worked out once and kept, so that writing it again costs little
    more than the fill.

    Parameters
    ----------
    todo : iterable of (Entry, array)
        Arrays on the CPU as of `Initializer.fill`, of the parameters' shapes; they share no memory.
    """
    fills: list[tuple[Any, ...]] = []
    values = []
    alone = []
    rest = []
    for entry, array in todo:
        target, written = writable(array, entry.parameter.name)
        for piece in entry.pieces:
            part = target[piece.index] if piece.index else target
            if piece.drawn is not None:
                law, *how = piece.drawn
                fills.append((law, part, *how))
            elif piece.value is not None:
                values.append((part, piece.value))
            else:
                alone.append((piece, target))
        rest.append((entry, target, written))
    kernels._fill_many(fills)
    for part, value in values:
        store(part, np.float64(value))
    for piece, target in alone:
        piece.write(target)
    for entry, target, written in rest:
        if entry.parameter.zero_row is not None and not entry.is_kept:
            target[entry.parameter.zero_row] = 0
        if written is not None:
            written()
