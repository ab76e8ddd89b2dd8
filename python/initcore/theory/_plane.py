"""Means over two correlated normals: what a layer does to a pair of inputs.

With u ~ N(0, q) and v = c u + s w, s^2 = 1 - c^2, the mean over w is taken within panels that end
where phi bends, and that over u within panels that are as fine as s where the inner mean bends.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initcore.activations import quadrature

Array = NDArray[Any]

_REACH = 9.0  # standard deviations of w; the density beyond is below 1e-17 of its top
_BEND = 1e-7  # a disagreement of phi, phi' or phi'' at a common end, of the largest |phi|
_FINEST = 2.0**-12  # of the widest panel: what is narrower surrounds a bend
# where the inner mean bends, in standard deviations of w from the bend of phi
_AROUND = np.array([-8.0, -6.0, -4.5, -3.5, -2.5, -1.75, -1.0, -0.5])
_AROUND = np.concatenate([_AROUND, [0.0], -_AROUND[::-1]])


class Plane:
    """E phi(u) phi(v) and E phi'(u) phi'(v) for u, v ~ N(0, q) of any correlation.

    Parameters
    ----------
    phi : callable
        As in `initcore.activations.quadrature.expectations`.
    q : float
        Mean square of u and of v.
    """

    def __init__(self, phi: Callable[[Any], Any], q: float) -> None:
        self._phi = quadrature.vectorized(phi)
        self._root = math.sqrt(q)
        self._q = q
        panels = quadrature.panels(phi, q)
        self._bends = _bends(panels)
        near = (panels.low < _REACH * self._root) & (panels.high > -_REACH * self._root)
        near &= panels.high - panels.low > _FINEST * (panels.high - panels.low).max()
        self._edges = np.unique(np.concatenate([panels.low[near], panels.high[near], self._bends]))
        square = float((panels.mass * panels.y**2).sum())
        # the panels of w are halved until halving changes nothing where u and v differ most
        self._inner = 12
        coarse = self.product(0.3)
        while self._inner < 768:
            self._inner *= 2
            fine = self.product(0.3)
            if abs(coarse - fine) <= 1e-13 * square:
                self._inner //= 2
                break
            coarse = fine

    def product(self, c: float) -> float:
        """E phi(u) phi(v) for a correlation c in [-1, 1]; within 1e-11 of E phi^2."""
        if abs(c) == 1.0:
            outer = quadrature.on_panels(self._phi, self._q, self._edges[:-1], self._edges[1:])
            return float((outer.mass * outer.y * self._phi(c * outer.x)).sum())
        u, mass = self._outer(c)
        return float((mass * self._inner_rule(c, u)[1].sum(axis=(1, 2))).sum())

    def slope(self, c: float) -> float:
        """E phi'(u) phi'(v) for c in (-1, 1), also where phi jumps.

        By parts: no derivative is taken. Rounding grows as 1e-16 / (1 - c^2).
        """
        s = math.sqrt((1.0 - c) * (1.0 + c))
        u, mass = self._outer(c)
        w, values = self._inner_rule(c, u)
        # d/du and d/dw by parts, u being sqrt(q) times a standard normal
        first, second = (values * w).sum(axis=(1, 2)), (values * (w * w - 1.0)).sum(axis=(1, 2))
        parts = u / self._root * first / s - c * second / (s * s)
        return float((mass * parts).sum()) / self._q

    def _outer(self, c: float) -> tuple[Array, Array]:
        """The nodes of u, and what phi(u) weighs at each."""
        edges = self._edges
        if abs(c) > 0.01:
            spread = self._root * math.sqrt((1.0 - c) * (1.0 + c))
            finer = ((self._bends[:, None] + spread * _AROUND) / c).ravel()
            edges = np.unique(np.concatenate([edges, finer[np.abs(finer) < edges[-1]]]))
        outer = quadrature.on_panels(self._phi, self._q, edges[:-1], edges[1:])
        some = outer.mass > 1e-20
        return outer.x[some], (outer.mass * outer.y)[some]

    def _inner_rule(self, c: float, u: Array) -> tuple[Array, Array]:
        """For each u the nodes of w and phi(c u + s w) times its weight, (nodes of u, panels, 16).

        The panels are the same for all u, and one more end where v is at a bend.
        """
        spread = self._root * math.sqrt((1.0 - c) * (1.0 + c))
        ends = np.linspace(-_REACH, _REACH, self._inner + 1)[None]
        if len(self._bends):
            bends = np.clip((self._bends - c * u[:, None]) / spread, -_REACH, _REACH)
            ends = np.broadcast_to(ends, (len(u), self._inner + 1))
            ends = np.sort(np.concatenate([ends, bends], axis=1), axis=1)
        nodes, weights = quadrature.nodes()
        half = 0.5 * np.diff(ends)[:, :, None]
        w = (0.5 * (ends[:, 1:] + ends[:, :-1]))[:, :, None] + half * nodes
        density = half * weights * np.exp(-0.5 * w * w) / math.sqrt(2.0 * math.pi)
        return w, density * self._phi(c * u[:, None, None] + spread * w)


def _bends(panels: quadrature.Panels) -> Array:
    """Where phi, phi' or phi'' jumps: ends of panels whose two sides disagree."""
    narrow = panels.high - panels.low <= _FINEST * (panels.high - panels.low).max()
    width = np.minimum(panels.high - panels.low, 1.0)
    size = np.abs(panels.y).max()
    found = np.zeros(len(panels.low) - 1, dtype=bool)
    for order in (0, 1, 2):
        ends = panels.at_ends(order)
        gap = np.abs(ends[1:, 0] - ends[:-1, 1]) * np.minimum(width[1:], width[:-1]) ** order
        found |= gap > _BEND * size
    found &= ~(narrow[1:] | narrow[:-1])
    bends = panels.low[1:][found]
    # one bend for each run of narrow panels: where they close in
    edges = np.flatnonzero(np.diff(narrow.astype(int)))
    for start, stop in zip(edges[::2] + 1, edges[1::2] + 1, strict=True):
        closest = start + int(np.argmin(panels.high[start:stop] - panels.low[start:stop]))
        bends = np.append(bends, 0.5 * (panels.low[closest] + panels.high[closest]))
    return np.sort(bends)


@lru_cache(maxsize=64)
def plane(phi: Callable[[Any], Any], q: float) -> Plane:
    """The plane of a function at q, made once."""
    return Plane(phi, q)
