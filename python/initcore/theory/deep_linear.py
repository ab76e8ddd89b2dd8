"""Deep linear networks: when a mode of the data is learned."""

import math

import numpy as np

from initcore import _checks
from initcore.activations.quadrature import nodes


def learning_time(depth: int, s: float, u0: float, uf: float) -> float:
    """How long gradient descent needs to bring one mode of a deep linear network from u0 to uf.

    With small, balanced weights a mode's strength u obeys du/dt = depth u^(2 - 2/depth) (s - u):
    it waits on a plateau, then is learned at once, and strong modes (large s) come first. With a
    learning rate in proportion to 1 / depth, depth * t stays finite: deep networks need not be
    slower, if they start right.

    Parameters
    ----------
    depth : int
        Weight matrices.
    s : float
        The mode's strength in the data, positive.
    u0, uf : float
        From where to where, 0 < u0 < uf < s.

    Returns
    -------
    float
        In units of 1 / learning rate.

    Raises
    ------
    ValueError
        If an argument is not one of these.

    Notes
    -----
    Exactness: within 1e-10, relative.
    Source: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", 2013, the learning time of a mode.

    Examples
    --------
    >>> from initcore import theory
    >>> round(theory.learning_time(2, s=2.0, u0=0.1, uf=1.9), 6)
    1.472219
    """
    depth = _checks.count(depth, "depth", least=1)
    _between(s, u0, uf)
    # depth dt = u^(2/depth - 2) du / (s - u); in y = ln(u / (s - u)), du = u (s - u) dy / s
    low, high = (math.log(u / (s - u)) for u in (u0, uf))
    ends = np.linspace(low, high, math.ceil(2.0 * (high - low)) + 1)
    x, weights = nodes()
    half = 0.5 * np.diff(ends)[:, None]
    y = 0.5 * (ends[1:] + ends[:-1])[:, None] + half * x
    u = s / (1.0 + np.exp(-y))
    return float((half * weights * u ** (2.0 / depth - 1.0)).sum()) / (s * depth)


def learning_time_limit(s: float, u0: float, uf: float) -> float:
    """depth * `learning_time` as the depth goes to infinity: finite.

    ln(uf (u0 - s) / (u0 (uf - s))) / s^2 + 1 / (s u0) - 1 / (s uf).

    Parameters
    ----------
    s, u0, uf : float
        As in `learning_time`.

    Returns
    -------
    float

    Notes
    -----
    Exactness: a double, rounded.
    Source: Saxe et al. 2013, the limit of infinite depth.

    Examples
    --------
    >>> from initcore import theory
    >>> round(theory.learning_time_limit(s=2.0, u0=0.1, uf=1.9), 6)
    6.209062
    """
    _between(s, u0, uf)
    odds = math.log(uf * (s - u0) / (u0 * (s - uf)))
    return odds / (s * s) + (1.0 / u0 - 1.0 / uf) / s


def _between(s: float, u0: float, uf: float) -> None:
    if not (math.isfinite(s) and 0.0 < u0 < uf < s):
        raise ValueError(f"u0={u0!r}, uf={uf!r}, s={s!r} must satisfy 0 < u0 < uf < s")
