"""Layers that leave every element where it is: activations, dropout, learned factors."""

from typing import Any, ClassVar

import numpy as np

from initcore import _checks, activations, initializers, kernels
from initcore.initializers import Initializer
from initcore.keys import Key, require_key
from initcore.layers._base import (
    Array,
    Layer,
    Shape,
    contiguous,
    gradient_of,
    initializer,
    no_weights,
    width_of,
)
from initcore.layers._builder import Builder, Value

MASK_STRIDE = 2**36
"""Elements of a stream of kind "dropout" that belong to one step."""


class Activation(Layer):
    """y = phi(x), element by element, for x of any shape.

    A `Dense` layer applies its own activation in the same pass; this one stands where something
    else comes between, such as a normalization.

    Parameters
    ----------
    activation : str or Activation
        As in `Dense`.
    name : str, optional
        As in `Dense`.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: docs/compute-v1.md.

    Examples
    --------
    >>> import numpy as np
    >>> Activation("relu").forward(np.array([[-1.0, 2.0]])).tolist()
    [[0.0, 2.0]]
    """

    kind: ClassVar[str] = "activation"

    def __init__(self, activation: Any, *, name: str | None = None) -> None:
        super().__init__(name)
        self.activation = activations.for_layer(activation)

    def settings(self) -> list[str]:
        """The arguments of the constructor as texts."""
        plain = not self.activation.parameters
        return [repr(self.activation.name) if plain else repr(self.activation)]

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """phi(x)."""
        x = contiguous(x, None, "x")
        if not save:
            return kernels.activation_forward(x, self.activation, save=False)
        self.x = x
        self.y, self._saved = kernels.activation_forward(x, self.activation)
        return self.y

    def backward(self, dy: Array) -> Array:
        """phi'(x) dy."""
        y = self.kept()
        dy = gradient_of(dy, y)
        self.dx = kernels.activation_backward(dy, self._saved, self.activation)
        return self.dx

    def can_compile(self) -> bool:
        """As for every layer, and the activation is one of the kernels'."""
        return super().can_compile() and kernels._saves_z(self.activation) is not None

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """One kernel forward, one backward, and a probe."""
        x, dx = inputs
        y, dy = outputs = builder.output(x.shape)
        n, phi = x[0].size, self.activation
        builder.op("activate", 1, n, y=y, x=x, activation=phi)
        saved = x if kernels._saves_z(phi) else y
        builder.backward("activate_backward", 1, n, y=dx, x=dy, normal=saved, activation=phi)
        builder.probe(x, outputs, phi)
        return outputs


class Dropout(Layer):
    """In training sets each element to 0 with probability p and divides the rest by 1 - p.

    The mask of step s is drawn from the stream of kind "dropout" at the key that `forward` is
    given, from element s * 2^36 on: the same key and step give the same mask. Without `save`
    nothing is dropped.

    Parameters
    ----------
    p : float
        In [0, 1).
    name : str, optional
        As in `Dense`.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, stream v1 and compute v1.
    Source: Srivastava et al. 2014, Journal of Machine Learning Research 15, pages 1929-1958, with
    the division in training.

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> layer = Dropout(0.5)
    >>> layer.forward(np.ones((1, 6)), key=ic.Key(0) / "dropout_0", step=3).tolist()
    [[0.0, 2.0, 0.0, 0.0, 0.0, 2.0]]
    >>> layer.forward(np.ones((1, 2)), save=False).tolist()
    [[1.0, 1.0]]
    """

    kind: ClassVar[str] = "dropout"

    def __init__(self, p: float, *, name: str | None = None) -> None:
        super().__init__(name)
        self.p = _checks.real(p, "p")
        if not 0 <= self.p < 1:
            raise ValueError(f"p={self.p} must be in [0, 1): the probability of being dropped")

    def settings(self) -> list[str]:
        """The arguments of the constructor as texts."""
        return [repr(self.p)]

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """x without what is dropped, with `save`; else x itself."""
        x = contiguous(x, None, "x")
        if not save:
            return x
        if key is None:
            raise TypeError(
                "key=None: a layer of dropout draws a mask in training; pass forward(x, key=...), "
                "or save=False for the network without it"
            )
        mask = np.empty(x.shape, bool)
        kernels.random_mask(
            mask, p=1 - self.p, key=require_key(key), kind="dropout", first=step * MASK_STRIDE
        )
        y = self._masked(x, mask)
        self.x, self.y, self._saved = x, y, mask
        return y

    def _masked(self, x: Array, mask: Array) -> Array:
        y = np.empty_like(x)
        kernels._layer("masked", 1, x.size, y=y, x=x, mask=mask, number=1 / (1 - self.p))
        return y

    def backward(self, dy: Array) -> Array:
        """dy, with the mask of the last `forward`."""
        mask = self.kept()
        assert self.y is not None
        self.dx = self._masked(gradient_of(dy, self.y), mask)
        return self.dx

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """A mask for each step, which both passes apply."""
        x, dx = inputs
        y, dy = outputs = builder.output(x.shape)
        mask = builder.mask(x.shape, 1 - self.p)
        n, factor = x[0].size, 1 / (1 - self.p)
        builder.op("masked", 1, n, y=y, x=x, mask=mask, number=factor)
        builder.backward("masked", 1, n, y=dx, x=dy, mask=mask, number=factor)
        return outputs


class Scale(Layer):
    """y = w x: one learned factor, or one for each element of the last axis.

    At the end of a residual branch a factor that starts at 0 makes the block the identity
    (SkipInit), a small one for each channel is LayerScale.

    Parameters
    ----------
    n : int, optional
        Length of the last axis; None for one factor for all.
    init : initializer or str, default Ones
        Start of the factors.
    name : str, optional
        As in `Dense`.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: De and Smith 2020, NeurIPS (SkipInit); Touvron et al. 2021, ICCV (LayerScale).

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> layer = Scale(2, init=ic.Constant(0.5))
    >>> layer.initialize(key=ic.Key(0), dtype=np.float64)
    >>> layer.forward(np.array([[2.0, 4.0]])).tolist()
    [[1.0, 2.0]]
    """

    kind: ClassVar[str] = "scale"

    def __init__(
        self,
        n: int | None = None,
        *,
        init: Initializer | str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.n = None if n is None else _checks.count(n, "n", least=1)
        self.init = initializer(initializers.Ones() if init is None else init, "init")
        self.parameter_shapes = {"w": (1 if self.n is None else self.n,)}

    def settings(self) -> list[str]:
        """The arguments of the constructor as texts."""
        parts = [] if self.n is None else [str(self.n)]
        return parts if self.init == initializers.Ones() else [*parts, f"init={self.init!r}"]

    def out_shape(self, shape: Shape) -> Shape:
        """That of x."""
        if self.n is not None:
            width_of(shape, self.n, self)
        return shape

    def new_parameters(
        self, init: Initializer, key: Key, dtype: np.dtype[Any]
    ) -> tuple[Array | None, Array | None]:
        """The factors, from the layer's own initializer."""
        n = self.parameter_shapes["w"][0]
        w = self.init((n,), key=key / "weight", dtype=dtype, fan_in=1, fan_out=1)
        return w, None

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """w x."""
        if self.w is None:
            raise no_weights(self.name)
        x = contiguous(x, self.w, "x")
        self.out_shape(x.shape[1:])
        y = self._scaled(x)
        if save:
            self.x, self.y = x, y
        return y

    def _scaled(self, x: Array) -> Array:
        n, y = x.shape[-1], np.empty_like(x)
        w = np.ascontiguousarray(np.broadcast_to(self.w, (n,)))  # type: ignore[arg-type]
        kernels._layer("scaled_columns", x.size // max(n, 1), n, y=y, x=x, w=w)
        return y

    def backward(self, dy: Array) -> Array:
        """w dy; dw is the sum of x dy over what each factor stands for."""
        self.kept()
        assert self.x is not None
        dy = gradient_of(dy, self.x)
        n = dy.shape[-1]
        products = np.empty(n, dy.dtype)
        kernels._layer("column_products", dy.size // max(n, 1), n, y=products, x=dy, normal=self.x)
        if self.n is None:
            kernels._layer("column_products", n, 1, y=self.gradient("w"), x=products)
        else:
            self.gradient("w")[...] = products
        self.dx = self._scaled(dy)
        return self.dx

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """Scaled columns forward and backward; sums of their products for dw."""
        x, dx = inputs
        y, dy = outputs = builder.output(x.shape)
        n = x.shape[-1]
        each = x[0].size // n
        # one factor for all: every element is a row of one column
        wide, rows = (1, x[0].size) if self.n is None else (n, each)
        builder.op("scaled_columns", rows, wide, y=y, x=x, w=self.w)
        builder.backward("scaled_columns", rows, wide, y=dx, x=dy, w=self.w)
        if self.n is None:
            products = np.empty(n, x.dtype)
            builder.backward("column_products", 0, 1, n, y=self.dw, x=products)
            builder.backward("column_products", each, n, y=products, x=dy, normal=x)
        else:
            builder.backward("column_products", each, n, y=self.dw, x=dy, normal=x)
        return outputs
