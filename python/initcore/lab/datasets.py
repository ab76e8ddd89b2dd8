"""Real data, split and scaled so that nothing of the test samples leaks into training."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from initcore import Key, kernels
from initcore.lab import labels, raw, remarks
from initcore.lab.raw import DataError, Progress, RawData
from initcore.lab.readers import read

__all__ = ["DataError", "Dataset", "load", "split"]

# A spread this small beside the mean would be lost in the rounding of the mean.
_NARROW = 1e-6
_KEY = Key(0) / "lab" / "split"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test samples, standardized, with labels 0 ... K-1.

    Attributes
    ----------
    x_train, x_test : float32 arrays, (samples, features)
        Each feature minus its mean, divided by its standard deviation, both of the training
        samples; a feature that never changes there is 0.
    y_train, y_test : arrays
        Classification: labels, int64 (samples,). Regression: targets, float32 (samples, 1), minus
        the mean and over the standard deviation of the training samples.
    classes : tuple of str
        Their names; empty for regression.
    constant_features : int
        How many features never change in the training samples.
    digest : str
        SHA-256 of the data as read, so that a report says which data it saw.
    split_key : Key
        The key that the split was drawn with.
    reading : str
        How a file was read, in a line; empty for other data.
    remarks : tuple of str
        What one would want to know of the data before one trusts a result.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]
    constant_features: int
    digest: str
    split_key: Key
    reading: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def features(self) -> int:
        return int(self.x_train.shape[1])

    @property
    def task(self) -> str:
        """ "classification" or "regression"."""
        return "classification" if self.classes else "regression"

    @property
    def outputs(self) -> int:
        """Of a network: one for each class, or one for the target."""
        return len(self.classes) or 1

    @property
    def loss(self) -> str:
        """The name of the loss that networks are trained with."""
        return "cross_entropy" if self.classes else "mean_squared_error"

    @property
    def score_name(self) -> str:
        """What the test measures."""
        return "test accuracy" if self.classes else "test R2"

    @property
    def guessing(self) -> float:
        """The training loss of the best outputs that are the same for every sample.

        Classification: the entropy of the classes in nats, ln K where all are equally common.
        Regression: the mean square of the targets.
        """
        if not self.classes:
            return float(np.mean(np.square(self.y_train, dtype=np.float64)))
        shares = np.bincount(self.y_train, minlength=len(self.classes)) / len(self.y_train)
        return float(-np.sum(shares * np.log(np.where(shares > 0.0, shares, 1.0))))

    @property
    def largest_share(self) -> float:
        """Share of the test samples that are of the class most common in training."""
        if not self.classes:
            return 0.0
        return float(np.mean(self.y_test == np.bincount(self.y_train).argmax()))

    @property
    def split(self) -> str:
        """The split in one sentence."""
        return (
            f"{len(self.x_train)} training and {len(self.x_test)} test samples, "
            f"{'stratified by class, ' if self.classes else ''}drawn with {self.split_key!r}; "
            "standardized with the mean and standard deviation of the training samples"
        )


def load(
    source: str = "digits",
    *,
    target: str | None = None,
    task: str | None = None,
    test_share: float = 0.25,
    key: Key = _KEY,
    progress: Progress | None = None,
) -> Dataset:
    """Load, check, split and standardize a set of labelled samples.

    Parameters
    ----------
    source : str
        ``"digits"``, ``"wine"``, ``"breast_cancer"`` (these need scikit-learn), or the path of an
        .npz file with `x` and `y`, or of a table such as a .csv file.
    target : str, optional
        Name or index of the label column of a table; by default the column called label, class,
        target or y, the only one that is not numbers, or the last.
    task : {"classification", "regression"}, optional
        By default regression where the labels are numbers that are not all whole.
    test_share : float
        Share of each class, or of all samples, that is kept for the test.
    key : Key
        Decides which samples those are.
    progress : callable, optional
        Called with the number of bytes of a table read so far.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        One line that says what is wrong with the data.

    Notes
    -----
    Exactness: the split is bit-exact, stream v1.
    Source: the order within a class is that of the random words of `key`.
    """
    return split(read(source, target, progress), task=task, test_share=test_share, key=key)


def split(raw_data: RawData, *, test_share: float, key: Key, task: str | None = None) -> Dataset:
    """Split and standardize samples that are already in memory."""
    if not 0.0 < test_share < 1.0:
        raise ValueError(f"test_share={test_share} must lie between 0 and 1")
    name = raw_data.name
    x = _features(raw_data)
    classes: tuple[str, ...] = ()
    regression = labels.task_of(raw_data, task) == "regression"
    if regression:
        y = labels.targets(raw_data)
        digest = _digest(x, y.astype("<f8"))
        groups = np.zeros(len(y), np.int64)
    else:
        groups, classes = labels.classes(raw_data)
        digest = _digest(x, groups.astype("<i8"))
        y = groups
    test = _stratified(groups, test_share, key)
    if not test.any():
        raise DataError(f"--data={name}: {_too_few(len(y), classes)}")
    noted = remarks.of(raw_data, x, groups if classes else None, classes)
    x_train, x_test, constant = _standardized(x, test, name)
    if regression:
        y = _scaled_targets(y, test, name)
    return Dataset(
        name=name,
        x_train=x_train,
        y_train=y[~test],
        x_test=x_test,
        y_test=y[test],
        classes=classes,
        constant_features=constant,
        digest=digest,
        split_key=key,
        reading=_reading(raw_data, classes),
        remarks=noted,
    )


def _too_few(samples: int, classes: tuple[str, ...]) -> str:
    if len(classes) == samples:
        return (
            f"each of the {samples} samples is a class of its own, so that none can be kept for "
            "the test; the label column may be a number of the sample (--target names another) "
            "or a quantity (--task regression)"
        )
    if 4 * len(classes) > samples:
        return (
            f"{samples} samples in {len(classes)} classes are too few to keep any for the test; "
            "if the labels are a quantity, use --task regression"
        )
    return f"{samples} samples are too few to keep any for the test"


def _reading(raw_data: RawData, classes: tuple[str, ...]) -> str:
    if not raw_data.how:
        return ""
    kind = f"{len(classes)} classes" if classes else "a number: regression"
    return f"read {raw_data.name}: {raw_data.how} ({kind})"


def _features(raw_data: RawData) -> np.ndarray:
    """The features as finite float64 of shape (samples, features)."""
    name, x = raw_data.name, raw_data.x
    if x.dtype.kind not in "biuf":
        raise DataError(f"--data={name}: x of type {x.dtype} is not numeric")
    if x.size > raw.MAX_VALUES:
        raise DataError(f"--data={name}: more than {raw.MAX_VALUES} values; use a subset")
    if x.shape[1] == 0:
        raise DataError(f"--data={name}: x has no features")
    x = np.ascontiguousarray(x, dtype=np.float64)
    bad = ~np.isfinite(x)
    if bad.any():
        i, j = (int(k[0]) for k in np.nonzero(bad))
        kind = "NaN" if math.isnan(x[i, j]) else "an infinite value"
        raise DataError(
            f"--data={name}: {kind} in sample {i}, feature {j} "
            f"({int(bad.sum())} in all); remove or fill such values first"
        )
    return x


def _digest(x: np.ndarray, y: np.ndarray) -> str:
    digest = hashlib.sha256(x.astype("<f8", copy=False).data)
    digest.update(np.ascontiguousarray(y).data)
    return digest.hexdigest()


def _standardized(x: np.ndarray, test: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Training and test samples as float32 with mean 0 and deviation 1, and the constant features.

    Mean and deviation are those of the training samples, in one pass each in float64. A column of
    huge or tiny numbers is scaled by a power of two first, and one that lies close together far
    from 0 is moved there by one of its own values, so that neither square nor mean is lost.
    """
    train = x[~test]
    low, high = train.min(axis=0), train.max(axis=0)
    constant = low == high
    if constant.all():
        raise DataError(f"--data={name}: every feature is the same for all training samples")
    size = np.maximum(np.abs(low), np.abs(high))
    unit = np.where((size > 1e100) | (size < 1e-100), np.ldexp(1.0, np.frexp(size)[1]), 1.0)
    narrow = high / unit - low / unit < _NARROW * (size / unit)
    shift = np.where(narrow, low, 0.0)
    if narrow.any() or (unit != 1.0).any():
        train = train / unit - shift / unit
    mean = train.mean(axis=0)
    # as train.std does it, without another copy
    train -= mean
    std = np.sqrt(np.square(train, out=train).mean(axis=0))
    del train
    scale = np.where(constant | (std == 0.0), 1.0, std)

    def scaled(which: np.ndarray) -> np.ndarray:
        found = np.empty((len(which), x.shape[1]), np.float32)
        for at in range(0, len(which), 4096):
            part = x[which[at : at + 4096]]
            if narrow.any() or (unit != 1.0).any():
                part = part / unit - shift / unit
            with np.errstate(over="ignore"):
                found[at : at + 4096] = np.where(constant, 0.0, (part - mean) / scale)
        return found

    x_train, x_test = scaled(np.flatnonzero(~test)), scaled(np.flatnonzero(test))
    if not np.isfinite(x_test).all():
        column = int(np.flatnonzero(~np.isfinite(x_test).all(axis=0))[0])
        raise DataError(
            f"--data={name}: feature {column} has test samples beyond 1e38 of its deviations in "
            "the training samples; remove such samples first"
        )
    return x_train, x_test, int(constant.sum())


def _scaled_targets(y: np.ndarray, test: np.ndarray, name: str) -> np.ndarray:
    """Targets as float32 (samples, 1), standardized as the features are."""
    found = np.empty((len(y), 1), np.float32)
    try:
        found[~test], found[test], _ = _standardized(y[:, None], test, name)
    except DataError:
        raise DataError(f"--data={name}: the target is the same for all training samples") from None
    return found


def _stratified(y: np.ndarray, share: float, key: Key) -> np.ndarray:
    """Mark `share` of each class, rounded to nearest; a class keeps one sample to train on."""
    order = kernels.random_bits(np.empty(len(y), np.uint64), key=key, kind="permutation")
    marked = np.zeros(len(y), dtype=bool)
    for label in range(int(y.max()) + 1):
        members = np.flatnonzero(y == label)
        count = min(round(share * len(members)), len(members) - 1)
        marked[members[np.argsort(order[members], kind="stable")[:count]]] = True
    return marked
