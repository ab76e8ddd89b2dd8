"""What an experiment of the literature says, and what was found here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import initcore as ic
from initcore.lab.datasets import Dataset, load

Verdict = Literal["reproduced", "partly reproduced", "not reproduced"]
KEY = ic.Key(0) / "lab" / "outcomes"


@dataclass(frozen=True)
class Outcome:
    """One experiment.

    Attributes
    ----------
    name, title, source : str
    setup : str
        What was run.
    published : str
        What the paper says.
    found : str
        What came out, in words.
    verdict : str
        Whether that is what was published.
    columns : sequence of str
        Heads of the table.
    rows : sequence of sequences of str
        Its lines.
    curves : dict of str to sequence of (x, y)
        Lines of the plot.
    x_label, y_label : str
        Its axes, with the unit.
    """

    name: str
    title: str
    source: str
    setup: str
    published: str
    found: str
    verdict: Verdict
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    curves: Mapping[str, Sequence[tuple[float, float]]]
    x_label: str
    y_label: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@lru_cache(maxsize=1)
def digits() -> Dataset:
    """The handwritten digits, 1797 images of 8 x 8."""
    return load("digits")


def plain(
    activation: str,
    depth: int,
    width: int,
    bias: ic.initializers.Initializer | None = None,
    out: ic.initializers.Initializer | None = None,
) -> ic.Sequential:
    """A network of so many hidden layers of one width, for the digits."""
    sizes = [64, *[width] * depth]
    hidden = [ic.Dense(a, b, activation, bias_init=bias) for a, b in pairwise(sizes)]
    return ic.Sequential(*hidden, ic.Dense(width, 10, init=out))


def train(
    net: ic.Sequential,
    *,
    lr: float,
    epochs: int,
    momentum: float = 0.9,
    seed: int = 0,
    rates: Mapping[str, float] | None = None,
) -> tuple[float, list[tuple[float, float]]]:
    """Accuracy on the training samples after the last epoch, and (epoch, loss) from the start."""
    data = digits()
    history = net.fit(
        data.x_train,
        data.y_train,
        optimizer=ic.SGD(lr=lr, momentum=momentum, rates=rates or {}),
        epochs=epochs,
        batch_size=32,
        key=KEY / "batches" / seed,
    )
    losses = [history.initial_loss, *history.loss]
    accuracy = net.evaluate(data.x_train, data.y_train).accuracy
    assert accuracy is not None
    return accuracy, [(float(at), float(loss)) for at, loss in enumerate(losses)]
