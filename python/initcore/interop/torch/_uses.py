"""Dense layers by what they do: how a module multiplies its input by its own parameter."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from initcore.interop.torch._copy import bare_copy

_FLIPS = {torch.t, torch.Tensor.t, torch.Tensor.T.__get__, torch.Tensor.mT.__get__}
_SWAPS = {torch.transpose, torch.Tensor.transpose}
_SAME = {
    *(torch.Tensor.to, torch.Tensor.type_as, torch.Tensor.float, torch.Tensor.half),
    *(torch.Tensor.contiguous, torch.Tensor.detach, torch.Tensor.type),
}
_PRODUCTS = {torch.matmul, torch.mm, torch.Tensor.matmul, torch.Tensor.mm, torch.Tensor.__matmul__}
_SUMS = {
    torch.add,
    torch.Tensor.add,
    torch.Tensor.add_,
    torch.Tensor.__add__,
    torch.Tensor.__iadd__,
}


class Use(NamedTuple):
    """What a parameter is to the product."""

    role: str
    """"weight" or "bias"."""
    layout: str
    """Which axis of the kernel sums over the input: "oi" or "io"."""
    kernel: str
    """Name of the kernel, for a bias of its product."""


class _Watch(TorchFunctionMode):
    """Follows the module's parameters through transposes and casts into products and sums."""

    def __init__(self, named: dict[int, str]) -> None:
        self._held: list[Any] = []  # so that no id is given to another tensor
        self._parameters = {key: (name, False) for key, name in named.items()}
        self._products: dict[int, tuple[str, str]] = {}
        self.found: dict[str, set[Use]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self._held.append((args, kwargs, result))
        self._see(func, args, kwargs or {}, result)
        return result

    def _name(self, value: Any) -> tuple[str, bool] | None:
        return self._parameters.get(id(value))

    def _use(self, name: str, use: Use) -> None:
        self.found.setdefault(name, set()).add(use)

    def _see(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        if func is functional.linear:
            bound = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
            self._multiply(bound.get("weight"), True, result)
            self._add(bound.get("bias"), result)
            return
        first = self._name(args[0]) if args else None
        if first is not None and (func in _FLIPS or self._swaps_last(func, args)):
            self._parameters[id(result)] = first[0], not first[1]
        elif first is not None and func in _SAME:
            self._parameters[id(result)] = first
        elif func in _PRODUCTS and len(args) > 1:
            self._multiply(args[1], False, result)
        elif func in (torch.addmm, torch.Tensor.addmm) and len(args) > 2:
            self._multiply(args[2], False, result)
            self._add(args[0], result)
        elif func in _SUMS and len(args) > 1:
            for one, other in ((args[0], args[1]), (args[1], args[0])):
                if id(one) in self._products:
                    self._add(other, one)
                    self._products[id(result)] = self._products[id(one)]

    @staticmethod
    def _swaps_last(func: Any, args: Any) -> bool:
        return func in _SWAPS and set(args[1:]) in ({0, 1}, {-1, -2})

    def _multiply(self, weight: Any, transposed: bool, result: Any) -> None:
        known = self._name(weight)
        if known is not None:
            name, flipped = known
            layout = "oi" if transposed != flipped else "io"
            self._products[id(result)] = name, layout
            self._use(name, Use("weight", layout, name))

    def _add(self, bias: Any, product: Any) -> None:
        known, kernel = self._name(bias), self._products.get(id(product))
        if known is not None and kernel is not None:
            self._use(known[0], Use("bias", kernel[1], kernel[0]))


def dense_uses(module: nn.Module) -> dict[str, Use]:
    """What the module's own parameters are in the products of its forward pass.

    The forward pass of a copy runs on the meta device, where nothing is computed, with an input as
    wide as an axis of the kernel; empty where no product is seen.
    """
    shapes = [tuple(p.shape) for p in module._parameters.values() if p is not None]
    kernels = [shape for shape in shapes if len(shape) == 2]
    if not kernels or any(True for child in module.children() for _ in child.parameters()):
        return {}
    return _watched(module, {size for shape in kernels for size in shape})


def _watched(module: nn.Module, widths: set[int]) -> dict[str, Use]:
    found: dict[str, set[Use]] = {}
    for width in sorted(widths):
        for shape in ((2, 3, width), (6, width)):
            copy = bare_copy(module)
            named = {id(p): name for name, p in copy._parameters.items() if p is not None}
            watch = _Watch(named)
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                try:
                    with watch:
                        copy(torch.empty(shape, device="meta"))
                except (Exception, SystemExit):
                    pass  # of another width, or after the product: what was seen counts
            for name, uses in watch.found.items():
                found.setdefault(name, set()).update(uses)
    return {name: uses.pop() for name, uses in found.items() if len(uses) == 1}
