"""What one would want to know of data before one trusts a result: remarks, each one sentence."""

from collections.abc import Sequence

import numpy as np

from initcore.lab import labels
from initcore.lab.raw import RawData

_MOST_NAMED = 5
# Where a class has this share of all samples, naming it every time looks like success.
_IMBALANCE = 0.8
# So many different whole numbers, and so few samples for each, look like a quantity.
_MANY_CLASSES = 50
_FEW_SAMPLES = 10


def of(
    raw: RawData, x: np.ndarray, y: np.ndarray | None, classes: tuple[str, ...]
) -> tuple[str, ...]:
    """The remarks on features `x` and classes `y`, which is None for regression."""
    found = [_constant(raw, x), _counting(raw, x)]
    if y is not None:
        found += [_quantity(raw, len(y), classes), _rare(y, classes), _common(y, classes)]
    return tuple(remark for remark in found if remark)


def _named(raw: RawData, columns: Sequence[int]) -> str:
    """The first few of these features by name, or by number."""
    names = [repr(raw.columns[at]) if raw.columns else str(at) for at in columns[:_MOST_NAMED]]
    return ", ".join(names) + (", ..." if len(columns) > _MOST_NAMED else "")


def _constant(raw: RawData, x: np.ndarray) -> str:
    columns = np.flatnonzero(x.min(axis=0) == x.max(axis=0)).tolist()
    if not columns:
        return ""
    verbs = "never changes and counts" if len(columns) == 1 else "never change and count"
    return f"{len(columns)} of {x.shape[1]} features {verbs} for nothing: {_named(raw, columns)}"


def _counting(raw: RawData, x: np.ndarray) -> str:
    """A feature that numbers the samples, as a column of identifiers or an index does."""
    if len(x) < 3:
        return ""
    steps = x[1:3] - x[0:2]
    columns = [
        at
        for at in np.flatnonzero((np.abs(steps) == 1.0).all(axis=0)).tolist()
        if (np.diff(x[:, at]) == steps[0, at]).all()
    ]
    if not columns:
        return ""
    one = len(columns) == 1
    return (
        f"the {'feature' if one else 'features'} {_named(raw, columns)} "
        f"{'numbers' if one else 'number'} the samples; leave {'it' if one else 'them'} out "
        "unless their order may be learned"
    )


def _quantity(raw: RawData, samples: int, classes: tuple[str, ...]) -> str:
    if (
        labels.numbers_of(raw) is None
        or len(classes) < _MANY_CLASSES
        or samples > _FEW_SAMPLES * len(classes)
    ):
        return ""
    return (
        f"the labels are {len(classes)} different whole numbers for {samples} samples; if they "
        "are a quantity, use --task regression"
    )


def _rare(y: np.ndarray, classes: tuple[str, ...]) -> str:
    single = [classes[at] for at in np.flatnonzero(np.bincount(y, minlength=len(classes)) == 1)]
    if not single:
        return ""
    shown = ", ".join(map(repr, single[:_MOST_NAMED])) + (
        ", ..." if len(single) > _MOST_NAMED else ""
    )
    noun = "class has" if len(single) == 1 else "classes have"
    return f"{len(single)} {noun} one sample, which is trained on and never tested: {shown}"


def _common(y: np.ndarray, classes: tuple[str, ...]) -> str:
    counts = np.bincount(y, minlength=len(classes))
    share = counts.max() / len(y)
    if share < _IMBALANCE:
        return ""
    return (
        f"{100.0 * share:.0f} % of the samples are of the class {classes[int(counts.argmax())]!r}, "
        "so that naming it every time looks like success"
    )
