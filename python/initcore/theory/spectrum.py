"""Singular values of the input-output Jacobian: what happens to every direction, not the mean."""

from typing import Literal, NamedTuple

from initcore import _checks
from initcore.activations import gains
from initcore.activations.gains import AnyActivation
from initcore.activations.quadrature import panels

Weights = Literal["gaussian", "orthogonal"]


class SpectrumMoments(NamedTuple):
    """The squared singular values s^2 of the Jacobian of a deep, wide network."""

    mean: float
    """E s^2: chi_1 to the power of the depth."""
    relative_variance: float
    """Var s^2 / (E s^2)^2: 0 is dynamical isometry."""


def jacobian_moments(
    activation: AnyActivation,
    depth: int,
    *,
    weights: Weights = "gaussian",
    sigma_w: float | None = None,
    q: float = 1.0,
) -> SpectrumMoments:
    """Mean and spread of the squared singular values of the Jacobian at q.

    Orthogonal weights can keep all of them near 1, but only where phi is nearly linear: the
    spread grows as depth (E phi'^4 / (E phi'^2)^2 - 1), and Gaussian weights add depth to it.

    Parameters
    ----------
    activation : str, Activation or callable
        As in `initcore.gain`, but for the products.
    depth : int
        Layers.
    weights : {"gaussian", "orthogonal"}, default "gaussian"
        Independent normal weights, or Haar-orthogonal matrices times sigma_w.
    sigma_w : float, optional
        sqrt(fan_in Var(W)); None for the one that keeps the gradient, 1 / sqrt(E phi'^2).
    q : float, default 1.0
        Mean square of the pre-activations in every layer, a fixed point.

    Returns
    -------
    SpectrumMoments

    Raises
    ------
    ValueError
        If an argument is not one of these, or phi jumps.

    Notes
    -----
    Exactness: within 1e-9 of the limit of infinite width.
    Source: Pennington, Schoenholz, Ganguli, "The emergence of spectral universality in deep
    networks", 2018: the variance is depth (mu_2 / mu_1^2 - 1 - s_1), with s_1 = -1 for Gaussian
    and 0 for orthogonal weights.

    Examples
    --------
    >>> from initcore import theory
    >>> theory.jacobian_moments("identity", 10).relative_variance
    10.0
    >>> theory.jacobian_moments("relu", 10, weights="orthogonal").relative_variance
    10.0
    """
    depth = _checks.count(depth, "depth", least=1)
    if weights not in ("gaussian", "orthogonal"):
        raise ValueError(f"weights={weights!r} must be 'gaussian' or 'orthogonal'")
    if sigma_w is None:
        sigma_w = gains.gain(activation, "backward", q)
    square = gains.moments(activation, q).derivative_square
    at = panels(gains.resolve(activation), q)
    first = float((at.mass * at.derivative() ** 2).sum())
    fourth = float((at.mass * at.derivative() ** 4).sum())
    chi = sigma_w * sigma_w * square
    spread = round(fourth / (first * first), 12) - 1.0 + (1.0 if weights == "gaussian" else 0.0)
    return SpectrumMoments(chi**depth, depth * spread)


def largest_squared_singular_value(depth: int) -> float:
    """The edge of the spectrum of a product of square Gaussian matrices of variance 1 / n.

    (depth + 1)^(depth + 1) / depth^depth, about e (depth + 1): while the mean stays 1, some
    direction grows in proportion to the depth.

    Parameters
    ----------
    depth : int
        Factors.

    Returns
    -------
    float

    Notes
    -----
    Exactness: a double, rounded; the limit of infinite width.
    Source: Pennington et al. 2018; the Fuss-Catalan law.

    Examples
    --------
    >>> from initcore import theory
    >>> theory.largest_squared_singular_value(1)             # Marchenko and Pastur's edge
    4.0
    """
    depth = _checks.count(depth, "depth", least=1)
    return float((depth + 1) * ((depth + 1) / depth) ** depth)
