"""The dense layer."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from initcore import _checks, activations, initializers, kernels
from initcore._memory.aligned import aligned
from initcore.initializers import Initializer
from initcore.keys import Key
from initcore.layers._base import Array, Layer, Shape, initializer, no_weights
from initcore.layers._builder import Builder, Value


class Dense(Layer):
    """y = phi(x w^T + b), with phi applied to each element.

    Parameters
    ----------
    n_in, n_out : int
        Length of an input and of an output.
    activation : str or Activation, default "identity"
        phi: "identity", "relu", "leaky_relu", "tanh", "sigmoid", or an object of
        `initcore.activations`.
    init : initializer or str, optional
        Initializer of the weights; None takes the one given to `initialize`.
    bias_init : initializer or str, optional
        Initializer of the biases, which sees the layer's fans; None for zeros.
    bias : bool, default True
        False for a layer without b.
    name : str, optional
        The layer's part of the key path; None for its number among the dense layers of the
        network, "0", "1", ...

    Attributes
    ----------
    w, b : ndarray
        The parameters themselves: w (n_out, n_in), b (n_out,) or None. None until `initialize`.
    dw, db : ndarray
        Their gradients after `backward`. The next `backward` writes into the same arrays.
    x, y, dx : ndarray
        Input and output of the last `forward`, and the gradient that the last `backward` returned.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Rumelhart, Hinton and Williams 1986, Nature 323, pages 533-536.

    Examples
    --------
    >>> import initcore as ic
    >>> layer = ic.Dense(3, 2, activation="tanh")
    >>> layer.initialize(ic.XavierNormal(), key=ic.Key(0) / "hidden")
    >>> layer.w.shape, layer.b.tolist()
    ((2, 3), [0.0, 0.0])
    """

    kind: ClassVar[str] = ""
    roles: ClassVar[Mapping[str, str]] = {"w": "weight", "b": "bias"}

    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: Any = "identity",
        *,
        init: Initializer | str | None = None,
        bias_init: Initializer | str | None = None,
        bias: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.n_in = _checks.count(n_in, "n_in", least=1)
        self.n_out = _checks.count(n_out, "n_out", least=1)
        self.activation = activations.for_layer(activation)
        self.init = None if init is None else initializer(init, "init")
        self.bias_init = initializer(
            initializers.Zeros() if bias_init is None else bias_init, "bias_init"
        )
        self.bias = bool(bias)
        self.parameter_shapes = {"w": (self.n_out, self.n_in)}
        if self.bias:
            self.parameter_shapes["b"] = (self.n_out,)
        self._need = ("dx", "dw", "db") if self.bias else ("dx", "dw")

    def settings(self) -> list[str]:
        """The arguments of the constructor as texts."""
        parts = [str(self.n_in), str(self.n_out), repr(self.activation.name)]
        if self.activation.parameters:
            parts[-1] = repr(self.activation)
        if self.init is not None:
            parts.append(f"init={self.init!r}")
        if not self.bias:
            parts.append("bias=False")
        elif self.bias_init != initializers.Zeros():
            parts.append(f"bias_init={self.bias_init!r}")
        return parts

    def facts(self) -> dict[str, Any]:
        """The fans, which the shape of b does not show, and phi."""
        phi = self.activation if self.activation.parameters else self.activation.name
        return {"fan_in": self.n_in, "fan_out": self.n_out, "activation": phi}

    @property
    def in_shape(self) -> Shape:
        """(n_in,)."""
        return (self.n_in,)

    def out_shape(self, shape: Shape) -> Shape:
        """(n_out,)."""
        if shape != self.in_shape:
            raise ValueError(f"{self!r} takes samples of shape {self.in_shape}, not {shape}")
        return (self.n_out,)

    def new_parameters(
        self, init: Initializer, key: Key, dtype: np.dtype[Any]
    ) -> tuple[Array, Array | None]:
        """Fresh w and b from this layer's initializers, or from `init` where it has none."""
        init = self.init or init
        w = init.fill(aligned((self.n_out, self.n_in), dtype), key=key / "weight")
        if not self.bias:
            return w, None
        # the fans are the layer's, which the shape of b does not show
        b = self.bias_init(
            (self.n_out,),
            key=key / "bias",
            dtype=dtype,
            fan_in=self.n_in,
            fan_out=self.n_out,
        )
        return w, b

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """The outputs for the inputs x (batch, n_in), as an array (batch, n_out).

        With `save`, `backward` may follow; without, nothing is kept of the call.

        Exactness: bit-exact across CPUs and thread counts, compute v1.
        Source: see the class.
        """
        w = self.w
        if w is None:
            raise no_weights(self.name)
        if not save:
            return kernels.dense_forward(x, w, self.b, activation=self.activation, save=False)
        y, self._saved = kernels.dense_forward(x, w, self.b, activation=self.activation)
        self.x, self.y = x, y
        return y

    def backward(self, dy: Array) -> Array:
        """From the gradient of the outputs dy to that of the inputs; dw and db are left here.

        Exactness: bit-exact across CPUs and thread counts, compute v1.
        Source: see the class.
        """
        saved = self.kept()
        dx: Array
        dx, self.dw, self.db = kernels.dense_backward(
            dy,
            self.x,
            self.w,
            saved,
            activation=self.activation,
            need=self._need,
            out=(None, self.dw, self.db),
        )
        self.dx = dx
        return dx

    def can_compile(self) -> bool:
        """As for every layer, and the activation is one of the kernels'."""
        return super().can_compile() and kernels._saves_z(self.activation) is not None

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """One kernel forward, one backward."""
        return builder.dense(inputs, self.w, self.b, self.dw, self.db, self.activation)
