"""Optimizers: how a gradient moves a parameter. The settings are here, the state is in the run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from initcore import _checks, _serial, kernels
from initcore._memory.aligned import zeros_like_all
from initcore.training import schedules
from initcore.training.schedules import Schedule

Array = NDArray[Any]


@runtime_checkable
class Optimizer(Protocol):
    """What `fit` asks of an optimizer; a user-defined class may be one."""

    def new_state(self, parameters: Sequence[Array], names: Sequence[str] = ()) -> Any:
        """What a run has to remember for these parameters, whose names these are."""

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], state: Any) -> None:
        """Move the parameters, in place, and bring the state up to date."""

    def to_dict(self) -> dict[str, Any]:
        """The settings as a plain dict, for the record of a run."""


@dataclass
class State:
    """What a run remembers of its optimizer: all that one needs to go on, to the bit.

    Attributes
    ----------
    step : int
        How many steps have been taken.
    first, second : list of ndarray or None
        For each parameter what the rule keeps of the gradients, and of their squares.
    factors : tuple of float
        For each parameter the factor on the learning rate.
    powers : tuple of float
        beta1^step and beta2^step, as products one after the other.
    """

    step: int
    first: list[Array | None]
    second: list[Array | None]
    factors: tuple[float, ...]
    powers: tuple[float, float] = (1.0, 1.0)


def factors_of(rates: Sequence[tuple[str, float]], names: Sequence[str]) -> tuple[float, ...]:
    """For each parameter the factor of the longest entry of `rates` that names it or its layer."""
    chosen = dict(rates)
    if not chosen:
        return (1.0,) * len(names)
    known = {name[:end] for name in names for end in _ends(name)}
    for entry in chosen:
        if entry not in known:
            raise ValueError(
                f"rates has an entry for {entry!r}, which is no layer and no parameter of the "
                f"network; it has {', '.join(sorted(known)) or 'no names'}"
            )
    factors = []
    for name in names:
        entries = [name[:end] for end in _ends(name) if name[:end] in chosen]
        factors.append(chosen[max(entries, key=len)] if entries else 1.0)
    return tuple(factors)


def _ends(name: str) -> list[int]:
    """Where "a.b.weight" can be cut so that what remains names a layer or the parameter."""
    return [at for at, letter in enumerate(name) if letter == "."] + [len(name)]


def _share(value: Any, name: str, why: str) -> float:
    share = _checks.real(value, name)
    if not 0 <= share < 1:
        raise ValueError(f"{name}={share} must be in [0, 1): {why}")
    return share


@dataclass(frozen=True)
class _Rule:
    """What the optimizers share: the learning rate and what happens to every gradient."""

    name: ClassVar[str]
    rule: ClassVar[str]
    """The kernels' name."""

    lr: Any
    weight_decay: float = field(default=0.0, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    rates: Any = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.lr, dict | Schedule):
            object.__setattr__(self, "lr", schedules.get(self.lr, "lr"))
        else:
            object.__setattr__(self, "lr", schedules.get(self.lr, "lr")(0))
        object.__setattr__(self, "weight_decay", _checks.real(self.weight_decay, "weight_decay"))
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay={self.weight_decay} must be at least 0")
        if self.clip_norm is not None:
            object.__setattr__(self, "clip_norm", _checks.real(self.clip_norm, "clip_norm"))
            if self.clip_norm <= 0:
                raise ValueError(
                    f"clip_norm={self.clip_norm} must be greater than 0; None does not clip"
                )
        pairs = self.rates.items() if isinstance(self.rates, Mapping) else self.rates
        try:
            checked = tuple(sorted((str(name), value) for name, value in pairs))
        except (TypeError, ValueError):
            raise TypeError(
                f"rates={self.rates!r} must map names to factors, such as {{'out': 0.1}}"
            ) from None
        factors = tuple((name, _checks.real(value, f"rates[{name!r}]")) for name, value in checked)
        for name, value in factors:
            if value < 0:
                raise ValueError(f"rates[{name!r}]={value} must be at least 0")
        object.__setattr__(self, "rates", factors)

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rate = float(self.lr(step)) if callable(self.lr) else float(self.lr)
        if not 0 <= rate < math.inf:
            raise ValueError(f"lr gives {rate} for step {step}: it must be finite and at least 0")
        return rate

    def new_state(self, parameters: Sequence[Array], names: Sequence[str] = ()) -> State:
        """Arrays of zeros for each parameter, those that the rule keeps, and step 0."""
        kept: list[list[Array | None]] = [
            [*zeros_like_all(parameters)] if one else [None] * len(parameters)
            for one in self.state_slots()
        ]
        first, second = kept
        factors = factors_of(self.rates, names) if names or self.rates else (1.0,) * len(first)
        return State(0, first, second, factors)

    def state_slots(self) -> tuple[bool, bool]:
        """Whether these settings need a `first` and a `second` array."""
        raise NotImplementedError

    def coefficients(self, rate: float, powers: tuple[float, float]) -> dict[str, Any]:
        """The kernels' coefficients for a step of this learning rate, but for `clip`."""
        raise NotImplementedError

    def powers_after(self, powers: tuple[float, float]) -> tuple[float, float]:
        """beta1^t and beta2^t, one step later."""
        return powers

    def clip(self, gradients: Sequence[Array]) -> float:
        """The factor that brings the norm of all gradients together down to `clip_norm`."""
        if self.clip_norm is None:
            return 1.0
        total = 0.0
        for gradient in gradients:
            total += kernels.sum_of_squares(gradient)
        norm = math.sqrt(total)
        return self.clip_norm / norm if norm > self.clip_norm else 1.0

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], state: State) -> None:
        """One step for every parameter, in place."""
        rate = self.rate(state.step)
        clip = self.clip(gradients)
        state.powers = self.powers_after(state.powers)
        for p, g, first, second, factor in zip(
            parameters, gradients, state.first, state.second, state.factors, strict=True
        ):
            coefficients = self.coefficients(rate * factor, state.powers)
            kernels.optimizer_step(self.rule, p, g, first, second, clip=clip, **coefficients)
        state.step += 1

    def to_dict(self) -> dict[str, Any]:
        """The settings as a plain dict."""
        return _serial.to_dict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Any:
        """The optimizer that `to_dict` wrote."""
        return _serial.from_dict(data, {cls.name: cls}, "data")


@dataclass(frozen=True)
class SGD(_Rule):
    """Stochastic gradient descent: v = momentum v + gradient, parameter = parameter - lr v.

    Parameters
    ----------
    lr : float or Schedule
        Learning rate, at least 0; a number, or an object of `initcore.schedules`.
    momentum : float, default 0
        Share of the last step that goes into the next one, in [0, 1). 0 is plain descent.
    nesterov : bool, default False
        Step along momentum v + gradient instead of v, with the new v.
    weight_decay : float, default 0
        This times the parameter is added to its gradient, after clipping.
    clip_norm : float, optional
        Where the norm of the gradients of all parameters together is larger, they are scaled down
        to it.
    rates : mapping of str to float, optional
        Factors on the learning rate, by names of layers ("out", "block.0") or of parameters
        ("out.bias"); the longest name that fits decides.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Polyak 1964, USSR Computational Mathematics and Mathematical Physics 4(5), equation 9;
    the form of Sutskever et al. 2013 with lr outside v, and their equation 4 for Nesterov's.

    Examples
    --------
    >>> sgd = SGD(lr=0.1, momentum=0.9, rates={"out": 0.5})
    >>> sgd.lr, sgd.momentum, sgd.rates
    (0.1, 0.9, (('out', 0.5),))
    """

    name: ClassVar[str] = "sgd"
    rule: ClassVar[str] = "sgd"
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        why = "from 1 on the steps never fade"
        object.__setattr__(self, "momentum", _share(self.momentum, "momentum", why))
        if not isinstance(self.nesterov, bool):
            raise TypeError(f"nesterov={self.nesterov!r} must be True or False")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=True needs a momentum: pass momentum=0.9, for example")

    def state_slots(self) -> tuple[bool, bool]:
        """A velocity, with momentum."""
        return self.momentum != 0, False

    def coefficients(self, rate: float, powers: tuple[float, float]) -> dict[str, Any]:
        """The kernels' coefficients for a step of this learning rate, but for `clip`."""
        return {
            "lr": rate,
            "decay": self.weight_decay,
            "momentum": self.momentum,
            "nesterov": self.nesterov,
        }


@dataclass(frozen=True)
class RMSProp(_Rule):
    """Each gradient over the root of a running mean of its squares.

    s = alpha s + (1 - alpha) g^2, q = g / (sqrt(s) + epsilon); with momentum v = momentum v + q;
    parameter = parameter - lr v, or lr q.

    Parameters
    ----------
    lr : float or Schedule
        As in `SGD`.
    alpha : float, default 0.99
        Share of the old squares that stays, in [0, 1).
    epsilon : float, default 1e-8
        Added to the root, greater than 0.
    momentum : float, default 0
        In [0, 1).
    weight_decay, clip_norm, rates
        As in `SGD`.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Tieleman and Hinton 2012, Coursera, Neural Networks for Machine Learning, lecture 6.5;
    epsilon outside the root as in PyTorch.

    Examples
    --------
    >>> RMSProp(lr=0.01).alpha
    0.99
    """

    name: ClassVar[str] = "rmsprop"
    rule: ClassVar[str] = "rmsprop"
    alpha: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        why = "from 1 on nothing new comes in"
        object.__setattr__(self, "alpha", _share(self.alpha, "alpha", why))
        object.__setattr__(self, "epsilon", _epsilon(self.epsilon))
        why = "from 1 on the steps never fade"
        object.__setattr__(self, "momentum", _share(self.momentum, "momentum", why))

    def state_slots(self) -> tuple[bool, bool]:
        """Mean squares, and with momentum a velocity."""
        return self.momentum != 0, True

    def coefficients(self, rate: float, powers: tuple[float, float]) -> dict[str, Any]:
        """The kernels' coefficients for a step of this learning rate, but for `clip`."""
        return {
            "lr": rate,
            "decay": self.weight_decay,
            "momentum": self.momentum,
            "memory": self.alpha,
            "epsilon": self.epsilon,
        }


def _epsilon(value: Any) -> float:
    epsilon = _checks.real(value, "epsilon")
    if not float(np.float32(epsilon)) > 0:
        raise ValueError(
            f"epsilon={epsilon} must be greater than 0, in float32 too: it keeps a gradient of 0 "
            f"from being divided by 0"
        )
    return epsilon


@dataclass(frozen=True)
class Adam(_Rule):
    """A running mean of the gradients over the root of one of their squares.

    m = beta1 m + (1 - beta1) g, s = beta2 s + (1 - beta2) g^2; at step t = 1, 2, ... parameter =
    parameter - lr / (1 - beta1^t) m / (sqrt(s) / sqrt(1 - beta2^t) + epsilon).

    Parameters
    ----------
    lr : float or Schedule
        As in `SGD`.
    beta1, beta2 : float, default 0.9, 0.999
        Shares of the old means that stay, in [0, 1).
    epsilon : float, default 1e-8
        Greater than 0.
    weight_decay, clip_norm, rates
        As in `SGD`.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Kingma and Ba 2015, ICLR, algorithm 1.

    Examples
    --------
    >>> Adam(lr=1e-3).beta2
    0.999
    """

    name: ClassVar[str] = "adam"
    rule: ClassVar[str] = "adam"
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        why = "from 1 on nothing new comes in"
        object.__setattr__(self, "beta1", _share(self.beta1, "beta1", why))
        object.__setattr__(self, "beta2", _share(self.beta2, "beta2", why))
        object.__setattr__(self, "epsilon", _epsilon(self.epsilon))

    def state_slots(self) -> tuple[bool, bool]:
        """Both moments."""
        return True, True

    def powers_after(self, powers: tuple[float, float]) -> tuple[float, float]:
        """beta1^t and beta2^t, one step later."""
        return powers[0] * self.beta1, powers[1] * self.beta2

    def coefficients(self, rate: float, powers: tuple[float, float]) -> dict[str, Any]:
        """The kernels' coefficients for a step of this learning rate, but for `clip`."""
        return {
            "lr": rate / (1.0 - powers[0]),
            "decay": self.weight_decay,
            "momentum": self.beta1,
            "memory": self.beta2,
            "root": math.sqrt(1.0 - powers[1]),
            "epsilon": self.epsilon,
        }


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with a weight decay of its own: the parameter is first multiplied by 1 - lr decay.

    Parameters
    ----------
    lr, beta1, beta2, epsilon, clip_norm, rates
        As in `Adam`.
    weight_decay : float, default 0.01
        As above; `rates` scale it along with the learning rate.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Loshchilov and Hutter 2019, ICLR, algorithm 2, with the schedule in lr.

    Examples
    --------
    >>> AdamW(lr=1e-3).weight_decay
    0.01
    """

    name: ClassVar[str] = "adamw"
    weight_decay: float = field(default=0.01, kw_only=True)

    def coefficients(self, rate: float, powers: tuple[float, float]) -> dict[str, Any]:
        """The kernels' coefficients for a step of this learning rate, but for `clip`."""
        adam = super().coefficients(rate, powers)
        return adam | {"decay": 0.0, "shrink": 1.0 - rate * self.weight_decay}


_CLASSES: dict[str, type] = {kind.name: kind for kind in (SGD, RMSProp, Adam, AdamW)}


def from_dict(data: dict[str, Any]) -> Optimizer:
    """The optimizer whose `to_dict` gave this.

    Raises
    ------
    TypeError, ValueError
        If it is no dict, or the name or an entry is not known.

    Examples
    --------
    >>> from_dict({"name": "sgd", "lr": 0.1}) == SGD(0.1)
    True
    """
    optimizer: Optimizer = _serial.from_dict(data, _CLASSES, "data")
    return optimizer
