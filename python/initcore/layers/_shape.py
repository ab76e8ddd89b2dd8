"""Layers that change the shape of a sample: flattening, and looking up vectors."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from initcore import _checks, kernels
from initcore.initializers import Initializer
from initcore.keys import Key
from initcore.layers._base import Array, Layer, Shape, contiguous, initializer, no_weights
from initcore.layers._builder import Builder, Value


class Flatten(Layer):
    """Each sample as one row: (batch, ...) to (batch, n), in C order.

    Parameters
    ----------
    name : str, optional
        As in `Dense`.

    Notes
    -----
    Exactness: exact.
    Source: C order, as in `numpy.reshape`.

    Examples
    --------
    >>> import numpy as np
    >>> Flatten().forward(np.zeros((5, 2, 3))).shape
    (5, 6)
    """

    kind: ClassVar[str] = "flatten"

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def out_shape(self, shape: Shape) -> Shape:
        """(n,), all elements of a sample."""
        return (math.prod(shape),)

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """x with one row for each sample."""
        x = contiguous(x, None, "x")
        y = x.reshape(len(x), math.prod(x.shape[1:]))
        if save:
            self.x, self.y = x, y
        return y

    def backward(self, dy: Array) -> Array:
        """dy in the shape of x."""
        self.kept()
        assert self.x is not None
        self.dx = contiguous(dy, self.x, "dy").reshape(self.x.shape)
        return self.dx

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """No kernel: the arrays of x in another shape."""
        x, dx = inputs
        shape = (builder.rows, math.prod(x.shape[1:]))
        return Value(x.reshape(shape), None if dx is None else dx.reshape(shape))

    def first_reader(self) -> Layer | None:
        """None: the next layer reads the same elements."""
        return None


class Embedding(Layer):
    """A vector for each of a number of words: samples of indices (...) become (..., n_out).

    Parameters
    ----------
    n_words, n_out : int
        Words, and the length of their vectors.
    init : initializer or str, optional
        Initializer of the vectors, of shape (n_words, n_out); None takes the one given to
        `initialize`. Its fans: fan_in is 1, for each output reads one row, fan_out is n_out.
    name : str, optional
        As in `Dense`.

    Notes
    -----
    Indices come in the network's floating type, as whole numbers from 0 to n_words - 1, or as
    integers to `forward`. The gradient has no part for x: it is zeros.

    Exactness: bit-exact across CPUs and thread counts; rows of equal index are added in order.
    Source: Bengio, Ducharme, Vincent and Jauvin 2003, Journal of Machine Learning Research 3.

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> layer = Embedding(10, 4, init=ic.Normal(std=0.02))
    >>> layer.initialize(key=ic.Key(0))
    >>> layer.forward(np.array([[1, 2, 9]])).shape
    (1, 3, 4)
    """

    kind: ClassVar[str] = "embedding"
    roles: ClassVar[Mapping[str, str]] = {"w": "embedding"}
    reads_samples: ClassVar[bool] = True

    def __init__(
        self,
        n_words: int,
        n_out: int,
        *,
        init: Initializer | str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.n_words = _checks.count(n_words, "n_words", least=1)
        self.n_out = _checks.count(n_out, "n_out", least=1)
        self.init = None if init is None else initializer(init, "init")
        self.parameter_shapes = {"w": (self.n_words, self.n_out)}

    def settings(self) -> list[str]:
        """The arguments of the constructor as texts."""
        parts = [str(self.n_words), str(self.n_out)]
        return parts if self.init is None else [*parts, f"init={self.init!r}"]

    def out_shape(self, shape: Shape) -> Shape:
        """That of x, and one axis more."""
        return (*shape, self.n_out)

    def new_parameters(
        self, init: Initializer, key: Key, dtype: np.dtype[Any]
    ) -> tuple[Array | None, Array | None]:
        """The vectors, one a row."""
        shape = (self.n_words, self.n_out)
        w = (self.init or init)(
            shape, key=key / "weight", dtype=dtype, fan_in=1, fan_out=self.n_out
        )
        return w, None

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """The rows of w at the indices x."""
        if self.w is None:
            raise no_weights(self.name)
        index = self.indices(np.asarray(x))
        y = self.w.take(index, axis=0)
        if save:
            self.x, self.y, self._saved = x, y, index
        return y

    def indices(self, x: Array) -> Array:
        """A copy of x as int64, or an error if it is no index of a word."""
        if x.dtype.kind not in "fiu":
            raise TypeError(f"x has dtype {x.dtype}: indices of words are whole numbers")
        # the copy is checked, and used: whoever holds x may write into it at any time
        with np.errstate(invalid="ignore"):
            index = np.array(x, dtype=np.int64, order="C")
        wrong = (index < 0) | (index >= self.n_words) | (index != x)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"x[{', '.join(map(str, at))}] = {x[at]} must be a whole number from 0 to "
                f"{self.n_words - 1}, for the layer has {self.n_words} words"
            )
        return index

    def backward(self, dy: Array) -> Array:
        """Zeros of the shape of x; dw has the sum of dy over the places of each word."""
        index = self.kept()
        dy = contiguous(dy, self.w, "dy")
        if dy.shape != (*index.shape, self.n_out):
            raise ValueError(f"dy has shape {dy.shape}: it must be {(*index.shape, self.n_out)}")
        dw = self.gradient("w")
        kernels._layer("scattered", index.size, self.n_out, y=dw, x=dy, index=index)
        self.dx = np.zeros(index.shape, dy.dtype)
        return self.dx

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """Rows looked up forward, added up backward."""
        index, _ = inputs
        assert self.w is not None
        words = math.prod(index.shape[1:])
        y, dy = outputs = builder.output((*index.shape, self.n_out))
        builder.op("looked_up", words, self.n_out, y=y, w=self.w, index=index)
        builder.backward("scattered", words, self.n_out, y=self.dw, x=dy, index=index)
        return outputs

    def program_samples(self, x: Array) -> Array:
        """The indices, as int64."""
        return self.indices(x)
