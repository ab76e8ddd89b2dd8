"""The judging rule of the project, in one place: how a ratio is measured and when a target is met.

A ratio is the peer's time over ours, so more is better. The two calls are timed in pairs, one right
after the other and in alternating order, so that whatever slows the machine slows both. The figure
is the median of the pairs' ratios. It is repeated in three processes, which differ in where memory
lies. Its interval is that of the bootstrap, drawing pairs within each process. A target is met when
the interval reaches it.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PROCESSES = 3
LEVEL = 0.95
"""What share of the bootstrap's medians the interval holds."""

_RESAMPLES = 1000
_PAIRS = (7, 60)
"""Least and most pairs of a process."""

Call = Callable[[], object]


@dataclass(frozen=True)
class Effort:
    """How long one process may take for one ratio.

    Parameters
    ----------
    budget
        Seconds for all pairs together; the least number of pairs is taken whatever it costs.
    sample
        Seconds that one timing lasts at least, by repeating a short call.
    """

    budget: float = 0.5
    sample: float = 0.005


QUICK = Effort(budget=0.25, sample=0.001)


@dataclass(frozen=True)
class Pairs:
    """What one process measured: the seconds of a call, pair by pair."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """The peer's time over ours."""
        return [peer / ours for ours, peer in zip(self.ours, self.peer, strict=True)]


@dataclass(frozen=True)
class Ratio:
    """A ratio with its interval, and the medians of the processes it comes from."""

    median: float
    low: float
    high: float
    processes: tuple[float, ...]

    def reaches(self, target: float) -> bool:
        """Whether a target is met: the one place that decides it."""
        return self.high >= target


def _seconds(call: Call, loops: int) -> float:
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - start) / loops


def _loops(call: Call, sample: float) -> int:
    """How many calls last at least `sample` seconds."""
    loops = 1
    while True:
        taken = _seconds(call, loops) * loops
        if taken >= sample:
            return loops
        loops = max(2 * loops, int(loops * sample / taken) if taken > 0 else 0)


def measure(ours: Call, peer: Call, effort: Effort) -> Pairs:
    """Time two calls in interleaved pairs."""
    ours()
    peer()
    loops = _loops(ours, effort.sample), _loops(peer, effort.sample)
    found: tuple[list[float], list[float]] = ([], [])
    least, most = _PAIRS
    end = time.perf_counter() + effort.budget
    while len(found[0]) < least or (len(found[0]) < most and time.perf_counter() < end):
        order = (0, 1) if len(found[0]) % 2 == 0 else (1, 0)
        for which in order:
            found[which].append(_seconds((ours, peer)[which], loops[which]))
    return Pairs(tuple(found[0]), tuple(found[1]))


def alone(call: Call, effort: Effort) -> list[float]:
    """The seconds of a call, as often as in pairs, with nothing beside it."""
    call()
    loops = _loops(call, effort.sample)
    found: list[float] = []
    least, most = _PAIRS
    end = time.perf_counter() + effort.budget
    while len(found) < least or (len(found) < most and time.perf_counter() < end):
        found.append(_seconds(call, loops))
    return found


def judge(processes: Sequence[Pairs]) -> Ratio:
    """The ratio that some processes measured together."""
    ratios = [pairs.ratios for pairs in processes]
    rng = random.Random(0)
    medians = sorted(
        statistics.median([r for part in ratios for r in rng.choices(part, k=len(part))])
        for _ in range(_RESAMPLES)
    )
    outside = (1 - LEVEL) / 2
    return Ratio(
        median=statistics.median([r for part in ratios for r in part]),
        low=medians[int(outside * _RESAMPLES)],
        high=medians[int((1 - outside) * _RESAMPLES) - 1],
        processes=tuple(statistics.median(part) for part in ratios),
    )
