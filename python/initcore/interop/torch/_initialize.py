"""Whole torch models: in place, or from the meta device."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from initcore.interop.torch._describe import Described, describe, require_module
from initcore.interop.torch._prepared import Prepared, is_counter
from initcore.keys import root_key
from initcore.models.plan import Entry, Plan, make
from initcore.models.reading import RecipeLike
from initcore.models.reading import recipe as read
from initcore.models.writing import write


def _plan(model: nn.Module, recipe: RecipeLike, key: Any, strict: bool) -> tuple[Plan, Described]:
    rules = read(recipe)
    described = describe(model, activations=rules.asks_for_activations)
    plan = make(described.model, rules, root_key(key), strict=strict, remarks=described.remarks)
    return plan, described


def prepare(model: nn.Module, recipe: RecipeLike, *, key: Any, strict: bool = True) -> Prepared:
    """Plan the start of a torch model that is to be started many times.

    For a sweep over seeds, an ensemble, a test that runs again and again: the plan is made and the
    model looked at once, and each `Prepared.write` costs little more than the numbers.

    Parameters
    ----------
    model, recipe, key, strict
        As in `initialize`. Nothing is written.

    Returns
    -------
    Prepared
        ``.plan``, and ``.write(key=...)``, which starts the model in place.

    Raises
    ------
    TypeError, ValueError
        As `initialize`.

    Notes
    -----
    Exactness: bit-exact, stream v1; the same bytes as `initialize` with the same key.
    Source: the recipe's.

    Examples
    --------
    >>> from torch import nn
    >>> from initcore.interop.torch import prepare
    >>> model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    >>> prepared = prepare(model, "he", key=0)
    >>> means = []
    >>> for seed in range(3):
    ...     prepared.write(key=seed)
    ...     means.append(model[0].weight.mean().item())
    >>> len(set(means))
    3
    """
    return Prepared(*_plan(require_module(model), recipe, key, strict))


def initialize(
    model: nn.Module,
    recipe: RecipeLike,
    *,
    key: Any,
    strict: bool = True,
    dry_run: bool = False,
) -> Plan:
    """Start every tensor of a torch model by a recipe, in place.

    Parameters
    ----------
    model : torch.nn.Module
        On the CPU. Tied and shared tensors are written once. torch's generator is not touched.
    recipe : str, dict, os.PathLike, Initializer or Rules
        See `initcore.interop.recipe`.
    key : Key, int, numpy.random.Generator or numpy.random.SeedSequence
        The parameter "a.b" takes key / "a" / "b", so that it does not matter in which order
        layers were made, or which others there are. Of several names of one tensor, an embedding's
        counts, or the first in the alphabet.
    strict : bool, default True
        Refuse a parameter without a rule, and a rule without a parameter.
    dry_run : bool, default False
        Make the plan and write nothing; a model on the meta device will do.

    Returns
    -------
    Plan
        ``print`` it: name, shape, fans, law and standard deviation of every tensor, and which
        activation a gain is for.

    Raises
    ------
    TypeError, ValueError
        Before a byte is written: no rule fits a parameter, a law does not fit a tensor, or one is
        on the meta device, on a GPU, or otherwise not to be written.

    Notes
    -----
    Exactness: bit-exact, stream v1; the same bytes as the initializer gives a NumPy array.
    Source: the recipe's.

    Examples
    --------
    >>> from torch import nn
    >>> from initcore.interop.torch import initialize
    >>> model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    >>> print(initialize(model, "he", key=0))
    name      shape     layer   fan in  fan out  law                          std     note
    0.weight  (32, 64)  Linear  64      32       Var(W) = 2 / fan_in, normal  0.1768  gain 1.414: relu follows
    0.bias    (32,)     Linear  64      32       every element 0              0
    2.weight  (10, 32)  Linear  32      10       Var(W) = 1 / fan_in, normal  0.1768  gain 1: no activation follows
    2.bias    (10,)     Linear  32      10       every element 0              0
    <BLANKLINE>
    he, Key(0): 4 tensors, 2,410 elements
    activations: read off the graph of torch.fx
    """  # noqa: E501
    plan, described = _plan(require_module(model), recipe, key, strict)
    if not dry_run:
        Prepared(plan, described).write()
    return plan


def _memory_for(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    wanted = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=wanted, device="cpu")


def materialize(
    meta_model: nn.Module,
    recipe: RecipeLike,
    *,
    key: Any,
    dtype: torch.dtype | None = None,
    buffers: Mapping[str, torch.Tensor] | None = None,
) -> Plan:
    """Give a model on the meta device memory and start it, in one pass over that memory.

    Each tensor is written once, in its own type, where it stays: nothing is made in float32 and
    cast, or made twice. Nothing is left uninitialized: what no rule starts is refused.

    Parameters
    ----------
    meta_model : torch.nn.Module
        Made under ``with torch.device("meta"):``. Tensors that have memory keep it and what is
        in it, as long as no rule starts them. Changed in place: ties stay, as does requires_grad.
    recipe, key
        As in `initialize`.
    dtype : torch.dtype, optional
        Of all floating-point tensors that are made; None for those that the model says.
    buffers : mapping of str to Tensor, optional
        Values of buffers that are no matter of a recipe, such as a mask; each of the buffer's shape.

    Returns
    -------
    Plan
        What was done.

    Raises
    ------
    TypeError, ValueError
        As `initialize`, and if a tensor on the meta device would be left without values; the model
        is then as it was.

    Notes
    -----
    Exactness: bit-exact, stream v1; the same bytes as `initialize` on the CPU.
    Source: the recipe's.

    Examples
    --------
    >>> import torch
    >>> from initcore.interop.torch import materialize
    >>> with torch.device("meta"):
    ...     model = torch.nn.Linear(1024, 1024)
    >>> plan = materialize(model, "xavier", key=0, dtype=torch.bfloat16)
    >>> model.weight.device.type, model.weight.dtype
    ('cpu', torch.bfloat16)
    """  # noqa: E501
    module = require_module(meta_model)
    plan, described = _plan(module, recipe, key, True)
    said = dict(buffers or {})
    made: dict[str, torch.Tensor] = {}
    todo: list[tuple[Entry, torch.Tensor]] = []
    for entry in plan:
        name = entry.parameter.name
        old = described.places[name][0].get()
        if name in said:
            value = said.pop(name)
            if tuple(value.shape) != tuple(old.shape) or value.is_meta:
                raise ValueError(
                    f"buffers[{name!r}] has shape {tuple(value.shape)} on {value.device}; it must "
                    f"be a tensor with values of shape {tuple(old.shape)}"
                )
            made[name] = value
        elif entry.is_kept:
            if old.is_meta:
                raise ValueError(
                    f"{name} {tuple(old.shape)} is on the meta device and no rule starts it, so it "
                    f"would be left uninitialized; pass buffers={{{name!r}: values}}, or add a "
                    "rule for it"
                )
        elif is_counter(old):
            if entry.parameter.role != "counter":
                raise ValueError(
                    f"{name} is of dtype {old.dtype}, which no law fits; pass buffers="
                )
            made[name] = _memory_for(old, None).zero_()
        else:
            made[name] = _memory_for(old, dtype)
            todo.append((entry, made[name]))
    if said:
        raise ValueError(f"buffers has {', '.join(said)}, which the model has not")
    write(todo)
    for name, values in made.items():
        _put(described, name, values)
    return plan


def _put(described: Described, name: str, values: torch.Tensor) -> None:
    places = described.places[name]
    old = places[0].get()
    new = values
    if isinstance(old, nn.Parameter):
        new = nn.Parameter(values, requires_grad=old.requires_grad)
        new.__dict__.update(old.__dict__)
    for place in places:
        place.set(new)
