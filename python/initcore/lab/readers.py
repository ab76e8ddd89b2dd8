"""Where the lab's data come from: scikit-learn's small sets, an .npz file or a table of text."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from initcore.lab import raw
from initcore.lab.archives import read_npz
from initcore.lab.raw import DataError, Progress, RawData
from initcore.lab.tables import read_csv

BUNDLED = ("digits", "wine", "breast_cancer")
_TABLES = {".csv", ".tsv", ".txt", ".data"}


def read(source: str, target: str | None = None, progress: Progress | None = None) -> RawData:
    """Read a bundled set by name, or a file by its ending.

    Parameters
    ----------
    source : str
        ``"digits"``, ``"wine"``, ``"breast_cancer"``, or the path of an .npz file or of a table
        (.csv, .tsv, .txt, .data).
    target : str, optional
        Only for tables: name or index of the column with the labels; see `form` for the default.
    progress : callable, optional
        Called with the number of bytes read so far.

    Raises
    ------
    DataError
        If the name is unknown, or the file is missing, too large or not of its kind.
    """
    suffix = Path(source).suffix.lower()
    if target is not None and suffix not in _TABLES:
        raise DataError(f"--target={target}: only a .csv file has a target column to choose")
    if source in BUNDLED:
        return _read_bundled(source)
    if suffix != ".npz" and suffix not in _TABLES:
        raise DataError(
            f"--data={raw.printable(source)}: unknown data; use {', '.join(BUNDLED)}, or a file "
            f"that ends in .npz, {', '.join(sorted(_TABLES))}"
        )
    path = _file(source)
    return read_npz(path) if suffix == ".npz" else read_csv(path, target, progress)


def _file(source: str) -> Path:
    """The path of a file that is there and not too large."""
    path = Path(source)
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"--data={raw.printable(source)}: {reason}") from None
    if not path.is_file():
        raise DataError(f"--data={source}: not a file")
    if size > raw.MAX_FILE_BYTES:
        raise DataError(
            f"--data={source}: {size / 2**20:.0f} MiB is more than the limit of "
            f"{raw.MAX_FILE_BYTES // 2**20} MiB; use a subset"
        )
    return path


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
