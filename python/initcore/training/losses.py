"""Losses: what a network's outputs are measured by. They hold no state.

A batch's loss is a mean: over samples for the cross-entropy, over all outputs for the others.
Weights of samples and classes multiply the terms and leave the number that the sum is divided by,
so that a sample of weight 2 counts like two, and weights whose mean is 1 keep the step's size.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from initcore import _checks, _serial, kernels

Array = NDArray[Any]


@runtime_checkable
class Loss(Protocol):
    """What `fit` and `evaluate` ask of a loss; a user-defined class may be one."""

    name: ClassVar[str]
    counts_classes: ClassVar[bool]
    """Whether a target is a class, so that an accuracy can be reported."""

    def targets(self, labels: Any, n: int, n_out: int, dtype: np.dtype[Any], name: str) -> Array:
        """`labels` checked and converted for `n` samples and `n_out` outputs."""

    def __call__(self, y: Array, target: Array, *, out: Array | None = None) -> tuple[float, Array]:
        """The mean loss of the batch and its gradient with respect to `y`."""


def with_weights(loss: Loss, target: Array, weights: Any, dtype: np.dtype[Any], name: str) -> Array:
    """`target` and the weight of each sample as one array of records, for shuffling together.

    Its fields are "target" and "weight"; the losses of this module read them.
    """
    if not isinstance(loss, _Loss):
        raise TypeError(
            f"{name} is given, and loss={loss!r} is not of initcore.losses, which alone "
            f"read weights: put them into the targets of your loss"
        )
    checked = _checks.sample_weights(weights, len(target), dtype, name)
    kind = np.dtype([("target", target.dtype, target.shape[1:]), ("weight", dtype)], align=True)
    records = np.zeros(len(target), kind)
    records["target"], records["weight"] = target, checked
    return records


def parts(target: Array) -> tuple[Array, Array | None]:
    """The target and the weights of the samples, or None, of what `with_weights` may have made."""
    if target.dtype.names is None:
        return target, None
    return target["target"], target["weight"]


def classes_of(target: Array) -> NDArray[np.int64]:
    """The class of each sample: its label, or the largest of its soft labels."""
    labels, _ = parts(target)
    return labels if labels.ndim == 1 else labels.argmax(axis=1)


def answers(loss: Loss, target: Array) -> int:
    """How many answers of a sample are right or wrong, of which accuracy is a share; 0 for none."""
    if isinstance(loss, BinaryCrossEntropy):
        values, _ = parts(target)
        n_out: int = values.shape[1]
        return n_out
    return int(loss.counts_classes)


def correct(loss: Loss, y: Array, target: Array) -> int:
    """How many answers of a batch are right; one that is NaN never is."""
    if isinstance(loss, BinaryCrossEntropy):
        sides = (y > 0) == (parts(target)[0] > 0.5)
        return int(np.count_nonzero(sides & (y == y)))
    return _correct_classes(y, classes_of(target))


def _correct_classes(y: Array, labels: NDArray[np.int64]) -> int:
    """How many rows of y are largest at their label; a row with a NaN never is."""
    if len(y) == 0:
        return 0
    right = y.argmax(axis=1) == labels
    if not right.any():
        return 0
    # argmax takes the first NaN for the largest, so only rows that look right are asked again
    picked = y[np.flatnonzero(right), labels[right]]
    return int(np.count_nonzero(picked == picked))


class _Loss:
    """What the losses share."""

    name: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """The loss as a plain dict."""
        return _serial.to_dict(self)


@dataclass(frozen=True)
class CrossEntropy(_Loss):
    """Softmax and cross-entropy in one: the loss for choosing one class of several.

    The outputs of the network are logits. For logits z and the label c the loss of a sample is
    log(sum_k exp z_k) - z_c, and a batch has the mean of its samples. A network that prefers no
    class has ln K with K classes.

    Parameters
    ----------
    smoothing : float, default 0
        Share of the target that goes to all classes alike, in [0, 1): of K classes the label has
        1 - smoothing + smoothing / K, the others smoothing / K.
    class_weights : sequence of float, optional
        One for each class: what -log p of that class is multiplied by.

    Notes
    -----
    Labels are integers (n,), or soft: probabilities (n, n_out). A class that a soft label gives 0
    takes no part, even where its logit is minus infinity.

    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Bridle 1990, Neurocomputing F68, pages 227-236; smoothing by Szegedy et al. 2016, CVPR,
    section 7.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dlogits = CrossEntropy()(np.zeros((1, 2)), np.array([0]))
    >>> round(loss, 6), dlogits.tolist()
    (0.693147, [[-0.5, 0.5]])
    >>> loss, dlogits = CrossEntropy(smoothing=0.5)(np.zeros((1, 2)), np.array([0]))
    >>> dlogits.tolist()
    [[-0.25, 0.25]]
    """

    name: ClassVar[str] = "cross_entropy"
    counts_classes: ClassVar[bool] = True
    smoothing: float = 0.0
    class_weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "smoothing", _checks.real(self.smoothing, "smoothing"))
        if not 0 <= self.smoothing < 1:
            raise ValueError(
                f"smoothing={self.smoothing} must be in [0, 1): 1 would leave nothing of the label"
            )
        if self.class_weights is not None:
            object.__setattr__(self, "class_weights", _weights(self.class_weights))

    def targets(
        self, labels: Any, n: int, n_out: int, dtype: np.dtype[Any], name: str = "labels"
    ) -> Array:
        """`labels` as int64 (n,), each in 0..n_out-1, or as probabilities (n, n_out)."""
        if self.class_weights is not None and len(self.class_weights) != n_out:
            raise ValueError(
                f"class_weights has {len(self.class_weights)} numbers and the network {n_out} "
                f"outputs: give each class one"
            )
        given = np.asarray(labels)
        if given.ndim == 2 and given.dtype.kind == "f":
            return _checks.soft_labels(given, n, n_out, dtype, name)
        return _checks.class_labels(labels, n, n_out, name)

    def __call__(self, y: Array, target: Array, *, out: Array | None = None) -> tuple[float, Array]:
        """The mean loss of logits y (batch, n_out) under labels (batch,) or soft ones, and dy."""
        labels, weights = parts(target)
        plain = self.smoothing == 0 and self.class_weights is None
        if labels.ndim == 1:
            if plain and weights is None:
                return kernels.softmax_cross_entropy(y, labels, out=out)
            shares, peaks = self.spread(y.shape[1], y.dtype)
            return kernels.cross_entropy(
                y, shares, labels=labels, peaks=peaks, sample_weights=weights, out=out
            )
        return kernels.cross_entropy(
            y, labels if plain else self.smoothed(labels), sample_weights=weights, out=out
        )

    def smoothed(self, labels: Array) -> Array:
        """Soft labels with the smoothing and the weights of the classes in them."""
        spread = (1.0 - self.smoothing) * labels.astype(np.float64)
        spread += self.smoothing / labels.shape[1]
        if self.class_weights is not None:
            spread *= np.array(self.class_weights)
        return spread.astype(labels.dtype)

    def spread(self, classes: int, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        """What the target of every sample has of each class, and what the label adds."""
        return _spread(self, classes, dtype)


@functools.lru_cache(maxsize=64)
def _spread(loss: CrossEntropy, classes: int, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    weights = np.ones(classes) if loss.class_weights is None else np.array(loss.class_weights)
    if len(weights) != classes:
        raise ValueError(
            f"class_weights has {len(weights)} numbers and y {classes} columns: give each class one"
        )
    shares = (weights * (loss.smoothing / classes)).astype(dtype)
    peaks = (weights * (1.0 - loss.smoothing)).astype(dtype)
    shares.flags.writeable = peaks.flags.writeable = False
    return shares, peaks


def _weights(values: Any, count: int | None = None) -> tuple[float, ...]:
    """`class_weights` as a tuple of finite numbers, none below 0 and not all 0."""
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise TypeError(f"class_weights={values!r} must be a sequence of numbers")
    weights = tuple(_checks.real(value, "class_weights") for value in values)
    if not weights or min(weights) < 0 or max(weights) == 0:
        raise ValueError(f"class_weights={weights} must be at least 0, and one of them above")
    if count is not None and len(weights) != count:
        raise ValueError(f"class_weights={weights} must be {count} numbers")
    return weights


class _ErrorLoss(_Loss):
    """A mean over all outputs of all samples, of something between output and target."""

    counts_classes: ClassVar[bool] = False
    error: ClassVar[str]
    """The kernels' name."""

    def targets(
        self, labels: Any, n: int, n_out: int, dtype: np.dtype[Any], name: str = "labels"
    ) -> Array:
        """`labels` as numbers of shape (n, n_out) in the type of the network."""
        values = _checks.rows(
            labels, n_out, dtype, name, width_is="a row of target values for each sample"
        )
        if len(values) != n:
            raise ValueError(
                f"{name} has {len(values)} rows and x has {n}: pass one row of target values "
                f"for each sample"
            )
        return values

    def constants(self) -> tuple[float, float]:
        """The kernel's a and b."""
        return 1.0, 1.0

    def __call__(self, y: Array, target: Array, *, out: Array | None = None) -> tuple[float, Array]:
        """The mean loss of outputs y (batch, n_out) under targets of the same shape, and dy."""
        values, weights = parts(target)
        a, b = self.constants()
        return kernels.error_loss(self.error, y, values, a=a, b=b, sample_weights=weights, out=out)


@dataclass(frozen=True)
class MeanSquaredError(_ErrorLoss):
    """The mean of (y - target)^2 over all outputs of all samples: the loss for fitting values.

    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: the arithmetic mean; the factor 1/2 that some texts put before it is not there.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dy = MeanSquaredError()(np.array([[3.0]]), np.array([[1.0]]))
    >>> loss, dy.tolist()
    (4.0, [[4.0]])
    """

    name: ClassVar[str] = "mean_squared_error"
    error: ClassVar[str] = "squared"

    def __call__(self, y: Array, target: Array, *, out: Array | None = None) -> tuple[float, Array]:
        """The mean loss of outputs y under targets of the same shape, and dy."""
        if target.dtype.names is None:
            return kernels.mean_squared_error(y, target, out=out)
        return super().__call__(y, target, out=out)


@dataclass(frozen=True)
class MeanAbsoluteError(_ErrorLoss):
    """The mean of |y - target|: outliers pull no harder than others; its best fit is a median.

    The gradient is the sign of y - target over the number of outputs, and 0 where they are equal.

    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Laplace 1774; the arithmetic mean.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dy = MeanAbsoluteError()(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]))
    >>> loss, dy.tolist()
    (1.0, [[0.5, 0.0]])
    """

    name: ClassVar[str] = "mean_absolute_error"
    error: ClassVar[str] = "absolute"


@dataclass(frozen=True)
class Huber(_ErrorLoss):
    """The mean of d^2 / 2 where d = |y - target| <= delta, and of delta (d - delta / 2) beyond.

    Parameters
    ----------
    delta : float, default 1
        Where the square turns into a straight line; greater than 0.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Huber 1964, Annals of Mathematical Statistics 35, pages 73-101.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dy = Huber()(np.array([[3.0, 0.5]]), np.zeros((1, 2)))
    >>> loss, dy.tolist()
    (1.3125, [[0.5, 0.25]])
    """

    name: ClassVar[str] = "huber"
    error: ClassVar[str] = "huber"
    delta: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", _checks.real(self.delta, "delta"))
        if not 0 < float(np.float32(self.delta)) < math.inf:
            raise ValueError(
                f"delta={self.delta} must be greater than 0 and finite, in float32 too"
            )

    def constants(self) -> tuple[float, float]:
        """The kernel's a and b."""
        return self.delta, 1.0


@dataclass(frozen=True)
class BinaryCrossEntropy(_ErrorLoss):
    """Sigmoid and cross-entropy in one: each output says yes or no by itself.

    The outputs are logits z; with the target t, a probability, the loss of an output is
    t softplus(-z) + (1 - t) softplus(z), where softplus(z) = log(1 + exp z). The mean is over all
    outputs of all samples. A network that says nothing has ln 2. Accuracy is the share of outputs
    that are above 0 (a yes) where the target is above 1/2, and not above 0 where it is not.

    Parameters
    ----------
    class_weights : pair of float, optional
        What the terms of no and of yes are multiplied by, in this order.

    Notes
    -----
    Stable for all logits: for a confident right answer loss and gradient keep all their digits.

    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: the Bernoulli likelihood; Cox 1958, Journal of the Royal Statistical Society B 20.

    Examples
    --------
    >>> import numpy as np
    >>> loss, dlogits = BinaryCrossEntropy()(np.zeros((1, 1)), np.ones((1, 1)))
    >>> round(loss, 6), dlogits.tolist()
    (0.693147, [[-0.5]])
    """

    name: ClassVar[str] = "binary_cross_entropy"
    error: ClassVar[str] = "binary"
    class_weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.class_weights is not None:
            object.__setattr__(self, "class_weights", _weights(self.class_weights, 2))

    def targets(
        self, labels: Any, n: int, n_out: int, dtype: np.dtype[Any], name: str = "labels"
    ) -> Array:
        """`labels` as probabilities of shape (n, n_out) in the type of the network."""
        shares = super().targets(labels, n, n_out, dtype, name)
        outside = (shares < 0) | (shares > 1)
        if outside.any():
            row, column = np.argwhere(outside)[0]
            raise ValueError(
                f"{name}[{row}, {column}] = {shares[row, column]} must be from 0 to 1: 0 is no, 1 "
                f"is yes, what lies between is a probability"
            )
        return shares

    def constants(self) -> tuple[float, float]:
        """The weight of yes, and that of no."""
        if self.class_weights is None:
            return 1.0, 1.0
        no, yes = self.class_weights
        return yes, no


_CLASSES: dict[str, type] = {
    kind.name: kind
    for kind in (CrossEntropy, BinaryCrossEntropy, MeanSquaredError, MeanAbsoluteError, Huber)
}
_LOSSES: dict[str, Loss] = {name: kind() for name, kind in _CLASSES.items()}
_LOSSES |= {
    "softmax_cross_entropy": _LOSSES["cross_entropy"],
    "bce": _LOSSES["binary_cross_entropy"],
    "mse": _LOSSES["mean_squared_error"],
    "mae": _LOSSES["mean_absolute_error"],
}


def get(loss: str | dict[str, Any] | Loss) -> Loss:
    """The loss of that name or of that dict; a loss object is returned as it is."""
    if isinstance(loss, str):
        named: Loss = _checks.choice(loss, "loss", _LOSSES)
        return named
    if isinstance(loss, dict):
        made: Loss = _serial.from_dict(loss, _CLASSES, "loss")
        return made
    if isinstance(loss, type) or not isinstance(loss, Loss):
        known = ", ".join(repr(name) for name in _LOSSES)
        raise TypeError(
            f"loss={loss!r} must be one of {known}, or an object such as CrossEntropy()"
        )
    return loss
