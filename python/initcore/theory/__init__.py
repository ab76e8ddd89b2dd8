"""What a start does before any training, by formula: how far signals and gradients reach."""

from initcore.theory.dead_units import Bounds, born_dead, dead_at_input
from initcore.theory.deep_linear import learning_time, learning_time_limit
from initcore.theory.finite_width import LogNorm, log_norm_drift, second_moment_growth
from initcore.theory.mean_field import MeanField
from initcore.theory.phases import (
    CriticalWeights,
    PhaseDiagram,
    critical_at,
    critical_line,
    critical_rate,
    phase_diagram,
)
from initcore.theory.spectrum import (
    SpectrumMoments,
    jacobian_moments,
    largest_squared_singular_value,
)

__all__ = [
    "Bounds",
    "CriticalWeights",
    "LogNorm",
    "MeanField",
    "PhaseDiagram",
    "SpectrumMoments",
    "born_dead",
    "critical_at",
    "critical_line",
    "critical_rate",
    "dead_at_input",
    "jacobian_moments",
    "largest_squared_singular_value",
    "learning_time",
    "learning_time_limit",
    "log_norm_drift",
    "phase_diagram",
    "second_moment_growth",
]
