"""What data and settings must be before a network touches anything: one place for the rules."""

import operator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]

FLOAT_TYPES = (np.dtype(np.float32), np.dtype(np.float64))


def float_type(dtype: DTypeLike) -> np.dtype[Any]:
    """`dtype` as a NumPy dtype that networks compute in."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    # dtype=None is refused by name, for NumPy takes it for float64
    if dtype is None or found not in FLOAT_TYPES:
        raise ValueError(
            f"dtype={dtype!r} is not one that networks compute in: pass float32 or float64"
        )
    return found


def count(value: Any, name: str, *, least: int) -> int:
    """`value` as an int that is at least `least`."""
    try:
        found = operator.index(value)
    except TypeError:
        found = None
    if found is None or isinstance(value, bool):
        raise TypeError(f"{name}={value!r} must be an int; pass a whole number")
    if found < least:
        raise ValueError(f"{name}={found} must be at least {least}")
    return found


def real(value: Any, name: str) -> float:
    """`value` as a finite float."""
    if isinstance(value, str | bytes | bool):
        raise TypeError(f"{name}={value!r} must be a number")
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={value!r} must be a number") from None
    if not np.isfinite(found):
        raise ValueError(f"{name}={found} must be finite")
    return found


def _numbers(array: Any, name: str) -> Array:
    found = np.asarray(array)
    if found.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} has dtype {found.dtype}: data must be real numbers; "
            f"encode texts and categories as numbers first"
        )
    return found


def rows(array: Any, width: int, dtype: np.dtype[Any], name: str, *, width_is: str) -> Array:
    """`array` as finite numbers of shape (n, width) in `dtype`, C-contiguous.

    An array that is that already comes back as it is, anything else as a converted copy.
    """
    found = _numbers(array, name)
    if found.ndim != 2 or found.shape[1] != width:
        hint = ""
        if found.ndim == 1 and found.shape[0] == width and name == "x":
            hint = f"; for one sample pass {name}[None, :]"
        elif found.ndim == 1:
            hint = f"; for one column pass {name}.reshape(-1, 1)"
        elif found.ndim > 2:
            hint = f"; flatten each sample with {name}.reshape(len({name}), -1)"
        raise ValueError(
            f"{name} has shape {found.shape}: it must be (n, {width}), {width_is}{hint}"
        )
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(found, dtype=dtype)
    if not np.isfinite(converted).all():
        row, column = np.argwhere(~np.isfinite(converted))[0]
        raise ValueError(
            f"{name}[{row}, {column}] = {found[row, column]} is not a finite {dtype}: "
            f"remove or replace such samples first"
        )
    return converted


def samples(array: Any, dtype: np.dtype[Any], name: str) -> Array:
    """`array` as finite numbers of shape (n, ...) in `dtype`, C-contiguous."""
    found = _numbers(array, name)
    if found.ndim < 2:
        raise ValueError(
            f"{name} has shape {found.shape}: it must have an axis of samples and one within them; "
            f"for one sample pass {name}[None]"
        )
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(found, dtype=dtype)
    if not np.isfinite(converted).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(converted))[0])
        raise ValueError(
            f"{name}{list(at)} = {found[at]} is not a finite {dtype}: remove or replace such "
            f"samples first"
        )
    return converted


def some_rows(array: Array, name: str) -> None:
    """Refuse an array without samples."""
    if len(array) == 0:
        raise ValueError(f"{name} has no samples (shape {array.shape}): pass at least one")


def class_labels(labels: Any, n: int, classes: int, name: str) -> NDArray[np.int64]:
    """A copy of `labels` as int64 of shape (n,), each in 0..classes-1."""
    found = np.asarray(labels)
    if found.dtype.kind not in "iu":
        raise TypeError(
            f"{name} has dtype {found.dtype}: class labels are integers; "
            f"np.unique({name}, return_inverse=True)[1] numbers any labels from 0"
        )
    if found.shape != (n,):
        hint = ""
        if found.shape == (n, 1):
            hint = f"; for one column pass {name}.ravel()"
        elif found.ndim == 2:
            hint = f"; for one-hot rows pass {name}.argmax(axis=1)"
        raise ValueError(
            f"{name} has shape {found.shape}: it must be ({n},), one class for each sample{hint}"
        )
    # the copy is checked, and used: whoever holds the labels may write into them at any time
    copy = np.array(found, dtype=np.int64, order="C")
    outside = (copy < 0) | (copy >= classes)
    if outside.any():
        at = int(np.argmax(outside))
        raise ValueError(
            f"{name}[{at}] = {found[at]} must be in 0..{classes - 1}, for the network has "
            f"{classes} outputs: number the classes from 0, or give the last layer more outputs"
        )
    return copy


def soft_labels(labels: Any, n: int, classes: int, dtype: np.dtype[Any], name: str) -> Array:
    """`labels` as probabilities of shape (n, classes), each row with the sum 1."""
    found = rows(labels, classes, dtype, name, width_is="a row of probabilities for each sample")
    if len(found) != n:
        raise ValueError(f"{name} has {len(found)} rows and x has {n}: pass one for each sample")
    sums = found.sum(axis=1, dtype=np.float64)
    # a sum of `classes` rounded numbers below 1, with a factor for those who rounded before
    wrong = (found < 0).any(axis=1) | (np.abs(sums - 1) > 1e-3)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(
            f"{name}[{at}] = {found[at]} must be probabilities: at least 0, with the sum 1; "
            f"divide each row by its sum, or pass integers for classes"
        )
    return found


def sample_weights(weights: Any, n: int, dtype: np.dtype[Any], name: str) -> Array:
    """`weights` as finite numbers of shape (n,) in `dtype`, none below 0 and not all 0."""
    found = _numbers(weights, name)
    if found.shape != (n,):
        raise ValueError(f"{name} has shape {found.shape}: it must be ({n},), one for each sample")
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(found, dtype=dtype)
    wrong = ~(np.isfinite(converted) & (converted >= 0))
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(f"{name}[{at}] = {found[at]} must be finite and at least 0")
    if not converted.any():
        raise ValueError(f"{name} is 0 for every sample: give at least one a weight")
    return converted


def choice(value: Any, name: str, choices: dict[str, Any]) -> Any:
    """The entry of `choices` that the text `value` names."""
    try:
        return choices[value]
    except KeyError:
        known = ", ".join(repr(c) for c in choices)
        raise ValueError(f"{name}={value!r} is not known; choose one of {known}") from None
