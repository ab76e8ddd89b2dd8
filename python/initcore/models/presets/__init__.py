"""The recipes that have a name: each is a function from its options to a list of rules."""

from collections.abc import Callable

from initcore.models.presets.plain import (
    glorot,
    he,
    keras_default,
    lecun,
    siren,
    torch_default,
    xavier,
)
from initcore.models.presets.residual import fixup_resnet, nfnet
from initcore.models.presets.transformers import bert, deepnorm, gpt2, llama, olmo, vit
from initcore.models.presets.width import mup
from initcore.models.rules import Rule

PRESETS: dict[str, Callable[..., tuple[Rule, ...]]] = {
    function.__name__: function
    for function in (
        xavier,
        he,
        glorot,
        lecun,
        torch_default,
        keras_default,
        gpt2,
        llama,
        olmo,
        bert,
        vit,
        nfnet,
        fixup_resnet,
        mup,
        deepnorm,
        siren,
    )
}
