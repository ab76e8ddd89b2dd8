"""A slow implementation of what docs/compute-v1.md says of losses of any kind and of optimizers.

As in compute_twin, numbers are NumPy scalars of the type.
"""

import math
from typing import Any

import compute_twin as twin
import numpy as np
from compute_twin import fma


def sum_along(lanes_of: Any, n: int, kind: type) -> Any:
    """The sum along a row of n columns; lanes_of(j, lane) is the lane with element j added."""
    result = None
    for start in range(0, n, twin.SEGMENT):
        lanes = [kind(0)] * twin.LANES
        for j in range(start, min(n, start + twin.SEGMENT)):
            at = (j - start) % twin.LANES
            lanes[at] = lanes_of(j, lanes[at])
        half = twin.LANES // 2
        while half:
            for i in range(half):
                lanes[i] = lanes[i] + lanes[i + half]
            half //= 2
        result = lanes[0] if result is None else result + lanes[0]
    return result


def weighted(values: Any, weights: Any, count: int) -> float:
    if weights is None:
        return twin.mean_over_rows(values, count)
    products = [float(w) * float(v) for w, v in zip(weights, values, strict=True)]
    return twin.mean_over_rows(products, count)


def cross_entropy(z: Any, t: Any, labels: Any, peaks: Any, weights: Any) -> Any:
    kind, d, values = z.dtype.type, np.empty_like(z), []
    scale = kind(1.0 / len(z))
    t = np.broadcast_to(t, z.shape)
    with np.errstate(all="ignore"):
        for i, row in enumerate(z):
            m = max(row)
            e = [twin.exp(value - m) for value in row]
            s = twin.lanes_sum(e, kind)
            weight = twin.lanes_sum(t[i], kind)
            cross = sum_along(
                lambda j, lane, i=i, row=row, m=m: (
                    lane if t[i, j] == 0 else fma(t[i, j], row[j] - m, lane)
                ),
                len(row),
                kind,
            )
            target = list(t[i])
            if labels is not None and peaks[labels[i]] != 0:
                peak = peaks[labels[i]]
                weight = weight + peak
                cross = cross + peak * (row[labels[i]] - m)
                target[labels[i]] = target[labels[i]] + peak
            values.append(weight * twin.log(s) - cross)
            f = (kind(1) if weights is None else weights[i]) * scale
            for j in range(len(row)):
                d[i, j] = ((e[j] / s) * weight - target[j]) * f
    return weighted(values, weights, len(z)), d


def element(error: str, y: Any, t: Any, a: Any, b: Any, lane: Any) -> tuple[Any, Any]:
    """The lane with the loss added, and the slope."""
    kind = type(y)
    zero, one, d = kind(0), kind(1), y - t
    if error == "squared":
        return fma(d, d, lane), d
    if error == "absolute":
        return lane + abs(d), one if d > 0 else -one if d < 0 else d
    if error == "huber":
        c = a if a < abs(d) else abs(d)
        return fma(c, abs(d) - kind(0.5) * c, lane), np.copysign(c, d)
    e = twin.exp(zero - abs(y))
    u = one + e
    r = twin.log(u) + (e - (u - one)) / u
    yes, no = a * t, b * (one - t)
    minus, plus = (zero - y if y < 0 else zero), (y if y > 0 else zero)
    lane = lane + (zero if yes <= 0 else yes * (r + minus))
    lane = lane + (zero if no <= 0 else no * (r + plus))
    up, down = (e, one) if y < 0 else (one, e)
    return lane, (no * up - yes * down) / (one + e)


def errors(error: str, y: Any, t: Any, a: float, b: float, weights: Any) -> Any:
    kind, d, values = y.dtype.type, np.empty_like(y), []
    scale = kind((2.0 if error == "squared" else 1.0) / y.size)
    with np.errstate(all="ignore"):
        for i in range(len(y)):
            f = (kind(1) if weights is None else weights[i]) * scale

            def lanes_of(j: int, lane: Any, i: int = i, f: Any = f) -> Any:
                lane, g = element(error, y[i, j], t[i, j], kind(a), kind(b), lane)
                d[i, j] = g * f
                return lane

            values.append(sum_along(lanes_of, y.shape[1], kind))
    return weighted(values, weights, y.size), d


def step(rule: str, p: Any, g: Any, first: Any, second: Any, n: dict[str, Any]) -> Any:
    """One element's p, first and second after a step with these numbers."""
    kind = type(p)
    number = {key: kind(value) for key, value in n.items() if key != "nesterov"}
    g = g * number["clip"]
    if n["decay"] != 0:
        g = fma(number["decay"], p, g)
    q = g
    if rule != "sgd":
        new = kind(1.0 - n["memory"])
        second = fma(number["memory"], second, new * (g * g))
    if rule == "adam":
        first = fma(number["momentum"], first, kind(1.0 - n["momentum"]) * g)
        q = first / (np.sqrt(second) / number["root"] + number["epsilon"])
    else:
        if rule == "rmsprop":
            q = g / (np.sqrt(second) + number["epsilon"])
        if first is not None:
            first = fma(number["momentum"], first, q)
            q = fma(number["momentum"], first, g) if n["nesterov"] else first
    return fma(-number["lr"], q, p * number["shrink"]), first, second


def sum_of_squares(x: Any) -> float:
    if x.size == 0:
        return 0.0
    flat = [float(value) for value in x.ravel()]
    return float(sum_along(lambda j, lane: lane + flat[j] * flat[j], len(flat), float))


def norm(arrays: Any) -> float:
    total = 0.0
    for array in arrays:
        total += sum_of_squares(array)
    return math.sqrt(total)
