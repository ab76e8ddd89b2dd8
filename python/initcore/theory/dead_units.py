"""Dead starts: ReLU networks whose output does not depend on the input."""

from collections.abc import Sequence
from typing import NamedTuple

from initcore import _checks


class Bounds(NamedTuple):
    """Between which a probability lies; equal where it is known exactly."""

    low: float
    high: float


def dead_at_input(widths: Sequence[int]) -> float:
    """The probability that at one given input some hidden layer is 0 in all its units.

    The output then is what the biases make it, and no gradient arrives below that layer. Each
    pre-activation of a layer whose input is not 0 is negative with probability 1/2, whatever the
    scale of the weights: 1 - prod(1 - 2^-n).

    Parameters
    ----------
    widths : sequence of int
        Units of each hidden layer.

    Returns
    -------
    float

    Notes
    -----
    Exactness: exact, for ReLU, weights with a symmetric law without atoms, and biases of 0.
    Source: Lu, Shin, Su, Karniadakis, "Dying ReLU and initialization: theory and numerical
    examples", 2019.

    Examples
    --------
    >>> from initcore import theory
    >>> round(theory.dead_at_input([2] * 9), 6)
    0.924915
    """
    alive = 1.0
    for n in _hidden(widths):
        alive *= 1.0 - 0.5**n
    return 1.0 - alive


def born_dead(widths: Sequence[int]) -> Bounds:
    """The probability that a network of one input number starts as a constant function.

    On each side of 0 the hidden layers see multiples of one direction, so that the network is
    dead when both directions have died. Two directions of one layer have an angle from 0 to 90
    degrees, and a layer takes both at once with a probability from 4^-n to 2^-n: from these two
    come the bounds. With one input number and up to two hidden layers the angle is known.

    Parameters
    ----------
    widths : sequence of int
        Units of each hidden layer.

    Returns
    -------
    Bounds
        For networks of more inputs, `dead_at_input` is an upper bound.

    Notes
    -----
    Exactness: exact, for ReLU, weights with a symmetric law without atoms, and biases of 0.
    Source: Lu et al. 2019 for the question; the bounds are the extremes of a chain of three
    states: both directions alive, one, none.

    Examples
    --------
    >>> from initcore import theory
    >>> theory.born_dead([2, 2])
    Bounds(low=0.15625, high=0.15625)
    """
    sizes = _hidden(widths)
    ends = sorted(_dead(sizes, together) for together in (1.0, 2.0))
    return Bounds(*ends)


def _dead(sizes: list[int], exponent: float) -> float:
    """The chain's end, where a layer takes both directions with probability p^exponent."""
    both, one = 1.0, 0.0
    for at, n in enumerate(sizes):
        p = 0.5**n
        # x and -x: no unit is off for both; then disjoint sets of units, hence independent
        together = (0.0, p * p)[at] if at < 2 else p**exponent
        one = one * (1.0 - p) + both * 2.0 * (p - together)
        both *= 1.0 - 2.0 * p + together
    return 1.0 - both - one


def _hidden(widths: Sequence[int]) -> list[int]:
    sizes = [_checks.count(n, f"widths[{at}]", least=1) for at, n in enumerate(widths)]
    if not sizes:
        raise ValueError("widths is empty: give the units of each hidden layer")
    return sizes
