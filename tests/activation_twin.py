"""A slow implementation of the activations of docs/compute-v1.md, written from that page alone."""

from typing import Any

import numpy as np
from compute_twin import (
    CONSTANTS,
    dphi,
    exp,
    fma,
    log_joined,
    phi,
    poly,
    pow2,
    reduce,
    sigmoid,
    tanh,
)

F = float.fromhex
MORE: dict[type, dict[str, Any]] = {
    np.float32: {
        "expm1_low": -18.2,
        "erf_high": 10.2,
        "normal_high": 14.5,
        "sin_high": 2.0**20,
        "square_high": 2.0**60,
        "pi": (F("0x1.921fb6p+1"), F("-0x1.777a5cp-24"), F("-0x1.ee59dap-49")),
        "1/pi": F("0x1.45f306p-2"),
        "pi/4": (F("0x1.921fb6p-1"), F("-0x1.777a5cp-26")),
        "erf": "0x1.496a32p-14 -0x1.a3f7p-11 0x1.5405b2p-8 -0x1.b7f90ep-6 0x1.ce2cf8p-4 "
        "-0x1.81273ep-2 0x1.06eba8p-3",
        "erfc": "-0x1.1544dcp-11 0x1.7cc6dap-11 0x1.164a74p-8 -0x1.8faf1ep-6 "
        "0x1.258e1cp-4 -0x1.336ff4p-3 0x1.f6ff1p-3 -0x1.4e102cp-2 0x1.6e9828p-3",
        "atan": "0x1.4a23ecp-4 -0x1.1c4206p-3 0x1.9925d6p-3 -0x1.555458p-2",
        "sin": "0x1.5dbd6ep-19 -0x1.9f6ff6p-13 0x1.110ed4p-7 -0x1.55554cp-3",
    },
    np.float64: {
        "expm1_low": -40.0,
        "erf_high": 27.0,
        "normal_high": 38.5,
        "sin_high": 2.0**30,
        "square_high": 2.0**500,
        "pi": (F("0x1.921fb54442d18p+1"), F("0x1.1a62633145c07p-53"), F("-0x1.f1976b7ed8fbcp-109")),
        "1/pi": F("0x1.45f306dc9c883p-2"),
        "pi/4": (F("0x1.921fb54442d18p-1"), F("0x1.1a62633145c07p-55")),
        "erf": "-0x1.abae5686cb12dp-31 0x1.d71b135557dcdp-27 -0x1.5c0727813bd44p-23 "
        "0x1.b97fd3ef074a2p-20 -0x1.f4ca4d7127366p-17 0x1.f9a2baa9197afp-14 "
        "-0x1.c02db03dd7f83p-11 0x1.565bccf92b334p-8 -0x1.b82ce311fa93ep-6 "
        "0x1.ce2f21a040d16p-4 -0x1.812746b0379bdp-2 0x1.06eba8214db68p-3",
        "erfc": "-0x1.39fc72fb705d2p-31 -0x1.014ca6068c53ep-26 0x1.b1f0311cd63b5p-25 "
        "0x1.6311f9cb59d9fp-25 -0x1.057a0a521921bp-22 -0x1.3f221ed09bfc5p-22 "
        "0x1.516e089a299c4p-20 0x1.1c88bcd959109p-19 -0x1.0bbd295dd40f7p-17 "
        "-0x1.af85304c2a86cp-17 0x1.0cac5cd828accp-14 0x1.7ba0ed9d7ea0bp-15 "
        "-0x1.39084cb8f8037p-11 0x1.73101e99effddp-11 0x1.17c838eefda8fp-8 "
        "-0x1.8fa58eb5e5b53p-6 0x1.258b13b017886p-4 -0x1.336ffbef08accp-3 "
        "0x1.f6ff204105976p-3 -0x1.4e102b9cf8514p-2 0x1.6e9827d229d2dp-3",
        "atan": "-0x1.259d3295c578bp-6 0x1.37ed35caeda69p-5 -0x1.9cdc229b99f61p-5 "
        "0x1.df11667fce124p-5 -0x1.10ebdd8b473abp-4 0x1.3b111c62a8313p-4 "
        "-0x1.745cf90afb597p-4 0x1.c71c70e7a0fe7p-4 -0x1.24924922b11c9p-3 "
        "0x1.99999999958eap-3 -0x1.555555555553dp-2",
        "sin": "0x1.88294d8ecec96p-49 -0x1.ae431a7dcbe03p-41 0x1.6123cb1d5671ap-33 "
        "-0x1.ae6454cb29e2dp-26 0x1.71de3a5287668p-19 -0x1.a01a01a0148afp-13 "
        "0x1.11111111110c1p-7 -0x1.5555555555555p-3",
    },
}
SELU_ABOVE = 1.0507009873554804934193349852946
SELU_BELOW = 1.7580993408473768599402175208123
HEIGHT, SLOPE = 1.7159, 2.0 / 3.0
QUICK = 1.702
CUBIC, CUBE = 1.5957691216057307117597842397375, 0.044715


def clip(x: Any, low: Any, high: Any) -> Any:
    x = low if x < low else x
    return high if high < x else x


def expm1_below(x: Any) -> Any:
    kind = type(x)
    if np.isnan(x):
        return x
    _, t, p = reduce(max(x, kind(MORE[kind]["expm1_low"])))
    power = pow2(t)
    return fma(power, p, power - kind(1))


def log1p(u: Any) -> Any:
    kind = type(u)
    if kind(F("0x1.a827999fcef32p-2")) < u:
        return log_joined(kind(1), (u - kind(1)) * kind(0.5))
    return log_joined(kind(0), u)


def erf_near(a: Any) -> Any:
    return fma(a, poly(MORE[type(a)]["erf"], a * a), a)


def erfc_scaled(a: Any) -> Any:
    three = type(a)(3)
    return poly(MORE[type(a)]["erfc"], (a - three) / (a + three))


def exp_minus_square(a: Any, scale: Any) -> Any:
    zero, square = type(a)(0), a * a
    rest = fma(a, a, zero - square)
    e = exp(zero - scale * square)
    return fma(zero - e, scale * rest, e)


def erf(x: Any) -> Any:
    kind = type(x)
    if np.isnan(x):
        return x
    a = min(abs(x), kind(MORE[kind]["erf_high"]))
    if a < 1:
        return np.copysign(erf_near(a), x)
    return np.copysign(kind(1) - exp_minus_square(a, kind(1)) * erfc_scaled(a), x)


def normal_cdf(z: Any) -> tuple[Any, Any]:
    kind = type(z)
    half = kind(0.5)
    a = min(abs(z), kind(MORE[kind]["normal_high"]))
    u = a * kind(F("0x1.6a09e667f3bcdp-1"))
    density = exp_minus_square(a, half)
    if u < 1:
        near = half * erf_near(u)
        return (half - near if z < 0 else half + near), density
    tail = (half * density) * erfc_scaled(u)
    return (tail if z < 0 else kind(1) - tail), density


def atan(x: Any) -> Any:
    kind = type(x)
    if np.isnan(x):
        return x
    a, one = abs(x), kind(1)
    above, under, quarters = a, one, kind(0)
    if kind(F("0x1.3504f333f9de6p+1")) < a:
        above, under, quarters = kind(-1), a, kind(2)
    elif kind(F("0x1.a827999fcef32p-2")) < a:
        above, under, quarters = a - one, a + one, one
    t = above / under
    z = t * t
    high, low = (kind(part) for part in MORE[kind]["pi/4"])
    rest = fma(quarters, low, fma(t * z, poly(MORE[kind]["atan"], z), t))
    return np.copysign(fma(quarters, high, rest), x)


def sin_reduced(x: Any, k: Any, h: Any) -> Any:
    kind = type(x)
    if not abs(x) <= kind(MORE[kind]["sin_high"]):
        return kind(np.nan)
    r = x
    for part in MORE[kind]["pi"]:
        r = fma(h, kind(-part), r)
    z = r * r
    s = fma(r * z, poly(MORE[kind]["sin"], z), r)
    return s * kind(-1 if int(k) % 2 else 1)


def sin(x: Any) -> Any:
    kind = type(x)
    if x == 0:
        return x
    magic = kind(CONSTANTS[kind]["round"])
    k = fma(x, kind(MORE[kind]["1/pi"]), magic) - magic
    return sin_reduced(x, k, k)


def cos(x: Any) -> Any:
    kind = type(x)
    magic = kind(CONSTANTS[kind]["round"])
    k = (fma(x, kind(MORE[kind]["1/pi"]), kind(-0.5)) + magic) - magic
    return kind(0) - sin_reduced(x, k, k + kind(0.5))


def softplus(u: Any) -> Any:
    kind = type(u)
    return (kind(0) if u < 0 else u) + log1p(exp(kind(0) - abs(u)))


def sigmoids(u: Any) -> tuple[Any, Any]:
    kind = type(u)
    e = exp(kind(0) - abs(u))
    large, small = kind(1) / (kind(1) + e), e / (kind(1) + e)
    return (small, large) if u < 0 else (large, small)


def share(z: Any, part: Any, u: Any, end: Any) -> Any:
    return type(z)(-0.0) if u < end else z * part


def gelu_cubic(z: Any) -> Any:
    kind = type(z)
    return z * fma(kind(CUBIC * CUBE), z * z, kind(CUBIC))


def squareplus(z: Any, b: Any) -> tuple[Any, Any]:
    kind = type(z)
    root = np.sqrt(fma(z, z, b))
    if kind(MORE[kind]["square_high"]) < abs(z):
        root = abs(z)
    if z < 0:
        return (kind(0.5) * b) / (root + abs(z)), root
    return kind(0.5) * (z + root), root


def mish_share(z: Any) -> tuple[Any, Any]:
    kind = type(z)
    n = exp(kind(0) - abs(z))
    if z < 0:
        above, gap = n * (n + kind(2)), kind(2)
    else:
        above, gap = fma(kind(2), n, kind(1)), kind(2) * (n * n)
    return above / (above + gap), gap / (above + gap)


def forward(name: str, a: float, b: float, z: Any) -> Any:
    """phi(z)."""
    kind = type(z)
    first, second, low = kind(a), kind(b), kind(CONSTANTS[kind]["exp_low"])
    six = kind(6)
    if name in ("identity", "relu", "leaky_relu", "tanh", "sigmoid"):
        return phi(name, a, z)
    if np.isnan(z):
        return z
    formulas = {
        "relu6": lambda: clip(z, kind(0), six),
        "hardtanh": lambda: clip(z, first, second),
        "hardsigmoid": lambda: clip(z + kind(3), kind(0), six) / six,
        "softsign": lambda: z / (kind(1) + abs(z)) if abs(z) < np.inf else np.copysign(kind(1), z),
        "elu": lambda: first * expm1_below(z) if z < 0 else z,
        "selu": lambda: kind(SELU_BELOW) * expm1_below(z) if z < 0 else kind(SELU_ABOVE) * z,
        "celu": lambda: first * expm1_below(z / first) if z < 0 else z,
        "lecun_tanh": lambda: kind(HEIGHT) * tanh(kind(SLOPE) * z),
        "log_sigmoid": lambda: kind(0) - softplus(kind(0) - z),
        "softplus": lambda: softplus(first * z) / first,
        "prelu": lambda: first * z if z < 0 else z,
        "hardswish": lambda: share(z, clip(z + kind(3), kind(0), six) / six, z, kind(-3)),
        "squareplus": lambda: squareplus(z, first)[0],
        "silu": lambda: share(z, sigmoids(z)[0], z, low),
        "quick_gelu": lambda: share(z, sigmoids(kind(QUICK) * z)[0], kind(QUICK) * z, low),
        "mish": lambda: share(z, mish_share(z)[0], z, low),
        "gelu": lambda: share(z, normal_cdf(z)[0], z, kind(-MORE[kind]["normal_high"])),
        "gelu_tanh": lambda: share(z, sigmoids(gelu_cubic(z))[0], gelu_cubic(z), low),
        "erf": lambda: erf(z),
        "arctan": lambda: atan(z),
        "sin": lambda: sin(z),
    }
    return formulas[name]()


def within(y: Any, low: Any, high: Any, dy: Any) -> Any:
    return dy if low < y < high else type(y)(0)


def settled(z: Any, most: Any) -> Any:
    return clip(z, -most, most)


def backward(name: str, a: float, b: float, saved: Any, dy: Any) -> Any:
    """dz from what was saved, y or z."""
    kind = type(saved)
    s, first, second, one = saved, kind(a), kind(b), kind(1)
    far = kind(-CONSTANTS[kind]["exp_low"])
    if name in ("identity", "relu", "leaky_relu", "tanh", "sigmoid"):
        return dphi(name, a, saved, dy)
    if np.isnan(saved):
        return saved

    def lecun() -> Any:
        t = s / kind(HEIGHT)
        return dy * (kind(HEIGHT * SLOPE) * fma(kind(0) - t, t, one))

    def hardswish() -> Any:
        if s <= -3 or s >= 3:
            return kind(0) if s < 0 else dy
        return dy * (fma(kind(2), s, kind(3)) / kind(6))

    def by_root() -> Any:
        y, root = squareplus(settled(s, kind(MORE[kind]["square_high"])), first)
        return dy * (y / root)

    def sigmoid_times(u: Any) -> Any:
        part, other = sigmoids(u)
        return dy * (part * fma(u, other, one))

    def mish() -> Any:
        u = settled(s, far)
        part, rest = mish_share(u)
        return dy * fma((u * sigmoid(u)) * rest, one + part, part)

    def gelu() -> Any:
        u = settled(s, kind(MORE[kind]["normal_high"]))
        part, density = normal_cdf(u)
        return dy * fma(u, density * kind(F("0x1.9884533d43651p-2")), part)

    def gelu_tanh() -> Any:
        u = settled(s, kind(40))
        part, other = sigmoids(gelu_cubic(u))
        slope = fma(kind(3 * CUBIC * CUBE), u * u, kind(CUBIC))
        return dy * (part * fma(u * slope, other, one))

    def by_square() -> Any:
        u = settled(s, kind(MORE[kind]["normal_high"]))
        return dy * (kind(F("0x1.20dd750429b6dp+0")) * exp_minus_square(u, one))

    formulas = {
        "relu6": lambda: within(s, kind(0), kind(6), dy),
        "hardtanh": lambda: within(s, first, second, dy),
        "hardsigmoid": lambda: within(s, kind(0), one, dy / kind(6)),
        "softsign": lambda: dy * ((one - abs(s)) * (one - abs(s))),
        "elu": lambda: dy if s > 0 else dy * (s + first),
        "selu": lambda: kind(SELU_ABOVE) * dy if s > 0 else dy * (s + kind(SELU_BELOW)),
        "celu": lambda: dy if s > 0 else dy * (s / first + one),
        "lecun_tanh": lecun,
        "log_sigmoid": lambda: dy * (kind(0) - expm1_below(s)),
        "softplus": lambda: dy * (kind(0) - expm1_below(kind(0) - first * s)),
        "prelu": lambda: dy if s > 0 else first * dy,
        "hardswish": hardswish,
        "squareplus": by_root,
        "silu": lambda: sigmoid_times(settled(s, far)),
        "quick_gelu": lambda: sigmoid_times(settled(kind(QUICK) * s, far)),
        "mish": mish,
        "gelu": gelu,
        "gelu_tanh": gelu_tanh,
        "erf": by_square,
        "arctan": lambda: dy / fma(s, s, one),
        "sin": lambda: dy * cos(s),
    }
    return formulas[name]()
