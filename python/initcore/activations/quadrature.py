"""Means over a normal law, of any function: kinks and steps included.

The line is cut into panels, each with 16 Gauss-Legendre nodes, and a panel is halved until its
halves say what it says. Halving finds a kink to the last digits by itself, so that a function
needs to tell nothing about where it bends. The derivative is that of the polynomial through a
panel's nodes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_NODES = 16
_REACH = 12.0  # standard deviations; the density beyond is below 1e-31 of its top
_DEPTH = 40  # halvings: a kink is then known to 1e-12 of a panel
_PANELS = 8192  # more than these at one depth is noise, not a function
_TOLERANCE = 1e-12
_ROUGH = 1e-6  # what a last panel may hold of the mean of phi'^2: a kink holds 1e-12


@dataclass(frozen=True)
class Expectations:
    """Means over z ~ N(0, 1) of a function of x = sqrt(q) z."""

    mean: float
    """E phi(x)."""
    square: float
    """E phi(x)^2."""
    square_z2: float
    """E phi(x)^2 z^2."""
    derivative_square: float
    """E phi'(x)^2; infinite where phi jumps."""


@lru_cache(maxsize=1)
def _rule() -> tuple[Array, Array, Array, Array]:
    """Nodes and weights on [-1, 1], the matrix that differentiates there, and that of the ends."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    apart = nodes[:, None] - nodes
    np.fill_diagonal(apart, 1.0)
    barycentric = 1.0 / apart.prod(axis=1)
    derivative = barycentric / barycentric[:, None] / apart
    np.fill_diagonal(derivative, 0.0)
    np.fill_diagonal(derivative, -derivative.sum(axis=1))
    ends = barycentric / (np.array([[-1.0], [1.0]]) - nodes)
    ends /= ends.sum(axis=1, keepdims=True)
    return nodes, weights, derivative, ends


def vectorized(phi: Callable[[Any], Any]) -> Callable[[Array], Array]:
    """`phi` as a function of float64 arrays, or an error that says what is wrong with it."""

    def values(x: Array) -> Array:
        with np.errstate(all="ignore"):
            try:
                y = np.asarray(phi(x.copy()))
            except (TypeError, ValueError):  # a function of one number, such as math.tanh
                y = np.vectorize(phi, otypes=[np.float64])(x)
        if y.shape != x.shape or y.dtype.kind not in "fiub":
            raise ValueError(
                f"activation={phi!r} gave shape {y.shape} and dtype {y.dtype} for an array of "
                f"shape {x.shape}; it must give a real number for each element"
            )
        if y.dtype.kind == "f" and y.dtype.itemsize < 8:
            raise ValueError(
                f"activation={phi!r} gave {y.dtype} for float64; it must compute in float64"
            )
        y = y.astype(np.float64)
        if not np.isfinite(y).all():
            at = x[~np.isfinite(y)].flat[0]
            raise ValueError(f"activation={phi!r} is not finite at z={at:g}; it must be finite")
        return y

    return values


def nodes() -> tuple[Array, Array]:
    """The nodes and weights of a panel that reaches from -1 to 1."""
    return _rule()[:2]


@dataclass(frozen=True)
class Panels:
    """Pieces of the line with a function's values at their nodes, under N(0, q)."""

    low: Array
    """Left ends, (panels,)."""
    high: Array
    """Right ends, (panels,)."""
    x: Array
    """Nodes, (panels, 16)."""
    mass: Array
    """What each node weighs: the density times its share of the line; they add up to 1."""
    y: Array
    """phi at the nodes."""

    def derivative(self, order: int = 1) -> Array:
        """The derivative of this order at the nodes, of the polynomial through each panel's."""
        dy = self.y
        for _ in range(order):
            dy = dy @ _rule()[2].T / (0.5 * (self.high - self.low)[:, None])
        return dy

    def at_ends(self, order: int = 0) -> Array:
        """phi or its derivative at the two ends of each panel, (panels, 2)."""
        return self.derivative(order) @ _rule()[3].T


def on_panels(phi: Callable[[Array], Array], q: float, low: Array, high: Array) -> Panels:
    """phi on given panels."""
    nodes, weights, _, _ = _rule()
    half = 0.5 * (high - low)[:, None]
    x = 0.5 * (high + low)[:, None] + half * nodes
    mass = half * weights * np.exp(-0.5 * x * x / q) / np.sqrt(2.0 * np.pi * q)
    return Panels(low, high, x, mass, phi(x))


def _integrals(values: Callable[[Array], Array], q: float, low: Array, high: Array) -> Array:
    """For each panel the four integrals and the values at its two ends, shape (panels, 6)."""
    at = on_panels(values, q, low, high)
    y, dy, z2, mass = at.y, at.derivative(), at.x * at.x / q, at.mass
    integrands = (y, y * y, y * y * z2, dy * dy)
    with np.errstate(over="ignore"):
        sums = [(mass * integrand).sum(axis=1) for integrand in integrands]
    return np.column_stack([*sums, at.at_ends()])


def expectations(phi: Callable[[Any], Any], q: float = 1.0) -> Expectations:
    """Means of phi, phi^2, phi^2 z^2 and phi'^2 at x = sqrt(q) z, z ~ N(0, 1).

    Parameters
    ----------
    phi : callable
        A real function of a float64 array, or of one number. It may have kinks and jumps.
    q : float, default 1.0
        Mean square of the normal law; positive.

    Returns
    -------
    Expectations
        Within 1e-10 of the truth, relative; `derivative_square` is infinite where phi jumps.

    Raises
    ------
    ValueError
        If phi is not finite, not computed in float64, too rough to integrate, or grows so fast
        that the means do not exist.

    Notes
    -----
    Exactness: within 1e-10, relative.
    Source: Trefethen, "Approximation Theory and Approximation Practice", 2013, chapters 5 and 19.

    Examples
    --------
    >>> import numpy as np
    >>> found = expectations(lambda z: np.maximum(z, 0))
    >>> round(found.square, 9), round(found.derivative_square, 9)
    (0.5, 0.5)
    """
    return _means(phi, q)[0]


def panels(phi: Callable[[Any], Any], q: float = 1.0) -> Panels:
    """phi on panels that are fine enough for its means under N(0, q); see `expectations`."""
    low, high = _means(phi, q)[1].T
    return on_panels(vectorized(phi), q, low, high)


def _means(phi: Callable[[Any], Any], q: float) -> tuple[Expectations, Array]:
    """The means, and the panels (low, high) that gave them, in order, shape (panels, 2)."""
    values = vectorized(phi)
    width = 2.0 ** np.round(np.log2(0.5 * np.sqrt(q)))
    count = int(np.ceil(_REACH * np.sqrt(q) / width))
    edges = width * np.arange(-count, count + 1)
    low, high = edges[:-1], edges[1:]
    found = _integrals(values, q, low, high)
    scale = np.abs(found[:, :4]).sum(axis=0)
    flat = scale[1] / q  # a mean of phi'^2 far below this is that of a constant between jumps
    scale[3] = max(scale[3], 0.01 * flat)
    if _holds_much_at_the_ends(found[:, 1], 1e-20 * scale[1], 1e-20 * q):
        raise ValueError(
            f"activation={phi!r} grows too fast: its mean square under N(0, {q:g}) does not exist"
        )
    sums = np.zeros(4)
    leaves = []
    for _ in range(_DEPTH):
        middle = 0.5 * (low + high)
        low, high = np.stack([low, middle], 1).ravel(), np.stack([middle, high], 1).ravel()
        halves = _integrals(values, q, low, high)
        finer = halves[:, :4].reshape(-1, 2, 4).sum(axis=1)
        rough = (np.abs(finer - found[:, :4]) > _TOLERANCE * scale).any(axis=1)
        sums += finer[~rough].sum(axis=0)
        rough = np.repeat(rough, 2)
        leaves.append(np.column_stack([low, high, halves[:, 4:]])[~rough])
        low, high, found = low[rough], high[rough], halves[rough]
        if low.size == 0:
            break
        if low.size > _PANELS:
            raise ValueError(
                f"activation={phi!r} is too rough to integrate; it must be smooth but for some "
                "kinks and jumps, and computed in float64"
            )
    sums += found[:, :4].sum(axis=0)
    leaves.append(np.column_stack([low, high, found[:, 4:]]))
    settled = np.concatenate(leaves)
    settled = settled[np.argsort(settled[:, 0])]
    if found[:, 3].sum() > _ROUGH * flat or _jumps(settled, q):
        sums[3] = np.inf
    elif sums[3] < 1e-20 * flat:
        sums[3] = 0.0
    return Expectations(*sums.tolist()), settled[:, :2]


def _jumps(leaves: Array, q: float) -> bool:
    """Whether the values at the ends of neighboring panels (low, high, left, right) disagree."""
    low, _, left, right = leaves.T
    density = np.exp(-0.5 * np.square(low) / q)
    gaps = np.abs(left[1:] - right[:-1]) * density[1:]
    # a kink leaves a gap of some 1e-12 of this, for that is when its panels are fine enough
    return bool(gaps.max() > 1e-8 * (np.abs(left) * density).max())


def _holds_much_at_the_ends(squares: Array, share: float, size: float) -> bool:
    """Whether E phi^2 beyond the panels may matter, from phi^2 times the density on each panel.

    A phi that is 0 but for its tails, which are small, has most of E phi^2 at the ends.
    """
    ends, inside = squares[[0, -1]], squares[[1, -2]]
    dies_out = (ends < size) & (ends < 0.02 * inside)
    return bool(((ends > share) & ~dies_out).any())


def wide_expectations(
    phi: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
    q: float,
    kinks: tuple[float, ...] = (),
) -> Expectations:
    """As `expectations`, where q is so large that all that phi does is near 0.

    Parameters
    ----------
    phi, derivative : callable
        The function and its derivative; smooth but for the kinks, and nearly linear, or constant,
        far from 0.
    q : float
        Mean square of the normal law; above 1.
    kinks : tuple of float
        Where phi or its derivatives jump.

    Notes
    -----
    Exactness: within 1e-10, relative.
    Source: as `expectations`; panels whose widths grow with the distance from 0.
    """
    reach = _REACH * np.sqrt(q)
    far = np.append(8.0 * 2.0 ** np.arange(0.0, np.log2(reach / 8.0), 0.25), reach)
    near = np.arange(-8.0, 8.0, 0.25)
    edges = np.unique(np.concatenate([-far, near, far, np.array(kinks, dtype=float)]))
    at = on_panels(phi, q, edges[:-1], edges[1:])
    y, dy, z2 = at.y, derivative(at.x), at.x * at.x / q
    sums = [float((at.mass * part).sum()) for part in (y, y * y, y * y * z2, dy * dy)]
    return Expectations(*sums)
