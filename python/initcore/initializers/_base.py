"""What every initializer does: make an array, fill one, or make a block of one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from initcore import kernels
from initcore._memory import torch_tensors
from initcore._memory.arrays import DTYPES_TEXT, is_supported, writable
from initcore.initializers._block import Block, Index, block_of
from initcore.initializers._law import Spread
from initcore.initializers._weight import WeightShape
from initcore.keys import Key

A = TypeVar("A")


def _checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        result = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype={dtype!r} is not supported; use {DTYPES_TEXT}") from None
    if dtype is None:  # which NumPy takes for float64
        raise TypeError(f"dtype=None is not a type; say it, or leave it out: {DTYPES_TEXT}")
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
    def write(
        self, out: np.ndarray[Any, Any], *, key: Key | None, block: Block, weight: WeightShape
    ) -> None:
        """Write one block of a weight; every call, `fill` and `block` comes down to this method.

        Parameters
        ----------
        out : numpy.ndarray, shape block.shape
            Writable, of any strides; float32, float64, float16 or bfloat16. It may be empty.
        key : Key or None
            The tensor's; `initcore.keys.require_key` refuses None where numbers are drawn.
        block : Block
            The part of the weight that `out` is; ``weight.whole`` for all of it.
        weight : WeightShape
            The whole weight: its shape, layout and fans.

        Raises
        ------
        TypeError, ValueError
            Before anything is written.

        Notes
        -----
        Whatever part of a weight is written, its elements are those of the whole: an element may
        depend on the key, on its place in the weight and on `weight`, on nothing else.
        """

    def spread(self, weight: WeightShape) -> Spread | None:
        """Mean and standard deviation of an element; None where elements differ in law."""
        return None

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
        kind = _checked_dtype(dtype)
        weight = WeightShape.of(shape, layout, groups, transposed, stride, fan_in, fan_out)
        array = np.empty(weight.shape, kind)
        self.write(array, key=key, block=weight.whole, weight=weight)
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
        weight = WeightShape.of(target.shape, layout, groups, transposed, stride, fan_in, fan_out)
        self.write(target, key=key, block=weight.whole, weight=weight)
        if written is not None:
            written()
        return array

    def _fill_gpu(self, tensor: Any, **options: Any) -> None:
        """Fill a tensor on a GPU by way of the host."""
        torch_tensors.require(tensor, "array", gpu=True)
        shape = tuple(tensor.shape)

        def write(index: Index, part: Any) -> None:
            self.block(shape, index, out=part, **options)

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
        weight = WeightShape.of(shape, layout, groups, transposed, stride, fan_in, fan_out)
        part = block_of(weight.shape, index)
        if out is None:
            array = np.empty(part.shape, _checked_dtype(np.float32 if dtype is None else dtype))
            self.write(array, key=key, block=part, weight=weight)
            return array
        target, written = writable(out, "out")
        kernels._require_own_elements(target, "out")
        if target.shape != part.shape:
            raise ValueError(
                f"out has shape {target.shape}, but index={index!r} of a tensor of shape "
                f"{weight.shape} has shape {part.shape}; pass an array of that shape"
            )
        if dtype is not None and target.dtype != np.dtype(dtype):
            raise ValueError(
                f"dtype={np.dtype(dtype).name} is not that of out, {target.dtype.name}; "
                "leave one of them away"
            )
        self.write(target, key=key, block=part, weight=weight)
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


def refuse_own_write(cls: Any, base: Any) -> None:
    """Refuse a class whose `write` is not that of `base`, which others call the kernels for."""
    if cls.write is not base.write:
        raise TypeError(
            f"{cls.__name__} must not define write, for {base.__name__} writes by one rule for "
            "every element; derive from initcore.initializers.Initializer instead"
        )


_FLOAT16_MAX = 65504.0  # bfloat16 goes further


def rounded(values: Any, dtype: np.dtype[Any], name: str = "element") -> Any:
    """Finite doubles in `dtype`; a 16-bit element is the float32 one, rounded once.

    What is too large for the type is refused by `name`.
    """
    wide = np.asarray(values)
    with np.errstate(over="ignore"):
        once = wide.astype(np.float32) if dtype.itemsize == 2 else wide
        result = once.astype(dtype)
    if not np.isfinite(result).all():
        largest = float(np.abs(wide).max())
        raise ValueError(
            f"{name}={largest:g} must be finite in {dtype.name}; use a smaller number"
            + (" or a float64 array" if dtype.itemsize < 8 else "")
        )
    return result


def store(array: np.ndarray[Any, Any], values: Any, name: str = "element") -> None:
    """Write finite doubles into an array, `rounded`; nothing is written if one is too large."""
    if isinstance(values, float) and abs(values) <= _FLOAT16_MAX:
        array[...] = np.float32(values) if array.dtype.itemsize == 2 else values
    else:
        array[...] = rounded(values, array.dtype, name)
