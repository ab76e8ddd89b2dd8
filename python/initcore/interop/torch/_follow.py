"""Which activation follows a layer, read off the graph that torch.fx traces."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import fx, nn

from initcore.activations import Activation
from initcore.activations.base import Named
from initcore.activations.named import DEFAULTS

Known = str | Activation
Outcome = Known | None

_CLASSES: dict[type, Named] = {
    getattr(nn, phi.torch_module): phi for phi in DEFAULTS.values() if phi.torch_module
}
_FUNCTIONS: dict[str, Named] = {
    name: phi for phi in DEFAULTS.values() for name in phi.torch_functions
}
"""Functions and methods of torch by name."""

# What leaves the mean square, or the shape of the law, as it is, so that one looks further.
_PASS_CLASSES = (
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.modules.dropout._DropoutNd,
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
)
_PASS_NAMES = {
    *("add", "iadd", "sub", "mean", "clone", "to", "float", "half", "contiguous"),
    *("flatten", "reshape", "view", "permute", "transpose", "squeeze", "unsqueeze"),
    *("cat", "chunk", "split", "getitem"),
    *("batch_norm", "layer_norm", "group_norm", "rms_norm", "instance_norm"),
    *("dropout", "max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool"),
}
_END_NAMES = {
    *("mul", "imul", "matmul", "bmm", "einsum", "linear", "conv", "conv_transpose", "sum"),
    *("softmax", "log_softmax", "scaled_dot_product_attention", "cross_entropy"),
    *("getattr", "size"),
}


def _plain(name: str) -> str:
    """A function's name without underscores and dimensions: add_ is add, max_pool2d max_pool."""
    for dimensions in ("1d", "2d", "3d"):
        name = name.removesuffix(dimensions)
    return name.strip("_")


def _with(phi: Named, values: Iterable[Any]) -> Outcome:
    """The activation with the parameters given: its name if they are the default ones."""
    given = [value for value in values if isinstance(value, int | float)]
    try:
        chosen = type(phi)(*given) if len(given) == len(phi.torch_parameters) else phi
    except ValueError:  # not one of ours, such as a LeakyReLU that turns the sign
        return None
    return phi.name if chosen == phi else chosen


def of_module(module: Any) -> Outcome:
    """The activation that this module is, or None."""
    if isinstance(module, nn.GELU):
        return "gelu" if module.approximate == "none" else "gelu_tanh"
    phi = _CLASSES.get(type(module))
    return phi and _with(phi, [getattr(module, name) for name in phi.torch_parameters])


def of_function(function: Any) -> Outcome:
    """The activation that this function is, or None."""
    phi = _FUNCTIONS.get(_plain(getattr(function, "__name__", "")))
    return phi and phi.name


def _of_call(name: str, node: fx.Node) -> Outcome:
    """The activation that a call of the function of this name is, or None."""
    if name == "gelu":
        return "gelu_tanh" if node.kwargs.get("approximate") == "tanh" else "gelu"
    phi = _FUNCTIONS.get(name)
    if phi is None:
        return None
    default = phi.parameters
    values = [
        node.kwargs.get(key, node.args[at] if len(node.args) > at else default[at - 1])
        for at, key in enumerate(phi.torch_parameters, start=1)
    ]
    return _with(phi, values)


def _outcome(node: fx.Node, modules: dict[str, nn.Module]) -> Outcome:
    """The activation that this node of a graph is, "identity" for an end, "" to look further."""
    if node.op == "output":
        return "identity"
    if node.op == "call_module":
        module = modules[str(node.target)]
        found = of_module(module)
        if found is not None:
            return found
        if isinstance(module, _PASS_CLASSES) or "Norm" in type(module).__name__:
            return ""
        weighted = any(True for _ in module.parameters(recurse=False))
        return "identity" if weighted or isinstance(module, nn.MultiheadAttention) else None
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    name = _plain(name)
    if name in _FUNCTIONS:
        return _of_call(name, node)
    if name in _PASS_NAMES:
        return ""
    return "identity" if name in _END_NAMES else None


def _follows(start: fx.Node, modules: dict[str, nn.Module], is_whole: bool) -> Outcome:
    """The one activation that all ways onward from a node come to first."""
    found: list[Outcome] = []
    seen: set[fx.Node] = set()
    waiting = list(start.users)
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        outcome = None if node.op == "output" and not is_whole else _outcome(node, modules)
        if outcome == "":
            waiting.extend(node.users)
        else:
            found.append(outcome)
    nonlinear = {outcome for outcome in found if outcome not in (None, "identity")}
    if len(nonlinear) == 1:
        return nonlinear.pop()
    return "identity" if found and all(outcome == "identity" for outcome in found) else None


class _Tracer(fx.Tracer):
    """Takes the modules given for leaves, besides torch's own."""

    def __init__(self, leaves: Iterable[nn.Module]) -> None:
        super().__init__()
        self._leaves = {id(module) for module in leaves}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return id(m) in self._leaves or super().is_leaf_module(m, module_qualified_name)


def _trace(module: nn.Module, leaves: Iterable[nn.Module]) -> fx.Graph | str:
    """The graph, or the reason why there is none. Random numbers drawn meanwhile are undone."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _Tracer(leaves).trace(module)
        except Exception as error:  # a forward pass may raise anything
            return f"{type(error).__name__}: {error}".splitlines()[0]


def _read(graph: fx.Graph, root: nn.Module, prefix: str, is_whole: bool) -> dict[str, Outcome]:
    modules = dict(root.named_modules(remove_duplicate=False))
    found: dict[str, Outcome] = {}
    for node in graph.nodes:
        if node.op == "call_module":
            path = f"{prefix}{node.target}"
            outcome = _follows(node, modules, is_whole)
            if path in found and found[path] != outcome:
                outcome = None
            found[path] = outcome
    return found


_LAYERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
_NO_GRAPH = (*_LAYERS, nn.MultiheadAttention)
"""Composite layers that need no graph; a class that derives from one may do more."""


def _built_in(model: nn.Module) -> dict[str, Outcome]:
    """What torch's own composite layers do within."""
    found: dict[str, Outcome] = {}
    for path, module in model.named_modules():
        if isinstance(module, _LAYERS):
            prefix = f"{path}." if path else ""
            activation: Callable[..., Any] = module.activation
            inner = of_module(activation) or of_function(activation)
            found[f"{prefix}linear1"] = inner
            found[f"{prefix}linear2"] = "identity"
        if isinstance(module, nn.MultiheadAttention):
            found[f"{path}.out_proj" if path else "out_proj"] = "identity"
    return found


def following(model: nn.Module) -> tuple[dict[str, Outcome], str]:
    """The activation after each layer by the layer's name, and a remark on how it was found.

    The whole model is traced where that works. Otherwise what can be traced of it is, with the
    rest as closed boxes; what leaves such a part is not followed. No data is computed.
    """
    found = _built_in(model)
    graph = _trace(model, ())
    if isinstance(graph, fx.Graph):
        found |= {k: v for k, v in _read(graph, model, "", True).items() if k not in found}
        return found, "activations: read off the graph of torch.fx"
    reason = graph
    closed: list[nn.Module] = []
    paths = sorted(model.named_modules(), key=lambda item: -item[0].count("."))
    for path, module in paths:
        if path and type(module) not in _NO_GRAPH and any(True for _ in module.children()):
            part = _trace(module, closed)
            if isinstance(part, fx.Graph):
                read = _read(part, module, f"{path}.", False)
                found |= {k: v for k, v in read.items() if v is not None or k not in found}
            else:
                closed.append(module)
    return found, f"activations: torch.fx could not trace the whole ({reason}), only parts of it"
