"""Whole networks of initcore's own, by a recipe."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from initcore import _checks
from initcore.initializers import Zeros
from initcore.keys import root_key
from initcore.layers import BatchNorm, Dense, Embedding, Layer, LayerNorm, RMSNorm
from initcore.models.parameters import Model, Parameter
from initcore.models.plan import Plan, make
from initcore.models.reading import RecipeLike, recipe
from initcore.models.weights import Weights
from initcore.models.writing import write
from initcore.network import Sequential

NAMES = {"w": "weight", "b": "bias"}


def _roles(layer: Layer) -> dict[str, str]:
    """What w and b of a layer are; nothing for a layer that starts by itself, such as Scale."""
    if isinstance(layer, Dense):
        return {"w": "weight", "b": "bias"}
    if isinstance(layer, Embedding):
        return {"w": "embedding"}
    if isinstance(layer, LayerNorm | RMSNorm | BatchNorm):
        return {"w": "scale", "b": "shift"}
    return {}


def _require_network(net: object) -> None:
    if not isinstance(net, Sequential):
        raise TypeError(f"model={net!r} must be an initcore.Sequential")


def describe(net: Sequential) -> Model:
    """The parameters of a network, which need not exist yet."""
    found = []
    for path, layer in net.leaves():
        said: dict[str, Any] = {"kinds": (type(layer).__name__,)}
        if isinstance(layer, Dense):
            phi = layer.activation
            said |= {"fan_in": layer.n_in, "fan_out": layer.n_out}
            said["activation"] = phi if phi.parameters else phi.name
        roles = _roles(layer)
        for which, shape in layer.parameter_shapes.items():
            if which in roles:
                place = (*path, NAMES[which])
                found.append(Parameter(".".join(place), place, shape, roles[which], **said))
    return Model(tuple(found))


def arrays(net: Sequential) -> dict[str, np.ndarray[Any, Any]]:
    """The parameters themselves, by name; without those of layers that start by themselves."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for path, layer in net.leaves():
        for which in layer.parameter_shapes:
            if which not in _roles(layer):
                continue
            name = ".".join((*path, NAMES[which]))
            array = getattr(layer, which)
            if array is None:
                raise ValueError(f"{name} has no values yet; initialize the network first")
            found[name] = array
    return found


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
        if layer.parameter_shapes and not _roles(layer):
            own = root_key(key).at(".".join(path))
            layer.set_parameters(*layer.new_parameters(Zeros(), own, _checks.float_type(dtype)))
        else:
            w, b = (made.get(".".join((*path, name))) for name in NAMES.values())
            layer.set_parameters(w, b)
    return plan
