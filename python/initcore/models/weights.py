"""A model's weights as arrays, with what is known of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore.models.parameters import Model, Parameter


@dataclass(frozen=True)
class Weights:
    """A model's tensors, and where their values are."""

    model: Model
    arrays: dict[str, np.ndarray[Any, Any]]
    """By name; views where the framework allows it."""

    def __iter__(self) -> Iterator[tuple[Parameter, np.ndarray[Any, Any]]]:
        return ((parameter, self.arrays[parameter.name]) for parameter in self.model)
