"""Whole Keras models, by a recipe."""

from typing import Any

import keras
import numpy as np
from keras.src.backend.common.stateless_scope import in_stateless_scope

from initcore._memory import torch_tensors
from initcore.interop.keras._describe import describe
from initcore.interop.keras._start import numpy_dtype
from initcore.keys import root_key
from initcore.models.plan import Entry, Plan, make
from initcore.models.reading import RecipeLike
from initcore.models.reading import recipe as read
from initcore.models.writing import Writer, made


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
        Built; its variables are assigned, on any backend. With PyTorch's they are written where
        they lie.
    recipe : str, dict, os.PathLike, Initializer or Rules
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
    _require_types(plan)
    if dry_run:
        return plan
    _write([(entry, variables[entry.parameter.name]) for entry in plan if not entry.is_kept])
    return plan


_DTYPES = ("float32", "float64", "float16", "bfloat16")


def _require_types(plan: Plan) -> None:
    """Refuse a rule for a variable whose type no law is drawn in."""
    for entry in plan:
        if not entry.is_kept and entry.parameter.dtype not in _DTYPES:
            name, dtype = entry.parameter.name, entry.parameter.dtype
            raise TypeError(
                f"{name} has dtype {dtype}, but {entry.rule} writes it; a law is drawn in "
                f'{", ".join(_DTYPES)}: keep it with {{"name": {name!r}, "init": "keep"}}'
            )


def _write(todo: list[tuple[Entry, Any]]) -> None:
    here: list[tuple[Entry, np.ndarray[Any, Any]]] = []
    told: list[Any] = []
    others: list[tuple[Entry, Any]] = []
    for entry, variable in todo:
        memory = _memory(variable)
        if memory is None:
            others.append((entry, variable))
        else:
            here.append((entry, memory))
            told.append(variable.value)
    Writer(here).write()
    if told:
        torch_tensors.all_written(told)
    arrays = made((entry, numpy_dtype(variable.dtype)) for entry, variable in others)
    for (_, array), (_, variable) in zip(arrays, others, strict=True):
        variable.assign(_tensor(array))


def _memory(variable: Any) -> np.ndarray[Any, Any] | None:
    """The memory of a variable that may be written where it lies, as an assignment would.

    Those of PyTorch on the CPU: other backends take a new array for each assignment. Within a
    scope that records assignments, or casts what is read, there is none.
    """
    if keras.backend.backend() != "torch" or in_stateless_scope():
        return None
    value = variable.value
    if not value.is_cpu or keras.backend.standardize_dtype(value.dtype) != variable.dtype:
        return None
    return torch_tensors.view(value, variable.path)


def _tensor(array: np.ndarray[Any, Any]) -> Any:
    """An array as `assign` takes it; JAX keeps its memory, which is nobody else's."""
    if keras.backend.backend() == "jax":
        import jax.numpy as jnp

        return jnp.asarray(array)
    return array if keras.backend.backend() == "numpy" else keras.ops.convert_to_tensor(array)
