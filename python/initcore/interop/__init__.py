"""Models and arrays of other libraries, started in place: imported only when used.

`initialize` takes a whole model, `recipe` says how, `allow` lets `Initializer.fill` take arrays of
a further type. What concerns one library is in `initcore.interop.torch` and its neighbors, which
import it.
"""

from typing import Any

from initcore import _arrays
from initcore.interop._audit import Audit, Finding, audit
from initcore.interop._fingerprint import fingerprint
from initcore.interop._manifest import Manifest
from initcore.interop._parameter import ROLES, Model, Parameter
from initcore.interop._plan import Entry, Plan
from initcore.interop._presets import PRESETS
from initcore.interop._recipe import RecipeLike, recipe
from initcore.interop._rules import KEEP, Rule, Rules, Scaled, Start
from initcore.interop._weights import libraries
from initcore.network import Sequential

__all__ = [
    "KEEP",
    "PRESETS",
    "ROLES",
    "Audit",
    "Entry",
    "Finding",
    "Manifest",
    "Model",
    "Parameter",
    "Plan",
    "RecipeLike",
    "Rule",
    "Rules",
    "Scaled",
    "Start",
    "allow",
    "audit",
    "fingerprint",
    "initialize",
    "recipe",
]


def initialize(model: Any, recipe: RecipeLike, *, key: Any, **options: Any) -> Plan:
    """Start every tensor of a model by a recipe, each from a key of its own name.

    Parameters
    ----------
    model : initcore.Sequential, torch.nn.Module or keras.Model
        Written in place; a built Keras model. JAX's trees, which never change, are for
        `initcore.interop.jax.initialize`.
    recipe : str, dict, os.PathLike, Initializer or Rules
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
    if isinstance(model, Sequential):
        from initcore.interop import _sequential

        return _sequential.initialize(model, recipe, key=key, **options)
    found = libraries(model)
    if "torch" in found and "keras" not in found:
        from initcore.interop import torch

        return torch.initialize(model, recipe, key=key, **options)
    if "keras" in found:
        from initcore.interop import keras

        return keras.initialize(model, recipe, key=key, **options)
    raise TypeError(
        f"model is a {type(model).__module__}.{type(model).__qualname__}; it must be an "
        "initcore.Sequential, a torch.nn.Module or a keras.Model; for a tree of JAX's use "
        "initcore.interop.jax.initialize, which returns a new one"
    )


def allow(cls: type) -> type:
    """Let `Initializer.fill` write into objects of this class, by way of DLPack.

    The class promises that what its ``__dlpack__`` hands out is its own memory, that it may be
    written, and that its owner expects to see it change. Usable as a decorator.

    Parameters
    ----------
    cls : type
        Has ``__dlpack__`` and ``__dlpack_device__``. Classes that derive from it are not meant.

    Raises
    ------
    TypeError
        If it does not export DLPack.
    """
    if not (isinstance(cls, type) and hasattr(cls, "__dlpack__")):
        raise TypeError(f"cls={cls!r} must be a class with a __dlpack__ method")
    _arrays.EXPORTERS.add(f"{cls.__module__}.{cls.__qualname__}")
    return cls
