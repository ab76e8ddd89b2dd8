"""Recipes for residual networks without normalization."""

from fnmatch import fnmatchcase

from initcore import recipes
from initcore.initializers import Normal, Ones, VarianceScaling, Zeros
from initcore.models.parameters import Model, Parameter, innermost_block
from initcore.models.presets.common import HEADS, optional, rest
from initcore.models.rules import Rule, Start, start_of

_SHORTCUTS = ("*downsample*", "*shortcut*", "*skip*", "*.identity*")
_KERNELS = ("weight", "recurrent")


def nfnet(head_std: float = 0.01) -> tuple[Rule, ...]:
    """For convolutions whose weights are standardized: Var(W) = 1 / fan_in, gains 1.

    Each branch's trained scalar ("skip_gain", "skipinit_gain") starts at 0, as in `SkipInit`; the
    classifier's kernel is N(0, head_std^2). As google-deepmind/deepmind-research, nfnets/base.py
    and nfnets/nfnet.py; see `NormFree` for what the layers compute.
    """
    return (
        optional(Zeros(), name=("*skip*gain*", "*alpha"), role="other"),
        optional(Ones(), name="*gain*", role=("other", "scale")),
        optional(Normal(std=head_std), name=HEADS, role="weight"),
        optional(VarianceScaling(1.0, "fan_in", "normal"), role=_KERNELS),
        *rest(),
    )


def _without_shortcuts(kernels: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    return tuple(
        kernel
        for kernel in kernels
        if not any(fnmatchcase(kernel.name, pattern) for pattern in _SHORTCUTS)
    )


def _branch(parameter: Parameter, model: Model) -> tuple[Parameter, ...]:
    """The kernels of the residual branch around this one, in order; none for no branch."""
    path = innermost_block(parameter.path)
    return () if path is None else _without_shortcuts(model.blocks.get(path, ()))


def _count_branches(model: Model) -> int:
    return max(1, sum(len(_without_shortcuts(b)) > 1 for b in model.blocks.values()))


def fixup_resnet(n_blocks: int | None = None) -> tuple[Rule, ...]:
    """He's law over L^(1 / (2 m - 2)) in the branches, whose last layer starts at 0; see `Fixup`.

    A branch is the kernels with a name within one numbered block, as in "layer1.0.conv1", but for
    its shortcut; L counts them. Scalars start at 1 ("*scale*") and 0 ("*bias*").
    """

    def kernel(parameter: Parameter, model: Model) -> Start:
        branch = _branch(parameter, model)
        blocks = n_blocks or _count_branches(model)
        if len(branch) < 2 or not any(parameter is kernel for kernel in branch):
            return start_of(recipes.Fixup(blocks).role("other"))
        roles = recipes.Fixup(blocks, len(branch)).roles()
        if parameter is branch[-1]:
            return start_of(roles["branch_last"], "last of its branch")
        return start_of(roles["branch"], f"1 of {len(branch)} in each of {blocks} branches")

    return (
        optional(Ones(), name="*scale*", role=("other", "scale")),
        optional(Zeros(), name="*bias*", role=("other", "shift")),
        optional(Zeros(), name=HEADS, role="weight"),
        optional(kernel, role=_KERNELS),
        *rest(),
    )
