"""A row of layers as a compiled program: the arrays between them, and their kernels in order."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initcore import kernels
from initcore._memory.aligned import AlignedPool
from initcore.keys import Key
from initcore.layers import Layer, Lowerable, Value, first_reader
from initcore.training import probes

Array = NDArray[Any]


def can_compile(layers: Sequence[Layer]) -> bool:
    """Whether every layer can lower itself where it stands.

    A layer that reads the samples as they came, such as an embedding, cannot do so behind others.
    """
    reader = first_reader(layers)
    for layer in layers:
        if not layer.can_compile():
            return False
        for _, leaf in layer.leaves():
            if leaf.reads_samples and leaf is not reader:
                return False
    return True


class ProgramBuilder:
    """Lowers a row of layers into a plan, for batches of `rows` samples of x.

    It is the `Builder` that the layers see.

    Parameters
    ----------
    plan : kernels._Plan
        Gets the kernels.
    rows : int
        Samples of a full batch.
    x : ndarray
        All samples.
    layers, names : sequence
        Layers that `can_compile`, and their parts of the key path.
    key : Key
        Of the run, from which masks are drawn.
    probing : bool
        Whether layers that compute phi(z) are recorded.

    Attributes
    ----------
    outputs : list of ndarray
        Of each of the layers.
    dy : ndarray
        The gradient of the last output.
    probed : list of str
        The names of the layers that are recorded, in order.
    """

    def __init__(
        self,
        plan: kernels._Plan,
        rows: int,
        x: Array,
        layers: Sequence[Layer],
        names: Sequence[str],
        key: Key,
        probing: bool = False,
    ) -> None:
        self._rows, self._plan, self._probing = rows, plan, probing
        self._root = key
        self._path: list[str] = []
        self._pool = AlignedPool(x.dtype)
        self._scratch = np.empty(0, x.dtype)  # for z and dz of a step that is recorded
        self._branches = self._dense_layers = 0
        self._gradients: dict[tuple[int, tuple[int, ...]], Array] = {}
        self._jobs: list[Callable[[], None]] = []
        self.outputs: list[Array] = []
        self.probed: list[str] = []
        reader = first_reader(layers)
        last = Value(plan.gather(x if reader is None else reader.program_samples(x)), None)
        for layer, name in zip(layers, names, strict=True):
            last = self.add(layer, name, last)
            self.outputs.append(last.array)
        # a last layer without parameters before it has a gradient all the same: the loss writes it
        self.dy = np.empty_like(last.array) if last.gradient is None else last.gradient
        for job in self._jobs:
            job()

    @property
    def rows(self) -> int:
        """Samples of a full batch."""
        return self._rows

    @property
    def key(self) -> Key:
        """The key from which the layer draws that is being lowered."""
        key = self._root
        for name in self._path:
            key = key / name
        return key

    def add(self, layer: Lowerable, name: str, inputs: Value) -> Value:
        """Lower a layer inside the one that is being lowered; returns its output."""
        self._path.append(name)
        outputs = layer.lower(self, inputs)
        self._path.pop()
        return outputs

    def empty(self, shape: tuple[int, ...]) -> Array:
        """An uninitialized, cache-line-aligned array of the network's type."""
        return self._pool(shape)

    def output(self, shape: tuple[int, ...]) -> Value:
        """Two such arrays, for the output of a layer and its gradient."""
        return Value(self._pool(shape), self._pool(shape))

    def op(self, kernel: str, each: int, n: int, rows: int = 0, **arguments: Any) -> None:
        """Run a kernel in the forward pass."""
        self._jobs.append(lambda: self._plan.op(kernel, each, rows, n, **arguments))

    def backward(
        self, kernel: str, each: int, n: int, rows: int = 0, *, at: int | None = None, **job: Any
    ) -> None:
        """Run a kernel in the backward pass, unless its y is None; the last added runs first."""
        if job["y"] is None:
            return
        place = len(self._jobs) if at is None else at
        self._jobs.insert(place, lambda: self._plan.op(kernel, each, rows, n, backward=True, **job))

    @contextmanager
    def branch(self) -> Iterator[int]:
        """Layers whose input is read again after them; gives the place for `backward`'s `at`."""
        self._branches += 1
        yield len(self._jobs)
        self._branches -= 1

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
        assert w is not None
        x, dx = inputs
        shape = (self._rows, w.shape[0])
        y, dy = self._pool(shape), self._dense_gradient(shape)
        z = self._pool(shape) if kernels._saves_z(activation) else None
        plain = activation.name == "identity"
        probed_z = self._shared(y) if self._probing and z is None and not plain else lambda: None
        self._jobs.append(
            lambda: self._plan.dense(x, y, z, dy, dx, w, b, dw, db, activation, probed_z())
        )
        kept = y if plain else z
        self._record((lambda: kept) if kept is not None else probed_z, y, dy, activation)
        return Value(y, dy)

    def mask(self, shape: tuple[int, ...], p: float) -> NDArray[np.bool_]:
        """Draw a mask in each step, True with probability p."""
        mask = np.zeros(shape, bool)
        seed, stream = self.key.seed, self.key.stream_id("dropout")
        self._jobs.append(lambda: self._plan.mask(mask, p, seed, stream))
        return mask

    def probe(self, z: Array, outputs: Value, activation: Any) -> None:
        """Have probes record phi(z), the output of the kernel before."""
        assert outputs.gradient is not None
        self._record(lambda: z, outputs.array, outputs.gradient, activation)

    def _dense_gradient(self, shape: tuple[int, ...]) -> Array:
        """An array for the gradient of a dense layer's output, which the layer alone reads.

        It is needed until the layer before has got its own: two arrays per shape alternate between
        layers, and stay in the cache. In a branch it is needed for longer.
        """
        if self._branches:
            return self._pool(shape)
        self._dense_layers += 1
        which = (self._dense_layers % 2, shape)
        if which not in self._gradients:
            self._gradients[which] = self._pool(shape)
        return self._gradients[which]

    def _shared(self, y: Array) -> Callable[[], Array]:
        """Shared scratch the size of y; call after every layer is added."""
        if self._scratch.size < y.size:
            self._scratch = np.empty(y.size, y.dtype)
        return lambda: self._scratch[: y.size].reshape(y.shape)

    def _record(self, z: Callable[[], Any], y: Array, dy: Array, phi: Any) -> None:
        if self._probing:
            self.probed.append(".".join(self._path))
            dz = (lambda: None) if phi.name == "identity" else self._shared(y)
            ends = probes.flat_ends(phi, y.dtype)
            self._jobs.append(lambda: self._plan.probe(z(), y, dy, dz(), phi, *ends))
