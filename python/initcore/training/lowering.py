"""Layers as jobs of a plan: the kernels that their own forward and backward call, in order."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initcore import kernels
from initcore._memory.aligned import Room
from initcore.keys import Key
from initcore.layers import (
    Activation,
    BatchNorm,
    Chain,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    Residual,
    RMSNorm,
    Scale,
)
from initcore.training import probes

Array = NDArray[Any]
Pair = tuple[Array, Array | None]
"""An array of the forward pass and its gradient; None where nobody asks for it."""

_KNOWN = (
    Activation, BatchNorm, Chain, Dense, Dropout, Embedding, Flatten, LayerNorm, RMSNorm, Scale,
)  # fmt: skip


def knows(layers: Sequence[Layer]) -> bool:
    """Whether all layers have jobs; classes of a user's own are left to the interpreter.

    An embedding has one where it sees the samples as they came, not what another layer computed.
    """
    return all(map(_known, layers)) and not any(
        isinstance(leaf, Embedding) and leaf is not _words(layers)
        for layer in layers
        if type(layer) is not Dense
        for _, leaf in layer.leaves()
    )


def _known(layer: Layer) -> bool:
    if type(layer) is Dense:
        return kernels._saves_z(layer.activation) is not None
    return (
        isinstance(layer, _KNOWN)
        and type(layer).__module__.startswith("initcore.")
        and (not isinstance(layer, Activation) or kernels._saves_z(layer.activation) is not None)
        and (not isinstance(layer, Chain) or all(map(_known, layer.layers)))
    )


def _words(layers: Sequence[Layer]) -> Embedding | None:
    """The embedding that sees the samples as they came, if there is one."""
    for layer in layers:
        if isinstance(layer, Flatten):
            continue
        if isinstance(layer, Chain) and not isinstance(layer, Residual):
            if all(isinstance(leaf, Flatten) for _, leaf in layer.leaves()):
                continue
            return _words(layer.layers)
        return layer if isinstance(layer, Embedding) else None
    return None


def probed(layers: Sequence[Layer], names: Sequence[str]) -> tuple[str, ...]:
    """The names of the layers that a plan with probes records, in order."""
    leaves = [
        leaf for layer, name in zip(layers, names, strict=True) for leaf in layer.leaves((name,))
    ]
    return tuple(".".join(path) for path, leaf in leaves if isinstance(leaf, Activation | Dense))


class Lowering:
    """Turns a row of layers into jobs of a plan, for batches of `rows` samples of x.

    Parameters
    ----------
    plan : kernels._Plan
        Gets the jobs.
    rows : int
        Samples of a full batch.
    x : ndarray
        All samples.
    layers, names : sequence
        Such as `knows` accepts, and their parts of the key path.
    key : Key or None
        Of the run, from which masks are drawn.
    probing : bool
        Whether layers that compute phi(z) get a job that records them.

    Attributes
    ----------
    outputs : list of ndarray
        Of each of the layers.
    dy : ndarray
        The gradient of the last output.
    """

    def __init__(
        self,
        plan: kernels._Plan,
        rows: int,
        x: Array,
        layers: Sequence[Layer],
        names: Sequence[str],
        key: Key | None,
        probing: bool = False,
    ) -> None:
        self._rows, self._plan, self._probing = rows, plan, probing
        self._empty = Room(x.dtype)
        self._room = np.empty(0, x.dtype)  # for z and dz of a step that is recorded
        self._branches = self._dense_layers = 0
        self._gradients: dict[tuple[int, tuple[int, ...]], Array] = {}
        self._jobs: list[Callable[[], None]] = []
        self.outputs: list[Array] = []
        embedding = _words(layers)
        given = x if embedding is None else embedding.indices(x)
        last: Pair = (plan.gather(given), None)
        for layer, name in zip(layers, names, strict=True):
            last = self._add(layer, last, key, name)
            self.outputs.append(last[0])
        # a last layer without parameters before it has a gradient all the same: the loss writes it
        self.dy = np.empty_like(last[0]) if last[1] is None else last[1]
        for job in self._jobs:
            job()

    def _add(self, layer: Layer, inner: Pair, key: Key | None, name: str) -> Pair:
        """The jobs of one layer behind `inner`; what it gives, and the gradient of that."""
        if type(layer) is Dense:
            return self._dense(layer, inner)
        if isinstance(layer, Chain | Dropout):
            key = None if key is None else key / name
        if isinstance(layer, Residual):
            return self._residual(layer, inner, key)
        if isinstance(layer, Chain):
            return self._chain(layer, inner, key)
        if isinstance(layer, Flatten):
            x, dx = inner
            shape = (self._rows, math.prod(x.shape[1:]))
            return x.reshape(shape), None if dx is None else dx.reshape(shape)
        if isinstance(layer, Embedding):
            return self._embedding(layer, inner)
        if isinstance(layer, Activation):
            return self._activation(layer, inner)
        if isinstance(layer, Dropout):
            return self._dropout(layer, inner, key)
        if isinstance(layer, Scale):
            return self._scale(layer, inner)
        if isinstance(layer, BatchNorm):
            return self._batch_norm(layer, inner)
        assert isinstance(layer, LayerNorm | RMSNorm)
        return self._row_norm(layer, inner)

    def _op(self, kernel: str, each: int, n: int, rows: int = 0, **job: Any) -> None:
        self._jobs.append(lambda: self._plan.op(kernel, each, rows, n, **job))

    def _backward(self, kernel: str, each: int, n: int, rows: int = 0, **job: Any) -> None:
        """A job of the backward pass: what is added last is done first."""
        if job["y"] is not None:
            self._op(kernel, each, n, rows, backward=True, **job)

    def _made(self, like: Array) -> tuple[Array, Array]:
        return self._empty(like.shape), self._empty(like.shape)

    def _gradient(self, shape: tuple[int, ...]) -> Array:
        """Room for the gradient of a dense layer's output, which the layer alone reads.

        It is needed until the layer before has got its own: two arrays of a shape serve all layers
        in turns, and stay in the cache. In a branch it is needed for longer.
        """
        if self._branches:
            return self._empty(shape)
        self._dense_layers += 1
        which = (self._dense_layers % 2, shape)
        if which not in self._gradients:
            self._gradients[which] = self._empty(shape)
        return self._gradients[which]

    def _dense(self, layer: Dense, inner: Pair) -> Pair:
        x, dx = inner
        shape = (self._rows, layer.n_out)
        y, dy = self._empty(shape), self._gradient(shape)
        z = self._empty(shape) if kernels._saves_z(layer.activation) else None
        plain = layer.activation.name == "identity"
        probed_z = self._like(y) if self._probing and z is None and not plain else lambda: None
        self._jobs.append(
            lambda: self._plan.dense(
                x, y, z, dy, dx, layer.w, layer.b, layer.dw, layer.db, layer.activation, probed_z()
            )
        )
        kept = y if plain else z
        self._probe((lambda: kept) if kept is not None else probed_z, y, dy, layer.activation)
        return y, dy

    def _like(self, y: Array) -> Callable[[], Array]:
        """Room for an array like y, which the next layer may use again; ask when all are known."""
        if self._room.size < y.size:
            self._room = np.empty(y.size, y.dtype)
        return lambda: self._room[: y.size].reshape(y.shape)

    def _probe(self, z: Callable[[], Any], y: Array, dy: Array, phi: Any) -> None:
        if self._probing:
            dz = (lambda: None) if phi.name == "identity" else self._like(y)
            ends = probes.flat_ends(phi, y.dtype)
            self._jobs.append(lambda: self._plan.probe(z(), y, dy, dz(), phi, *ends))

    def _chain(self, chain: Chain, inner: Pair, key: Key | None) -> Pair:
        for layer, name in zip(chain.layers, chain.names, strict=True):
            inner = self._add(layer, inner, key, name)
        return inner

    def _residual(self, block: Residual, inner: Pair, key: Key | None) -> Pair:
        x, dx = inner
        branch_dx = None if dx is None else np.empty_like(x)
        start = len(self._jobs)
        self._branches += 1
        branch, dy = self._chain(block, (x, branch_dx), key)
        self._branches -= 1
        n = x[0].size
        if dx is not None and dy is not None:
            # the gradient of the sum is that of the branch's output, in one array for both
            split: dict[str, Any] = dict(
                y=dx, x=dy.reshape(x.shape), normal=branch_dx, backward=True
            )
            self._jobs.insert(start, lambda: self._plan.op("added", 1, 0, n, **split))
        y = np.empty_like(x)
        self._op("added", 1, n, y=y, x=x, normal=branch)
        return y, dy

    def _embedding(self, layer: Embedding, inner: Pair) -> Pair:
        index, _ = inner
        words = math.prod(index.shape[1:])
        assert layer.w is not None
        y, dy = self._made(np.empty((*index.shape, layer.n_out), layer.w.dtype))
        self._op("looked_up", words, layer.n_out, y=y, w=layer.w, index=index)
        self._backward("scattered", words, layer.n_out, y=layer.dw, x=dy, index=index)
        return y, dy

    def _activation(self, layer: Activation, inner: Pair) -> Pair:
        x, dx = inner
        y, dy = self._made(x)
        n, phi = x[0].size, layer.activation
        self._op("activate", 1, n, y=y, x=x, activation=phi)
        saved = x if kernels._saves_z(phi) else y
        self._backward("activate_backward", 1, n, y=dx, x=dy, normal=saved, activation=phi)
        self._probe(lambda: x, y, dy, phi)
        return y, dy

    def _dropout(self, layer: Dropout, inner: Pair, key: Key | None) -> Pair:
        x, dx = inner
        y, dy = self._made(x)
        mask = np.zeros(x.shape, bool)
        assert key is not None
        seed, stream = key.seed, key.stream_id("dropout")
        self._jobs.append(lambda: self._plan.mask(mask, 1 - layer.p, seed, stream))
        n, factor = x[0].size, 1 / (1 - layer.p)
        self._op("masked", 1, n, y=y, x=x, mask=mask, number=factor)
        self._backward("masked", 1, n, y=dx, x=dy, mask=mask, number=factor)
        return y, dy

    def _scale(self, layer: Scale, inner: Pair) -> Pair:
        x, dx = inner
        y, dy = self._made(x)
        n = x.shape[-1]
        each = x[0].size // n
        # one factor for all: every element is a row of one column
        wide, rows = (1, x[0].size) if layer.n is None else (n, each)
        self._op("scaled_columns", rows, wide, y=y, x=x, w=layer.w)
        self._backward("scaled_columns", rows, wide, y=dx, x=dy, w=layer.w)
        if layer.n is None:
            products = np.empty(n, x.dtype)
            self._backward("column_products", 0, 1, n, y=layer.dw, x=products)
            self._backward("column_products", each, n, y=products, x=dy, normal=x)
        else:
            self._backward("column_products", each, n, y=layer.dw, x=dy, normal=x)
        return y, dy

    def _row_norm(self, layer: LayerNorm | RMSNorm, inner: Pair) -> Pair:
        x, dx = inner
        y, dy = self._made(x)
        n, each, centered = layer.n, x[0].size // layer.n, layer.centered
        kept: dict[str, Any] = {
            "normal": np.empty_like(x),
            "inverse": np.empty(x.size // n, x.dtype),
        }
        number = layer.epsilon
        self._op(
            "norm_rows", each, n, y=y, x=x, w=layer.w, b=layer.b, centered=centered, number=number,
            **kept,
        )  # fmt: skip
        self._backward(
            "norm_rows_backward", each, n, y=dx, x=dy, w=layer.w, centered=centered, **kept
        )
        self._parameter_gradients(layer, each, dy, kept["normal"])
        return y, dy

    def _parameter_gradients(self, layer: Layer, each: int, dy: Array, normal: Array) -> None:
        n = dy.shape[-1]
        self._backward("column_products", each, n, y=layer.db, x=dy)
        self._backward("column_products", each, n, y=layer.dw, x=dy, normal=normal)

    def _batch_norm(self, layer: BatchNorm, inner: Pair) -> Pair:
        x, dx = inner
        y, dy = self._made(x)
        n = layer.n
        normal, deviations = self._made(x)
        mean, variance, inverse = (np.empty(n, x.dtype) for _ in range(3))
        ones, zeros = np.ones(n, x.dtype), np.zeros(n, x.dtype)
        self._op("column_means", 1, n, y=mean, x=x)
        self._op("norm_columns", 1, n, normal=deviations, x=x, mean=mean, inverse=ones)
        self._op("column_means", 1, n, y=variance, x=deviations, normal=deviations)
        self._op("inverse_roots", 0, n, 1, y=inverse, x=variance, number=layer.epsilon)
        self._op(
            "norm_columns", 1, n, y=y, normal=normal, x=deviations, mean=zeros, inverse=inverse,
            w=layer.w, b=layer.b,
        )  # fmt: skip
        share = layer.momentum
        self._op("running", 1, n, y=layer.mean, x=mean, number=share)
        self._op("running", 1, n, y=layer.variance, x=variance, number=share, unbiased=True)
        self._backward(
            "norm_columns_backward", 1, n, y=dx, x=dy, normal=normal, inverse=inverse, w=layer.w,
            mean=layer.db, product=layer.dw,
        )  # fmt: skip
        self._parameter_gradients(layer, 1, dy, normal)
        return y, dy
