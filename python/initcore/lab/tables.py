"""CSV files and their relatives, by NumPy's loadtxt.

loadtxt knows quotes, is written in C, and takes only what is an ASCII number: no 1_000, no digits
of other scripts. pandas or pyarrow would do as well, but each would be a dependency of tens of
megabytes for this one file. Python's csv module makes an object of every cell; it is used where a
cell has to be named that cannot be read.

A file is read a few megabytes at a time, and its labels are kept as numbers of different texts, so
that memory stays below three times the file and the limits hold before they are reached.
"""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from initcore.lab import form as forms
from initcore.lab import raw
from initcore.lab.form import MISSING, Form, truth
from initcore.lab.labels import order_of
from initcore.lab.raw import DataError, Progress, RawData, printable

_CHUNK_BYTES = 4 * 2**20
_SAMPLE_LINES, _SAMPLE_BYTES = 200, 2**20
# More different labels than this can only be numbers.
_MOST_TEXTS = 100_000
# A label may be called "none" or "-".
_NO_LABEL = {"", "nan"}


def read_csv(path: Path, target: str | None = None, progress: Progress | None = None) -> RawData:
    """A table of numbers with one column of labels; see `form` for what is found in it."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            sample = _sample(stream)
            form = forms.find(sample, target, path)
            table = _Table(path, form)
            done = 0
            for first, lines in _chunks(chain(sample, stream), form.first):
                table.add(first, lines)
                done += sum(map(len, lines))
                if progress is not None:
                    progress(done)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = printable(str(error))
        hint = "; save it as UTF-8" if isinstance(error, UnicodeDecodeError) else ""
        raise DataError(f"--data={path}: not a readable .csv file ({reason}{hint})") from None
    return table.data()


def _sample(stream: TextIO) -> list[str]:
    """The first lines, from which the form is found."""
    lines: list[str] = []
    size = quotes = 0
    for line in stream:
        lines.append(line)
        size += len(line)
        quotes += line.count('"')
        # not between the lines of one cell
        if (len(lines) >= _SAMPLE_LINES or size > _SAMPLE_BYTES) and quotes % 2 == 0:
            break
    return lines


def _chunks(lines: Iterator[str], skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Lines in pieces of a few megabytes, with the number of each piece's first, from 1."""
    first = 1 + skipped
    for _ in range(skipped):
        next(lines)
    piece: list[str] = []
    size = quotes = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        quotes += line.count('"')
        if size >= _CHUNK_BYTES and quotes % 2 == 0:
            yield first, piece
            first += len(piece)
            piece, size, quotes = [], 0, 0
    if piece:
        yield first, piece


class _Table:
    """The rows of a file as far as they have been read."""

    def __init__(self, path: Path, form: Form) -> None:
        self.path, self.form = path, form
        self.parts: list[np.ndarray] = []
        self.codes: list[np.ndarray] = []
        self.texts: dict[str, int] = {}
        self.values: list[np.ndarray] = []
        self.rows = 0
        before, behind = form.label, form.width - 1 - form.label
        fields: list[Any] = [("before", "f8", (before,))] if before else []
        fields.append(("label", "O"))
        fields += [("behind", "f8", (behind,))] if behind else []
        fields += [("nothing", "O")] if form.trailing else []
        self.row = np.dtype(fields)
        self.converters: Any = {at: truth for at in form.booleans if at != form.label}

    def add(self, first: int, lines: list[str]) -> None:
        """Read lines, of which the first has this number."""
        if not any(map(str.strip, lines)):
            return
        rows = self._parsed(first, lines)
        parts = [rows[name] for name in ("before", "behind") if name in (self.row.names or ())]
        x = np.concatenate(parts, axis=1)
        labels = list(map(str.strip, rows["label"]))
        bad = not np.isfinite(x).all() or any(label.lower() in _NO_LABEL for label in labels)
        if bad or (self.form.trailing and any(map(str.strip, rows["nothing"]))):
            raise self._named(first, lines)
        self.rows += len(x)
        if self.rows * self.form.width > raw.MAX_VALUES:
            raise DataError(f"--data={self.path}: more than {raw.MAX_VALUES} values; use a subset")
        self.parts.append(x)
        self._add_labels(labels)

    def _parsed(self, first: int, lines: list[str]) -> np.ndarray:
        form = self.form
        separator = None if form.separator == " " else form.separator
        texts = lines
        if form.decimal_comma:
            texts = [line.replace(",", ".") for line in lines]
        try:
            rows: np.ndarray = np.loadtxt(
                texts,
                self.row,
                delimiter=separator,
                comments=None,
                converters=self.converters or None,
                quotechar='"',
                ndmin=1,
            )
        except (TypeError, ValueError):
            raise self._named(first, lines) from None
        if form.decimal_comma:
            # a comma in a label is its own
            own = [row[form.label] for row in forms.cut(lines, form.separator)]
            rows["label"] = own
        return rows

    def _add_labels(self, labels: list[str]) -> None:
        if len(self.texts) <= _MOST_TEXTS:
            number = self.texts.setdefault
            codes = [number(label, len(self.texts)) for label in labels]
            self.codes.append(np.array(codes, np.int32))
            return
        if not self.values:
            known = self._numbers(self.texts)
            if known is None:
                raise self._too_many()
            self.values = [known[codes] for codes in self.codes]
        found = self._numbers(labels)
        if found is None:
            raise self._too_many()
        self.values.append(found)

    def _too_many(self) -> DataError:
        return DataError(
            f"--data={self.path}: the label column {self.form.name(self.form.label)!r} has more "
            f"than {_MOST_TEXTS} different texts; name another with --target"
        )

    def _numbers(self, labels: Any) -> np.ndarray | None:
        """Labels as numbers; None where one is none."""
        found = [self.form.number(label) for label in labels]
        if any(value is None for value in found):
            return None
        return np.array(found, np.float64)

    def _named(self, first: int, lines: Sequence[str]) -> DataError:
        """The error for the first cell of these lines that cannot be read, with its place."""
        form, where = self.form, f"--data={self.path}: line"
        for line, row in _rows_with_lines(first, lines, form.separator):
            width = form.width + form.trailing
            if len(row) != width:
                return DataError(f"{where} {line} has {len(row)} columns, not {width}")
            if form.trailing and row[-1].strip():
                return DataError(
                    f"{where} {line} has {row[-1]!r} behind its last separator, where other lines "
                    "have nothing"
                )
            for column, cell in enumerate(row[: form.width]):
                place = f"{where} {line}, column {form.name(column)!r}"
                missing = _NO_LABEL if column == form.label else MISSING
                if cell.strip().lower() in missing:
                    return DataError(
                        f"{place}: {cell!r} is a missing value; remove or fill such rows first"
                    )
                if column == form.label:
                    continue
                value = form.feature(column, cell)
                if value is None:
                    return DataError(f"{place}: {cell!r} is not a number; features must be numbers")
                if not np.isfinite(value):
                    return DataError(f"{place}: {cell!r} is an infinite value as float64")
        return DataError(f"--data={self.path}: not a readable .csv file near line {first}")

    def data(self) -> RawData:
        """All that was read."""
        form = self.form
        if not self.rows:
            raise DataError(f"--data={self.path}: has no rows below its header")
        titles = form.names or ()
        columns = tuple(printable(n) for at, n in enumerate(titles) if at != form.label)
        how = form.describe(self.rows)
        name = printable(self.path.name)
        x = np.empty((self.rows, form.width - 1))
        at = 0
        while self.parts:
            part = self.parts.pop(0)
            x[at : at + len(part)] = part
            at += len(part)
        if self.values:
            values = np.concatenate(self.values)
            return RawData(name, x, values, None, columns, how, values)
        codes = np.concatenate(self.codes)
        texts = list(self.texts)
        known = self._numbers(texts)
        order = order_of(texts)
        ranks = np.argsort(order)
        names = tuple(texts[at] for at in order)
        numbers = None if known is None else known[codes]
        return RawData(name, x, ranks[codes], names, columns, how, numbers)


def _rows_with_lines(
    first: int, lines: Sequence[str], separator: str
) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line on which each begins."""
    if separator == " ":
        yield from ((first + at, line.split()) for at, line in enumerate(lines) if line.strip())
        return
    reader = csv.reader(lines, delimiter=separator)
    while True:
        line = first + reader.line_num
        row = next(reader, None)
        if row is None:
            return
        if row:
            yield line, row
