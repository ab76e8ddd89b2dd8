"""Blocks: the parts of a tensor that basic indexing takes, without the tensor."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import SupportsIndex

Index = int | slice | EllipsisType | tuple[int | slice | EllipsisType, ...]


_TOO_FAR = 2**63


@dataclass(frozen=True)
class Block:
    """A part of a whole tensor: where its first element is, and how far each axis steps.

    `shape` is the part's shape; `starts` and `steps` are per axis of the whole tensor, whose
    axes with an int index are not among `kept`.
    """

    shape: tuple[int, ...]
    starts: tuple[int, ...]
    steps: tuple[int, ...]
    kept: tuple[int, ...]

    def first(self, strides: Sequence[int]) -> int:
        """Canonical index of the part's first element."""
        return sum(map(operator.mul, self.starts, strides))

    def strides(self, strides: Sequence[int]) -> tuple[int, ...]:
        """Canonical strides of the part's axes, each below 2**63 in size.

        Raises
        ------
        ValueError
            If a step of the part passes 2**63 elements of the whole.
        """
        result = [strides[axis] * self.steps[axis] for axis in self.kept]
        for place, length in enumerate(self.shape):
            if abs(result[place]) >= _TOO_FAR:
                if length > 1:
                    raise ValueError(
                        f"index takes elements that are {result[place]} apart, which must be less "
                        "than 2**63; make this block in parts, one index of that axis at a time"
                    )
                result[place] = 0  # a step that is never made
        return tuple(result)

    def index(self) -> tuple[int | slice, ...]:
        """The basic index that takes this part of the whole tensor."""
        taken: list[int | slice] = list(self.starts)
        for axis, length in zip(self.kept, self.shape, strict=True):
            start, step = self.starts[axis], self.steps[axis]
            stop = start + step * length
            taken[axis] = slice(start, stop if stop >= 0 else None, step)
        return tuple(taken)


def block_of(shape: tuple[int, ...], index: Index) -> Block:
    """The block that basic indexing ``tensor[index]`` takes of a tensor of this shape."""
    items = list(index) if isinstance(index, tuple) else [index]
    dots = [position for position, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise IndexError(f"index={index!r} has more than one ellipsis")
    if dots:
        missing = len(shape) - len(items) + 1
        items[dots[0] : dots[0] + 1] = [slice(None)] * missing
    items += [slice(None)] * (len(shape) - len(items))
    if len(items) != len(shape):
        raise IndexError(f"index={index!r} has more axes than the shape {shape}")
    part: list[int] = []
    starts: list[int] = []
    steps: list[int] = []
    kept: list[int] = []
    for axis, (item, length) in enumerate(zip(items, shape, strict=True)):
        if isinstance(item, slice):
            start, stop, step = item.indices(length)
            elements = max(0, -((start - stop) // step))  # len() of a range ends at 2**63
            part.append(elements)
            starts.append(start)
            steps.append(step if elements > 1 else 1)
            kept.append(axis)
        elif isinstance(item, SupportsIndex) and not isinstance(item, bool):
            position = operator.index(item)
            if not -length <= position < length:
                raise IndexError(
                    f"index={index!r} is out of range: axis {axis} of shape {shape} has "
                    f"{length} elements"
                )
            starts.append(position % length)
            steps.append(1)
        else:
            raise TypeError(
                f"index={index!r} must be made of ints, slices and an ellipsis; {item!r} is neither"
            )
    return Block(tuple(part), tuple(starts), tuple(steps), tuple(kept))
