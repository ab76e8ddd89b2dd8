"""What a recipe is: for each role of a network's tensors, a start and its factors."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from initcore.initializers import Initializer, Zeros


@dataclass(frozen=True)
class Role:
    """How the tensors of one role start, and by what their use and their learning are scaled.

    Factors are of the values that one would otherwise choose: 1 leaves them alone.
    """

    weight: Initializer
    """Start of the weight."""
    bias: Initializer = Zeros()  # noqa: RUF009  a frozen object
    """Start of the bias, where there is one."""
    multiplier: float = 1.0
    """Constant that the layer's (or the branch's) output is multiplied by, in every pass."""
    lr: float = 1.0
    """Factor on the learning rate."""
    weight_decay: float = 1.0
    """Factor on a weight decay that is multiplied by the learning rate, as in AdamW."""
    eps: float = 1.0
    """Factor on Adam's epsilon."""


@dataclass(frozen=True)
class Recipe(ABC):
    """A scheme for a whole network: it maps the roles of tensors to how they start.

    Which tensor has which role is for the caller to say; nothing is guessed from names or shapes.
    """

    @abstractmethod
    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role, in the layer or block of this number, counted from 0."""

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
        found = self.roles(layer)
        if name not in found:
            raise ValueError(
                f"name={name!r} is not a role of {type(self).__name__}; "
                f"use one of {', '.join(found)}"
            )
        return found[name]


def require_count(name: str, value: int) -> None:
    """Refuse what is not a positive int."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={value!r} must be an int")
    if value < 1:
        raise ValueError(f"{name}={value} must be at least 1")


def require_positive(name: str, value: float) -> None:
    """Refuse what is not a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}={value!r} must be a number")
    if not 0.0 < value < float("inf"):
        raise ValueError(f"{name}={value!r} must be positive and finite")
