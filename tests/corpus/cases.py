"""A model of a library: how to build it, what to feed it, and the recipe that fits it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One model of the corpus."""

    library: str
    name: str
    build: Callable[[], Any]
    """Makes the model on torch's default device."""
    recipe: str = "he"
    feed: Callable[[Any], Any] | None = None
    """Runs the model on a small input and returns what it returns; None where that is not easy."""
