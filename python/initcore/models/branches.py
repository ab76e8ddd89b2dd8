"""Residual branches, as a model's names show them: the tensors of one numbered block."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from initcore.models.parameters import Model, Parameter, innermost_block

_SHORTCUTS = ("*downsample*", "*shortcut*", "*skip*", "*.identity*")


def _without_shortcuts(tensors: Iterable[Parameter]) -> tuple[Parameter, ...]:
    return tuple(
        tensor
        for tensor in tensors
        if not any(fnmatchcase(tensor.name, pattern) for pattern in _SHORTCUTS)
    )


def branch_of(parameter: Parameter, model: Model) -> tuple[Parameter, ...]:
    """The kernels of the residual branch around this one, in order; none for no branch."""
    path = innermost_block(parameter.path)
    return () if path is None else _without_shortcuts(model.blocks.get(path, ()))


def count_branches(model: Model) -> int:
    """Number of blocks of at least two kernels, shortcuts not counted; 1 where there is none."""
    return max(1, sum(len(_without_shortcuts(b)) > 1 for b in model.blocks.values()))


def last_scale_of_branch(parameter: Parameter, model: Model) -> Parameter | None:
    """The last normalization's scale of the branch around this tensor; None for no branch."""
    path = innermost_block(parameter.path)
    if path is None:
        return None
    scales = _without_shortcuts(model.block_scales.get(path, ()))
    return scales[-1] if scales else None
