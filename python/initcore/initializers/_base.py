"""What every initializer does: make an array, fill one, or make a block of one."""

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from types import EllipsisType
from typing import Any, ClassVar, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from initcore import kernels
from initcore._memory import torch_tensors
from initcore._memory.arrays import DTYPES_TEXT, is_supported, writable
from initcore.initializers._layout import Fans, fans
from initcore.keys import Key

Index = int | slice | EllipsisType | tuple[int | slice | EllipsisType, ...]
A = TypeVar("A")


@dataclass(frozen=True)
class Block:
    """A part of a whole tensor: where its first element is, and how far each axis steps.

    `shape` is the part's shape; `starts` and `steps` are per axis of the whole tensor, whose
    axes with an int index are not among `kept`.
    """

    shape: tuple[int, ...]
    starts: tuple[int, ...]
    steps: tuple[int, ...]
    kept: tuple[int, ...]

    def first(self, strides: Sequence[int]) -> int:
        """Canonical index of the part's first element."""
        return sum(map(operator.mul, self.starts, strides))

    def strides(self, strides: Sequence[int]) -> tuple[int, ...]:
        """Canonical strides of the part's axes."""
        return tuple(strides[axis] * self.steps[axis] for axis in self.kept)

    def index(self) -> tuple[int | slice, ...]:
        """The basic index that takes this part of the whole tensor."""
        found: list[int | slice] = list(self.starts)
        for axis, length in zip(self.kept, self.shape, strict=True):
            start, step = self.starts[axis], self.steps[axis]
            stop = start + step * length
            found[axis] = slice(start, stop if stop >= 0 else None, step)
        return tuple(found)


def whole(shape: tuple[int, ...]) -> Block:
    """The block that is all of a tensor."""
    ndim = len(shape)
    return Block(shape, (0,) * ndim, (1,) * ndim, tuple(range(ndim)))


def block_of(shape: tuple[int, ...], index: Index) -> Block:
    """The block that basic indexing ``tensor[index]`` takes of a tensor of this shape."""
    items = list(index) if isinstance(index, tuple) else [index]
    dots = [position for position, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise IndexError(f"index={index!r} has more than one ellipsis")
    if dots:
        missing = len(shape) - len(items) + 1
        items[dots[0] : dots[0] + 1] = [slice(None)] * missing
    items += [slice(None)] * (len(shape) - len(items))
    if len(items) != len(shape):
        raise IndexError(f"index={index!r} has more axes than the shape {shape}")
    part: list[int] = []
    starts: list[int] = []
    steps: list[int] = []
    kept: list[int] = []
    for axis, (item, length) in enumerate(zip(items, shape, strict=True)):
        if isinstance(item, slice):
            start, stop, step = item.indices(length)
            part.append(len(range(start, stop, step)))
            starts.append(start)
            steps.append(step)
            kept.append(axis)
        elif isinstance(item, SupportsIndex) and not isinstance(item, bool):
            position = operator.index(item)
            if not -length <= position < length:
                raise IndexError(
                    f"index={index!r} is out of range: axis {axis} of shape {shape} has "
                    f"{length} elements"
                )
            starts.append(position % length)
            steps.append(1)
        else:
            raise TypeError(
                f"index={index!r} must be made of ints, slices and an ellipsis; {item!r} is neither"
            )
    return Block(tuple(part), tuple(starts), tuple(steps), tuple(kept))


def _checked_shape(shape: SupportsIndex | Sequence[SupportsIndex]) -> tuple[int, ...]:
    try:
        sizes = (shape,) if isinstance(shape, SupportsIndex) else tuple(shape)
        result = tuple(operator.index(size) for size in sizes)
    except TypeError:
        raise TypeError(f"shape={shape!r} must be an int or a tuple of ints") from None
    if any(size < 0 for size in result):
        raise ValueError(f"shape={result} must not have negative sizes")
    if math.prod(result) > 2**64:
        raise ValueError(
            f"shape={result} must have at most 2**64 elements, as many as a stream numbers; "
            "make several tensors of it, each with a key of its own"
        )
    return result


def _checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    result = np.dtype(dtype)
    if not is_supported(result):
        raise TypeError(f"dtype={result} is not supported; use {DTYPES_TEXT}")
    return result


@dataclass(frozen=True)
class Initializer(ABC):
    """Starting values of a tensor, as a law: it has no state and no random numbers of its own.

    Call it for a new array, `fill` an array in place, or make a `block` of a tensor without
    making the rest.
    """

    _by_element: ClassVar[bool] = False  # whether a block is made without making the whole

    @abstractmethod
    def _write(
        self,
        array: np.ndarray[Any, Any],
        whole_shape: tuple[int, ...],
        block: Block,
        layout: str,
        tensor_fans: Fans,
        key: Key | None,
    ) -> None:
        """Write the block of a tensor of `whole_shape` into `array`, which has its shape."""

    @property
    @abstractmethod
    def rule(self) -> str:
        """The law in a few words, for people."""

    def __call__(
        self,
        shape: SupportsIndex | Sequence[SupportsIndex],
        *,
        key: Key | None = None,
        dtype: DTypeLike = np.float32,
        layout: str = "oi",
        groups: int = 1,
        transposed: bool = False,
        stride: int | Sequence[int] = 1,
        fan_in: float | None = None,
        fan_out: float | None = None,
    ) -> np.ndarray[Any, Any]:
        """Make a new array.

        Parameters
        ----------
        shape : int or tuple of int
            Shape of the tensor, as stored.
        key : Key
            Which random numbers; initializers that draw none need no key.
        dtype : float32, float64, float16 or bfloat16 (that of ml_dtypes), default float32
            Type of the elements.
        layout : str, default "oi"
            Which axis is out, which in: ``"oi"`` (out, in, spatial...), ``"io"``, or a letter
            per axis such as ``"HWIO"``, with ``g`` for independent copies such as experts. The
            same key gives the same layer in any layout.
        groups : int, default 1
            Groups of a grouped convolution.
        transposed : bool, default False
            Whether the tensor belongs to a transposed convolution.
        stride : int or sequence of int, default 1
            Step of a convolution, for all spatial axes or for each; see `fans`.
        fan_in, fan_out : float, optional
            Win over the fans that the shape says.

        Returns
        -------
        numpy.ndarray
            C-contiguous, of this shape and dtype.

        Raises
        ------
        TypeError, ValueError
            Naming the argument, its value, the rule and the remedy.
        """
        sizes = _checked_shape(shape)
        tensor_fans = fans(
            sizes,
            layout,
            groups=groups,
            transposed=transposed,
            stride=stride,
            fan_in=fan_in,
            fan_out=fan_out,
        )
        array = np.empty(sizes, _checked_dtype(dtype))
        self._write(array, sizes, whole(sizes), layout, tensor_fans, key)
        return array

    def fill(
        self,
        array: A,
        *,
        key: Key | None = None,
        layout: str = "oi",
        groups: int = 1,
        transposed: bool = False,
        stride: int | Sequence[int] = 1,
        fan_in: float | None = None,
        fan_out: float | None = None,
    ) -> A:
        """Fill an array in place, whatever its strides, and return it.

        Parameters
        ----------
        array : numpy.ndarray, torch.Tensor, or of a type given to `initcore.interop.allow`
            Writable, of one of the dtypes of a call; memory-mapped arrays and views too. A tensor
            may be a parameter that tracks gradients; its version counter moves, so that a backward
            pass that needed the old values is refused. One on a CUDA device is filled by way of
            pinned memory of the host, 32 MiB at a time.
        key, layout, groups, transposed, stride, fan_in, fan_out
            As in a call.

        Returns
        -------
        The same object, of whose memory nothing was copied.

        Raises
        ------
        TypeError
            If it is of another type, or has no memory that may be written: a tensor that is meta,
            fake, traced, made in inference mode or on another device; an array of JAX or
            TensorFlow.
        ValueError
            If it is read-only.

        Notes
        -----
        An interrupt (Ctrl-C) leaves the elements written by then, the others as they were; the
        same call again completes them.
        """
        if torch_tensors.on_gpu(array):
            self._fill_gpu(
                array,
                key=key,
                layout=layout,
                groups=groups,
                transposed=transposed,
                stride=stride,
                fan_in=fan_in,
                fan_out=fan_out,
            )
            return array
        target, written = writable(array, "array")
        kernels._require_own_elements(target, "array")
        tensor_fans = fans(
            target.shape,
            layout,
            groups=groups,
            transposed=transposed,
            stride=stride,
            fan_in=fan_in,
            fan_out=fan_out,
        )
        self._write(target, target.shape, whole(target.shape), layout, tensor_fans, key)
        if written is not None:
            written()
        return array

    def _fill_gpu(self, tensor: Any, **said: Any) -> None:
        """Fill a tensor on a GPU by way of the host."""
        torch_tensors.require(tensor, "array", gpu=True)
        shape = tuple(tensor.shape)

        def write(index: Index, part: Any) -> None:
            self.block(shape, index, out=part, **said)

        torch_tensors.stage(tensor, write, whole=not self._by_element)

    def block(
        self,
        shape: SupportsIndex | Sequence[SupportsIndex],
        index: Index,
        *,
        key: Key | None = None,
        out: Any = None,
        dtype: DTypeLike | None = None,
        layout: str = "oi",
        groups: int = 1,
        transposed: bool = False,
        stride: int | Sequence[int] = 1,
        fan_in: float | None = None,
        fan_out: float | None = None,
    ) -> Any:
        """Make ``self(shape, key=key, ...)[index]`` without making the rest.

        Fans are those of the whole tensor. This is how a shard, or a tensor larger than memory,
        gets its values.

        Parameters
        ----------
        shape : int or tuple of int
            Shape of the whole tensor.
        index : int, slice, Ellipsis or a tuple of these
            Basic index into the whole tensor; ``numpy.s_[64:128, :]`` writes one down.
        out : array as of `fill`, optional
            Where to write; its shape must be that of the block, its dtype is the block's.
        dtype : float32, float64, float16 or bfloat16 (that of ml_dtypes), default float32
            Type of a new array.
        key, layout, groups, transposed, stride, fan_in, fan_out
            As in a call.

        Returns
        -------
        numpy.ndarray
            `out`, or a new array.
        """
        sizes = _checked_shape(shape)
        part = block_of(sizes, index)
        tensor_fans = fans(
            sizes,
            layout,
            groups=groups,
            transposed=transposed,
            stride=stride,
            fan_in=fan_in,
            fan_out=fan_out,
        )
        if out is None:
            array = np.empty(part.shape, _checked_dtype(np.float32 if dtype is None else dtype))
            self._write(array, sizes, part, layout, tensor_fans, key)
            return array
        target, written = writable(out, "out")
        kernels._require_own_elements(target, "out")
        if target.shape != part.shape:
            raise ValueError(
                f"out has shape {target.shape}, but index={index!r} of a tensor of shape "
                f"{sizes} has shape {part.shape}; pass an array of that shape"
            )
        if dtype is not None and target.dtype != np.dtype(dtype):
            raise ValueError(
                f"dtype={np.dtype(dtype).name} is not that of out, {target.dtype.name}; "
                "leave one of them away"
            )
        self._write(target, sizes, part, layout, tensor_fans, key)
        if written is not None:
            written()
        return out

    def to_dict(self) -> dict[str, Any]:
        """This initializer as a dict that JSON can hold; `initializers.from_dict` reads it."""
        return {
            "initializer": type(self).__name__,
            **{field.name: _plain(getattr(self, field.name)) for field in fields(self)},
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.rule}>"


def _plain(value: Any) -> Any:
    """A field as JSON holds it."""
    if isinstance(value, Initializer):
        return value.to_dict()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


_HELD_BY_ALL = 65504.0  # the largest float16; bfloat16 goes further


def store(array: np.ndarray[Any, Any], values: Any, name: str = "element") -> None:
    """Write finite doubles into an array; a 16-bit element is the float32 one, rounded once.

    What is too large for the type is refused by `name` before anything is written.
    """
    if isinstance(values, float) and abs(values) <= _HELD_BY_ALL:
        array[...] = np.float32(values) if array.dtype.itemsize == 2 else values
        return
    with np.errstate(over="ignore"):
        once = values.astype(np.float32) if array.dtype.itemsize == 2 else values
        rounded = once.astype(array.dtype)
    if not np.isfinite(rounded).all():
        largest = float(np.abs(values).max())
        raise ValueError(
            f"{name}={largest:g} must be finite in {array.dtype.name}; use a smaller number"
            + (" or a float64 array" if array.dtype.itemsize < 8 else "")
        )
    array[...] = rounded


def require_finite(name: str, value: float) -> float:
    """`value` as a float, or an error that names the argument."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise TypeError(f"{name}={value!r} must be a number")
    result = float(value)
    if not np.isfinite(result):
        raise ValueError(f"{name}={value!r} must be finite")
    return result
