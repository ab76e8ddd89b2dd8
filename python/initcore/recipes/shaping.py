"""Deep kernel shaping: a smooth activation bent until depth does no harm."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from initcore import _checks, activations
from initcore.activations.quadrature import expectations
from initcore.initializers import ScaledOrthogonal
from initcore.models.patterns import KERNELS, optional, rest
from initcore.models.roles import Recipe, Role, register
from initcore.models.rules import Rule

Array = NDArray[np.float64]

_STEPS = 100
_HALVINGS = 30
_ENOUGH = 1e-10
_DIFFERENCE = 1e-6
_STARTS = ((0.5, 0.5), (1.0, 1.0), (0.3, 1.0), (0.5, -0.5), (0.2, 0.2), (0.1, 1.0))


class Shape(NamedTuple):
    """The four numbers of gamma (phi(alpha z + beta) + delta)."""

    alpha: float
    beta: float
    gamma: float
    delta: float


@register("deep_kernel_shaping")
@dataclass(frozen=True)
class DeepKernelShaping(Recipe):
    """gamma (phi(alpha z + beta) + delta): mean square 1 held, and cosines nearly, at any depth.

    The four numbers are such that a layer maps mean square 1 to 1 with slope 1, cosine 0 to 0, and
    that the slope of the cosine at 1, through all layers, is `zeta`: the network starts close to a
    linear one, however deep. Weights are orthogonal, biases 0. Role: ``"hidden"``; the activation
    is that of `shape`.

    Parameters
    ----------
    activation : str
        A name that is smooth and bends, such as ``"tanh"`` or ``"softplus"``.
    depth : int
        Layers with an activation.
    zeta : float, default 1.5
        Slope of the whole network's cosine at 1, above 1.

    Raises
    ------
    ValueError
        If no four numbers are means for this activation.

    Notes
    -----
    Use: deep plain networks of a smooth activation, with a strong optimizer; for ReLU there is
    `TailoredRelu`.
    Exactness: bit-exact, stream v1, for the same whole tensor; the four numbers within 1e-7.
    Source: Martens et al., "Rapid training of deep neural networks without skip connections or
    normalization layers using deep kernel shaping", 2021, and its code.
    Check: abs(shaped_slope(DeepKernelShaping("tanh", depth=100)) - 1.5) <= 1e-5

    Examples
    --------
    >>> from initcore import recipes
    >>> recipe = recipes.DeepKernelShaping("softplus", depth=50)
    >>> round(recipe.shape.alpha, 4)
    0.3266
    """

    activation: str
    depth: int
    zeta: float = 1.5

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.count, "depth", least=1)
        _checks.check_fields(self, _checks.positive, "zeta")
        if self.zeta <= 1.0:
            raise ValueError(f"zeta={self.zeta!r} must be above 1")
        if not isinstance(self.activation, str):
            raise TypeError(f"activation={self.activation!r} must be a name")
        name = activations.get(self.activation).name
        _solve(name, self.zeta ** (1.0 / self.depth))

    @property
    def shape(self) -> Shape:
        """The four numbers."""
        name = activations.get(self.activation).name
        return _solve(name, self.zeta ** (1.0 / self.depth))

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        return {"hidden": Role(ScaledOrthogonal())}

    def rules(self) -> tuple[Rule, ...]:
        """Every kernel alike; the activation is for the model to have."""
        return (optional(self.by_role("hidden"), role=KERNELS), *rest())


@lru_cache(maxsize=64)
def _solve(name: str, slope: float) -> Shape:
    """The shape for which a layer's cosine has this slope at 1, by Newton's steps."""
    function = activations.get(name)

    def scales(alpha: float, beta: float) -> tuple[float, float]:
        means = expectations(lambda z: function(alpha * z + beta), 1.0)
        return 1.0 / np.sqrt(means.square - means.mean**2), -means.mean

    def misses(at: Array) -> Array:
        alpha, beta = float(at[0]), float(at[1])
        gamma, delta = scales(alpha, beta)
        means = expectations(lambda z: gamma * (function(alpha * z + beta) + delta), 1.0)
        return np.array(
            [0.5 * (means.square_z2 - means.square) - 1.0, means.derivative_square - slope]
        )

    for start in _STARTS:
        at = np.array(start)
        miss = misses(at)
        for _ in range(_STEPS):
            if np.abs(miss).max() <= _ENOUGH:
                gamma, delta = scales(float(at[0]), float(at[1]))
                return Shape(*(float(f"{v:.9g}") for v in (at[0], at[1], gamma, delta)))
            with np.errstate(invalid="ignore"):
                columns = [misses(at + h) - misses(at - h) for h in _DIFFERENCE * np.eye(2)]
            jacobian = np.array(columns).T / (2.0 * _DIFFERENCE)
            if not np.isfinite(jacobian).all() or abs(np.linalg.det(jacobian)) < 1e-14:
                break
            step = np.linalg.solve(jacobian, miss)
            for _ in range(_HALVINGS):
                next_at = at - step
                if next_at[0] > 0:
                    next_miss = misses(next_at)
                    if np.abs(next_miss).max() < np.abs(miss).max():
                        break
                step = 0.5 * step
            else:
                break
            at, miss = next_at, next_miss
    raise ValueError(f"activation={name!r} has no shape with slope {slope:.6g}; it may not bend")
