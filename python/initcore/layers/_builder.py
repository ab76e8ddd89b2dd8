"""What a layer is given when it lowers itself into a compiled program of training."""

from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from initcore.keys import Key

Array = NDArray[Any]


class Value(NamedTuple):
    """An array that goes from one layer to the next, and where its gradient is written."""

    array: Array
    """(batch, ...), for a full batch."""
    gradient: Array | None
    """Of the same shape; None where no layer asks for it."""


class Lowerable(Protocol):
    """A layer that can be compiled."""

    def lower(self, builder: "Builder", inputs: Value) -> Value:
        """Add the layer's kernels to a program; returns its output."""


class Builder(Protocol):
    """Takes the kernels of a program, in the order of the forward pass.

    The kernels and their arrays are those of `initcore.kernels._layer`; each works on `each` rows
    of n elements for each sample of a batch, or on `rows` rows whatever the batch.
    """

    @property
    def rows(self) -> int:
        """Samples of a full batch."""

    @property
    def key(self) -> Key:
        """The key from which the layer draws that is being lowered."""

    def add(self, layer: Lowerable, name: str, inputs: Value) -> Value:
        """Lower a layer inside the one that is being lowered; returns its output."""

    def empty(self, shape: tuple[int, ...]) -> Array:
        """An uninitialized, cache-line-aligned array of the network's type."""

    def output(self, shape: tuple[int, ...]) -> Value:
        """Two such arrays, for the output of a layer and its gradient."""

    def op(self, kernel: str, each: int, n: int, rows: int = 0, **arguments: Any) -> None:
        """Run a kernel in the forward pass."""

    def backward(
        self, kernel: str, each: int, n: int, rows: int = 0, *, at: int | None = None, **job: Any
    ) -> None:
        """Run a kernel in the backward pass, unless its y is None; the last added runs first.

        With `at`, as if it had been added where `branch` began.
        """

    def branch(self) -> AbstractContextManager[int]:
        """Layers whose input is read again after them; gives the place for `backward`'s `at`."""

    def dense(
        self,
        inputs: Value,
        w: Array | None,
        b: Array | None,
        dw: Array | None,
        db: Array | None,
        activation: Any,
    ) -> Value:
        """Run a dense layer, forward and backward, and have it recorded by probes."""

    def mask(self, shape: tuple[int, ...], p: float) -> NDArray[np.bool_]:
        """Draw a mask in each step, True with probability p, from the kind "dropout" of `key`."""

    def probe(self, z: Array, outputs: Value, activation: Any) -> None:
        """Have probes record phi(z), the output of the kernel before."""
