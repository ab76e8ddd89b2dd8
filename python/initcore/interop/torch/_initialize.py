"""Whole torch models, in place."""

from typing import Any

from torch import nn

from initcore.interop.torch._describe import Described, describe, require_module
from initcore.interop.torch._prepared import Prepared
from initcore.keys import root_key
from initcore.models.plan import Plan, make
from initcore.models.reading import RecipeLike
from initcore.models.reading import recipe as read


def planned(model: nn.Module, recipe: RecipeLike, key: Any, strict: bool) -> tuple[Plan, Described]:
    """What a recipe comes to on a model, and where the model's tensors are."""
    rules = read(recipe)
    described = describe(model, activations=rules.asks_for_activations)
    plan = make(described.model, rules, root_key(key), strict=strict, remarks=described.remarks)
    _require_apart(plan, described)
    return plan, described


def _require_apart(plan: Plan, described: Described) -> None:
    """Refuse to write tensors that share a part of their memory: the second undoes the first."""
    kept = {entry.parameter.name for entry in plan if entry.is_kept}
    for one, other in described.overlaps:
        if not (one in kept and other in kept):
            raise ValueError(
                f"{one} and {other} share a part of their memory, so that each would undo the "
                "other's initialization; make one of them a view in forward()"
            )


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
    return Prepared(*planned(require_module(model), recipe, key, strict))


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
    plan, described = planned(require_module(model), recipe, key, strict)
    if not dry_run:
        Prepared(plan, described).write()
    return plan
