"""From measured statistics to a word: what is wrong with a start, and how bad it is.

The thresholds are those that separated networks that train from networks that do not, over some
five hundred multilayer perceptrons on handwritten digits (14 initializations, 4 activations,
depth 2 to 32, best of five rates of plain SGD): a change of the gradient or of the signal over
the hidden layers of two decades never trained, one decade sometimes did. The output layer has no
part in it: networks whose output layer starts at 0 or far smaller than the others train as well.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from statistics import median

# Decades over the hidden layers, of the signal forward or the gradient backward.
WARN_DECADES = 1.0
FAIL_DECADES = 2.0
# Shares of the worst hidden layer.
WARN_DEAD = 0.5
FAIL_DEAD = 0.9
WARN_SATURATED = 0.5
# Loss at step 0 over that of a network that tells no sample from another.
WARN_LOSS_RATIO = 2.0
# Training loss at the end, over that of guessing.
LEARNED = 0.25
STALLED = 0.9


class Level(IntEnum):
    """How bad it is; ordered, so that the worst of several is their maximum."""

    OK = 0
    WARN = 1
    FAIL = 2


@dataclass(frozen=True)
class Evidence:
    """The numbers that a verdict is made of, and nothing else: it knows no name and no rule.

    Attributes
    ----------
    distinct, units : int
        Of the hidden layer whose units are least different: how many act differently, of how
        many.
    dead, saturated : float
        Share in the worst hidden layer.
    signal_decades : float
        log10 of the signal in the last hidden layer over that in the first; NaN without any signal.
    gradient_decades : float
        log10 of rms dz in the first layer over that in the last hidden one.
    gradient_is_zero : bool
        No hidden layer has a gradient.
    finite : bool
        Activations, gradients and loss are finite.
    has_nan : bool
        A weight or bias is NaN.
    loss_ratio : float
        Loss at step 0 over that of a network that tells no sample from another: ln K.
    layers : int
        How many are hidden.
    """

    distinct: int = 2
    units: int = 2
    dead: float = 0.0
    saturated: float = 0.0
    signal_decades: float = 0.0
    gradient_decades: float = 0.0
    gradient_is_zero: bool = False
    finite: bool = True
    has_nan: bool = False
    loss_ratio: float = 1.0
    layers: int = 2

    @property
    def signal_factor(self) -> float:
        """Change of the signal from one hidden layer to the next: geometric mean, NaN for one."""
        return _per_layer(self.signal_decades, self.layers)

    @property
    def gradient_factor(self) -> float:
        """Change of the gradient from one hidden layer to the one before, as `signal_factor`."""
        return _per_layer(self.gradient_decades, self.layers)


def _per_layer(decades: float, layers: int) -> float:
    return float(10.0 ** (decades / (layers - 1))) if layers > 1 else math.nan


@dataclass(frozen=True)
class Verdict:
    """A level, the word for the root cause, and a sentence with the numbers behind it."""

    level: Level
    word: str
    reason: str

    def __str__(self) -> str:
        return self.level.name if self.word == "ok" else f"{self.level.name} {self.word}"


def judge(evidence: Evidence) -> Verdict:
    """The verdict on a start, before training, for plain SGD.

    One root cause is named and its consequences are left out: a network whose units are all the
    same is called symmetric, though its gradient usually fades as well.

    Parameters
    ----------
    evidence : Evidence
        As measured; see `statistics.measure`.

    Returns
    -------
    Verdict
        FAIL nan, symmetry, overflow, no gradient, dead, vanishing, exploding; WARN dead, fading,
        growing, duplicates, saturated, loss; or OK ok.

    Notes
    -----
    Exactness: a pure function of the evidence.
    Source: the calibration described at the top of this file.
    """
    e = evidence
    if e.has_nan:
        return Verdict(Level.FAIL, "nan", "a weight or bias is NaN, not a number")
    if e.units > 1 and e.distinct <= 1:
        return Verdict(
            Level.FAIL,
            "symmetry",
            f"{e.units} units of a layer act as 1",
        )
    if not e.finite:
        return Verdict(
            Level.FAIL, "overflow", "an activation or a gradient is too large for its number type"
        )
    if e.gradient_is_zero:
        return Verdict(Level.FAIL, "no gradient", "the gradient of every hidden layer is 0")
    if e.dead >= FAIL_DEAD:
        return Verdict(Level.FAIL, "dead", f"{e.dead:.0%} of a layer's units are 0 on every sample")
    what, change = _largest_change(e)
    if abs(change) > FAIL_DECADES:
        return Verdict(Level.FAIL, "vanishing" if change < 0 else "exploding", what)
    if abs(change) > WARN_DECADES:
        return Verdict(Level.WARN, "fading" if change < 0 else "growing", what)
    if e.dead > WARN_DEAD:
        return Verdict(Level.WARN, "dead", f"{e.dead:.0%} of a layer's units are 0 on every sample")
    if e.distinct < e.units:
        return Verdict(
            Level.WARN, "duplicates", f"the {e.units} units of a layer act as {e.distinct}"
        )
    if e.saturated > WARN_SATURATED:
        return Verdict(
            Level.WARN,
            "saturated",
            f"{e.saturated:.0%} of a layer's activations are on the flat ends of the curve",
        )
    if e.loss_ratio > WARN_LOSS_RATIO:
        return Verdict(
            Level.WARN, "loss", f"the loss starts at {e.loss_ratio:.1f} times that of guessing"
        )
    return Verdict(
        Level.OK,
        "ok",
        f"signal {e.signal_decades:+.1f}, gradient {e.gradient_decades:+.1f} decades",
    )


def _largest_change(e: Evidence) -> tuple[str, float]:
    """The larger change over the network, in words and in decades; the gradient's on a tie."""
    changes = [("gradient", e.gradient_decades), ("signal", e.signal_decades)]
    name, value = max(changes, key=lambda item: _size(item[1]))
    if math.isnan(value):
        return f"no {name} at all", -math.inf
    if math.isinf(value):
        return f"the {name} falls to 0", value
    return f"{name} {value:+.1f} decades", value


def _size(decades: float) -> float:
    return math.inf if math.isnan(decades) else abs(decades)


def pool(evidences: Sequence[Evidence]) -> Evidence:
    """Several seeds of one initialization as one: medians, and the fewest distinct units."""
    if not evidences:
        raise ValueError("evidences is empty: pool needs at least one")
    fewest = min(evidences, key=lambda e: e.distinct / max(e.units, 1))
    return Evidence(
        distinct=fewest.distinct,
        units=fewest.units,
        dead=median(e.dead for e in evidences),
        saturated=median(e.saturated for e in evidences),
        signal_decades=_median([e.signal_decades for e in evidences]),
        gradient_decades=_median([e.gradient_decades for e in evidences]),
        gradient_is_zero=all(e.gradient_is_zero for e in evidences),
        finite=all(e.finite for e in evidences),
        has_nan=any(e.has_nan for e in evidences),
        loss_ratio=_median([e.loss_ratio for e in evidences]),
        layers=evidences[0].layers,
    )


def _median(values: Sequence[float]) -> float:
    """The median, with NaN (nothing there) sorted below every number."""
    ordered = sorted(values, key=lambda v: (not math.isnan(v), v))
    return float(ordered[(len(ordered) - 1) // 2])


def judge_training(initial_loss: float, losses: Sequence[float], guessing: float) -> str:
    """What became of the training: ``diverged``, ``stalled``, ``slow`` or ``learned``.

    Parameters
    ----------
    initial_loss : float
        Before the first step.
    losses : sequence of float
        Training loss of each epoch.
    guessing : float
        The loss of the best outputs that are the same for every sample: the entropy of the
        classes, in nats, which is ln K only where all are equally common; or the variance of the
        target.

    Returns
    -------
    str
        ``diverged``: the last loss is not finite, or above the initial one and that of guessing.
        ``stalled``: still at 0.9 of guessing or more. ``learned``: at 0.25 of it or less.
        Otherwise ``slow``.
    """
    if not losses:
        return "stalled"
    last = losses[-1]
    if not math.isfinite(last) or (last > initial_loss and last > 1.05 * guessing):
        return "diverged"
    if last <= LEARNED * guessing:
        return "learned"
    return "stalled" if last >= STALLED * guessing else "slow"
