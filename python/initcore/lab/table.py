"""The comparison as a table for the terminal."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from initcore.lab.cells import (
    ABSENT,
    GLYPHS,
    Summary,
    factor,
    percent,
    quantity,
    summarize,
)
from initcore.lab.comparison import Comparison, ComparisonRow
from initcore.lab.datasets import Dataset

_ASCII = str.maketrans({"✓": "v", "✗": "x", "×": "x", "–": "-", "\N{NO-BREAK SPACE}": " "})
_COLORS = {"OK": "\x1b[34m", "WARN": "\x1b[33m", "FAIL": "\x1b[31m"}
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_GAP = 2


@dataclass(frozen=True)
class _Column:
    """Its title, a shorter one for narrow terminals, and what stands in it."""

    title: str
    short: str
    cell: Callable[[ComparisonRow, Summary], str]
    right: bool = True


def _score(_row: ComparisonRow, s: Summary) -> str:
    """Mean and range over the seeds; a range that can be negative has no hyphen in it."""
    if not math.isfinite(s.score_low):
        return ABSENT
    between = "-" if s.score_low >= 0.0 else " to "
    # + 0.0 turns what rounds to -0 into 0
    low, high = round(s.score_low, 2) + 0.0, round(s.score_high, 2) + 0.0
    return f"{round(s.score, 3) + 0.0:.3f} ({low:.2f}{between}{high:.2f})"


def _verdict(row: ComparisonRow, _: Summary) -> str:
    return f"{GLYPHS[row.verdict.level.name]} {row.verdict}"


def _columns(dataset: Dataset) -> tuple[_Column, ...]:
    """From the most to the least telling: narrow terminals lose the last ones."""
    n_classes = len(dataset.classes)
    loss = "loss@0 (the target's variance = 1)"
    if n_classes:
        loss = f"loss@0 (ln {n_classes} = {math.log(n_classes):.2f})"
    return (
        _Column("init", "init", lambda row, _: row.name, right=False),
        _Column("verdict", "verdict", _verdict, right=False),
        _Column(dataset.score_name, dataset.score_name.split()[1], _score),
        _Column("training", "training", lambda row, _: row.outcome, right=False),
        _Column("signal/layer", "signal", lambda _, s: factor(s.evidence.signal_factor)),
        _Column("gradient/layer", "gradient", lambda _, s: factor(s.evidence.gradient_factor)),
        _Column("distinct", "distinct", lambda _, s: f"{s.evidence.distinct}/{s.evidence.units}"),
        _Column("dead", "dead", lambda _, s: percent(s.evidence.dead)),
        _Column("mean act.", "mean", lambda _, s: quantity(s.mean_activation, 2)),
        _Column(loss, "loss@0", lambda _, s: quantity(s.initial_loss)),
    )


def encodes(stream: TextIO) -> bool:
    """Whether the stream can show the signs that are not ASCII."""
    try:
        ("".join(GLYPHS.values()) + "×" + ABSENT).encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def render(
    comparison: Comparison, *, width: int | None = None, color: bool = False, ascii: bool = False
) -> str:
    """The tables of all activations as text that ends with a newline.

    Parameters
    ----------
    comparison : Comparison
    width : int, optional
        Where lines are longer, titles are shortened and then columns left out from the right; the
        first three always stay.
    color : bool
        Color the verdicts and set titles in bold; their words and signs stay.
    ascii : bool
        Use ASCII signs only.
    """
    columns = _columns(comparison.dataset)
    parts = []
    for activation in comparison.settings.activations:
        rows = comparison.section(activation)
        summaries = [summarize(row) for row in rows]
        cells = [
            [column.cell(row, summary) for column in columns]
            for row, summary in zip(rows, summaries, strict=True)
        ]
        levels = [row.verdict.level.name for row in rows]
        parts.append(_section(f"activation {activation}", columns, cells, levels, width, color))
    text = "\n".join(parts)
    return text.translate(_ASCII) if ascii else text


def _section(
    title: str,
    columns: tuple[_Column, ...],
    cells: list[list[str]],
    levels: list[str],
    width: int | None,
    color: bool,
) -> str:
    titles = [column.title for column in columns]
    widths = _widths(titles, cells)
    if width is not None and _line_width(widths) > width:
        titles = [column.short for column in columns]
        widths = _widths(titles, cells)
        while len(widths) > 3 and _line_width(widths) > width:
            widths.pop()

    def line(texts: list[str]) -> list[str]:
        return [
            text.rjust(size) if column.right else text.ljust(size)
            for text, size, column in zip(texts, widths, columns, strict=False)
        ]

    gap = " " * _GAP
    head = gap.join(line(titles)).rstrip()
    lines = [f"{_BOLD}{title}{_PLAIN}" if color else title]
    lines.append(f"{_DIM}{head}{_PLAIN}" if color else head)
    for row, level in zip(cells, levels, strict=True):
        padded = line(row)
        if color:
            padded[1] = f"{_COLORS[level]}{padded[1]}{_PLAIN}"
        lines.append(gap.join(padded).rstrip())
    return "\n".join(lines) + "\n"


def _widths(titles: list[str], cells: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(titles, *cells, strict=True)]


def _line_width(widths: list[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)
