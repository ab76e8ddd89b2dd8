"""Rules: which tensor of a model gets what; of a list of them the first that fits decides."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal

from initcore.activations import Activation
from initcore.activations.gains import gain as gain_of
from initcore.initializers import Initializer, VarianceScaling, Zeros
from initcore.models.parameters import ROLES, Model, Parameter, composed


@dataclass(frozen=True)
class Assignment:
    """What one tensor gets."""

    init: Initializer | None
    """Its initializer; None leaves the tensor as it is."""
    by_part: dict[str, Initializer] = field(default_factory=dict)
    """Initializers of some of the blocks that are packed into it."""
    whole: bool = False
    """Whether packed blocks count as one matrix, whose shape says the fans."""
    fan_in: float | None = None
    """Overrides the layer's."""
    fan_out: float | None = None
    """Overrides the layer's."""
    multiplier: float = 1.0
    """What the layer's output is to be multiplied by; the caller's to do, the plan shows it."""
    lr: float = 1.0
    """Factor on the learning rate; the caller's to apply."""
    weight_decay: float = 1.0
    """Factor on the weight decay; the caller's to apply."""
    eps: float = 1.0
    """Factor on Adam's epsilon; the caller's to apply."""
    note: str = ""
    """For the plan."""


KEEP = Assignment(None, note="kept as it is")
EMPTY = Assignment(Zeros(), note="no elements")
FROZEN = Assignment(None, note="kept: it needs no gradient")
LENGTHS = Assignment(None, note="set to the lengths of the direction's rows")
SET = Assignment(None, note="kept: its library sets it")

Choice = Initializer | Assignment | Callable[[Parameter, Model], "Initializer | Assignment"]


def _activation_note(activation: str | Activation | None) -> str:
    if activation is None:
        return ""
    if activation == "identity":
        return "no activation follows"
    return f"{activation if isinstance(activation, str) else repr(activation)} follows"


@dataclass(frozen=True)
class Scaled:
    """Var(W) = gain^2 / fan, with the gain of the activation that follows.

    Parameters
    ----------
    mode, distribution
        As in `VarianceScaling`.
    gain : "auto" or float, default "auto"
        ``"auto"`` for `initcore.gain` of what follows.
    otherwise : str, default "relu"
        The activation to assume where it is not known which one follows.
    """

    mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo"] = "fan_in"
    distribution: Literal["normal", "truncated_normal", "uniform"] = "normal"
    gain: float | str = "auto"
    otherwise: str = "relu"

    def __post_init__(self) -> None:
        if self.gain != "auto" and (isinstance(self.gain, str | bool) or not self.gain > 0):
            raise ValueError(f'gain={self.gain!r} must be "auto" or a positive number')
        VarianceScaling(1.0, self.mode, self.distribution)
        gain_of(self.otherwise)

    def __call__(self, parameter: Parameter, model: Model) -> Assignment:
        """The law for one tensor; the same object for tensors before the same activation."""
        if not isinstance(self.gain, str):
            return self._assignment(self.gain, f"gain {self.gain:.4g}")
        activation = parameter.activation
        factor = gain_of(activation or self.otherwise)
        reason = _activation_note(activation) or f"{self.otherwise} assumed"
        return self._assignment(factor, f"gain {factor:.4g}: {reason}")

    def _assignment(self, factor: float, note: str) -> Assignment:
        made = self._assignments.get((factor, note))
        if made is None:
            # the square of sqrt(2) is not quite 2, and bytes should not show it
            scale = float(f"{factor * factor:.12g}")
            init = VarianceScaling(scale, self.mode, self.distribution)
            made = self._assignments[factor, note] = Assignment(init, note=note)
        return made

    @cached_property
    def _assignments(self) -> dict[tuple[float, str], Assignment]:
        return {}


def _patterns(name: str, given: str | tuple[str, ...]) -> tuple[str, ...]:
    patterns = (given,) if isinstance(given, str) else given
    if not isinstance(patterns, tuple) or not all(isinstance(p, str) and p for p in patterns):
        raise TypeError(f"{name}={given!r} must be a text or several")
    return tuple(composed(pattern) for pattern in patterns)


@dataclass(frozen=True)
class Rule:
    """What the tensors get that fit all that is said here.

    Parameters
    ----------
    init : Initializer, Assignment or callable
        A callable is given the `Parameter` and the `Model`.
    name : str or tuple of str, optional
        Patterns of the tensor's name, as in ``"*.attn.*.weight"``; one of them has to fit all of
        it. ``*`` is any text, ``?`` one letter, ``[0-9]`` one of these.
    module : str or tuple of str, optional
        Class of the layer, or a class that it derives from, as in ``"Linear"``.
    role : str or tuple of str, optional
        Roles; see `ROLES`.
    needed : bool, default True
        Whether `strict` refuses a model in which the rule fits nothing.
    """

    init: Choice
    name: str | tuple[str, ...] = ()
    module: str | tuple[str, ...] = ()
    role: str | tuple[str, ...] = ()
    needed: bool = True

    def __post_init__(self) -> None:
        for field_name in ("name", "module", "role"):
            patterns = _patterns(field_name, getattr(self, field_name))
            object.__setattr__(self, field_name, patterns)
        unknown = [role for role in self.role if role not in ROLES]
        if unknown:
            raise ValueError(f"role={unknown[0]!r} must be one of {', '.join(ROLES)}")

    def fits(self, parameter: Parameter) -> bool:
        """Whether it is for this tensor."""
        return (
            (not self.name or any(fnmatchcase(n, p) for n in parameter.names for p in self.name))
            and (not self.module or any(m in parameter.kinds for m in self.module))
            and (not self.role or parameter.role in self.role)
        )

    def resolve(self, parameter: Parameter, model: Model) -> Assignment:
        """What this tensor gets."""
        choice: Any = self.init
        if callable(choice) and not isinstance(choice, Initializer):
            choice = choice(parameter, model)
        return choice if isinstance(choice, Assignment) else Assignment(choice)

    def __str__(self) -> str:
        conditions = [
            f"{field_name} {' or '.join(patterns)}"
            for field_name in ("name", "module", "role")
            if (patterns := getattr(self, field_name))
        ]
        return ", ".join(conditions) or "everything"


@dataclass(frozen=True)
class Rules:
    """A recipe for a model of any framework: a list of rules, and where it comes from."""

    name: str
    """For the plan."""
    rules: tuple[Rule, ...]
    """In order."""
    source: dict[str, Any] = field(default_factory=dict, compare=False)
    """What `interop.recipe` reads back."""

    @property
    def asks_for_activations(self) -> bool:
        """Whether a gain is chosen by what follows a layer."""
        return any(
            isinstance(rule.init, Scaled) and rule.init.gain == "auto" for rule in self.rules
        )

    def find(self, parameter: Parameter) -> Rule | None:
        """The first rule that fits."""
        for rule in self.rules:
            if rule.fits(parameter):
                return rule
        return None
