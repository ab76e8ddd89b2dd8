"""Models and arrays of other libraries, started in place: imported only when used.

`initialize` takes a whole model, `recipe` says how, `allow` lets `Initializer.fill` take arrays of
a further type. What concerns one library is in `initcore.interop.torch` and its neighbors, which
import it.
"""

from initcore._memory.arrays import allow
from initcore.interop._adapters import initialize, weights
from initcore.interop._fingerprint import fingerprint
from initcore.interop._manifest import Manifest
from initcore.models import (
    KEEP,
    RECIPES,
    ROLES,
    Assignment,
    Entry,
    Model,
    Parameter,
    Plan,
    RecipeLike,
    Rule,
    Rules,
    Scaled,
    Weights,
    recipe,
)

__all__ = [
    "KEEP",
    "RECIPES",
    "ROLES",
    "Assignment",
    "Entry",
    "Manifest",
    "Model",
    "Parameter",
    "Plan",
    "RecipeLike",
    "Rule",
    "Rules",
    "Scaled",
    "Weights",
    "allow",
    "fingerprint",
    "initialize",
    "recipe",
    "weights",
]
