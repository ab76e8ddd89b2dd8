"""Schedules: the learning rate of every step, counted from 0 over the whole run.

A schedule is a frozen object that stands in the place of an optimizer's `lr`. Its numbers come from
additions, products and divisions alone, so that they are the same on every machine.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from initcore import _checks, _serial


@runtime_checkable
class Schedule(Protocol):
    """What an optimizer asks of a schedule; a user-defined class may be one."""

    def __call__(self, step: int) -> float:
        """The learning rate of this step."""

    def to_dict(self) -> dict[str, Any]:
        """The settings as a plain dict."""


def _rate(value: Any, name: str) -> float:
    rate = _checks.real(value, name)
    if rate < 0:
        raise ValueError(f"{name}={rate} must be at least 0: a negative rate climbs")
    return rate


class _Schedule:
    """What the schedules share."""

    name: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """The settings as a plain dict."""
        return _serial.to_dict(self)


@dataclass(frozen=True)
class Constant(_Schedule):
    """The same rate for every step.

    Parameters
    ----------
    rate : float
        At least 0.

    Notes
    -----
    Exactness: exact.
    Source: Robbins and Monro 1951 ask for less; with momentum it is the usual choice.

    Examples
    --------
    >>> Constant(0.1)(1000)
    0.1
    """

    name: ClassVar[str] = "constant"
    rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", _rate(self.rate, "rate"))

    def __call__(self, step: int) -> float:
        """The rate."""
        return self.rate


@dataclass(frozen=True)
class StepDecay(_Schedule):
    """A rate that is multiplied by `factor` after every so many steps.

    Parameters
    ----------
    rate : float
        Of the first step; at least 0.
    every : int
        Steps, at least 1.
    factor : float, default 0.1
        In [0, 1].

    Notes
    -----
    Exactness: the same double on every machine: products, one after the other.
    Source: He, Zhang, Ren and Sun 2016, CVPR, section 3.4.

    Examples
    --------
    >>> [StepDecay(0.5, every=2, factor=0.5)(step) for step in range(5)]
    [0.5, 0.5, 0.25, 0.25, 0.125]
    """

    name: ClassVar[str] = "step_decay"
    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", _rate(self.rate, "rate"))
        object.__setattr__(self, "every", _checks.count(self.every, "every", least=1))
        object.__setattr__(self, "factor", _checks.real(self.factor, "factor"))
        if not 0 <= self.factor <= 1:
            raise ValueError(f"factor={self.factor} must be from 0 to 1, so that the rate decays")

    def __call__(self, step: int) -> float:
        """The rate of this step."""
        rate = self.rate
        for _ in range(step // self.every):
            if rate == 0 or self.factor == 1:
                break
            rate *= self.factor
        return rate


def _taylor(x: float, first: int) -> float:
    """The sum of (-1)^k x^(2k) first! / (2k + first)!: cos x for first = 0, sin x / x for 1.

    Nine terms: for |x| <= pi / 4 the tenth is below 1e-17.
    """
    total = 0.0
    for k in range(9, 0, -1):
        total = (1.0 + total) * (-(x * x) / ((2 * k + first) * (2 * k - 1 + first)))
    return 1.0 + total


def _cosine(share: float) -> float:
    """cos(pi share) for share in [0, 1], by operations that round alike everywhere.

    The library's cosine differs by a unit in the last place from one system to the next.
    """
    if share > 0.5:
        return -_cosine(1.0 - share)
    pi = 3.141592653589793
    if share <= 0.25:
        return _taylor(pi * share, 0)
    x = pi * (0.5 - share)
    return x * _taylor(x, 1)


@dataclass(frozen=True)
class Cosine(_Schedule):
    """A rate that falls from `rate` to `final` along half a cosine, and stays there.

    Parameters
    ----------
    rate : float
        Of step 0; at least 0.
    steps : int
        The step from which on the rate is `final`, at least 1.
    final : float, default 0
        At least 0.

    Notes
    -----
    Exactness: the same double on every machine; the cosine is within 2 units in the last place.
    Source: Loshchilov and Hutter 2017, ICLR (SGDR), equation 5, without restarts.

    Examples
    --------
    >>> [Cosine(1.0, steps=4)(step) for step in (0, 2, 4, 9)]
    [1.0, 0.5, 0.0, 0.0]
    """

    name: ClassVar[str] = "cosine"
    rate: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", _rate(self.rate, "rate"))
        object.__setattr__(self, "steps", _checks.count(self.steps, "steps", least=1))
        object.__setattr__(self, "final", _rate(self.final, "final"))

    def __call__(self, step: int) -> float:
        """The rate of this step."""
        if step >= self.steps:
            return self.final
        return self.final + (self.rate - self.final) * 0.5 * (1 + _cosine(step / self.steps))


@dataclass(frozen=True)
class WarmUp(_Schedule):
    """A rate that rises in equal parts over the first steps, and then is that of `then`.

    Step s < steps has (s + 1) / steps of the rate with which `then` begins; `then` counts its own
    steps from the end of the rise.

    Parameters
    ----------
    then : float or Schedule
        What follows.
    steps : int
        Steps of the rise, at least 1.

    Notes
    -----
    Exactness: the same double on every machine.
    Source: Goyal et al. 2017, arXiv:1706.02677, section 2.2, by steps instead of epochs.

    Examples
    --------
    >>> warm = WarmUp(Cosine(1.0, steps=2), steps=4)
    >>> [warm(step) for step in range(7)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.0]
    """

    name: ClassVar[str] = "warm_up"
    then: Any
    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "then", get(self.then, "then"))
        object.__setattr__(self, "steps", _checks.count(self.steps, "steps", least=1))

    def __call__(self, step: int) -> float:
        """The rate of this step."""
        if step < self.steps:
            return float(self.then(0)) * ((step + 1) / self.steps)
        return float(self.then(step - self.steps))


_CLASSES: dict[str, type] = {kind.name: kind for kind in (Constant, StepDecay, Cosine, WarmUp)}


def get(schedule: Any, name: str = "schedule") -> Schedule:
    """A schedule from a number, from the dict that `to_dict` wrote, or the object itself.

    Parameters
    ----------
    schedule : float, dict or Schedule
        A number is the rate of every step.
    name : str, default "schedule"
        What errors call it.

    Raises
    ------
    TypeError, ValueError
        If it is none of these.

    Examples
    --------
    >>> get(0.1)
    Constant(rate=0.1)
    """
    if isinstance(schedule, dict):
        made: Schedule = _serial.from_dict(schedule, _CLASSES, name)
        return made
    if isinstance(schedule, type):
        raise TypeError(f"{name}={schedule!r} must be an object such as Cosine(0.1, steps=1000)")
    if isinstance(schedule, Schedule):
        return schedule
    return Constant(_rate(schedule, name))
