"""What the kind of a torch layer says of its tensors: role, fans, and what is packed into one."""

from functools import lru_cache
from typing import Any

import torch
from torch import nn

from initcore.initializers import Fans, fans

GATES = {"LSTM": "ifgo", "GRU": "rzn"}
"""Order of the packed gates; the letters are torch's own."""

_CONVOLUTION = nn.modules.conv._ConvNd
_RECURRENT = (nn.RNNBase, nn.modules.rnn.RNNCellBase)
_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
_DENSE = (nn.Linear, nn.Bilinear, _CONVOLUTION)
_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_NORM_ROLES = {
    "weight": "scale",
    "scale": "scale",
    "gamma": "scale",
    "bias": "shift",
    "shift": "shift",
    "beta": "shift",
    "running_mean": "running_mean",
    "running_var": "running_var",
    "num_batches_tracked": "counter",
}

Facts = dict[str, Any]

_fans = lru_cache(maxsize=1024)(fans)  # a model has many layers of few shapes


@lru_cache(maxsize=256)
def _kinds(cls: Any) -> tuple[str, ...]:
    names = [base.__name__ for base in cls.__mro__ if base not in (nn.Module, object)]
    # attention's output layer, which is a Linear to everybody but torch's quantization
    return tuple(sorted(names, key=lambda name: name == "NonDynamicallyQuantizableLinear"))


def kinds(module: nn.Module) -> tuple[str, ...]:
    """Names of the module's class and of those that it derives from."""
    cls: Any = type(module)
    return _kinds(cls)


def _dense(module: Any, name: str) -> Facts:
    layout = "oi"
    packing: Facts = {}
    if isinstance(module, _CONVOLUTION):
        layout = "io" if module.transposed else "oi"
        packing = {"groups": module.groups, "transposed": module.transposed}
        stride = module.stride if isinstance(module.stride, int) else tuple(module.stride)
        known = _fans(tuple(module.weight.shape), layout, stride=stride, **packing)
    elif isinstance(module, nn.Bilinear):
        known = Fans(module.in1_features * module.in2_features, module.out_features)
    elif isinstance(module, nn.Linear):
        known = _fans(tuple(module.weight.shape))
    else:  # a dense layer stored (in, out), as in Hugging Face's GPT-2
        layout = "io"
        known = _fans(tuple(module.weight.shape), layout)
    return {
        "role": "weight" if name == "weight" else "bias",
        "layout": layout,
        "fan_in": known.fan_in,
        "fan_out": known.fan_out,
        **(packing if name == "weight" else {}),
    }


def _attention(module: nn.MultiheadAttention, name: str, tensor: torch.Tensor) -> Facts:
    if name in ("bias_k", "bias_v"):
        return {"role": "token"}
    width = module.embed_dim
    packed = ("q", "k", "v") if name.startswith("in_proj") else ()
    fan_in = tensor.shape[1] if tensor.ndim > 1 else width
    role = "bias" if name.endswith("bias") else "weight"
    return {"role": role, "fan_in": fan_in, "fan_out": width, "parts": packed, "known": "identity"}


def _recurrent(module: Any, name: str, tensor: torch.Tensor) -> Facts:
    """RNN, LSTM, GRU and their cells: weight_ih_l0, weight_hh_l0, bias_ih_l0 ..."""
    gates: tuple[str, ...] = ()
    for kind, letters in GATES.items():
        if any(kind in base for base in kinds(module)):
            gates = tuple(letters)
    if name.startswith("weight_hr"):
        return {"role": "weight", "fan_in": tensor.shape[1], "fan_out": tensor.shape[0]}
    second = "_hh" in name
    if name.startswith("weight"):
        role, fan_in = ("recurrent" if second else "weight"), tensor.shape[1]
    else:
        role = "recurrent_bias" if second else "bias"
        fan_in = getattr(module, name.replace("bias", "weight")).shape[1]
    units = tensor.shape[0] // max(1, len(gates))
    return {"role": role, "fan_in": fan_in, "fan_out": units, "parts": gates}


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, _NORMS) or "Norm" in type(module).__name__


def parameter_facts(module: nn.Module, name: str, tensor: torch.Tensor) -> Facts:
    """Role, fans, layout and parts of a parameter of this module."""
    if isinstance(module, nn.MultiheadAttention):
        return _attention(module, name, tensor)
    if isinstance(module, _RECURRENT):
        return _recurrent(module, name, tensor)
    if isinstance(module, _EMBEDDINGS):
        row = module.padding_idx
        return {
            "role": "embedding",
            "fan_in": 1,
            "fan_out": tensor.shape[1],
            "zero_row": row if row is None or row >= 0 else tensor.shape[0] + row,
        }
    if isinstance(module, nn.PReLU):
        return {"role": "slope"}
    if (isinstance(module, _DENSE) or kinds(module)[:1] == ("Conv1D",)) and name in (
        "weight",
        "bias",
    ):
        return _dense(module, name)
    if _is_norm(module):
        return {"role": _NORM_ROLES.get(name, "other")}
    return {"role": "other"}


def buffer_facts(module: nn.Module, name: str) -> Facts:
    """Role of a buffer of this module."""
    return {"role": _NORM_ROLES.get(name, "buffer") if _is_norm(module) else "buffer"}
