"""The comparison as one HTML file: no script, no font, no address of another page."""

import math
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files

import numpy as np

import initcore as ic
from initcore.doctor.verdict import (
    FAIL_DEAD,
    FAIL_DECADES,
    WARN_DEAD,
    WARN_DECADES,
    WARN_LOSS_RATIO,
    WARN_SATURATED,
    Level,
)
from initcore.lab import words
from initcore.lab.cells import (
    Summary,
    factor,
    percent,
    quantity,
    summarize,
)
from initcore.lab.comparison import Comparison, ComparisonRow, SeedRun
from initcore.lab.datasets import Dataset
from initcore.lab.report import plots
from initcore.lab.report.svg import Plot, Style

GENERATOR = "initcore compare"

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

# A shape for each level: circle, triangle, octagon.
_ICONS = {
    Level.OK: '<circle cx="9" cy="9" r="8"/><path d="M5 9.4l2.8 2.8 5.2-6"/>',
    Level.WARN: '<path class="body" d="M9 1.2l8 15.3H1z"/><path d="M9 6.5v5M9 13.4v1.4"/>',
    Level.FAIL: '<path class="body" d="M5.7 1h6.6L17 5.7v6.6L12.3 17H5.7L1 12.3V5.7z"/>'
    '<path d="M6 6l6 6M12 6l-6 6"/>',
}


def page(comparison: Comparison, command: str = "initcore compare") -> str:
    """The report as the text of an HTML file.

    Parameters
    ----------
    comparison : Comparison
    command : str
        The command line that gives this report, as it is shown.

    Returns
    -------
    str
        Equal for equal comparisons and commands: there is no time stamp in it.
    """
    style = files("initcore.lab.report").joinpath("style.css").read_text(encoding="utf-8")
    look = plots.styles([row.name for row in comparison.section(_activations(comparison)[0])])
    title = f"What the starting weights do: {comparison.dataset.name}"
    body = [
        _header(comparison, command),
        _setup(comparison, look),
        *(_section(comparison, activation, look) for activation in _activations(comparison)),
        _footer(comparison),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta name="generator" content="{GENERATOR}"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        '<meta name="color-scheme" content="light dark"/>\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _activations(comparison: Comparison) -> tuple[str, ...]:
    return comparison.settings.activations


def _header(comparison: Comparison, command: str) -> str:
    return (
        '<header>\n<p class="kicker">initcore compare</p>\n'
        "<h1>What the starting weights do</h1>\n"
        f'<p class="lead">{escape(words.headline(comparison))}</p>\n'
        f"<p>{escape(words.verdict_sentence(comparison))}</p>\n"
        f'<p class="command"><code>{escape(command)}</code></p>\n</header>'
    )


def _setup(comparison: Comparison, look: dict[str, Style]) -> str:
    data, settings = comparison.dataset, comparison.settings
    starts = "".join(
        f'<li><b class="name {look[row.name].color}">{escape(row.name)}</b> '
        f"{escape(row.initialization.rule)}</li>"
        for row in comparison.section(_activations(comparison)[0])
    )
    wanted = f"{len(data.classes)} classes" if data.classes else "a target that is a number"
    loss = data.loss.replace("_", " ").replace("cross entropy", "cross-entropy")
    notes = " ".join(f"Note: {remark}." for remark in data.remarks)
    about = f"{data.reading}. {notes}" if data.reading else notes
    return (
        "<section>\n<h2>The experiment</h2>\n"
        f"<p>The data are {escape(data.name)}: {data.features} numbers per sample, "
        f"{wanted}; {escape(data.split)}. A network with "
        f"{words.hidden_layers(settings)} learns them: {words.training(settings)}, {loss} as "
        f"loss. It is trained once from each start below, with {words.seeds(settings)}. With the "
        "same seed, every start sees the same batches in the same order, so whatever differs "
        "comes from the starting weights.</p>\n"
        f"{f'<p>{escape(about[0].upper() + about[1:])}</p>' if about else ''}\n"
        f"{_network_figure(comparison)}\n"
        f'<ul class="starts">{starts}</ul>\n'
        '<p class="how">Biases start at zero unless the rule says otherwise. fan_in is the number '
        "of inputs of a layer, fan_out the number of its outputs.</p>\n</section>"
    )


def _network_figure(comparison: Comparison) -> str:
    """The network as a row of bars, as high as the layers are wide."""
    sizes = [
        comparison.dataset.features,
        *comparison.settings.widths,
        comparison.dataset.outputs,
    ]
    if len(sizes) > 24:
        return ""
    step, top = 64.0, max(sizes)
    parts = []
    for i, size in enumerate(sizes):
        height = max(3.0, 86.0 * size / top)
        x = 22.0 + i * step
        kind = "outer" if i in {0, len(sizes) - 1} else "inner"
        parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{60 - height / 2:.1f}" width="20" '
            f'height="{height:.1f}" rx="3"/>'
            f'<text class="tick" text-anchor="middle" x="{x + 10:.1f}" y="124">{size}</text>'
        )
        if i:
            parts.append(
                f'<path class="flow" d="M{x - step + 25:.1f} 60H{x - 7:.1f}m-5 -4l5 4l-5 4"/>'
            )
    width = 44 + step * (len(sizes) - 1) + 20
    text = ", ".join(str(size) for size in sizes)
    return (
        f'<figure class="network"><svg viewBox="0 0 {width:.0f} 132" role="img" '
        'aria-labelledby="net-t net-d"><title id="net-t">The network</title>'
        f'<desc id="net-d">Units per layer from input to output: {text}.</desc>'
        + "".join(parts)
        + "</svg><figcaption>Units per layer, from the input to the output.</figcaption></figure>"
    )


def _section(comparison: Comparison, activation: str, look: dict[str, Style]) -> str:
    rows = comparison.section(activation)
    anchor = f"a{_activations(comparison).index(activation)}"
    figures = (
        (
            plots.signal_plot(rows, look, f"{anchor}-signal"),
            "Solid: how much a layer's values differ from one sample to the next. Thin: their "
            "root-mean-square, which also counts what is the same for every sample. One decade is "
            "a factor of ten; inside the inner band the change is at most one, inside the outer "
            "at most two. A line that falls out of the bands takes the data with it; the last "
            "layer, which gives the output, may start as small as it likes.",
            _layer_table(rows, plots.signal_decades, "layer", "decades relative to layer 1"),
        ),
        (
            plots.gradient_plot(rows, look, f"{anchor}-gradient"),
            "Read it from left to right as the gradient travels: from the output back to the "
            "first layer. A line that falls leaves the first layers with almost nothing to learn "
            "from; a line that rises makes their steps too large.",
            _layer_table(rows, plots.gradient_decades, "layer", "decades relative to the output"),
        ),
        (
            plots.mean_plot(rows, look, f"{anchor}-mean"),
            "Zero means that positive and negative activations cancel; one, that all are equal "
            "and positive. The argument for constant variance assumes zero.",
            _layer_table(rows, plots.mean, "hidden layer", "mean activation, not divided"),
        ),
        (
            plots.loss_plot(comparison, rows, look, f"{anchor}-loss"),
            "Line: median over the seeds; band: lowest to highest. The dashed line is the loss of "
            f"guessing: {_guessing(comparison)}. Only below it has a network learned something.",
            _loss_table(comparison, rows),
        ),
    )
    notes = "".join(
        f"<div><h4>{escape(head)}</h4><p>{escape(text)}</p></div>"
        for head, text in words.findings(rows, comparison.dataset)
    )
    return (
        f'<section id="{anchor}">\n<h2>With {escape(activation)}</h2>\n'
        f"{_scoreboard(comparison, rows, look)}\n"
        f'<div class="findings">{notes}</div>\n'
        '<div class="plots">\n' + "\n".join(_figure(*item) for item in figures) + "\n</div>\n"
        "</section>"
    )


def _guessing(comparison: Comparison) -> str:
    """What guessing means for the task, with its loss."""
    data = comparison.dataset
    if data.classes:
        return f"to know how common each class is and nothing else, {data.guessing:.3g} nats"
    return f"to answer with the mean of the target, {data.guessing:.3g}"


def _figure(plot: Plot, how: str, table: str) -> str:
    lost = [s.name for s in plot.series if not any(math.isfinite(y) for _, y in s.points)]
    absent = f" Not drawn, for there is nothing: {escape(words.listing(lost))}." if lost else ""
    return (
        f"<figure>\n<h3>{escape(plot.title)}</h3>\n{plot.render()}\n"
        f'<figcaption class="how">{escape(how)}{absent}</figcaption>\n'
        f'<details><summary>The numbers</summary><div class="scroll">{table}</div></details>\n'
        "</figure>"
    )


def _scoreboard(
    comparison: Comparison, rows: Sequence[ComparisonRow], look: dict[str, Style]
) -> str:
    data = comparison.dataset
    n_classes = len(data.classes)
    scale = "0 to 100 %" if n_classes else "0 to 1"
    start = "the variance of the target is 1"
    if n_classes:
        start = f"one that prefers no class has ln {n_classes} = {math.log(n_classes):.2f}"
    head = "".join(
        f'<th scope="col"{kind}>{title}</th>'
        for title, kind in (
            ("start", ""),
            ('verdict<span class="aside"> before training</span>', ""),
            (f'{data.score_name}<span class="aside">, {scale}</span>', ""),
            ("signal per layer", ' class="wide num"'),
            ("gradient per layer", ' class="wide num"'),
            ("mean activation", ' class="wide num"'),
            ("distinct units (after)", ' class="wide num"'),
            ("dead units", ' class="wide num"'),
            ("loss at step 0", ' class="wide num"'),
        )
    )
    body = "".join(_score(row, summarize(row), look[row.name], data) for row in rows)
    return (
        f'<table class="scores"><caption>Dot: mean {data.score_name}; bar: range over the seeds. '
        '<span class="more">Mean activation: of the last hidden layer. Distinct units: of the '
        f"layer with the fewest, before and (after) training. Loss at step 0: {start}.</span>"
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _score(row: ComparisonRow, s: Summary, style: Style, data: Dataset) -> str:
    level = row.verdict.level
    name = level.name.lower()
    at = "" if s.diverged_step is None else f" at step {s.diverged_step}"
    after = "" if s.distinct_after is None else f"({s.distinct_after})"
    wide = "".join(
        f'<td class="wide num">{escape(text)}{small}</td>'
        for text, small in (
            (factor(s.evidence.signal_factor), ""),
            (factor(s.evidence.gradient_factor), ""),
            (quantity(s.mean_activation, 2), ""),
            (f"{s.evidence.distinct} of {s.evidence.units}", f"<small>{after}</small>"),
            (percent(s.evidence.dead), ""),
            (quantity(s.initial_loss), ""),
        )
    )
    return (
        f'<tr><th scope="row"><b class="name {style.color}">{escape(row.name)}</b></th>'
        f'<td><span class="verdict {name}"><svg class="icon" viewBox="0 0 18 18" '
        f'aria-hidden="true">{_ICONS[level]}</svg>{escape(str(row.verdict))}</span>'
        f"<small>{escape(row.verdict.reason)}</small></td>"
        f'<td>{_score_bar(s, data)}<small><span class="aside">training: </span>{row.outcome}'
        f"{at}</small></td>{wide}</tr>"
    )


def _score_bar(s: Summary, data: Dataset) -> str:
    """A dot on a line from 0 to 1, with the range over seeds, and the number."""
    values = (s.score_low, s.score_high, s.score)
    low, high, mean = (4.0 + 112.0 * min(max(value, 0.0), 1.0) for value in values)
    of = 100.0 if data.classes else 1.0
    form = ".0f" if data.classes else ".2f"
    digits = 0 if data.classes else 2
    ends = (round(of * value, digits) + 0.0 for value in (s.score_low, s.score_high))
    between = "({:{form}} to {:{form}})".format(*ends, form=form)
    return (
        '<span class="accuracy"><svg viewBox="0 0 120 16" aria-hidden="true">'
        '<path class="scale" d="M4 8H116M4 4v8M60 5v6M116 4v8"/>'
        f'<path class="range" d="M{low:.1f} 8H{high:.1f}"/>'
        f'<circle class="mean" cx="{mean:.1f}" cy="8" r="4.5"/></svg>'
        f"<span>{words.score(s.score, data)} "
        f"<small>{between if math.isfinite(s.score_low) else ''}</small></span></span>"
    )


def _table(corner: str, heads: Sequence[str], lines: Sequence[tuple[str, Sequence[str]]]) -> str:
    head = "".join(f'<th scope="col" class="num">{escape(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="num">{escape(text)}</td>' for text in texts)
        + "</tr>"
        for name, texts in lines
    )
    return (
        f'<table class="numbers"><thead><tr><th scope="col">{escape(corner)}</th>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table>"
    )


def _layer_table(
    rows: Sequence[ComparisonRow], of: Callable[[SeedRun], np.ndarray], layer: str, unit: str
) -> str:
    values = {row.name: plots.median_over_seeds(row, of) for row in rows}
    heads = [str(i + 1) for i in range(len(of(rows[0].runs[0])))]
    lines = [(name, [quantity(v, 3) for v in curve]) for name, curve in values.items()]
    return _table(f"{layer} ({unit})", heads, lines)


def _loss_table(comparison: Comparison, rows: Sequence[ComparisonRow]) -> str:
    epochs = comparison.settings.epochs
    lines = []
    for row in rows:
        curve = plots.median_loss(row, epochs)
        lines.append((row.name, [quantity(value, 3) for value in curve]))
    return _table(
        "epoch (nats)" if comparison.dataset.classes else "epoch",
        [str(i) for i in range(epochs + 1)],
        lines,
    )


def _footer(comparison: Comparison) -> str:
    data, settings = comparison.dataset, comparison.settings
    facts = (
        ("initcore", ic.__version__),
        ("NumPy", np.__version__),
        ("data", f"{data.name}, SHA-256 {data.digest}"),
        ("split", data.split),
        ("seeds", ", ".join(str(seed) for seed in range(settings.seeds))),
        ("loss of guessing", f"{data.guessing:.6g}"),
        ("hidden widths", ", ".join(str(width) for width in settings.widths)),
    )
    listed = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    without = f"ln {len(data.classes)}" if data.classes else "the variance of the target"
    return (
        "<footer>\n<h2>How the verdict is made</h2>\n"
        "<p>It is computed from what is measured on the training samples before the first step, "
        "never from the name of the start. <b>FAIL</b>: the units of a layer act as one, a number "
        "is not finite, the hidden layers get no gradient, "
        f"{FAIL_DEAD:.0%} or more of a layer's units are zero on every sample, or the signal or "
        f"the gradient changes by more than {FAIL_DECADES:g} decades over the hidden layers. "
        f"<b>WARN</b>: more than {WARN_DECADES:g} decade, more than {WARN_DEAD:.0%} dead, two "
        f"units that act as one, more than {WARN_SATURATED:.0%} saturated, or a first loss above "
        f"{WARN_LOSS_RATIO:g} times {without}. <b>OK</b>: none of these. After training, "
        "<b>learned</b> means a training loss of at most a quarter of that of guessing "
        f"({_guessing(comparison)}), "
        "<b>stalled</b> at least nine tenths, <b>slow</b> between the two, <b>diverged</b> above "
        "where it began, or no number at all; a row shows the worst of its seeds. The thresholds "
        "hold for plain gradient descent on networks of dense layers.</p>\n"
        f"<dl>{listed}</dl>\n</footer>"
    )
