"""Signals in a network of infinitely wide layers: lengths, angles and gradients, layer by layer."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from initcore import _checks
from initcore.activations import gains
from initcore.activations.gains import AnyActivation, Moments
from initcore.theory._plane import Plane
from initcore.theory._roots import root

Array = NDArray[Any]
Phase = Literal["ordered", "critical", "chaotic"]

_ROUND = 1e-9  # |chi_1 - 1| below this is criticality, for a critical sigma_w has 9 digits
_NOTHING = 1e-14  # a q below this has died out
_TINY = 1e-20  # stands for q = 0, where a normal law has no width
_HUGE = 1e20  # a q beyond this, in units of the largest variance given, goes to infinity
_NOISE = 1e-10  # of q: what quadrature leaves of a difference between q and its successor
_STEPS = 200  # of the plain recursion, before a fixed point is looked for directly


@dataclass(frozen=True)
class MeanField:
    """Layers z = W phi(z) + b of many units, fan_in Var(W) = sigma_w^2, Var(b) = sigma_b^2.

    It tells before training how deep such a network can be: how the mean square q of the
    pre-activations moves, where it settles, whether two inputs merge or part, and what one layer
    does to the gradient.

    Parameters
    ----------
    activation : str, Activation or callable
        As in `initcore.gain`, but for the products.
    sigma_w : float
        sqrt(fan_in Var(W)): sqrt(2) for He, 1 for Xavier; positive.
    sigma_b_squared : float, default 0.0
        Var(b); not negative.
    q0 : float, default 1.0
        Mean square of the first layer's pre-activations, from where q goes to its fixed point.

    Raises
    ------
    TypeError, ValueError
        If an argument is not one of these.

    Notes
    -----
    Exactness: within 1e-10 of the limit of infinite width, fixed points within 1e-9.
    Source: Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli, "Exponential expressivity in deep
    neural networks through transient chaos", 2016; Schoenholz, Gilmer, Ganguli, Sohl-Dickstein,
    "Deep information propagation", 2017.

    Examples
    --------
    >>> from initcore import theory
    >>> layer = theory.MeanField("tanh", sigma_w=1.5**0.5, sigma_b_squared=0.05)
    >>> layer.phase, round(layer.q_star, 3), round(layer.chi_1, 3), round(layer.xi_c, 1)
    ('ordered', 0.418, 0.939, 15.8)
    """

    activation: AnyActivation
    sigma_w: float
    sigma_b_squared: float = 0.0
    q0: float = 1.0

    def __post_init__(self) -> None:
        gains.resolve(self.activation)
        _checks.check_fields(self, _checks.positive, "sigma_w", "q0")
        _checks.check_fields(self, _checks.not_negative, "sigma_b_squared")

    def q_map(self, q: float) -> float:
        """The next layer's q: sigma_w^2 E phi(sqrt(q) z)^2 + sigma_b^2.

        Exactness: within 1e-10, relative.
        Source: Poole et al. 2016, the length map.
        """
        return self.sigma_w**2 * self._at(q).square + self.sigma_b_squared

    def q_path(self, layers: int) -> Array:
        """q of the layers 1 to `layers`, beginning with q0: float64, (layers,).

        Exactness: within 1e-9, relative, where the fixed point attracts.
        Source: as `q_map`.
        """
        path = [self.q0]
        while len(path) < layers:
            path.append(self.q_map(path[-1]))
        return np.array(path[:layers])

    @cached_property
    def q_star(self) -> float:
        """Where q settles from q0: 0 if it dies out (below 1e-14), infinity if it has no bound."""
        unit = max(1.0, self.q0, self.sigma_w**2, self.sigma_b_squared)
        return _settled(self.q_map, self.q0, _HUGE * unit)

    @cached_property
    def q_slope(self) -> float:
        """d q_map / dq at the fixed point: what a layer makes of a small difference from it."""
        return self._at(self._fixed()).slope(self.sigma_w)

    @cached_property
    def chi_1(self) -> float:
        """sigma_w^2 E phi'^2 at the fixed point: what a layer makes of the gradient's square.

        It is the slope of the correlation map at c = 1 as well: above 1, two inputs that differ
        a little come to differ more.
        """
        return self.chi(self._fixed())

    def chi(self, q: float) -> float:
        """sigma_w^2 E phi'^2 at any q: what a layer there makes of the gradient's square.

        Exactness: within 1e-10, relative.
        Source: Schoenholz et al. 2017, equation 7, away from the fixed point.
        """
        return self.sigma_w**2 * self._at(q).derivative_square

    @property
    def phase(self) -> Phase:
        """Ordered (chi_1 < 1: inputs merge), critical or chaotic (chi_1 > 1: they part)."""
        if abs(self.chi_1 - 1.0) <= _ROUND:
            return "critical"
        return "ordered" if self.chi_1 < 1.0 else "chaotic"

    def c_map(self, c: float) -> float:
        """The correlation of two inputs after one more layer, at the fixed point of q.

        Parameters
        ----------
        c : float
            Before it, in [-1, 1].

        Notes
        -----
        Exactness: within 1e-10.
        Source: Poole et al. 2016, the correlation map.
        """
        if not -1.0 <= c <= 1.0:
            raise ValueError(f"c={c!r} must be a correlation, from -1 to 1")
        product = self._plane.product(c)
        # at a fixed point of q, c = 1 stays 1; so the rounding of q* may not show
        q = self.sigma_w**2 * self._plane.product(1.0) + self.sigma_b_squared
        return min(1.0, (self.sigma_w**2 * product + self.sigma_b_squared) / q)

    def c_path(self, c: float, layers: int) -> Array:
        """Correlations of two inputs, from `c` on, in so many layers: float64, (layers,).

        Exactness: within 1e-9.
        Source: as `c_map`.
        """
        path = [c]
        while len(path) < layers:
            path.append(self.c_map(path[-1]))
        return np.array(path[:layers])

    @cached_property
    def c_star(self) -> float:
        """The correlation in which two inputs end: 1 unless the phase is chaotic.

        c_map is a power series in c with coefficients that are not negative, hence convex: its
        slope at 1 says whether it has another fixed point from 0 on.
        """
        if self.phase != "chaotic":
            return 1.0
        below = 1.0 - 1e-12 if math.isinf(self.chi_1) else 1.0 - 1e-3 * min(1.0, self.chi_1 - 1.0)
        while self.c_map(below) >= below:  # the two fixed points are very near
            below = 1.0 - 0.1 * (1.0 - below)
            if below == 1.0:
                return 1.0
        return root(lambda c: self.c_map(c) - c, 0.0, below)

    def c_slope(self, c: float) -> float:
        """d c_map / dc: sigma_w^2 E phi'(u) phi'(v), and chi_1 at c = 1.

        Exactness: within 1e-10 / (1 - c^2).
        Source: Schoenholz et al. 2017, the depth scale xi_c.
        """
        if not -1.0 < c <= 1.0:
            raise ValueError(f"c={c!r} must be above -1 and at most 1")
        return self.chi_1 if c == 1.0 else self.sigma_w**2 * self._plane.slope(c)

    @property
    def xi_q(self) -> float:
        """Layers in which a difference from the fixed point of q shrinks by e; may be infinite."""
        return _layers(self.q_slope)

    @cached_property
    def xi_c(self) -> float:
        """Layers in which a correlation's difference from c_star shrinks by e; may be infinite.

        Networks train up to some 6 xi_c layers.
        """
        if self.phase == "critical":
            return math.inf
        return _layers(self.c_slope(self.c_star))

    @property
    def xi_gradient(self) -> float:
        """Layers in which the gradient's mean square changes by e, up or down."""
        if self.phase == "critical":
            return math.inf
        return 0.0 if self.chi_1 in (0.0, math.inf) else 1.0 / abs(math.log(self.chi_1))

    def _at(self, q: float) -> Moments:
        return gains.moments(self.activation, max(q, _TINY))

    def _fixed(self) -> float:
        if math.isinf(self.q_star):
            raise ValueError(
                f"q grows without bound from q0={self.q0:g} with sigma_w={self.sigma_w:g} and "
                f"activation={self.activation!r}: there is no fixed point to look at; make "
                "sigma_w smaller"
            )
        return self.q_star

    @cached_property
    def _plane(self) -> Plane:
        function: Callable[[Any], Any] = gains.resolve(self.activation)
        return Plane(function, max(self._fixed(), _TINY))


def _layers(slope: float) -> float:
    size = abs(slope)
    if size >= 1.0 - _ROUND:
        return math.inf
    return 0.0 if size == 0.0 else -1.0 / math.log(size)


def _settled(step: Callable[[float], float], q: float, huge: float) -> float:
    """The fixed point to which q -> step(q) leads, 0 or infinity."""
    for _ in range(_STEPS):
        after = step(q)
        if after > huge:
            return math.inf
        if after < _NOTHING:
            return 0.0
        if abs(after - q) <= 1e-14 * q:
            return after
        before, q = q, after
    # slow, hence monotone: the fixed point is the first one ahead
    ahead = 1.1 if q > before else 1.0 / 1.1
    low = q
    while _NOTHING < low < huge:
        high = low * ahead
        change = step(high) - high
        if (change > 0.0) != (ahead > 1.0) and abs(change) > _NOISE * high:
            fixed = root(lambda x: step(x) - x, low, high)
            return fixed if fixed > _NOTHING else 0.0
        low = high
    return 0.0 if ahead < 1.0 else math.inf
