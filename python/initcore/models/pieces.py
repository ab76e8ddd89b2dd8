"""What initializing one tensor comes to: the blocks of it that one initializer writes at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from initcore.initializers import (
    Constant,
    Elementwise,
    Fans,
    Filled,
    Initializer,
    Law,
    Ones,
    WeightShape,
    Zeros,
    fans,
)
from initcore.keys import Key
from initcore.models.parameters import Parameter
from initcore.models.rules import Assignment

Drawn = tuple[str, tuple[float, ...], str, tuple[int, ...]]
"""Law, its parameters, the kind of its stream, and strides in the canonical order."""


@dataclass(frozen=True)
class Piece:
    """One block of a tensor under one law, as a tensor of its own.

    It knows no key, so that tensors that are alike but for their names have the same pieces.
    """

    init: Initializer
    part: str | None
    """Name of the block, the last component of its key; None for all of the tensor."""
    shape: tuple[int, ...]
    index: tuple[slice, ...]
    """Where it is in the parameter; empty for all of it."""
    layout: str
    groups: int
    transposed: bool
    fan_in: float | None
    fan_out: float | None

    def key(self, tensor_key: Key) -> Key:
        """The block's key by the tensor's."""
        return tensor_key if self.part is None else tensor_key / self.part

    def law(self) -> Law:
        """The law of an element, where its initializer is `Elementwise`."""
        assert isinstance(self.init, Elementwise)
        return self.init.law(self.weight.fans)

    @cached_property
    def weight(self) -> WeightShape:
        """The block as a weight of its own."""
        return WeightShape(
            self.shape,
            self.layout,
            groups=self.groups,
            transposed=self.transposed,
            fan_in=self.fan_in or None,  # 0 of a layer without inputs: no law may ask for it
            fan_out=self.fan_out or None,
        )

    @property
    def std(self) -> float | None:
        """Standard deviation of an element; None where elements differ in law."""
        spread = self.init.spread(self.weight)
        return None if spread is None else spread.std

    @cached_property
    def value(self) -> float | None:
        """The value of every element, where it is one; None where not."""
        init = self.init
        return init.element() if isinstance(init, Filled) else None

    @cached_property
    def drawn(self) -> Drawn | None:
        """What `kernels._fill_many` takes, where elements are drawn one by one; None where not."""
        init = self.init
        if not isinstance(init, Elementwise):
            return None
        law, parameters = self.law()
        return law, parameters, init.kind, self.weight.strides

    def write(self, array: Any, tensor_key: Key) -> None:
        """Write this piece of a parameter into `array`, which is the whole parameter."""
        self.init.fill(
            array[self.index] if self.index else array,
            key=self.key(tensor_key),
            layout=self.layout,
            groups=self.groups,
            transposed=self.transposed,
            fan_in=self.fan_in,
            fan_out=self.fan_out,
        )


def tensor_fans(parameter: Parameter, assignment: Assignment) -> Fans:
    """Fans of the tensor: those of its assignment, of its layer, or of its shape."""
    fan_in, fan_out = parameter.fan_in, parameter.fan_out
    by_shape = len(parameter.shape) > 1 and 0 not in parameter.shape
    if by_shape and (assignment.whole or (fan_in is None and fan_out is None)):
        of_shape = fans(parameter.shape, parameter.layout)
        fan_in, fan_out = of_shape.fan_in, of_shape.fan_out
    return Fans(
        fan_in if assignment.fan_in is None else assignment.fan_in,
        fan_out if assignment.fan_out is None else assignment.fan_out,
    )


def pieces(parameter: Parameter, assignment: Assignment) -> Iterator[Piece]:
    """The blocks of a tensor, in order; none where it is kept.

    Packed blocks are what they would be as tensors of their own with the keys key / "q" and so
    on, as `Packed` has it, but written where they lie.
    """
    if assignment.init is None:
        return
    known = tensor_fans(parameter, assignment)
    layer = (
        parameter.layout,
        parameter.groups,
        parameter.transposed,
        known.fan_in,
        known.fan_out,
    )
    shape, axis = parameter.shape, parameter.part_axis
    draws = not isinstance(assignment.init, Constant | Zeros | Ones) or assignment.by_part
    if len(shape) < 2 or len(parameter.parts) < 2 or assignment.whole or not draws:
        yield Piece(assignment.init, None, shape, (), *layer)
        return
    step = shape[axis] // len(parameter.parts)
    for at, part in enumerate(parameter.parts):
        index = [slice(None)] * len(shape)
        index[axis] = slice(at * step, (at + 1) * step)
        part_shape = (*shape[:axis], step, *shape[axis + 1 :])
        law = assignment.by_part.get(part, assignment.init)
        yield Piece(law, part, part_shape, tuple(index), *layer)
