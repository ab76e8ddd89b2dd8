"""A Keras model as tensors with names, roles and fans."""

import math
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from initcore._memory import torch_tensors
from initcore.activations import Activation
from initcore.activations.named import DEFAULTS
from initcore.initializers import Fans, einsum_layout, fans
from initcore.models.parameters import Model, Parameter
from initcore.models.weights import Weights

GATES = {"LSTMCell": "ifgo", "ConvLSTMCell": "ifgo", "GRUCell": "zrn"}
"""Gates in the order in which Keras packs them, by the letters that PyTorch has for them."""

_ROLES = {
    "gamma": "scale",
    "scale": "scale",
    "beta": "shift",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "alpha": "slope",
}
_LAYERS = {phi.keras_layer: phi for phi in DEFAULTS.values() if phi.keras_layer}
_ACTIVATIONS = {
    **{name: phi.name for phi in DEFAULTS.values() for name in phi.keras_functions},
    # what follows the output is the loss
    "softmax": "identity",
    "log_softmax": "identity",
}
_NORMS = tuple(
    getattr(keras.layers, name)
    for name in (
        *("BatchNormalization", "LayerNormalization", "GroupNormalization"),
        "RMSNormalization",  # which older versions of Keras have not
    )
    if hasattr(keras.layers, name)
)
_PASS = ("Dropout", "Normalization", "Pooling", "Flatten", "Reshape", "Permute", "InputLayer")
_SPATIAL = "abcdef"
_KERNEL_ROLES = ("weight", "recurrent", "bias", "embedding")

Facts = dict[str, Any]


def kinds(layer: Any) -> tuple[str, ...]:
    """Names of the layer's class and of those that it derives from."""
    above = (keras.layers.Layer, keras.Operation)
    mro = type(layer).__mro__
    end = next(at for at, cls in enumerate(mro) if cls in above)
    return tuple(cls.__name__ for cls in mro[:end])


def _is_keras_own(layer: Any) -> bool:
    """Whether the layer computes what a class of Keras's does."""
    defining = next(base for base in type(layer).__mro__ if "call" in base.__dict__)
    return defining.__module__.split(".")[0] == "keras"


def _activation(function: Any) -> str | None:
    name = getattr(function, "__name__", type(function).__name__).lower()
    return _ACTIVATIONS.get(name)


def _own_activation(layer: Any) -> str | Activation | None:
    """The activation within a layer or that a layer is; None for none or an unknown one."""
    phi = next((_LAYERS[kind] for kind in kinds(layer) if kind in _LAYERS), None)
    if phi is not None:
        chosen = type(phi)(*[getattr(layer, name) for name in phi.keras_parameters])
        return phi.name if chosen == phi else chosen
    function = getattr(layer, "activation", None)
    return None if function is None else _activation(function)


def following(layers: list[Any]) -> dict[int, str | Activation]:
    """The activation after each layer of a row, by the layer's id, where it is known."""
    found: dict[int, str | Activation] = {}
    after: str | Activation | None = "identity"
    for layer in reversed(layers):
        own = _own_activation(layer)
        if "Activation" in kinds(layer) or not layer.weights:
            passes = any(part in kind for kind in kinds(layer) for part in _PASS)
            after = own if own not in (None, "identity") else after if passes or own else None
            continue
        if own is not None:
            known = after if own == "identity" else own
            if known is not None:
                found[id(layer)] = known
        if not isinstance(layer, _NORMS):
            after = "identity"
    return found


def _kernel(layer: Any, name: str, shape: tuple[int, ...]) -> Facts:
    """Layout and fans of a kernel of a dense layer or convolution."""
    spatial = _SPATIAL[: max(0, len(shape) - 2)]
    found = kinds(layer)
    stride = getattr(layer, "strides", 1)
    if "EinsumDense" in found:
        layout = einsum_layout(layer.equation)
        known = fans(shape, layout)
    elif name == "depthwise_kernel" or "BaseDepthwiseConv" in found:
        layout = f"{spatial}go"
        known = fans(shape, layout, stride=stride)
    elif "BaseConvTranspose" in found:
        layout = f"{spatial}oi"
        known = fans(shape, layout, transposed=True, stride=stride)
        return _said(layout, known, transposed=True)
    elif "BaseConv" in found:
        layout, groups = f"{spatial}io", layer.groups
        return _said(layout, fans(shape, layout, groups=groups, stride=stride), groups=groups)
    else:
        layout = f"{spatial}io"
        known = fans(shape, layout)
    return _said(layout, known)


def _said(layout: str, known: Fans, **more: Any) -> Facts:
    return {"layout": layout, "fan_in": known.fan_in, "fan_out": known.fan_out, **more}


def _recurrent(layer: Any, name: str, shape: tuple[int, ...]) -> Facts:
    gates: tuple[str, ...] = next(
        (tuple(GATES[kind]) for kind in kinds(layer) if kind in GATES), ()
    )
    units = shape[-1] // max(1, len(gates))
    if name == "bias":
        inputs = math.prod(layer.kernel.shape[:-1])
        packed = {"parts": gates} if len(shape) == 1 else {}
        return {"role": "bias", "layout": "io", "fan_in": inputs, "fan_out": units, **packed}
    return {
        "role": "recurrent" if name == "recurrent_kernel" else "weight",
        "layout": f"{_SPATIAL[: len(shape) - 2]}io",
        "fan_in": math.prod(shape[:-1]),
        "fan_out": units * math.prod(shape[:-2]),
        "parts": gates,
        "part_axis": len(shape) - 1,
    }


def _facts(layer: Any, name: str, shape: tuple[int, ...]) -> Facts:
    found = kinds(layer)
    if any(kind in (*GATES, "SimpleRNNCell") for kind in found):
        return _recurrent(layer, name, shape)
    if "Embedding" in found and name == "embeddings":
        return {"role": "embedding", "fan_in": 1, "fan_out": shape[1]}
    if isinstance(layer, keras.layers.Normalization):
        return {"role": "set"}  # by `adapt`, from data
    if isinstance(layer, _NORMS):
        return {"role": _ROLES.get(name, "other") if _is_keras_own(layer) else "other"}
    if "PReLU" in found:
        return {"role": _ROLES.get(name, "other")}
    if name.endswith("kernel") and len(shape) > 1:
        return {"role": "weight", **_kernel(layer, name, shape)}
    last = next(
        (getattr(layer, at) for at in ("kernel", "pointwise_kernel") if hasattr(layer, at)), None
    )
    if name == "bias" and last is not None:
        known = _kernel(layer, "kernel", tuple(last.shape))
        return {"role": "bias", "fan_in": known["fan_in"], "fan_out": known["fan_out"]}
    return {"role": "other"}


def _owned(model: Any) -> Iterator[tuple[Any, Any]]:
    """Each variable once, with the layer that made it."""
    seen: set[int] = set()
    for layer in model._flatten_layers():
        below = {id(v) for part in layer._flatten_layers(include_self=False) for v in part.weights}
        for variable in layer.weights:
            if id(variable) not in below | seen:
                seen.add(id(variable))
                yield layer, variable


def path_of(model: Any, variable: Any) -> tuple[str, ...]:
    """The variable's path, without the model's own name."""
    parts = tuple(variable.path.split("/"))
    return parts[1:] if len(parts) > 1 and parts[0] == model.name else parts


def _numbered(model: Any) -> list[str]:
    """Names of layers that Keras chose, which depend on what else was made before."""
    snake = {
        layer: re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", type(layer).__name__).lower()
        for layer in model.layers
    }
    return [
        layer.name
        for layer, kind in snake.items()
        if layer.weights and re.fullmatch(rf"{kind}(_\d+)?", layer.name)
    ]


def _require_float_layers(model: Any) -> None:
    """Refuse layers whose kernels are quantized: other variables say what their integers mean."""
    for layer in model._flatten_layers():
        mode = getattr(layer, "quantization_mode", None)
        if mode is not None:
            raise TypeError(
                f"{layer.path} is quantized to {mode}; initialize the model before it is quantized"
            )


def _is_frozen(layer: Any, variable: Any, role: str) -> bool:
    """Whether the owner of a variable does not train it; statistics never are."""
    if role in ("running_mean", "running_var"):
        return not layer.trainable
    return not variable.trainable


def describe(model: Any) -> tuple[Model, dict[str, Any], tuple[str, ...]]:
    """Every weight of a built model, the variables by name, and remarks."""
    if not isinstance(model, keras.layers.Layer):
        raise TypeError(f"model={model!r} must be a keras.Model or a keras.layers.Layer")
    if not model.built:
        raise ValueError("model has no weights yet: call model.build(input_shape) first")
    _require_float_layers(model)
    row = isinstance(model, keras.Sequential)
    known = following(model.layers) if row else {}
    found: list[Parameter] = []
    variables: dict[str, Any] = {}
    guesses: dict[str, str] = {}
    for layer, variable in _owned(model):
        path, shape = path_of(model, variable), tuple(variable.shape)
        whole = "float" not in variable.dtype and "complex" not in variable.dtype
        facts: Facts = {"role": "buffer"} if whole else _facts(layer, path[-1], shape)
        if facts["role"] in _KERNEL_ROLES and not _is_keras_own(layer):
            guesses[type(layer).__qualname__] = (
                f"guessed: {type(layer).__qualname__} computes what nobody knows, and its tensors "
                "are taken for what their names say"
            )
        if facts["role"] == "weight":
            own = _own_activation(layer)
            facts["activation"] = known.get(id(layer), None if own == "identity" else own)
        name = "/".join(path)
        found.append(
            Parameter(
                name,
                path,
                shape,
                kinds=kinds(layer),
                dtype=variable.dtype,
                frozen=_is_frozen(layer, variable, facts["role"]),
                **facts,
            )
        )
        variables[name] = variable
    remarks = [] if row else ["activations: those that layers carry themselves"]
    remarks += guesses.values()
    frozen = sum(parameter.frozen for parameter in found)
    if frozen:
        remarks.append(
            f"frozen: {frozen} variables that are not trained are kept, unless a rule of your own "
            "names them"
        )
    numbered = _numbered(model) if hasattr(model, "layers") else []
    if numbered:
        remarks.append(
            f"names by Keras, which depend on the layers made before: {', '.join(numbered[:6])}; "
            "give layers names for the same numbers in every program"
        )
    return Model(tuple(found)), variables, tuple(remarks)


def array(variable: Any) -> np.ndarray[Any, Any]:
    """The values of a variable; a view where the backend allows it."""
    value = variable.value
    if keras.backend.backend() == "torch":
        return torch_tensors.view(value, variable.path)
    return np.asarray(value)


def weights(model: Any) -> Weights:
    """Every weight of a built model."""
    described, variables, _ = describe(model)
    return Weights(described, {name: array(variable) for name, variable in variables.items()})
