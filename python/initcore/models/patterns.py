"""Names that models give their parts, and rules that most recipes share."""

import math

from initcore.initializers import Constant, Initializer, Normal, Ones, Zeros
from initcore.models.parameters import Model, Parameter
from initcore.models.rules import KEEP, LENGTHS, SET, Choice, Rule

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
RESIDUAL = (*FEED_FORWARD_OUTPUTS, *OUTPUTS)
"""What writes to the residual stream."""
QUERIES_AND_KEYS = (
    *("*.q_proj.*", "*.query.*", "*.wq.*", "*.to_q.*", "*.q_proj_weight"),
    *("*.k_proj.*", "*.key.*", "*.wk.*", "*.to_k.*", "*.k_proj_weight"),
)
VALUES = ("*.v_proj.*", "*.value.*", "*.wv.*", "*.to_v.*", "*.v_proj_weight")
KERNELS = ("weight", "recurrent")
VECTORS = ("embedding", "token", "other")
"""Roles of learned positions and tokens: a table, a vector of a known class, or one of another."""
RECURRENT_LAYERS = (
    *("RNNBase", "RNNCellBase", "RNN"),
    *("SimpleRNNCell", "LSTMCell", "GRUCell", "ConvLSTMCell"),  # of Keras
)
HEADS = ("*head.weight", "head.*weight", "heads.*weight", "*classifier.weight", "fc.weight")
BRANCH_SCALES = ("*.gamma", "*.gamma_[0-9]", "*.layer_scale*", "*.ls[0-9].*", "*.lambda*")


def optional(init: Choice, *, name: object = (), module: object = (), role: object = ()) -> Rule:
    """A rule of a recipe, which need not find anything."""
    return Rule(init, name, module, role, needed=False)  # type: ignore[arg-type]


def rest(
    *,
    embedding: Choice | None = None,
    token: Choice | None = None,
    bias: Choice | None = None,
) -> tuple[Rule, ...]:
    """What is not a kernel: biases 0, normalizations the identity, other buffers kept."""
    return (
        optional(bias or Zeros(), role=("bias", "recurrent_bias")),
        optional(embedding or Normal(), role="embedding"),
        optional(Ones(), role=("scale", "running_var")),
        optional(Zeros(), role=("scale_offset", "shift", "running_mean", "counter")),
        optional(Constant(0.25), role="slope"),
        optional(token or Normal(std=0.02), role="token"),
        optional(LENGTHS, role="magnitude"),
        optional(SET, role="set"),
        optional(KEEP, role="buffer"),
    )


def inverse_root_of_width(parameter: Parameter, model: Model) -> Initializer:
    """N(0, 1 / width), width the length of a row."""
    return Normal(std=1.0 / math.sqrt(parameter.shape[-1]))


def layer_number(parameter: Parameter, model: Model, n_layers: int | None) -> tuple[int, int]:
    """Number of the layer that holds it, and how many layers there are."""
    block = model.block(parameter)
    if block is None:
        if n_layers is None:
            raise ValueError(
                f"name={parameter.name!r} is in no numbered block, so the number of layers is not "
                'known; say it, as in recipe={"recipe": "gpt2", "n_layers": 12}'
            )
        return 0, n_layers
    return block[0], n_layers or block[1]


def count_layers(parameter: Parameter, model: Model, n_layers: int | None) -> int:
    """How many layers there are."""
    return layer_number(parameter, model, n_layers)[1]
