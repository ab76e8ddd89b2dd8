"""The weights of any model as NumPy arrays, read where they lie, with what is known of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from initcore.interop._parameter import Model, Parameter
from initcore.network import Sequential


@dataclass(frozen=True)
class Weights:
    """A model's tensors, and where their values are."""

    model: Model
    arrays: dict[str, np.ndarray[Any, Any]]
    """By name; views where the framework allows it."""

    def __iter__(self) -> Iterator[tuple[Parameter, np.ndarray[Any, Any]]]:
        return ((parameter, self.arrays[parameter.name]) for parameter in self.model)


def libraries(model: object) -> set[str]:
    """The libraries that a model's class comes from."""
    return {base.__module__.split(".")[0] for base in type(model).__mro__}


def weights(model: Any) -> Weights:
    """Every tensor of a model.

    Parameters
    ----------
    model : initcore.Sequential, torch.nn.Module, keras.Model, or a pytree of JAX
        With values, on a device that NumPy can read from.

    Raises
    ------
    TypeError, ValueError
        If it is none of these, or has a tensor without values.
    """
    if isinstance(model, Sequential):
        from initcore.interop import _sequential

        return Weights(_sequential.describe(model), _sequential.arrays(model))
    found = libraries(model)
    if "keras" in found:
        from initcore.interop.keras import _describe as of_keras

        described, variables, _ = of_keras.describe(model)
        return Weights(described, {name: of_keras.array(v) for name, v in variables.items()})
    if "torch" in found:
        from initcore.interop.torch import _describe as of_torch

        return Weights(*of_torch.read(model))
    refused = TypeError(
        f"model is a {type(model).__module__}.{type(model).__qualname__} without parameters; "
        "it must be an initcore.Sequential, a torch.nn.Module, a keras.Model, or a tree of "
        "arrays, which needs JAX (pip install 'initcore[jax]')"
    )
    try:
        from initcore.interop.jax import _describe as of_jax
    except ModuleNotFoundError as error:
        if error.name != "jax":
            raise
        raise refused from None
    tree, leaves = of_jax.describe(model, {})
    if not tree.parameters:
        raise refused
    return Weights(tree, {name: np.asarray(leaf) for name, leaf in leaves if name is not None})
