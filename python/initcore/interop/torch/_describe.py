"""A torch model as tensors with names, roles and fans; tied and shared ones once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from initcore._memory import torch_tensors
from initcore.interop.torch._follow import following
from initcore.interop.torch._layers import Facts, Layers, buffer_facts, kinds
from initcore.interop.torch._split import Split
from initcore.models.parameters import Model, Parameter
from initcore.models.weights import Weights

# Wrappers that put their own name into every name below them.
_WRAPPERS = {"_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"}
_NORM_ROLES = ("scale", "scale_offset", "shift")
_HARD = 10_000
"""Steps that finding out whether two tensors share an element may take."""


class Place(NamedTuple):
    """Where a tensor is: the module that holds it, and its name there."""

    module: nn.Module
    name: str
    path: str
    """Path of the module."""
    is_buffer: bool
    full_name: str
    """Name of the tensor in the model, without the names that wrappers add."""

    @property
    def store(self) -> dict[str, Any]:
        """What the module keeps it in."""
        found: dict[str, Any] = self.module._buffers if self.is_buffer else self.module._parameters
        return found

    def get(self) -> torch.Tensor:
        """The tensor."""
        found: torch.Tensor = self.store[self.name]
        return found

    def set(self, tensor: torch.Tensor) -> None:
        """Put another tensor in its place."""
        setattr(self.module, self.name, tensor)  # which recurrent layers listen to


@dataclass(frozen=True)
class Described:
    """A model's tensors, and where each of them is."""

    model: Model
    places: dict[str, tuple[Place, ...]]
    """All places of a tensor by its name."""
    splits: tuple[tuple[str, str, Split], ...]
    """Of weight-normalized weights the names of magnitude and direction, and where they are."""
    overlaps: tuple[tuple[str, str], ...]
    """Names of tensors that have some elements, not all, in common."""
    remarks: tuple[str, ...]


def require_module(model: object) -> nn.Module:
    """`model`, without what `torch.compile`, data parallelism or averaging wrap around it."""
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model is a {type(model).__module__}.{type(model).__qualname__}; it must be a "
            "torch.nn.Module"
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            "model is a ScriptModule, whose layers no longer say what they are; initialize the "
            "module before torch.jit.script or trace"
        )
    if type(model).__name__ == "OptimizedModule":  # by name: its module takes a second to import
        return require_module(model._orig_mod)
    if isinstance(
        model,
        nn.DataParallel | nn.parallel.DistributedDataParallel | torch.optim.swa_utils.AveragedModel,
    ):
        return require_module(model.module)
    return model


def _require_known_memory(place: Place, tensor: torch.Tensor) -> None:
    """Refuse a tensor that stands for numbers which are elsewhere."""
    kind = f"{type(tensor).__module__}.{type(tensor).__qualname__}"
    if isinstance(tensor, nn.parameter.UninitializedTensorMixin):
        raise ValueError(
            f"{place.full_name} has no shape yet: run one forward pass of the model first"
        )
    if kind == "torch.distributed.tensor.DTensor":
        raise TypeError(
            f"{place.full_name} is a DTensor, of which this process has a shard; initialize the "
            "model before it is sharded, or fill each shard with initializer.block(shape, index, "
            "key=..., out=tensor.to_local())"
        )
    if hasattr(tensor, "ds_id") or hasattr(tensor, "ds_shape"):
        raise TypeError(
            f"{place.full_name} is a placeholder of DeepSpeed ZeRO-3, whose numbers are on other "
            "processes; initialize the model before DeepSpeed partitions it"
        )
    if kind == "torch.distributed.fsdp._flat_param.FlatParameter":
        raise TypeError(
            f"{place.full_name} is a FlatParameter of FullyShardedDataParallel, which holds parts "
            "of many tensors; initialize the model before it is wrapped"
        )


def _require_trainable_layers(model: nn.Module) -> None:
    """Refuse layers that keep their weights where no parameter shows them."""
    for path, module in model.named_modules():
        if type(module).__module__.startswith(("torch.ao.nn.quantized", "torch.nn.quantized")):
            raise TypeError(
                f"{path or 'model'} is a {type(module).__qualname__} of "
                f"{type(module).__module__}, whose weights are quantized; initialize the model "
                "before it is quantized"
            )


def _places(model: nn.Module) -> Iterator[tuple[Place, torch.Tensor]]:
    for path, module in model.named_modules(remove_duplicate=False):
        above = "".join(f"{part}." for part in path.split(".") if part and part not in _WRAPPERS)
        for is_buffer, store in ((False, module._parameters), (True, module._buffers)):
            for name, tensor in store.items():
                if tensor is not None:
                    yield Place(module, name, path, is_buffer, above + name), tensor


def _has_memory(tensor: torch.Tensor) -> bool:
    return not (
        isinstance(tensor, nn.parameter.UninitializedTensorMixin)
        or type(tensor).__module__.startswith("torch._subclasses.")
        or tensor.is_meta
        or tensor.layout != torch.strided
        or tensor.numel() == 0
    )


@cache
def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _facts(layers: Layers, place: Place, tensor: torch.Tensor) -> Facts:
    if place.is_buffer:
        return buffer_facts(place.module, place.name)
    return layers.parameter_facts(place.module, place.name, tensor)


def _order(place: Place) -> tuple[bool, str]:
    """Of several places of a tensor: an embedding first, then by name, not by when it was made."""
    return not isinstance(place.module, nn.Embedding | nn.EmbeddingBag), place.full_name


def _settled(layers: Layers, places: list[Place]) -> tuple[list[Place], Facts]:
    """The places of one tensor, the one that says what it is first, and what it says."""
    if len(places) > 1:
        places = sorted(places, key=_order)
    for place in places:
        facts = _facts(layers, place, place.get())
        if facts["role"] != "other":
            return [place, *(other for other in places if other is not place)], facts
    return places, facts


def _parameter(places: list[Place], facts: Facts, activations: dict[str, Any]) -> Parameter:
    first, tensor = places[0], places[0].get()
    frozen = not (first.is_buffer or tensor.requires_grad)
    if tensor.is_meta and facts["role"] in _NORM_ROLES:
        frozen = False  # there are no values to keep, and these roles have one start alone
    owner, computed, _ = first.path.rpartition("parametrizations.")
    following: Facts = {
        "activation": activations.get(owner.removesuffix(".") if computed else first.path),
        "kinds": kinds(first.module),
    }
    return Parameter(
        first.full_name,
        _path(first, facts),
        tuple(tensor.shape),
        aliases=tuple(place.full_name for place in places[1:]),
        dtype=_dtype_name(tensor.dtype),
        frozen=frozen,
        **following | facts,
    )


def _path(place: Place, facts: Facts) -> tuple[str, ...]:
    """The tensor's key: the direction of a computed weight takes that of the weight."""
    name = place.full_name
    if facts["role"] != "other":
        name = re.sub(r"(^|\.)parametrizations\.(\w+)\.original1?$", r"\1\2", name)
        if "kinds" in facts:
            name = re.sub("(_v|_orig)$", "", name)
    return tuple(name.split("."))


def _memory(tensor: torch.Tensor) -> object:
    """Equal for tensors that are the same numbers in one memory, a transpose included."""
    if not _has_memory(tensor):
        return id(tensor)
    axes = sorted(zip(tensor.stride(), tensor.shape, strict=True))
    return tensor.data_ptr(), tensor.dtype, tuple(axis for axis in axes if axis[1] != 1)


def _span(tensor: torch.Tensor) -> tuple[int, int]:
    """Where the memory of a tensor begins and ends."""
    steps = zip(tensor.stride(), tensor.shape, strict=True)
    elements = 1 + sum(stride * (size - 1) for stride, size in steps)
    return tensor.data_ptr(), tensor.data_ptr() + elements * tensor.element_size()


_BY_SIZE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.complex128}


def _have_common_elements(one: torch.Tensor, other: torch.Tensor) -> bool:
    views = [t.detach().view(_BY_SIZE[t.element_size()]).numpy() for t in (one, other)]
    try:
        return np.shares_memory(views[0], views[1], max_work=_HARD)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def _overlaps(tensors: list[torch.Tensor]) -> Iterator[tuple[int, int]]:
    """Numbers of the tensors that have elements in common."""
    spans = sorted(
        (*_span(tensor), number)
        for number, tensor in enumerate(tensors)
        if _has_memory(tensor) and tensor.is_cpu and type(tensor) in (torch.Tensor, nn.Parameter)
    )
    before: list[tuple[int, int, int]] = []
    for start, end, number in spans:
        before = [span for span in before if span[1] > start]
        for _, _, other in before:
            if _have_common_elements(tensors[number], tensors[other]):
                yield other, number
        before.append((start, end, number))


def _tied(model: nn.Module) -> list[list[Place]]:
    """All places of each tensor; those that are the same numbers in one memory are one tensor."""
    groups: dict[object, list[Place]] = {}
    for place, tensor in _places(model):
        _require_known_memory(place, tensor)
        groups.setdefault(_memory(tensor), []).append(place)
    return list(groups.values())


def describe(model: nn.Module, *, activations: bool) -> Described:
    """Every parameter and buffer of a model.

    Parameters
    ----------
    model : torch.nn.Module
        Also on the meta device. Not changed: what has to run, runs on a copy.
    activations : bool
        Whether to find out which activation follows each layer.
    """
    _require_trainable_layers(model)
    layers = Layers(model)
    settled = [_settled(layers, places) for places in _tied(model)]
    remarks = list(layers.guesses.values())
    known: dict[str, Any] = {}
    if activations:
        norms = {
            places[0].path
            for places, facts in settled
            if facts["role"] in ("scale", "scale_offset")
        }
        known, remark = following(model, norms)
        remarks.append(remark)
    found = [_parameter(places, facts, known) for places, facts in settled]
    overlaps = _overlaps([places[0].get() for places, _ in settled])
    frozen = sum(parameter.frozen for parameter in found)
    if frozen:
        remarks.append(
            f"frozen: {frozen} tensors that need no gradient are kept, unless a rule of your own "
            "names them"
        )
    if not found:
        remarks.append("the model has no parameters and no buffers: nothing was initialized")
    names = {
        (place.module, place.name): p.name
        for p, (places, _) in zip(found, settled, strict=True)
        for place in places
    }
    splits = ((names[split.magnitude], names[split.direction], split) for split in layers.splits)
    return Described(
        Model(tuple(found)),
        {p.name: tuple(places) for p, (places, _) in zip(found, settled, strict=True)},
        tuple(splits),
        tuple((found[one].name, found[other].name) for one, other in overlaps),
        tuple(remarks),
    )


def weights(model: object) -> Weights:
    """Every tensor of a model on the CPU, as arrays over the same memory."""
    described = describe(require_module(model), activations=False)
    arrays = {}
    for parameter in described.model:
        tensor = described.places[parameter.name][0].get()
        floats = tensor.is_floating_point()
        arrays[parameter.name] = (
            torch_tensors.view(tensor, parameter.name) if floats else tensor.detach().numpy()
        )
    return Weights(described.model, arrays)
