"""Options of the recipes that have no defaults for all of them: those of small models."""

from typing import Any

from initcore import interop

_NEEDED: dict[str, dict[str, Any]] = {
    "complete_p": {"width": 32, "base_width": 8, "depth": 4, "base_depth": 2},
    "deep_kernel_shaping": {"activation": "tanh", "depth": 8},
    "depth_mup": {"width": 32, "base_width": 8, "depth": 4, "base_depth": 2},
    "lstm": {"hidden": 8},
    "mup": {"width": 32, "base_width": 8},
    "t5": {"width": 32, "head": 8},
    "tailored_relu": {"depth": 20},
    "tfixup": {"n_encoder": 2, "n_decoder": 2, "width": 32},
}


def with_options(name: str) -> Any:
    """A registered recipe as it is given: its name, or a dict where it needs options."""
    return {"recipe": name, **_NEEDED[name]} if name in _NEEDED else name


EVERY = [with_options(name) for name in interop.RECIPES]
"""Every registered recipe as it is given."""
