"""Arrays to be filled: NumPy's own, and those of other libraries over the same memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

from initcore import _checks
from initcore._memory import torch_tensors

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16))
DTYPES_TEXT = "float32, float64, float16 or bfloat16 (that of ml_dtypes)"

# Types whose DLPack export is memory that its owner expects to see change. Every other exporter
# is refused: some hand out memory that their library takes for constant, or for its own.
EXPORTERS = {"array_api_strict._array_object.Array"}

_REMEDIES = {
    "jax": "JAX arrays never change: make a NumPy array and pass it to jax.numpy.array",
    "jaxlib": "JAX arrays never change: make a NumPy array and pass it to jax.numpy.array",
    "tensorflow": "TensorFlow's tensors never change: make a NumPy array and assign it",
    "keras": "Keras's variables are written by variable.assign(initializer(shape, key=...))",
    "torch": "a tracer has no memory: fill a tensor before the trace",
    "cupy": "it is on a device: make a NumPy array and copy it there",
}


def is_supported(dtype: np.dtype[Any]) -> bool:
    """Whether the kernels write this type."""
    return dtype in _DTYPES or (dtype.name == "bfloat16" and dtype.itemsize == 2)


def _type_name(array: object) -> str:
    return f"{type(array).__module__}.{type(array).__qualname__}"


def _array(array: object, name: str) -> np.ndarray[Any, Any]:
    """The memory of `array` as a NumPy array."""
    if isinstance(array, np.ndarray):
        _checks.refuse_masked(array, name)
        return array
    kind = _type_name(array)
    if kind in EXPORTERS:
        exported: np.ndarray[Any, Any] = np.from_dlpack(array)  # type: ignore[arg-type]
        return exported
    remedy = _REMEDIES.get(kind.split(".")[0])
    raise TypeError(
        f"{name} is a {kind}; "
        + (
            remedy
            or "it must be a numpy.ndarray, which is filled in place (a view of other memory will "
            "do), a torch.Tensor on the CPU, or of a type given to initcore.interop.allow"
        )
    )


def writable(array: object, name: str) -> tuple[np.ndarray[Any, Any], Callable[[], None] | None]:
    """The memory of `array` as a writable NumPy array, and what to call once it is written.

    Parameters
    ----------
    array : numpy.ndarray, torch.Tensor, or an exporter of an allowed type
        Nothing is copied.
    name : str
        Of the argument, for errors.

    Raises
    ------
    TypeError
        If it is of another type, or has no memory that may be written.
    ValueError
        If it is read-only.
    """
    if torch_tensors.is_tensor(array):
        return torch_tensors.view(array, name), lambda: torch_tensors.written(array)
    target = _array(array, name)
    if not is_supported(target.dtype):
        raise TypeError(
            f"{name} has dtype {target.dtype}; use an array of {DTYPES_TEXT} in native byte order"
        )
    if not target.flags.writeable:
        raise ValueError(f"{name} is read-only; pass an array that owns writable memory")
    return target, None


def allow(cls: type) -> type:
    """Let `Initializer.fill` write into objects of this class, by way of DLPack.

    The class promises that what its ``__dlpack__`` hands out is its own memory, that it may be
    written, and that its owner expects to see it change. Usable as a decorator.

    Parameters
    ----------
    cls : type
        Has ``__dlpack__`` and ``__dlpack_device__``. Classes that derive from it are not meant.

    Raises
    ------
    TypeError
        If it does not export DLPack.
    """
    if not (isinstance(cls, type) and hasattr(cls, "__dlpack__")):
        raise TypeError(f"cls={cls!r} must be a class with a __dlpack__ method")
    EXPORTERS.add(f"{cls.__module__}.{cls.__qualname__}")
    return cls
