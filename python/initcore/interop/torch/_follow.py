"""Which activation follows a layer, read off the graph that torch.fx traces."""

import random
import warnings
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from initcore.activations import Activation
from initcore.activations.base import Named
from initcore.activations.named import DEFAULTS
from initcore.interop.torch._copy import bare_copy

Known = str | Activation
Outcome = Known | None
Norms = AbstractSet[nn.Module]

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


def _outcome(node: fx.Node, modules: dict[str, nn.Module], norms: Norms) -> Outcome:
    """The activation that this node of a graph is, "identity" for an end, "" to look further."""
    if node.op == "output":
        return "identity"
    if node.op == "call_module":
        module = modules[str(node.target)]
        found = of_module(module)
        if found is not None:
            return found
        if isinstance(module, _PASS_CLASSES) or module in norms:
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


def _follows(
    start: fx.Node, modules: dict[str, nn.Module], norms: Norms, is_whole: bool
) -> Outcome:
    """The one activation that all ways onward from a node come to first."""
    found: list[Outcome] = []
    seen: set[fx.Node] = set()
    waiting = list(start.users)
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        ends = node.op == "output" and not is_whole
        outcome = None if ends else _outcome(node, modules, norms)
        if outcome == "":
            waiting.extend(node.users)
        else:
            found.append(outcome)
    nonlinear = {outcome for outcome in found if outcome not in (None, "identity")}
    if len(nonlinear) == 1:
        return nonlinear.pop()
    return "identity" if found and all(outcome == "identity" for outcome in found) else None


# Kernels whose module is one step of the graph, also where a class derives from them.
_LEAVES = (
    *(nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.PReLU, nn.RNNBase),
    *(nn.modules.conv._ConvNd, nn.modules.rnn.RNNCellBase, nn.MultiheadAttention),
)


class _Tracer(fx.Tracer):
    """Takes the modules given for leaves, besides torch's own and what derives from them."""

    def __init__(self, leaves: Iterable[nn.Module]) -> None:
        super().__init__()
        self._leaves = set(leaves)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return (
            m in self._leaves
            or isinstance(m, _LEAVES)
            or super().is_leaf_module(m, module_qualified_name)
        )


@contextmanager
def _generators_kept() -> Iterator[None]:
    """What a forward pass draws from torch's, NumPy's and Python's generators is undone."""
    # NumPy's old generator, since that is the one that a forward pass may share
    numpys, pythons = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        np.random.set_state(numpys)  # noqa: NPY002
        random.setstate(pythons)


def _trace(module: nn.Module, leaves: Iterable[nn.Module]) -> fx.Graph | str:
    """The graph of a copy's module, or the reason why there is none."""
    with _generators_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _Tracer(leaves).trace(module)
        except (Exception, SystemExit) as error:  # a forward pass may raise anything
            return f"{type(error).__name__}: {error}".splitlines()[0]


def _read(graph: fx.Graph, root: nn.Module, norms: Norms, is_whole: bool) -> dict[str, Outcome]:
    """What follows each layer that the graph passes, by the layer's name within the root."""
    modules = dict(root.named_modules(remove_duplicate=False))
    found: dict[str, Outcome] = {}
    for node in graph.nodes:
        if node.op == "call_module":
            path = str(node.target)
            outcome = _follows(node, modules, norms, is_whole)
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


def _structure(module: nn.Module) -> object:
    """Equal for blocks that are made alike, which have one graph."""
    return tuple(
        (path, type(inner), tuple((k, v) for k, v in vars(inner).items() if _is_setting(k, v)))
        for path, inner in module.named_modules()
    )


def _is_setting(name: str, value: object) -> bool:
    """Whether an attribute may decide what a forward pass does; its number in a row does not."""
    return isinstance(value, bool | float | str | int | type(None)) and name != "layer_idx"


def _in_parts(model: nn.Module, norms: Norms) -> dict[str, Outcome]:
    """What follows the layers of the parts that can be traced, each kind of part once."""
    found: dict[str, Outcome] = {}
    closed: list[nn.Module] = []
    graphs: dict[object, dict[str, Outcome] | None] = {}
    paths = sorted(model.named_modules(), key=lambda item: -item[0].count("."))
    for path, module in paths:
        if not path or type(module) in _NO_GRAPH or not any(True for _ in module.children()):
            continue
        kind = _structure(module)
        if kind not in graphs:
            part = _trace(module, (*closed, *norms))
            is_graph = isinstance(part, fx.Graph)
            graphs[kind] = _read(part, module, norms, False) if is_graph else None
        read = graphs[kind]
        if read is None:
            closed.append(module)
        else:
            here = {f"{path}.{name}": outcome for name, outcome in read.items()}
            found |= {k: v for k, v in here.items() if v is not None or k not in found}
    return found


def _is_passed(found: dict[str, Outcome], model: nn.Module) -> bool:
    """Whether every dense layer and convolution was on a way through the graph."""
    kernels = (nn.Linear, nn.modules.conv._ConvNd)
    return all(path in found for path, m in model.named_modules() if isinstance(m, kernels))


def following(model: nn.Module, norm_paths: AbstractSet[str]) -> tuple[dict[str, Outcome], str]:
    """The activation after each layer by the layer's name, and a remark on how it was found.

    A copy on the meta device is traced, evaluating and, where that passes some layers by, training:
    the whole model where that works, otherwise what can be traced of it, with the rest as closed
    boxes; what leaves such a part is not followed. No data is computed, and the model is not run.

    Parameters
    ----------
    model : torch.nn.Module
        Not changed.
    norm_paths : set of str
        Paths of the modules that normalize, after which one looks further.
    """
    copy = bare_copy(model)
    norms = {module for path, module in copy.named_modules() if path in norm_paths}
    built_in = _built_in(copy)
    found: dict[str, Outcome] = {}
    for training in (False, True):
        for module in copy.modules():
            module.training = training
        graph = _trace(copy, norms)
        if not isinstance(graph, fx.Graph):
            break
        found = _read(graph, copy, norms, True) | found
        if _is_passed(found | built_in, copy):
            break
    if found:
        return found | built_in, "activations: read off the graph of torch.fx"
    return (
        _in_parts(copy, norms) | built_in,
        f"activations: torch.fx could not trace the whole ({graph}), only parts of it",
    )
