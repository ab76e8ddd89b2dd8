"""Layouts: which axis of an array is which, and the canonical order of its elements.

The canonical order is (copies..., out, in, spatial...), C order: the same named layer has the same
elements however a framework stores it.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass(frozen=True)
class Axes:
    """Where the copies, the out axes, the in axes and the spatial axes of a weight are."""

    copies: tuple[int, ...]
    out: tuple[int, ...]
    in_: tuple[int, ...]
    spatial: tuple[int, ...]

    @property
    def order(self) -> tuple[int, ...]:
        """The axes of the array in canonical order."""
        return (*self.copies, *self.out, *self.in_, *self.spatial)


@lru_cache(maxsize=256)
def axes(layout: str, ndim: int) -> Axes:
    """The axes of a weight of `ndim` dimensions, at least 2, stored in `layout`.

    Parameters
    ----------
    layout : str
        One letter per axis, upper or lower case: ``o`` for out, ``i`` for in, ``g`` for
        independent copies (groups, experts, stacked layers), any other for a spatial axis, as in
        ``"OIHW"`` or ``"HWIO"``. ``o``, ``i`` and ``g`` may come several times, as in ``"ioo"``
        for (width, heads, head width); where there is a ``g``, ``i`` or ``o`` may be missing and
        is then one. A layout of these three letters alone also stands for arrays with spatial
        axes behind.
    """
    if not isinstance(layout, str):
        raise TypeError(f'layout={layout!r} must be a str such as "oi", "io" or "HWIO"')
    letters = layout.lower()
    where: dict[str, list[int]] = {"g": [], "o": [], "i": [], "": []}
    for axis, letter in enumerate(letters):
        where[letter if letter in "goi" else ""].append(axis)
    missing = [letter for letter in "oi" if not where[letter]]
    if len(missing) > len(where["g"][:1]):
        raise ValueError(
            f'layout={layout!r} must have an "o" (out) and an "i" (in), as in "oi" or "HWIO"; '
            'one of them may be missing where there is a "g" (copies)'
        )
    if any(letter not in "goi" and times > 1 for letter, times in Counter(letters).items()):
        raise ValueError(
            f"layout={layout!r} must have each spatial letter once, as in "
            '"oi", "io", "OIHW" or "HWIO"'
        )
    if not where[""] and ndim > len(letters):
        where[""] = list(range(len(letters), ndim))
    elif len(letters) != ndim:
        raise ValueError(
            f"layout={layout!r} names {len(letters)} axes, but the array has {ndim}; "
            "give one letter per axis"
        )
    return Axes(tuple(where["g"]), tuple(where["o"]), tuple(where["i"]), tuple(where[""]))


@lru_cache(maxsize=1024)
def canonical_strides(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """How far one step along each axis of the array moves in the canonical order, in elements."""
    if len(shape) < 2:
        return (1,) * len(shape)
    strides = [0] * len(shape)
    step = 1
    for axis in reversed(axes(layout, len(shape)).order):
        strides[axis] = step
        step *= shape[axis]
    return tuple(strides)


@dataclass(frozen=True)
class Fans:
    """How many inputs feed one output of a weight, and how many outputs one input feeds.

    They are None where the shape has fewer than 2 axes and nobody said them.
    """

    fan_in: float | None
    fan_out: float | None
    groups: int = field(default=1, repr=False)
    """How many groups of a grouped convolution share out an axis."""
    transposed: bool = field(default=False, repr=False)
    """Whether they share out the in axis rather than the out axis."""


def _explicit(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}={value!r} must be a positive number")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}={value!r} must be a positive, finite number")
    return float(value)


def _steps(stride: int | Sequence[int], n_spatial: int) -> int:
    """Places that a kernel passes over for each one it stands at."""
    one = not isinstance(stride, Sequence)
    strides: tuple[int, ...] = tuple(stride) if isinstance(stride, Sequence) else (stride,)
    if any(isinstance(value, bool) or not isinstance(value, int) for value in strides):
        raise TypeError(f"stride={stride!r} must be an int, or one int per spatial axis")
    if any(value < 1 for value in strides):
        raise ValueError(f"stride={stride!r} must be at least 1")
    if one:
        strides *= n_spatial
    if len(strides) != n_spatial:
        raise ValueError(f"stride={stride!r} must have one int for each of {n_spatial} axes")
    return math.prod(strides)


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
    said_in, said_out = _explicit("fan_in", fan_in), _explicit("fan_out", fan_out)
    if isinstance(groups, bool) or not isinstance(groups, int):
        raise TypeError(f"groups={groups!r} must be an int")
    if groups < 1:
        raise ValueError(f"groups={groups} must be at least 1")
    if len(shape) < 2:
        return Fans(said_in, said_out)
    found = axes(layout, len(shape))
    n_out, n_in, taps = (
        math.prod(shape[axis] for axis in which) for which in (found.out, found.in_, found.spatial)
    )
    steps = _steps(stride, len(found.spatial))
    split = n_in if transposed else n_out
    if split % groups:
        raise ValueError(
            f"groups={groups} must divide the {'in' if transposed else 'out'} axis, of length "
            f"{split} in shape {shape} with layout={layout!r}"
        )
    per_output: float = n_in * taps
    per_input: float = n_out * taps
    if transposed:
        per_output = _shared(n_in // groups * taps, steps)
    else:
        per_input = _shared(n_out // groups * taps, steps)
    return Fans(
        said_in if said_in is not None else per_output,
        said_out if said_out is not None else per_input,
        groups,
        bool(transposed),
    )


def einsum_layout(equation: str, weight: int = 1) -> str:
    """The layout of a weight that an einsum multiplies by: ``o``, ``i`` or ``g`` for each axis.

    An axis that the output keeps from the inputs is a copy (``g``), one that is summed away is
    in, one that the weight alone brings to the output is out.

    Parameters
    ----------
    equation : str
        With an arrow, as in ``"btd,dnh->btnh"``; ``...`` may stand for axes of the inputs.
    weight : int, default 1
        Which operand is the weight, from 0.

    Raises
    ------
    ValueError
        If the equation has no arrow, or the weight an axis that is nowhere else.

    Examples
    --------
    >>> einsum_layout("btd,dnh->btnh")       # queries of n heads
    'ioo'
    >>> einsum_layout("btnh,nhd->btd")       # and back
    'iio'
    >>> einsum_layout("ecd,edf->ecf")        # experts
    'gio'
    """
    if not isinstance(equation, str):
        raise TypeError(f'equation={equation!r} must be a str such as "bd,df->bf"')
    text = equation.replace(" ", "")
    operands, arrow, output = text.partition("->")
    inputs = operands.split(",")
    if not arrow:
        raise ValueError(f'equation={equation!r} must say its output, as in "bd,df->bf"')
    if isinstance(weight, bool) or not isinstance(weight, int):
        raise TypeError(f"weight={weight!r} must be an int")
    if not 0 <= weight < len(inputs):
        raise ValueError(f"weight={weight} must be from 0 to {len(inputs) - 1}, an operand")
    own = inputs.pop(weight)
    others = "".join(inputs)
    if "." in own or len(set(own)) != len(own):
        raise ValueError(
            f"equation={equation!r}: the weight's axes {own!r} must each be a letter of its own"
        )
    kinds = {(True, True): "g", (True, False): "i", (False, True): "o"}
    try:
        return "".join(kinds[letter in others, letter in output] for letter in own)
    except KeyError:
        lost = next(letter for letter in own if letter not in others + output)
        raise ValueError(
            f"equation={equation!r}: axis {lost!r} of the weight is in no other operand and not "
            "in the output"
        ) from None
