"""From names to activations."""

from typing import Any

from initcore import _serial
from initcore.activations.base import Activation, Named
from initcore.activations.named import ALIASES, CLASSES, DEFAULTS
from initcore.activations.user_defined import UserDefined

_REGISTERED: dict[str, UserDefined] = {}


def register(activation: UserDefined) -> None:
    """Let `get`, and with it every layer, know an activation of your own by its name.

    Parameters
    ----------
    activation : UserDefined
        Takes the place of an earlier one of its name.
    """
    if not isinstance(activation, UserDefined):
        raise TypeError(f"activation={activation!r} must be an activations.UserDefined")
    _REGISTERED[activation.name] = activation


def from_dict(data: dict[str, Any]) -> Activation:
    """The activation that `to_dict` wrote.

    Examples
    --------
    >>> from_dict({"name": "elu", "alpha": 0.5})
    Elu(alpha=0.5)
    """
    activation: Activation = _serial.from_dict(data, CLASSES, "data")
    return activation


def names() -> tuple[str, ...]:
    """Every name that `get` takes, those of registered activations included."""
    return (*DEFAULTS, *ALIASES, *_REGISTERED)


def names_for_layers() -> tuple[str, ...]:
    """Every name that `for_layer` takes, but for other names of the same activation."""
    return (*(name for name, kind in CLASSES.items() if kind.has_kernel), *_REGISTERED)


def get(activation: str | Activation) -> Activation:
    """The activation object of a name; an object is returned as it is.

    Parameters
    ----------
    activation : str or Activation
        A name such as ``"relu"``, ``"leaky_relu"`` (slope 0.01) or ``"gelu"``, that of one of your
        own that was registered, or an object such as ``LeakyRelu(slope=0.2)``.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    TypeError
        If it is neither a name nor an activation.

    Examples
    --------
    >>> from initcore import activations
    >>> activations.get("leaky_relu")
    LeakyRelu(slope=0.01)
    """
    if isinstance(activation, str):
        known = DEFAULTS | _REGISTERED
        name = ALIASES.get(activation, activation)
        if name not in known:
            raise ValueError(
                f"activation={activation!r} is not known; use one of {', '.join(names())}"
            )
        return known[name]
    if isinstance(activation, Activation):
        return activation
    raise TypeError(
        f"activation={activation!r} must be a name or an object of initcore.activations, "
        f"not a {type(activation).__name__}"
    )


def for_layer(activation: str | Activation) -> Activation:
    """As `get`, for a layer: an activation that has a kernel, or one of the user's own.

    Raises
    ------
    TypeError, ValueError
        As `get`; and if the activation is only for gains and theory.

    Examples
    --------
    >>> from initcore import activations
    >>> activations.for_layer("swish")
    Silu()
    """
    chosen = get(activation)
    if isinstance(chosen, Named) and not chosen.has_kernel:
        raise ValueError(
            f"activation={activation!r} has no kernel; use one of "
            f"{', '.join(names_for_layers())}, or "
            f"activations.UserDefined('my_{chosen.name}', phi, phi.derivative) with "
            f"phi = activations.{chosen!r}"
        )
    return chosen
