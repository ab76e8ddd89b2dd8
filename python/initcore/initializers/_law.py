"""Laws by the kernels' names and parameters, and how far their elements spread."""

import math
from typing import NamedTuple

from initcore import kernels

Law = tuple[str, tuple[float, ...]]
"""``("normal", (mean, std))``, ``("uniform", (low, high))``, ``("truncated_normal", (mean, std,
low, high))``, mean and std of the normal before the cut, or ``("sign", (scale,))``."""


class Spread(NamedTuple):
    """Mean and standard deviation of an element."""

    mean: float
    std: float

    @property
    def variance(self) -> float:
        """std^2."""
        return self.std * self.std


def spread_of(law: Law) -> Spread:
    """Mean and standard deviation of a law.

    Parameters
    ----------
    law : (str, tuple of float)
        As `Elementwise.law` returns it.

    Raises
    ------
    ValueError
        If the kernels know no such law.

    Examples
    --------
    >>> spread_of(("sign", (0.5,)))
    Spread(mean=0.0, std=0.5)
    """
    name, parameters = law
    if name == "normal":
        mean, std = parameters
        return Spread(float(mean), abs(float(std)))
    if name == "uniform":
        low, high = parameters
        return Spread((low + high) / 2.0, (high - low) / math.sqrt(12.0))
    if name == "truncated_normal":
        mean, std, low, high = parameters
        shift, variance = kernels._truncated_moments((low - mean) / std, (high - mean) / std)
        return Spread(mean + std * shift, std * math.sqrt(variance))
    if name == "sign":
        return Spread(0.0, abs(float(parameters[0])))
    raise ValueError(
        f"law={name!r} is not known; use one of normal, uniform, truncated_normal, sign"
    )
