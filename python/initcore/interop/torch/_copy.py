"""A copy of a model without memory, on which its forward pass can run and harm nothing."""

import types
from collections import OrderedDict
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

_HOOKS = {
    name for name in nn.Module().__dict__ if name.endswith(("_hooks", "_hooks_with_kwargs"))
} | {"_forward_hooks_always_called"}
"""A hook may write into what is the user's, so the copy has none."""


def bare_copy(model: nn.Module) -> nn.Module:
    """The same modules with tensors on the meta device, without hooks.

    Modules, tensors, arrays, lists, dicts and the objects of the packages that the model's classes
    come from are copied, methods are bound to the copies, everything else is shared. No code of the
    user's runs.
    """
    packages = {type(module).__module__.split(".")[0] for module in model.modules()}
    copied: nn.Module = _Copier(packages - {"torch"}).copy(model)
    return copied


class _Copier:
    """Copies objects once each, so that what is shared within the model stays shared."""

    def __init__(self, packages: set[str]) -> None:
        self._packages = packages
        self._copies: dict[int, Any] = {}

    def copy(self, value: Any) -> Any:
        if value is None or isinstance(value, str | bytes | int | float | complex | type):
            return value
        known = self._copies.get(id(value))
        if known is None:
            known = self._copies[id(value)] = self._new(value)
            self._fill(value, known)
        return known

    def _new(self, value: Any) -> Any:
        """An empty copy, or the whole of what cannot refer back to itself; else the value."""
        if isinstance(value, torch.Tensor):
            return _on_meta(value)
        if isinstance(value, np.ndarray):
            # no memory, and an error for whoever writes into it
            return np.broadcast_to(np.zeros((), value.dtype), value.shape)
        if isinstance(value, types.MethodType):
            return types.MethodType(value.__func__, self.copy(value.__self__))
        if isinstance(value, partial):
            words = {name: self.copy(word) for name, word in value.keywords.items()}
            return partial(self.copy(value.func), *map(self.copy, value.args), **words)
        if type(value) in (tuple, frozenset):
            return type(value)(map(self.copy, value))
        if type(value) in (list, dict, set, OrderedDict):
            return type(value)()
        if isinstance(value, nn.Module) or self._is_of_the_model(value):
            return object.__new__(type(value))
        return value

    def _is_of_the_model(self, value: Any) -> bool:
        cls = type(value)
        has_fields = getattr(cls, "__new__", None) is object.__new__ and hasattr(value, "__dict__")
        return has_fields and cls.__module__.split(".")[0] in self._packages

    def _fill(self, value: Any, copy: Any) -> None:
        """Copy what an object holds into its empty copy."""
        if copy is value:
            return
        if type(value) is list:
            copy.extend(map(self.copy, value))
        elif type(value) is set:
            copy.update(map(self.copy, value))
        elif type(value) in (dict, OrderedDict):
            copy.update({key: self.copy(item) for key, item in value.items()})
        elif isinstance(value, nn.Module):
            for name, item in value.__dict__.items():
                copy.__dict__[name] = OrderedDict() if name in _HOOKS else self.copy(item)
        elif self._is_of_the_model(value):
            copy.__dict__.update({name: self.copy(item) for name, item in vars(value).items()})


def _on_meta(tensor: torch.Tensor) -> torch.Tensor:
    if isinstance(tensor, nn.parameter.UninitializedTensorMixin):
        return tensor
    meta = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(meta, requires_grad=tensor.requires_grad)
    return meta
