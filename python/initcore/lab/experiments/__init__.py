"""The experiments of the deeplearning.ai notes on initialization, each one a function."""

from initcore.lab.experiments.equal_units import Symmetry, symmetry
from initcore.lab.experiments.identity_layers import (
    LinearTraining,
    PowerLaw,
    deep_linear,
    train_deep_linear,
)
from initcore.lab.experiments.starting_scale import ScaleRun, scale
from initcore.lab.experiments.variance import (
    VariancePath,
    funnel,
    mean_activations,
    scaled_variance,
    variance_path,
    xavier_tanh,
)

__all__ = [
    "LinearTraining",
    "PowerLaw",
    "ScaleRun",
    "Symmetry",
    "VariancePath",
    "deep_linear",
    "funnel",
    "mean_activations",
    "scale",
    "scaled_variance",
    "symmetry",
    "train_deep_linear",
    "variance_path",
    "xavier_tanh",
]
