"""Initializers of Keras with keys, each of which starts one tensor."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from initcore import initializers
from initcore.initializers import Initializer, Packed, VarianceScaling
from initcore.keys import Key, require_key

KERNELS = {
    "depthwise": "go",
    "transposed": "oi",
    "embedding": "go",
    "lstm": "io",
    "gru": "io",
}
"""The last two axes of kernels that are not (spatial..., in, out)."""

GATES = {"lstm": "ifgo", "gru": "zrn"}
"""Gates in the order in which Keras packs them, by the letters that PyTorch has for them."""

_SPATIAL = "abcdef"


class _Use:
    """What an object has started: shared with the copies that a layer makes of it for its parts."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] | None = None


class _Config(dict[str, Any]):
    """A configuration that knows whose it is, as long as nobody has copied or stored it.

    Attention layers copy their initializer by ``from_config(get_config())`` for each projection;
    these copies would give all projections the same numbers, so they count as one object.
    """

    use: _Use


@keras.saving.register_keras_serializable(package="initcore")
class Start(keras.initializers.Initializer):  # type: ignore[misc]
    """An initializer of initcore as Keras's.

    Parameters
    ----------
    init : Initializer or str
        The law. A name is Keras's: ``"he_normal"`` is a truncated normal.
    key : Key
        Which random numbers. Give every tensor a key of its own.
    kernel : str, optional
        Which kernel it is, where its shape does not say: ``"transposed"`` or ``"depthwise"`` for
        these convolutions, ``"embedding"``, ``"lstm"`` or ``"gru"`` for kernels with packed gates,
        each of which then has fans and numbers of its own; or a layout such as ``"ioo"``. If left
        out, the axes are (spatial..., in, out), as Keras takes them.
    fan_in, fan_out : float, optional
        Win over the fans that the shape says.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these; from a call, also if it is the second.

    Notes
    -----
    Keras reads every kernel of more than two axes as (spatial..., in, out), which is not what a
    transposed or depthwise convolution is: there, its fans are those of another layer.

    Exactness: bit-exact, stream v1.
    Source: the initializer's.

    Examples
    --------
    >>> import keras, initcore as ic
    >>> from initcore.interop.keras import Start
    >>> key = ic.Key(0)
    >>> init = Start("he_normal", key=key / "fc1" / "kernel")
    >>> layer = keras.layers.Dense(64, kernel_initializer=init)
    >>> layer.build((None, 128))
    >>> layer.kernel.shape
    (128, 64)
    """

    def __init__(
        self,
        init: str | Initializer,
        *,
        key: Key,
        kernel: str | None = None,
        fan_in: float | None = None,
        fan_out: float | None = None,
    ) -> None:
        self.init = initializers.get(init, convention="keras")
        self.key = require_key(key)
        if kernel is not None and not isinstance(kernel, str):
            raise TypeError(f"kernel={kernel!r} must be one of {', '.join(KERNELS)}, or a layout")
        self.kernel = kernel
        self.fan_in = fan_in
        self.fan_out = fan_out
        self._use = _Use()

    def at(self, name: str, sep: str = "/") -> "Start":
        """The same law for another tensor, whose key is this one's, gone down by `name`.

        Parameters
        ----------
        name : str
            As in ``"fc1/kernel"``.
        sep : str, default "/"
            What stands between two names.

        Examples
        --------
        >>> import initcore as ic
        >>> from initcore.interop.keras import Start
        >>> init = Start("glorot_uniform", key=ic.Key(0))
        >>> init.at("fc1/kernel").key
        Key(0) / 'fc1' / 'kernel'
        """
        return Start(
            self.init,
            key=self.key.at(name, sep),
            kernel=self.kernel,
            fan_in=self.fan_in,
            fan_out=self.fan_out,
        )

    def array(self, shape: Sequence[int], dtype: Any = np.float32) -> np.ndarray[Any, Any]:
        """The values as a NumPy array; not a use.

        Parameters
        ----------
        shape : sequence of int
        dtype : float32, float64, float16 or bfloat16, default float32
        """
        sizes = tuple(shape)
        law = self.init
        if self.kernel in GATES:
            gates = tuple(GATES[self.kernel])
            law = Packed(law, (1,) * len(gates), gates)
        return law(
            sizes,
            key=self.key,
            dtype=numpy_dtype(dtype),
            layout=self._layout(len(sizes)),
            transposed=self.kernel == "transposed",
            fan_in=self.fan_in,
            fan_out=self.fan_out,
        )

    def _layout(self, ndim: int) -> str:
        if ndim < 2:
            return "oi"
        if self.kernel is None or self.kernel in KERNELS:
            return _SPATIAL[: ndim - 2] + KERNELS.get(self.kernel or "", "io")
        return self.kernel

    def __call__(self, shape: Sequence[int], dtype: Any = None, layout: Any = None) -> Any:
        """The starting values of one tensor, for Keras to call.

        Parameters
        ----------
        shape : sequence of int
        dtype : str, optional
            Keras's ``floatx()`` if left out.
        layout : keras.distribution.TensorLayout, optional
            How the tensor is to be distributed.

        Raises
        ------
        ValueError
            If this object, or one that a layer copied from it, has started a tensor before.
        """
        if self._use.shape is not None:
            raise ValueError(
                f"this initializer, of {self.key!r}, has started a tensor of shape "
                f"{self._use.shape} and would give the one of shape {tuple(shape)} the same "
                'numbers; pass init.at("layer/kernel"), with a name of its own for each tensor, '
                "and start layers that copy their initializer, such as attention, by "
                "initcore.interop.initialize"
            )
        kind = dtype or keras.config.floatx()
        value = keras.ops.convert_to_tensor(self.array(shape, kind), dtype=kind)
        self._use.shape = tuple(shape)
        return value if layout is None else keras.distribution.distribute_tensor(value, layout)

    def get_config(self) -> dict[str, Any]:
        """This initializer as a dict, for Keras's files; `from_config` reads it."""
        config = _Config(
            init=self.init.to_dict(),
            key=self.key.to_dict(),
            kernel=self.kernel,
            fan_in=self.fan_in,
            fan_out=self.fan_out,
        )
        config.use = self._use
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Start":
        """The initializer that `get_config` wrote; it has started nothing yet."""
        fields = dict(config)
        made = cls(
            initializers.from_dict(fields.pop("init")),
            key=Key.from_dict(fields.pop("key")),
            **fields,
        )
        if isinstance(config, _Config):
            made._use = config.use
        return made

    def clone(self) -> "Start":
        """A copy that has started nothing yet."""
        return self.from_config(dict(self.get_config()))

    def __repr__(self) -> str:
        return f"<Start: {self.init.rule}; {self.key!r}>"


def numpy_dtype(dtype: Any) -> Any:
    """What NumPy knows Keras's dtype by."""
    if dtype == "bfloat16":
        import ml_dtypes

        return ml_dtypes.bfloat16
    return dtype


def random_normal(
    mean: float = 0.0, stddev: float = 0.05, *, key: Key, kernel: str | None = None
) -> Start:
    """N(mean, stddev^2); see `Start` for `key` and `kernel`."""
    return Start(initializers.Normal(std=stddev, mean=mean), key=key, kernel=kernel)


def truncated_normal(
    mean: float = 0.0, stddev: float = 0.05, *, key: Key, kernel: str | None = None
) -> Start:
    """N(mean, stddev^2) cut at two standard deviations; `stddev` is that before the cut."""
    return Start(initializers.TruncatedNormal(std=stddev, mean=mean), key=key, kernel=kernel)


def random_uniform(
    minval: float = -0.05, maxval: float = 0.05, *, key: Key, kernel: str | None = None
) -> Start:
    """Uniform on [minval, maxval)."""
    return Start(initializers.Uniform(low=minval, high=maxval), key=key, kernel=kernel)


def variance_scaling(
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    *,
    key: Key,
    kernel: str | None = None,
) -> Start:
    """Var(W) = scale / fan; Keras's "normal" is the truncated one, too."""
    said = {"normal": "truncated_normal", "untruncated_normal": "normal"}
    law = VarianceScaling(scale, mode, said.get(distribution, distribution))  # type: ignore[arg-type]
    return Start(law, key=key, kernel=kernel)


def orthogonal(gain: float = 1.0, *, key: Key, kernel: str | None = None) -> Start:
    """Orthonormal rows or columns, whichever are fewer, times `gain`."""
    return Start(initializers.Orthogonal(gain), key=key, kernel=kernel)


def _named(name: str) -> Any:
    def make(*, key: Key, kernel: str | None = None) -> Start:
        return Start(name, key=key, kernel=kernel)

    make.__doc__ = f"Keras's ``{name}``: {initializers.get(name, convention='keras').rule}."
    return make


glorot_normal = _named("glorot_normal")
glorot_uniform = _named("glorot_uniform")
he_normal = _named("he_normal")
he_uniform = _named("he_uniform")
lecun_normal = _named("lecun_normal")
lecun_uniform = _named("lecun_uniform")
