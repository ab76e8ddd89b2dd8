"""The parent of a truncated normal law: which normal, cut there, has this standard deviation."""

import math

from initcore import kernels

_STEPS = 200  # halvings; doubles are exhausted long before


def result_std(low: float, high: float) -> float:
    """Standard deviation of N(0, 1) once it is cut to [low, high]."""
    _, variance = kernels._truncated_moments(low, high)
    return math.sqrt(variance)


def parent_std(std: float, low: float, high: float) -> float:
    """Standard deviation of the N(0, s^2) that has `std` once it is cut to [low, high].

    Notes
    -----
    The result's standard deviation grows with s, from that of the nearest edge to that of the
    uniform law; bisection on s, in double arithmetic without libm, so that the same s comes out
    everywhere.
    """
    limit = (high - low) / math.sqrt(12.0)
    if std >= limit:
        raise ValueError(
            f"std={std!r} with std_of='result' cannot be had between bounds {high - low:g} apart: "
            f"it must be less than {limit:g}, that of the uniform law; widen the bounds"
        )

    def result(s: float) -> float:
        return s * result_std(low / s, high / s)

    below, above = std, std
    while result(above) < std:
        above *= 2.0
    for _ in range(_STEPS):
        middle = 0.5 * (below + above)
        if not below < middle < above:
            break
        if result(middle) < std:
            below = middle
        else:
            above = middle
    return above
