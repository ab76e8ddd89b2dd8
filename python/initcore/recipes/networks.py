"""Any network: one distribution for all kernels, and sine units."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from initcore import _checks
from initcore.activations.gains import gain as gain_of
from initcore.initializers import (
    Distribution,
    Initializer,
    Mode,
    Normal,
    Siren,
    StandardUniform,
    VarianceScaling,
)
from initcore.models.parameters import Model, Parameter
from initcore.models.patterns import KERNELS, RECURRENT_LAYERS, optional, rest
from initcore.models.roles import Recipe, Role, register
from initcore.models.rules import Assignment, Rule, Scaled


@dataclass(frozen=True)
class _OneDistribution(Recipe):
    """Var(W) = gain^2 / fan for every kernel, biases 0, embeddings N(0, 1)."""

    distribution: Distribution = "normal"
    gain: float | Literal["auto"] = 1.0
    _mode: ClassVar[Mode] = "fan_in"
    _otherwise: ClassVar[str] = "tanh"

    def __post_init__(self) -> None:
        self._scaled(self.gain)

    def _scaled(self, gain: float | Literal["auto"]) -> Scaled:
        return Scaled(self._mode, self.distribution, gain, self._otherwise)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike. A gain of ``"auto"`` is here that of `otherwise`."""
        factor = gain_of(self._otherwise) if isinstance(self.gain, str) else self.gain
        # the square of sqrt(2) is not quite 2, and bytes should not show it
        scale = float(f"{factor * factor:.12g}")
        return {
            "kernel": Role(VarianceScaling(scale, self._mode, self.distribution)),
            "recurrent_layer": Role(VarianceScaling(1.0, self._mode, self.distribution)),
            "embedding": Role(Normal()),
        }

    def rules(self) -> tuple[Rule, ...]:
        """Kernels take the gain of what follows, those of recurrent layers a gain of 1."""
        # a gate's sigmoid and tanh are no relu, and a state that is read again and again must not
        # grow
        return (
            optional(self._scaled(1.0), module=RECURRENT_LAYERS, role=KERNELS),
            optional(self._scaled(self.gain), role=KERNELS),
            *rest(),
        )


@register("xavier")
@dataclass(frozen=True)
class Xavier(_OneDistribution):
    """Var(W) = 1 / fan_in for every kernel, biases 0: for tanh and linear layers.

    Embeddings are N(0, 1): a row is looked up alone, so their fan_in is 1. Roles: ``"kernel"``,
    ``"recurrent_layer"``, ``"embedding"``.

    Parameters
    ----------
    distribution : {"normal", "uniform", "truncated_normal"}, default "normal"
        Of the kernels.
    gain : float or "auto", default 1.0
        ``"auto"`` for that of the activation that follows, tanh where it is not known.

    Notes
    -----
    Use: tanh and linear layers, some ten of them; for ReLU there is `He`.
    Exactness: bit-exact, stream v1.
    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, with the forward condition alone; see `XavierNormal`.
    Check: std(Xavier().role("kernel").weight, 128, 256) == 0.0625

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Xavier().role("kernel").weight
    <VarianceScaling: Var(W) = 1 / fan_in, normal>
    """


@register("lecun")
@dataclass(frozen=True)
class Lecun(_OneDistribution):
    """Var(W) = 1 / fan_in for every kernel, biases 0: equal in distribution to `Xavier`.

    Roles: ``"kernel"``, ``"recurrent_layer"``, ``"embedding"``.

    Parameters
    ----------
    distribution : {"normal", "uniform", "truncated_normal"}, default "normal"
        Of the kernels.
    gain : float or "auto", default 1.0
        ``"auto"`` for that of the activation that follows, 1 where it is not known.

    Notes
    -----
    Use: SELU and linear layers; for ReLU there is `He`.
    Exactness: bit-exact, stream v1.
    Source: LeCun, Bottou, Orr, Müller, "Efficient backprop", 1998, section 4.6.
    Check: bound(Lecun("uniform").role("kernel").weight, 128, 48) == 0.25

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Lecun("uniform").role("kernel").weight
    <VarianceScaling: Var(W) = 1 / fan_in, uniform>
    """

    _otherwise = "identity"


@register("glorot")
@dataclass(frozen=True)
class Glorot(_OneDistribution):
    """Var(W) = 2 / (fan_in + fan_out) for every kernel, biases 0; uniform, as in the paper.

    Roles: ``"kernel"``, ``"recurrent_layer"``, ``"embedding"``.

    Parameters
    ----------
    distribution : {"uniform", "normal", "truncated_normal"}, default "uniform"
        Of the kernels.
    gain : float or "auto", default 1.0
        ``"auto"`` for that of the activation that follows, tanh where it is not known.

    Notes
    -----
    Use: tanh and linear layers, some ten of them; for ReLU there is `He`.
    Exactness: bit-exact, stream v1.
    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, equation 16.
    Check: bound(Glorot().role("kernel").weight, 40, 56) == 0.25

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Glorot().role("kernel").weight
    <VarianceScaling: Var(W) = 2 / (fan_in + fan_out), uniform>
    """

    distribution: Distribution = "uniform"
    _mode = "fan_avg"


@register("he")
@dataclass(frozen=True)
class He(_OneDistribution):
    """Var(W) = gain^2 / fan_in with the gain of the activation that follows, biases 0.

    2 / fan_in before a ReLU, 1 / fan_in before an output. Where it is not known what follows,
    `otherwise` is assumed, and the plan says so. Roles: ``"kernel"``, ``"recurrent_layer"``,
    ``"embedding"``.

    Parameters
    ----------
    distribution : {"normal", "uniform", "truncated_normal"}, default "normal"
        Of the kernels.
    gain : float or "auto", default "auto"
        ``"auto"`` for that of the activation that follows.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo"}, default "fan_in"
        Which fan.
    otherwise : str, default "relu"
        The activation to assume where it is not known which one follows.

    Notes
    -----
    Use: any network of ReLU and its relatives; residual ones without normalization need more.
    Exactness: bit-exact, stream v1.
    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015, equation 10.
    Check: std(He().role("kernel").weight, 128, 512) == 0.0625

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.He().role("kernel").weight
    <VarianceScaling: Var(W) = 2 / fan_in, normal>
    """

    gain: float | Literal["auto"] = "auto"
    mode: Mode = "fan_in"
    otherwise: str = "relu"

    @property
    def _mode(self) -> Mode:  # type: ignore[override]
        return self.mode

    @property
    def _otherwise(self) -> str:  # type: ignore[override]
        return self.otherwise


@register("siren")
@dataclass(frozen=True)
class SineNetwork(Recipe):
    """For sine units: U(-1 / fan_in, 1 / fan_in) for the first kernel, then `Siren`.

    The first is the first in the model's order. Biases are U(-r, r), r = 1 / sqrt(fan_in). Roles:
    ``"first"``, ``"hidden"``.

    Parameters
    ----------
    omega : float, default 30.0
        Factor in sin(omega (W x + b)).

    Notes
    -----
    Use: networks whose activation is sin(omega z); not for others.
    Exactness: bit-exact, stream v1.
    Source: Sitzmann et al., "Implicit neural representations with periodic activation functions",
    2020, section 3.2.
    Check: bound(SineNetwork().role("first").weight, 64, 16) == 0.0625

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.SineNetwork().role("first").weight
    <Siren: U(-r, r), r = 1 / fan_in>
    """

    omega: float = 30.0

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.positive, "omega")

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers but the first are alike."""
        bias = StandardUniform()
        return {
            "first": Role(Siren(self.omega, first=True), bias),
            "hidden": Role(Siren(self.omega), bias),
        }

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """For the first kernel, or one behind it."""
        which = "first" if model.is_first(parameter) else "hidden"
        return super().assign(which, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """Kernels by their place, and biases like weights."""
        bias: Initializer = self.role("hidden").bias
        return (optional(self.by_role("hidden"), role=KERNELS), *rest(bias=bias))
