"""What a network does to its data before the first step: measured, layer by layer.

Every quantity is measured on what the network's own kernels compute, in its own dtype; only the
averages over samples and units are taken here, in float64.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore import kernels
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
    loss : float
        Cross-entropy of the network as it is, in nats.
    n_classes : int
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
    loss: float
    n_classes: int

    @property
    def relative_mean(self) -> np.ndarray:
        """Mean of the activations over their RMS: -1 ... 1; 0 where there are none."""
        scale = np.where(self.activation_rms == 0.0, 1.0, self.activation_rms)
        with np.errstate(invalid="ignore"):
            return np.asarray(self.mean / scale)

    @property
    def evidence(self) -> Evidence:
        """The few numbers that the verdict is made of."""
        layers = np.stack([self.signal, self.rms, self.mean, self.gradient])
        share = self.distinct / np.maximum(self.units, 1)
        worst = int(np.argmin(share)) if share.size else 0
        return Evidence(
            distinct=int(self.distinct[worst]) if share.size else 1,
            units=int(self.units[worst]) if share.size else 1,
            dead=float(self.dead.max(initial=0.0)),
            saturated=float(self.saturated.max(initial=0.0)),
            signal_decades=decades(self.signal[0], self.signal[-1]),
            gradient_decades=decades(self.gradient[-1], self.gradient[0]),
            gradient_is_zero=bool((self.gradient[:-1] == 0.0).all()) if share.size else False,
            finite=bool(np.isfinite(layers).all() and np.isfinite(self.loss)),
            loss_ratio=float(self.loss / np.log(self.n_classes)),
            layers=len(self.signal),
        )


def decades(start: float, end: float) -> float:
    """log10(end / start): -inf when a signal ends at 0, NaN when there is none to begin with."""
    if start == 0.0:
        return float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log10(end) - np.log10(start))


def measure(network: Any, x: np.ndarray, labels: np.ndarray, n_classes: int) -> Statistics:
    """Measure a network of dense layers on labelled samples; nothing in it is changed.

    Parameters
    ----------
    network : Sequential
        Initialized, with dense layers only.
    x : array, (samples, features)
        In the network's dtype.
    labels : int64 array, (samples,)
    n_classes : int

    Returns
    -------
    Statistics

    Notes
    -----
    Exactness: the activations and gradients are those of the kernels, bit for bit; the averages
    are NumPy's, in float64.
    Source: the standard deviation across samples beside the RMS follows Poole et al. 2016 and
    Schoenholz et al. 2017, who separate a layer's correlation between inputs from its length.
    """
    outputs, saved = [], []
    signal, rms, mean, activation_rms, gradient = [], [], [], [], []
    h = x
    layers = network.dense_layers()
    for layer in layers:
        z = kernels.dense_forward(h, layer.w, layer.b, save=False)
        h, kept = kernels.activation_forward(z, layer.activation)
        outputs.append(h)
        saved.append(kept)
        spread, length = _spread_and_length(z)
        signal.append(spread)
        rms.append(length)
        mean.append(float(np.mean(h, dtype=np.float64)))
        activation_rms.append(_length(h))
    loss, dy = kernels.softmax_cross_entropy(h, labels)
    for layer, kept in reversed(list(zip(layers, saved, strict=True))):
        dz = kernels.activation_backward(dy, kept, layer.activation)
        gradient.append(_length(dz))
        dy, _, _ = kernels.dense_backward(dz, None, layer.w, None, need=("dx",))
    pairs = list(zip(layers, outputs, strict=True))[:-1]
    return Statistics(
        signal=np.array(signal),
        rms=np.array(rms),
        mean=np.array(mean),
        activation_rms=np.array(activation_rms),
        gradient=np.array(gradient[::-1]),
        dead=np.array([float((y == 0.0).all(axis=0).mean()) for _, y in pairs]),
        saturated=np.array([_saturated(y, layer.activation) for layer, y in pairs]),
        distinct=np.array([distinct_units(layer, y) for layer, y in pairs], dtype=np.int64),
        units=np.array([y.shape[1] for _, y in pairs], dtype=np.int64),
        loss=float(loss),
        n_classes=n_classes,
    )


def distinct_units(layer: Any, y: np.ndarray) -> int:
    """How many units of a layer act differently.

    Two units act as one if their weights and bias agree bit for bit, or if they do and say the
    same on every sample. Units that are 0 on every sample are told apart by their weights alone:
    they are dead, which is another fault.
    """
    parameters = layer.w if layer.b is None else np.column_stack([layer.w, layer.b])
    dead = (y == 0.0).all(axis=0)
    # One row of bytes per unit; -0.0 counts as 0.0, since both act the same.
    rows = {row.tobytes() for row in parameters[dead] + 0.0}
    columns = {column.tobytes() for column in np.ascontiguousarray(y[:, ~dead].T) + 0.0}
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
