"""The activations of initcore by their names: every class of the files below that has one."""

from initcore.activations import piecewise_linear, rectifiers, smooth
from initcore.activations.base import Named

CLASSES: dict[str, type[Named]] = {
    kind.name: kind
    for file in (piecewise_linear, smooth, rectifiers)
    for kind in vars(file).values()
    if isinstance(kind, type) and issubclass(kind, Named) and hasattr(kind, "name")
}
DEFAULTS: dict[str, Named] = {name: kind() for name, kind in CLASSES.items()}
"""Each with its default parameters."""

ALIASES: dict[str, str] = {alias: kind.name for kind in CLASSES.values() for alias in kind.aliases}
