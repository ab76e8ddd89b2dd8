"""How far a sample may be from its law, by inequalities that hold for every number of elements.

Each bound is exceeded with a probability of at most `alpha` if the law holds: no asymptotic
distribution is used, so that a stated rate of false alarms is a promise for small tensors too.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from initcore.activations import Erf
from initcore.initializers import spread_of

Array = np.ndarray[Any, Any]


def _normal_cdf(z: Array) -> Array:
    result: Array = 0.5 * (1.0 + Erf()(np.clip(z, -40.0, 40.0) / math.sqrt(2.0)))
    return result


def distribution(law: str, numbers: tuple[float, ...]) -> Callable[[Array], Array]:
    """The law's distribution function."""
    if law == "uniform":
        low, high = numbers
        return lambda x: np.clip((x - low) / (high - low), 0.0, 1.0)
    mean, std = numbers[:2]
    if law == "normal":
        return lambda x: _normal_cdf((x - mean) / std)
    below, above = _normal_cdf(np.array([(bound - mean) / std for bound in numbers[2:]]))
    return lambda x: np.clip((_normal_cdf((x - mean) / std) - below) / (above - below), 0.0, 1.0)


def _reach(law: str, numbers: tuple[float, ...]) -> tuple[float, bool]:
    """How far an element can be from the law's mean, and whether a cut is lopsided."""
    spread = spread_of((law, numbers))
    mean = spread.mean
    most = 6.66 * numbers[1] if law != "uniform" else math.sqrt(3) * spread.std
    if law != "truncated_normal":
        return most, False
    parent, std, low, high = numbers
    low, high = max(low, parent - most), min(high, parent + most)
    lopsided = abs((high - parent) - (parent - low)) > 1e-6 * std
    return max(high - mean, mean - low), lopsided


def mean_bound(n: int, law: str, numbers: tuple[float, ...], alpha: float) -> float:
    """On |mean of n elements - mean of the law|.

    Normal and uniform laws, and a normal law cut symmetrically, are strictly sub-Gaussian; for a
    lopsided cut the bound is Hoeffding's, by its reach.
    """
    reach, lopsided = _reach(law, numbers)
    width = reach if lopsided else spread_of((law, numbers)).std
    return width * math.sqrt(2 * math.log(2 / alpha) / n)


def square_bound(n: int, law: str, numbers: tuple[float, ...], alpha: float) -> float:
    """On |mean of n squared distances from the law's mean - its variance|.

    For the normal law Laurent and Massart's bound on a chi-squared sum; for the others Bernstein's,
    with a fourth moment of at most 3 variance^2, or reach^2 variance where a cut is lopsided.
    """
    variance = spread_of((law, numbers)).variance
    reach, lopsided = _reach(law, numbers)
    level = math.log(2 / alpha) / n
    spread = reach * math.sqrt(2 * variance) if lopsided else 2 * variance
    most = 2 * variance if law == "normal" else max(2 * variance, (reach**2 - variance) / 3)
    return spread * math.sqrt(level) + most * level


def distance_bound(n: int, alpha: float) -> float:
    """On the largest distance of the distribution functions, with Massart's constant."""
    return math.sqrt(math.log(2 / alpha) / (2 * n))


def distance(values: Array, cdf: Callable[[Array], Array]) -> float:
    """The largest distance of a sample's distribution function from the law's: Kolmogorov's."""
    wanted = cdf(np.sort(values.astype(np.float64)))
    steps = np.arange(len(wanted) + 1) / len(wanted)
    return float(max((steps[1:] - wanted).max(), (wanted - steps[:-1]).max()))
