"""Whole Keras models, by a recipe."""

from typing import Any

import keras
import numpy as np

from initcore.interop._plan import Plan, make
from initcore.interop._recipe import RecipeLike
from initcore.interop._recipe import recipe as read
from initcore.interop.keras._describe import describe
from initcore.interop.keras._start import numpy_dtype
from initcore.keys import root_key


def initialize(
    model: Any,
    recipe: RecipeLike,
    *,
    key: Any,
    strict: bool = True,
    dry_run: bool = False,
) -> Plan:
    """Start every weight of a built Keras model by a recipe.

    Parameters
    ----------
    model : keras.Model or keras.layers.Layer
        Built; its variables are assigned, on any backend.
    recipe : str, dict, path, Initializer or Rules
        See `initcore.interop.recipe`; names are Keras's paths, as in ``"fc1/kernel"``.
    key : Key, int, numpy.random.Generator or numpy.random.SeedSequence
        The variable "a/b" takes key / "a" / "b", the model's own name left out.
    strict : bool, default True
        Refuse a weight without a rule, and a rule without a weight.
    dry_run : bool, default False
        Make the plan and write nothing.

    Returns
    -------
    Plan
        ``print`` it. It says so where layers have names that Keras chose, which depend on how many
        layers the program made before.

    Raises
    ------
    TypeError, ValueError
        Before a weight is written.

    Notes
    -----
    Depthwise, transposed and grouped convolutions, attention and packed gates have the fans of
    their layers, which Keras does not read off a shape.

    Exactness: bit-exact, stream v1.
    Source: the recipe's.

    Examples
    --------
    >>> import keras
    >>> from initcore.interop.keras import initialize
    >>> layers = [keras.layers.Dense(32, "relu", name="a"), keras.layers.Dense(10, name="b")]
    >>> model = keras.Sequential([keras.Input((64,)), *layers])
    >>> plan = initialize(model, "he", key=0)
    >>> plan["a/kernel"].note, plan["b/kernel"].note
    ('gain 1.414: relu follows', 'gain 1: no activation follows')
    """
    described, variables, remarks = describe(model)
    plan = make(described, read(recipe), root_key(key), strict=strict, remarks=remarks)
    if dry_run:
        return plan
    for entry in plan:
        variable = variables[entry.parameter.name]
        if entry.is_kept:
            continue
        if entry.parameter.role == "counter":
            variable.assign(keras.ops.zeros_like(variable))
            continue
        array = np.empty(entry.parameter.shape, numpy_dtype(variable.dtype))
        entry.write(array)
        variable.assign(keras.ops.convert_to_tensor(array, dtype=variable.dtype))
    return plan
