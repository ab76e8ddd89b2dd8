"""A torch model as tensors with names, roles and fans; tied and shared ones once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import nn

from initcore._memory import torch_tensors
from initcore.interop.torch._follow import following
from initcore.interop.torch._layers import buffer_facts, kinds, parameter_facts
from initcore.models.parameters import Model, Parameter
from initcore.models.weights import Weights

# Wrappers that put their own name into every name below them.
_WRAPPERS = {"_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"}


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
    remarks: tuple[str, ...]


def require_module(model: object) -> nn.Module:
    """`model`, without a wrapper for data parallelism, or an error."""
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model is a {type(model).__module__}.{type(model).__qualname__}; it must be a "
            "torch.nn.Module"
        )
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner: nn.Module = model.module
        return inner
    return model


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


def _parameter(places: list[Place], activations: dict[str, Any]) -> Parameter:
    first, tensor = places[0], places[0].get()
    if isinstance(tensor, nn.parameter.UninitializedTensorMixin):
        raise ValueError(
            f"{first.full_name} has no shape yet: run one forward pass of the model first"
        )
    facts = (
        buffer_facts(first.module, first.name)
        if first.is_buffer
        else parameter_facts(first.module, first.name, tensor)
    )
    known = facts.pop("known", activations.get(first.path))
    return Parameter(
        first.full_name,
        tuple(first.full_name.split(".")),
        tuple(tensor.shape),
        kinds=kinds(first.module),
        activation=known,
        aliases=tuple(place.full_name for place in places[1:]),
        dtype=_dtype_name(tensor.dtype),
        **facts,
    )


def _order(place: Place) -> tuple[bool, str]:
    """Of several places of a tensor: an embedding first, then by name, not by when it was made."""
    return not isinstance(place.module, nn.Embedding | nn.EmbeddingBag), place.full_name


def _require_apart(spans: list[tuple[int, int, list[Place]]]) -> None:
    """Refuse tensors that share a part of their memory: the second would undo the first."""
    spans.sort(key=lambda span: span[:2])
    for (_, end, one), (start, _, other) in pairwise(spans):
        if start < end:
            raise ValueError(
                f"{one[0].full_name} and {other[0].full_name} share a part of their memory, so "
                "that each would undo the other's start; make one of them a view in forward()"
            )


def _tied(model: nn.Module) -> list[list[Place]]:
    """All places of each tensor; those that are the same numbers in one memory are one tensor."""
    groups: dict[object, list[Place]] = {}
    spans = []
    for place, tensor in _places(model):
        memory: object = id(tensor)
        start = None
        if _has_memory(tensor):
            start = tensor.data_ptr()
            memory = start, tensor.shape, tensor.stride(), tensor.dtype
        places = groups.get(memory)
        if places is not None:
            places.append(place)
            continue
        groups[memory] = places = [place]
        if start is not None and tensor.is_cpu and tensor.is_contiguous():
            spans.append((start, start + tensor.numel() * tensor.element_size(), places))
    for places in groups.values():
        if len(places) > 1:
            places.sort(key=_order)
    _require_apart(spans)
    return list(groups.values())


def describe(model: nn.Module, *, activations: bool) -> Described:
    """Every parameter and buffer of a model.

    Parameters
    ----------
    model : torch.nn.Module
        Also on the meta device.
    activations : bool
        Whether to find out which activation follows each layer.
    """
    tied = _tied(model)
    known, remark = following(model) if activations else ({}, "")
    found = [_parameter(places, known) for places in tied]
    return Described(
        Model(tuple(found)),
        {parameter.name: tuple(places) for parameter, places in zip(found, tied, strict=True)},
        (remark,) if remark else (),
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
