"""Derive every polynomial constant of stream v1 and print it.

Each function below is interpolated at Chebyshev nodes in 60-digit arithmetic, which is within a
small factor of the best polynomial of that degree; the interpolant is turned into monomials and
each coefficient is rounded once to its type. Where one more coefficient would cost a float64 normal
two operations, it is the best polynomial, by Remez's exchange, and the coefficients are rounded one
after the other. Nothing here is taken from another library.

    python tools/fit_transforms.py header   > src/initcore/constants.h
    python tools/fit_transforms.py markdown   # the tables of docs/stream-v1.md
    python tools/fit_transforms.py errors     # the error of each fit before rounding
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import mpmath as mp
import numpy as np

mp.mp.dps = 60
Function = Callable[[mp.mpf], mp.mpf]

TAIL_EDGES = (
    mp.sqrt(4 * mp.log(2)) - mp.mpf("0.001"),
    mp.mpf("4.25"),
    mp.mpf("11.5"),
    mp.mpf("37.6"),
)
OCTAVES = 32
MILLS_SHIFT = 4
MILLS_END = mp.mpf("37.6")


@dataclass(frozen=True)
class Constant:
    """One named row or table of constants, as both the header and the page print it."""

    name: str
    kind: str  # "f32" or "f64"
    rows: tuple[tuple[str, ...], ...]
    meaning: str
    error: mp.mpf | None = None


def quantile(p: mp.mpf) -> mp.mpf:
    """x with upper tail probability p, for 0 < p <= 1/2."""
    x = -mp.mpf(statistics.NormalDist().inv_cdf(float(p)))
    for _ in range(4):
        x += (mp.erfc(x / mp.sqrt(2)) / 2 - p) / mp.npdf(x)
    return x


def interpolate(function: Function, a: mp.mpf, b: mp.mpf, degree: int) -> list[mp.mpf]:
    """Monomial coefficients of the interpolant at the degree + 1 Chebyshev nodes of [a, b]."""
    n = degree + 1
    middle, half = (a + b) / 2, (b - a) / 2
    nodes = [mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    values = [function(middle + half * node) for node in nodes]
    newton = list(values)
    points = [middle + half * node for node in nodes]
    for level in range(1, n):
        for i in range(n - 1, level - 1, -1):
            newton[i] = (newton[i] - newton[i - 1]) / (points[i] - points[i - level])
    coefficients = [newton[-1]]
    for i in range(n - 2, -1, -1):
        shifted = [mp.mpf(0), *coefficients]
        for j, c in enumerate(coefficients):
            shifted[j] -= points[i] * c
        shifted[0] += newton[i]
        coefficients = shifted
    return coefficients


def minimax(
    function: Function, a: mp.mpf, b: mp.mpf, degree: int, weight: Function
) -> list[mp.mpf]:
    """Coefficients whose weighted error is levelled at degree + 2 points, to a hundredth."""
    n = degree + 2
    middle, half = (a + b) / 2, (b - a) / 2
    points = [middle - half * mp.cos(mp.pi * k / (n - 1)) for k in range(n)]
    grid = [middle - half * mp.cos(mp.pi * k / 600) for k in range(601)]
    wanted = [(x, function(x), weight(x)) for x in grid]
    for _ in range(20):
        rows = [
            [weight(x) * x**d for d in range(degree + 1)] + [(-1) ** k]
            for k, x in enumerate(points)
        ]
        *coefficients, level = mp.lu_solve(
            mp.matrix(rows), mp.matrix([weight(x) * function(x) for x in points])
        )
        errors = [(mp.polyval(coefficients[::-1], x) - y) * w for x, y, w in wanted]
        if max(abs(error) for error in errors) <= abs(level) * mp.mpf("1.01"):
            return coefficients
        peaks: list[int] = []
        for k, error in enumerate(errors):
            if not peaks or (error > 0) != (errors[peaks[-1]] > 0):
                peaks.append(k)
            elif abs(error) > abs(errors[peaks[-1]]):
                peaks[-1] = k
        while len(peaks) > n:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        points = [grid[k] for k in peaks]
    raise ArithmeticError("the exchange did not settle")


def rounded_in_turn(
    first: object, function: Function, b: mp.mpf, degree: int, weight: Function
) -> list[mp.mpf]:
    """Float64 coefficients on [0, b], the first given: each rounded before the rest are fitted."""
    a, done = mp.mpf(10) ** -20, [mp.mpf(first)]
    for n in range(1, degree + 1):
        rest = minimax(
            lambda x, n=n: (function(x) - mp.polyval(done[::-1], x)) / x**n,
            a,
            b,
            degree - n,
            lambda x, n=n: x**n * weight(x),
        )
        done.append(mp.mpf(as_float("f64", rest[0])))
    return done


def largest_error(
    function: Function, coefficients: list[mp.mpf], a: mp.mpf, b: mp.mpf, weight: Function
) -> mp.mpf:
    grid = [a + (b - a) * mp.mpf(i) / 300 for i in range(301)]
    return max(
        abs((mp.polyval(coefficients[::-1], x) - function(x)) * weight(x)) for x in grid if x != 0
    )


def as_float(kind: str, value: mp.mpf) -> float:
    """The value rounded once to nearest, ties to even; a float32 comes back as the equal float."""
    bits = {"f32": 24, "f64": 53}[kind]
    with mp.workprec(bits):
        rounded = +value
    exact = float(rounded)
    assert kind == "f64" or float(np.float32(exact)) == exact
    return exact


def spelled(kind: str, values: list[mp.mpf]) -> tuple[str, ...]:
    def trimmed(value: mp.mpf) -> str:
        mantissa, exponent = as_float(kind, value).hex().split("p")
        return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}"

    return tuple(trimmed(value) for value in values)


def polynomial(
    name: str,
    kind: str,
    function: Function,
    a: object,
    b: object,
    degree: int,
    meaning: str,
    weight: Function = lambda x: mp.mpf(1),
) -> Constant:
    a, b = mp.mpf(a), mp.mpf(b)
    coefficients = interpolate(function, a, b, degree)
    error = largest_error(function, coefficients, a, b, weight)
    return Constant(name, kind, (spelled(kind, coefficients),), meaning, error)


def stacked(name: str, meaning: str, parts: list[Constant]) -> Constant:
    rows = tuple(row for part in parts for row in part.rows)
    error = max(part.error for part in parts)
    return Constant(name, parts[0].kind, rows, meaning, error)


def transposed(table: Constant) -> Constant:
    return replace(table, rows=tuple(zip(*table.rows, strict=True)))


def log_remainder_f32(f: mp.mpf) -> mp.mpf:
    if abs(f) < mp.mpf(10) ** -20:
        return mp.mpf(1)
    return -2 * (mp.log1p(f) - f) / (f * f)


def log_remainder_f64(z: mp.mpf) -> mp.mpf:
    """(2 atanh(s) - 2 s) / (s z) for z = s s."""
    if abs(z) < mp.mpf(10) ** -25:
        return mp.mpf(2) / 3
    s = mp.sqrt(z) if z > 0 else mp.mpc(0, mp.sqrt(-z))
    return mp.re((2 * mp.atanh(s) - 2 * s) / (s * z))


def central(squared: mp.mpf) -> mp.mpf:
    """z / c, where c = 1/2 - p is the distance of a probability from the median."""
    if squared < mp.mpf(10) ** -30:
        return mp.sqrt(2 * mp.pi)
    c = mp.sqrt(squared)
    return quantile(mp.mpf(1) / 2 - c) / c


def octave(j: int) -> Constant:
    return polynomial(
        f"OCTAVE_{j}",
        "f32",
        lambda d: quantile((d + mp.mpf(3) / 2) * mp.mpf(2) ** (-3 - j)),
        mp.mpf(-1) / 2,
        mp.mpf(1) / 2,
        6,
        "",
    )


def tail(piece: int) -> tuple[mp.mpf, Constant]:
    low, high = TAIL_EDGES[piece], TAIL_EDGES[piece + 1]
    anchor = mp.mpf(as_float("f32", mp.sqrt(low * high)))

    def ratio(t: mp.mpf) -> mp.mpf:
        r = anchor * (1 + t) / (1 - t)
        return quantile(mp.exp(-r * r / 2)) / r

    ends = [(r - anchor) / (r + anchor) for r in (low, high)]
    return anchor, polynomial(f"TAIL_{piece}", "f64", ratio, ends[0], ends[1], 19, "")


def mills(t: mp.mpf) -> mp.mpf:
    x = MILLS_SHIFT * (1 + t) / (1 - t)
    return (x + MILLS_SHIFT) * mp.erfc(x / mp.sqrt(2)) / (2 * mp.npdf(x))


def reflected_end() -> tuple[mp.mpf, mp.mpf]:
    return mp.sqrt(mp.mpf(1) / 2) - 1, mp.sqrt(2) - 1


def gauss_legendre(n: int) -> tuple[list[mp.mpf], list[mp.mpf]]:
    def slope(x: mp.mpf) -> mp.mpf:
        return n * (x * mp.legendre(n, x) - mp.legendre(n - 1, x)) / (x * x - 1)

    nodes = []
    for i in range(n // 2):
        x = mp.cos(mp.pi * (4 * i + 3) / (4 * n + 2))
        for _ in range(8):
            x -= mp.legendre(n, x) / slope(x)
        nodes.append(x)
    weights = [2 / ((1 - x * x) * slope(x) ** 2) for x in nodes]
    assert mp.almosteq(mp.fsum(weights), 1)
    return nodes[::-1], weights[::-1]


def constants() -> list[Constant]:
    low, high = reflected_end()
    z_log = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2
    ln2 = mp.log(2)
    ln2_high = mp.floor(ln2 * 2**32) / mp.mpf(2) ** 32
    half_ln2 = ln2 / 2

    def sine(z: mp.mpf) -> mp.mpf:
        return mp.sinpi(mp.sqrt(z)) / mp.sqrt(z)

    def cosine(z: mp.mpf) -> mp.mpf:
        return (mp.cospi(mp.sqrt(z)) - 1) / z

    def twice_sine(z: mp.mpf) -> mp.mpf:
        return 2 * mp.sinpi(mp.sqrt(z) / 2) / mp.sqrt(z)

    def twice_cosine(z: mp.mpf) -> mp.mpf:
        return 2 * mp.cospi(mp.sqrt(z) / 2)

    def exp_remainder(x: mp.mpf) -> mp.mpf:
        return mp.mpf(1) / 2 if abs(x) < mp.mpf(10) ** -20 else (mp.expm1(x) - x) / (x * x)

    quarter = mp.mpf(1) / 4
    cosines = rounded_in_turn(2, twice_cosine, quarter, 6, lambda z: 1 / twice_cosine(z))
    anchors, tails = zip(*(tail(piece) for piece in range(3)), strict=True)
    nodes, weights = gauss_legendre(16)

    def row(name: str, kind: str, values: list[mp.mpf], meaning: str) -> Constant:
        return Constant(name, kind, (spelled(kind, values),), meaning)

    return [
        row("MINUS_2_LN2_F32", "f32", [-2 * ln2], "-2 ln 2"),
        polynomial(
            "LOG_F32",
            "f32",
            log_remainder_f32,
            low,
            high,
            8,
            "(-2 ln(1 + f) + 2 f) / f^2 in f; error relative to -2 ln(1 + f)",
            lambda f: f * f / (2 * mp.log1p(f)),
        ),
        polynomial("SIN_F32", "f32", sine, 0, mp.mpf(1) / 16, 3, "sin(pi y) / y in y^2"),
        polynomial(
            "COS_F32",
            "f32",
            cosine,
            0,
            mp.mpf(1) / 16,
            3,
            "(cos(pi y) - 1) / y^2 in y^2; error of the cosine",
            lambda z: z,
        ),
        polynomial("CENTRAL_F32", "f32", central, 0, mp.mpf(1) / 16, 6, "z / c in c^2"),
        transposed(
            stacked(
                "OCTAVE_F32",
                "row d, column j: coefficient of (m - 3/2)^d in z, p = m 2^(-3-j), 1 <= m < 2",
                [octave(j) for j in range(OCTAVES)],
            )
        ),
        row("LN2_HIGH", "f64", [ln2_high], "ln 2, its first 32 bits"),
        row("LN2_LOW", "f64", [ln2 - ln2_high], "ln 2 - LN2_HIGH"),
        polynomial(
            "LOG_F64",
            "f64",
            log_remainder_f64,
            0,
            z_log,
            6,
            "(2 atanh(s) - 2 s) / s^3 in s^2; error relative to 2 atanh(s)",
            lambda z: z / 2,
        ),
        row("MINUS_HALF_LN2", "f64", [-half_ln2], "-ln 2 / 2"),
        polynomial("SIN_F64", "f64", twice_sine, 0, quarter, 6, "2 sin(pi y / 2) / y in y^2"),
        Constant(
            "COS_F64",
            "f64",
            (spelled("f64", cosines),),
            "2 cos(pi y / 2) in y^2",
            largest_error(twice_cosine, cosines, mp.mpf(0), quarter, lambda z: 1 / twice_cosine(z)),
        ),
        polynomial("CENTRAL_F64", "f64", central, 0, mp.mpf(1) / 16, 13, "z / c in c^2"),
        row("TAIL_ANCHOR", "f64", list(anchors), "a of each tail piece"),
        stacked(
            "TAIL_F64", "row i: z / r in t = (r - a) / (r + a), a = TAIL_ANCHOR[i]", list(tails)
        ),
        row("LOG2_E", "f64", [1 / ln2], "1 / ln 2"),
        polynomial(
            "EXP_F64",
            "f64",
            exp_remainder,
            -half_ln2,
            half_ln2,
            11,
            "(exp(x) - 1 - x) / x^2 in x; error of exp",
            lambda x: x * x,
        ),
        row("INV_SQRT_2PI", "f64", [1 / mp.sqrt(2 * mp.pi)], "1 / sqrt(2 pi)"),
        polynomial(
            "MILLS_F64",
            "f64",
            mills,
            -1,
            (MILLS_END - MILLS_SHIFT) / (MILLS_END + MILLS_SHIFT),
            23,
            "(x + 4) (1 - Phi(x)) / phi(x) in t = (x - 4) / (x + 4)",
        ),
        row("GAUSS_NODE", "f64", nodes, "positive nodes of the 16-point Gauss-Legendre rule"),
        row("GAUSS_WEIGHT", "f64", weights, "their weights"),
    ]


def header(table: list[Constant]) -> str:
    lines = [
        "/* Constants of the stream's transforms, coefficients lowest degree first. Written by",
        " * tools/fit_transforms.py, which derives each one; docs/stream-v1.md prints the same",
        " * table and says where each is used. */",
        "#ifndef INITCORE_CONSTANTS_H",
        "#define INITCORE_CONSTANTS_H",
        "/* clang-format off */",
        "",
    ]
    for item in table:
        ctype, suffix = ("float", "f") if item.kind == "f32" else ("double", "")
        lines.append(f"/* {item.meaning} */")
        if len(item.rows) == 1 and len(item.rows[0]) == 1:
            lines.append(f"#define IC_{item.name} {item.rows[0][0]}{suffix}")
        else:
            extent = f"[{len(item.rows[0])}]"
            if len(item.rows) > 1:
                extent = f"[{len(item.rows)}]{extent}"
            lines.append(f"static const {ctype} IC_{item.name}{extent} = {{")
            for values in item.rows:
                inner = wrapped([f"{value}{suffix}" for value in values])
                lines += [f"    {{{inner}}}," if len(item.rows) > 1 else f"    {inner},"]
            lines.append("};")
        lines.append("")
    lines.append("#endif")
    return "\n".join(lines)


def wrapped(values: list[str]) -> str:
    groups = [", ".join(values[i : i + 4]) for i in range(0, len(values), 4)]
    return ",\n     ".join(groups)


def markdown(table: list[Constant]) -> str:
    lines = []
    for item in table:
        lines += [f"`{item.name}` ({item.kind}): {item.meaning}.", "", "```"]
        lines += [" ".join(row) for row in item.rows]
        lines += ["```", ""]
    return "\n".join(lines)


def errors(table: list[Constant]) -> str:
    return "\n".join(
        f"{item.name:16} {mp.nstr(item.error, 3)}" for item in table if item.error is not None
    )


if __name__ == "__main__":
    forms = {"header": header, "markdown": markdown, "errors": errors}
    if len(sys.argv) != 2 or sys.argv[1] not in forms:
        sys.exit(f"usage: fit_transforms.py {'|'.join(forms)}")
    print(forms[sys.argv[1]](constants()))
