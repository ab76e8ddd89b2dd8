"""Fit the polynomials of vecmath.h and vecmath_special.h and print them as the headers have them.

Each is the minimax polynomial of its function under the weight that turns its error into a
relative error of the result, found by the exchange algorithm (Remez) in 60 digits and then
rounded to the type, one coefficient at a time.

Run: python tools/fit_vecmath.py        (needs mpmath and numpy)
"""

from collections.abc import Callable

import mpmath as mp
import numpy as np

mp.mp.dps = 60

Function = Callable[[mp.mpf], mp.mpf]


def expm1_quotient(r: mp.mpf) -> mp.mpf:
    """(e^r - 1 - r) / r^2, by its series near 0 where the formula cancels."""
    if abs(r) < mp.mpf("1e-12"):
        return mp.mpf(1) / 2 + r / 6 + r * r / 24
    return (mp.expm1(r) - r) / (r * r)


def log_quotient(z: mp.mpf) -> mp.mpf:
    """(2 artanh(s) - 2 s) / (s z) with z = s^2: 2/3 + 2/5 z + 2/7 z^2 ..."""
    if z < mp.mpf("1e-20"):
        return mp.mpf(2) / 3 + 2 * z / 5
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) - 2 * s) / (s * z)


def erf_quotient(z: mp.mpf) -> mp.mpf:
    """erf(x) / x - 1 with z = x^2."""
    if z < mp.mpf("1e-20"):
        return 2 / mp.sqrt(mp.pi) * (1 - z / 3) - 1
    x = mp.sqrt(z)
    return mp.erf(x) / x - 1


def erfc_scaled(t: mp.mpf) -> mp.mpf:
    """exp(a^2) erfc(a) with t = (a - 3) / (a + 3)."""
    a = 3 * (1 + t) / (1 - t)
    return mp.exp(a * a) * mp.erfc(a)


def atan_quotient(z: mp.mpf) -> mp.mpf:
    """(atan(x) - x) / (x z) with z = x^2."""
    if z < mp.mpf("1e-20"):
        return -mp.mpf(1) / 3 + z / 5
    x = mp.sqrt(z)
    return (mp.atan(x) - x) / (x * z)


def sin_quotient(z: mp.mpf) -> mp.mpf:
    """(sin(x) - x) / (x z) with z = x^2."""
    if z < mp.mpf("1e-20"):
        return -mp.mpf(1) / 6 + z / 120
    x = mp.sqrt(z)
    return (mp.sin(x) - x) / (x * z)


def sin_weight(z: mp.mpf) -> mp.mpf:
    """What makes an error of sin_quotient a relative one of the sine."""
    return z / (1 + z * sin_quotient(z)) + mp.mpf("1e-30")


def minimax(f: Function, weight: Function, low: mp.mpf, high: mp.mpf, degree: int) -> list[mp.mpf]:
    """Coefficients, constant first, of the polynomial with the least max of weight * |p - f|."""
    count = degree + 2
    nodes = [
        (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * count))
        for i in range(count)
    ]
    grid = [low + (high - low) * mp.mpf(i) / 2000 for i in range(2001)]
    for _ in range(12):
        system = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for i, x in enumerate(nodes):
            for j in range(degree + 1):
                system[i, j] = x**j
            system[i, degree + 1] = mp.mpf(-1) ** i / weight(x)
            right[i] = f(x)
        solution = mp.lu_solve(system, right)
        coefficients = [solution[j] for j in range(degree + 1)]
        errors = [weight(x) * (mp.polyval(coefficients[::-1], x) - f(x)) for x in grid]
        # one extreme point out of each stretch of equal sign
        stretches: list[int] = []
        for i, error in enumerate(errors):
            if stretches and mp.sign(errors[stretches[-1]]) == mp.sign(error):
                if abs(error) > abs(errors[stretches[-1]]):
                    stretches[-1] = i
            else:
                stretches.append(i)
        while len(stretches) > count:
            stretches.pop(0 if abs(errors[stretches[0]]) < abs(errors[stretches[-1]]) else -1)
        if len(stretches) < count:
            break
        nodes = [grid[i] for i in stretches]
    print(f"/* largest weighted error {mp.nstr(max(abs(e) for e in errors), 3)} */")
    return coefficients


def hexadecimal(value: float) -> str:
    digits, exponent = value.hex().split("p")
    return f"{digits.rstrip('0')}p{exponent}"


def show(kind: type[np.floating], coefficients: list[mp.mpf]) -> None:
    """Highest degree first."""
    suffix = "f" if kind is np.float32 else ""
    values = [hexadecimal(float(kind(mp.nstr(c, 40)))) + suffix for c in coefficients]
    print(", ".join(reversed(values)), "\n")


def show_parts(name: str, value: mp.mpf, parts: int) -> None:
    """A number as a sum of numbers of each type, the largest first."""
    for kind in (np.float32, np.float64):
        left, found = value, []
        for _ in range(parts):
            found.append(float(kind(mp.nstr(left, 40))))
            left -= mp.mpf(found[-1])
        print(name, kind.__name__, *map(hexadecimal, found))


def main() -> None:
    tiny = mp.mpf("1e-30")
    half_ln2 = mp.log(2) / 2 * mp.mpf("1.0001")  # the reduction may leave a little more than half
    for kind, degree in ((np.float32, 4), (np.float64, 10)):
        print(f"exp {kind.__name__}, degree {degree}")
        show(kind, minimax(expm1_quotient, lambda r: abs(r) + tiny, -half_ln2, half_ln2, degree))
    largest = (mp.sqrt(2) - 1) ** 4  # s = f / (2 + f) at 1 + f = sqrt 2, squared
    for kind, degree in ((np.float32, 3), (np.float64, 6)):
        print(f"log {kind.__name__}, degree {degree}")
        show(kind, minimax(log_quotient, lambda z: z / 2 + tiny, mp.mpf(0), largest, degree))
    for kind, degree in ((np.float32, 6), (np.float64, 11)):
        print(f"erf {kind.__name__}, degree {degree}")
        found = minimax(
            erf_quotient, lambda z: 1 / (erf_quotient(z) + 1), mp.mpf(0), mp.mpf(1), degree
        )
        show(kind, found)
    for kind, degree, high in ((np.float32, 8, "10.2"), (np.float64, 20, "27")):
        print(f"erfc {kind.__name__}, degree {degree}")
        end = (mp.mpf(high) - 3) / (mp.mpf(high) + 3)
        show(kind, minimax(erfc_scaled, lambda t: 1 / erfc_scaled(t), -mp.mpf(1) / 2, end, degree))
    steepest = (mp.sqrt(2) - 1) ** 2 * mp.mpf("1.0001")
    for kind, degree in ((np.float32, 3), (np.float64, 10)):
        print(f"atan {kind.__name__}, degree {degree}")
        show(kind, minimax(atan_quotient, lambda z: z + tiny, mp.mpf(0), steepest, degree))
    quarter = (mp.pi / 2) ** 2 * mp.mpf("1.0001")
    for kind, degree in ((np.float32, 3), (np.float64, 7)):
        print(f"sin {kind.__name__}, degree {degree}")
        show(kind, minimax(sin_quotient, sin_weight, mp.mpf(0), quarter, degree))
    show_parts("ln2", mp.log(2), 2)
    show_parts("log2e", 1 / mp.log(2), 1)
    show_parts("pi", mp.pi, 3)
    show_parts("1/pi", 1 / mp.pi, 1)
    show_parts("pi/4", mp.pi / 4, 2)


if __name__ == "__main__":
    main()
