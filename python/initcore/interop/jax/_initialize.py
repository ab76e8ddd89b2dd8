"""Whole trees of JAX parameters, by a recipe."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from initcore.interop.jax._describe import describe
from initcore.keys import root_key
from initcore.models.plan import Plan, make
from initcore.models.reading import RecipeLike
from initcore.models.reading import recipe as read
from initcore.models.writing import made


class Started(NamedTuple):
    """New parameters, and the plan that they were made by."""

    params: Any
    """A tree of the same structure."""
    plan: Plan
    """``print`` it."""


def initialize(
    params: Any,
    recipe: RecipeLike,
    *,
    key: Any,
    strict: bool = True,
    dry_run: bool = False,
    layouts: Mapping[str, str] | None = None,
) -> Started:
    """New values for every parameter in a tree, by a recipe.

    Parameters
    ----------
    params : pytree
        Parameters of Flax, Haiku or Equinox, or only their shapes, as `jax.eval_shape` gives: then
        nothing is made twice. Leaves that are not floating-point arrays stay as they are.
    recipe : str, dict, os.PathLike, Initializer or Rules
        See `initcore.interop.recipe`; names are as in ``"fc1/kernel"``.
    key : Key, int, numpy.random.Generator or numpy.random.SeedSequence
        The leaf "a/b" takes key / "a" / "b"; the ``"params"`` of Flax is no part of the name.
    strict : bool, default True
        Refuse a parameter without a rule, and a rule without a parameter.
    dry_run : bool, default False
        Make the plan and leave the parameters as they are.
    layouts : mapping of str to str, optional
        Layouts of kernels by patterns of their names, as in ``{"*/experts/w": "gio"}``, where
        the name of a leaf does not say which axis is which.

    Returns
    -------
    Started
        ``(params, plan)``. An array that had a sharding has it again.

    Raises
    ------
    TypeError, ValueError
        If the recipe does not fit the parameters.

    Notes
    -----
    A tree knows no layers: roles are told by names, those of Flax, Haiku and Equinox, and which
    activation follows a layer is not known, so that recipes assume theirs and say so.

    Exactness: bit-exact, stream v1.
    Source: the recipe's.

    Examples
    --------
    >>> import jax
    >>> from initcore.interop.jax import initialize
    >>> shapes = {"fc": {"kernel": jax.ShapeDtypeStruct((64, 32), "float32"),
    ...                  "bias": jax.ShapeDtypeStruct((32,), "float32")}}
    >>> params, plan = initialize({"params": shapes}, "lecun", key=0)
    >>> params["params"]["fc"]["kernel"].shape, plan["fc/kernel"].parameter.fan_in
    ((64, 32), 64)
    """
    described, leaves = describe(params, layouts or {})
    plan = make(described, read(recipe), root_key(key), strict=strict)
    if dry_run:
        return Started(params, plan)
    entries = {entry.parameter.name: entry for entry in plan if not entry.is_kept}
    arrays = made(
        (entries[name], leaf.dtype) for name, leaf in leaves if name is not None and name in entries
    )
    values = []
    for name, leaf in leaves:
        if name is None or name not in entries:
            values.append(leaf)
            continue
        _, array = next(arrays)  # nobody else's, so JAX may keep its memory
        sharding = getattr(leaf, "sharding", None)
        values.append(jnp.asarray(array) if sharding is None else jax.device_put(array, sharding))
    return Started(jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(params), values), plan)
