"""What finite width adds: the length of a signal wanders from layer to layer."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initcore import _checks

Array = NDArray[Any]

_EULER = 0.57721566490153286061  # Euler's constant, -psi(1)


class LogNorm(NamedTuple):
    """The law of log(|h_out|^2 / |h_in|^2) over draws of the weights."""

    mean: float
    """Its mean: 0 would be no drift."""
    variance: float
    """Its variance; layers add up, for they are independent."""


def log_norm_drift(
    widths: Sequence[int], activation: Literal["relu", "identity"] = "relu"
) -> LogNorm:
    """By how much the log of the squared length of a signal drifts and spreads.

    Layers with normal weights of variance 2 / fan_in (ReLU, He) or 1 / fan_in (linear) and no
    biases keep the mean of the squared length, but its logarithm falls: typical networks are
    below the mean, and a few far above. A unit of a ReLU layer is on with probability 1/2, and
    the length is that of a chi-squared law with as many degrees of freedom as units are on; that
    all are off is left out.

    Parameters
    ----------
    widths : sequence of int
        Units of the input and of each layer.
    activation : {"relu", "identity"}, default "relu"
        Of every layer.

    Returns
    -------
    LogNorm
        Of the whole network. The natural logarithm.

    Raises
    ------
    ValueError
        If an argument is not one of these.

    Notes
    -----
    Exactness: within 1e-12; exact in law for any one input.
    Source: Sussillo, Abbott, "Random walk initialization for training very deep feedforward
    networks", 2014, for the drift; Hanin, Rolnick, "How to start training", 2018, for ReLU.

    Examples
    --------
    >>> from initcore import theory
    >>> drift = theory.log_norm_drift([100] * 11)           # ten layers of 100 units
    >>> round(drift.mean, 4), round(drift.variance, 4)
    (-0.2542, 0.5194)
    """
    sizes = _widths(widths)
    if activation not in ("relu", "identity"):
        raise ValueError(f"activation={activation!r} must be 'relu' or 'identity'")
    mean = variance = 0.0
    for n_in, n_out in pairwise(sizes):
        psi, trigamma = _half_integers(n_out)
        if activation == "identity":
            mean += psi[-1] + math.log(2.0 / n_in)
            variance += trigamma[-1]
            continue
        on = _binomial(n_out)
        center = float(on @ psi)
        mean += center + math.log(4.0 / n_in)
        variance += float(on @ (trigamma + (psi - center) ** 2))
    return LogNorm(float(mean), float(variance))


def second_moment_growth(widths: Sequence[int]) -> float:
    """E |h_L|^4 / |h_0|^4 of He-ReLU layers: the product of 1 + 5 / n over the layers.

    Parameters
    ----------
    widths : sequence of int
        Units of the input and of each layer; one of these is n for each layer: its n_out, with
        lengths measured per unit.

    Returns
    -------
    float
        Infinite width gives 1. It is a heavy tail's: in a simulation use `log_norm_drift`.

    Notes
    -----
    Exactness: exact in law, for normal weights without biases.
    Source: Hanin, Rolnick 2018, the variance of the empirical variance of a network's lengths.

    Examples
    --------
    >>> from initcore import theory
    >>> round(theory.second_moment_growth([100] * 11), 5)
    1.62889
    """
    growth = 1.0
    for n in _widths(widths)[1:]:
        growth *= 1.0 + 5.0 / n
    return growth


def _widths(widths: Sequence[int]) -> list[int]:
    sizes = [_checks.count(n, f"widths[{at}]", least=1) for at, n in enumerate(widths)]
    if len(sizes) < 2:
        raise ValueError(f"widths={widths!r} must have the input and at least one layer")
    return sizes


def _half_integers(n: int) -> tuple[Array, Array]:
    """psi(k / 2) and its derivative for k = 1 ... n."""
    k = np.arange(1, n + 1)
    psi = np.where(k % 2, -_EULER - 2.0 * math.log(2.0), -_EULER)
    trigamma = np.where(k % 2, math.pi**2 / 2.0, math.pi**2 / 6.0)
    for start in (0, 1):  # psi(x + 1) = psi(x) + 1 / x
        x = k[start:-2:2] / 2.0
        psi[start + 2 :: 2] += np.cumsum(1.0 / x)
        trigamma[start + 2 :: 2] -= np.cumsum(1.0 / (x * x))
    return psi, trigamma


def _binomial(n: int) -> Array:
    """The law of how many of n units are on, given that some are: for k = 1 ... n."""
    k = np.arange(1, n + 1)
    logs = np.cumsum(np.log((n + 1 - k) / k)) - n * math.log(2.0)
    law = np.exp(logs)
    return np.asarray(law / law.sum())
