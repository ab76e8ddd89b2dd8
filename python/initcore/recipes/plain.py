"""Plain feed-forward networks: self-normalizing, with a silent last layer, of a shaped ReLU."""

import math
from dataclasses import dataclass
from functools import lru_cache

from initcore import _checks
from initcore.initializers import HeNormal, Initializer, LecunNormal, ScaledOrthogonal, Zeros
from initcore.models.parameters import Model, Parameter
from initcore.models.patterns import HEADS, KERNELS, optional, rest
from initcore.models.roles import Recipe, Role, register
from initcore.models.rules import Assignment, Rule


@register("self_normalizing")
@dataclass(frozen=True)
class SelfNormalizing(Recipe):
    """N(0, 1 / fan_in) and SELU: mean 0 and variance 1 are what layers are drawn to.

    With SELU's two constants they are a fixed point, towards which a difference shrinks by 0.783
    per layer. Role: ``"hidden"``.

    Notes
    -----
    Use: deep dense networks of SELU, on standardized inputs; with dropout only the kind that keeps
    both moments.
    Exactness: bit-exact, stream v1.
    Source: Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", 2017.
    Check: gains.stability("selu").slope == 0.78264788

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.SelfNormalizing().role("hidden").weight
    <LecunNormal: Var(W) = 1 / fan_in, normal>
    """

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        return {"hidden": Role(LecunNormal())}

    def rules(self) -> tuple[Rule, ...]:
        """Every kernel alike."""
        return (optional(self.by_role("hidden"), role=KERNELS), *rest())


@register("zero_readout")
@dataclass(frozen=True)
class ZeroReadout(Recipe):
    """The last layer 0, the others as they would be: a first loss of log(classes) exactly.

    The first step moves the last layer alone; from the second on all learn, from predictions that
    no chance has fixed. Roles: ``"hidden"``, ``"readout"``.

    Parameters
    ----------
    hidden : Initializer, default HeNormal()
        Of the other layers.

    Notes
    -----
    Use: classifiers of any kind, unless the layer before is 0 too: of two zeros in a row neither
    moves.
    Exactness: bit-exact, stream v1.
    Source: Yang et al., "Tensor programs V", 2022, and its package; Zhang et al. 2019.
    Check: chance_loss(ZeroReadout().role("readout").weight, 10) == 2.302585093

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.ZeroReadout().role("readout").weight
    <Zeros: every element 0>
    """

    hidden: Initializer = HeNormal()  # noqa: RUF009  a frozen object

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, Initializer):
            raise TypeError(f"hidden={self.hidden!r} must be an initializer")

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        return {"hidden": Role(self.hidden), "readout": Role(Zeros())}

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """The last kernel in the model's order is a readout, too."""
        last = model.is_last(parameter)
        return super().assign("readout" if last else role, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """Heads by name, and the last kernel."""
        return (
            optional(self.by_role("readout"), name=HEADS, role="weight"),
            optional(self.by_role("hidden"), role=KERNELS),
            *rest(),
        )


def leaky_cosine(c: float, slope: float) -> float:
    """Cosine of two vectors behind a wide leaky ReLU layer, from the one before it."""
    c = min(1.0, max(-1.0, c))
    share = (1.0 - slope) ** 2 / (1.0 + slope * slope) / math.pi
    return c + share * (math.sqrt(1.0 - c * c) - c * math.acos(c))


_DEEPEST = 10_000  # the slope takes 60 passes through all layers


def _last_cosine(depth: int, slope: float) -> float:
    c = 0.0
    for _ in range(depth):
        c = leaky_cosine(c, slope)
    return c


@lru_cache(maxsize=64)
def _slope(depth: int, eta: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _last_cosine(depth, middle) > eta else (low, middle)
    return float(f"{low:.9g}")


@register("tailored_relu")
@dataclass(frozen=True)
class TailoredRelu(Recipe):
    """A leaky ReLU of the slope for which depth takes the cosine of 0 to eta, and no further.

    Through many ReLU layers all inputs become alike: of orthogonal ones the cosine goes to 1. The
    slope is chosen so that it ends at `eta`; the deeper the network, the nearer it is to linear.
    Weights are orthogonal with gain sqrt(2 / (1 + slope^2)), biases 0. Roles: ``"first"`` (no
    activation before it, so no gain), ``"hidden"``; the activation is
    ``activations.LeakyRelu(recipe.slope)``.

    Parameters
    ----------
    depth : int
        Layers with an activation; 13 or more at the default eta, and at most 10,000.
    eta : float, default 0.9
        Cosine behind the last of them.

    Raises
    ------
    ValueError
        If a plain ReLU network of this depth does not reach eta: it needs no such slope. If depth
        is above 10,000.

    Notes
    -----
    Use: deep plain networks without skips or normalization, with a strong optimizer; not for
    shallow ones, which need no slope.
    Exactness: bit-exact, stream v1, for the same whole tensor; the slope rounded to 9 digits.
    Source: Zhang, Botev, Martens, "Deep learning without shortcuts: shaping the kernel with
    tailored rectifiers", 2022, section 3, and its code.
    Check: TailoredRelu(depth=50).slope == 0.430522949

    Examples
    --------
    >>> from initcore import recipes
    >>> round(recipes.TailoredRelu(depth=20).slope, 8)
    0.18138028
    """

    depth: int
    eta: float = 0.9

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.count, "depth", least=1)
        if self.depth > _DEEPEST:
            raise ValueError(f"depth={self.depth} must be at most {_DEEPEST}")
        if not isinstance(self.eta, float) or not 0.0 < self.eta < 1.0:
            raise ValueError(f"eta={self.eta!r} must be a float above 0 and below 1")
        last = _last_cosine(self.depth, 0.0)
        if last < self.eta:
            raise ValueError(
                f"depth={self.depth} is too small for eta={self.eta}: a plain ReLU network of it "
                f"ends at {last:.3g}; use HeNormal() and relu"
            )

    @property
    def slope(self) -> float:
        """Slope of the activation below 0, to 9 digits."""
        return _slope(self.depth, self.eta)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike."""
        gain = math.sqrt(2.0 / (1.0 + self.slope * self.slope))
        return {"first": Role(ScaledOrthogonal()), "hidden": Role(ScaledOrthogonal(gain))}

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """For the first kernel, or one behind it."""
        which = "first" if model.is_first(parameter) else role
        return super().assign(which, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """Kernels by their place; the activation is for the model to have."""
        return (optional(self.by_role("hidden"), role=KERNELS), *rest())
