"""What the kind of a torch layer says of its tensors: role, fans, and what is packed into one.

A parameter is known if the module's class is one of torch's own, or derives from one without
another forward pass, and that class defines a parameter of this name. A module of another class is
known by what it does: `norm_roles` and `dense_uses` run a copy of it. All else is "other".
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn

from initcore.initializers import Fans, fans
from initcore.interop.torch._libraries import library_facts
from initcore.interop.torch._norms import NORMS, norm_roles
from initcore.interop.torch._split import split_weights
from initcore.interop.torch._uses import Use, dense_uses

GATES = {nn.LSTM: "ifgo", nn.LSTMCell: "ifgo", nn.GRU: "rzn", nn.GRUCell: "rzn"}
"""Order of the packed gates; the letters are torch's own."""

_CONVOLUTION = nn.modules.conv._ConvNd
_NORM_BUFFERS = {
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


def _shape_of_kernel(module: Any) -> tuple[int, ...]:
    """The shape of a dense or convolution layer's kernel, which may be computed or stored apart."""
    weight = module._parameters.get("weight")
    if weight is not None:
        return tuple(weight.shape)
    if isinstance(module, nn.Linear):
        return module.out_features, module.in_features
    first, second = module.out_channels, module.in_channels
    if module.transposed:
        first, second = second, first
    return first, second // module.groups, *module.kernel_size


def _dense(module: Any, name: str, tensor: torch.Tensor) -> Facts:
    packing: Facts = {}
    layout = "oi"
    if isinstance(module, _CONVOLUTION):
        layout = "io" if module.transposed else "oi"
        packing = {"groups": module.groups, "transposed": module.transposed}
        stride = module.stride if isinstance(module.stride, int) else tuple(module.stride)
        known = _fans(_shape_of_kernel(module), layout, stride=stride, **packing)
    elif isinstance(module, nn.Bilinear):
        known = Fans(module.in1_features * module.in2_features, module.out_features)
    else:
        known = _fans(_shape_of_kernel(module))
    return {
        "role": name,  # "weight" or "bias"
        "layout": layout,
        "fan_in": known.fan_in,
        "fan_out": known.fan_out,
        **(packing if name == "weight" else {}),
    }


def _attention(module: Any, name: str, tensor: torch.Tensor) -> Facts:
    if name in ("bias_k", "bias_v"):
        return {"role": "token"}
    width = module.embed_dim
    packed = ("q", "k", "v") if name.startswith("in_proj") else ()
    fan_in = tensor.shape[1] if tensor.ndim > 1 else width
    role = "bias" if name.endswith("bias") else "weight"
    return {
        "role": role,
        "fan_in": fan_in,
        "fan_out": width,
        "parts": packed,
        "activation": "identity",
    }


def _recurrent(module: Any, name: str, tensor: torch.Tensor) -> Facts:
    """RNN, LSTM, GRU and their cells: weight_ih_l0, weight_hh_l0, bias_ih_l0 ..."""
    gates = next((tuple(GATES[base]) for base in type(module).__mro__ if base in GATES), ())
    if name.startswith("weight_hr"):
        return {"role": "weight", "fan_in": tensor.shape[1], "fan_out": tensor.shape[0]}
    second = "_hh" in name
    if name.startswith("weight"):
        role, fan_in = ("recurrent" if second else "weight"), tensor.shape[1]
    else:
        role = "recurrent_bias" if second else "bias"
        kernel = module._parameters.get(name.replace("bias", "weight"))
        fan_in = None if kernel is None else kernel.shape[1]
    units = tensor.shape[0] // max(1, len(gates))
    return {"role": role, "fan_in": fan_in, "fan_out": units, "parts": gates}


def _embedding(module: Any, name: str, tensor: torch.Tensor) -> Facts:
    row = module.padding_idx
    return {
        "role": "embedding",
        "fan_in": 1,
        "fan_out": tensor.shape[1],
        "zero_row": row if row is None or row >= 0 else tensor.shape[0] + row,
    }


def _slope(module: Any, name: str, tensor: torch.Tensor) -> Facts:
    return {"role": "slope"}


def _norm(module: Any, name: str, tensor: torch.Tensor) -> Facts:
    return {"role": "scale" if name == "weight" else "shift"}


class _Kind(NamedTuple):
    """One of torch's families of layers, the parameters that it defines and what they are."""

    classes: tuple[type, ...]
    names: re.Pattern[str]
    ndim: tuple[int, ...]
    """Axes that its kernels have; () for any."""
    facts: Callable[[Any, str, torch.Tensor], Facts]


_KINDS = (
    _Kind(
        (nn.MultiheadAttention,),
        re.compile(r"in_proj_weight|[qkv]_proj_weight|in_proj_bias|bias_[kv]"),
        (),
        _attention,
    ),
    _Kind(
        (nn.RNNBase, nn.modules.rnn.RNNCellBase),
        re.compile(r"(weight_(ih|hh|hr)|bias_(ih|hh))(_l\d+(_reverse)?)?"),
        (1, 2),
        _recurrent,
    ),
    _Kind((nn.Embedding, nn.EmbeddingBag), re.compile("weight"), (2,), _embedding),
    _Kind((nn.PReLU,), re.compile("weight"), (), _slope),
    _Kind((nn.Linear,), re.compile("weight|bias"), (1, 2), _dense),
    _Kind((nn.Bilinear, _CONVOLUTION), re.compile("weight|bias"), (), _dense),
    _Kind(
        NORMS,
        re.compile("weight|bias"),
        (),
        _norm,
    ),
)


@lru_cache(maxsize=512)
def _kind_of(cls: Any) -> _Kind | None:
    return next((kind for kind in _KINDS if issubclass(cls, kind.classes)), None)


@lru_cache(maxsize=512)
def _overrides(cls: Any) -> bool:
    """Whether a class computes something else than the class of torch's that it derives from."""
    defining = next(base for base in cls.__mro__ if "forward" in base.__dict__)
    return not defining.__module__.startswith("torch.")


class Layers:
    """Facts of the parameters of one model; what is found out of a module serves all like it."""

    def __init__(self, model: nn.Module) -> None:
        self._parts, self.splits = split_weights(model)
        self._norms: dict[object, dict[str, str]] = {}
        self._uses: dict[object, dict[str, Use]] = {}
        self.guesses: dict[str, str] = {}
        """What was taken for granted, by the class that it was taken of."""

    def parameter_facts(self, module: nn.Module, name: str, tensor: torch.Tensor) -> Facts:
        """Role, fans, layout and parts of a parameter of this module."""
        part = self._parts.get((module, name))
        if part is not None:
            if part.role == "magnitude":
                return {"role": "magnitude", "kinds": kinds(part.owner)}
            facts = self.parameter_facts(part.owner, part.weight, tensor)
            return {"kinds": kinds(part.owner), **facts}
        cls: Any = type(module)
        kind = _kind_of(cls)
        if kind is not None and kind.names.fullmatch(name) and self._fits(kind, tensor):
            if not _overrides(cls) and "forward" not in module.__dict__:
                return kind.facts(module, name, tensor)
            if kind.facts is not _norm:
                base = next(b.__name__ for b in cls.__mro__ if b.__module__.startswith("torch."))
                self.guesses[cls.__qualname__] = (
                    f"guessed: {cls.__qualname__} has a forward of its own, and its tensors are "
                    f"taken for those of {base}"
                )
                return kind.facts(module, name, tensor)
        return self._by_what_it_does(module, name, tensor)

    @staticmethod
    def _fits(kind: _Kind, tensor: torch.Tensor) -> bool:
        return not kind.ndim or tensor.ndim in kind.ndim

    def _by_what_it_does(self, module: nn.Module, name: str, tensor: torch.Tensor) -> Facts:
        alike = _alike(module)
        if alike not in self._norms:
            self._norms[alike] = norm_roles(module)
        roles = self._norms[alike]
        if roles:
            return {"role": roles[name]}
        if alike not in self._uses:
            self._uses[alike] = dense_uses(module)
        use = self._uses[alike].get(name)
        if use is None:
            return library_facts(module, name, tensor) or {"role": "other"}
        kernel = module._parameters[use.kernel]
        assert kernel is not None
        known = _fans(tuple(kernel.shape), use.layout)
        layout = use.layout if use.role == "weight" else "oi"
        return {
            "role": use.role,
            "layout": layout,
            "fan_in": known.fan_in,
            "fan_out": known.fan_out,
        }


def _alike(module: nn.Module) -> object:
    """Equal for modules of one class whose parameters have one shape and whose settings agree."""
    shapes = tuple((k, tuple(p.shape)) for k, p in module._parameters.items() if p is not None)
    settings = tuple(
        (name, value if isinstance(value, str | int | float | bool) else id(value))
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, torch.Tensor)
    )
    return type(module), shapes, settings


def buffer_facts(module: nn.Module, name: str) -> Facts:
    """Role of a buffer of this module."""
    own = isinstance(module, nn.modules.batchnorm._NormBase)
    return {"role": _NORM_BUFFERS.get(name, "buffer") if own else "buffer"}
