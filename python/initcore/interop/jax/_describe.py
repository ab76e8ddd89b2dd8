"""A tree of JAX parameters as tensors with names and roles, by the names that libraries give."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from initcore.initializers import fans
from initcore.models.parameters import Model, Parameter
from initcore.models.weights import Weights

_ROLES = {
    "bias": "bias",
    "b": "bias",
    "scale": "scale",
    "offset": "shift",
    "embedding": "embedding",
    "embeddings": "embedding",
    "mean": "running_mean",
    "var": "running_var",
    "negative_slope": "slope",
    "cls": "token",
}
_KERNELS = {"kernel": "io", "w": "io", "weight": "oi"}
"""Flax's and Haiku's kernels are (spatial..., in, out), Equinox's (out, in, spatial...)."""
_HEADS = {"query": "ioo", "key": "ioo", "value": "ioo", "out": "iio"}
"""Flax's attention: (width, heads, head width) and back."""
_STATES = {"hi", "hf", "hg", "ho", "hr", "hz", "hn", "h"}
"""Flax's recurrent kernels, one for each gate."""
_SPATIAL = "abcdef"


def _component(entry: Any) -> str | None:
    for attribute in ("key", "name", "idx"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)


def path_of(entries: tuple[Any, ...]) -> tuple[str, ...]:
    """The names on the way to a leaf, without those that hold no information."""
    parts = [part for part in map(_component, entries) if part]
    if len(parts) > 1 and parts[-1] == "value":  # of a variable of Flax's nnx
        parts.pop()
    if len(parts) > 1 and parts[0] == "params":
        parts.pop(0)
    # Haiku's names of modules have separators of their own
    return tuple(piece for part in parts for piece in part.split("/") if piece and piece != "~")


def is_parameter(leaf: Any) -> bool:
    """Whether a leaf is an array of floating-point numbers, or stands for one."""
    dtype = getattr(leaf, "dtype", None)
    return dtype is not None and hasattr(leaf, "shape") and jnp.issubdtype(dtype, jnp.floating)


def _facts(
    path: tuple[str, ...], shape: tuple[int, ...], siblings: Mapping[str, Any]
) -> dict[str, Any]:
    name, layer = path[-1], path[-2] if len(path) > 1 else ""
    if name in _KERNELS and len(shape) > 1:
        layout = _KERNELS[name]
        if layer in _HEADS and len(shape) == 3:
            layout = _HEADS[layer]
        elif layout == "io":
            layout = _SPATIAL[: len(shape) - 2] + layout
        known = fans(shape, layout)
        role = "recurrent" if layer in _STATES else "weight"
        return {"role": role, "layout": layout, "fan_in": known.fan_in, "fan_out": known.fan_out}
    if name == "weight":
        return {"role": "scale"}
    role = _ROLES.get(name, "other")
    if role == "bias":
        kernel = next((other for other in _KERNELS if other in siblings), None)
        if kernel is None or len(siblings[kernel].shape) < 2:
            return {"role": "shift" if kernel or "scale" in siblings else "bias"}
        layer_facts = _facts((*path[:-1], kernel), tuple(siblings[kernel].shape), {})
        return {"role": "bias", **{fan: layer_facts[fan] for fan in ("fan_in", "fan_out")}}
    if role == "embedding" and len(shape) == 2:
        return {"role": role, "fan_in": 1, "fan_out": shape[1]}
    return {"role": role}


def describe(tree: Any, layouts: Mapping[str, str]) -> tuple[Model, list[tuple[str | None, Any]]]:
    """Every floating-point leaf, and all leaves in order, each with its name if it is one."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    named = [(path_of(entries), leaf) for entries, leaf in leaves]
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for path, leaf in named:
        if path and is_parameter(leaf):
            groups.setdefault(path[:-1], {})[path[-1]] = leaf
    found: list[Parameter] = []
    all_leaves: list[tuple[str | None, Any]] = []
    for path, leaf in named:
        if not is_parameter(leaf):
            all_leaves.append((None, leaf))
            continue
        path = path or ("weight",)
        name, shape = "/".join(path), tuple(leaf.shape)
        facts = _facts(path, shape, groups.get(path[:-1], {}))
        for pattern, layout in layouts.items():
            if fnmatchcase(name, pattern):
                known = fans(shape, layout)
                facts |= {"role": "weight", "layout": layout}
                facts |= {"fan_in": known.fan_in, "fan_out": known.fan_out}
        found.append(Parameter(name, path, shape, dtype=str(leaf.dtype), **facts))
        all_leaves.append((name, leaf))
    return Model(tuple(found)), all_leaves


def weights(tree: Any) -> Weights:
    """Every floating-point leaf of a tree that has values."""
    model, leaves = describe(tree, {})
    return Weights(model, {name: np.asarray(leaf) for name, leaf in leaves if name is not None})
