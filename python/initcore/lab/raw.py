"""Data as they are read, before anything is scaled or split, and the error of unusable data."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Limits keep a wrong path from filling the memory; a comparison needs far less.
MAX_FILE_BYTES = 256 * 2**20
MAX_VALUES = 50_000_000

Progress = Callable[[int], None]
"""Told how many bytes of a file have been read."""


class DataError(ValueError):
    """The data cannot be used; the message is one line that says why and what to do."""


@dataclass(frozen=True, eq=False)
class RawData:
    """Data as read: nothing is scaled, split or checked beyond its form.

    Attributes
    ----------
    name : str
    x : array, (samples, features)
    labels : array, (samples,)
        Numbers, or texts (as objects or "U").
    classes : tuple of str, optional
        Names of the classes 0, 1, ...
    columns : tuple of str
        Names of the features; empty where they have none.
    how : str
        How a file was read, in words: separator, header, rows, label.
    numbers : array of float64, (samples,), optional
        Labels that are texts as numbers, where all are numbers and not all of them whole, or
        where there are more different ones than classes could be.
    """

    name: str
    x: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    how: str = ""
    numbers: np.ndarray | None = None


def printable(name: str) -> str:
    """A name from outside without what would act on a terminal or break a page."""
    return "".join(sign if sign.isprintable() else "?" for sign in name)
