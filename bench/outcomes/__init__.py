"""Training experiments of the literature, run here: what was published, and what came out."""

from collections.abc import Callable

from bench.outcomes._outcome import Outcome
from bench.outcomes.other_networks import born_dead, deep_linear, residual, width_transfer
from bench.outcomes.plain_networks import (
    he_against_xavier,
    lsuv,
    orthogonal_tanh,
    sigmoid_plateau,
    trainable_depth,
)

EXPERIMENTS: tuple[Callable[[], Outcome], ...] = (
    he_against_xavier,
    orthogonal_tanh,
    trainable_depth,
    sigmoid_plateau,
    deep_linear,
    residual,
    lsuv,
    width_transfer,
    born_dead,
)

__all__ = ["EXPERIMENTS", "Outcome"]
