"""What numbers, settings and data must be before anything uses them: one place for the rules."""

import math
import operator
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]

FLOAT_TYPES = (np.dtype(np.float32), np.dtype(np.float64))


class UsageError(ValueError):
    """An option of a command that cannot be used; the message is one line."""


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


def _shown(value: Any) -> str:
    """`value` for a message; an int too long to read by its length."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"<an int of {value.bit_length()} bits>"
    return repr(value)


def _require_scalar(value: Any, name: str, wanted: str) -> None:
    """Refuse texts, bools, complex numbers and arrays with axes, of any library."""
    dtype = str(getattr(value, "dtype", "")).rpartition(".")[2]
    if isinstance(value, bool) or dtype == "bool":
        raise TypeError(
            f"{name}={value!r} must be {wanted}, not a bool, which would count as 0 or 1"
        )
    if isinstance(value, str | bytes | complex) or dtype.startswith("complex"):
        raise TypeError(f"{name}={value!r} must be {wanted}, not a {type(value).__name__}")
    if getattr(value, "ndim", 0) != 0:
        raise TypeError(
            f"{name} has shape {tuple(value.shape)}: it must be {wanted}; pass one element"
        )


def integer(value: Any, name: str) -> int:
    """`value` as an int: Python's, NumPy's, or an array of integers without axes."""
    if type(value) is int:
        return value
    _require_scalar(value, name, "an int")
    try:
        return operator.index(value)
    except (TypeError, RuntimeError):  # RuntimeError: a tensor of torch that has no value
        raise TypeError(f"{name}={value!r} must be an int; pass a whole number") from None


def count(value: Any, name: str, *, least: int) -> int:
    """`value` as an int that is at least `least`."""
    if type(value) is int and value >= least:
        return value
    number = integer(value, name)
    if number < least:
        raise ValueError(f"{name}={_shown(number)} must be at least {least}")
    return number


def seed(value: Any, name: str) -> int:
    """`value` as an int of 64 bits."""
    number = integer(value, name)
    if not 0 <= number < 2**64:
        raise ValueError(f"{name}={_shown(number)} must be an int from 0 to 2**64 - 1")
    return number


def _double(value: Any, name: str) -> float:
    if type(value) is not float:
        _require_scalar(value, name, "a number")
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError as for ints
        raise TypeError(f"{name}={value!r} must be a number") from None
    except OverflowError:
        raise ValueError(
            f"{name}={_shown(value)} must be finite as a double: at most 1.8e308 in size"
        ) from None


def number(value: Any, name: str) -> float:
    """`value` as a float that is not NaN: Python's, NumPy's, or an array without axes."""
    result = _double(value, name)
    if math.isnan(result):
        raise ValueError(f"{name}=nan must be a number; look where it was computed")
    return result


def real(value: Any, name: str) -> float:
    """`value` as a finite float."""
    result = _double(value, name)
    if not math.isfinite(result):
        raise ValueError(f"{name}={result} must be finite; look where it was computed")
    return result


def positive(value: Any, name: str) -> float:
    """`value` as a finite float above 0."""
    result = real(value, name)
    if result <= 0:
        raise ValueError(f"{name}={result} must be positive and finite: greater than 0")
    return result


def not_negative(value: Any, name: str) -> float:
    """`value` as a finite float of at least 0."""
    result = real(value, name)
    if result < 0:
        raise ValueError(f"{name}={result} must not be negative: at least 0")
    return result


def fraction(value: Any, name: str, *, zero: bool = True, one: bool = True) -> float:
    """`value` as a float from 0 to 1, with or without either end."""
    result = real(value, name)
    if not 0.0 <= result <= 1.0 or (result == 0.0 and not zero) or (result == 1.0 and not one):
        low, high = "at least 0" if zero else "above 0", "at most 1" if one else "below 1"
        raise ValueError(f"{name}={result} must be {low} and {high}")
    return result


def check_fields(config: Any, check: Callable[..., Any], *names: str, **rule: Any) -> None:
    """Replace these fields of a frozen object by what `check(value, name, **rule)` returns."""
    for name in names:
        object.__setattr__(config, name, check(getattr(config, name), name, **rule))


def refuse_masked(array: Any, name: str) -> None:
    """Refuse NumPy's masked arrays, whose mask nothing here looks at."""
    masked = sys.modules.get("numpy.ma.core")  # where nobody imported it there are none
    if masked is not None and isinstance(array, masked.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, and its mask would be ignored: pass {name}.data, or "
            f"{name}.filled(value)"
        )


def _numbers(array: Any, name: str) -> Array:
    refuse_masked(array, name)
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


def one_of(value: Any, name: str, choices: Collection[str]) -> Any:
    """`value`, which is one of these texts."""
    if not isinstance(value, str) or value not in choices:
        known = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name}={value!r} is not known; choose one of {known}")
    return value


def choice(value: Any, name: str, choices: Mapping[str, Any]) -> Any:
    """The entry of `choices` that the text `value` names."""
    return choices[one_of(value, name, choices)]
