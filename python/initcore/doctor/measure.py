"""What a network does to its data before the first step: measured, layer by layer.

Every quantity is measured on what the network's own kernels compute, in its own dtype; only the
averages over samples and units are taken here, in float64.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore import _checks, kernels
from initcore.doctor.verdict import Evidence
from initcore.training.probes import flat_ends


@dataclass(frozen=True, eq=False)
class Statistics:
    """One network at one moment; arrays have one entry per layer, the output layer last.

    Attributes
    ----------
    signal : array
        Standard deviation of z across samples, per unit, root-mean-square over units: the part
        of a layer that differs between inputs.
    rms : array
        Root-mean-square of z over samples and units; includes what is the same for every input.
    mean : array
        Mean of the activations over samples and units (of z in the output layer).
    activation_rms : array
        Root-mean-square of the activations.
    gradient : array
        Root-mean-square of dz over samples and units.
    dead, saturated : arrays
        Hidden layers: share of units that are 0 on every sample, and of values on the flat ends
        of the activation.
    distinct, units : int arrays
        Hidden layers: how many units act differently, and how many there are.
    hidden_gradient : array
        Hidden layers: as `gradient`; but where the output layer passes nothing back, for its
        weights are 0, that which it passes after the first step, up to a factor.
    loss : float
        Of the network as it is: cross-entropy in nats, or the mean squared error.
    indifferent_loss : float
        Of a network that tells no sample from another: ln K for K classes, the mean square of
        the targets around their mean for values.
    has_nan : bool
        A parameter is NaN.
    """

    signal: np.ndarray
    rms: np.ndarray
    mean: np.ndarray
    activation_rms: np.ndarray
    gradient: np.ndarray
    dead: np.ndarray
    saturated: np.ndarray
    distinct: np.ndarray
    units: np.ndarray
    hidden_gradient: np.ndarray
    loss: float
    indifferent_loss: float
    has_nan: bool

    @property
    def relative_mean(self) -> np.ndarray:
        """Mean of the activations over their RMS: -1 ... 1; 0 where there are none."""
        scale = np.where(self.activation_rms == 0.0, 1.0, self.activation_rms)
        with np.errstate(invalid="ignore"):
            return np.asarray(self.mean / scale)

    @property
    def evidence(self) -> Evidence:
        """The few numbers that the verdict is made of: those of the hidden layers.

        An output layer that starts small or at 0 is no fault: its gradient does not depend on it,
        and it grows with the first steps.
        """
        layers = np.stack([self.signal, self.rms, self.mean, self.gradient])
        share = self.distinct / np.maximum(self.units, 1)
        worst = int(np.argmin(share)) if share.size else 0
        return Evidence(
            distinct=int(self.distinct[worst]) if share.size else 1,
            units=int(self.units[worst]) if share.size else 1,
            dead=float(self.dead.max(initial=0.0)),
            saturated=float(self.saturated.max(initial=0.0)),
            signal_decades=_change(self.signal[:-1]),
            gradient_decades=_change(self.hidden_gradient[::-1]),
            gradient_is_zero=bool((self.hidden_gradient == 0.0).all()) if share.size else False,
            finite=bool(np.isfinite(layers).all() and np.isfinite(self.loss)),
            has_nan=self.has_nan,
            loss_ratio=float(self.loss / self.indifferent_loss) if self.indifferent_loss else 1.0,
            layers=len(self.signal) - 1,
        )


def _change(values: np.ndarray) -> float:
    """`decades` from the first to the last; 0 where there is none."""
    return decades(values[0], values[-1]) if values.size else 0.0


def decades(start: float, end: float) -> float:
    """log10(end / start): -inf when a signal ends at 0, NaN when there is none to begin with."""
    if start == 0.0:
        return float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log10(end) - np.log10(start))


def measure(network: Any, x: Any, labels: Any, n_classes: int | None = None) -> Statistics:
    """Measure a network of dense layers on labelled samples; nothing in it is changed.

    Parameters
    ----------
    network : Sequential
        Initialized, with dense layers only.
    x : array-like (samples, features)
        Finite numbers; converted to the network's dtype.
    labels : array-like
        Classes 0..K-1 as integers (samples,); or values (samples, n_out), for a network that is
        trained for the mean squared error.
    n_classes : int, optional
        K, which is the number of the network's outputs; None for that.

    Returns
    -------
    Statistics

    Raises
    ------
    TypeError, ValueError, RuntimeError
        The network has other layers or no weights, or the data do not fit it or are not finite.

    Notes
    -----
    Exactness: the activations and gradients are those of the kernels, bit for bit; the averages
    are NumPy's, in float64.
    Source: the standard deviation across samples beside the RMS follows Poole et al. 2016 and
    Schoenholz et al. 2017, who separate a layer's correlation between inputs from its length.
    """
    layers = network.dense_layers()
    parameters = list(network.parameters().values())
    h, target = _data(layers, parameters[0].dtype, x, labels, n_classes)
    inputs, saved = [h], []
    signal, rms, mean, activation_rms = [], [], [], []
    for layer in layers:
        z = kernels.dense_forward(h, layer.w, layer.b, save=False)
        h, kept = kernels.activation_forward(z, layer.activation)
        inputs.append(h)
        saved.append(kept)
        spread, length = _spread_and_length(z)
        signal.append(spread)
        rms.append(length)
        mean.append(float(np.mean(h, dtype=np.float64)))
        activation_rms.append(_length(h))
    loss, dy = _loss(h, target)
    gradient, hidden_gradient = _gradients(layers, inputs, saved, dy)
    pairs = list(zip(layers, inputs[1:], strict=True))[:-1]
    return Statistics(
        signal=np.array(signal),
        rms=np.array(rms),
        mean=np.array(mean),
        activation_rms=np.array(activation_rms),
        gradient=gradient,
        dead=np.array([float((y == 0.0).all(axis=0).mean()) for _, y in pairs]),
        saturated=np.array([_saturated(y, layer.activation) for layer, y in pairs]),
        distinct=np.array([distinct_units(layer, y) for layer, y in pairs], dtype=np.int64),
        units=np.array([y.shape[1] for _, y in pairs], dtype=np.int64),
        hidden_gradient=hidden_gradient,
        loss=float(loss),
        indifferent_loss=_indifferent_loss(target, layers[-1].n_out),
        has_nan=any(bool(np.isnan(array).any()) for array in parameters),
    )


def _data(
    layers: Sequence[Any], dtype: np.dtype[Any], x: Any, labels: Any, n_classes: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Samples and labels as the network takes them: classes (n,) as int64, or values (n, n_out)."""
    samples = _checks.rows(x, layers[0].n_in, dtype, "x", width_is="n_in values for each sample")
    _checks.some_rows(samples, "x")
    n_out = layers[-1].n_out
    if n_classes is not None and _checks.count(n_classes, "n_classes", least=1) != n_out:
        raise ValueError(
            f"n_classes={n_classes} must be {n_out}, the number of the network's outputs; leave "
            f"it out"
        )
    found = np.asarray(labels)
    if n_classes is not None or found.dtype.kind in "iu":
        return samples, _checks.class_labels(found, len(samples), n_out, "labels")
    values = _checks.rows(found, n_out, dtype, "labels", width_is="a value for each output")
    if len(values) != len(samples):
        raise ValueError(f"labels has {len(values)} rows and x has {len(samples)}: pass one each")
    return samples, values


def _loss(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss that belongs to such labels, and its gradient."""
    if target.ndim == 1:
        return kernels.softmax_cross_entropy(y, target)
    return kernels.mean_squared_error(y, target)


def _indifferent_loss(target: np.ndarray, n_out: int) -> float:
    if target.ndim == 1:
        return float(np.log(n_out))
    return float(target.var(axis=0, dtype=np.float64).mean())


def _gradients(
    layers: Sequence[Any], inputs: Sequence[np.ndarray], saved: Sequence[Any], dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """RMS of dz in each layer, and in the hidden ones behind an output layer that passes some."""
    head = layers[-1]
    dz = kernels.activation_backward(dy, saved[-1], head.activation)
    dh, dw, _ = kernels.dense_backward(dz, inputs[-2], head.w, None, need=("dx", "dw"))
    gradient = [*_lengths_back(layers[:-1], saved, dh), _length(dz)]
    hidden = gradient[:-1]
    largest = float(np.abs(dw).max())
    if not dh.any() and 0.0 < largest < np.inf:
        # after a step the weights are a multiple of dw
        dh, _, _ = kernels.dense_backward(
            dz, None, np.ascontiguousarray(dw / dw.dtype.type(largest)), None, need=("dx",)
        )
        hidden = _lengths_back(layers[:-1], saved, dh)
    return np.array(gradient), np.array(hidden)


def _lengths_back(layers: Sequence[Any], saved: Sequence[Any], dy: np.ndarray) -> list[float]:
    """RMS of dz in each of these layers, from the gradient of the last one's output."""
    lengths = []
    for at in reversed(range(len(layers))):
        dz = kernels.activation_backward(dy, saved[at], layers[at].activation)
        lengths.append(_length(dz))
        if at:
            dy, _, _ = kernels.dense_backward(dz, None, layers[at].w, None, need=("dx",))
    return lengths[::-1]


def distinct_units(layer: Any, y: np.ndarray) -> int:
    """How many units of a layer act differently.

    Two units act as one if their weights and bias agree bit for bit, or if they do and say the
    same on every sample. Units that are 0 on every sample, or not finite on one, are told apart by
    their weights alone: they are dead or overflow, which is another fault.
    """
    parameters = layer.w if layer.b is None else np.column_stack([layer.w, layer.b])
    mute = (y == 0.0).all(axis=0) | ~np.isfinite(y).all(axis=0)
    # One row of bytes per unit; -0.0 counts as 0.0, since both act the same.
    rows = {row.tobytes() for row in parameters[mute] + 0.0}
    columns = {column.tobytes() for column in np.ascontiguousarray(y[:, ~mute].T) + 0.0}
    return len(rows) + len(columns)


def fewest_distinct(network: Any, x: np.ndarray) -> int:
    """`distinct_units` of the hidden layer with the smallest share of them, the first of such."""
    found = []
    for layer in network.layers[:-1]:
        x = layer.forward(x, save=False)
        count = distinct_units(layer, x)
        found.append((count / layer.n_out, count))
    return min(found, key=lambda pair: pair[0])[1]


def _spread_and_length(z: np.ndarray) -> tuple[float, float]:
    """Standard deviation across samples and root-mean-square, both over all units."""
    wide = z.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        spread = float(np.sqrt(np.mean(wide.var(axis=0))))
    return spread, _length(z)


def _length(z: np.ndarray) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.sqrt(np.mean(np.square(z, dtype=np.float64))))


def _saturated(y: np.ndarray, activation: Any) -> float:
    """The share of values on the flat ends; 0 for an activation that has none."""
    low, high = flat_ends(activation, y.dtype)
    return float(np.mean((y < low) | (y > high)))
