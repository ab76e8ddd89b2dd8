"""Gains: how much larger weights must be for what an activation takes away.

Weights of standard deviation gain / sqrt(fan_in) and pre-activations z ~ N(0, q): what `gain`,
`critical` and `stability` say holds exactly in the limit of many units.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from initcore import _checks
from initcore.activations.base import Activation, Named
from initcore.activations.quadrature import Expectations, expectations, wide_expectations
from initcore.activations.registry import get

Mode = Literal["rms", "std", "backward"]
AnyActivation = str | Activation | Callable[[Any], Any]

_MODES = ("rms", "std", "backward")
# the activation of one half of a gated unit, whose other half is linear
_GATED = {"swiglu": "silu", "geglu": "gelu", "reglu": "relu", "glu": "sigmoid"}
_WIDE = 100.0  # a q beyond which all bends of a named activation are near 0
_ROUND = 1e-9  # what rounding to 9 digits leaves


@dataclass(frozen=True)
class Moments:
    """What an activation does to x ~ N(0, q), with x = sqrt(q) z."""

    q: float
    mean: float
    """E phi(x)."""
    square: float
    """E phi(x)^2."""
    square_z2: float
    """E phi(x)^2 z^2."""
    derivative_square: float
    """E phi'(x)^2; infinite where phi jumps."""
    tabulated: bool
    """Whether the numbers are constants rather than the result of quadrature."""

    @property
    def chi(self) -> float:
        """q E phi'^2 / E phi^2: what a layer with the rms gain makes of the gradient's square."""
        return self.q * self.derivative_square / self.square

    def slope(self, sigma_w: float) -> float:
        """By how much the layer's q moves when that of its input does, at this q."""
        return sigma_w * sigma_w * (self.square_z2 - self.square) / (2.0 * self.q)


class CriticalPoint(NamedTuple):
    """Where chi_1 = 1 at a fixed point q: neither the signal nor the gradient grows or dies."""

    sigma_w: float
    """sqrt(fan_in Var(W))."""
    sigma_b_squared: float
    """Var(b)."""


class Stability(NamedTuple):
    """What becomes of a q that is a little off its fixed point, layer by layer."""

    slope: float
    """The factor on the difference per layer."""
    verdict: Literal["attracting", "marginal", "repelling"]
    """|slope| below, at or above 1."""


def _round_to_9_digits(value: float) -> float:
    return float(f"{value:.9g}")


def resolve(activation: AnyActivation) -> Callable[[Any], Any]:
    """The function of an array that a name, an object or a function stands for."""
    if isinstance(activation, str):
        return get(activation)
    if callable(activation):
        return activation
    raise TypeError(
        f"activation={activation!r} must be a name, an object of initcore.activations, or a "
        "function of an array"
    )


def moments(activation: AnyActivation, q: float = 1.0) -> Moments:
    """E phi, E phi^2, E phi^2 z^2 and E phi'^2 of an activation at x = sqrt(q) z, z ~ N(0, 1).

    Parameters
    ----------
    activation : str, Activation or callable
        As in `gain`, but for the products.
    q : float, default 1.0
        Mean square of the pre-activations, positive.

    Notes
    -----
    Exactness: constants for default parameters at q = 1 and for every leaky ReLU; otherwise
    within 1e-10.
    Source: Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli, "Exponential expressivity in deep
    neural networks through transient chaos", 2016.
    """
    q = _checks.positive(q, "q")
    function = resolve(activation)
    if isinstance(function, Named):
        constant = function.constant_moments(q)
        if constant is not None:
            return Moments(q, *constant, tabulated=True)
        means = _means_of(function, q)
    else:
        means = expectations(function, q)
    return Moments(
        q, means.mean, means.square, means.square_z2, means.derivative_square, tabulated=False
    )


def _means_of(activation: Named, q: float) -> Expectations:
    closed = activation.closed_form(q)
    if closed is not None:
        return Expectations(*closed)
    if q > _WIDE:
        return wide_expectations(activation, activation.derivative, q, activation.kinks)
    return expectations(activation, q)


def gain(activation: AnyActivation, mode: Mode = "rms", q: float = 1.0) -> float:
    """The gain that keeps something of the signal through a layer with this activation.

    Weights of variance gain^2 / fan_in, zero biases, inputs phi(x) with x ~ N(0, q):

    - ``"rms"``: gain^2 = q / E phi^2. The next pre-activations have mean square q again.
    - ``"std"``: gain^2 = q / Var phi. The same where each unit's weights have mean 0 exactly, as
      with weight standardization.
    - ``"backward"``: gain^2 = 1 / E phi'^2. The gradient keeps its mean square.

    Parameters
    ----------
    activation : str, Activation or callable
        A name such as ``"gelu"``, an object of `initcore.activations`, or any function of a
        float64 array (or of one number), with kinks and jumps if it likes. For the products
        ``"swiglu"``, ``"geglu"``, ``"reglu"`` and ``"glu"`` the two halves are independent, each
        of mean square q.
    mode : {"rms", "std", "backward"}, default "rms"
        What to keep.
    q : float, default 1.0
        Mean square of the pre-activations, positive.

    Returns
    -------
    float
        From constants for default parameters at q = 1 and for every leaky ReLU; otherwise by
        quadrature, rounded to 9 significant digits.

    Raises
    ------
    ValueError
        If there is no such gain: phi is 0, or constant, or jumps and so has no E phi'^2.

    Notes
    -----
    Exactness: for constants, bit-exact; otherwise within 1e-9.
    Source: He et al. 2015, equation 10, for ReLU; Poole et al. 2016 in general; Brock, De, Smith,
    "Characterizing signal propagation to close the performance gap in unnormalized ResNets",
    2021, for ``"std"``.

    Examples
    --------
    >>> import initcore as ic
    >>> round(ic.gain("tanh"), 8)
    1.59253742
    >>> ic.gain(lambda z: abs(z) + z)
    0.707106781
    """
    if mode not in _MODES:
        raise ValueError(f"mode={mode!r} must be one of {', '.join(_MODES)}")
    if isinstance(activation, str) and activation in _GATED:
        if mode == "backward":
            raise ValueError(
                f"activation={activation!r} has no backward gain: its two halves have gradients "
                'of different size; use mode="rms"'
            )
        # the linear half has mean 0 and mean square q, which the product is multiplied by
        half = moments(_GATED[activation], q)
        return _rounded(math.sqrt(1.0 / half.square), half)
    at = moments(activation, q)
    if mode == "backward":
        kept, of = at.derivative_square, 1.0
    else:
        mean = at.mean if mode == "std" else 0.0
        kept, of = at.square - mean * mean, at.q
        kept = 0.0 if kept <= 1e-11 * at.square else kept
    if kept == 0.0 or math.isinf(kept):
        why = "its derivative is 0 almost everywhere" if mode == "backward" else "it is constant"
        if math.isinf(kept):
            why = "it jumps, and so has no mean square of the derivative"
        raise ValueError(f"activation={activation!r} has no gain with mode={mode!r}: {why}")
    return _rounded(math.sqrt(of / kept), at)


def _rounded(value: float, at: Moments) -> float:
    return value if at.tabulated else _round_to_9_digits(value)


def critical(activation: AnyActivation, q: float = 1.0) -> CriticalPoint:
    """The weights and biases for which q is a fixed point and the gradient keeps its size.

    fan_in Var(W) = sigma_w^2 = 1 / E phi'^2 and Var(b) = q - sigma_w^2 E phi^2, both at
    x ~ N(0, q). On this line between order and chaos, two inputs neither merge nor part at an
    exponential rate.

    Parameters
    ----------
    activation : str, Activation or callable
        As in `gain`, but for the products.
    q : float, default 1.0
        Mean square of the pre-activations, positive.

    Returns
    -------
    CriticalPoint
        (sigma_w, sigma_b_squared). `stability` says whether q is attracting there.

    Raises
    ------
    ValueError
        If none exists at this q: the variance of the biases would have to be negative.

    Notes
    -----
    Exactness: as `gain`.
    Source: Schoenholz, Gilmer, Ganguli, Sohl-Dickstein, "Deep information propagation", 2017;
    Xiao et al. 2018 for the line as a function of q.

    Examples
    --------
    >>> import initcore as ic
    >>> sigma_w, sigma_b_squared = ic.critical("tanh")
    >>> round(sigma_w, 7), round(sigma_b_squared, 7)
    (1.4674136, 0.1509646)
    """
    at = moments(activation, q)
    slope = at.derivative_square
    if slope == 0.0 or math.isinf(slope):
        why = "it jumps" if slope else "its derivative is 0 almost everywhere"
        raise ValueError(f"activation={activation!r} has no critical point: none exists, for {why}")
    sigma_b_squared = at.q - at.square / slope
    if abs(sigma_b_squared) <= _ROUND * at.q:
        sigma_b_squared = 0.0
    if sigma_b_squared < 0.0:
        raise ValueError(
            f"activation={activation!r} has no critical point at q={at.q:g}: none exists, for "
            f"the biases would need variance {sigma_b_squared:.3g}, which is negative "
            f"(q E phi'^2 / E phi^2 = {at.chi:.3g} is below 1)"
        )
    return CriticalPoint(_rounded(math.sqrt(1.0 / slope), at), _rounded(sigma_b_squared, at))


def stability(
    activation: AnyActivation, q: float = 1.0, *, sigma_w: float | None = None
) -> Stability:
    """Whether q is a stable fixed point: does a small difference from it grow with depth?

    Parameters
    ----------
    activation : str, Activation or callable
        As in `gain`, but for the products.
    q : float, default 1.0
        The fixed point.
    sigma_w : float, optional
        sqrt(fan_in Var(W)); None for the rms gain. ``critical(activation, q).sigma_w`` for the
        critical point.

    Returns
    -------
    Stability
        The factor per layer, d q_out / d q_in, and a word for it.

    Notes
    -----
    Exactness: within 1e-9.
    Source: Schoenholz et al. 2017; the derivative is that of the density.

    Examples
    --------
    >>> from initcore import gains
    >>> gains.stability("gelu").verdict, gains.stability("tanh").verdict
    ('repelling', 'attracting')
    """
    at = moments(activation, q)
    if sigma_w is None:
        sigma_w = gain(activation, "rms", q)
    slope = at.slope(_checks.positive(sigma_w, "sigma_w"))
    if abs(abs(slope) - 1.0) <= _ROUND:
        return Stability(slope, "marginal")
    return Stability(slope, "attracting" if abs(slope) < 1.0 else "repelling")
