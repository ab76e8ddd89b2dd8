"""The four plots of a section: signal, mean activation, gradient, loss."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from initcore.doctor.verdict import FAIL_DECADES, WARN_DECADES
from initcore.lab.cells import middle
from initcore.lab.comparison import Comparison, ComparisonRow, SeedRun
from initcore.lab.report.svg import Axis, Guide, Plot, Point, Series, Style

# The default starts always look the same; the dash and the marker say it without color.
STYLES = {
    "zero": Style("ink", "1 4", "ring"),
    "constant": Style("purple", "7 3", "box"),
    "too-small": Style("sky", "3 3", "down"),
    "too-large": Style("vermilion", "9 3 2 3", "up"),
    "torch": Style("brown", "5 2", "cross"),
    "xavier": Style("green", "", "circle"),
    "glorot": Style("purple", "", "diamond"),
    "he": Style("blue", "", "square"),
}
OTHERS = (
    Style("ink", "", "cross"),
    Style("vermilion", "", "ring"),
    Style("brown", "", "down"),
    Style("sky", "", "up"),
    Style("green", "4 3", "box"),
    Style("blue", "4 3", "ring"),
)

# Beyond this many decades a line is cut and its label says where it goes.
DECADES_SHOWN = 6.0
LOSS_FLOOR = 1e-3
# Where a line goes that falls to 0, whose logarithm is -infinity: far below every plot.
NOWHERE = 1000.0


def styles(names: Sequence[str]) -> dict[str, Style]:
    """A look for each name."""
    rest = [name for name in names if name not in STYLES]
    return {name: STYLES[name] for name in names if name in STYLES} | {
        name: OTHERS[i % len(OTHERS)] for i, name in enumerate(rest)
    }


def _layers(n: int) -> Axis:
    step = max(1, math.ceil(n / 12))
    ticks = [(float(i), str(i)) for i in range(1, n + 1, step)]
    return Axis(1.0, float(max(n, 2)), ticks, "layer (number; the last one is the output)")


def _decade_axis(values: Sequence[float], label: str) -> Axis:
    finite = [v for v in values if math.isfinite(v)]
    low = max(-DECADES_SHOWN, min([-3.0, *finite]))
    high = min(DECADES_SHOWN, max([3.0, *finite]))
    low, high = math.floor(low), math.ceil(high)
    step = 1 if high - low <= 8 else 2
    ticks = [(float(v), f"{v:+d}" if v else "0") for v in range(low, high + 1) if v % step == 0]
    return Axis(float(low), float(high), ticks, label)


_BANDS = (
    Guide(-FAIL_DECADES, FAIL_DECADES, f"within {FAIL_DECADES:g} decades", "band-fail"),
    Guide(-WARN_DECADES, WARN_DECADES, f"within {WARN_DECADES:g}", "band-warn"),
    Guide(0.0, kind="rule"),
)


def _log10(values: np.ndarray, reference: float) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log10(values) - np.log10(reference))


def median_over_seeds(row: ComparisonRow, of: Callable[[SeedRun], np.ndarray]) -> list[float]:
    """Layer by layer; not finite where a seed is not."""
    curves = [of(run) for run in row.runs]
    return [middle([float(curve[i]) for curve in curves]) for i in range(len(curves[0]))]


def signal_decades(run: SeedRun) -> np.ndarray:
    s = run.statistics
    return _log10(s.signal, s.signal[0])


def rms_decades(run: SeedRun) -> np.ndarray:
    s = run.statistics
    return _log10(s.rms, s.signal[0])


def gradient_decades(run: SeedRun) -> np.ndarray:
    s = run.statistics
    return _log10(s.gradient, s.gradient[-1])


def relative_mean(run: SeedRun) -> np.ndarray:
    return run.statistics.relative_mean[:-1]


def mean(run: SeedRun) -> np.ndarray:
    return run.statistics.mean[:-1]


def _by_layer(values: Sequence[float]) -> list[Point]:
    return [(float(i + 1), max(value, -NOWHERE)) for i, value in enumerate(values)]


def _note(axis: Axis, value: float) -> str:
    """What a label says about the end of a line that the plot cannot show."""
    if value == -math.inf:
        return "→ 0"
    if math.isfinite(value) and not axis.low <= value <= axis.high:
        return f"{value:+.1f}"
    return ""


def signal_plot(rows: Sequence[ComparisonRow], look: dict[str, Style], identifier: str) -> Plot:
    """Standard deviation across samples (solid) beside the RMS (thin), from layer to layer."""
    curves = {row.name: median_over_seeds(row, signal_decades) for row in rows}
    thin = {row.name: median_over_seeds(row, rms_decades) for row in rows}
    axis = _decade_axis(
        [value for curve in curves.values() for value in curve],
        "signal vs. layer 1 (decades)",
    )
    series = [
        Series(
            row.name,
            look[row.name],
            _by_layer(curves[row.name]),
            thin=_by_layer(thin[row.name]),
            note=_note(axis, curves[row.name][-1]),
        )
        for row in rows
    ]
    n = len(rows[0].runs[0].statistics.signal)
    return Plot(
        identifier,
        "Signal going forward",
        "Standard deviation of each layer's pre-activations across samples, relative to layer 1, "
        "in decades. " + _ends(rows, curves, "at the output"),
        _layers(n),
        axis,
        series,
        _BANDS,
    )


def gradient_plot(rows: Sequence[ComparisonRow], look: dict[str, Style], identifier: str) -> Plot:
    """RMS of dz in each layer, relative to the last."""
    curves = {row.name: median_over_seeds(row, gradient_decades) for row in rows}
    axis = _decade_axis(
        [value for curve in curves.values() for value in curve],
        "gradient vs. last layer (decades)",
    )
    n = len(rows[0].runs[0].statistics.gradient)
    layers = _layers(n)
    series = [
        Series(
            row.name,
            look[row.name],
            _by_layer(curves[row.name])[::-1],
            note=_note(axis, curves[row.name][0]),
        )
        for row in rows
    ]
    return Plot(
        identifier,
        "Gradient going back",
        "Root-mean-square of the loss gradient with respect to each layer's pre-activations, "
        "relative to the last layer, in decades. "
        + _ends(rows, {name: curve[::-1] for name, curve in curves.items()}, "at layer 1"),
        # The gradient runs from the output to the input, and so does this axis.
        Axis(
            layers.high,
            layers.low,
            layers.ticks,
            "layer (number), from the output back to layer 1",
        ),
        axis,
        series,
        _BANDS,
    )


def _ends(rows: Sequence[ComparisonRow], curves: dict[str, list[float]], where: str) -> str:
    parts = []
    for row in rows:
        value = curves[row.name][-1]
        text = f"{value:+.1f}" if math.isfinite(value) else "nothing left"
        parts.append(f"{row.name} {text}")
    return f"Decades {where}: {', '.join(parts)}."


def mean_plot(rows: Sequence[ComparisonRow], look: dict[str, Style], identifier: str) -> Plot:
    """Mean of the activations over their RMS, by hidden layer."""
    curves = {row.name: median_over_seeds(row, relative_mean) for row in rows}
    finite = [v for curve in curves.values() for v in curve if math.isfinite(v)]
    low = -1.0 if min(finite, default=0.0) < -0.3 else -0.3
    ticks = [(v / 10, f"{v / 10:.1f}") for v in range(-10, 11, 2) if v / 10 >= low]
    n = len(rows[0].runs[0].statistics.mean) - 1
    layers = _layers(n)
    return Plot(
        identifier,
        "Mean activation",
        "Mean of each hidden layer's activations divided by their root-mean-square: 0 when "
        "positive and negative values cancel, 1 when all are equal and positive.",
        Axis(layers.low, layers.high, layers.ticks, "hidden layer (number)"),
        Axis(low, 1.0, ticks, "mean / RMS (no unit)"),
        [Series(row.name, look[row.name], _by_layer(curves[row.name])) for row in rows],
        (Guide(0.0, kind="rule"),),
    )


def loss_plot(
    comparison: Comparison, rows: Sequence[ComparisonRow], look: dict[str, Style], identifier: str
) -> Plot:
    """Training loss by epoch: median over seeds, band from the lowest to the highest."""
    epochs = comparison.settings.epochs
    guessing = comparison.dataset.guessing
    unit = "nats, log scale" if comparison.dataset.classes else "log scale"
    ceiling = math.log10(guessing * 10.0)
    curves = {row.name: _loss_curve(row, epochs, middle) for row in rows}
    finite = [v for curve in curves.values() for v in curve if math.isfinite(v)]
    floor = math.floor(max(math.log10(LOSS_FLOOR), min([*finite, math.log10(guessing) - 1.0])))
    ticks = [(float(power), f"{10.0**power:g}") for power in range(floor, math.ceil(ceiling))]
    axis = Axis(float(floor), ceiling, ticks, f"training loss ({unit})")
    series = []
    for row in rows:
        curve = curves[row.name]
        points = [(float(i), v) for i, v in enumerate(curve)]
        note = "diverged" if row.outcome == "diverged" else ""
        low = [(float(i), v) for i, v in enumerate(_loss_curve(row, epochs, min))]
        high = [(float(i), v) for i, v in enumerate(_loss_curve(row, epochs, max))]
        series.append(Series(row.name, look[row.name], points, low=low, high=high, note=note))
    step = max(1, math.ceil(epochs / 8))
    return Plot(
        identifier,
        "Training loss",
        "Training loss by epoch, median over seeds with the range as a band. At the end: "
        + ", ".join(f"{row.name} {_last_loss(row)}" for row in rows)
        + ".",
        Axis(
            0.0,
            float(max(epochs, 1)),
            [(float(i), str(i)) for i in range(0, epochs + 1, step)],
            "epoch (passes over the training data)",
        ),
        axis,
        series,
        (
            Guide(
                math.log10(guessing),
                label=f"guessing: {guessing:.3g}",
                kind="guess",
            ),
        ),
    )


def median_loss(row: ComparisonRow, epochs: int) -> list[float]:
    """The loss by epoch, from before the first step; NaN from where any seed has none."""
    return [
        middle([run.losses[i] if i < len(run.losses) else math.nan for run in row.runs])
        for i in range(epochs + 1)
    ]


def _last_loss(row: ComparisonRow) -> str:
    value = middle([run.losses[-1] for run in row.runs])
    return f"{value:.3g}" if math.isfinite(value) else "not a number"


def _loss_curve(
    row: ComparisonRow, epochs: int, choose: Callable[[Sequence[float]], float]
) -> list[float]:
    """log10 of the loss by epoch, NaN from where any seed has none."""
    curve = []
    for i in range(epochs + 1):
        values = [run.losses[i] if i < len(run.losses) else math.nan for run in row.runs]
        finite = all(math.isfinite(v) for v in values)
        curve.append(math.log10(max(choose(values), LOSS_FLOOR)) if finite else math.nan)
    return curve
