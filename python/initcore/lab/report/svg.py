"""A small writer of line plots in SVG: axes, bands, lines, and labels at the lines' ends.

Colors, fonts and line weights are classes that the page's style sheet fills in, so that a plot
follows the reader's light or dark theme.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

WIDTH = 520
LEFT, RIGHT, TOP, BOTTOM = 58, 146, 12, 50
PLOT_HEIGHT = 250
LABEL_GAP = 15.0
LABEL_LENGTH = 14

Point = tuple[float, float]


@dataclass(frozen=True)
class Style:
    """How one line looks everywhere: a color class, a dash pattern and a marker."""

    color: str
    dash: str = ""
    marker: str = "circle"


@dataclass(frozen=True)
class Series:
    """One line: its points, in data units; the line is clipped where it leaves the plot.

    Attributes
    ----------
    name : str
        The label at its end.
    style : Style
    points : sequence of (x, y)
        Points that are not finite are left out.
    thin : sequence of (x, y)
        A second, faint line in the same color.
    low, high : sequence of (x, y)
        A shaded band between the two.
    note : str
        What the label adds where the line's end is outside the plot.
    """

    name: str
    style: Style
    points: Sequence[Point]
    thin: Sequence[Point] = ()
    low: Sequence[Point] = ()
    high: Sequence[Point] = ()
    note: str = ""


@dataclass(frozen=True)
class Guide:
    """A horizontal reference: a line at `low`, or a band from `low` to `high`."""

    low: float
    high: float | None = None
    label: str = ""
    kind: str = "rule"


@dataclass(frozen=True)
class Axis:
    """An axis: its range, its ticks as (value, text), and what it shows, with the unit."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    label: str


@dataclass(frozen=True)
class Plot:
    """Everything one plot shows; `render` writes it."""

    identifier: str
    title: str
    description: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    rules: Sequence[Guide] = field(default=())

    @property
    def height(self) -> int:
        """High enough for a label per line."""
        return max(PLOT_HEIGHT, math.ceil(len(self.series) * LABEL_GAP)) + TOP + BOTTOM

    def px(self, value: float) -> float:
        """Where a value of x stands, in units of the drawing."""
        share = (value - self.x.low) / (self.x.high - self.x.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def py(self, value: float) -> float:
        """Where a value of y stands, in units of the drawing."""
        share = (value - self.y.low) / (self.y.high - self.y.low)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)

    def render(self) -> str:
        """The plot as one <svg> element."""
        body = [*self._rules(), *self._axes()]
        ends: list[tuple[Series, Point]] = []
        for series in self.series:
            body.extend(self._band(series))
            body.extend(self._thin(series))
        for series in self.series:
            drawn, end = self._line(series)
            body.extend(drawn)
            if end is not None:
                ends.append((series, end))
        body.extend(self._labels(ends))
        return (
            f'<svg viewBox="0 0 {WIDTH} {self.height}" role="img" '
            f'aria-labelledby="{self.identifier}-t {self.identifier}-d">'
            f'<title id="{self.identifier}-t">{escape(self.title)}</title>'
            f'<desc id="{self.identifier}-d">{escape(self.description)}</desc>'
            + "".join(body)
            + "</svg>"
        )

    def _rules(self) -> list[str]:
        parts = []
        left, right = LEFT, WIDTH - RIGHT
        for rule in self.rules:
            low = min(max(rule.low, self.y.low), self.y.high)
            if rule.high is not None:
                high = min(max(rule.high, self.y.low), self.y.high)
                if high > low:
                    top, bottom = self.py(high), self.py(low)
                    parts.append(
                        f'<rect class="{rule.kind}" x="{_n(left)}" y="{_n(top)}" '
                        f'width="{_n(right - left)}" height="{_n(bottom - top)}"/>'
                    )
            elif low == rule.low:
                y = self.py(low)
                parts.append(
                    f'<line class="{rule.kind}" x1="{_n(left)}" y1="{_n(y)}" '
                    f'x2="{_n(right)}" y2="{_n(y)}"/>'
                )
            if rule.label and rule.high is None and low == rule.low:
                parts.append(_note(left + 6, self.py(low) - 8, "start", rule.label))
            elif rule.label and rule.high is not None and rule.high <= self.y.high:
                parts.append(_note(right - 6, self.py(rule.high) + 14, "end", rule.label))
        return parts

    def _axes(self) -> list[str]:
        left, right = LEFT, WIDTH - RIGHT
        bottom = self.height - BOTTOM
        parts = [f'<path class="axis" d="M{left} {TOP}V{bottom}H{right}"/>']
        for value, text in self.y.ticks:
            y = self.py(value)
            parts.append(f'<line class="grid" x1="{left}" y1="{_n(y)}" x2="{right}" y2="{_n(y)}"/>')
            parts.append(
                f'<text class="tick" text-anchor="end" x="{left - 6}" y="{_n(y + 4)}">'
                f"{escape(text)}</text>"
            )
        for value, text in self.x.ticks:
            x = self.px(value)
            parts.append(
                f'<line class="axis" x1="{_n(x)}" y1="{bottom}" x2="{_n(x)}" y2="{bottom + 4}"/>'
            )
            parts.append(
                f'<text class="tick" text-anchor="middle" x="{_n(x)}" y="{bottom + 18}">'
                f"{escape(text)}</text>"
            )
        middle = (TOP + bottom) / 2
        parts.append(
            f'<text class="label" text-anchor="middle" x="{_n((left + right) / 2)}" '
            f'y="{bottom + 40}">{escape(self.x.label)}</text>'
        )
        parts.append(
            f'<text class="label" text-anchor="middle" transform="rotate(-90)" '
            f'x="{_n(-middle)}" y="14">{escape(self.y.label)}</text>'
        )
        return parts

    def _band(self, series: Series) -> list[str]:
        low = [(x, self._held(y)) for x, y in series.low if math.isfinite(y)]
        high = [(x, self._held(y)) for x, y in series.high if math.isfinite(y)]
        if len(low) < 2 or len(low) != len(high):
            return []
        outline = " ".join(f"{_n(self.px(x))},{_n(self.py(y))}" for x, y in [*low, *reversed(high)])
        return [f'<polygon class="band {series.style.color}" points="{outline}"/>']

    def _thin(self, series: Series) -> list[str]:
        return [
            f'<polyline class="thin {series.style.color}" points="{self._points(piece)}"/>'
            for piece in self._inside(series.thin)
            if len(piece) > 1
        ]

    def _line(self, series: Series) -> tuple[list[str], Point | None]:
        style = series.style
        pieces = self._inside(series.points)
        parts = []
        dash = f' stroke-dasharray="{style.dash}"' if style.dash else ""
        for piece in pieces:
            if len(piece) > 1:
                parts.append(
                    f'<polyline class="line {style.color}"{dash} points="{self._points(piece)}"/>'
                )
        for x, y in series.points:
            if math.isfinite(y) and self.y.low <= y <= self.y.high:
                parts.append(_marker(style, self.px(x), self.py(y)))
        if not pieces:
            return parts, None
        end = pieces[-1][-1]
        last = [point for point in series.points if math.isfinite(point[1])][-1]
        if not self.y.low <= last[1] <= self.y.high:
            parts.append(_arrow(style, self.px(end[0]), self.py(end[1]), last[1] > end[1]))
        return parts, (self.px(end[0]), self.py(end[1]))

    def _labels(self, ends: list[tuple[Series, Point]]) -> list[str]:
        bottom = self.height - BOTTOM
        places = spread([y for _, (_, y) in ends], LABEL_GAP, TOP + 4.0, bottom - 2.0)
        parts = []
        x = WIDTH - RIGHT + 22
        for (series, (end_x, end_y)), y in zip(ends, places, strict=True):
            # A line that is cut ends far from its label; its arrow and the label's marker tell.
            if end_x > WIDTH - RIGHT - 1:
                parts.append(
                    f'<path class="leader {series.style.color}" '
                    f'd="M{_n(end_x + 4)} {_n(end_y)}L{_n(x - 6)} {_n(y)}"/>'
                )
            parts.append(_marker(series.style, x, y))
            text = shorten(series.name)
            if series.note:
                text = f"{shorten(series.name, 10)} {series.note}"
            parts.append(
                f'<text class="end {series.style.color}" x="{_n(x + 8)}" y="{_n(y + 4)}">'
                f"{escape(text)}</text>"
            )
        return parts

    def _held(self, y: float) -> float:
        return min(max(y, self.y.low), self.y.high)

    def _points(self, piece: Sequence[Point]) -> str:
        return " ".join(f"{_n(self.px(x))},{_n(self.py(y))}" for x, y in piece)

    def _inside(self, points: Sequence[Point]) -> list[list[Point]]:
        """The parts of a line that lie in the range of y, cut where it crosses the edge."""
        pieces: list[list[Point]] = []
        for a, b in pairwise(points):
            if not (math.isfinite(a[1]) and math.isfinite(b[1])):
                continue
            if max(a[1], b[1]) < self.y.low or min(a[1], b[1]) > self.y.high:
                continue
            start, end = self._cut(a, b), self._cut(b, a)
            if pieces and pieces[-1][-1] == start:
                pieces[-1].append(end)
            else:
                pieces.append([start, end])
        alone = [p for p in points if math.isfinite(p[1]) and self.y.low <= p[1] <= self.y.high]
        return pieces or [[point] for point in alone[-1:]]

    def _cut(self, a: Point, b: Point) -> Point:
        """`a` itself, or where the segment to b enters the range of y."""
        edge = self._held(a[1])
        if edge == a[1]:
            return a
        return (a[0] + (edge - a[1]) / (b[1] - a[1]) * (b[0] - a[0]), edge)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart and within [low, high], each as near to its wish as that allows.

    With more places than fit, the gap shrinks to what there is.
    """
    if not wanted:
        return []
    if len(wanted) > 1:
        gap = min(gap, (high - low) / (len(wanted) - 1))
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    # Blocks of places that touch; each sits at the mean of what its members wish.
    blocks: list[list[float]] = []  # [sum of (wish - offset), members]
    for i in order:
        blocks.append([wanted[i], 1])
        while len(blocks) > 1 and _start(blocks[-1], gap, low, high) < (
            _start(blocks[-2], gap, low, high) + blocks[-2][1] * gap
        ):
            wish, members = blocks.pop()
            blocks[-1][0] += wish - members * blocks[-1][1] * gap
            blocks[-1][1] += members
    places: list[float] = []
    for block in blocks:
        start = _start(block, gap, low, high)
        places.extend(start + k * gap for k in range(int(block[1])))
    result = [0.0] * len(wanted)
    for i, place in zip(order, places, strict=True):
        result[i] = place
    return result


def _start(block: list[float], gap: float, low: float, high: float) -> float:
    wish, members = block
    return max(low, min(wish / members, high - (members - 1) * gap))


def shorten(name: str, length: int = LABEL_LENGTH) -> str:
    """A label of at most so many characters."""
    return name if len(name) <= length else name[: length - 1] + "…"


def _n(value: float) -> str:
    """A coordinate with one decimal at most, and never NaN or infinite."""
    if not math.isfinite(value):
        raise ValueError(f"coordinate {value} is not finite")
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def _note(x: float, y: float, anchor: str, text: str) -> str:
    return (
        f'<text class="note" text-anchor="{anchor}" x="{_n(x)}" y="{_n(y)}">{escape(text)}</text>'
    )


def _marker(style: Style, x: float, y: float) -> str:
    r = 3.2
    shapes = {
        "circle": f'<circle class="dot {style.color}" cx="{_n(x)}" cy="{_n(y)}" r="{r}"/>',
        "ring": f'<circle class="ring {style.color}" cx="{_n(x)}" cy="{_n(y)}" r="{r}"/>',
        "square": f'<rect class="dot {style.color}" x="{_n(x - 3)}" y="{_n(y - 3)}" '
        'width="6" height="6"/>',
        "box": f'<rect class="ring {style.color}" x="{_n(x - 3)}" y="{_n(y - 3)}" '
        'width="6" height="6"/>',
        "diamond": _path("dot", style, x, y, "m0 -4.4l4.4 4.4l-4.4 4.4l-4.4 -4.4z"),
        "up": _path("dot", style, x, y, "m0 -4.2l4.2 7.4h-8.4z"),
        "down": _path("dot", style, x, y, "m0 4.2l4.2 -7.4h-8.4z"),
        "cross": _path("ring", style, x, y, "m-3.2 -3.2l6.4 6.4m0 -6.4l-6.4 6.4"),
    }
    return shapes[style.marker]


def _arrow(style: Style, x: float, y: float, up: bool) -> str:
    tip = "m-5 7l5 -7l5 7" if up else "m-5 -7l5 7l5 -7"
    return _path("tip", style, x, y, tip)


def _path(kind: str, style: Style, x: float, y: float, d: str) -> str:
    return f'<path class="{kind} {style.color}" d="M{_n(x)} {_n(y)}{d}"/>'
