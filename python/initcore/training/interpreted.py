"""One batch through a network and back, by the layers' own forward and backward."""

import math
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from initcore.keys import Key
from initcore.layers import Layer
from initcore.training.losses import Loss

Array = NDArray[Any]


class Interpreter:
    """Takes batches through layers of any kind, user-defined ones among them.

    The layer named n draws its random numbers of a step from key / n.
    """

    def __init__(self, layers: Sequence[Layer], names: Sequence[str], loss: Loss, key: Key) -> None:
        self.layers, self.loss = layers, loss
        self._keys = [key / name for name in names]
        self.outputs: Sequence[Array] = []
        """The output of each layer in the last step, if its loss was not finite."""

    def gradient(self, x: Array, target: Array, step: int) -> tuple[float, Array]:
        """The loss of a batch and the network's outputs; dw and db of the layers are written."""
        y, ys = x, []
        for layer, key in zip(self.layers, self._keys, strict=True):
            y = layer.forward(y, key=key, step=step)
            ys.append(y)
        loss, dy = self.loss(y, target)
        self.outputs = [] if math.isfinite(loss) else ys
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
            layer.forget()
        return loss, y
