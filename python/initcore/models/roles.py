"""Recipes: what each role of a network gets, which tensors have the role, and names for recipes."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from typing import Any, TypeVar

from initcore.initializers import Initializer, Zeros
from initcore.models.parameters import Model, Parameter
from initcore.models.rules import Assignment, Rule


@dataclass(frozen=True)
class Role:
    """What the tensors of one role get, and by what their use and their learning are scaled.

    Factors are of the values that one would otherwise choose: 1 leaves them alone.
    """

    weight: Initializer
    """Initializer of the weight."""
    bias: Initializer = Zeros()  # noqa: RUF009  a frozen object
    """Initializer of the bias, where there is one."""
    multiplier: float = 1.0
    """Constant that the layer's (or the branch's) output is multiplied by, in every pass."""
    lr: float = 1.0
    """Factor on the learning rate."""
    weight_decay: float = 1.0
    """Factor on a weight decay that is multiplied by the learning rate, as in AdamW."""
    eps: float = 1.0
    """Factor on Adam's epsilon."""
    note: str = ""
    """For the plan of a model."""

    def assignment(self) -> Assignment:
        """For the weight of a model's layer."""
        return Assignment(
            self.weight,
            multiplier=self.multiplier,
            lr=self.lr,
            weight_decay=self.weight_decay,
            eps=self.eps,
            note=self.note,
        )

    def bias_assignment(self) -> Assignment:
        """For the bias of a model's layer."""
        return Assignment(self.bias, lr=self.lr)


@dataclass(frozen=True)
class Recipe(ABC):
    """A scheme for a whole network: initializer and factors of each role, and rules for models.

    `role` answers for a network whose roles you know. `rules` finds the roles in a model, so that
    ``initcore.interop.initialize(model, recipe, key=0)`` takes the recipe. A recipe of your own is
    a frozen dataclass that derives from this class; see `register`.
    """

    @abstractmethod
    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role, in the layer or block of this number, counted from 0.

        Roles that need a number which is not given (None, for a model tells it) are left out.
        """

    def role(self, name: str, layer: int = 0) -> Role:
        """One role.

        Parameters
        ----------
        name : str
            A key of `roles`.
        layer : int, default 0
            Number of the layer or block, from 0; recipes that treat all alike ignore it.

        Raises
        ------
        ValueError
            If the recipe has no such role; the message lists those it has.
        """
        known = self.roles(layer)
        if name not in known:
            unset = [field.name for field in fields(self) if getattr(self, field.name) is None]
            remedy = f", or pass {' and '.join(unset)}, which add roles" if unset else ""
            raise ValueError(
                f"name={name!r} is not a role of {type(self).__name__}; "
                f"use one of {', '.join(known) or 'none'}{remedy}"
            )
        return known[name]

    def rules(self) -> tuple[Rule, ...]:
        """Which tensors of a model get what; the first rule that fits a tensor decides.

        Raises
        ------
        TypeError
            If the recipe is not for whole models; the message says why, and what to do.
        """
        raise not_for_models(self, "has no rules", "write its method rules(), see docs/own-recipe")

    def fitted(self, role: str, parameter: Parameter, model: Model) -> "Recipe":
        """This recipe with what it leaves open (None) found from a tensor of a model."""
        return self

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """What one tensor of a model gets, which has this role."""
        block = model.block(parameter)
        return _assignment(self.fitted(role, parameter, model), role, block[0] if block else 0)

    def by_role(self, role: str) -> "ByRole":
        """For a rule: what `assign` says of the role."""
        return ByRole(self, role)

    def to_dict(self) -> dict[str, Any]:
        """The recipe's name and its options, as ``initcore.interop.recipe`` reads them.

        Empty for a class without a name; see `register`.
        """
        name = name_of(type(self))
        options = {
            field.name: _plain(getattr(self, field.name))
            for field in fields(self)
            if field.default is MISSING or getattr(self, field.name) != field.default
        }
        return {} if name is None else {"recipe": name, **options}


@dataclass(frozen=True)
class ByRole:
    """A rule's choice: the recipe says for each tensor what its role gets."""

    recipe: Recipe
    role: str

    def __call__(self, parameter: Parameter, model: Model) -> Assignment:
        """For one tensor of a model."""
        return self.recipe.assign(self.role, parameter, model)


# tensors that are alike share one object, by which a plan knows that they are
@lru_cache(maxsize=4096)
def _assignment(recipe: Recipe, role: str, layer: int) -> Assignment:
    return recipe.role(role, layer).assignment()


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Initializer) else value


def not_for_models(recipe: Recipe, reason: str, remedy: str) -> TypeError:
    """The error of a recipe that can't initialize a whole model."""
    return TypeError(f"recipe={recipe!r} {reason}, so it can't initialize a whole model; {remedy}")


RECIPES: dict[str, type[Recipe]] = {}
"""Recipes by name."""

Class = TypeVar("Class", bound=type[Recipe])


def register(name: str) -> Callable[[Class], Class]:
    """Give a recipe class a name, by which models are initialized; a decorator.

    Parameters
    ----------
    name : str
        As in ``interop.initialize(model, name, key=0)`` and ``{"recipe": name, ...}``.

    Raises
    ------
    TypeError, ValueError
        If the name is taken or ends in ``.toml``, or the class does not derive from `Recipe`.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import initcore as ic
    >>> from initcore import interop, recipes
    >>> @recipes.register("half")
    ... @dataclass(frozen=True)
    ... class Half(recipes.He):
    ...     gain: float = 0.5
    >>> interop.recipe("half").name
    'half'
    """
    if not isinstance(name, str):
        raise TypeError(f"name={name!r} must be a text")
    if not name or name.endswith(".toml"):
        raise ValueError(f'name={name!r} must be a text that does not end in ".toml"')

    def keep(cls: Class) -> Class:
        if not (isinstance(cls, type) and issubclass(cls, Recipe)):
            raise TypeError(
                f"cls={cls!r} must be a class that derives from initcore.recipes.Recipe"
            )
        known = RECIPES.get(name)
        # a file that is run again defines its class again
        again = known is not None and (known.__module__, known.__qualname__) == (
            cls.__module__,
            cls.__qualname__,
        )
        if known is not None and not again:
            raise ValueError(
                f"name={name!r} is that of {known.__module__}.{known.__qualname__}; choose another"
            )
        RECIPES[name] = cls
        return cls

    return keep


def name_of(cls: type[Recipe]) -> str | None:
    """The name of a recipe class; None for none."""
    return next((name for name, known in RECIPES.items() if known is cls), None)
