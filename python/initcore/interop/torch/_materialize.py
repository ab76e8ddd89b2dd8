"""Torch models from the meta device: memory and values in one pass."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from initcore._memory import torch_tensors
from initcore.interop.torch._describe import Described, Place, require_module
from initcore.interop.torch._initialize import planned
from initcore.interop.torch._prepared import is_counter, split_to_set
from initcore.keys import Key
from initcore.models.plan import Entry, Plan
from initcore.models.reading import RecipeLike
from initcore.models.writing import write

Buffers = Mapping[str, torch.Tensor] | Callable[[nn.Module], Any]


def materialize(
    meta_model: nn.Module,
    recipe: RecipeLike,
    *,
    key: Any,
    dtype: torch.dtype | None = None,
    buffers: Buffers | None = None,
) -> Plan:
    """Give a model on the meta device memory and start it, in one pass over that memory.

    Each tensor is written once, in its own type, where it stays: nothing is made in float32 and
    cast, or made twice. Nothing is left uninitialized: what no rule starts is refused.

    Parameters
    ----------
    meta_model : torch.nn.Module
        Made under ``with torch.device("meta"):``. Tensors that have memory keep it, in their own
        type, and what is in it, as long as no rule writes them. Changed in place: ties stay, as
        does requires_grad. The parameters of a model of transformers are marked as initialized.
    recipe, key
        As in `initialize`.
    dtype : torch.dtype, optional
        Of all floating-point tensors that are made; None for those that the model says.
    buffers : mapping of str to Tensor, or callable, optional
        Values of what is no matter of a recipe, such as a mask or a table of positions, by name,
        each of its shape; or a function that computes them: it is called with each module that
        holds one, which has memory by then. Without it the module's own ``reset_parameters`` or
        ``init_weights``, or the model's ``_init_weights`` (transformers), is called.

    Returns
    -------
    Plan
        What was done.

    Raises
    ------
    TypeError, ValueError
        As `initialize`, and if tensors on the meta device would be left without values, which the
        message lists; the model is then as it was.

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
    """
    model = require_module(meta_model)
    plan, described = planned(model, recipe, key, True)
    given = {} if buffers is None or callable(buffers) else dict(buffers)
    work = _Work(model, described, given, plan.key)
    splits = split_to_set(plan, described)
    work.following |= {magnitude for magnitude, _, _ in splits}
    for entry in plan:
        work.take(entry, dtype)
    work.take_plain_tensors()
    work.require_all_given()
    work.compute_missing(buffers if callable(buffers) else None)
    write(work.drawn)
    work.put()
    for _, _, split in splits:
        split.set_magnitude()
    if any(base.__module__.startswith("transformers.") for base in type(model).__mro__):
        _mark_as_initialized(model)
    return plan


def _seed(key: Key) -> int:
    """A seed of a key's own for torch's generator, should the model's code draw from it."""
    return (key.seed ^ key.stream_id()) & (2**63 - 1)


def _mark_as_initialized(model: nn.Module) -> None:
    """Tell transformers that its own initialization has nothing left to do."""
    for module in model.modules():
        module._is_hf_initialized = True
        for parameter in module.parameters(recurse=False):
            parameter._is_hf_initialized = True


def _memory_for(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    wanted = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=wanted, device="cpu")


class _Attribute(NamedTuple):
    """A tensor that is neither a parameter nor a buffer, only an attribute of a module."""

    module: nn.Module
    name: str
    full_name: str

    def get(self) -> torch.Tensor:
        found: torch.Tensor = self.module.__dict__[self.name]
        return found

    def set(self, tensor: torch.Tensor) -> None:
        self.module.__dict__[self.name] = tensor


Places = tuple[Place, ...] | tuple[_Attribute]


class _Work:
    """What is to be made and drawn; the model is untouched until `put`."""

    def __init__(
        self, model: nn.Module, described: Described, given: dict[str, torch.Tensor], key: Key
    ) -> None:
        self._model, self._places, self._given = model, described.places, given
        self._key = key
        self._made: list[tuple[Places, torch.Tensor]] = []
        self._missing: list[tuple[Places, torch.Tensor]] = []
        self._in_place: list[torch.Tensor] = []
        self.following: set[str] = set()
        """Names of tensors whose values follow from others that are drawn."""
        self.drawn: list[tuple[Entry, Any]] = []

    def take(self, entry: Entry, dtype: torch.dtype | None) -> None:
        """Decide where the values of one tensor of the plan come from."""
        name = entry.parameter.name
        places = self._places[name]
        old = places[0].get()
        if name in self._given:
            self._made.append((places, self._value(name, old)))
        elif name in self.following:
            if old.is_meta:
                self._made.append((places, _memory_for(old, dtype)))
        elif entry.is_kept:
            if old.is_meta and not (
                places[0].is_buffer or entry.parameter.frozen or entry.parameter.role == "set"
            ):
                raise ValueError(
                    f"{name} {tuple(old.shape)} is on the meta device and to be kept, so that it "
                    "would be left uninitialized; give it a rule, or values with "
                    f"buffers={{{name!r}: values}}"
                )
            if old.is_meta:
                self._missing.append((places, _memory_for(old, dtype)))
        elif is_counter(old):
            if entry.parameter.role != "counter":
                raise ValueError(
                    f"{name} is of dtype {old.dtype}, which no distribution fits; pass buffers="
                )
            self._made.append((places, _memory_for(old, None).zero_()))
        elif old.is_meta:
            self._made.append((places, _memory_for(old, dtype)))
            self.drawn.append((entry, self._made[-1][1]))
        else:
            torch_tensors.require(old, name)
            self._in_place.append(old)
            self.drawn.append((entry, old))

    def take_plain_tensors(self) -> None:
        """Decide the same for tensors that are plain attributes."""
        for path, module in self._model.named_modules():
            for name, value in module.__dict__.items():
                if isinstance(value, torch.Tensor) and value.is_meta:
                    place = _Attribute(module, name, f"{path}.{name}" if path else name)
                    if place.full_name in self._given:
                        self._made.append(((place,), self._value(place.full_name, value)))
                    else:
                        self._missing.append(((place,), _memory_for(value, None)))

    def _value(self, name: str, old: torch.Tensor) -> torch.Tensor:
        value = self._given.pop(name)
        if tuple(value.shape) != tuple(old.shape) or value.is_meta:
            raise ValueError(
                f"buffers[{name!r}] has shape {tuple(value.shape)} on {value.device}; it must "
                f"be a tensor with values of shape {tuple(old.shape)}"
            )
        return value

    def require_all_given(self) -> None:
        """Refuse values for tensors that the model has not."""
        if self._given:
            raise ValueError(f"buffers has {', '.join(self._given)}, which the model has not")

    def compute_missing(self, compute: Callable[[nn.Module], Any] | None) -> None:
        """Have the model, or the function given, compute what no rule starts.

        The tensors of the modules asked are in the model for as long as that takes, and what else
        the code writes is undone. A tensor that nobody has written is refused.
        """
        if not self._missing:
            return
        modules = {places[0].module: places[0].full_name for places, _ in self._missing[::-1]}
        # the others stay on the meta device: a copy of a whole model takes its memory again
        beside = [made for made in self._made if made[0][0].module in modules]
        before = [(places, places[0].get()) for places, _ in (*beside, *self._missing)]
        versions = [tensor._version for _, tensor in self._missing]
        try:
            for places, tensor in beside:
                _put(places, tensor.clone())
            for places, tensor in self._missing:
                _put(places, tensor)
            for module, name in reversed(modules.items()):
                own = compute or _own_way(self._model, module)
                if own is not None:
                    with _values_kept(module, self._missing), torch.random.fork_rng(devices=[]):
                        torch.manual_seed(_seed(self._key.at(name)))
                        own(module)
            unwritten = list(self._unwritten(versions))
            computed = [places[0].get() for places, _ in self._missing]
        finally:
            for places, old in before:
                for place in places:
                    place.set(old)
        if unwritten:
            first = unwritten[0].split(" ")[0]
            raise ValueError(
                f"{', '.join(unwritten)}: on the meta device, and neither a rule nor code of the "
                "model's own gives values, so that they would be left uninitialized; pass "
                f"buffers={{{first!r}: values, ...}} or a function that computes them, or add rules"
            )
        self._made += zip((places for places, _ in self._missing), computed, strict=True)

    def _unwritten(self, versions: list[int]) -> Iterator[str]:
        for (places, tensor), version in zip(self._missing, versions, strict=True):
            now = places[0].get()
            if now.is_meta or (now.data_ptr() == tensor.data_ptr() and now._version == version):
                yield f"{places[0].full_name} {tuple(now.shape)}"

    def put(self) -> None:
        """Give the model what was made."""
        for places, values in self._made:
            _put(places, values)
        torch_tensors.all_written(self._in_place)


@contextmanager
def _values_kept(module: nn.Module, but: Sequence[tuple[Places, torch.Tensor]]) -> Iterator[None]:
    """Other values that a module has before are there afterwards, whatever its code writes."""
    free = {id(places[0].get()) for places, _ in but}  # as they stand in the model now
    held = [t for t in (*module.parameters(), *module.buffers()) if not t.is_meta]
    copies = [(tensor, tensor.detach().clone()) for tensor in held if id(tensor) not in free]
    with torch.no_grad():
        try:
            yield
        finally:
            for tensor, values in copies:
                tensor.copy_(values)


def _own_way(model: nn.Module, module: nn.Module) -> Callable[[nn.Module], Any] | None:
    """The model's own code that computes the tensors of one module.

    What a module inherits from torch's class comes last: it does not know what was added.
    """
    found = (getattr(module, name, None) for name in ("reset_parameters", "init_weights"))
    ways: list[Callable[[], Any]] = [way for way in found if callable(way)]
    own = [way for way in ways if not way.__module__.startswith("torch.")]
    if own:
        return lambda _: own[0]()
    models = [m for m in model.modules() if callable(getattr(m, "_init_weights", None))]
    holding = [m for m in models if any(inner is module for inner in m.modules())]
    if holding:  # the innermost, whose class knows its own modules
        whole: Any = holding[-1]._init_weights
        return lambda inner: whole(inner)
    return (lambda _: ways[0]()) if ways else None


def _put(places: Places, values: torch.Tensor) -> None:
    """Put values in all places of a tensor, as one parameter if it is one."""
    old = places[0].get()
    if isinstance(old, nn.Parameter) and not isinstance(values, nn.Parameter):
        new = nn.Parameter(values, requires_grad=old.requires_grad)
        new.__dict__.update(old.__dict__)
        values = new
    for place in places:
        place.set(values)
