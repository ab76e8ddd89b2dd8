"""Normalizations by what they do: the values of their parameters at which they only normalize."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
from torch import nn

from initcore.interop.torch._copy import bare_copy

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
"""Torch's own."""
_MOST_UNITS = 1 << 16
_MOST_PARAMETERS = 3
_GATES = (1.2784645427610738, 40.0)
"""Where z sigmoid(z) and where sigmoid(z) is 1: second inputs of a normalization with a gate."""


def norm_roles(module: nn.Module) -> dict[str, str]:
    """The roles of a module's own parameters if the module is a normalization, else none.

    A copy of the module is run on a few random numbers whose mean is 2 and whose variance is 9. It
    is a normalization if exactly one choice of 0 or 1 for each parameter gives outputs of mean
    square 1: a parameter that is 1 there is a "scale", one that is 0 is a "shift" if the output
    moves by a constant with it and a "scale_offset", as w in (1 + w) x, otherwise.
    """
    shapes = {name: tuple(p.shape) for name, p in module._parameters.items() if p is not None}
    if not _may_be_norm(module, shapes):
        return {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            return _measured(module, shapes)
        except (Exception, SystemExit):  # whatever a forward pass of the user's may raise
            return {}


def _may_be_norm(module: nn.Module, shapes: dict[str, tuple[int, ...]]) -> bool:
    units = {max(shape, default=1) for shape in shapes.values()}
    long = [size for shape in shapes.values() for size in shape if size > 1]
    return (
        0 < len(shapes) <= _MOST_PARAMETERS
        and len(units) == 1
        and units.pop() <= _MOST_UNITS
        and len(long) <= len(shapes)
        and not any(True for child in module.children() for _ in child.parameters())
    )


def _with_memory(module: nn.Module) -> nn.Module:
    """A copy with memory of its own, training, whose buffers have the module's values."""
    copy = bare_copy(module).train()
    for own, source in zip(copy.modules(), module.modules(), strict=True):
        for name, buffer in source._buffers.items():
            if buffer is not None:
                values = torch.zeros_like(buffer, device="cpu") if buffer.is_meta else buffer.cpu()
                own._buffers[name] = values.detach().clone()
    for name, parameter in copy._parameters.items():
        if parameter is not None:
            copy._parameters[name] = nn.Parameter(torch.zeros(parameter.shape))
    return copy


def _inputs(units: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """Batches whose last or second axis has the module's units, some with a gate."""
    generator = torch.Generator().manual_seed(0)
    for shape in ((4, 6, units), (4, units), (4, units, 6, 6), (4, units, 6)):
        x = torch.randn(shape, generator=generator) * 3 + 2
        yield (x,)
        yield from ((x, torch.full_like(x, gate)) for gate in _GATES)


def _measured(module: nn.Module, shapes: dict[str, tuple[int, ...]]) -> dict[str, str]:
    copy = _with_memory(module)
    units = max(max(shape, default=1) for shape in shapes.values())
    for inputs in _inputs(units):
        outputs: dict[tuple[int, ...], torch.Tensor] = {}
        for values in product((0, 1), repeat=len(shapes)):
            y = _output(copy, dict(zip(shapes, values, strict=True)), inputs)
            if y is None:
                break
            outputs[values] = y
        else:
            found = [values for values, y in outputs.items() if _is_normalized(y, units)]
            if len(found) == 1:
                return dict(zip(shapes, _named(found[0], outputs), strict=True))
            if isinstance(module, NORMS):
                return _of_subclass(outputs, tuple(shapes))
    return {}


def _of_subclass(
    outputs: dict[tuple[int, ...], torch.Tensor], names: tuple[str, ...]
) -> dict[str, str]:
    """Roles in a class that derives from one of torch's and does more, such as an activation.

    Where every parameter is 0 the output is a constant if the weight is a factor.
    """
    if not set(names) <= {"weight", "bias"}:
        return {}
    bare = outputs[(0,) * len(names)]
    factor = "scale" if bare.std() < 1e-6 * (1 + bare.abs().mean()) else "scale_offset"
    return {name: factor if name == "weight" else "shift" for name in names}


def _output(
    copy: Any, values: dict[str, int], inputs: tuple[torch.Tensor, ...]
) -> torch.Tensor | None:
    for name, value in values.items():
        copy._parameters[name].fill_(value)
    try:
        y = copy(*(x.clone() for x in inputs))
    except (Exception, SystemExit):
        return None
    usable = isinstance(y, torch.Tensor) and y.shape == inputs[0].shape and y.is_floating_point()
    return y.double() if usable else None


def _is_normalized(y: torch.Tensor, units: int) -> bool:
    """Mean square 1, or 1 - 1 / units for an unbiased variance, within 0.1, and not a constant."""
    square = float((y * y).mean())
    return math.isfinite(square) and 0.9 - 1 / units < square < 1.1 and bool(y.std() > 0.3)


def _named(values: tuple[int, ...], outputs: dict[tuple[int, ...], torch.Tensor]) -> Iterator[str]:
    for at, value in enumerate(values):
        if value == 1:
            yield "scale"
            continue
        other = outputs[(*values[:at], 1, *values[at + 1 :])] - outputs[values]
        yield (
            "shift"
            if other.std() < 1e-3 * max(1e-30, float(other.abs().mean()))
            else "scale_offset"
        )
