"""What the checks of the catalogue measure: the names that their expressions may use."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from initcore import activations, initializers, kernels, recipes
from initcore.activations import gains
from initcore.activations.quadrature import expectations
from initcore.initializers import Initializer, spread_of
from initcore.keys import Key
from initcore.layers import Dense
from initcore.network import Sequential
from initcore.recipes import DeepKernelShaping, LowRank

Array = NDArray[Any]
_KEY = Key(0) / "catalogue"


def std(init: Initializer, *shape: int, **arguments: Any) -> float:
    """Standard deviation of the law that a tensor of this shape gets."""
    return spread_of(_law(init, shape, arguments)).std


def bound(init: Initializer, *shape: int, **arguments: Any) -> float:
    """The largest value of the law that a tensor of this shape gets."""
    return _law(init, shape, arguments)[1][-1]


def _law(init: Any, shape: tuple[int, ...], arguments: Any) -> tuple[str, tuple[float, ...]]:
    law: tuple[str, tuple[float, ...]] = init.law(initializers.fans(shape, **arguments))
    return law


def draw(init: Initializer, *shape: int, dtype: DTypeLike = np.float64, **arguments: Any) -> Any:
    """A tensor of this shape."""
    return init(shape, key=_KEY, dtype=dtype, **arguments)


def gram_error(w: Array) -> float:
    """How far the rows of w, or its columns if it is tall, are from orthonormal."""
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    return float(np.abs(gram - np.eye(len(gram))).max())


def chance_loss(init: Initializer, classes: int) -> float:
    """First cross-entropy of a readout that starts so."""
    logits = samples() @ draw(init, classes, 8).T
    return kernels.softmax_cross_entropy(logits, np.zeros(len(logits), np.int64))[0]


def small_net() -> Sequential:
    """A ReLU network of 8, 32, 16 and 4 units."""
    return Sequential(Dense(8, 32, "relu"), Dense(32, 16, "relu"), Dense(16, 4))


def samples() -> Array:
    """256 samples of 8 numbers, of mean 1."""
    return kernels.fill_normal(np.empty((256, 8)), mean=1.0, key=_KEY / "samples")


def after(start: Callable[..., Any]) -> Array:
    """Outputs of the small network that a recipe started from the samples."""
    net = small_net()
    start(net, samples(), key=0, dtype=np.float64)
    return net.predict(samples())


def _weights(arrays: dict[str, Array]) -> list[Array]:
    return [array for name, array in arrays.items() if name.endswith("weight")]


def learning_spread(start: Callable[..., Any]) -> float:
    """Largest over smallest rate of learning of a layer, sqrt(E |dW|^2) / |W|."""
    net, x = small_net(), samples()
    start(net, x, key=0, dtype=np.float64)
    eta = kernels.fill_normal(np.empty((len(x), 4)), key=Key(0) / "eta")
    squares = np.zeros((len(x), len(net.layers)))
    for row, one in enumerate(x):
        net.forward(one[None])
        net.backward(eta[row][None])
        squares[row] = [float(np.square(dw).sum()) for dw in _weights(net.gradients())]
    sizes = [float(np.square(w).sum()) for w in _weights(net.parameters())]
    rates = np.sqrt(squares.mean(axis=0) / sizes)
    return float(rates.max() / rates.min())


def low_rank(split: Callable[..., LowRank], rank: int) -> LowRank:
    """A matrix of 48 by 32 split by an adapter's start."""
    w = kernels.fill_normal(np.empty((48, 32)), key=_KEY / "trained")
    return split(w, rank, key=_KEY) if split is recipes.pissa else split(w, rank)


def spectral_excess(split: Callable[..., LowRank], rank: int) -> float:
    """By how much the norm of what stays differs from the least that the rank allows."""
    w = kernels.fill_normal(np.empty((48, 32)), key=_KEY / "trained")
    best = np.linalg.svd(w)[1][rank]
    return abs(float(np.linalg.norm(low_rank(split, rank).base, 2) / best - 1.0))


def mimetic_error(width: int) -> float:
    """How far W_out W_v of an attention layer is from 0.4 Z - 0.4 I."""
    weights = recipes.mimetic(width, key=_KEY, dtype=np.float64)
    z = np.empty((width, width))
    kernels.fill_normal(z, std=1.0 / math.sqrt(width), key=_KEY / "value_out")
    near = 0.4 * z - 0.4 * np.eye(width)
    return float(np.abs(weights["out"] @ weights["value"] - near.T).max())


def shaped_slope(recipe: DeepKernelShaping) -> float:
    """Slope at 1 of the cosine through a whole network of the recipe's activation."""
    alpha, beta, gamma, delta = recipe.shape
    function = activations.get(recipe.activation)
    found = expectations(lambda z: gamma * (function(alpha * z + beta) + delta), 1.0)
    return float((found.derivative_square / found.square) ** recipe.depth)


NAMES: dict[str, Any] = {
    "np": np,
    "math": math,
    "gains": gains,
    **{
        measure.__name__: measure
        for measure in (
            std,
            bound,
            draw,
            gram_error,
            chance_loss,
            small_net,
            samples,
            after,
            learning_spread,
            low_rank,
            spectral_excess,
            mimetic_error,
            shaped_slope,
        )
    },
    **{name: getattr(initializers, name) for name in initializers.__all__},
    **{name: getattr(recipes, name) for name in recipes.__all__},
}
