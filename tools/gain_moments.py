"""Compute the moments behind the named gains in 40 digits and print them as Python.

    python tools/gain_moments.py > python/initcore/activations/moments.py      (needs mpmath)

For z ~ N(0, 1): E phi, E phi^2, E phi^2 z^2 and E phi'^2. Each integral is split where the
function bends. Those that are linear on either side of 0 have closed forms in
activations/piecewise_linear.py.
"""

from collections.abc import Callable
from itertools import pairwise

import mpmath as mp

mp.mp.dps = 40
Function = Callable[[mp.mpf], mp.mpf]


def logistic(z: mp.mpf) -> mp.mpf:
    return 1 / (1 + mp.exp(-z))


def softplus(z: mp.mpf) -> mp.mpf:
    return mp.log1p(mp.exp(z)) if z < 0 else z + mp.log1p(mp.exp(-z))


def tail(z: mp.mpf) -> mp.mpf:
    return mp.erfc(-z / mp.sqrt(2)) / 2


Bent = tuple[tuple[tuple[Function, Function], ...], tuple[mp.mpf, ...]]
ZERO: tuple[Function, Function] = (lambda z: mp.mpf(0), lambda z: mp.mpf(0))
LINE: tuple[Function, Function] = (lambda z: z, lambda z: mp.mpf(1))
HALF = mp.mpf(1) / 2
SELU_ALPHA = mp.mpf(repr(1.6732632423543772))
SELU_LAMBDA = mp.mpf(repr(1.0507009873554805))


def pieces(*parts: tuple[Function, Function], at: tuple[mp.mpf, ...]) -> Bent:
    return parts, at


def line(slope: mp.mpf, start: int | mp.mpf = 0) -> tuple[Function, Function]:
    return lambda z: slope * z + start, lambda z: slope


def constant(value: mp.mpf) -> tuple[Function, Function]:
    return lambda z: value, lambda z: mp.mpf(0)


def smooth(f: Function, df: Function) -> Bent:
    return pieces((f, df), (f, df), at=(mp.mpf(0),))


def exponential(alpha: mp.mpf, scale: mp.mpf) -> Bent:
    return pieces(
        (lambda z: scale * alpha * mp.expm1(z), lambda z: scale * alpha * mp.exp(z)),
        line(scale),
        at=(mp.mpf(0),),
    )


def swish(rate: mp.mpf) -> Bent:
    def derivative(z: mp.mpf) -> mp.mpf:
        s = logistic(rate * z)
        return s + rate * z * s * (1 - s)

    return smooth(lambda z: z * logistic(rate * z), derivative)


def gelu_tanh() -> Bent:
    def inner(z: mp.mpf) -> mp.mpf:
        return mp.sqrt(2 / mp.pi) * (z + mp.mpf("0.044715") * z**3)

    def derivative(z: mp.mpf) -> mp.mpf:
        t = mp.tanh(inner(z))
        d = mp.sqrt(2 / mp.pi) * (1 + 3 * mp.mpf("0.044715") * z * z)
        return (1 + t) / 2 + z / 2 * (1 - t * t) * d

    return smooth(lambda z: z / 2 * (1 + mp.tanh(inner(z))), derivative)


def mish() -> Bent:
    def derivative(z: mp.mpf) -> mp.mpf:
        t = mp.tanh(softplus(z))
        return t + z * (1 - t * t) * logistic(z)

    return smooth(lambda z: z * mp.tanh(softplus(z)), derivative)


LECUN = mp.mpf("1.7159")
TWO_THIRDS = mp.mpf(2) / 3

ACTIVATIONS: dict[str, Bent] = {
    "relu6": pieces(ZERO, LINE, constant(mp.mpf(6)), at=(mp.mpf(0), mp.mpf(6))),
    "relu_squared": pieces(ZERO, (lambda z: z * z, lambda z: 2 * z), at=(mp.mpf(0),)),
    "elu": exponential(mp.mpf(1), mp.mpf(1)),
    "celu": exponential(mp.mpf(1), mp.mpf(1)),
    "selu": exponential(SELU_ALPHA, SELU_LAMBDA),
    "gelu": smooth(lambda z: z * tail(z), lambda z: tail(z) + z * mp.npdf(z)),
    "gelu_tanh": gelu_tanh(),
    "quick_gelu": swish(mp.mpf("1.702")),
    "silu": swish(mp.mpf(1)),
    "mish": mish(),
    "softplus": smooth(softplus, logistic),
    "sigmoid": smooth(logistic, lambda z: logistic(z) * logistic(-z)),
    "log_sigmoid": smooth(lambda z: -softplus(-z), lambda z: logistic(-z)),
    "tanh": smooth(mp.tanh, lambda z: mp.sech(z) ** 2),
    "lecun_tanh": smooth(
        lambda z: LECUN * mp.tanh(TWO_THIRDS * z),
        lambda z: LECUN * TWO_THIRDS * mp.sech(TWO_THIRDS * z) ** 2,
    ),
    "erf": smooth(mp.erf, lambda z: 2 / mp.sqrt(mp.pi) * mp.exp(-z * z)),
    "arctan": smooth(mp.atan, lambda z: 1 / (1 + z * z)),
    "softsign": smooth(lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "hardtanh": pieces(constant(mp.mpf(-1)), LINE, constant(mp.mpf(1)), at=(mp.mpf(-1), mp.mpf(1))),
    "hardsigmoid": pieces(
        ZERO, line(mp.mpf(1) / 6, HALF), constant(mp.mpf(1)), at=(mp.mpf(-3), mp.mpf(3))
    ),
    "hardswish": pieces(
        ZERO,
        (lambda z: z * (z / 6 + HALF), lambda z: z / 3 + HALF),
        LINE,
        at=(mp.mpf(-3), mp.mpf(3)),
    ),
    "sin": smooth(mp.sin, mp.cos),
    "cos": smooth(mp.cos, lambda z: -mp.sin(z)),
    "snake": smooth(lambda z: z + mp.sin(z) ** 2, lambda z: 1 + mp.sin(2 * z)),
    "gaussian": smooth(lambda z: mp.exp(-z * z), lambda z: -2 * z * mp.exp(-z * z)),
    "softshrink": pieces(line(mp.mpf(1), HALF), ZERO, line(mp.mpf(1), -HALF), at=(-HALF, HALF)),
    "tanhshrink": smooth(lambda z: z - mp.tanh(z), lambda z: mp.tanh(z) ** 2),
    "squareplus": smooth(
        lambda z: (z + mp.sqrt(z * z + 4)) / 2, lambda z: (1 + z / mp.sqrt(z * z + 4)) / 2
    ),
}


def mean(integrand: Callable[[int, mp.mpf], mp.mpf], edges: tuple[mp.mpf, ...]) -> mp.mpf:
    total = mp.mpf(0)
    for place, (low, high) in enumerate(pairwise(edges)):
        points = [low, *(mp.mpf(p) for p in range(-14, 15, 2) if low < p < high), high]
        total += mp.quad(lambda z, i=place: integrand(i, z) * mp.npdf(z), points)
    return total


def moments(bent: Bent) -> tuple[float, ...]:
    parts, at = bent
    edges = (mp.mpf(-15), *at, mp.mpf(15))
    found = (
        mean(lambda i, z: parts[i][0](z), edges),
        mean(lambda i, z: parts[i][0](z) ** 2, edges),
        mean(lambda i, z: parts[i][0](z) ** 2 * z * z, edges),
        mean(lambda i, z: parts[i][1](z) ** 2, edges),
    )
    return tuple(0.0 if abs(value) < mp.mpf("1e-30") else float(value) for value in found)


def main() -> None:
    print(
        '"""Moments of the named activations under N(0, 1), as tools/gain_moments.py prints them.'
    )
    print()
    print("Each row: E phi, E phi^2, E phi^2 z^2, E phi'^2, rounded once to double, so that a gain")
    print('that enters a law has the same bytes everywhere."""')
    print()
    print("MOMENTS: dict[str, tuple[float, float, float, float]] = {")
    for name, bent in ACTIVATIONS.items():
        print(f'    "{name}": (')
        for value in moments(bent):
            print(f"        {value!r},")
        print("    ),")
    print("}")


if __name__ == "__main__":
    main()
