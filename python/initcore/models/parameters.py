"""What is known of a model's tensors, whatever the framework: the rules see nothing else."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from initcore.activations import Activation

ROLES = {
    "weight": "kernel of a dense, convolution or attention layer, or of a gate's input",
    "recurrent": "kernel of a recurrent layer that reads its own state",
    "bias": "bias of such a layer",
    "recurrent_bias": "second bias of a recurrent layer, where it has two",
    "embedding": "table of vectors, one looked up at a time",
    "scale": "factor of a normalization",
    "scale_offset": "factor of a normalization less 1, as w in (1 + w) x",
    "shift": "bias of a normalization",
    "magnitude": "length of each row of a kernel that is stored as length and direction",
    "slope": "slope of an activation that is learned",
    "token": "learned vector that stands in a row of inputs",
    "running_mean": "mean that a normalization keeps",
    "running_var": "variance that a normalization keeps",
    "counter": "number of batches that a normalization has seen",
    "set": "parameter whose values its library computes or reads from the model's settings",
    "buffer": "other tensor that is not learned",
    "other": "parameter of a module whose meaning is not known",
}
BUFFERS = ("running_mean", "running_var", "counter", "buffer")


def composed(text: str) -> str:
    """The text in Unicode's composed form (NFC), in which keys take names."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@dataclass(frozen=True)
class Parameter:
    """One tensor of a model: its name, its shape, and what the kind of its layer says of it."""

    name: str
    """For people and for patterns, as its framework writes it."""
    path: tuple[str, ...]
    """The same as components of a key: equal paths get equal bytes in every framework."""
    shape: tuple[int, ...]
    """As stored."""
    role: str
    """One of `ROLES`."""
    kinds: tuple[str, ...] = ()
    """Class of the layer and the classes that it derives from, the layer's own first."""
    layout: str = "oi"
    """Which axis is out, which in; see `initcore.initializers`."""
    groups: int = 1
    """Groups of a grouped convolution."""
    transposed: bool = False
    """Whether it belongs to a transposed convolution."""
    fan_in: float | None = None
    """Inputs of one unit of the layer (of its bias too); None where the kind is not known."""
    fan_out: float | None = None
    """Outputs that one input feeds."""
    parts: tuple[str, ...] = ()
    """Names of the equal blocks that are packed into it, such as q, k, v; empty for none."""
    part_axis: int = 0
    """The axis along which they are packed."""
    activation: str | Activation | None = None
    """The activation that follows, for `initcore.gain`; None where it is not known."""
    zero_row: int | None = None
    """Row of an embedding that stays 0."""
    aliases: tuple[str, ...] = ()
    """Other names of the same memory."""
    dtype: str = "float32"
    """Name of its type."""
    frozen: bool = False
    """Whether its owner does not train it: only a rule of the user's own writes it."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Its name and its aliases, in Unicode's composed form (NFC), as patterns are."""
        return tuple(composed(name) for name in (self.name, *self.aliases))

    @property
    def kind(self) -> str:
        """Class of the layer."""
        return self.kinds[0] if self.kinds else ""


@dataclass(frozen=True)
class Model:
    """All tensors of a model, and the rows of equal blocks that their names show."""

    parameters: tuple[Parameter, ...]
    """In the framework's order."""

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    @cached_property
    def stacks(self) -> dict[tuple[str, ...], tuple[int, ...]]:
        """Numbered blocks by what stands before the number, as in ("encoder", "layers")."""
        stacks: dict[tuple[str, ...], set[int]] = {}
        for parameter in self.parameters:
            for at, part in enumerate(parameter.path):
                if part.isdecimal():
                    stacks.setdefault(parameter.path[:at], set()).add(int(part))
        return {prefix: tuple(sorted(numbers)) for prefix, numbers in stacks.items()}

    @cached_property
    def _rows(self) -> frozenset[tuple[str, ...]]:
        """The stacks whose blocks are made of layers with names: not a row of bare layers."""
        return frozenset(
            parameter.path[:at]
            for parameter in self.parameters
            for at, part in enumerate(parameter.path[:-2])
            if part.isdecimal() and not _is_parallel(parameter.path[:at])
        )

    def block(self, parameter: Parameter) -> tuple[int, int] | None:
        """Number of the block that holds it, from 0, and how many there are; None for none.

        Of several stacks within one another, the longest whose blocks are made of layers with
        names, as transformers' are: neither experts, which work side by side, nor the bare layers
        of a small network within a block.
        """
        path = parameter.path
        places = [at for at, part in enumerate(path) if part.isdecimal()]
        places = [at for at in places if path[:at] in self._rows] or places
        if not places:
            return None
        length, at = max((len(self.stacks[path[:at]]), -at) for at in places)
        return self.stacks[path[:-at]].index(int(path[-at])), length

    @cached_property
    def weights(self) -> tuple[Parameter, ...]:
        """The kernels, in order."""
        return tuple(parameter for parameter in self.parameters if parameter.role == "weight")

    @cached_property
    def layers(self) -> dict[tuple[str, ...], tuple[Parameter, ...]]:
        """The tensors of each layer by its path, in order."""
        layers: dict[tuple[str, ...], list[Parameter]] = {}
        for parameter in self.parameters:
            layers.setdefault(parameter.path[:-1], []).append(parameter)
        return {path: tuple(tensors) for path, tensors in layers.items()}

    @cached_property
    def blocks(self) -> dict[tuple[str, ...], tuple[Parameter, ...]]:
        """The kernels of each numbered block by its path, those with a name within it, in order.

        Of several blocks within one another, the innermost.
        """
        return _by_block(self.weights)

    @cached_property
    def block_scales(self) -> dict[tuple[str, ...], tuple[Parameter, ...]]:
        """The normalizations' factors of each numbered block, as `blocks` has its kernels."""
        return _by_block(p for p in self.parameters if p.role == "scale")

    def is_first(self, parameter: Parameter) -> bool:
        """Whether it is the first kernel of the model."""
        return bool(self.weights) and self.weights[0] is parameter

    def is_last(self, parameter: Parameter) -> bool:
        """Whether it is the last kernel of the model."""
        return bool(self.weights) and self.weights[-1] is parameter


def _is_parallel(prefix: tuple[str, ...]) -> bool:
    """Whether the blocks of a stack work side by side, which their name alone says."""
    return bool(prefix) and "expert" in prefix[-1].lower()


def _by_block(parameters: Iterable[Parameter]) -> dict[tuple[str, ...], tuple[Parameter, ...]]:
    blocks: dict[tuple[str, ...], list[Parameter]] = {}
    for parameter in parameters:
        path = innermost_block(parameter.path)
        if path is not None:
            blocks.setdefault(path, []).append(parameter)
    return {path: tuple(tensors) for path, tensors in blocks.items()}


def innermost_block(path: tuple[str, ...]) -> tuple[str, ...] | None:
    """The path of the numbered block that a named layer of it stands in."""
    for at in range(len(path) - 2, 0, -1):
        if path[at - 1].isdecimal():
            return path[:at]
    return None


def require_distinct(parameters: tuple[Parameter, ...]) -> None:
    """Refuse two tensors of one path, which would get the same random numbers."""
    first: dict[tuple[str, ...], Parameter] = {}
    for parameter in parameters:
        path = tuple(composed(part) for part in parameter.path)
        other = first.setdefault(path, parameter)
        if other is not parameter:
            names = ascii(".".join(other.path)), ascii(".".join(parameter.path))
            same = "" if names[0] == names[1] else f", for {names[1]} is the same text in Unicode"
            raise ValueError(
                f"name={names[0]} is there twice{same}, and tensors of one name would get the same "
                "random numbers; give each layer a name of its own"
            )
