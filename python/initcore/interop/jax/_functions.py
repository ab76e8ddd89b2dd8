"""The functions of `jax.nn.initializers` with the numbers of stream v1."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from initcore import initializers
from initcore.initializers import Elementwise, Initializer, VarianceScaling, WeightShape, fans
from initcore.keys import Key

Axis = int | Sequence[int]

constant = jax.nn.initializers.constant
zeros = jax.nn.initializers.zeros
ones = jax.nn.initializers.ones

# a letter for each spatial axis, of 64 at most: Latin ones without g, i and o, Greek, Cyrillic
_SPATIAL = "abcdefhjklmnpqrstuvwxyz" + "".join(map(chr, (*range(945, 970), *range(1072, 1104))))
_MODES = {"fan_in": "fan_in", "fan_out": "fan_out", "fan_avg": "fan_avg", "fan_geo_avg": "fan_geo"}


def _words(key: Any) -> Any:
    """The words of a JAX key, typed or raw."""
    if not hasattr(key, "dtype"):
        raise TypeError(
            f"key={key!r} must be one key of JAX, as of jax.random.key(0), or an initcore.Key; it "
            f"is of type {type(key).__name__}"
        )
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    if key.dtype != jnp.uint32 or key.ndim != 1:
        raise TypeError(
            f"key has dtype {key.dtype} and shape {key.shape}; it must be one key, as of "
            "jax.random.key(0); for several at once use jax.vmap"
        )
    return key


def _seed(words: np.ndarray[Any, Any]) -> int:
    if len(words) == 2:
        return int(words[0]) << 32 | int(words[1])
    return int.from_bytes(blake2b(words.astype("<u4").tobytes(), digest_size=8).digest(), "little")


def key_of(key: Any) -> Key:
    """The `initcore.Key` that a JAX key stands for.

    Its seed is the key's data: of two words, as Threefry's keys have, the first is the high half,
    so that ``jax.random.key(n)`` stands for ``Key(n)``. The words of other generators, which are
    more, are hashed by BLAKE2b-64, each as four bytes, the low one first; both ends are read
    little-endian.

    Parameters
    ----------
    key : jax.Array
        One key, typed or of raw uint32 words; not traced.

    Examples
    --------
    >>> import jax
    >>> from initcore.interop.jax import key_of
    >>> key_of(jax.random.key(5, impl="threefry2x32"))
    Key(5)
    """
    return Key(_seed(np.asarray(_words(key))))


def _positions(axis: Axis, ndim: int, name: str) -> tuple[int, ...]:
    found = (axis,) if isinstance(axis, int) else tuple(axis)
    if not all(-ndim <= position < ndim for position in found):
        raise ValueError(f"{name}={axis!r} must name axes of a shape with {ndim} axes")
    return tuple(position % ndim for position in found)


@dataclass(frozen=True)
class Function:
    """``init(key, shape, dtype=None, out_sharding=None)``; equal where the law and the axes are.

    Made by the functions of this module.
    """

    init: Initializer
    """The law."""
    in_axis: tuple[int, ...] = (-2,)
    out_axis: tuple[int, ...] = (-1,)
    batch_axis: tuple[int, ...] = ()
    layout: str | None = None
    """Wins over the axes; see `initcore.initializers`."""
    dtype: Any = None
    """Where a call says none; None for JAX's own default."""

    def layout_of(self, ndim: int) -> str:
        """The layout of a tensor with so many axes."""
        if self.layout is not None or ndim < 2:
            return self.layout or "oi"
        spatial = iter(_SPATIAL)
        letters = {}
        for letter, name in (("i", "in_axis"), ("o", "out_axis"), ("g", "batch_axis")):
            for position in _positions(getattr(self, name), ndim, name):
                letters[position] = letter
        return "".join(letters.get(position) or next(spatial) for position in range(ndim))

    def _array(self, seed: Key, shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
        return self.init(shape, key=seed, dtype=dtype, layout=self.layout_of(len(shape)))

    def __call__(
        self, key: Any, shape: int | Sequence[int], dtype: Any = None, out_sharding: Any = None
    ) -> jax.Array:
        """A new array.

        Parameters
        ----------
        key : jax.Array or Key
            See `key_of`. May be traced.
        shape : int or sequence of int
        dtype : float32, float64, float16 or bfloat16, optional
        out_sharding : Sharding or PartitionSpec, optional
            Outside of ``jit`` only the parts that live on this process's devices are made.

        Raises
        ------
        TypeError, ValueError
            If the key is none, the law does not fit the shape, or the type is another.
        """
        sizes = WeightShape.of(shape).shape
        wanted = self.dtype if dtype is None else dtype
        kind = jax.dtypes.canonicalize_dtype(float if wanted is None else wanted)
        initializers.Zeros()((0,), dtype=kind)  # or the error of a type that is not supported
        if isinstance(self.init, Elementwise) and 0 not in sizes:
            self.init.law(fans(sizes, self.layout_of(len(sizes))))
        if isinstance(key, Key):
            return self._placed(key, sizes, kind, out_sharding)
        words = _words(key)
        if not isinstance(words, jax.core.Tracer):
            return self._placed(key_of(words), sizes, kind, out_sharding)

        def made(batch: Any) -> np.ndarray[Any, Any]:
            rows = np.asarray(batch)
            values = np.empty((*rows.shape[:-1], *sizes), kind)
            for index in np.ndindex(rows.shape[:-1]):
                values[index] = self._array(Key(_seed(rows[index])), sizes, kind)
            return values

        result = jax.ShapeDtypeStruct(sizes, kind)
        value: jax.Array = jax.pure_callback(made, result, words, vmap_method="expand_dims")
        return value if out_sharding is None else jax.device_put(value, out_sharding)

    def _placed(self, key: Key, shape: tuple[int, ...], dtype: Any, out_sharding: Any) -> jax.Array:
        if isinstance(out_sharding, jax.sharding.Sharding):
            layout = self.layout_of(len(shape))
            return jax.make_array_from_callback(
                shape,
                out_sharding,
                lambda index: self.init.block(shape, index, key=key, dtype=dtype, layout=layout),
            )
        value = self._array(key, shape, dtype)  # nobody else's, so JAX may keep its memory
        placed: jax.Array = (
            jnp.asarray(value) if out_sharding is None else jax.device_put(value, out_sharding)
        )
        return placed


def _axes(axis: Axis) -> tuple[int, ...]:
    return (axis,) if isinstance(axis, int) else tuple(axis)


def from_initializer(
    init: str | Initializer, *, layout: str | None = None, dtype: Any = None
) -> Function:
    """Any initializer of initcore as a function for JAX.

    Parameters
    ----------
    init : Initializer or str
        A name is JAX's.
    layout : str, optional
        Which axis is out, which in, as in ``"ioo"`` for heads; JAX's order (spatial..., in, out)
        if left out.
    dtype : optional
        Where a call says none.

    Examples
    --------
    >>> import jax
    >>> import initcore as ic
    >>> from initcore.interop.jax import from_initializer
    >>> init = from_initializer(ic.TruncatedNormal(std=0.02))
    >>> init(ic.Key(0) / "embedding", (512, 64)).shape
    (512, 64)
    """
    return Function(initializers.get(init, convention="jax"), layout=layout, dtype=dtype)


def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: Axis = -2,
    out_axis: Axis = -1,
    batch_axis: Axis = (),
    dtype: Any = None,
) -> Function:
    """Var(W) = scale / fan, as `jax.nn.initializers.variance_scaling` has it.

    Parameters
    ----------
    scale : float
        Positive.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}
    distribution : {"truncated_normal", "normal", "uniform"}
    in_axis, out_axis, batch_axis : int or sequence of int
        Axes of the inputs, of the outputs, and of independent copies; the others are spatial.
    dtype : optional
        Where a call says none.

    Raises
    ------
    ValueError
        If a name or the scale is none of these.

    Notes
    -----
    Exactness: bit-exact, stream v1.
    Source: jax.nn.initializers.

    Examples
    --------
    >>> import jax
    >>> from initcore.interop import jax as ij
    >>> init = ij.variance_scaling(2.0, "fan_in", "normal")
    >>> w = init(jax.random.key(0), (256, 128))
    >>> bool(abs(256 * w.var() / 2 - 1) < 0.05)
    True
    """
    if mode not in _MODES:
        raise ValueError(f"mode={mode!r} must be one of {', '.join(_MODES)}")
    law = VarianceScaling(scale, _MODES[mode], distribution)  # type: ignore[arg-type]
    return Function(law, _axes(in_axis), _axes(out_axis), _axes(batch_axis), dtype=dtype)


def _named(scale: float, mode: str, distribution: str) -> Any:
    def make(
        in_axis: Axis = -2, out_axis: Axis = -1, batch_axis: Axis = (), dtype: Any = None
    ) -> Function:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    make.__doc__ = (
        f"`variance_scaling` with scale={scale}, mode={mode!r} and distribution={distribution!r}."
    )
    return make


glorot_normal = xavier_normal = _named(1.0, "fan_avg", "truncated_normal")
glorot_uniform = xavier_uniform = _named(1.0, "fan_avg", "uniform")
he_normal = kaiming_normal = _named(2.0, "fan_in", "truncated_normal")
he_uniform = kaiming_uniform = _named(2.0, "fan_in", "uniform")
lecun_normal = _named(1.0, "fan_in", "truncated_normal")
lecun_uniform = _named(1.0, "fan_in", "uniform")


def normal(stddev: float = 1e-2, dtype: Any = None) -> Function:
    """N(0, stddev^2)."""
    return Function(initializers.Normal(std=stddev), dtype=dtype)


def uniform(scale: float = 1e-2, dtype: Any = None) -> Function:
    """Uniform on [0, scale)."""
    return Function(initializers.Uniform(low=0.0, high=scale), dtype=dtype)


def truncated_normal(
    stddev: float = 1e-2, dtype: Any = None, lower: float = -2.0, upper: float = 2.0
) -> Function:
    """N(0, stddev^2) cut at `lower` and `upper` standard deviations; stddev is before the cut."""
    law = initializers.TruncatedNormal(std=stddev, low=lower, high=upper)
    return Function(law, dtype=dtype)


def orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Function:
    """Orthonormal rows or columns, whichever are fewer, times `scale`.

    Parameters
    ----------
    scale : float, default 1.0
    column_axis : int, default -1
        The axis of the outputs; of the others the last one is that of the inputs.
    dtype : optional
        Where a call says none.
    """
    in_axis = -1 if column_axis == -2 else -2
    return Function(initializers.Orthogonal(scale), (in_axis,), (column_axis,), dtype=dtype)


def delta_orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Function:
    """An orthogonal matrix in the middle of a convolution kernel (spatial..., in, out), else 0."""
    in_axis = -1 if column_axis == -2 else -2
    return Function(initializers.DeltaOrthogonal(scale), (in_axis,), (column_axis,), dtype=dtype)


def haiku(init: Function) -> Any:
    """The same for Haiku, which calls ``init(shape, dtype)`` within ``hk.transform``.

    Parameters
    ----------
    init : Function
        Of this module. Its key is the next of the transformed function's sequence.
    """
    import haiku as hk

    def start(shape: Sequence[int], dtype: Any) -> jax.Array:
        return init(hk.next_rng_key(), shape, dtype)

    return start
