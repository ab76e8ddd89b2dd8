"""What an initializer knows of a weight: its whole shape, which axis is which, and its fans."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import Any, SupportsIndex

from initcore import _checks
from initcore.initializers._block import Block
from initcore.initializers._layout import Axes, axes, canonical_strides


@dataclass(frozen=True)
class Fans:
    """How many inputs feed one output of a weight, and how many outputs one input feeds.

    They are None where the shape has fewer than 2 axes and nobody said them.
    """

    fan_in: float | None
    fan_out: float | None


@dataclass(frozen=True)
class WeightShape:
    """A whole weight without its values: shape, layout and fans.

    A call of an `Initializer` makes one from its arguments and passes it to `Initializer.write`.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the whole weight, as stored; at most 2**64 elements.
    layout : str, default "oi"
        Which axis is which; see `axes`.
    groups, transposed, stride, fan_in, fan_out
        As of `fans`. `fan_in` and `fan_out` are None where the shape decides.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, its value, the rule and the remedy.

    Examples
    --------
    >>> weight = WeightShape((64, 8, 3, 3), groups=4)
    >>> weight.fans
    Fans(fan_in=72, fan_out=144)
    >>> weight.strides
    (72, 9, 3, 1)
    """

    shape: tuple[int, ...]
    layout: str = "oi"
    groups: int = 1
    transposed: bool = False
    stride: int | tuple[int, ...] = 1
    fan_in: float | None = None
    fan_out: float | None = None
    fans: Fans = field(init=False, repr=False, compare=False)
    """The explicit fans, or those of the shape."""

    def __post_init__(self) -> None:
        said = (self.shape, self.layout, self.groups, self.transposed, self.stride)
        checked = _checked(*said, self.fan_in, self.fan_out)
        for own, value in zip(fields(self), checked, strict=False):  # `fans` comes last
            object.__setattr__(self, own.name, value)
        object.__setattr__(self, "fans", self._fans())

    @staticmethod
    def of(
        shape: SupportsIndex | Sequence[SupportsIndex],
        layout: str = "oi",
        groups: int = 1,
        transposed: bool = False,
        stride: int | Sequence[int] = 1,
        fan_in: float | None = None,
        fan_out: float | None = None,
    ) -> "WeightShape":
        """``WeightShape(...)``, kept in a cache of 1,024."""
        return _made(*_checked(shape, layout, groups, transposed, stride, fan_in, fan_out))

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def axes(self) -> Axes:
        """Which axis is which, of a weight with at least 2 axes."""
        return axes(self.layout, len(self.shape))

    @property
    def strides(self) -> tuple[int, ...]:
        """How far one step along each axis moves in the canonical order, in elements."""
        return canonical_strides(self.shape, self.layout)

    @cached_property
    def whole(self) -> Block:
        """The block that is all of it."""
        ndim = len(self.shape)
        return Block(self.shape, (0,) * ndim, (1,) * ndim, tuple(range(ndim)))

    def length(self, which: Sequence[int]) -> int:
        """The product of the lengths of these axes."""
        return math.prod([self.shape[axis] for axis in which])

    def _fans(self) -> Fans:
        if len(self.shape) < 2:
            return Fans(self.fan_in, self.fan_out)
        n_out, n_in = self.length(self.axes.out), self.length(self.axes.in_)
        taps, steps = self.length(self.axes.spatial), _steps(self.stride, len(self.axes.spatial))
        split = n_in if self.transposed else n_out
        if split % self.groups:
            raise ValueError(
                f"groups={self.groups} must divide the {'in' if self.transposed else 'out'} axis, "
                f"of length {split} in shape {self.shape} with layout={self.layout!r}"
            )
        per_output: float = n_in * taps
        per_input: float = n_out * taps
        if self.transposed:
            per_output = _shared(n_in // self.groups * taps, steps)
        else:
            per_input = _shared(n_out // self.groups * taps, steps)
        return Fans(
            per_output if self.fan_in is None else self.fan_in,
            per_input if self.fan_out is None else self.fan_out,
        )


_Said = tuple[tuple[int, ...], str, int, bool, int | tuple[int, ...], float | None, float | None]


def _checked(
    shape: Any, layout: Any, groups: Any, transposed: Any, stride: Any, fan_in: Any, fan_out: Any
) -> _Said:
    """The fields of a `WeightShape` as they are kept; what they say together is not checked."""
    if not isinstance(layout, str):
        raise TypeError(f'layout={layout!r} must be a str such as "oi", "io" or "HWIO"')
    return (
        shape_of(shape),
        layout,
        _checks.count(groups, "groups", least=1),
        bool(transposed),
        _stride_of(stride),
        None if fan_in is None else _checks.positive(fan_in, "fan_in"),
        None if fan_out is None else _checks.positive(fan_out, "fan_out"),
    )


@lru_cache(maxsize=1024)
def _made(*said: Any) -> WeightShape:
    return WeightShape(*said)


def _steps(stride: int | tuple[int, ...], n_spatial: int) -> int:
    """Product of the strides."""
    if isinstance(stride, int):
        return math.prod((stride,) * n_spatial)
    if len(stride) != n_spatial:
        raise ValueError(f"stride={stride!r} must have one int for each of {n_spatial} axes")
    return math.prod(stride)


def shape_of(shape: SupportsIndex | Sequence[SupportsIndex]) -> tuple[int, ...]:
    """A shape as a tuple of ints of at least 0, with at most 2**64 elements."""
    try:
        sizes = tuple(shape)  # type: ignore[arg-type]
    except TypeError:  # no sequence
        sizes = (shape,)  # type: ignore[assignment]
    try:
        result = tuple([_checks.integer(size, "shape") for size in sizes])
    except TypeError:
        raise TypeError(f"shape={shape!r} must be an int or a tuple of ints") from None
    if min(result, default=0) < 0:
        raise ValueError(f"shape={result} must not have negative sizes")
    if math.prod(result) > 2**64:
        raise ValueError(
            f"shape={result} must have at most 2**64 elements, as many as a stream numbers; "
            "make several tensors of it, each with a key of its own"
        )
    return result


def _stride_of(stride: Any) -> int | tuple[int, ...]:
    if isinstance(stride, Sequence):
        return tuple(_checks.count(n, f"stride[{at}]", least=1) for at, n in enumerate(stride))
    return _checks.count(stride, "stride", least=1)


def _shared(terms: int, steps: int) -> float:
    return terms if steps == 1 else terms / steps


def fans(
    shape: tuple[int, ...],
    layout: str = "oi",
    *,
    groups: int = 1,
    transposed: bool = False,
    stride: int | Sequence[int] = 1,
    fan_in: float | None = None,
    fan_out: float | None = None,
) -> Fans:
    """The fans of a weight: how many terms an output sums, and how many outputs an input reaches.

    Parameters
    ----------
    shape : tuple of int
        Shape of the whole weight, as stored.
    layout : str
        Which axis is which; see `axes`. Copies (``g``) have fans of their own: experts and
        stacked layers are ``"goi"``, Keras's depthwise kernels ``"HWGO"``, and the table of an
        embedding, each row of which is one input's, is ``"go"``.
    groups : int, default 1
        Groups of a grouped convolution whose axes are not split; the fans are those of one group.
    transposed : bool, default False
        Whether the weight is that of a transposed convolution, whose *out* axis is the one that
        is stored per group (PyTorch stores it as ``layout="io"``).
    stride : int or sequence of int, default 1
        Step of a convolution, for all spatial axes or for each. Of the taps of a kernel 1 / stride
        reach an input (its fan_out), or an output if it is transposed (its fan_in): the mean over
        places, which differ where the stride does not divide the kernel.
    fan_in, fan_out : float, optional
        Win over what the shape says.

    Examples
    --------
    >>> fans((128, 256))
    Fans(fan_in=256, fan_out=128)
    >>> fans((3, 3, 32, 64), "HWIO")
    Fans(fan_in=288, fan_out=576)
    >>> fans((64, 8, 3, 3), groups=4)
    Fans(fan_in=72, fan_out=144)
    >>> fans((64, 32, 4, 4), "io", transposed=True, stride=2)
    Fans(fan_in=256.0, fan_out=512)
    >>> fans((8, 512, 64), "gio")          # 8 experts
    Fans(fan_in=512, fan_out=64)
    >>> fans((512, 8, 64), "ioo")          # heads
    Fans(fan_in=512, fan_out=512)
    """
    return WeightShape.of(shape, layout, groups, transposed, stride, fan_in, fan_out).fans
