"""The frameworks whose models initcore knows: one table, asked by everything that takes a model."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from initcore.models.plan import Plan
from initcore.models.reading import RecipeLike
from initcore.models.weights import Weights


@dataclass(frozen=True)
class Adapter:
    """Where the functions for the models of one framework stand; imported when a model is met."""

    library: str
    """The top-level module that the model's class, or a base of it, comes from."""
    writer: str
    """The module whose `initialize(model, recipe, *, key, **options)` writes a model in place."""
    reader: str
    """The module whose `weights(model)` gives a model's weights."""


ADAPTERS = (
    Adapter("initcore", "initcore.interop._sequential", "initcore.interop._sequential"),
    # before torch: a Keras model on its PyTorch backend is a torch module, too
    Adapter("keras", "initcore.interop.keras", "initcore.interop.keras._describe"),
    Adapter("torch", "initcore.interop.torch", "initcore.interop.torch._describe"),
)


def adapter_of(model: object) -> Adapter | None:
    """The adapter of a model's framework; None for what may be a tree of JAX's."""
    libraries = {base.__module__.split(".")[0] for base in type(model).__mro__}
    return next((adapter for adapter in ADAPTERS if adapter.library in libraries), None)


def _type_of(model: object) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"


def initialize(model: Any, recipe: RecipeLike, *, key: Any, **options: Any) -> Plan:
    """Start every tensor of a model by a recipe, each from a key of its own name.

    Parameters
    ----------
    model : initcore.Sequential, torch.nn.Module or keras.Model
        Written in place; a built Keras model. JAX's trees, which never change, are for
        `initcore.interop.jax.initialize`.
    recipe : str, Recipe, dict, os.PathLike, Initializer or Rules
        See `recipe`.
    key : Key, int, numpy.random.Generator or numpy.random.SeedSequence
        The tensor "a.b" takes key / "a" / "b": neither the order in which layers were made nor
        any generator's state matters.
    **options
        ``strict=True`` refuses a parameter without a rule and a rule without a parameter;
        ``dry_run=True`` makes the plan and writes nothing.

    Returns
    -------
    Plan
        What was done, or would be; ``print`` it.

    Raises
    ------
    TypeError, ValueError
        Before a byte is written.

    Notes
    -----
    Exactness: bit-exact, stream v1.
    Source: the recipe's.

    Examples
    --------
    >>> import initcore as ic
    >>> from initcore import interop
    >>> net = ic.Sequential(ic.Dense(64, 32, activation="relu", name="a"), ic.Dense(32, 10))
    >>> plan = interop.initialize(net, "he", key=0)
    >>> plan["a.weight"].note, round(float(net.layers[0].w.std() * 32**0.5), 1)
    ('gain 1.414: relu follows', 1.0)
    """
    adapter = adapter_of(model)
    if adapter is None:
        raise TypeError(
            f"model is a {_type_of(model)}; it must be an initcore.Sequential, a torch.nn.Module "
            "or a keras.Model; for a tree of JAX's use initcore.interop.jax.initialize, which "
            "returns a new one"
        )
    write: Callable[..., Plan] = import_module(adapter.writer).initialize
    return write(model, recipe, key=key, **options)


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
    adapter = adapter_of(model)
    if adapter is not None:
        read: Callable[[Any], Weights] = import_module(adapter.reader).weights
        return read(model)
    refused = TypeError(
        f"model is a {_type_of(model)} without parameters; it must be an initcore.Sequential, a "
        "torch.nn.Module, a keras.Model, or a tree of arrays, which needs JAX "
        "(pip install 'initcore[jax]')"
    )
    try:
        from initcore.interop.jax import _describe as of_jax
    except ModuleNotFoundError as error:
        if error.name != "jax":
            raise
        raise refused from None
    found = of_jax.weights(model)
    if not found.model.parameters:
        raise refused
    return found
