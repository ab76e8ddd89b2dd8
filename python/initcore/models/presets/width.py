"""Recipes whose settings are found on a narrow network and hold on a wide one."""

from typing import Literal

from initcore import recipes
from initcore.models.parameters import Model, Parameter
from initcore.models.presets.common import HEADS, optional, rest
from initcore.models.rules import Rule, Start, start_of


def mup(
    width: int,
    base_width: int,
    optimizer: Literal["adam", "sgd"] = "adam",
    scale: float = 1.0,
) -> tuple[Rule, ...]:
    """The maximal update parametrization, with its factors on the learning rate; see `MuP`.

    Embeddings and the first kernel are inputs, the head and the last kernel are readouts, other
    kernels are hidden. The plan's entries carry the factors, which are the caller's to apply.
    """
    both = recipes.MuP(width, base_width, optimizer, scale)

    def kernel(parameter: Parameter, model: Model) -> Start:
        has_embedding = any(other.role == "embedding" for other in model)
        if model.is_first(parameter) and not has_embedding:
            fan_in = parameter.fan_in or 1.0
            role = recipes.MuP(width, base_width, optimizer, scale, fan_in).role("input")
            return start_of(role, "input")
        name = "readout" if model.is_last(parameter) else "hidden"
        return start_of(both.role(name), name)

    vector = both.role("input")
    bias = Start(vector.bias, lr=vector.lr)
    return (
        optional(start_of(both.role("readout"), "readout"), name=HEADS, role="weight"),
        optional(kernel, role=("weight", "recurrent")),
        optional(start_of(vector, "input"), role="embedding"),
        *rest(bias=bias),
    )
