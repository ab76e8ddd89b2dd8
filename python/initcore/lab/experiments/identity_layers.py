"""A deep linear network whose every weight matrix is a multiple of the identity."""

from dataclasses import dataclass

import numpy as np

import initcore as ic
from initcore import Key
from initcore.lab.experiments.samples import gaussian

_KEY = Key(0) / "lab" / "deep linear"


@dataclass(frozen=True)
class PowerLaw:
    """What becomes of an input of ones and of a gradient of ones.

    Attributes
    ----------
    scale : float
    layers : int
        Weight matrices in all; the last one is the identity itself.
    outputs, gradients : tuple of float
        Smallest and largest entry of the output, and of the gradient at the input.
    """

    scale: float
    layers: int
    outputs: tuple[float, float]
    gradients: tuple[float, float]


@dataclass(frozen=True)
class LinearTraining:
    """Loss and gradient norm, epoch by epoch, from before the first step on.

    Attributes
    ----------
    losses : tuple of float
        The initial loss, then one per epoch.
    gradient_norms : tuple of float
        At the first batch of each epoch.
    """

    losses: tuple[float, ...]
    gradient_norms: tuple[float, ...]


def deep_linear(
    scale: float, layers: int, *, width: int = 2, dtype: type[np.floating] = np.float32
) -> PowerLaw:
    """Send ones forward and back through W = scale I, layer after layer.

    The output is scale^(layers-1) and so is the gradient: with 1.5 both explode with depth, with
    0.5 both vanish.

    Notes
    -----
    Exactness: exact as long as the type holds the power, in float32 up to 1.5^15.
    Source: the deep linear network of the deeplearning.ai notes on initialization.
    """
    network = _network(scale, layers, width, dtype)
    ones = np.ones((1, width), dtype=dtype)
    y = network.forward(ones)
    dx = network.backward(ones)
    return PowerLaw(
        scale=scale,
        layers=layers,
        outputs=(float(y.min()), float(y.max())),
        gradients=(float(dx.min()), float(dx.max())),
    )


def train_deep_linear(
    scale: float,
    layers: int = 10,
    *,
    width: int = 2,
    lr: float = 0.01,
    epochs: int = 30,
    key: Key = _KEY,
) -> LinearTraining:
    """Teach the deep linear network to return its input, by full-batch gradient descent.

    Returns
    -------
    LinearTraining
        With 1.5 the loss oscillates or diverges, with 0.5 it stalls.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts.
    Source: as `deep_linear`.
    """
    network = _network(scale, layers, width, np.float32)
    x = gaussian(64, width, key=key / "x")
    history = network.fit(
        x,
        x,
        loss="mean_squared_error",
        optimizer=ic.SGD(lr=lr),
        epochs=epochs,
        batch_size=len(x),
        key=key / "batches",
    )
    return LinearTraining(
        losses=(float(history.initial_loss), *(float(loss) for loss in history.loss)),
        gradient_norms=tuple(float(norm) for norm in history.gradient_norm),
    )


def _network(scale: float, layers: int, width: int, dtype: type[np.floating]) -> ic.Sequential:
    network = ic.Sequential(
        *(ic.Dense(width, width, init=ic.Identity(gain=scale)) for _ in range(layers - 1)),
        ic.Dense(width, width, init=ic.Identity()),
    )
    network.initialize(key=Key(0), dtype=dtype)
    return network
