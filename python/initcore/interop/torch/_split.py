"""Weights that a module computes from other tensors: weight and spectral normalization."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm


class Part(NamedTuple):
    """What a stored tensor is to the weight that its owner computes from it."""

    owner: nn.Module
    weight: str
    """Name of the weight in the owner."""
    role: Literal["direction", "magnitude"]
    """The weight is the magnitude of each row times the direction's row of length 1; without a
    magnitude, the direction over its spectral norm."""


class Split(NamedTuple):
    """A weight-normalized weight: where its two tensors are."""

    magnitude: tuple[nn.Module, str]
    direction: tuple[nn.Module, str]
    dim: int
    """The axis along which each index has a length of its own; -1 for one length in all."""

    def set_magnitude(self) -> None:
        """Make the weight equal to its direction."""
        (holder, g), (other, v) = self.magnitude, self.direction
        magnitude, direction = holder._parameters[g], other._parameters[v]
        assert magnitude is not None
        assert direction is not None
        with torch.no_grad():
            magnitude.copy_(torch.norm_except_dim(direction, 2, self.dim))


def _new_style(owner: nn.Module) -> Iterator[tuple[nn.Module, str, Part, Split | None]]:
    """Tensors of the modules that `torch.nn.utils.parametrizations` makes."""
    for weight, held in owner.parametrizations.items():
        if len(held) != 1:
            continue
        how = held[0]
        if type(how) is parametrizations._WeightNorm:
            split = Split((held, "original0"), (held, "original1"), how.dim)
            yield held, "original0", Part(owner, weight, "magnitude"), split
            yield held, "original1", Part(owner, weight, "direction"), split
        elif type(how) is parametrizations._SpectralNorm:
            yield held, "original", Part(owner, weight, "direction"), None


def _old_style(owner: nn.Module) -> Iterator[tuple[nn.Module, str, Part, Split | None]]:
    """Tensors of the modules that `torch.nn.utils.weight_norm` and `spectral_norm` make."""
    for hook in owner._forward_pre_hooks.values():
        if type(hook) is WeightNorm:
            g, v = f"{hook.name}_g", f"{hook.name}_v"
            split = Split((owner, g), (owner, v), hook.dim)
            yield owner, g, Part(owner, hook.name, "magnitude"), split
            yield owner, v, Part(owner, hook.name, "direction"), split
        elif type(hook) is SpectralNorm:
            yield owner, f"{hook.name}_orig", Part(owner, hook.name, "direction"), None


def split_weights(model: nn.Module) -> tuple[dict[tuple[nn.Module, str], Part], tuple[Split, ...]]:
    """The parts of computed weights by module and name, and the pairs of weight normalization."""
    parts: dict[tuple[nn.Module, str], Part] = {}
    splits: dict[tuple[nn.Module, str], Split] = {}
    for module in model.modules():
        new = _new_style(module) if parametrize.is_parametrized(module) else ()
        for holder, name, part, split in (*new, *_old_style(module)):
            parts[holder, name] = part
            if split is not None:
                splits[split.magnitude] = split
    return parts, tuple(splits.values())
