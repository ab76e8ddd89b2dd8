"""Biases of the last layer: a network that starts by saying how common each answer is."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore._checks import check_fields, fraction, positive
from initcore._exact.elementwise import log
from initcore.initializers._base import Initializer, store
from initcore.initializers._block import Block
from initcore.initializers._constant import Filled
from initcore.initializers._weight import WeightShape
from initcore.keys import Key


@dataclass(frozen=True, repr=False)
class BiasPrior(Filled):
    """-log((1 - p) / p): the bias with which a sigmoid output starts at p.

    Parameters
    ----------
    probability : float, default 0.01
        Above 0 and below 1.

    Notes
    -----
    Use: sigmoid outputs for rare events, in detectors above all, whose first steps would otherwise
    go into learning that the event is rare; not for outputs of even odds.
    Exactness: bit-exact (the logarithm is the kernels' own).
    Source: Lin, Goyal, Girshick, He, Dollar, "Focal loss for dense object detection", 2017,
    section 4.1, as torchvision's models/detection/retinanet.py has it.
    Check: draw(BiasPrior(0.01), 1)[0] == -4.5951198501

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.BiasPrior(0.01)(2)
    array([-4.59512, -4.59512], dtype=float32)
    """

    probability: float = 0.01

    def __post_init__(self) -> None:
        check_fields(self, fraction, "probability", zero=False, one=False)

    def element(self) -> float:
        """The bias."""
        return -float(log((1.0 - self.probability) / self.probability))


@dataclass(frozen=True, repr=False)
class ClassPrior(Initializer):
    """log(n_c / n) for class c: a softmax over zero weights starts at the classes' frequencies.

    With `Zeros` for the last layer's weights, the first loss is the entropy of the labels exactly;
    anything above that is what a start costs.

    Parameters
    ----------
    counts : tuple of float
        Samples of each class, or anything in proportion to it, all positive.

    Notes
    -----
    Use: softmax outputs over uneven classes; over even ones `Zeros` is the same.
    Exactness: bit-exact (the logarithm is the kernels' own).
    Source: the maximum-likelihood bias of a softmax without inputs.
    Check: draw(ClassPrior((1,) * 1000), 1000)[0] == -6.9077552790

    Examples
    --------
    >>> from initcore import initializers
    >>> initializers.ClassPrior((3, 1))(2)
    array([-0.2876821, -1.3862944], dtype=float32)
    """

    counts: tuple[float, ...]

    def __post_init__(self) -> None:
        counts = tuple(positive(n, f"counts[{place}]") for place, n in enumerate(self.counts))
        object.__setattr__(self, "counts", counts)
        if not counts:
            raise ValueError("counts=() must have a number for each class")

    @property
    def rule(self) -> str:
        """The law in a few words."""
        return f"log of the shares of {len(self.counts)} classes"

    def write(
        self, out: np.ndarray[Any, Any], *, key: Key | None, block: Block, weight: WeightShape
    ) -> None:
        """Write a block; see `Initializer.write`."""
        if weight.shape != (len(self.counts),):
            raise ValueError(
                f"shape={weight.shape} must be ({len(self.counts)},), one for each of counts"
            )
        total = math.fsum(self.counts)
        values = log(np.array([count / total for count in self.counts]))
        store(out, values[block.index()])
