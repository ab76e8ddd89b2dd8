"""Stream v1 written from docs/stream-v1.md alone: slow, plain, one element at a time.

It shares no code with the package; even its constants are read from that page. In f32, numbers
are numpy.float32 scalars; in f64, Python floats.
"""

import math
import re
import struct
import unicodedata
from hashlib import blake2b
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[1] / "docs" / "stream-v1.md"
F32 = np.float32
HALF = F32(0.5)


def constants_of_page() -> dict[str, list]:
    """Every table of the page's last section, by name: a row, or a list of rows."""
    section = PAGE.read_text(encoding="utf-8").split("\n## Constants\n")[1]
    found = {}
    for name, kind, body in re.findall(r"`(\w+)` \((f32|f64)\).*?```\n(.*?)```", section, re.S):
        convert = F32 if kind == "f32" else float
        rows = [[convert(float.fromhex(x)) for x in row.split()] for row in body.splitlines()]
        found[name] = rows[0] if len(rows) == 1 else rows
    return found


C = constants_of_page()


def bits32(x: np.float32) -> int:
    return struct.unpack("<I", struct.pack("<f", x))[0]


def from_bits32(bits: int) -> np.float32:
    return F32(struct.unpack("<f", struct.pack("<I", bits))[0])


def bits64(x: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def from_bits64(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def sqrt32(x: np.float32) -> np.float32:
    """Rounding the f64 root is the correctly rounded f32 root: 53 >= 2 * 24 + 2."""
    return F32(math.sqrt(float(x)))


def poly(table: list, x: object) -> object:
    p = table[-1]
    for coefficient in table[-2::-1]:
        p = (p * x) + coefficient
    return p


def stream_id(path: tuple[str, ...], kind: str = "value") -> int:
    message = b""
    for text in ("initcore-stream-v1", kind, *path):
        data = unicodedata.normalize("NFC", text).encode("utf-8")
        message += struct.pack("<I", len(data)) + data
    return int.from_bytes(blake2b(message, digest_size=8).digest(), "little")


def philox(counter: list[int], key: list[int]) -> list[int]:
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            (p1 >> 32) ^ c1 ^ k0,
            p1 & 0xFFFFFFFF,
            (p0 >> 32) ^ c3 ^ k1,
            p0 & 0xFFFFFFFF,
        )
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return [c0, c1, c2, c3]


def split(x: int) -> list[int]:
    return [x & 0xFFFFFFFF, x >> 32]


# ---- f32 ----


def radius32(a: int) -> np.float32:
    k = a >> 1
    u = (F32(k) + HALF) * F32(2.0**-31)
    s = (bits32(u) + 0x3F800000 - 0x3F3504F3) % 2**32
    e = (s >> 23) - 127
    m = from_bits32((s & 0x7FFFFF) + 0x3F3504F3)
    f = m - F32(1) if e != 0 else (F32(2**31 - 1 - k) + HALF) * F32(-(2.0**-31))
    tail = ((f * f) * poly(C["LOG_F32"], f)) - (f + f)
    return sqrt32((F32(e) * C["MINUS_2_LN2_F32"][0]) + tail)


def direction32(b: int) -> tuple[np.float32, np.float32]:
    y = (F32(b >> 3) + HALF) * F32(2.0**-31)
    z = y * y
    s = poly(C["SIN_F32"], z) * y
    c = (poly(C["COS_F32"], z) * z) + F32(1)
    return octant(c, s, b)


def octant(c: object, s: object, bits: int) -> tuple:
    if bits & 1:
        c, s = s, c
    return (-c if bits & 2 else c), (-s if bits & 4 else s)


def quantile32(p: np.float32, c: np.float32) -> np.float32:
    if p >= F32(0.25):
        return poly(C["CENTRAL_F32"], c * c) * c
    mantissa, exponent = math.frexp(float(p))
    m, j = 2 * mantissa, -3 - (exponent - 1)
    return poly([row[j] for row in C["OCTAVE_F32"]], F32(m - 1.5))


# ---- f64 ----


def log(x: float) -> float:
    s = (bits64(x) + 0x3FF0000000000000 - 0x3FE6A09E667F3BCD) % 2**64
    e = float((s >> 52) - 1023)
    m = from_bits64((s & 0xFFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD)
    f = m - 1
    s = f / (2 + f)
    z = s * s
    h = (0.5 * f) * f
    q = (s * (h + (z * poly(C["LOG_F64"], z)))) + (e * C["LN2_LOW"][0])
    return (e * C["LN2_HIGH"][0]) + (f - (h - q))


def exp_minus(y: float) -> float:
    k = int((y * C["LOG2_E"][0]) + 0.5)
    x = ((k * C["LN2_HIGH"][0]) - y) + (k * C["LN2_LOW"][0])
    return (1 + (x + ((x * x) * poly(C["EXP_F64"], x)))) * 2.0**-k


def upper(x: float) -> float:
    if x == 0:
        return 0.5
    if x > 37.5:
        return 0.0
    h = float(F32(x))
    bell = exp_minus(0.5 * (h * h)) * exp_minus(0.5 * ((x - h) * (x + h)))
    t = (x - 4) / (x + 4)
    return (poly(C["MILLS_F64"], t) / (x + 4)) * (C["INV_SQRT_2PI"][0] * bell)


def quantile(p: float, c: float) -> float:
    if p >= 0.25:
        return c * poly(C["CENTRAL_F64"], c * c)
    r = math.sqrt(-2 * log(p))
    i = 0 if r < 4.25 else 2 if r >= 11.5 else 1
    a = C["TAIL_ANCHOR"][i]
    return r * poly(C["TAIL_F64"][i], (r - a) / (r + a))


def half_radius64(x: int) -> float:
    u = ((x & (2**52 - 1)) + 0.5) * 2.0**-52
    s = (bits64(u) + 0x3FF0000000000000 - 0x3FE6A09E667F3BCD) % 2**64
    e = float((s >> 52) - 1023)
    m = from_bits64((s & 0xFFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD)
    s = (1 - m) / (1 + m)
    z = s * s
    p = poly([coefficient / 2 for coefficient in C["LOG_F64"]], z)
    return math.sqrt(((p * (z * s)) + s) + (e * C["MINUS_HALF_LN2"][0]))


def twice_direction64(x: int) -> tuple[float, float]:
    """Cosine and sine, before the bits that name the quarter of the circle."""
    y = (((x & (2**52 - 1)) | 1) - 2**51) * 2.0**-52
    z = y * y
    return poly(C["COS_F64"], z), poly(C["SIN_F64"], z) * y


REACH_F32 = radius32(0)
REACH_F64 = 2 * half_radius64(0)


def cells(alpha: float, beta: float, n: int) -> tuple[int, list[tuple[float, float, float]]]:
    """T, and (edge, scale, center) of the lower and the upper half."""
    edge, inner = [0.0, 0.0], [0.0, 0.0]
    if alpha < 0:
        edge[0] = upper(-alpha)
        inner[0] = upper(-beta) if beta < 0 else 0.5
    if beta > 0:
        edge[1] = upper(beta)
        inner[1] = upper(alpha) if alpha > 0 else 0.5
    mass = [inner[0] - edge[0], inner[1] - edge[1]]
    if mass[0] + mass[1] < 2.0**-960:
        raise ValueError("no probability between the bounds")
    t = int((mass[0] / (mass[0] + mass[1])) * n + 0.5)
    halves = [
        (edge[i], mass[i] / count if count else 0.0, 0.5 - inner[i])
        for i, count in enumerate((t, n - t))
    ]
    return t, halves


def cell(k: int, t: int, n: int) -> tuple[int, int, int]:
    """Which half, and the cell's number from its outer and from its inner end."""
    if k < t:
        return 0, k, t - 1 - k
    q = n - 1 - k
    return 1, q, n - t - 1 - q


def held(v: object, low: object, high: object) -> object:
    return low if v < low else high if v > high else v


class Stream:
    """One stream; every method gives one element, as a number of the named type."""

    def __init__(self, seed: int, path: tuple[str, ...] = (), kind: str = "value") -> None:
        self.key = split(seed)
        self.id = split(stream_id(path, kind))

    def block(self, b: int) -> list[int]:
        return philox([*split(b), *self.id], self.key)

    def word32(self, i: int) -> int:
        return self.block(i >> 2)[i & 3]

    def word64(self, i: int) -> int:
        w = self.block(i >> 1)
        return w[2 * (i & 1)] | w[2 * (i & 1) + 1] << 32

    def uniform32(self, i: int, low: float, high: float) -> np.float32:
        low, high = F32(low), F32(high)
        u = F32(self.word32(i) >> 8) * F32(2.0**-24)
        v = low + (u * (high - low))
        if low == high:
            return low
        return v if v < high else np.nextafter(high, F32(-np.inf))

    def uniform64(self, i: int, low: float, high: float) -> float:
        v = low + ((self.word64(i) >> 11) * 2.0**-53) * (high - low)
        if low == high:
            return low
        return v if v < high else math.nextafter(high, -math.inf)

    def normal32(self, i: int, mean: float, std: float) -> np.float32:
        w = self.block(i >> 2)
        a, b = w[:2] if i & 2 == 0 else w[2:]
        return ((radius32(a) * direction32(b)[i & 1]) * F32(std)) + F32(mean)

    def normal64(self, i: int, mean: float, std: float) -> float:
        w = self.block(i >> 1)
        x0, x1 = w[1] | w[0] << 32, w[3] | w[2] << 32
        r = half_radius64(x0) * std
        exchange, half_turn = x0 >> 63, x1 >> 63
        along = twice_direction64(x1)[(i & 1) ^ exchange]
        return ((-r if half_turn else r) * along) + mean

    def truncated_normal64(self, i: int, mean: float, std: float, low: float, high: float) -> float:
        if (-REACH_F64 * std) + mean >= low and (REACH_F64 * std) + mean <= high:
            return self.normal64(i, mean, std)
        n = 2**52
        t, halves = cells((low - mean) / std, (high - mean) / std, n)
        half, q, rest = cell(self.word64(i) >> 12, t, n)
        edge, scale, center = halves[half]
        z = quantile(edge + ((q + 0.5) * scale), center + ((rest + 0.5) * scale))
        return held(((z if half else -z) * std) + mean, low, high)

    def truncated_normal32(
        self, i: int, mean: float, std: float, low: float, high: float
    ) -> np.float32:
        mean32, std32, low32, high32 = F32(mean), F32(std), F32(low), F32(high)
        if (-REACH_F32 * std32) + mean32 >= low32 and (REACH_F32 * std32) + mean32 <= high32:
            return self.normal32(i, mean, std)
        n = 2**31
        t, halves = cells((low - mean) / std, (high - mean) / std, n)
        used = [halves[half] for half, count in enumerate((t, n - t)) if count]
        half, q, rest = cell(self.word32(i) >> 1, t, n)
        if all(F32(edge) + (HALF * F32(scale)) >= 2.0**-34 for edge, scale, _ in used):
            edge, scale, center = (F32(x) for x in halves[half])
            p = edge + ((F32(q) + HALF) * scale)
            z = quantile32(p, center + ((F32(rest) + HALF) * scale))
            v = ((z if half else -z) * std32) + mean32
        else:
            edge, scale, center = halves[half]
            z = quantile(edge + ((q + 0.5) * scale), center + ((rest + 0.5) * scale))
            v = F32(((z if half else -z) * std) + mean)
        return held(v, low32, high32)

    def sign(self, i: int, scale: float) -> float:
        j = i % 128
        word = self.block(i >> 7)[j >> 5]
        return -scale if word >> (j & 31) & 1 else scale

    def stays(self, i: int, p: float) -> bool:
        return self.word32(i) < int(p * 2.0**32 + 0.5)

    def place(self, row: int, column: int, n: int) -> int:
        x = row
        for q in range(24):
            w0, w1, w2, _ = self.block(24 * column + q)
            partner = ((w0 * n >> 32) - x) % n
            if (w1 * max(x, partner) + w2) >> 31 & 1:
                x = partner
        return x
