"""A slow implementation of docs/compute-v1.md, written from that page alone.

Numbers are NumPy scalars of the type; fma goes through exact fractions, so nothing here depends
on the machine's own.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

BLOCK = 256
ROW_BLOCK = 256
LANES = 16
SEGMENT = 4096

CONSTANTS = {
    np.float32: {
        "round": 1.5 * 2.0**23,
        "log2e": float.fromhex("0x1.715476p+0"),
        "ln2_high": float.fromhex("0x1.62e43p-1"),
        "ln2_low": float.fromhex("-0x1.05c61p-29"),
        "exp_low": -104.0,
        "exp_high": 89.0,
        "tanh_high": 9.1,
        "bias": 127,
        "shift": 23,
        "least": 2.0**-126,
        "expm1": "0x1.6d990ap-10 0x1.1227fep-7 0x1.555486p-5 0x1.5554bp-3 0x1p-1",
        "log": "0x1.e2f664p-3 0x1.2438d8p-2 0x1.999a7ap-2 0x1.555554p-1",
    },
    np.float64: {
        "round": 1.5 * 2.0**52,
        "log2e": float.fromhex("0x1.71547652b82fep+0"),
        "ln2_high": float.fromhex("0x1.62e42fefa39efp-1"),
        "ln2_low": float.fromhex("0x1.abc9e3b39803fp-56"),
        "exp_low": -746.0,
        "exp_high": 710.0,
        "tanh_high": 20.0,
        "bias": 1023,
        "shift": 52,
        "least": 2.0**-1022,
        "expm1": "0x1.1f954f019afcap-29 0x1.af5ebf367fdbap-26 0x1.27e4c5adbf209p-22 "
        "0x1.71ddf8537ee9fp-19 0x1.a01a01b0b126p-16 0x1.a01a01afe5357p-13 0x1.6c16c16c14463p-10 "
        "0x1.111111110f6aep-7 0x1.555555555555ap-5 0x1.5555555555559p-3 0x1p-1",
        "log": "0x1.2f056395f5a67p-3 0x1.39a1bab2e7e3cp-3 0x1.74663ee8bc916p-3 "
        "0x1.c71c52095abb5p-3 0x1.24924941f1295p-2 0x1.999999997fdb7p-2 0x1.5555555555592p-1",
    },
}


def round_fraction(value: Fraction, kind: type) -> Any:
    """A non-zero fraction rounded to the type, to nearest, ties to even."""
    digits, least_exponent = (24, -149) if kind is np.float32 else (53, -1074)
    size = abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if Fraction(2) ** exponent > size:
        exponent -= 1
    unit = max(exponent - digits + 1, least_exponent)
    whole = round(size / Fraction(2) ** unit)  # Python rounds ties to even
    with np.errstate(over="ignore"):
        try:
            result = kind(float(whole * Fraction(2) ** unit))
        except OverflowError:
            result = kind(np.inf)
    return -result if value < 0 else result


def fma(a: Any, b: Any, c: Any) -> Any:
    kind = type(a)
    if not (np.isfinite(a) and np.isfinite(b) and np.isfinite(c)):
        with np.errstate(all="ignore"):
            # nothing is rounded where an operand is infinite or NaN; a finite product must not
            # overflow on the way
            product = a * b if not (np.isfinite(a) and np.isfinite(b)) else kind(0)
            return product + c
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if exact != 0:
        return round_fraction(exact, kind)
    if a == 0 or b == 0:  # the sum of two signed zeros
        return a * b + c
    return kind(0)  # x + (-x)


def total(a: Sequence[Any], b: Sequence[Any], kind: type, old: Any = None) -> Any:
    result = old
    for start in range(0, max(len(a), 1), BLOCK):
        block = kind(0)
        for x, y in zip(a[start : start + BLOCK], b[start : start + BLOCK], strict=True):
            block = fma(x, y, block)
        result = block if result is None else result + block
    return result


def poly(coefficients: str, x: Any) -> Any:
    values = [type(x)(float.fromhex(c)) for c in coefficients.split()]
    result = values[0]
    for value in values[1:]:
        result = fma(result, x, value)
    return result


def word_of(kind: type) -> type:
    return np.uint32 if kind is np.float32 else np.uint64


def pow2(t: Any) -> Any:
    kind = type(t)
    word, c = word_of(kind), CONSTANTS[kind]
    mask = (1 << np.dtype(word).itemsize * 8) - 1
    bits = (int(t.view(word)) << c["shift"]) + int(kind(1).view(word))
    return word(bits & mask).view(kind)


def reduce(x: Any) -> tuple[Any, Any, Any]:
    kind = type(x)
    c = CONSTANTS[kind]
    t = fma(x, kind(c["log2e"]), kind(c["round"]))
    n = t - kind(c["round"])
    r = fma(n, kind(-c["ln2_high"]), x)
    r = fma(n, kind(-c["ln2_low"]), r)
    return n, t, fma(r * r, poly(c["expm1"], r), r)


def exp(x: Any) -> Any:
    kind = type(x)
    c = CONSTANTS[kind]
    if np.isnan(x):
        return x
    x = min(max(x, kind(c["exp_low"])), kind(c["exp_high"]))
    n, _, p = reduce(x)
    magic = kind(c["round"])
    half = fma(n, kind(0.5), magic)
    rest = n - (half - magic)
    return ((kind(1) + p) * pow2(half)) * pow2(rest + magic)


def tanh(x: Any) -> Any:
    kind = type(x)
    if np.isnan(x):
        return x
    a = min(abs(x), kind(CONSTANTS[kind]["tanh_high"]))
    _, t, p = reduce(a + a)
    power = pow2(t)
    m = fma(power, p, power - kind(1))
    return np.copysign(m / (m + kind(2)), x)


def sigmoid(x: Any) -> Any:
    kind = type(x)
    e = exp(kind(0) - abs(x))
    return (e if x < 0 else kind(1)) / (kind(1) + e)


def log_joined(e: Any, f: Any) -> Any:
    """e ln 2 + log(1 + f)."""
    kind = type(f)
    c = CONSTANTS[kind]
    s = f / (kind(2) + f)
    z = s * s
    rest = z * poly(c["log"], z)
    h = (kind(0.5) * f) * f
    inner = fma(s, h + rest, e * kind(c["ln2_low"]))
    return fma(e, kind(c["ln2_high"]), f - (h - inner))


def log(x: Any) -> Any:
    kind = type(x)
    c = CONSTANTS[kind]
    if np.isnan(x) or x == np.inf:
        return x
    if x <= 0:
        return kind(-np.inf) if x == 0 else kind(np.nan)
    small = x < kind(c["least"])
    bits = int((x * kind(2.0**54) if small else x).view(word_of(kind)))
    e = kind((bits >> c["shift"]) - c["bias"])
    if small:
        e = e - kind(54)
    field = bits & ((1 << c["shift"]) - 1)
    m = word_of(kind)(field | int(kind(1).view(word_of(kind)))).view(kind)
    if kind(float.fromhex("0x1.6a09e667f3bcdp+0")) < m:
        e, m = e + kind(1), m * kind(0.5)
    return log_joined(e, m - kind(1))


def phi(name: str, slope: float, z: Any) -> Any:
    kind = type(z)
    if name == "relu":
        return kind(0) if z < 0 else z
    if name == "leaky_relu":
        return kind(slope) * z if z < 0 else z
    return {"identity": lambda v: v, "tanh": tanh, "sigmoid": sigmoid}[name](z)


def dphi(name: str, slope: float, y: Any, dy: Any) -> Any:
    kind = type(y)
    if name in ("relu", "leaky_relu"):
        if y > 0:
            return dy
        if y <= 0:
            return kind(0) if name == "relu" else kind(slope) * dy
        return y
    if name == "tanh":
        return dy * fma(kind(0) - y, y, kind(1))
    if name == "sigmoid":
        return dy * (y * (kind(1) - y))
    return dy


def dense_forward(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None, name: str, slope: float = 0.01
) -> np.ndarray:
    kind = x.dtype.type
    y = np.empty((len(x), len(w)), kind)
    with np.errstate(all="ignore"):
        for i in range(len(x)):
            for j in range(len(w)):
                z = total(x[i], w[j], kind)
                if b is not None:
                    z = z + b[j]
                y[i, j] = phi(name, slope, z)
    return y


def dense_backward(
    dy: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    name: str,
    slope: float = 0.01,
    old: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kind = dy.dtype.type
    dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty(len(w), kind)
    dz = np.empty_like(y)
    ones = np.ones(len(x), kind)
    with np.errstate(all="ignore"):
        for index in np.ndindex(*y.shape):
            dz[index] = dphi(name, slope, y[index], dy[index])
        for i, k in np.ndindex(*dx.shape):
            dx[i, k] = total(dz[i], w[:, k], kind, None if old is None else old[0][i, k])
        for j, k in np.ndindex(*dw.shape):
            dw[j, k] = total(dz[:, j], x[:, k], kind, None if old is None else old[1][j, k])
        for j in range(len(db)):
            db[j] = total(dz[:, j], ones, kind, None if old is None else old[2][j])
    return dx, dw, db


def lanes_sum(row: Sequence[Any], kind: type, squares: bool = False) -> Any:
    result = None
    for start in range(0, len(row), SEGMENT):
        lanes = [kind(0)] * LANES
        for i, value in enumerate(row[start : start + SEGMENT]):
            lane = lanes[i % LANES]
            lanes[i % LANES] = fma(value, value, lane) if squares else lane + value
        half = LANES // 2
        while half:
            for i in range(half):
                lanes[i] = lanes[i] + lanes[i + half]
            half //= 2
        result = lanes[0] if result is None else result + lanes[0]
    return result


def mean_over_rows(rows: Sequence[Any], count: int) -> float:
    result = None
    for start in range(0, len(rows), ROW_BLOCK):
        block = 0.0
        for value in rows[start : start + ROW_BLOCK]:
            block += float(value)
        result = block if result is None else result + block
    assert result is not None
    return result / count


def softmax_cross_entropy(z: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    kind = z.dtype.type
    scale = kind(1.0 / len(z))
    d = np.empty_like(z)
    losses = []
    with np.errstate(all="ignore"):
        for i, label in enumerate(labels):
            largest = max(z[i])
            e = [exp(value - largest) for value in z[i]]
            s = lanes_sum(e, kind)
            losses.append(log(s) - (z[i, label] - largest))
            for j in range(z.shape[1]):
                d[i, j] = (e[j] / s - kind(1) if j == label else e[j] / s) * scale
    return mean_over_rows(losses, len(z)), d


def mean_squared_error(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    kind = y.dtype.type
    difference = y - target
    rows = [lanes_sum(row, kind, squares=True) for row in difference]
    return mean_over_rows(rows, y.size), difference * kind(2.0 / y.size)


def sgd(
    p: np.ndarray, g: np.ndarray, v: np.ndarray | None, lr: float, momentum: float
) -> tuple[np.ndarray, np.ndarray | None]:
    kind = p.dtype.type
    if v is not None:
        v = np.array([fma(kind(momentum), a, b) for a, b in zip(v, g, strict=True)], kind)
    direction = g if v is None else v
    return np.array([fma(kind(-lr), a, b) for a, b in zip(direction, p, strict=True)], kind), v
