"""The outcomes as a Markdown page with a plot for each."""

import math
from collections.abc import Sequence
from importlib.resources import files

from bench.outcomes._outcome import Outcome
from initcore.lab.report.plots import OTHERS
from initcore.lab.report.svg import WIDTH, Axis, Plot, Series

_HEAD = """# Outcomes

Training experiments of the literature, run with initcore's own starts and kernels: what was
published beside what was found. All of it comes from one command,

    python -m bench.outcomes --out docs

and has the same bytes on every machine. The networks are small and the data are scikit-learn's
handwritten digits: what is held against a paper is the shape of a result, not its digits.
"""


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The page."""
    lines = [_HEAD, "| experiment | source | outcome |", "|---|---|---|"]
    lines += [f"| [{o.title}](#{_anchor(o.title)}) | {o.source} | {o.verdict} |" for o in outcomes]
    for o in outcomes:
        lines += [
            f"\n## {o.title}\n",
            f"*{o.source}.* Setup: {o.setup}.\n",
            "| published | found |",
            "|---|---|",
            f"| {o.published} | {o.found} |\n",
            f"Outcome: **{o.verdict}**.\n",
            f"![{_description(o)}](outcomes/{o.name}.svg)\n",
            "| " + " | ".join(o.columns) + " |",
            "|" + "---|" * len(o.columns),
            *("| " + " | ".join(row) + " |" for row in o.rows),
        ]
    return "\n".join(lines) + "\n"


def _anchor(title: str) -> str:
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -")
    return kept.replace(" ", "-")


def _description(o: Outcome) -> str:
    return f"{o.y_label} against {o.x_label}, a line for each of {', '.join(o.curves)}"


def svg(outcome: Outcome) -> str:
    """The plot as a file of its own, with its style inside."""
    points = [p for curve in outcome.curves.values() for p in curve if math.isfinite(p[1])]
    plot = Plot(
        outcome.name,
        outcome.title,
        _description(outcome),
        _axis([x for x, _ in points], outcome.x_label),
        _axis([y for _, y in points], outcome.y_label),
        [
            Series(name, OTHERS[at % len(OTHERS)], curve)
            for at, (name, curve) in enumerate(outcome.curves.items())
        ],
    )
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{plot.height}" '
    paper = '<rect width="100%" height="100%" fill="var(--card)"/>'
    drawn = plot.render().replace("<svg ", opening, 1)
    return drawn.replace("<title", f"<style>\n{_style()}</style>{paper}<title", 1)


def _style() -> str:
    """What of the report's style sheet concerns plots: its colors and the rules of SVG."""
    whole = files("initcore.lab.report").joinpath("style.css").read_text(encoding="utf-8")
    colors = whole[: whole.index("* { box-sizing")]
    rules = [
        line
        for line in whole.splitlines()
        if line.startswith(("svg ", ".ink", ".green", ".brown", ".name, svg"))
    ]
    return colors + "\n".join(rules) + "\n"


def _axis(values: Sequence[float], label: str) -> Axis:
    """From round number to round number, with some five ticks."""
    low, high = min(values), max(values)
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-9) / 2.0))
    step *= next(k for k in (1.0, 2.0, 5.0, 10.0) if (high - low) / (k * step) <= 7.0)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = [(k * step, f"{k * step:g}") for k in range(first, last + 1)]
    return Axis(first * step, last * step, ticks, label)
