"""Rules that most recipes share, and the names that transformers give their parts."""

from initcore.initializers import Constant, Initializer, Normal, Ones, Zeros
from initcore.models.parameters import Model, Parameter
from initcore.models.rules import KEEP, Choice, Rule

POSITIONS = ("*wpe.weight", "*pos_emb*", "*position_emb*", "*positional_emb*")
TOKENS = ("*cls_token*", "*class_token*", "*mask_token*", "*dist_token*", "*reg_token*")
OUTPUTS = (
    "*.c_proj.weight",
    "*.out_proj.weight",
    "*.o_proj.weight",
    "*.proj.weight",
    "*.wo.weight",
    "*.attn_out.weight",
    "*.attention.output.dense.weight",
    "*.to_out.weight",
    "*.to_out.0.weight",
)
"""What attention writes to the stream. GPT-2 calls both of its outputs c_proj."""
FEED_FORWARD_OUTPUTS = (
    "*.mlp.c_proj.weight",
    "*.down_proj.weight",
    "*.fc2.weight",
    "*.linear2.weight",
    "*.w2.weight",
    "*.ff_out.weight",
    "*.output.dense.weight",
    "*.dense_4h_to_h.weight",
    "*.mlp.2.weight",
    "*.mlp.3.weight",
    "*.ffn.2.weight",
)
"""What the feed-forward part writes to the stream."""
HEADS = ("*head.weight", "head.*weight", "heads.*weight", "*classifier.weight", "fc.weight")
BRANCH_SCALES = ("*.gamma", "*.gamma_[0-9]", "*.layer_scale*", "*.ls[0-9].*", "*.lambda*")


def optional(start: Choice, *, name: object = (), module: object = (), role: object = ()) -> Rule:
    """A rule of a recipe, which need not find anything."""
    return Rule(start, name, module, role, needed=False)  # type: ignore[arg-type]


def rest(
    *,
    embedding: Initializer | None = None,
    token: Initializer | None = None,
    bias: Choice | None = None,
) -> tuple[Rule, ...]:
    """What is not a kernel: biases 0, normalizations the identity, other buffers kept."""
    return (
        optional(bias or Zeros(), role=("bias", "recurrent_bias")),
        optional(embedding or Normal(), role="embedding"),
        optional(Ones(), role=("scale", "running_var")),
        optional(Zeros(), role=("shift", "running_mean", "counter")),
        optional(Constant(0.25), role="slope"),
        optional(token or Normal(std=0.02), role="token"),
        optional(KEEP, role="buffer"),
    )


def block_of(parameter: Parameter, model: Model, n_layers: int | None) -> tuple[int, int]:
    """Number of the layer that holds it, and how many layers there are."""
    found = model.block(parameter)
    if found is None:
        if n_layers is None:
            raise ValueError(
                f"name={parameter.name!r} is in no numbered block, so the number of layers is not "
                'known; say it, as in recipe={"recipe": "gpt2", "n_layers": 12}'
            )
        return 0, n_layers
    return found[0], n_layers or found[1]
