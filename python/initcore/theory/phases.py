"""The plane of (sigma_w, sigma_b): where order ends and chaos begins."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initcore import _checks
from initcore.activations import gains
from initcore.activations.gains import AnyActivation
from initcore.activations.quadrature import panels
from initcore.theory._roots import root
from initcore.theory.mean_field import MeanField

Array = NDArray[Any]

_LINE = np.logspace(-4.0, 2.0, 61)  # where on the critical line a variance is looked for


class CriticalWeights(NamedTuple):
    """A point of the critical line."""

    sigma_w: float
    """sqrt(fan_in Var(W))."""
    sigma_b_squared: float
    """Var(b)."""
    q: float
    """The mean square of the pre-activations that is the fixed point there."""


class PhaseDiagram(NamedTuple):
    """What the mean field says at each point of a grid, arrays (sigma_b_squared, sigma_w)."""

    sigma_w: Array
    """(columns,)."""
    sigma_b_squared: Array
    """(rows,)."""
    q_star: Array
    """The fixed point; infinity where q grows without bound."""
    chi_1: Array
    """Below 1 ordered, above 1 chaotic; NaN where q_star is infinite."""
    xi_c: Array
    """Depth scale of correlations, in layers."""


def critical_line(activation: AnyActivation, q: Iterable[float]) -> list[CriticalWeights]:
    """The line between order and chaos, point by point, with the fixed point q as its parameter.

    Parameters
    ----------
    activation : str, Activation or callable
        As in `initcore.gain`, but for the products.
    q : iterable of float
        Positive; those at which there is no critical point are left out.

    Returns
    -------
    list of CriticalWeights
        In the order of `q`.

    Notes
    -----
    Exactness: as `initcore.critical`.
    Source: Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington, "Dynamical isometry and a mean
    field theory of CNNs", 2018: sigma_w^2 = 1 / E phi'^2, sigma_b^2 = q - sigma_w^2 E phi^2.
    """
    line = []
    for value in q:
        found = gains.moments(activation, value)
        if 0.0 < found.derivative_square < math.inf and found.chi >= 1.0 - 1e-9:
            line.append(CriticalWeights(*gains.critical(activation, value), value))
    return line


def critical_at(activation: AnyActivation, sigma_b_squared: float) -> CriticalWeights:
    """The critical weights that belong to a given variance of the biases.

    Parameters
    ----------
    activation : str, Activation or callable
        As in `initcore.gain`, but for the products.
    sigma_b_squared : float
        Var(b), positive.

    Returns
    -------
    CriticalWeights
        With the smallest q, should there be several.

    Raises
    ------
    ValueError
        If the critical line has no such point for q from 1e-4 to 100.

    Notes
    -----
    Exactness: within 1e-9.
    Source: as `critical_line`.

    Examples
    --------
    >>> from initcore import theory
    >>> at = theory.critical_at("tanh", 0.05)
    >>> round(at.sigma_w**2, 7), round(at.q, 7)
    (1.7609546, 0.5700479)
    """
    sigma_b_squared = _checks.real(sigma_b_squared, "sigma_b_squared")
    if sigma_b_squared <= 0.0:
        raise ValueError(
            f"sigma_b_squared={sigma_b_squared} must be positive; critical_line(activation, q) has "
            "the points without biases"
        )

    def excess(q: float) -> float:
        found = gains.moments(activation, q)
        return q - found.square / found.derivative_square - sigma_b_squared

    low = float(_LINE[0])
    for high in _LINE[1:].tolist():
        if excess(low) < 0.0 <= excess(high):
            q = root(excess, low, high)
            return CriticalWeights(
                math.sqrt(1.0 / gains.moments(activation, q).derivative_square), sigma_b_squared, q
            )
        low = high
    raise ValueError(
        f"activation={activation!r} has no critical point with sigma_b_squared={sigma_b_squared:g} "
        f"for q from {_LINE[0]:g} to {_LINE[-1]:g}; see critical_line for the points that there are"
    )


def phase_diagram(
    activation: AnyActivation, sigma_w: Iterable[float], sigma_b_squared: Iterable[float]
) -> PhaseDiagram:
    """q*, chi_1 and the depth scale over a grid of weights and biases.

    Parameters
    ----------
    activation : str, Activation or callable
        As in `initcore.gain`, but for the products.
    sigma_w, sigma_b_squared : iterables of float
        The columns and the rows of the grid.

    Returns
    -------
    PhaseDiagram

    Notes
    -----
    Exactness: as `MeanField`.
    Source: Schoenholz et al. 2017, the phase diagram.

    Examples
    --------
    >>> from initcore import theory
    >>> theory.phase_diagram("tanh", [1.0, 2.0], [0.05]).chi_1.round(3).tolist()
    [[0.759, 1.342]]
    """
    columns, rows = list(sigma_w), list(sigma_b_squared)
    shape = (len(rows), len(columns))
    q_star, chi_1, xi_c = np.empty(shape), np.empty(shape), np.empty(shape)
    for i, bias in enumerate(rows):
        for j, weight in enumerate(columns):
            at = MeanField(activation, weight, bias)
            q_star[i, j] = at.q_star
            settles = math.isfinite(at.q_star)
            chi_1[i, j] = at.chi_1 if settles else math.nan
            xi_c[i, j] = at.xi_c if settles else math.nan
    return PhaseDiagram(np.array(columns), np.array(rows), q_star, chi_1, xi_c)


def critical_rate(activation: AnyActivation, q: float = 1.0) -> float:
    """kappa of 1 - c_l ~ kappa / l: how slowly inputs merge at criticality, if phi is smooth.

    kappa = 2 E phi'^2 / (q E phi''^2). A bend makes it faster: ReLU has 1 - c_l ~ 9 pi^2 / (2 l^2).

    Parameters
    ----------
    activation : str, Activation or callable
        As in `initcore.gain`, but for the products; with a continuous derivative.
    q : float, default 1.0
        The fixed point.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If phi' jumps, or phi is linear.

    Notes
    -----
    Exactness: within 1e-8, relative.
    Source: Hayou, Doucet, Rousseau, "On the impact of the activation function on deep neural
    networks training", 2019.

    Examples
    --------
    >>> from initcore import theory
    >>> round(theory.critical_rate("tanh", q=0.5700478816), 7)
    6.1711261
    """
    function = gains.resolve(activation)
    first = gains.moments(activation, q).derivative_square
    at = panels(function, q)
    slopes = at.at_ends(1)
    scale = math.sqrt(first)
    if math.isinf(first) or np.abs(slopes[1:, 0] - slopes[:-1, 1]).max() > 1e-6 * scale:
        raise ValueError(
            f"activation={activation!r} has a derivative that jumps, and so no rate of 1 / l"
        )
    second = float((at.mass * at.derivative(2) ** 2).sum())
    if second * q <= 1e-15 * first:
        raise ValueError(f"activation={activation!r} is linear: correlations stay as they are")
    return 2.0 * first / (q * second)
