"""PyTorch tensors as NumPy arrays over the same memory, without importing torch."""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

_FLOATS = ("float32", "float64", "float16", "bfloat16")
_STAGE_BYTES = 32 * 2**20  # of the host's memory that a tensor on a GPU passes through at a time


def is_tensor(array: object) -> bool:
    """Whether it is a torch.Tensor; where torch was never imported nothing is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, getattr(torch, "Tensor", ()))


def on_gpu(array: object) -> bool:
    """Whether it is a tensor in the memory of a CUDA device."""
    return is_tensor(array) and array.device.type == "cuda"  # type: ignore[attr-defined]


def elsewhere(device: Any) -> str | None:
    """What to do with a tensor on this device; None for the CPU."""
    if device.type == "cpu":
        return None
    if device.type == "meta":
        return (
            "on the meta device: it has no memory; give the whole model some with "
            "initcore.interop.torch.materialize(model, ...), or make it on the CPU"
        )
    return (
        f"on {device}: fill a CPU tensor and copy it, as in "
        "tensor.detach().copy_(initializer.fill(torch.empty(tensor.shape, dtype=tensor.dtype), "
        "key=...)); start a whole model before it is moved there"
    )


def _refusal_of_class(torch: Any, cls: type) -> str | None:
    """The same for what a class derived from torch.Tensor says of its tensors."""
    kind = f"{cls.__module__}.{cls.__qualname__}"
    if kind.startswith("torch._subclasses."):
        return f"a {kind}: it has no memory; fill the tensor that it stands for"
    if kind == "torch.distributed.tensor.DTensor":
        return (
            "a DTensor: fill its local part with .block(shape, index, key=..., "
            "out=tensor.to_local())"
        )
    if kind.startswith("torch.nn.parameter.Uninitialized"):
        return f"a {kind}, which has no shape yet: run one forward pass of its module first"
    if cls.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:  # type: ignore[attr-defined]
        return f"a {kind}, which wraps other tensors: fill the tensors within"
    return None


@cache
def _float_types(torch: Any) -> frozenset[Any]:
    return frozenset(getattr(torch, name) for name in _FLOATS)


def _refusal(torch: Any, tensor: Any, gpu: bool) -> str | None:
    """What this tensor is that it can't be filled, and what to do instead; None if it can."""
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return "a tracer of torch.func: it has no memory of its own; fill it before the transform"
    if type(tensor) is not torch.Tensor and type(tensor) is not torch.nn.Parameter:
        of_class = _refusal_of_class(torch, type(tensor))
        if of_class is not None:
            return of_class
    if tensor.layout != torch.strided:
        return f"a tensor of layout {tensor.layout}: fill a dense one and convert it"
    if not tensor.is_cpu and not (gpu and on_gpu(tensor)):
        return elsewhere(tensor.device)
    if tensor.is_inference():
        return (
            "an inference tensor, whose changes nothing could track: make it outside of "
            "torch.inference_mode()"
        )
    if tensor.is_conj() or tensor.is_neg():
        return "a lazily negated or conjugated view: use tensor.resolve_neg()"
    if tensor.dtype not in _float_types(torch):
        return f"of dtype {tensor.dtype}: use one of {', '.join(_FLOATS)}"
    if not tensor.is_contiguous() and any(
        step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)
    ):
        return (
            "an expanded tensor, several of whose elements share one place in memory: use "
            "tensor.contiguous()"
        )
    return None


def require(tensor: Any, name: str, *, gpu: bool = False) -> None:
    """Refuse a tensor that can't be filled, by a TypeError that says what to do instead.

    With `gpu`, one on a CUDA device will do.
    """
    refusal = _refusal(sys.modules["torch"], tensor, gpu)
    if refusal is not None:
        raise TypeError(f"{name} is {refusal}")


@cache
def _bfloat16() -> Any:
    """The NumPy type of ml_dtypes, None where that is not installed."""
    try:
        from ml_dtypes import bfloat16
    except ModuleNotFoundError:
        return None
    return np.dtype(bfloat16)


def view(tensor: Any, name: str) -> np.ndarray[Any, Any]:
    """The tensor's memory as an array of its shape, strides and dtype; nothing is copied.

    Parameters
    ----------
    tensor : torch.Tensor
        Dense, on the CPU; whether it tracks gradients does not matter.
    name : str
        Of the argument, for errors.

    Raises
    ------
    TypeError
        If it is meta, fake, traced, sparse, an inference tensor, on a device or of another dtype.
    """
    torch = sys.modules["torch"]
    require(tensor, name)
    detached = tensor.detach()
    if tensor.dtype != torch.bfloat16:
        array: np.ndarray[Any, Any] = detached.numpy()
        return array
    bfloat16 = _bfloat16()
    if bfloat16 is None:
        raise TypeError(
            f"{name} is of dtype torch.bfloat16, which NumPy gets from ml_dtypes: "
            "pip install ml_dtypes"
        )
    words: np.ndarray[Any, Any] = detached.view(torch.uint16).numpy()
    return words.view(bfloat16)


def quick_view(array: Any) -> np.ndarray[Any, Any] | None:
    """The memory of an ordinary tensor or parameter on the CPU, by as few questions as will do.

    None for whatever `view` must look at: other objects, and what is unusual. Tensors that are
    sparse, conjugated or on a device NumPy itself refuses; a dtype or strides that can't be filled
    the kernels refuse.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    kind = type(array)
    if kind is not torch.Tensor and kind is not torch.nn.Parameter:
        return None
    if array.is_inference() or torch._C._functorch.is_functorch_wrapped_tensor(array):
        return None
    try:
        tensor = array.detach() if array.requires_grad else array
        if array.dtype is not torch.bfloat16:
            memory: np.ndarray[Any, Any] = tensor.numpy()
            return memory
        bfloat16 = _bfloat16()
        return None if bfloat16 is None else tensor.view(torch.uint16).numpy().view(bfloat16)
    except (TypeError, RuntimeError):
        return None


def written(tensor: Any) -> None:
    """Tell autograd that the tensor has changed, as every in-place operation of torch does."""
    sys.modules["torch"].autograd.graph.increment_version(tensor)


def all_written(tensors: list[Any]) -> None:
    """As `written` for each of them, in one call where torch takes several."""
    increment = sys.modules["torch"].autograd.graph.increment_version
    try:
        increment(tensors)
    except (TypeError, RuntimeError):  # torch's older versions take one
        for tensor in tensors:
            increment(tensor)


def _host(shape: tuple[int, ...], dtype: Any) -> Any:
    """Memory of the host from which a GPU copies without a detour."""
    return sys.modules["torch"].empty(shape, dtype=dtype, pin_memory=True)


def stage(tensor: Any, write: Callable[[tuple[slice, ...], Any], None], *, whole: bool) -> None:
    """Fill a tensor on a GPU from the host, a run of its first axis at a time.

    Parameters
    ----------
    tensor : torch.Tensor
        Of any strides; autograd is told by the copy.
    write : callable
        ``write(index, part)`` fills a CPU tensor with the part of the whole that the index takes.
    whole : bool
        Whether to make it in one piece, for laws that would make the whole for each part.
    """
    target = tensor.detach()
    shape = tuple(target.shape)
    if target.ndim == 0 or target.numel() == 0 or whole:
        part = _host(shape, target.dtype)
        write((), part)
        target.copy_(part)
        return
    row = target.element_size() * target.numel() // shape[0]
    step = min(shape[0], max(1, _STAGE_BYTES // row))
    buffer = _host((step, *shape[1:]), target.dtype)
    for start in range(0, shape[0], step):
        index = slice(start, min(start + step, shape[0]))
        part = buffer[: index.stop - start]
        write((index,), part)
        target[index].copy_(part)  # waits, so that the buffer is free again
