"""How the variance and the mean of a layer travel through a network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

import initcore as ic
from initcore import Key
from initcore.initializers import Initializer
from initcore.lab.experiments.samples import gaussian

_KEY = Key(0) / "lab" / "variance"


@dataclass(frozen=True)
class VariancePath:
    """Variances relative to where each pass begins, and means, layer by layer.

    Attributes
    ----------
    widths : tuple of int
        From the input to the last layer.
    forward : tuple of float
        Mean square of the activations of layer l over that of the input; entry 0 is 1.
    backward : tuple of float
        Mean square of the gradient at the activations of layer l over that at the last layer;
        entry 0 belongs to the input, the last entry is 1.
    relative_mean : tuple of float
        Mean of the activations of layer l over their root-mean-square; entry 0 is the input's.
    """

    widths: tuple[int, ...]
    forward: tuple[float, ...]
    backward: tuple[float, ...]
    relative_mean: tuple[float, ...]

    @property
    def forward_ratio(self) -> float:
        return self.forward[-1]

    @property
    def backward_ratio(self) -> float:
        return self.backward[0]


def variance_path(
    weight: Initializer,
    *,
    widths: Sequence[int],
    activation: str = "identity",
    input_std: float = 1.0,
    samples: int = 512,
    key: Key = _KEY,
) -> VariancePath:
    """Send normal inputs forward and a normal gradient back through freshly drawn layers.

    Parameters
    ----------
    weight : initializer
    widths : sequence of int
        Units of the input and of each layer.
    activation : str
        Of every layer.
    input_std : float
    samples : int
    key : Key
        Of the inputs, the weights and the gradient.

    Returns
    -------
    VariancePath

    Notes
    -----
    Exactness: activations and gradients bit-exact across CPUs; the averages are NumPy's.
    Source: Glorot and Bengio 2010, equations 5 and 6.
    """
    network = ic.Sequential(*(ic.Dense(a, b, activation=activation) for a, b in pairwise(widths)))
    network.initialize(weight, key=key / "weights")
    activations = [gaussian(samples, widths[0], key=key / "x", std=input_std)]
    for layer in network.layers:
        activations.append(layer.forward(activations[-1]))
    gradients = [gaussian(samples, widths[-1], key=key / "dy")]
    for layer in reversed(network.layers):
        gradients.append(layer.backward(gradients[-1]))
    squares = [_mean_square(a) for a in activations]
    backward = [_mean_square(g) for g in reversed(gradients)]
    return VariancePath(
        widths=tuple(widths),
        forward=tuple(square / squares[0] for square in squares),
        backward=tuple(square / backward[-1] for square in backward),
        relative_mean=tuple(
            float(np.mean(a, dtype=np.float64)) / math.sqrt(square)
            for a, square in zip(activations, squares, strict=True)
        ),
    )


def scaled_variance(
    n_var: float,
    *,
    width: int = 128,
    layers: int = 10,
    key: Key = _KEY,
) -> VariancePath:
    """The path through linear layers with n Var(W) = n_var.

    Below 1 signal and gradient vanish as n_var^layers, at 1 they stay, above 1 they explode.
    """
    weight = ic.VarianceScaling(scale=n_var, mode="fan_in", distribution="normal")
    return variance_path(weight, widths=[width] * (layers + 1), key=key)


def xavier_tanh(
    input_std: float,
    *,
    width: int = 128,
    layers: int = 10,
    key: Key = _KEY,
) -> VariancePath:
    """Xavier's law under tanh: Var(a[L]) = Var(x) where tanh is linear, and less where it bends."""
    return variance_path(
        ic.XavierNormal(),
        widths=[width] * (layers + 1),
        activation="tanh",
        input_std=input_std,
        key=key,
    )


def mean_activations(
    activation: str,
    *,
    width: int = 256,
    layers: int = 6,
    key: Key = _KEY,
) -> VariancePath:
    """The first condition of the argument for Xavier's law: activations with mean zero.

    tanh meets it, being odd; ReLU cannot: under He's law the mean stays at 1/sqrt(pi) = 0.56 of
    the root-mean-square.
    """
    weight = ic.HeNormal() if activation == "relu" else ic.XavierNormal()
    return variance_path(weight, widths=[width] * (layers + 1), activation=activation, key=key)


def funnel(
    mode: Literal["fan_in", "fan_out", "fan_avg"],
    *,
    widths: Sequence[int] = (512, 256, 128, 64, 32),
    key: Key = _KEY,
) -> VariancePath:
    """Linear layers that narrow, with variance 1/fan_in or 1/fan_out.

    ``mode="fan_in"`` keeps the signal and lets the gradient's mean square change by the ratio of
    the last width to the first; ``mode="fan_out"`` keeps the gradient and changes the signal by
    the inverse. Only a network of one width has both.
    """
    weight = ic.VarianceScaling(scale=1.0, mode=mode, distribution="normal")
    return variance_path(weight, widths=widths, key=key)


def log_spread(widths: Sequence[int], samples: int = 512) -> float:
    """Standard deviation of the log of `forward_ratio` (or backward, with widths reversed).

    A unit of a linear layer with normal weights adds a square whose relative variance is
    2 tr(S^2)/tr(S)^2, S being the second moments of its inputs. That ratio is 1/n + 1/samples for
    independent normal inputs, and each layer of n units adds 1/n to it.
    """
    ratio = 1.0 / widths[0] + 1.0 / samples
    variance = 0.0
    for n in widths[1:]:
        variance += 2.0 * ratio / n
        ratio += 1.0 / n
    return math.sqrt(variance)


def _mean_square(values: np.ndarray) -> float:
    return float(np.mean(np.square(values, dtype=np.float64)))
