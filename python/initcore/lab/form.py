"""The form of a table in a text file: found in its first lines, and said in one line.

What decides: the separator is the one that cuts the lines into equally many cells that are numbers
or clean texts; a line is a header where it has a text above numbers, or counts 0, 1, 2, ... where
the lines below do not; the label column is the one asked for, or called label, class, target or y,
or the only one that is not numbers, or the last.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from initcore.lab.raw import DataError, printable

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}
_LABEL_NAMES = {"label", "labels", "class", "target", "y"}
_SEPARATORS = ",;\t|"
_BLANKS = " "
_MOST_LINES_ABOVE = 20
SEPARATOR_NAMES = {",": "','", ";": "';'", "\t": "tab", "|": "'|'", _BLANKS: "blank"}


@dataclass(frozen=True)
class Form:
    """How the lines of a file are to be read.

    Attributes
    ----------
    separator : str
        One of , ; | tab, or a blank for any run of blanks.
    above : int
        Lines of comments or titles above the table.
    first : int
        Lines before the first row: those above, and the header's.
    names : tuple of str, optional
        Of the columns; None without a header.
    width : int
        Cells of a row, without an empty one behind a separator at its end.
    trailing : bool
        Rows end with a separator.
    decimal_comma : bool
    label : int
        The label column.
    booleans : tuple of int
        Columns of True and False, which are read as 1 and 0.
    """

    separator: str
    above: int
    first: int
    names: tuple[str, ...] | None
    width: int
    trailing: bool
    decimal_comma: bool
    label: int
    booleans: tuple[int, ...] = ()

    def name(self, column: int) -> str:
        """What a column is called."""
        return printable(self.names[column]) if self.names else str(column)

    def number(self, text: str) -> float | None:
        """A cell as a number, or None."""
        text = text.strip()
        if self.decimal_comma:
            text = text.replace(",", ".")
        return float(text) if NUMBER.fullmatch(text) else None

    def feature(self, column: int, text: str) -> float | None:
        """A cell of a feature column as a number, or None."""
        return truth(text) if column in self.booleans else self.number(text)

    def describe(self, rows: int) -> str:
        """Everything that was decided, in words."""
        parts = [f"{SEPARATOR_NAMES[self.separator]} separated"]
        if self.decimal_comma:
            parts.append("decimal comma")
        if self.above:
            parts.append(f"{self.above} {'line' if self.above == 1 else 'lines'} above skipped")
        parts.append("header" if self.names else "no header")
        parts.append(f"{rows} {'row' if rows == 1 else 'rows'}")
        label = repr(self.name(self.label)) if self.names else f"column {self.label}"
        return f"{', '.join(parts)}, label {label}"


def truth(text: str) -> float | None:
    """1 for True and 0 for False, in any case; else None."""
    return {"true": 1.0, "false": 0.0}.get(text.strip().lower())


def _all_booleans(cells: Sequence[str]) -> bool:
    return bool(cells) and all(truth(cell) is not None for cell in cells)


def cut(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The cells of lines, without those of empty lines."""
    if separator == _BLANKS:
        return [line.split() for line in lines if line.strip()]
    return [row for row in csv.reader(lines, delimiter=separator) if row]


def find(lines: Sequence[str], target: str | None, path: object) -> Form:
    """The form of a file that begins with these lines.

    Raises
    ------
    DataError
        If there is no separator, no feature column or no column `target`.
    """
    separator, start = _separator(lines)
    rows = cut(lines[start:], separator)
    if not rows or (len(rows) < 2 and not any(line.startswith("#") for line in lines[:start])):
        raise DataError(f"--data={path}: needs at least two lines; it has {len(rows)}")
    width = Counter(map(len, rows)).most_common(1)[0][0]
    skipped = _rows_above(rows, width)
    start += _lines_of(lines[start:], skipped, separator)
    rows = rows[skipped:]
    trailing = width > 2 and all(row[-1].strip() == "" for row in rows if len(row) == width)
    width -= trailing
    if width < 2:
        raise DataError(
            f"--data={path}: needs at least one feature column and one target column; looked for "
            f"the separators {', '.join(SEPARATOR_NAMES.values())}"
        )
    whole = [row[:width] for row in rows if len(row) == width + trailing]
    if not whole:
        raise DataError(f"--data={path}: has no rows of {width} columns below its title")
    comma = separator != "," and _has_decimal_commas(whole)
    form = Form(separator, start, start, None, width, trailing, comma, width - 1)
    body = whole
    if len(rows[0]) == width + trailing and _is_header(form, whole[0], whole[1:], target):
        below = start + _lines_of(lines[start:], 1, separator)
        names = tuple(cell.strip() for cell in whole[0])
        form, body = replace(form, names=names, first=below), whole[1:]
    else:
        form = replace(form, names=_names_above(lines[:start], form))
    booleans = [at for at in range(width) if _all_booleans([row[at] for row in body])]
    return replace(form, label=_label(form, whole[0], body, target, path), booleans=tuple(booleans))


def _separator(lines: Sequence[str]) -> tuple[str, int]:
    """The separator, and how many lines with comments or about the form stand above."""
    start = 0
    while start < len(lines) and (not lines[start].strip() or lines[start].startswith("#")):
        start += 1
    told = re.fullmatch(r"sep=([,;\t|])\s*", lines[start]) if start < len(lines) else None
    if told:
        return told[1], start + 1
    sample = lines[start:]
    scores = {sign: _score(cut(sample, sign), sign) for sign in _SEPARATORS}
    best = max(scores, key=lambda sign: scores[sign])
    if scores[best] == (0.0, 0.0, 0):
        return _BLANKS if _score(cut(sample, _BLANKS), _BLANKS)[2] else ",", start
    return best, start


def _score(rows: list[list[str]], separator: str) -> tuple[float, float, int]:
    """How well a separator fits: share of rows of one width, of clean cells, and that width."""
    widths = Counter(map(len, rows))
    width, times = widths.most_common(1)[0] if widths else (0, 0)
    if width < 2 or times < 0.5 * len(rows):
        return 0.0, 0.0, 0
    cells = [cell for row in rows if len(row) == width for cell in row]
    clean = sum(_is_clean(cell, separator) for cell in cells) / len(cells)
    return round(times / len(rows), 1), clean, width


def _is_clean(cell: str, separator: str) -> bool:
    """Whether no other separator cuts the cell, but for the comma of a number."""
    if separator != "," and _COMMA_NUMBER.fullmatch(cell.strip()):
        return True
    return not any(sign in cell for sign in _SEPARATORS if sign != separator)


def _rows_above(rows: list[list[str]], width: int) -> int:
    """How many rows at the top are no rows of the table: a title, a note."""
    for at, row in enumerate(rows[:_MOST_LINES_ABOVE]):
        filled = sum(1 for cell in row if cell.strip())
        if len(row) == width and (filled > 1 or width == 1):
            return at
        if filled > 1 and len(row) != width:
            return at
    return 0


def _lines_of(lines: Sequence[str], rows: int, separator: str) -> int:
    """How many lines these rows take, with empty ones and line breaks in quotes."""
    if not rows:
        return 0
    if separator == _BLANKS:
        filled = [at for at, line in enumerate(lines) if line.strip()]
        return filled[rows - 1] + 1
    reader = csv.reader(lines, delimiter=separator)
    done = 0
    for row in reader:
        done += bool(row)
        if done == rows:
            break
    return reader.line_num


def _has_decimal_commas(rows: list[list[str]]) -> bool:
    cells = [cell.strip() for row in rows for cell in row]
    return any(map(_COMMA_NUMBER.fullmatch, cells)) and not any(
        "." in cell and NUMBER.fullmatch(cell) for cell in cells
    )


def _names_above(above: Sequence[str], form: Form) -> tuple[str, ...] | None:
    """The header that stands in the last comment, as NumPy's savetxt writes it."""
    comments = [line for line in above if line.startswith("#")]
    if comments:
        cells = cut([comments[-1].lstrip("#").strip()], form.separator)
        if cells and len(cells[0]) == form.width:
            return tuple(cell.strip() for cell in cells[0])
    return None


def _is_header(form: Form, row: list[str], body: list[list[str]], target: str | None) -> bool:
    if not body:
        return False
    first = [cell.strip() for cell in row]
    if target is not None and target in first and form.number(target) is None:
        return True
    for column, cell in enumerate(first):
        below = [row[column].strip() for row in body]
        given = [text for text in below if text.lower() not in MISSING]
        text = cell.lower() not in MISSING and form.number(cell) is None
        numbers = all(form.number(value) is not None for value in given)
        if text and given and (numbers or (_all_booleans(given) and not _all_booleans([cell]))):
            return True
    return _counts(first, body)


def _counts(first: list[str], body: list[list[str]]) -> bool:
    """Whether a first line numbers the columns, as 0, 1, 2, ... or as years, and rows do not."""
    numbered = first[1:] if first[0] == "" else first
    enough = 2 if first[0] == "" else 4
    alone = len(numbered) >= enough and numbered == [str(at) for at in range(len(numbered))]
    if not alone and numbered:
        numbered = numbered[:-1]
        if first[-1] in {row[-1].strip() for row in body} or NUMBER.fullmatch(first[-1]):
            return False
    if len(numbered) < 2 or not all(re.fullmatch(r"\d{1,9}", cell) for cell in numbered):
        return False
    values = [int(cell) for cell in numbered]
    return values == list(range(values[0], values[0] + len(values)))


def _label(
    form: Form, first: list[str], body: list[list[str]], target: str | None, path: object
) -> int:
    names = [cell.strip() for cell in (form.names or first)]
    if target is not None:
        return _asked(names, target, path)
    called = [at for at, name in enumerate(names) if name.lower() in _LABEL_NAMES]
    if form.names and len(called) == 1:
        return called[0]
    texts = [
        column
        for column in range(form.width)
        if all(form.number(row[column]) is None and truth(row[column]) is None for row in body)
        and any(row[column].strip().lower() not in MISSING for row in body)
    ]
    return texts[0] if len(texts) == 1 else form.width - 1


def _asked(names: list[str], target: str, path: object) -> int:
    if target in names and not NUMBER.fullmatch(target):
        return names.index(target)
    try:
        column = int(target)
        if not -len(names) <= column < len(names):
            raise ValueError
    except ValueError:
        shown = printable(", ".join(names[:12])) + (" ..." if len(names) > 12 else "")
        raise DataError(
            f"--target={target}: {path} has no such column; its first line reads: {shown}"
        ) from None
    return column % len(names)
