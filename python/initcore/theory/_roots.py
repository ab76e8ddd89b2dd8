"""The root of a function of one number."""

from collections.abc import Callable


def root(f: Callable[[float], float], a: float, b: float) -> float:
    """Where f is 0 between a and b, at which its signs differ, to the last digits.

    Source: the method called Illinois; Dowell and Jarratt, BIT 11, 1971.
    """
    fa, fb = f(a), f(b)
    if fa == 0.0:
        return a
    for _ in range(200):
        if fb == 0.0 or abs(b - a) <= 1e-15 * abs(b):
            break
        c = b - fb * (b - a) / (fb - fa)
        fc = f(c)
        if (fc > 0.0) != (fb > 0.0):
            a, fa = b, fb
        else:
            fa *= 0.5
        b, fb = c, fc
    return b
