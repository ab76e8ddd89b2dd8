"""What dense layers refuse: every argument, every defect, every overlap; and nothing is written."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from initcore import kernels

BATCH, N_IN, N_OUT = 3, 4, 5
FORWARD = {"x": (BATCH, N_IN), "w": (N_OUT, N_IN), "b": (N_OUT,), "out": (BATCH, N_OUT)}
BACKWARD = {
    "dy": (BATCH, N_OUT),
    "x": (BATCH, N_IN),
    "w": (N_OUT, N_IN),
    "saved": (BATCH, N_OUT),
    "dx": (BATCH, N_IN),
    "dw": (N_OUT, N_IN),
    "db": (N_OUT,),
}
WRITTEN = ("out", "dx", "dw", "db")
Arrays = dict[str, Any]


def arrays_of(shapes: dict[str, tuple[int, ...]]) -> Arrays:
    return {
        name: np.full(shape, place + 1, np.float32)
        for place, (name, shape) in enumerate(shapes.items())
    }


def forward(arrays: Arrays) -> None:
    kernels.dense_forward(**arrays, activation="relu")


def backward(arrays: Arrays) -> None:
    inputs = {name: a for name, a in arrays.items() if name not in WRITTEN}
    out = tuple(arrays[name] for name in ("dx", "dw", "db"))
    kernels.dense_backward(**inputs, activation="relu", out=out)


CALLS: dict[Callable[[Arrays], None], dict[str, tuple[int, ...]]] = {
    forward: FORWARD,
    backward: BACKWARD,
}
ARGUMENTS = [(call, name) for call, shapes in CALLS.items() for name in shapes]


def name_in_errors(name: str) -> str:
    return rf"out\[{name}\]" if name in ("dx", "dw", "db") else name


def refused(
    call: Callable[[Arrays], None], arrays: Arrays, error: type[Exception], words: str
) -> None:
    """The call without the defect works, with it says so, and writes nothing."""
    call(arrays_of(CALLS[call]))
    before = {name: np.array(a) for name, a in arrays.items()}
    with pytest.raises(error, match=words) as caught:
        call(arrays)
    assert str(caught.value).startswith(words.partition(" ")[0].replace("\\", ""))
    for name, a in arrays.items():
        assert np.array(a).tobytes() == before[name].tobytes(), f"{name} was written"


@pytest.mark.parametrize(("call", "name"), ARGUMENTS)
@pytest.mark.parametrize(
    "dtype", ["bool", "int32", "int64", "float16", "longdouble", "complex64", "object"]
)
def test_a_dtype_that_is_not_the_layers_is_refused(
    dtype: str, name: str, call: Callable[[Arrays], None]
) -> None:
    arrays = arrays_of(CALLS[call])
    arrays[name] = arrays[name].astype(dtype)
    words = rf"{name_in_errors(name)} has dtype {np.dtype(dtype)}.*must be float32"
    refused(call, arrays, TypeError, words)


@pytest.mark.parametrize(("call", "name"), ARGUMENTS)
def test_float64_beside_float32_is_refused(name: str, call: Callable[[Arrays], None]) -> None:
    arrays = arrays_of(CALLS[call])
    arrays[name] = arrays[name].astype(np.float64)
    first = next(iter(arrays))  # it decides the type, so that another one is wrong
    wrong = name if name != first else list(arrays)[1]
    refused(call, arrays, TypeError, rf"{name_in_errors(wrong)} has dtype float.*must be float")


@pytest.mark.parametrize(("call", "name"), ARGUMENTS)
def test_a_shape_that_does_not_fit_is_refused(name: str, call: Callable[[Arrays], None]) -> None:
    shape = CALLS[call][name]
    longer = [tuple(n + (axis == i) for i, n in enumerate(shape)) for axis in range(len(shape))]
    for wrong in (*longer, (), shape[1:], (1, *shape), tuple(0 for _ in shape)):
        arrays = arrays_of(CALLS[call])
        arrays[name] = np.ones(wrong, np.float32)
        before = {other: np.array(a) for other, a in arrays.items()}
        with pytest.raises(ValueError, match=r"has shape .* must"):
            call(arrays)
        assert all(np.array_equal(arrays[other], before[other]) for other in arrays)


@pytest.mark.parametrize(("call", "name"), ARGUMENTS)
def test_what_is_no_array_is_refused(name: str, call: Callable[[Arrays], None]) -> None:
    arrays = arrays_of(CALLS[call])
    arrays[name] = arrays[name].tolist()
    refused(call, arrays, TypeError, rf"{name_in_errors(name)} is a list.*numpy")


def overlapping(first: tuple[int, ...], second: tuple[int, ...]) -> Iterator[tuple[Any, Any]]:
    """Two arrays that share one element, and two that share all they can."""
    n, m = int(np.prod(first)), int(np.prod(second))
    home = np.arange(n + m - 1, dtype=np.float32)
    yield home[:n].reshape(first), home[n - 1 :].reshape(second)
    yield home[m - 1 :].reshape(first), home[:m].reshape(second)
    yield home[:n].reshape(first), home[:m].reshape(second)


OVERLAPS = [
    (call, written, other)
    for call, shapes in CALLS.items()
    for written in WRITTEN
    for other in shapes
    if written in shapes and written != other
]


@pytest.mark.parametrize(("call", "written", "other"), OVERLAPS)
def test_an_array_that_is_written_shares_no_memory_with_another(
    written: str, other: str, call: Callable[[Arrays], None]
) -> None:
    names = {name_in_errors(written), name_in_errors(other)}
    for first, second in overlapping(CALLS[call][written], CALLS[call][other]):
        arrays = {**arrays_of(CALLS[call]), written: first, other: second}
        before = {name: np.array(a) for name, a in arrays.items()}
        with pytest.raises(ValueError, match=r"shares memory with .*array of its own") as caught:
            call(arrays)
        assert all(name.replace("\\", "") in str(caught.value) for name in names)
        assert all(np.array_equal(arrays[name], before[name]) for name in arrays)


def test_arrays_of_which_no_element_is_shared_may_interleave() -> None:
    home = np.ones((BATCH, 2 * N_OUT + N_IN), np.float32)
    x, out = home[:, :N_IN], home[:, N_IN : N_IN + N_OUT]
    y = kernels.dense_forward(x, np.ones((N_OUT, N_IN), np.float32), out=out, save=False)
    assert y is out
    assert np.array_equal(home[:, : N_IN + N_OUT], [[1] * N_IN + [N_IN] * N_OUT] * BATCH)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_result_that_cannot_be_written_is_refused(name: str) -> None:
    call = forward if name == "out" else backward
    shape = CALLS[call][name]
    fixed = np.ones(shape, np.float32)
    fixed.flags.writeable = False
    swapped = np.ones(shape, ">f4")
    broadcast = np.lib.stride_tricks.as_strided(np.ones(99, np.float32), shape, (0,) * len(shape))
    for wrong in (fixed, swapped, broadcast):
        arrays = {**arrays_of(CALLS[call]), name: wrong}
        before = {other: np.array(a) for other, a in arrays.items()}
        with pytest.raises((TypeError, ValueError), match=name_in_errors(name)):
            call(arrays)
        assert all(np.array_equal(arrays[other], before[other]) for other in arrays)
