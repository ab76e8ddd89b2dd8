"""What a layer is: parameters, their gradients, forward and backward."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from initcore import _checks, initializers
from initcore.initializers import Initializer
from initcore.keys import Key, require_key
from initcore.layers._builder import Builder, Value

Array = NDArray[Any]
Shape = tuple[int, ...]


def initializer(init: Any, name: str) -> Initializer:
    """`init` as an initializer; a text names one."""
    if not isinstance(init, str | dict | Initializer):
        raise TypeError(
            f"{name}={init!r} must be an initializer such as initcore.HeNormal(), or its name"
        )
    return initializers.get(init)


def no_weights(name: str | None) -> RuntimeError:
    """The error of a layer that is used before it has weights."""
    which = "this layer" if name is None else f"layer {name!r}"
    return RuntimeError(f"{which} has no weights yet: call initialize(key=...) first")


class Layer(ABC):
    """One step of a network: y = f(x), and the gradients of its parameters and of x.

    Every layer has at most a weight `w` and a bias `b`; containers have none of their own.

    A user-defined layer has `forward` and `backward`, and `fit` calls them. One that also defines
    `lower` is trained in the compiled program, like the layers of this package.

    Attributes
    ----------
    name : str or None
        The layer's part of the key path; None for its kind and its number among those.
    w, b, dw, db : ndarray or None
        Parameters and their gradients.
    x, y, dx : ndarray or None
        Input and output of the last `forward`, and what the last `backward` returned.
    """

    kind: ClassVar[str]
    """Default name prefix: "layer_norm" in "layer_norm_0"."""
    roles: ClassVar[Mapping[str, str]] = {}
    """What "w" and "b" are to a recipe, by `initcore.models`' names of roles, such as "weight" and
    "bias"; empty for a layer that a recipe leaves to its own initializer."""
    reads_samples: ClassVar[bool] = False
    """Whether the compiled layer reads `program_samples`, and so can only be the first reader."""
    least_batch: ClassVar[int] = 1
    """Samples that a batch needs in training."""
    parameter_shapes: dict[str, Shape]
    """The shapes of "w" and "b", those that the layer has."""

    def __init__(self, name: str | None = None) -> None:
        if name is not None and (not isinstance(name, str) or not name):
            raise TypeError(f"name={name!r} must be a text that is not empty, or None")
        self.name = name
        self.parameter_shapes = {}
        self.w: Array | None = None
        self.b: Array | None = None
        self.dw: Array | None = None
        self.db: Array | None = None
        self.x: Array | None = None
        self.y: Array | None = None
        self.dx: Array | None = None
        self._saved: Any = None

    def __repr__(self) -> str:
        parts = [*self.settings(), *([] if self.name is None else [f"name={self.name!r}"])]
        return f"{type(self).__name__}({', '.join(parts)})"

    def settings(self) -> list[str]:
        """The arguments of the constructor as texts, those that differ from their defaults."""
        return []

    @property
    def in_shape(self) -> Shape | None:
        """The shape of one sample that the layer takes; None where it takes several."""
        return None

    def out_shape(self, shape: Shape) -> Shape:
        """The shape of one sample of y, for that of one of x; an error if it takes no such x."""
        return shape

    def leaves(self, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], "Layer"]]:
        """The layers that have parameters of their own, with their names; here this one."""
        return [(path, self)]

    def new_parameters(
        self, init: Initializer, key: Key, dtype: np.dtype[Any]
    ) -> tuple[Array | None, Array | None]:
        """Fresh w and b; `init` where the layer has no initializer of its own."""
        return None, None

    def set_parameters(self, w: Array | None, b: Array | None) -> None:
        """Take these arrays as the parameters and forget everything computed from older ones."""
        self.w, self.b = w, b
        self.dw = self.db = None
        self.forget()

    def forget(self) -> None:
        """Drop what `forward` and `backward` left here, which belongs to weights as they were."""
        self.x = self.y = self.dx = self._saved = None

    def facts(self) -> dict[str, Any]:
        """What a recipe may want to know of the weights: fan_in, fan_out and activation.

        A layer says those that their shapes do not show, as `initcore.models` names them.
        """
        return {}

    def state(self) -> dict[str, Array]:
        """Arrays that training changes and that have no gradient, by name."""
        return {}

    def initialize(
        self, init: Initializer | str | None = None, *, key: Key, dtype: DTypeLike = np.float32
    ) -> None:
        """Give this one layer new parameters; a network does that for all of its layers.

        Parameters
        ----------
        init : initializer or str, optional
            For a layer that has none of its own; None for XavierNormal.
        key : Key
            The weights take key / "weight", the biases key / "bias".
        dtype : float32 or float64, default float32
            float32 or float64.

        Notes
        -----
        Exactness: bit-exact, stream v1.
        Source: the initializer's.
        """
        given = initializer(initializers.XavierNormal() if init is None else init, "init")
        self.set_parameters(
            *self.new_parameters(given, require_key(key), _checks.float_type(dtype))
        )

    def check_parameters(self, name: str) -> np.dtype[Any] | None:
        """The type of the parameters, or an error if they are missing or do not fit the layer."""
        if not self.parameter_shapes:
            return None
        first = getattr(self, next(iter(self.parameter_shapes)))
        if first is None:
            raise no_weights(name)
        for which, shape in self.parameter_shapes.items():
            array = getattr(self, which)
            if not isinstance(array, np.ndarray) or array.shape != shape:
                raise ValueError(
                    f"{which} of layer {name!r} has shape {np.shape(array)}: it must be an array "
                    f"of shape {shape}; write new values with layer.{which}[...] = values"
                )
            if array.dtype not in _checks.FLOAT_TYPES or array.dtype != first.dtype:
                raise ValueError(
                    f"{which} of layer {name!r} has dtype {array.dtype}: w and b of a layer are "
                    f"both float32 or both float64"
                )
        dtype: np.dtype[Any] = first.dtype
        return dtype

    @abstractmethod
    def forward(
        self, x: Array, *, save: bool = True, key: Key | None = None, step: int = 0
    ) -> Array:
        """y for a batch x. With `save` the layer trains: it keeps what `backward` needs.

        `key` and `step` say which random numbers a layer that draws some takes.
        """

    @abstractmethod
    def backward(self, dy: Array) -> Array:
        """From the gradient dy of y to that of x; those of the parameters are left in dw, db."""

    def can_compile(self) -> bool:
        """Whether `fit` may run this layer in the compiled program: its own class defines `lower`.

        A subclass may compute something else and inherits no `lower`; where it does not, it says
        so with `lower = Parent.lower`.
        """
        return "lower" in vars(type(self))

    def lower(self, builder: Builder, inputs: Value) -> Value:
        """Add the kernels of `forward` and `backward` to a compiled program.

        It is called once for a run, when the parameters and their gradients w, b, dw, db are
        there; the program reads and writes these arrays. The two ways to train must give the same
        bytes.

        Parameters
        ----------
        builder : Builder
            Takes the kernels, and hands out arrays.
        inputs : Value
            x for a full batch, and where its gradient is to be written.

        Returns
        -------
        Value
            y for a full batch, and where the next layer writes its gradient.
        """
        raise NotImplementedError(f"{type(self).__name__} has no lower: it is interpreted")

    def first_reader(self) -> "Layer | None":
        """The layer in here that reads x first; None if x only gets another shape."""
        return self

    def program_samples(self, x: Array) -> Array:
        """All samples x as the compiled program gathers them, if this layer reads them first."""
        return x

    def kept(self) -> Any:
        """The arrays that `forward` kept for `backward`, or an error."""
        if self.x is None:
            raise RuntimeError(
                "backward before forward: call forward(x) first, without save=False; "
                "backward needs what it keeps"
            )
        return self._saved

    def gradient(self, which: str) -> Array:
        """The array dw or db, made when it is first needed."""
        gradient: Array | None = getattr(self, "d" + which)
        if gradient is None:
            gradient = np.zeros_like(getattr(self, which), order="C")
            setattr(self, "d" + which, gradient)
        return gradient


def first_reader(layers: Sequence[Layer]) -> Layer | None:
    """The layer that reads the input of a row of layers first; None if it only gets reshaped."""
    for layer in layers:
        reader = layer.first_reader()
        if reader is not None:
            return reader
    return None


def contiguous(x: Array, like: Array | None, what: str) -> Array:
    """`x` as a C-contiguous array of float32 or float64, the type of the parameter `like`."""
    if not isinstance(x, np.ndarray) or x.dtype not in _checks.FLOAT_TYPES:
        raise TypeError(f"{what} must be an array of float32 or float64")
    if like is not None and x.dtype != like.dtype:
        raise TypeError(
            f"{what} has dtype {x.dtype} and the layer's parameters {like.dtype}: convert it with "
            f".astype({like.dtype})"
        )
    return np.ascontiguousarray(x)


def gradient_of(dy: Array, x: Array) -> Array:
    """dy checked against what forward gave, contiguous."""
    dy = contiguous(dy, x, "dy")
    if dy.shape != x.shape:
        raise ValueError(f"dy has shape {dy.shape}: it must be {x.shape}, that of y")
    return dy


def width_of(shape: Shape, n: int, layer: Layer) -> None:
    """Refuse samples whose last axis has not n elements."""
    if not shape or shape[-1] != n:
        raise ValueError(f"{layer!r} takes samples whose last axis has {n} elements, not {shape}")
