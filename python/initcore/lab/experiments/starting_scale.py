"""Too small a start learns slowly; too large a start diverges."""

import math
from dataclasses import dataclass
from itertools import pairwise

import initcore as ic
from initcore import Key
from initcore.doctor.verdict import judge_training
from initcore.lab.experiments.samples import clusters

_KEY = Key(0) / "lab" / "scale"


@dataclass(frozen=True)
class ScaleRun:
    """One training run from weights of a given scale.

    Attributes
    ----------
    factor : float
        Standard deviation of the weights over He's.
    initial_loss, final_loss : float
    epochs_to_target : int or None
        After how many epochs the training loss was at the target or below; None if never.
    outcome : str
        As `verdict.judge_training` says.
    """

    factor: float
    initial_loss: float
    final_loss: float
    epochs_to_target: int | None
    outcome: str


def scale(
    factor: float,
    *,
    depth: int = 4,
    width: int = 32,
    target: float = 0.2,
    lr: float = 0.05,
    epochs: int = 60,
    key: Key = _KEY,
) -> ScaleRun:
    """Train a ReLU network whose weights have `factor` times He's standard deviation.

    Parameters
    ----------
    factor : float
    depth, width : int
        Hidden layers and their units.
    target : float
        The loss, in nats, whose epoch is looked for.
    lr : float
    epochs : int
    key : Key
        Of data, weights and batches.

    Returns
    -------
    ScaleRun

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts.
    Source: He et al. 2015, equation 10, gives the scale that factor multiplies.
    """
    classes = 4
    x, labels = clusters(192, 16, classes, key=key / "data")
    sizes = (16, *([width] * depth))
    network = ic.Sequential(
        *(ic.Dense(a, b, activation="relu") for a, b in pairwise(sizes)),
        ic.Dense(width, classes),
    )
    network.initialize(
        ic.VarianceScaling(scale=2.0 * factor**2, mode="fan_in", distribution="normal"),
        key=key / "weights",
    )
    history = network.fit(
        x, labels, optimizer=ic.SGD(lr=lr), epochs=epochs, batch_size=32, key=key / "batches"
    )
    reached = [i + 1 for i, loss in enumerate(history.loss) if loss <= target]
    return ScaleRun(
        factor=factor,
        initial_loss=float(history.initial_loss),
        final_loss=float(history.loss[-1]),
        epochs_to_target=reached[0] if reached else None,
        outcome=judge_training(history.initial_loss, history.loss, math.log(classes)),
    )
