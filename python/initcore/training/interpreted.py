"""One batch through a network and back: by arrays made once where all layers are dense."""

import math
from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from initcore import kernels
from initcore.keys import Key
from initcore.layers import Dense, Layer
from initcore.training.losses import Loss

Array = NDArray[Any]


class Pass(Protocol):
    """What a run asks for: the gradients of a batch, left in the layers."""

    def gradient(self, x: Array, target: Array, step: int) -> tuple[float, Array]:
        """The loss of a batch and the network's outputs; dw and db of the layers are written."""

    def outputs(self) -> Sequence[Array]:
        """The output of each layer in the last step, if its loss was not finite."""


class _Buffers:
    """The arrays that one batch of at most `rows` samples passes through."""

    def __init__(self, layers: Sequence[Dense], dtype: np.dtype[Any], rows: int) -> None:
        self.ys = [np.empty((rows, layer.n_out), dtype) for layer in layers]
        # gradients of the layers' inputs; the first layer's is never asked for
        self.dxs = [None, *(np.empty((rows, layer.n_in), dtype) for layer in layers[1:])]
        self.dy = np.empty_like(self.ys[-1])

    def first(self, rows: int) -> "_Buffers":
        """The same arrays, for a shorter batch."""
        part = object.__new__(_Buffers)
        part.dy = self.dy[:rows]
        part.ys = [y[:rows] for y in self.ys]
        part.dxs = [None if dx is None else dx[:rows] for dx in self.dxs]
        return part


class DensePass:
    """Dense layers alone: nothing is made anew from step to step."""

    def __init__(
        self, layers: Sequence[Dense], loss: Loss, dtype: np.dtype[Any], samples: int, rows: int
    ) -> None:
        self.layers, self.loss = layers, loss
        full = _Buffers(layers, dtype, rows)
        self._buffers = {rows: full}
        last = samples % rows
        if last:
            self._buffers[last] = full.first(last)
        # what every step needs of a layer, looked up once
        self._layers: list[tuple[Any, Any, Any, tuple[str, ...]]] = [
            (layer.w, layer.b, layer.activation, layer._need if at else layer._need[1:])
            for at, layer in enumerate(layers)
        ]

    def gradient(self, x: Array, target: Array, step: int) -> tuple[float, Array]:
        """The loss of a batch and the network's outputs; dw and db of the layers are written."""
        forward, backward = kernels.dense_forward, kernels.dense_backward
        self._used = buffers = self._buffers[len(x)]
        saved = []
        y = x
        for (w, b, activation, _), out in zip(self._layers, buffers.ys, strict=True):
            inputs = y
            y, kept = forward(inputs, w, b, activation=activation, out=out)
            saved.append((inputs, kept))
        loss, dy = self.loss(y, target, out=buffers.dy)
        for i in range(len(saved) - 1, -1, -1):
            layer = self.layers[i]
            w, _, activation, need = self._layers[i]
            inputs, kept = saved[i]
            dy, _, _ = backward(
                dy,
                inputs,
                w,
                kept,
                activation=activation,
                need=need,
                out=(buffers.dxs[i], layer.dw, layer.db),
            )
        return loss, y

    def outputs(self) -> Sequence[Array]:
        """The output of each layer in the last step."""
        return self._used.ys


class AnyPass:
    """Layers of any kind, by their own forward and backward.

    The layer named n draws its random numbers of a step from key / n.
    """

    def __init__(
        self, layers: Sequence[Layer], names: Sequence[str], loss: Loss, key: Key | None
    ) -> None:
        self.layers, self.loss = layers, loss
        self._keys = [None if key is None else key / name for name in names]

    def gradient(self, x: Array, target: Array, step: int) -> tuple[float, Array]:
        """The loss of a batch and the network's outputs; dw and db of the layers are written."""
        y, ys = x, []
        for layer, key in zip(self.layers, self._keys, strict=True):
            y = layer.forward(y, key=key, step=step)
            ys.append(y)
        loss, dy = self.loss(y, target)
        self._outputs = [] if math.isfinite(loss) else ys
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
            layer.forget()
        return loss, y

    def outputs(self) -> Sequence[Array]:
        """The output of each layer in the last step, if its loss was not finite."""
        return self._outputs


def make(
    layers: Sequence[Layer],
    names: Sequence[str],
    loss: Loss,
    key: Key | None,
    dtype: np.dtype[Any],
    samples: int,
    rows: int,
) -> Pass:
    """The pass for these layers, in batches of `rows` of so many samples."""
    if all(type(layer) is Dense for layer in layers):
        return DensePass(cast(Sequence[Dense], layers), loss, dtype, samples, rows)
    return AnyPass(layers, names, loss, key)
