"""Numbers as people read them, for the table and the page alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from initcore.doctor.verdict import Evidence, pool
from initcore.lab.comparison import ComparisonRow

# Shape, not color, tells the levels apart.
GLYPHS = {"OK": "✓", "WARN": "!", "FAIL": "✗"}
ABSENT = "–"


def factor(value: float) -> str:
    """A factor per layer, such as ×0.92."""
    if not math.isfinite(value):
        return ABSENT
    if value == 0.0:
        return "×0"
    if value < 0.1:
        return f"×{value:.3f}" if value >= 0.001 else f"×{value:.0e}"
    return f"×{value:.2f}" if value < 10.0 else f"×{value:.3g}"


def quantity(value: float, digits: int = 3) -> str:
    """A number in as many digits; large and small ones with an exponent."""
    if not math.isfinite(value):
        return ABSENT
    if value == 0.0:
        return "0"
    size = abs(value)
    if 1e-3 <= size < 1e4:
        decimals = max(0, digits - 1 - math.floor(math.log10(size)))
        return f"{value:.{decimals}f}"
    mantissa, exponent = f"{value:.{max(digits - 2, 0)}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def percent(share: float) -> str:
    return f"{100.0 * share:.0f}\N{NO-BREAK SPACE}%" if math.isfinite(share) else ABSENT


@dataclass(frozen=True)
class Summary:
    """One row in numbers: medians over the seeds, except for the score."""

    evidence: Evidence
    mean_activation: float
    initial_loss: float
    final_loss: float
    distinct_after: int | None
    score: float
    score_low: float
    score_high: float
    diverged_step: int | None

    @property
    def diverged(self) -> bool:
        return not math.isfinite(self.final_loss)


def summarize(row: ComparisonRow) -> Summary:
    """The numbers of a row that tables show."""
    steps = [run.diverged_step for run in row.runs if run.diverged_step is not None]
    after = [run.distinct_after for run in row.runs if run.distinct_after is not None]
    return Summary(
        evidence=pool([run.statistics.evidence for run in row.runs]),
        mean_activation=middle([mean_of_last_hidden(run.statistics.mean) for run in row.runs]),
        initial_loss=middle([run.losses[0] for run in row.runs]),
        final_loss=middle([run.losses[-1] for run in row.runs]),
        distinct_after=min(after, default=None),
        score=row.score,
        score_low=min(row.scores),
        score_high=max(row.scores),
        diverged_step=min(steps, default=None),
    )


def mean_of_last_hidden(mean: np.ndarray) -> float:
    """The mean activation of the last hidden layer, which sees the most of what came before."""
    return float(mean[-2] if len(mean) > 1 else mean[-1])


def middle(values: Sequence[float]) -> float:
    """The median; NaN as soon as one value is NaN or infinite (-inf, the log of 0, is a value)."""
    if any(math.isnan(value) or value == math.inf for value in values):
        return math.nan
    return float(median(values))
