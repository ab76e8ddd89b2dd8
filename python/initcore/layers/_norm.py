"""Normalization of each sample, and of each unit over the batch."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from initcore import _checks, kernels
from initcore.initializers import Initializer, Ones, Zeros
from initcore.keys import Key
from initcore.layers._base import (
    Array,
    Layer,
    Shape,
    contiguous,
    gradient_of,
    no_weights,
    width_of,
)
from initcore.layers._builder import Builder, Value


def _positive(value: Any, name: str) -> float:
    number = _checks.real(value, name)
    if not float(np.float32(number)) > 0:
        raise ValueError(f"{name}={number} must be greater than 0, in float32 too")
    return number


class _Norm(Layer):
    """A gain w that starts at 1, and a shift b that starts at 0, after a normalization."""

    roles: ClassVar[Mapping[str, str]] = {"w": "scale", "b": "shift"}
    has_shift: ClassVar[bool] = True

    def __init__(self, n: int, epsilon: float, name: str | None) -> None:
        super().__init__(name)
        self.n = _checks.count(n, "n", least=1)
        self.epsilon = _positive(epsilon, "epsilon")
        self.parameter_shapes = {"w": (self.n,)}
        if self.has_shift:
            self.parameter_shapes["b"] = (self.n,)

    def settings(self) -> list[str]:
        """The arguments of the constructor as texts."""
        return [str(self.n), *([] if self.epsilon == 1e-5 else [f"epsilon={self.epsilon!r}"])]

    @property
    def in_shape(self) -> Shape | None:
        """(n,), where no other shape is given."""
        return (self.n,)

    def out_shape(self, shape: Shape) -> Shape:
        """That of x."""
        width_of(shape, self.n, self)
        return shape

    def new_parameters(
        self, init: Initializer, key: Key, dtype: np.dtype[Any]
    ) -> tuple[Array | None, Array | None]:
        """Ones, and zeros."""
        w = Ones()((self.n,), dtype=dtype)
        return w, Zeros()((self.n,), dtype=dtype) if self.has_shift else None

    def checked(self, x: Array) -> Array:
        """x contiguous, in the type of the gain, with n elements along its last axis."""
        if self.w is None:
            raise no_weights(self.name)
        x = contiguous(x, self.w, "x")
        self.out_shape(x.shape[1:])
        return x

    def parameter_gradients(self, dy: Array, normal: Array) -> None:
        """dw and db: sums over all rows of dy times what was normalized, and of dy."""
        rows = dy.size // self.n
        kernels._layer("column_products", rows, self.n, y=self.gradient("w"), x=dy, normal=normal)
        if self.has_shift:
            kernels._layer("column_products", rows, self.n, y=self.gradient("b"), x=dy)

    def lower_gradients(self, builder: Builder, each: int, dy: Array, normal: Array) -> None:
        """The kernels of `parameter_gradients`."""
        builder.backward("column_products", each, self.n, y=self.db, x=dy)
        builder.backward("column_products", each, self.n, y=self.dw, x=dy, normal=normal)


class _RowNorm(_Norm):
    """Each row by itself: LayerNorm and RMSNorm."""

    centered: ClassVar[bool]

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """Each row normalized, times w, plus b."""
        x = self.checked(x)
        rows = x.size // self.n
        y, normal, inverse = np.empty_like(x), np.empty_like(x), np.empty(rows, x.dtype)
        kernels._layer(
            "norm_rows",
            rows,
            self.n,
            y=y,
            normal=normal,
            inverse=inverse,
            x=x,
            w=np.ascontiguousarray(self.w),
            b=None if self.b is None else np.ascontiguousarray(self.b),
            number=self.epsilon,
            centered=self.centered,
        )
        if save:
            self.x, self.y, self._saved = x, y, (normal, inverse)
        return y

    def backward(self, dy: Array) -> Array:
        """The gradient of x; those of the gain and the shift are left in dw and db."""
        normal, inverse = self.kept()
        dy = gradient_of(dy, normal)
        self.parameter_gradients(dy, normal)
        dx = self.dx = np.empty_like(dy)
        kernels._layer(
            "norm_rows_backward",
            dy.size // self.n,
            self.n,
            y=dx,
            normal=normal,
            inverse=inverse,
            x=dy,
            w=np.ascontiguousarray(self.w),
            centered=self.centered,
        )
        return dx

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """The rows normalized, and the gradients of x, gain and shift."""
        x, dx = inputs
        y, dy = outputs = builder.output(x.shape)
        assert dy is not None
        n, each, w, centered = self.n, x[0].size // self.n, self.w, self.centered
        normal, inverse = np.empty_like(x), np.empty(x.size // n, x.dtype)
        kept: dict[str, Any] = {"normal": normal, "inverse": inverse}
        number = self.epsilon
        builder.op(
            "norm_rows", each, n, y=y, x=x, w=w, b=self.b, centered=centered, number=number, **kept
        )
        builder.backward("norm_rows_backward", each, n, y=dx, x=dy, w=w, centered=centered, **kept)
        self.lower_gradients(builder, each, dy, normal)
        return outputs


class LayerNorm(_RowNorm):
    """Each sample minus its mean, over its standard deviation, times w, plus b.

    Parameters
    ----------
    n : int
        Length of the last axis, over which mean and variance (by n) are taken.
    epsilon : float, default 1e-5
        Added to the variance; greater than 0.
    name : str, optional
        As in `Dense`.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Ba, Kiros and Hinton 2016, arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> layer = LayerNorm(2)
    >>> layer.initialize(key=ic.Key(0), dtype=np.float64)
    >>> layer.forward(np.array([[1.0, 3.0]])).round(3).tolist()
    [[-1.0, 1.0]]
    """

    kind: ClassVar[str] = "layer_norm"
    centered: ClassVar[bool] = True
    lower = _RowNorm.lower

    def __init__(self, n: int, *, epsilon: float = 1e-5, name: str | None = None) -> None:
        super().__init__(n, epsilon, name)


class RMSNorm(_RowNorm):
    """Each sample over its root mean square, times w.

    Parameters
    ----------
    n : int
        Length of the last axis, over which the mean is taken.
    epsilon : float, default 1e-5
        Added to the mean square; greater than 0.
    name : str, optional
        As in `Dense`.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Zhang and Sennrich 2019, NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> layer = RMSNorm(2)
    >>> layer.initialize(key=ic.Key(0), dtype=np.float64)
    >>> layer.forward(np.array([[3.0, 3.0]])).round(3).tolist()
    [[1.0, 1.0]]
    """

    kind: ClassVar[str] = "rms_norm"
    centered: ClassVar[bool] = False
    has_shift: ClassVar[bool] = False
    lower = _RowNorm.lower

    def __init__(self, n: int, *, epsilon: float = 1e-5, name: str | None = None) -> None:
        super().__init__(n, epsilon, name)


class BatchNorm(_Norm):
    """Each unit minus its mean over the batch, over its standard deviation, times w, plus b.

    In training (`save`) the statistics are those of the batch, and running ones follow them;
    without `save` the running ones are used.

    Parameters
    ----------
    n : int
        Units.
    epsilon : float, default 1e-5
        Added to the variance; greater than 0.
    momentum : float, default 0.1
        Share of the batch in the running statistics, in (0, 1].
    name : str, optional
        As in `Dense`.

    Attributes
    ----------
    mean, variance : ndarray (n,)
        The running statistics, from 0 and 1 on; the variance is the one over batch - 1.

    Notes
    -----
    Exactness: bit-exact across CPUs and thread counts, compute v1.
    Source: Ioffe and Szegedy 2015, ICML, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> import initcore as ic
    >>> layer = BatchNorm(1)
    >>> layer.initialize(key=ic.Key(0), dtype=np.float64)
    >>> layer.forward(np.array([[1.0], [3.0]])).round(3).tolist()
    [[-1.0], [1.0]]
    >>> layer.mean.tolist()
    [0.2]
    """

    kind: ClassVar[str] = "batch_norm"
    least_batch: ClassVar[int] = 2

    def __init__(
        self,
        n: int,
        *,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        name: str | None = None,
    ) -> None:
        super().__init__(n, epsilon, name)
        self.momentum = _checks.real(momentum, "momentum")
        if not 0 < self.momentum <= 1:
            raise ValueError(f"momentum={self.momentum} must be in (0, 1]: the share of the new")
        self.mean: Array | None = None
        self.variance: Array | None = None

    def settings(self) -> list[str]:
        """The arguments of the constructor as texts."""
        share = [] if self.momentum == 0.1 else [f"momentum={self.momentum!r}"]
        return [*super().settings(), *share]

    def out_shape(self, shape: Shape) -> Shape:
        """(n,)."""
        if shape != (self.n,):
            raise ValueError(f"{self!r} takes samples of shape ({self.n},), not {shape}")
        return shape

    def set_parameters(self, w: Array | None, b: Array | None) -> None:
        """Take these arrays as the parameters, and start the running statistics anew."""
        super().set_parameters(w, b)
        if w is not None:
            self.mean, self.variance = np.zeros_like(w), np.ones_like(w)

    def state(self) -> dict[str, Array]:
        """The running statistics."""
        if self.mean is None or self.variance is None:
            return {}
        return {"mean": self.mean, "variance": self.variance}

    def _normalized(self, x: Array, mean: Array, inverse: Array, y: Array | None) -> Array:
        normal = np.empty_like(x)
        kernels._layer(
            "norm_columns",
            len(x),
            self.n,
            y=y,
            normal=normal,
            inverse=inverse,
            mean=mean,
            x=x,
            w=None if y is None else np.ascontiguousarray(self.w),
            b=None if y is None else np.ascontiguousarray(self.b),
        )
        return normal

    def _mean_over_rows(self, a: Array, b: Array | None = None) -> Array:
        mean = np.empty(self.n, a.dtype)
        kernels._layer("column_means", len(a), self.n, y=mean, x=a, normal=b)
        return mean

    def _inverse_root(self, variance: Array) -> Array:
        inverse = np.empty_like(variance)
        kernels._layer("inverse_roots", 1, self.n, y=inverse, x=variance, number=self.epsilon)
        return inverse

    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """Each unit normalized, times w, plus b."""
        x = self.checked(x)
        y = np.empty_like(x)
        if not save:
            assert self.mean is not None
            assert self.variance is not None
            self._normalized(x, self.mean, self._inverse_root(self.variance), y)
            return y
        if len(x) < self.least_batch:
            raise ValueError(
                f"x has {len(x)} samples: the variance over a batch needs at least 2; pass more, "
                f"or use LayerNorm"
            )
        mean = self._mean_over_rows(x)
        ones, zeros = np.ones_like(mean), np.zeros_like(mean)
        deviations = self._normalized(x, mean, ones, None)
        variance = self._mean_over_rows(deviations, deviations)
        inverse = self._inverse_root(variance)
        normal = self._normalized(deviations, zeros, inverse, y)
        for running, new in ((self.mean, mean), (self.variance, variance)):
            kernels._layer(
                "running",
                len(x),
                self.n,
                y=running,
                x=new,
                number=self.momentum,
                unbiased=new is variance,
            )
        self.x, self.y, self._saved = x, y, (normal, inverse)
        return y

    def backward(self, dy: Array) -> Array:
        """The gradient of x; those of the gain and the shift are left in dw and db."""
        normal, inverse = self.kept()
        dy = gradient_of(dy, normal)
        self.parameter_gradients(dy, normal)
        dx = self.dx = np.empty_like(dy)
        kernels._layer(
            "norm_columns_backward",
            len(dy),
            self.n,
            y=dx,
            normal=normal,
            inverse=inverse,
            mean=self.gradient("b"),
            product=self.gradient("w"),
            w=np.ascontiguousarray(self.w),
            x=dy,
        )
        return dx

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """The statistics of the batch, the columns normalized, and the running statistics."""
        x, dx = inputs
        y, dy = outputs = builder.output(x.shape)
        assert dy is not None
        n, momentum = self.n, self.momentum
        normal, deviations = builder.empty(x.shape), builder.empty(x.shape)
        mean, variance, inverse = (np.empty(n, x.dtype) for _ in range(3))
        ones, zeros = np.ones(n, x.dtype), np.zeros(n, x.dtype)
        builder.op("column_means", 1, n, y=mean, x=x)
        builder.op("norm_columns", 1, n, normal=deviations, x=x, mean=mean, inverse=ones)
        builder.op("column_means", 1, n, y=variance, x=deviations, normal=deviations)
        builder.op("inverse_roots", 0, n, 1, y=inverse, x=variance, number=self.epsilon)
        builder.op(
            "norm_columns", 1, n, y=y, normal=normal, x=deviations, mean=zeros, inverse=inverse,
            w=self.w, b=self.b,
        )  # fmt: skip
        builder.op("running", 1, n, y=self.mean, x=mean, number=momentum)
        builder.op("running", 1, n, y=self.variance, x=variance, number=momentum, unbiased=True)
        builder.backward(
            "norm_columns_backward", 1, n, y=dx, x=dy, normal=normal, inverse=inverse, w=self.w,
            mean=self.db, product=self.dw,
        )  # fmt: skip
        self.lower_gradients(builder, 1, dy, normal)
        return outputs
