"""Where the lab's data come from: scikit-learn's small sets, an .npz file or a .csv file."""

import csv
import math
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

BUNDLED = ("digits", "wine", "breast_cancer")

# Limits keep a wrong path from filling the memory; a comparison needs far less.
MAX_FILE_BYTES = 256 * 2**20
MAX_VALUES = 50_000_000


class DataError(ValueError):
    """The data cannot be used; the message is one line that says why and what to do."""


@dataclass(frozen=True, eq=False)
class RawData:
    """Data as read: nothing is scaled, split or checked beyond its form."""

    name: str
    x: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...] | None = None


def read(source: str, target: str | None = None) -> RawData:
    """Read a bundled set by name, or a file by its ending.

    Parameters
    ----------
    source : str
        ``"digits"``, ``"wine"``, ``"breast_cancer"``, or the path of an .npz or .csv file.
    target : str, optional
        Only for .csv: name or index of the column with the labels; the last one by default.

    Raises
    ------
    DataError
        If the name is unknown, or the file is missing, too large or not of its kind.
    """
    if source in BUNDLED:
        if target is not None:
            raise DataError(f"--target={target}: only a .csv file has a target column to choose")
        return _read_bundled(source)
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix not in {".npz", ".csv"}:
        raise DataError(
            f"--data={source}: unknown data; use {', '.join(BUNDLED)}, or a file that ends in "
            ".npz or .csv"
        )
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"--data={source}: {error.strerror or error}") from None
    if not path.is_file():
        raise DataError(f"--data={source}: not a file")
    if size > MAX_FILE_BYTES:
        raise DataError(
            f"--data={source}: {size / 2**20:.0f} MiB is more than the limit of "
            f"{MAX_FILE_BYTES // 2**20} MiB; use a subset"
        )
    if suffix == ".npz":
        if target is not None:
            raise DataError(f"--target={target}: only a .csv file has a target column to choose")
        return _read_npz(path)
    return _read_csv(path, target)


def _read_bundled(name: str) -> RawData:
    file = _digits_file() if name == "digits" else None
    if file is not None:
        return _read_digits(file)
    try:
        from sklearn import datasets  # type: ignore[import-untyped]
    except ImportError:
        raise DataError(
            f"--data={name}: scikit-learn, which ships this data, is not installed; "
            "pip install 'initcore[lab]', or use a .npz or .csv file"
        ) from None
    loaded: Any = getattr(datasets, f"load_{name}")()
    classes = tuple(str(label) for label in loaded.target_names)
    return RawData(name, np.asarray(loaded.data), np.asarray(loaded.target), classes)


def _digits_file() -> Path | None:
    """scikit-learn's file of digits, found without the seconds that importing it takes."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    return path if path.is_file() else None


def _read_digits(path: Path) -> RawData:
    table = np.loadtxt(path, delimiter=",")
    labels = table[:, -1].astype(int)
    return RawData("digits", table[:, :-1], labels, tuple(map(str, range(10))))


def _read_npz(path: Path) -> RawData:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > 8 * MAX_VALUES:
            raise DataError(
                f"--data={path}: {unpacked / 2**20:.0f} MiB when unpacked is more than the limit "
                f"of {8 * MAX_VALUES // 2**20} MiB; use a subset"
            )
        with np.load(path, allow_pickle=False) as arrays:
            missing = [name for name in ("x", "y") if name not in arrays.files]
            if missing:
                raise DataError(
                    f"--data={path}: needs arrays x (samples, features) and y (samples,); "
                    f"it holds {', '.join(arrays.files) or 'none'}"
                )
            x, y = arrays["x"], arrays["y"]
    except DataError:
        raise
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"--data={path}: not a readable .npz file ({reason})") from None
    if x.ndim < 2:
        raise DataError(f"--data={path}: x has shape {x.shape}; wanted (samples, features)")
    return RawData(printable(path.name), x.reshape(len(x), -1), y)


def printable(name: str) -> str:
    """A name from outside without what would act on a terminal or break a page."""
    return "".join(sign if sign.isprintable() else "?" for sign in name)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _read_csv(path: Path, target: str | None) -> RawData:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            first = stream.readline()
            delimiter = max(",;\t", key=first.count)
            stream.seek(0)
            rows = [row for row in csv.reader(stream, delimiter=delimiter) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"--data={path}: not a readable .csv file ({error})") from None
    if len(rows) < 2:
        raise DataError(f"--data={path}: needs at least two lines; it has {len(rows)}")
    width = len(rows[0])
    if width < 2:
        raise DataError(f"--data={path}: needs at least one feature column and one target column")
    if width * len(rows) > MAX_VALUES:
        raise DataError(f"--data={path}: more than {MAX_VALUES} values; use a subset")
    column, names = _target_column(path, rows[0], target)
    features = [j for j in range(width) if j != column]
    header = names or any(_number(rows[0][j]) is None for j in features)
    body = rows[1:] if header else rows
    x = np.empty((len(body), width - 1))
    for i, row in enumerate(body):
        line = i + 1 + header
        if len(row) != width:
            raise DataError(f"--data={path}: line {line} has {len(row)} columns, not {width}")
        for k, j in enumerate(features):
            value = _number(row[j])
            if value is None:
                title = rows[0][j] if header else str(j)
                raise DataError(
                    f"--data={path}: line {line}, column {title!r}: {row[j]!r} is not a number; "
                    "features must be numbers"
                )
            x[i, k] = value
    return RawData(printable(path.name), x, np.array([row[column].strip() for row in body]))


def _target_column(path: Path, first: list[str], target: str | None) -> tuple[int, bool]:
    """Which column holds the labels, and whether it was named, so that there is a header."""
    if target is None:
        return len(first) - 1, False
    names = [name.strip() for name in first]
    if target in names and _number(target) is None:
        return names.index(target), True
    try:
        column = int(target)
        if not -len(first) <= column < len(first):
            raise ValueError
    except ValueError:
        shown = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
        raise DataError(
            f"--target={target}: {path} has no such column; its first line reads: {shown}"
        ) from None
    return column % len(first), False


def label_numbers(raw: RawData) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as 0 ... K-1 (int64) and the K class names, sorted by value."""
    labels = raw.labels
    if labels.ndim != 1:
        raise DataError(f"--data={raw.name}: y has shape {labels.shape}; wanted (samples,)")
    if labels.dtype.kind == "U":
        numbers = [_number(text) for text in labels]
        if all(number is not None for number in numbers):
            labels = np.array(numbers, dtype=np.float64)
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise DataError(f"--data={raw.name}: the labels hold NaN or an infinite value")
        if (labels != np.floor(labels)).any():
            raise DataError(
                f"--data={raw.name}: the labels are not whole numbers, so they look like a "
                "regression target; classes are needed"
            )
        if (np.abs(labels) > 2**53).any():
            raise DataError(f"--data={raw.name}: the labels are too large for whole numbers")
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "biuU":
        raise DataError(
            f"--data={raw.name}: labels of type {labels.dtype} cannot be used; "
            "wanted whole numbers or text"
        )
    values, numbered = np.unique(labels, return_inverse=True)
    classes = raw.classes or tuple(str(value) for value in values.tolist())
    return numbered.astype(np.int64), classes


def feature_numbers(raw: RawData) -> np.ndarray:
    """The features as finite float64 of shape (samples, features)."""
    if raw.x.dtype.kind not in "biuf":
        raise DataError(f"--data={raw.name}: x of type {raw.x.dtype} is not numeric")
    x = np.ascontiguousarray(raw.x, dtype=np.float64)
    if x.size > MAX_VALUES:
        raise DataError(f"--data={raw.name}: more than {MAX_VALUES} values; use a subset")
    if x.shape[1] == 0:
        raise DataError(f"--data={raw.name}: x has no features")
    bad = ~np.isfinite(x)
    if bad.any():
        i, j = (int(k[0]) for k in np.nonzero(bad))
        kind = "NaN" if math.isnan(x[i, j]) else "an infinite value"
        raise DataError(
            f"--data={raw.name}: {kind} in sample {i}, feature {j} "
            f"({int(bad.sum())} in all); remove or fill such values first"
        )
    return x
