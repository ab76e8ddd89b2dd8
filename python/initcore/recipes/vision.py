"""Vision transformers: as timm starts them, or as their authors do."""

from dataclasses import dataclass
from typing import Literal

from initcore import _checks
from initcore.initializers import (
    GlorotUniform,
    Initializer,
    Normal,
    StandardUniform,
    VarianceScaling,
    Zeros,
)
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
from initcore.models.rules import Rule
from initcore.recipes.residual import LayerScale

_FEED_FORWARD_BIASES = ("*.mlp.*bias", "*.ffn.*bias", "*.linear[12].bias", "*.fc[12].bias")
_CONVOLUTIONS = ("_ConvNd", "Conv")


def _branch_scale(parameter: Parameter, model: Model) -> Initializer:
    depth = count_layers(parameter, model, None)
    return LayerScale(depth).role("branch_scale").weight


@register("vit")
@dataclass(frozen=True)
class Vit(Recipe):
    """A vision transformer as timm starts it, or as its authors do.

    ``"timm"``: N(0, std^2) for dense kernels and positions, whose cut at +-2 is beyond reach; class
    and register tokens N(0, 1e-6^2); biases 0; the patches' convolution as PyTorch leaves it.
    ``"google"`` (timm's ``"jax"``): Glorot's uniform law for dense kernels, biases of the
    feed-forward part N(0, 1e-6^2), positions N(0, std^2), the token and the head 0, the patches
    LeCun's truncated law. A trained scale of each branch, where there is one, starts as in
    `LayerScale`. Roles: ``"projection"``, ``"position"``, ``"token"``, ``"patches"``,
    ``"readout"``.

    Parameters
    ----------
    std : float, default 0.02
        Of dense kernels (timm) and positions.
    convention : {"timm", "google"}, default "timm"
        Whose start.

    Notes
    -----
    Use: vision transformers of ordinary depth, with normalization before each part.
    Exactness: bit-exact, stream v1.
    Source: timm, models/vision_transformer.py, init_weights_vit_timm;
    google-research/vision_transformer, vit_jax/models_vit.py.
    Check: std(Vit().role("token").weight) == 0.000001

    Examples
    --------
    >>> from initcore import recipes
    >>> recipes.Vit(convention="google").role("readout").weight
    <Zeros: every element 0>
    """

    std: float = 0.02
    convention: Literal["timm", "google"] = "timm"

    def __post_init__(self) -> None:
        _checks.check_fields(self, _checks.positive, "std")
        if self.convention not in ("timm", "google"):
            raise ValueError(f'convention={self.convention!r} must be "timm" or "google"')

    def roles(self, layer: int = 0) -> dict[str, Role]:
        """Every role; all layers are alike; a projection's bias is the feed-forward part's."""
        every = Normal(std=self.std)
        if self.convention == "timm":
            patches = StandardUniform()
            return {
                "projection": Role(every),
                "position": Role(every),
                "token": Role(Normal(std=1e-6)),
                "patches": Role(patches, patches),
                "readout": Role(every),
            }
        return {
            "projection": Role(GlorotUniform(), Normal(std=1e-6)),
            "position": Role(every),
            "token": Role(Zeros()),
            "patches": Role(VarianceScaling(1.0, "fan_in", "truncated_normal")),
            "readout": Role(Zeros()),
        }

    def rules(self) -> tuple[Rule, ...]:
        """Positions, tokens, heads and the feed-forward part's biases by name, patches by class."""
        roles = self.roles()
        table, token = roles["position"].weight, roles["token"].weight
        theirs = (
            (optional(roles["patches"].bias, module=_CONVOLUTIONS, role="bias"),)
            if self.convention == "timm"
            else (
                optional(roles["readout"].weight, name=HEADS, role="weight"),
                optional(roles["projection"].bias, name=_FEED_FORWARD_BIASES, role="bias"),
            )
        )
        return (
            optional(table, name=POSITIONS, role=VECTORS),
            optional(token, name=TOKENS, role=VECTORS),
            optional(_branch_scale, name=BRANCH_SCALES, role="other"),
            optional(roles["patches"].weight, module=_CONVOLUTIONS, role="weight"),
            *theirs,
            optional(roles["projection"].weight, role=KERNELS),
            *rest(embedding=table, token=token),
        )
