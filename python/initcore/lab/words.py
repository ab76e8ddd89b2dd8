"""What a comparison shows, in sentences made from its own numbers.

A sentence is written only if the numbers of the run bear it out; a run in which the constant
start wins will say so.
"""

import math
from collections.abc import Sequence

from initcore.doctor.verdict import WARN_SATURATED, Level
from initcore.lab.cells import factor, quantity, summarize
from initcore.lab.comparison import Comparison, ComparisonRow, Settings
from initcore.lab.datasets import Dataset

# Mean over RMS of a layer's activations: below this, the sentences call it near zero.
FAR_FROM_ZERO = 0.2

_COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def count(n: int) -> str:
    """A small number as a word."""
    return _COUNTS[n] if n < len(_COUNTS) else str(n)


def listing(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def score(value: float, dataset: Dataset) -> str:
    """An accuracy in percent, or R2 as it is."""
    if dataset.task == "classification":
        return f"{100.0 * value:.1f} %"
    return f"{round(value, 2) + 0.0:.2f}" if math.isfinite(value) else "no number"


def _counted(n: int, noun: str) -> str:
    return f"{count(n)} {noun}" if n == 1 else f"{count(n)} {noun}s"


def hidden_layers(settings: Settings) -> str:
    return _counted(len(settings.widths), "hidden layer")


def training(settings: Settings) -> str:
    """How every network of a comparison is trained."""
    return (
        f"{_counted(settings.epochs, 'epoch')} of plain gradient descent, batches of "
        f"{settings.batch_size}, learning rate {settings.lr:g}"
    )


def seeds(settings: Settings) -> str:
    return "seed 0" if settings.seeds == 1 else f"seeds 0 to {settings.seeds - 1}"


def headline(comparison: Comparison) -> str:
    """The comparison in one sentence, and what guessing gives where that alone looks good."""
    return _headline(comparison) + _most_common(comparison)


def _headline(comparison: Comparison) -> str:
    data, rows = comparison.dataset, comparison.rows
    best = max(rows, key=lambda row: row.score)
    worst = min(rows, key=lambda row: row.score)
    if len(rows) == 1:
        return (
            f"On {data.name}, {best.name} with {best.activation} ends with a {data.score_name} of "
            f"{score(best.score, data)}: its training {_ENDS[best.outcome]}."
        )
    between = 0.0 if best.score == worst.score else best.score - worst.score
    if between < 0.05:
        return (
            f"On {data.name}, all {count(len(rows))} networks end within "
            f"{score(between, data)} of each other in {data.score_name}"
            f"{_why_close(rows)}."
        )
    differ = "only the starting weights differ"
    if len({row.activation for row in rows}) > 1:
        differ = "only the starting weights and the activation differ"
        if len({row.name for row in rows}) == 1:
            differ = "only the activation differs"
    return (
        f"The same layers, data and batches: {differ}, and {data.score_name} "
        f"on {data.name} goes from {score(worst.score, data)} "
        f"({worst.name}, {worst.activation}) to {score(best.score, data)} "
        f"({best.name}, {best.activation})."
    )


_ENDS = {
    "learned": "brought the loss to a quarter of that of guessing, or below",
    "slow": "was slow",
    "stalled": "stalled",
    "diverged": "diverged",
}


def _why_close(rows: Sequence[ComparisonRow]) -> str:
    """Why all scores are about the same: all networks learn, or none does."""
    learned = sum(row.outcome == "learned" for row in rows)
    if learned == len(rows) and len({row.name for row in rows}) > 1:
        return ": this network forgives its starting weights"
    if learned == 0:
        return ", and none of them has learned"
    return f", though only {count(learned)} of them learned" if learned < len(rows) else ""


def _most_common(comparison: Comparison) -> str:
    """What naming the most common class gives, where classes are far from equally common."""
    data = comparison.dataset
    if not data.classes or data.largest_share < 1.5 / len(data.classes):
        return ""
    return f" Naming the most common class every time gives {score(data.largest_share, data)}."


def verdict_sentence(comparison: Comparison) -> str:
    """How the verdicts, given before training, compare with what training did."""
    given = "The verdicts were given before the first step. Training then brought the loss "
    goal = "a quarter of that of guessing, or below"
    if not any(row.outcome == "learned" for row in comparison.rows):
        return f"{given}of no network to {goal}."
    parts = []
    for level, text in (
        (Level.OK, "judged OK"),
        (Level.WARN, "judged with a warning"),
        (Level.FAIL, "judged to fail"),
    ):
        rows = [row for row in comparison.rows if row.verdict.level == level]
        if rows:
            parts.append(f"{_share(sum(row.outcome == 'learned' for row in rows), rows)} {text}")
    return f"{given}to {goal}, for {listing(parts)}."


def _share(learned: int, rows: Sequence[ComparisonRow]) -> str:
    """Such as "two of the three", "the one" or "not the one"."""
    if len(rows) == 1:
        return "the one" if learned else "not the one"
    return f"{count(learned)} of the {count(len(rows))}"


def findings(rows: Sequence[ComparisonRow], dataset: Dataset) -> list[tuple[str, str]]:
    """What one activation's rows show: pairs of (heading, sentences)."""
    found = [
        _symmetry([row for row in rows if row.verdict.word == "symmetry"], dataset),
        _shrinking([row for row in rows if row.verdict.word in {"vanishing", "fading"}]),
        _growing([row for row in rows if row.verdict.word in {"exploding", "growing", "overflow"}]),
        _steady([row for row in rows if row.verdict.level == Level.OK], dataset),
        _means(rows),
    ]
    return [item for item in found if item is not None]


def _symmetry(rows: Sequence[ComparisonRow], dataset: Dataset) -> tuple[str, str] | None:
    if not rows:
        return None
    summaries = [summarize(row) for row in rows]
    units = max(s.evidence.units for s in summaries)
    text = (
        f"{listing([row.name for row in rows])}: the {units} units of a layer compute the same "
        "number and receive the same gradient, so they act as 1."
    )
    finite = [s for s in summaries if not s.diverged]
    if finite and all(s.distinct_after == 1 for s in finite):
        text += (
            " Training cannot tell them apart: after the last epoch it is still "
            f"1 distinct unit, and {dataset.score_name} is "
            f"{listing([score(s.score, dataset) for s in summaries])}."
        )
    return "Equal units stay equal", text


def _changes(rows: Sequence[ComparisonRow]) -> str:
    """What the rows do to the signal and to the gradient, in one sentence."""
    evidences = [summarize(row).evidence for row in rows]
    names = [f" ({row.name})" if len(rows) > 1 else "" for row in rows]
    signal = [factor(e.signal_factor)[1:] + n for e, n in zip(evidences, names, strict=True)]
    gradient = [factor(e.gradient_factor)[1:] for e in evidences]
    subject = "" if len(rows) > 1 else f"With {rows[0].name}, "
    if evidences[0].layers < 2:
        return "There is one hidden layer, so that nothing changes from layer to layer."
    text = (
        f"{subject}from one hidden layer to the next the signal is multiplied by "
        f"{listing(signal)}, and the gradient, on its way back, by {listing(gradient)}."
    )
    return text[0].upper() + text[1:]


def _loss(row: ComparisonRow) -> str:
    s = summarize(row)
    if s.diverged:
        at = "" if s.diverged_step is None else f" at step {s.diverged_step}"
        return f"training loss goes from {quantity(s.initial_loss)} to no number at all{at}"
    return f"training loss goes from {quantity(s.initial_loss)} to {quantity(s.final_loss)}"


def _shrinking(rows: Sequence[ComparisonRow]) -> tuple[str, str] | None:
    if not rows:
        return None
    worst = min(rows, key=_gradient)
    gradient = _gradient(worst)
    text = _changes(rows)
    if gradient == -math.inf:
        text += f" In {worst.name}, layer 1 receives no gradient at all"
    elif gradient < -1.0:
        text += (
            f" Over {worst.runs[0].statistics.hidden_gradient.size} hidden layers that adds up: in "
            f"{worst.name}, layer 1 receives {_ratio(gradient)} of the last one's gradient"
        )
    else:
        return "Too small a scale fades with depth", text
    return "Too small a scale fades with depth", f"{text}, and its {_loss(worst)}."


def _growing(rows: Sequence[ComparisonRow]) -> tuple[str, str] | None:
    if not rows:
        return None
    worst = max(rows, key=_gradient)
    text = f"{_changes(rows)} In {worst.name}, {_loss(worst)}."
    saturated = [
        f"{s.evidence.saturated:.0%} ({row.name})"
        for row in rows
        if (s := summarize(row)).evidence.saturated > WARN_SATURATED
    ]
    if saturated:
        text += (
            f" Of the activations of its worst layer, {listing(saturated)} lie on the flat ends "
            "of the curve, where hardly any gradient passes."
        )
    return "Too large a scale explodes with depth", text


def _steady(rows: Sequence[ComparisonRow], dataset: Dataset) -> tuple[str, str] | None:
    if not rows:
        return None
    results = [f"{row.name} {score(row.score, dataset)}" for row in rows]
    name = f"{dataset.score_name[0].upper()}{dataset.score_name[1:]}"
    return (
        "A scale that fits keeps both",
        f"{_changes(rows)} {name}: {', '.join(results)}.",
    )


def _means(rows: Sequence[ComparisonRow]) -> tuple[str, str] | None:
    """The notes' first condition, on the rows whose units differ and whose numbers are finite."""
    values = {}
    for row in rows:
        evidence = summarize(row).evidence
        if evidence.distinct <= 1 or not evidence.finite:
            continue
        values[row.name] = max(
            float(abs(run.statistics.relative_mean[:-1]).max(initial=0.0)) for run in row.runs
        )
    if not values:
        return None
    low, high = min(values.values()), max(values.values())
    activation = rows[0].activation
    mean = f"{low:.2f}" if len(values) == 1 else f"{low:.2f} to {high:.2f}"
    whatever = "" if len(values) == 1 else ", whatever the start"
    if low > FAR_FROM_ZERO:
        return (
            "The mean activation is not zero",
            f"With {activation}, the layer whose mean is farthest from zero has a mean of "
            f"{mean} times the RMS of its activations{whatever}: what "
            "a layer passes on is partly the same for every input.",
        )
    if high < FAR_FROM_ZERO:
        return (
            "The mean activation stays near zero",
            f"With {activation}, no layer's mean is more than {high:.2f} times the RMS of its "
            f"activations{whatever}: positive and negative values cancel.",
        )
    far = [name for name, value in values.items() if value >= FAR_FROM_ZERO]
    return (
        "The mean activation depends on the start",
        f"With {activation}, the mean of some layer is {FAR_FROM_ZERO:g} times the RMS of its "
        f"activations or more for {listing(far)}; for the other starts it stays closer to zero.",
    )


def _gradient(row: ComparisonRow) -> float:
    value = summarize(row).evidence.gradient_decades
    return -math.inf if math.isnan(value) else value


def _ratio(decades: float) -> str:
    """A share of this many decades below one, in words that are true of it."""
    for least, text in ((12, "trillionth"), (9, "billionth"), (6, "millionth"), (3, "thousandth")):
        if decades < -least:
            return f"less than a {text}"
    return f"{100.0 * 10.0**decades:.2g} %"
