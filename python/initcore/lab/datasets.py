"""Real data, split and scaled so that nothing of the test samples leaks into training."""

import hashlib
from dataclasses import dataclass

import numpy as np

from initcore import Key, kernels
from initcore.lab.readers import DataError, RawData, feature_numbers, label_numbers, read

__all__ = ["DataError", "Dataset", "load", "split"]

MAX_CLASSES = 1000
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
    test_share: float = 0.25,
    key: Key = _KEY,
) -> Dataset:
    """Load, check, split and standardize a set of labelled samples.

    Parameters
    ----------
    source : str
        ``"digits"``, ``"wine"``, ``"breast_cancer"`` (these need scikit-learn), or the path of an
        .npz file with `x` and `y`, or of a .csv file.
    target : str, optional
        Name or index of the label column of a .csv file; the last column by default.
    test_share : float
        Share of each class that is kept for the test.
    key : Key
        Decides which samples those are.

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
    return split(read(source, target), test_share=test_share, key=key)


def split(raw: RawData, *, test_share: float, key: Key) -> Dataset:
    """Split and standardize samples that are already in memory."""
    if not 0.0 < test_share < 1.0:
        raise ValueError(f"test_share={test_share} must lie between 0 and 1")
    x = feature_numbers(raw)
    y, classes = label_numbers(raw)
    if len(y) != len(x):
        raise DataError(f"--data={raw.name}: x has {len(x)} samples, y has {len(y)}")
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise DataError(
            f"--data={raw.name}: {len(classes)} classes; from 2 to {MAX_CLASSES} can be used"
        )
    test = _stratified(y, test_share, key)
    if not test.any():
        raise DataError(f"--data={raw.name}: {len(y)} samples are too few to keep any for the test")
    train = ~test
    # One pass each in float64; a spread that is only rounding of the mean counts as none.
    mean = x[train].mean(axis=0)
    std = x[train].std(axis=0)
    constant = std <= 1e-12 * np.maximum(np.abs(mean), np.finfo(np.float64).tiny)
    scale = np.where(constant, 1.0, std)
    scaled = np.where(constant, 0.0, (x - mean) / scale).astype(np.float32)
    digest = hashlib.sha256(x.astype("<f8").tobytes() + y.astype("<i8").tobytes()).hexdigest()
    return Dataset(
        name=raw.name,
        x_train=np.ascontiguousarray(scaled[train]),
        y_train=y[train],
        x_test=np.ascontiguousarray(scaled[test]),
        y_test=y[test],
        classes=classes,
        constant_features=int(constant.sum()),
        digest=digest,
        split_key=key,
    )


def _stratified(y: np.ndarray, share: float, key: Key) -> np.ndarray:
    """Mark `share` of each class, rounded to nearest; a class keeps one sample to train on."""
    order = kernels.random_bits(np.empty(len(y), np.uint64), key=key, kind="permutation")
    marked = np.zeros(len(y), dtype=bool)
    for label in range(int(y.max()) + 1):
        members = np.flatnonzero(y == label)
        count = min(round(share * len(members)), len(members) - 1)
        marked[members[np.argsort(order[members], kind="stable")[:count]]] = True
    return marked
