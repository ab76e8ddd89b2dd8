"""Residual networks without normalization: branches that start small, or at nothing."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from numpy.typing import NDArray

from initcore import _checks
from initcore._exact.linear_algebra import column_stds
from initcore.initializers import (
    Constant,
    HeNormal,
    LecunNormal,
    Normal,
    Ones,
    VarianceScaling,
    Zeros,
)
from initcore.models.branches import branch_of, count_branches, last_scale_of_branch
from initcore.models.parameters import Model, Parameter
from initcore.models.patterns import (
    BRANCH_SCALES,
    HEADS,
    KERNELS,
    POSITIONS,
    TOKENS,
    VECTORS,
    count_layers,
    optional,
    rest,
)
from initcore.models.roles import Recipe, Role, register
from initcore.models.rules import Assignment, Rule

_SKIP_GAINS = ("*skip*gain*", "*alpha")


@register("inverse_sqrt_depth")
@dataclass(frozen=True)
class InverseSqrtDepth(Recipe):
    """He's law, and every branch multiplied by 1 / sqrt(n_blocks).

    The mean square then grows to (1 + 1/L)^L, at most e, where x + F(x) alone doubles it in each of
    L blocks. This is so where every weight of a branch has a ReLU before it, as in x + a W2 relu(W1
    relu(x)); a first layer without one takes `LecunNormal`, for with He's law the bound is e^2.
    Roles: ``"branch"`` (its `multiplier` is that of the branch's output), ``"other"``.

    Parameters
    ----------
    n_blocks : int, optional
        Residual blocks L; None for those that a model's names show.

    Notes
    -----
    Use: any residual network without normalization; not for plain ones.
    Exactness: bit-exact, stream v1.
    Source: Hayou et al., "Stable ResNet", 2021; Tarnowski et al. 2019.
    Check: (1 + InverseSqrtDepth(10).role("branch").multiplier ** 2) ** 10 == 2.59374246

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.InverseSqrtDepth(n_blocks=4).role("branch").multiplier
    0.5
    """

    n_blocks: int | None = None

    def __post_init__(self) -> None:
        if self.n_blocks is not None:
            _checks.check_fields(self, _checks.count, "n_blocks", least=1)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all blocks are alike."""
        roles = {"other": Role(HeNormal())}
        if self.n_blocks is not None:
            roles["branch"] = Role(HeNormal(), multiplier=1.0 / math.sqrt(self.n_blocks))
        return roles

    def fitted(self, role: str, parameter: Parameter, model: Model) -> Recipe:
        """With the residual branches that the model's names show."""
        return replace(self, n_blocks=self.n_blocks or count_branches(model))

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """The branch's last kernel carries the multiplier of its output."""
        last = branch_of(parameter, model)[-1:]
        which = "branch" if last and last[0] is parameter else "other"
        return super().assign(which, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """Kernels by their place; a branch is the kernels of one numbered block."""
        return (optional(self.by_role("other"), role=KERNELS), *rest())


def _root(base: float, n: int) -> float:
    """base^(1 / n) by Newton's steps, so that no libm decides its last digits."""
    root = 1.0 if base <= 1.0 else base
    for _ in range(10_000):
        power = 1.0
        for _ in range(n - 1):
            power *= root
        step = root - (root - base / power) / n
        if abs(step - root) <= 1e-16 * root:
            break
        root = step
    return root


@register("fixup_resnet")
@dataclass(frozen=True)
class Fixup(Recipe):
    """He's law times L^(-1 / (2 m - 2)) in the branches, whose last layer starts at 0.

    With a classifier of 0 the first loss is log(classes) exactly. Each layer is preceded by a
    scalar bias of 0 and each branch ends in a scalar multiplier of 1, both trained. Roles:
    ``"branch"`` (all layers of a branch but the last), ``"branch_last"``, ``"classifier"``,
    ``"other"``, ``"scalar_multiplier"``, ``"scalar_bias"``.

    Parameters
    ----------
    n_blocks : int, optional
        Residual branches L; None for those that a model's names show.
    branch_layers : int, optional
        Layers m in each branch, at least 2; None for those of each of a model's branches, and 2
        where there is no model.
    mode : {"fan_out", "fan_in"}, default "fan_out"
        Which fan He's law takes; the authors' code has fan_out.

    Notes
    -----
    Use: residual networks without normalization; not beside normalization, which does its work.
    Exactness: bit-exact, stream v1.
    Source: Zhang, Dauphin, Ma, "Fixup initialization: residual learning without normalization",
    2019, and its code.
    Check: Fixup(n_blocks=50).role("branch").weight.scale == 0.04

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Fixup(n_blocks=50).role("branch").weight
    <VarianceScaling: Var(W) = 0.04 / fan_out, normal>
    """

    n_blocks: int | None = None
    branch_layers: int | None = None
    mode: Literal["fan_out", "fan_in"] = "fan_out"

    def __post_init__(self) -> None:
        if self.n_blocks is not None:
            _checks.check_fields(self, _checks.count, "n_blocks", least=1)
        if self.branch_layers is not None:
            _checks.check_fields(self, _checks.count, "branch_layers", least=1)
            if self.branch_layers < 2:
                raise ValueError(f"branch_layers={self.branch_layers} must be at least 2")
        if self.mode not in ("fan_in", "fan_out"):
            raise ValueError(f'mode={self.mode!r} must be "fan_in" or "fan_out"')

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all blocks are alike."""
        roles = {
            "branch_last": Role(Zeros(), note="last of its branch"),
            "classifier": Role(Zeros()),
            "other": Role(HeNormal(mode=self.mode)),
            "scalar_multiplier": Role(Ones()),
            "scalar_bias": Role(Zeros()),
        }
        if self.n_blocks is not None:
            m = self.branch_layers or 2
            # the square of L^(-1 / (2 m - 2)) is L^(-1 / (m - 1))
            shrink = _root(1.0 / self.n_blocks, m - 1)
            law = VarianceScaling(2.0 * shrink, self.mode, "normal")
            roles["branch"] = Role(law, note=f"1 of {m} in each of {self.n_blocks} branches")
        return roles

    def fitted(self, role: str, parameter: Parameter, model: Model) -> Recipe:
        """With the branches that the model's names show, and the kernels of this one."""
        if role != "branch":
            return self
        layers = self.branch_layers or len(branch_of(parameter, model))
        return replace(self, n_blocks=self.n_blocks or count_branches(model), branch_layers=layers)

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """A kernel by its place: in a branch, the last of it, or elsewhere."""
        branch = branch_of(parameter, model)
        inside = len(branch) > 1 and any(parameter is kernel for kernel in branch)
        last = inside and parameter is branch[-1]
        which = "branch_last" if last else "branch" if inside else "other"
        return super().assign(which, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """Kernels by their place; scalars ("*scale*", "*bias*") and heads by name."""
        roles = self.roles()
        return (
            optional(roles["scalar_multiplier"].weight, name="*scale*", role=("other", "scale")),
            optional(roles["scalar_bias"].weight, name="*bias*", role=("other", "shift")),
            optional(roles["classifier"].weight, name=HEADS, role="weight"),
            optional(self.by_role("other"), role=KERNELS),
            *rest(),
        )


@register("skip_init")
@dataclass(frozen=True)
class SkipInit(Recipe):
    """A trained scalar of 0 at the end of each branch: every block starts as the identity.

    ReZero is the same start. The layers within the branch keep an ordinary one, for if they were
    0 too nothing would ever move. Roles: ``"branch"``, ``"branch_gain"``, ``"other"``.

    Notes
    -----
    Formula: x + a F(x) with a = 0, trained.
    Use: residual networks without normalization, the simplest way; not where layers of a branch are
    0 too.
    Exactness: bit-exact, stream v1.
    Source: De and Smith, "Batch normalization biases residual blocks towards the identity function
    in deep networks", 2020, as timm's models/nfnet.py has it (`skipinit_gain`); Bachlechner et al.,
    "ReZero is all you need", 2020, and its code.
    Check: abs(draw(SkipInit().role("branch_gain").weight, 8)).max() == 0

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.SkipInit().role("branch_gain").weight
    <Zeros: every element 0>
    """

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all blocks are alike."""
        return {"branch": Role(HeNormal()), "branch_gain": Role(Zeros()), "other": Role(HeNormal())}

    def rules(self) -> tuple[Rule, ...]:
        """The branches' scalars by name."""
        return (
            optional(self.by_role("branch_gain"), name=_SKIP_GAINS, role=("other", "scale")),
            optional(self.by_role("other"), role=KERNELS),
            *rest(),
        )


@register("layer_scale")
@dataclass(frozen=True)
class LayerScale(Recipe):
    """A trained scale for each channel of a branch, which starts at a small constant.

    0.1 to depth 18, 1e-5 to 24, 1e-6 beyond. Roles: ``"branch_scale"``, ``"projection"`` (N(0,
    0.02^2)).

    Parameters
    ----------
    depth : int, optional
        Blocks of the network; None for those that a model's names show.

    Notes
    -----
    Formula: x + diag(s) F(x) with s = 0.1, 1e-5 or 1e-6 by depth.
    Use: deep, pre-normalized vision transformers; the shallower, the less it does.
    Exactness: bit-exact, stream v1.
    Source: Touvron et al., "Going deeper with image transformers", 2021; timm, models/cait.py,
    whose narrowest network of 36 blocks has 1e-5. Its truncated normal is cut at +-2, beyond
    reach of a standard deviation of 0.02.
    Check: draw(LayerScale(24).role("branch_scale").weight, 8).max() == 0.00001

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.LayerScale(depth=24).role("branch_scale").weight
    <Constant: every element 1e-05>
    """

    depth: int | None = None

    def __post_init__(self) -> None:
        if self.depth is not None:
            _checks.check_fields(self, _checks.count, "depth", least=1)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all blocks are alike."""
        roles = {"projection": Role(Normal(std=0.02))}
        if self.depth is not None:
            scale = 0.1 if self.depth <= 18 else 1e-5 if self.depth <= 24 else 1e-6
            roles["branch_scale"] = Role(Constant(scale))
        return roles

    def fitted(self, role: str, parameter: Parameter, model: Model) -> Recipe:
        """With the blocks that the model's names show."""
        if role != "branch_scale":
            return self
        return replace(self, depth=count_layers(parameter, model, self.depth))

    def rules(self) -> tuple[Rule, ...]:
        """The branches' scales by name; kernels, positions and tokens alike."""
        projection = self.by_role("projection")
        return (
            optional(self.by_role("branch_scale"), name=BRANCH_SCALES, role="other"),
            optional(projection, name=(*POSITIONS, *TOKENS), role=VECTORS),
            optional(projection, role=KERNELS),
            *rest(embedding=projection),
        )


@register("zero_gamma")
@dataclass(frozen=True)
class ZeroGamma(Recipe):
    """The scale of the last batch normalization of each branch 0, all other scales 1.

    Every block starts as the identity, with normalization; the stream then keeps its variance,
    where with scales of 1 the variance behind block l is l + 1 and block l adds the part 1 / (l +
    1) of it. Roles: ``"branch"``, ``"norm_scale"``, ``"last_norm_scale"``.

    Notes
    -----
    Formula: x + gamma norm(F(x)) with gamma = 0, trained.
    Use: residual networks with batch normalization, at large batches above all; not without it.
    Exactness: bit-exact, stream v1.
    Source: Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017,
    section 5.1, as torchvision's models/resnet.py has it (`zero_init_residual`); the growth, De and
    Smith 2020, derived again.
    Check: abs(draw(ZeroGamma().role("last_norm_scale").weight, 8)).max() == 0

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.ZeroGamma().role("last_norm_scale").weight
    <Zeros: every element 0>
    """

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all blocks are alike."""
        return {
            "branch": Role(HeNormal()),
            "norm_scale": Role(Ones()),
            "last_norm_scale": Role(Zeros(), note="last of its branch"),
        }

    def assign(self, role: str, parameter: Parameter, model: Model) -> Assignment:
        """The last normalization of a branch, or another one."""
        if role == "norm_scale" and last_scale_of_branch(parameter, model) is parameter:
            role = "last_norm_scale"
        return super().assign(role, parameter, model)

    def rules(self) -> tuple[Rule, ...]:
        """Scales by their place; a branch is the tensors of one numbered block."""
        return (
            optional(self.by_role("branch"), role=KERNELS),
            optional(self.by_role("norm_scale"), role="scale"),
            *rest(),
        )


@register("nfnet")
@dataclass(frozen=True)
class NormFree(Recipe):
    """x + alpha F(x / beta), beta the standard deviation that x is expected to have: NF-ResNets.

    Each block adds alpha^2 to the variance, which a transition sets back to 1: behind block l of a
    stage it is 1 + (l + 1) alpha^2. Weights are standardized in every pass (`standardize`), with
    the gain of the activation (``ic.gain(activation, "std")``), and a trained scalar of 0 ends each
    branch. Roles: ``"branch"`` (its `multiplier` is alpha), ``"branch_input"`` (multiplier 1 /
    beta), ``"weight_gain"``, ``"skip_gain"``, ``"classifier"``; `layer` counts
    blocks from the start of a stage, where the first block's input has the variance of the last
    stage's end.

    Parameters
    ----------
    alpha : float, default 0.2
        Size of a branch.
    last_stage : int, default 0
        Blocks of the stage before, for the first block's beta; 0 for the first stage.
    head_std : float, default 0.01
        Of the classifier's kernel.

    Notes
    -----
    Use: convolutional residual networks without normalization; not without standardized weights.
    Exactness: bit-exact, stream v1.
    Source: Brock, De, Smith, "Characterizing signal propagation to close the performance gap in
    unnormalized ResNets", 2021, section 3; google-deepmind/deepmind-research, nfnets/base.py and
    nfnets/nfnet.py.
    Check: NormFree().role("branch_input", 3).multiplier == 0.9449111825

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.NormFree().role("branch").multiplier
    0.2
    """

    alpha: float = 0.2
    last_stage: int = 0
    head_std: float = 0.01

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.positive, "alpha")
        _checks.check_fields(self, _checks.positive, "head_std")
        if self.last_stage:
            _checks.check_fields(self, _checks.count, "last_stage", least=1)

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role in the block of this number of its stage, from 0."""
        layer = _checks.count(layer, "layer", least=0)
        blocks = layer if layer else self.last_stage
        beta = math.sqrt(1.0 + blocks * self.alpha * self.alpha)
        return {
            "branch": Role(LecunNormal(), multiplier=self.alpha),
            "branch_input": Role(Ones(), multiplier=1.0 / beta),
            "weight_gain": Role(Ones()),
            "skip_gain": Role(Zeros()),
            "classifier": Role(Normal(std=self.head_std)),
        }

    def rules(self) -> tuple[Rule, ...]:
        """Kernels alike, gains by name; alpha and beta are for the model's own code to apply."""
        roles = self.roles()
        # the paper's law, without the multiplier of a branch, which is no layer's own
        kernel = VarianceScaling(1.0, "fan_in", "normal")
        return (
            optional(roles["skip_gain"].weight, name=_SKIP_GAINS, role="other"),
            optional(roles["weight_gain"].weight, name="*gain*", role=("other", "scale")),
            optional(roles["classifier"].weight, name=HEADS, role="weight"),
            optional(kernel, role=KERNELS),
            *rest(),
        )

    @staticmethod
    def standardize(w: NDArray[Any], gain: float = 1.0) -> NDArray[Any]:
        """gain (w - mean) / (std sqrt(fan_in)) of each unit's weights, its rows in (out, in, ...).

        Examples
        --------
        >>> import numpy as np
        >>> from initcore import recipes
        >>> w = recipes.NormFree.standardize(np.arange(6.0).reshape(2, 3))
        >>> bool(np.allclose(w.sum(axis=1), 0)), bool(np.allclose((w**2).sum(axis=1), 1))
        (True, True)
        """
        rows = w.reshape(len(w), -1)
        means, stds = column_stds(rows.T)
        if not (stds > 0.0).all():
            raise ValueError("w has a unit whose weights are all equal, which has no scale")
        scale = gain / (stds * math.sqrt(rows.shape[1]))
        return ((rows - means[:, None]) * scale[:, None]).astype(w.dtype).reshape(w.shape)
