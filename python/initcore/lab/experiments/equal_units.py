"""Equal weights make equal units, and training keeps them equal."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import initcore as ic
from initcore import Key, kernels
from initcore.doctor.measure import distinct_units
from initcore.initializers import Initializer
from initcore.lab.experiments.samples import clusters

_KEY = Key(0) / "lab" / "symmetry"


@dataclass(frozen=True)
class Symmetry:
    """How many different units the hidden layers have, before and after training.

    Attributes
    ----------
    units : tuple of int
        Units of each hidden layer.
    distinct_before, distinct_after : tuple of int
        How many of them act differently.
    distinct_gradients : tuple of int
        How many different gradients (of a unit's weights and bias) there are at the first step.
    rank_after : tuple of int
        Rank of each hidden layer's W after training.
    initial_loss, final_loss : float
    """

    units: tuple[int, ...]
    distinct_before: tuple[int, ...]
    distinct_after: tuple[int, ...]
    distinct_gradients: tuple[int, ...]
    rank_after: tuple[int, ...]
    initial_loss: float
    final_loss: float


def symmetry(
    weight: Initializer,
    *,
    widths: tuple[int, ...] = (8, 8),
    activation: str = "tanh",
    n_in: int = 6,
    lr: float = 0.1,
    epochs: int = 20,
    key: Key = _KEY,
) -> Symmetry:
    """Train a small classifier from given weights and count its different units.

    Parameters
    ----------
    weight : initializer
        Such as ``Zeros()`` or ``Constant(0.5)``; ``Constant(2.0)`` with ``widths=(2,)``,
        ``n_in=2`` and ``activation="relu"`` is the notes' network of two hidden units.
    widths : tuple of int
        Of the hidden layers.
    activation : str
    n_in : int
    lr : float
    epochs : int
    key : Key
        Of the data, the weights and the batches.

    Returns
    -------
    Symmetry

    Notes
    -----
    Exactness: bit-exact across CPUs; equal units stay equal to the last bit.
    Source: the argument on symmetry in the deeplearning.ai notes on initialization.
    """
    x, labels = clusters(96, n_in, 2, key=key / "data")
    sizes = (n_in, *widths)
    network = ic.Sequential(
        *(ic.Dense(a, b, activation=activation) for a, b in pairwise(sizes)),
        ic.Dense(sizes[-1], 2),
    )
    network.initialize(weight, key=key / "weights")
    hidden = network.layers[:-1]
    before = _distinct(network, x)
    loss, dy = kernels.softmax_cross_entropy(network.forward(x), labels)
    network.backward(dy)
    gradients = tuple(
        len(
            {
                row.tobytes()
                for row in np.column_stack([np.asarray(layer.dw), np.asarray(layer.db)]) + 0.0
            }
        )
        for layer in hidden
    )
    history = network.fit(
        x, labels, optimizer=ic.SGD(lr=lr), epochs=epochs, batch_size=32, key=key / "batches"
    )
    return Symmetry(
        units=widths,
        distinct_before=before,
        distinct_after=_distinct(network, x),
        distinct_gradients=gradients,
        rank_after=tuple(
            int(np.linalg.matrix_rank(np.asarray(layer.w, dtype=np.float64))) for layer in hidden
        ),
        initial_loss=float(loss),
        final_loss=float(history.loss[-1]),
    )


def _distinct(network: ic.Sequential, x: np.ndarray) -> tuple[int, ...]:
    counts = []
    for layer in network.layers[:-1]:
        x = layer.forward(x, save=False)
        counts.append(distinct_units(layer, x))
    return tuple(counts)
