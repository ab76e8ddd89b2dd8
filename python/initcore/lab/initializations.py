"""The initializations that are compared: a name, the rule in words, and what fills the arrays."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import initcore as ic


@dataclass(frozen=True)
class Initialization:
    """How the weights and biases of every layer start.

    Attributes
    ----------
    name : str
        What the user typed, and what tables show.
    rule : str
        The law in one short line.
    weight : initializer
    bias : callable or None
        From fan_in to the initializer of the biases; None means zero.
    """

    name: str
    rule: str
    weight: Any
    bias: Callable[[int], Any] | None = None

    def bias_init(self, fan_in: int) -> Any:
        return ic.Zeros() if self.bias is None else self.bias(fan_in)


class InitializationError(ValueError):
    """A name that stands for no initialization; the message lists what does."""


def _torch_bias(fan_in: int) -> Any:
    bound = 1.0 / math.sqrt(fan_in)
    return ic.Uniform(low=-bound, high=bound)


# 0.02 keeps the signal of a layer of 50 equal units at about its size, so that what a constant
# does to training is the sameness of its units and not its scale.
CONSTANT = 0.02

DEFAULT: dict[str, Initialization] = {
    item.name: item
    for item in (
        Initialization("zero", "every weight 0", ic.Zeros()),
        Initialization("constant", f"every weight {CONSTANT:g}", ic.Constant(CONSTANT)),
        Initialization("too-small", "normal, standard deviation 0.01", ic.Normal(std=0.01)),
        Initialization("too-large", "normal, standard deviation 2", ic.Normal(std=2.0)),
        Initialization(
            "torch",
            "torch.nn.Linear's default: uniform, variance 1/(3 fan_in), also for the biases",
            ic.VarianceScaling(scale=1.0 / 3.0, mode="fan_in", distribution="uniform"),
            _torch_bias,
        ),
        Initialization("xavier", "normal, variance 1/fan_in", ic.XavierNormal()),
        Initialization("glorot", "normal, variance 2/(fan_in + fan_out)", ic.GlorotNormal()),
        Initialization("he", "normal, variance 2/fan_in", ic.HeNormal()),
    )
}

_WITH_NUMBER: dict[str, tuple[str, Callable[[float], Any]]] = {
    "constant": ("every weight {:g}", lambda value: ic.Constant(value)),
    "normal": ("normal, standard deviation {:g}", lambda value: ic.Normal(std=value)),
    "uniform": ("uniform in +-{:g}", lambda value: ic.Uniform(low=-value, high=value)),
}


def parse(text: str) -> tuple[Initialization, ...]:
    """The initializations that a comma-separated list names.

    Parameters
    ----------
    text : str
        ``"all"`` for the eight defaults; otherwise their names, ``constant:0.5``,
        ``normal:0.01``, ``uniform:0.1``, or any name that `initializers.get` knows.

    Raises
    ------
    InitializationError
        If a name is unknown or stands twice.
    """
    if text.strip() == "all":
        return tuple(DEFAULT.values())
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise InitializationError("--init is empty: name at least one initialization")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InitializationError(f"--init names {', '.join(twice)} more than once")
    return tuple(_one(name) for name in names)


def _one(name: str) -> Initialization:
    if name in DEFAULT:
        return DEFAULT[name]
    kind, colon, number = name.partition(":")
    if colon:
        if kind not in _WITH_NUMBER:
            raise InitializationError(
                f"--init={name}: only {', '.join(_WITH_NUMBER)} take a number after a colon"
            )
        rule, make = _WITH_NUMBER[kind]
        try:
            value = float(number)
            if not math.isfinite(value) or (kind != "constant" and value <= 0.0):
                raise ValueError
        except ValueError:
            wanted = "a finite number" if kind == "constant" else "a finite number above 0"
            raise InitializationError(f"--init={name}: {number!r} is not {wanted}") from None
        return Initialization(name, rule.format(value), make(value))
    try:
        weight = ic.initializers.get(name)
    except TypeError as error:
        _, _, missing = str(error).partition("() ")
        raise InitializationError(
            f"--init={name}: a name cannot give it what it needs ({missing or error}); use it from "
            "Python"
        ) from None
    except (KeyError, ValueError):
        raise InitializationError(
            f"--init={name}: unknown; use {', '.join(DEFAULT)}, constant:NUMBER, normal:STD, "
            "uniform:BOUND, or a name that initcore.initializers.get knows"
        ) from None
    return Initialization(name, repr(weight), weight)
