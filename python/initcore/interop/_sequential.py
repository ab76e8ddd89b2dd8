"""Whole networks of initcore's own, by a recipe."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from initcore import _checks
from initcore.initializers import Zeros
from initcore.keys import root_key
from initcore.models.parameters import Model, Parameter
from initcore.models.plan import Plan, make
from initcore.models.reading import RecipeLike, recipe
from initcore.models.weights import Weights
from initcore.models.writing import write
from initcore.network import Sequential

NAMES = {"w": "weight", "b": "bias"}


def _require_network(net: object) -> None:
    if not isinstance(net, Sequential):
        raise TypeError(f"model={net!r} must be an initcore.Sequential")


def describe(net: Sequential) -> Model:
    """The parameters of a network, which need not exist yet."""
    parameters = []
    for path, layer in net.leaves():
        facts = {"kinds": (type(layer).__name__,)} | layer.facts()
        for which, shape in layer.parameter_shapes.items():
            if which in layer.roles:
                place = (*path, NAMES[which])
                role = layer.roles[which]
                parameters.append(Parameter(".".join(place), place, shape, role, **facts))
    return Model(tuple(parameters))


def arrays(net: Sequential) -> dict[str, np.ndarray[Any, Any]]:
    """The parameters themselves, by name; without those of layers that start by themselves."""
    by_name: dict[str, np.ndarray[Any, Any]] = {}
    for path, layer in net.leaves():
        for which in layer.parameter_shapes:
            if which not in layer.roles:
                continue
            name = ".".join((*path, NAMES[which]))
            array = getattr(layer, which)
            if array is None:
                raise ValueError(f"{name} has no values yet; initialize the network first")
            by_name[name] = array
    return by_name


def weights(net: Sequential) -> Weights:
    """The parameters of a network that has values."""
    _require_network(net)
    return Weights(describe(net), arrays(net))


def initialize(
    net: Sequential,
    given: RecipeLike,
    *,
    key: Any,
    strict: bool = True,
    dry_run: bool = False,
    dtype: DTypeLike = np.float32,
) -> Plan:
    """Give every layer new parameters; see `initcore.interop.initialize`."""
    _require_network(net)
    plan = make(describe(net), recipe(given), root_key(key), strict=strict)
    if dry_run:
        return plan
    made = {}
    for entry in plan:
        if entry.is_kept:
            raise ValueError(
                f"{entry.parameter.name} would be kept as it is, but a new network has no values; "
                "give it a rule"
            )
        made[entry.parameter.name] = np.empty(entry.parameter.shape, _checks.float_type(dtype))
    write((entry, made[entry.parameter.name]) for entry in plan)
    for path, layer in net.leaves():
        if layer.parameter_shapes and not layer.roles:
            own = root_key(key).at(".".join(path))
            layer.set_parameters(*layer.new_parameters(Zeros(), own, _checks.float_type(dtype)))
        else:
            w, b = (made.get(".".join((*path, name))) for name in NAMES.values())
            layer.set_parameters(w, b)
    return plan
