"""Labels as classes or as a target: never merged, and told apart by what they are."""

import re
from collections.abc import Sequence

import numpy as np

from initcore.lab.raw import DataError, RawData

MAX_CLASSES = 1000
TASKS = ("classification", "regression")
# Texts of these kinds are ordered as the numbers they are; all labels must be of one kind.
_KINDS = (
    re.compile(r"0|-?[1-9]\d*", re.ASCII),
    re.compile(r"(0|-?[1-9]\d*)\.0", re.ASCII),
)


def task_of(raw: RawData, task: str | None) -> str:
    """The task asked for, or the one that the labels show: regression where not all are whole."""
    if task is not None:
        if task not in TASKS:
            raise DataError(f"--task={task} must be one of {', '.join(TASKS)}")
        return task
    numbers = numbers_of(raw)
    if numbers is not None and (numbers != np.floor(numbers)).any():
        return "regression"
    return "classification"


def targets(raw: RawData) -> np.ndarray:
    """Labels as finite float64, for regression."""
    _check_shape(raw)
    numbers = numbers_of(raw)
    if numbers is None:
        raise DataError(
            f"--data={raw.name}: the labels are not all numbers, which regression needs; name "
            "another column with --target, or leave --task out"
        )
    return numbers


def classes(raw: RawData) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as 0 ... K-1 (int64) and the K class names, numbers by value and texts by letter."""
    _check_shape(raw)
    labels = raw.labels
    names: tuple[str, ...]
    if raw.classes is not None:
        numbered, names = labels, raw.classes
    elif labels.dtype.kind == "U":
        texts, codes = np.unique(labels, return_inverse=True)
        order = order_of(texts.tolist())
        numbered, names = np.argsort(order)[codes], tuple(str(texts[at]) for at in order)
    elif labels.dtype.kind in "biuf":
        values, numbered = np.unique(_whole(raw), return_inverse=True)
        names = tuple(str(value) for value in values.tolist())
    else:
        raise DataError(
            f"--data={raw.name}: labels of type {labels.dtype} cannot be used; "
            "wanted numbers or text"
        )
    if not 2 <= len(names) <= MAX_CLASSES:
        hint = ""
        if len(names) > MAX_CLASSES and numbers_of(raw) is not None:
            hint = "; if the labels are quantities, use --task regression"
        raise DataError(
            f"--data={raw.name}: {len(names)} {'class' if len(names) == 1 else 'classes'}; from 2 "
            f"to {MAX_CLASSES} can be used{hint}"
        )
    return numbered.astype(np.int64), names


def _check_shape(raw: RawData) -> None:
    if raw.labels.ndim != 1:
        raise DataError(f"--data={raw.name}: y has shape {raw.labels.shape}; wanted (samples,)")
    if len(raw.labels) != len(raw.x):
        raise DataError(f"--data={raw.name}: x has {len(raw.x)} samples, y has {len(raw.labels)}")
    if raw.labels.dtype.kind == "f" and not np.isfinite(raw.labels).all():
        at = int(np.argmin(np.isfinite(raw.labels)))
        raise DataError(
            f"--data={raw.name}: label {at} is {raw.labels[at]}; remove or fill such samples first"
        )


def numbers_of(raw: RawData) -> np.ndarray | None:
    """Labels as float64 where they are numbers."""
    if raw.numbers is not None:
        return raw.numbers
    if raw.classes is not None or raw.labels.dtype.kind not in "iuf":
        return None
    return raw.labels.astype(np.float64)


def _whole(raw: RawData) -> np.ndarray:
    labels = raw.labels
    if labels.dtype.kind != "f":
        return labels
    if (labels != np.floor(labels)).any():
        raise DataError(
            f"--data={raw.name}: the labels are not whole numbers, so they look like a regression "
            "target; leave --task out, or use --task regression"
        )
    if (np.abs(labels) > 2**53).any():
        raise DataError(f"--data={raw.name}: the labels are too large for whole numbers")
    return labels.astype(np.int64)


def order_of(texts: Sequence[str]) -> list[int]:
    """The places of the texts in order: by value where all are numbers of one kind."""
    places = range(len(texts))
    if any(all(map(kind.fullmatch, texts)) for kind in _KINDS):
        return sorted(places, key=lambda at: int(texts[at].removesuffix(".0")))
    return sorted(places, key=lambda at: texts[at])
