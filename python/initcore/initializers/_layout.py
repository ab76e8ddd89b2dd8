"""Layouts: which axis of an array is which, and the canonical order of its elements.

The canonical order is (copies..., out, in, spatial...), C order: the same named layer has the same
elements however a framework stores it.
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from initcore import _checks


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
    weight = _checks.integer(weight, "weight")
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
