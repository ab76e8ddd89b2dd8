"""What a comparison shows, in sentences made from its own numbers.

A sentence is written only if the numbers of the run bear it out; a run in which the constant
start wins will say so.
"""

import math
from collections.abc import Sequence

from initcore.doctor.verdict import WARN_SATURATED, Level
from initcore.lab.cells import factor, quantity, summarize
from initcore.lab.comparison import Comparison, Row, Settings

# Mean over RMS of a layer's activations: below this, the sentences call it near zero.
FAR_FROM_ZERO = 0.2

_COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def count(n: int) -> str:
    """A small number as a word."""
    return _COUNTS[n] if n < len(_COUNTS) else str(n)


def listing(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def accuracy(share: float) -> str:
    return f"{100.0 * share:.1f} %"


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
    """The comparison in one sentence."""
    best = max(comparison.rows, key=lambda row: row.accuracy)
    worst = min(comparison.rows, key=lambda row: row.accuracy)
    if best.accuracy - worst.accuracy < 0.05:
        return (
            f"On {comparison.dataset.name}, all starts end within "
            f"{accuracy(best.accuracy - worst.accuracy)} of each other in test accuracy: "
            "this network forgives its starting weights."
        )
    return (
        f"The same network, data and batches: only the starting weights differ, and test accuracy "
        f"on {comparison.dataset.name} goes from {accuracy(worst.accuracy)} "
        f"({worst.name}, {worst.activation}) to {accuracy(best.accuracy)} "
        f"({best.name}, {best.activation})."
    )


def verdict_sentence(comparison: Comparison) -> str:
    """How the verdicts, given before training, compare with what training did."""
    parts = []
    for level, text in (
        (Level.OK, "judged OK"),
        (Level.WARN, "judged with a warning"),
        (Level.FAIL, "judged to fail"),
    ):
        rows = [row for row in comparison.rows if row.verdict.level == level]
        if rows:
            learned = sum(row.outcome == "learned" for row in rows)
            parts.append(f"{count(learned)} of the {count(len(rows))} {text}")
    return (
        "The verdicts were given before the first step. Training then brought the loss to a "
        f"quarter of that of guessing, or below, for {listing(parts)}."
    )


def findings(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What one activation's rows show: pairs of (heading, sentences)."""
    found = [
        _symmetry([row for row in rows if row.verdict.word == "symmetry"]),
        _shrinking([row for row in rows if row.verdict.word in {"vanishing", "fading"}]),
        _growing([row for row in rows if row.verdict.word in {"exploding", "growing", "overflow"}]),
        _steady([row for row in rows if row.verdict.level == Level.OK]),
        _means(rows),
    ]
    return [item for item in found if item is not None]


def _symmetry(rows: Sequence[Row]) -> tuple[str, str] | None:
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
            f"1 distinct unit, and test accuracy is "
            f"{listing([accuracy(s.accuracy) for s in summaries])}."
        )
    return "Equal units stay equal", text


def _changes(rows: Sequence[Row]) -> str:
    """What the rows do to the signal and to the gradient, in one sentence."""
    evidences = [summarize(row).evidence for row in rows]
    names = [f" ({row.name})" if len(rows) > 1 else "" for row in rows]
    signal = [factor(e.signal_factor)[1:] + n for e, n in zip(evidences, names, strict=True)]
    gradient = [factor(e.gradient_factor)[1:] for e in evidences]
    subject = "" if len(rows) > 1 else f"With {rows[0].name}, "
    text = (
        f"{subject}from one layer to the next the signal is multiplied by {listing(signal)}, and "
        f"the gradient, on its way back, by {listing(gradient)}."
    )
    return text[0].upper() + text[1:]


def _loss(row: Row) -> str:
    s = summarize(row)
    if s.diverged:
        return f"training loss goes from {quantity(s.initial_loss)} to no number at all"
    return f"training loss goes from {quantity(s.initial_loss)} to {quantity(s.final_loss)}"


def _shrinking(rows: Sequence[Row]) -> tuple[str, str] | None:
    if not rows:
        return None
    worst = min(rows, key=_gradient)
    gradient = _gradient(worst)
    text = _changes(rows)
    if gradient == -math.inf:
        text += f" In {worst.name}, layer 1 receives no gradient at all"
    elif gradient < -1.0:
        text += (
            f" Over {worst.runs[0].statistics.gradient.size} layers that adds up: in {worst.name}, "
            f"layer 1 receives {_ratio(gradient)} of the last layer's gradient"
        )
    else:
        return "Too small a scale fades with depth", text
    return "Too small a scale fades with depth", f"{text}, and its {_loss(worst)}."


def _growing(rows: Sequence[Row]) -> tuple[str, str] | None:
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


def _steady(rows: Sequence[Row]) -> tuple[str, str] | None:
    if not rows:
        return None
    results = [f"{row.name} {accuracy(row.accuracy)}" for row in rows]
    return (
        "A scale that fits keeps both",
        f"{_changes(rows)} Test accuracy: {', '.join(results)}.",
    )


def _means(rows: Sequence[Row]) -> tuple[str, str] | None:
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
    if low > FAR_FROM_ZERO:
        return (
            "The mean activation is not zero",
            f"With {activation}, the layer whose mean is farthest from zero has a mean of "
            f"{low:.2f} to {high:.2f} times the RMS of its activations, whatever the start: what "
            "a layer passes on is partly the same for every input.",
        )
    if high < FAR_FROM_ZERO:
        return (
            "The mean activation stays near zero",
            f"With {activation}, no layer's mean is more than {high:.2f} times the RMS of its "
            "activations, whatever the start: positive and negative values cancel.",
        )
    far = [name for name, value in values.items() if value >= FAR_FROM_ZERO]
    return (
        "The mean activation depends on the start",
        f"With {activation}, the mean of some layer is {FAR_FROM_ZERO:g} times the RMS of its "
        f"activations or more for {listing(far)}; for the other starts it stays closer to zero.",
    )


def _gradient(row: Row) -> float:
    value = summarize(row).evidence.gradient_decades
    return -math.inf if math.isnan(value) else value


def _ratio(decades: float) -> str:
    """A share of this many decades below one, in words that are true of it."""
    for least, text in ((12, "trillionth"), (9, "billionth"), (6, "millionth"), (3, "thousandth")):
        if decades < -least:
            return f"less than a {text}"
    return f"{100.0 * 10.0**decades:.2g} %"
