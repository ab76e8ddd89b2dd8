"""Any array of any layout: a call agrees with the same call on a plain copy, or is refused.

No call writes outside the elements of the arrays that are its results: every array lies in a buffer
whose other bytes are looked at afterwards. What is refused is refused before a byte is written.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import initcore as ic
from initcore import initializers, kernels

Array = NDArray[Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

CANARY = 0xA5
MOST = 300  # elements


class Sub(np.ndarray[Any, Any]):
    """A subclass without anything of its own."""


@dataclass
class Placed:
    """An array in the middle of a buffer, and what the buffer held."""

    array: Array
    buffer: Array
    before: Array

    def plain(self) -> Array:
        """The values in an array of their own, as NumPy makes one."""
        values = np.asarray(self.array)
        return np.array(values, values.dtype.newbyteorder("="), order="C")

    def is_untouched(self) -> bool:
        return np.array_equal(self.buffer, self.before)

    def is_untouched_outside(self) -> bool:
        """Whether all bytes are as they were but for those of the array's elements."""
        inside = np.zeros(self.buffer.shape, bool)
        elements = np.asarray(self.array).view(np.ndarray)
        at = elements.__array_interface__["data"][0] - self.buffer.__array_interface__["data"][0]
        starts = np.full(elements.shape, at)
        for axis, (size, stride) in enumerate(zip(elements.shape, elements.strides, strict=True)):
            shape = [1] * elements.ndim
            shape[axis] = size
            starts = starts + np.arange(size).reshape(shape) * stride
        for byte in range(elements.itemsize):
            inside[starts.ravel() + byte] = True
        return np.array_equal(self.buffer[~inside], self.before[~inside])


LAYOUTS = (
    "c", "c", "f", "reversed", "steps", "zero", "swapped", "unaligned", "field", "read-only",
    "subclass", "masked", "mask of nothing",
)  # fmt: skip


@st.composite
def shapes(draw: Draw, low: int = 0, high: int = 64) -> tuple[int, ...]:
    """Up to 64 dimensions, most of one element, and of not too many elements."""
    ndim = draw(st.one_of(st.integers(low, min(high, 4)), st.integers(low, high)))
    shape, count = [], 1
    for _ in range(ndim):
        size = draw(st.sampled_from((1, 1, 2, 3, 5, 8, 17, 0))) if count < 64 else 1
        size = size if count * max(size, 1) <= MOST else 1
        shape.append(size)
        count *= max(size, 1)
    return tuple(shape)


def values_of(draw: Draw, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if dtype.kind == "b":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype.kind in "iu":
        return np.asarray(rng.integers(0, draw(st.sampled_from((1, 3, 200))), shape), dtype)
    scale = draw(st.sampled_from((1.0, 1.0, 1e-310, 1e-42, 1e30, 1e300)))
    values = np.asarray(rng.standard_normal(shape) * scale)
    if draw(st.booleans()):
        values[rng.random(shape) < 0.1] = draw(st.sampled_from((0.0, -0.0, np.inf, np.nan)))
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def place(draw: Draw, values: Array) -> Placed:
    """The values in one of the layouts; those that a stride of 0 makes alike become alike."""
    layout = draw(st.sampled_from(LAYOUTS))
    dtype = values.dtype
    if layout == "swapped":
        dtype = dtype.newbyteorder()
    order = "F" if layout == "f" else "C"
    item, ndim, shape = dtype.itemsize, values.ndim, values.shape
    strides = list(np.empty(shape, dtype, order=order).strides)
    offset = 64 + (1 if layout == "unaligned" else 0)
    if layout == "field":
        strides = [stride // item * (item + 3) for stride in strides]
        offset += 2
    elif layout == "steps":
        strides = [2 * stride for stride in strides]
    elif layout == "zero" and ndim > 0:
        strides[draw(st.integers(0, ndim - 1))] = 0
    elif layout == "reversed":
        for axis in range(ndim):
            if draw(st.booleans()) and shape[axis] > 0:
                offset += strides[axis] * (shape[axis] - 1)
                strides[axis] = -strides[axis]
    reach = sum(abs(s) * max(n - 1, 0) for s, n in zip(strides, shape, strict=True))
    buffer = np.full(offset + reach + item + 64, CANARY, "u1")
    array: Array = np.ndarray(shape, dtype, buffer, offset, strides)
    array[...] = values
    if layout == "read-only":
        array.flags.writeable = False
    elif layout == "subclass":
        array = array.view(Sub)
    elif layout == "masked" and array.size:
        array = np.ma.masked_array(array, np.arange(array.size).reshape(shape) == 0)
    elif layout == "mask of nothing":
        array = np.ma.masked_array(array)
    note(f"{layout} {shape} {dtype}")
    return Placed(array, buffer, buffer.copy())


FLOATS = st.sampled_from([np.dtype("f4"), np.dtype("f8")])
NUMBERS = st.one_of(
    st.floats(-4, 4),
    st.floats(allow_nan=True),
    st.sampled_from(
        [0, 1, -1, 5e-324, 1e-45, 3e38, 1e308, -1e308, np.float32(2), 10**400, True, None, "1", 1j]
    ),
)
POSITIVE = st.one_of(st.floats(1e-3, 4), NUMBERS)
SEEDS = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 2**32, 2**64 - 1]))
KEYS = st.one_of(
    st.builds(lambda seed, name: ic.Key(seed) / name, SEEDS, st.text("aé/.0", min_size=1)),
    st.builds(ic.Key, SEEDS),
    st.sampled_from([None, 0, "key", (0, "w")]),
)
ACTIVATION = st.sampled_from(["identity", "relu", "gelu", "tanh", "softplus", "none such"])


def sometimes(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


class Call:
    """Draws the arguments of one call; arrays are placed, and replaced by plain copies later."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.placed: list[Placed] = []

    def array(self, shape: tuple[int, ...], dtype: Any) -> int:
        """The place of a new array among those of the call; now and then one of before."""
        if self.placed and self.draw(st.integers(0, 19)) == 0:
            return self.draw(st.integers(0, len(self.placed) - 1))
        self.placed.append(place(self.draw, values_of(self.draw, shape, np.dtype(dtype))))
        return len(self.placed) - 1


Made = tuple[Callable[..., Any], dict[str, Any], dict[str, int]]


def fill(name: str, types: list[Any], **numbers: st.SearchStrategy[Any]) -> Callable[[Call], Made]:
    def make(call: Call) -> Made:
        shape, dtype = call.draw(shapes()), call.draw(st.sampled_from(types))
        given = {argument: call.draw(strategy) for argument, strategy in numbers.items()}
        given["key"] = call.draw(KEYS)
        function = getattr(kernels, name)
        return function, given, {"out": call.array(shape, dtype)}

    return make


def forward(call: Call) -> Made:
    batch, n_in, n_out = (call.draw(st.integers(0, 9)) for _ in range(3))
    dtype = call.draw(FLOATS)
    arrays = {"x": call.array((batch, n_in), dtype), "w": call.array((n_out, n_in), dtype)}
    if call.draw(st.booleans()):
        arrays["b"] = call.array((n_out,), dtype)
    if call.draw(st.booleans()):
        arrays["out"] = call.array((batch, n_out), dtype)
    given = {"activation": call.draw(ACTIVATION), "save": call.draw(st.booleans())}
    return kernels.dense_forward, given, arrays


def backward(call: Call) -> Made:
    batch, n_in, n_out = (call.draw(st.integers(0, 9)) for _ in range(3))
    dtype = call.draw(FLOATS)
    arrays = {
        "dy": call.array((batch, n_out), dtype),
        "x": call.array((batch, n_in), dtype),
        "w": call.array((n_out, n_in), dtype),
        "saved": call.array((batch, n_out), dtype),
    }
    given: dict[str, Any] = {"activation": call.draw(ACTIVATION)}
    if call.draw(st.booleans()):
        arrays |= {
            "dx": call.array((batch, n_in), dtype),
            "dw": call.array((n_out, n_in), dtype),
            "db": call.array((n_out,), dtype),
        }
        given["accumulate"] = call.draw(st.booleans())

    def run(dx: Any = None, dw: Any = None, db: Any = None, **others: Any) -> Any:
        return kernels.dense_backward(out=(dx, dw, db), **others)

    return run, given, arrays


def activation(call: Call) -> Made:
    shape, dtype = call.draw(shapes()), call.draw(FLOATS)
    given: dict[str, Any] = {"activation": call.draw(ACTIVATION)}
    arrays = {}
    if call.draw(st.booleans()):
        arrays["out"] = call.array(shape, dtype)
    if call.draw(st.booleans()):
        arrays["z"] = call.array(shape, dtype)
        return kernels.activation_forward, given, arrays
    arrays |= {"dy": call.array(shape, dtype), "saved": call.array(shape, dtype)}
    return kernels.activation_backward, given, arrays


def softmax(call: Call) -> Made:
    rows, classes, dtype = call.draw(st.integers(0, 9)), call.draw(st.integers(0, 9)), "f4"
    arrays = {"logits": call.array((rows, classes), dtype)}
    labels = call.draw(st.booleans())
    if call.draw(st.booleans()):
        arrays["out"] = call.array((rows, classes), dtype)
    if labels:
        arrays["labels"] = call.array((rows,), "i8")
        return kernels.softmax_cross_entropy, {}, arrays
    arrays["targets"] = call.array((rows, classes), dtype)
    if call.draw(st.booleans()):
        arrays |= {"labels": call.array((rows,), "i8"), "peaks": call.array((classes,), dtype)}
    if call.draw(st.booleans()):
        arrays["sample_weights"] = call.array((rows,), dtype)
    return kernels.cross_entropy, {}, arrays


def error(call: Call) -> Made:
    dtype, matrix = call.draw(FLOATS), call.draw(st.booleans())
    shape = call.draw(shapes(2, 2) if matrix else shapes())
    arrays = {"y": call.array(shape, dtype), "target": call.array(shape, dtype)}
    if call.draw(st.booleans()):
        arrays["out"] = call.array(shape, dtype)
    if not matrix:
        return kernels.mean_squared_error, {}, arrays
    names = ["squared", "absolute", "huber", "binary"]
    given = {"a": call.draw(POSITIVE), "b": call.draw(POSITIVE)}
    if call.draw(st.booleans()):
        arrays["sample_weights"] = call.array(shape[:1], dtype)
    return kernels.error_loss, given | {"error": call.draw(st.sampled_from(names))}, arrays


def step(call: Call) -> Made:
    shape, dtype = call.draw(shapes()), call.draw(FLOATS)
    arrays = {"parameter": call.array(shape, dtype), "gradient": call.array(shape, dtype)}
    given: dict[str, Any] = {"lr": call.draw(POSITIVE)}
    if call.draw(st.booleans()):
        if call.draw(st.booleans()):
            arrays["velocity"] = call.array(shape, dtype)
            given["momentum"] = call.draw(NUMBERS)
        return kernels.sgd_step, given, arrays
    for name in ("first", "second"):
        if call.draw(st.booleans()):
            arrays[name] = call.array(shape, dtype)
    given["rule"] = call.draw(st.sampled_from(["sgd", "rmsprop", "adam"]))
    return kernels.optimizer_step, given, arrays


def squares(call: Call) -> Made:
    return kernels.sum_of_squares, {}, {"x": call.array(call.draw(shapes()), call.draw(FLOATS))}


def initializer(call: Call) -> Made:
    name = call.draw(st.sampled_from(INITIALIZERS))
    shape = call.draw(st.one_of(shapes(2, 4), shapes()))
    dtype = call.draw(st.sampled_from(["f4", "f8", "f2"]))
    given = {"key": call.draw(KEYS), "layout": call.draw(st.sampled_from(["oi", "io"]))}
    return getattr(initializers, name)().fill, given, {"array": call.array(shape, dtype)}


def has_no_arguments(name: str) -> bool:
    """Whether an initializer can be made without being told anything."""
    thing = getattr(initializers, name)
    if not (inspect.isclass(thing) and issubclass(thing, initializers.Initializer)):
        return False
    try:
        thing()
    except TypeError:
        return False
    return True


INITIALIZERS = [name for name in initializers.__all__ if has_no_arguments(name)]
REALS = ["f4", "f8", "f2"]
ENTRIES: dict[str, Callable[[Call], Made]] = {
    "fill_uniform": fill("fill_uniform", REALS, low=NUMBERS, high=NUMBERS),
    "fill_normal": fill("fill_normal", REALS, mean=NUMBERS, std=POSITIVE),
    "fill_truncated_normal": fill(
        "fill_truncated_normal", REALS, mean=NUMBERS, std=POSITIVE, low=NUMBERS, high=NUMBERS
    ),
    "fill_sign": fill("fill_sign", REALS, scale=NUMBERS),
    "random_mask": fill(
        "random_mask",
        ["?"],
        p=st.one_of(st.floats(0, 1), NUMBERS),
        first=st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([-1, 1.5, 2**64, None])),
    ),
    "random_bits": fill("random_bits", ["u4", "u8"], kind=st.text("av", max_size=5)),
    "dense_forward": forward,
    "dense_backward": backward,
    "activation": activation,
    "cross_entropy": softmax,
    "error": error,
    "step": step,
    "sum_of_squares": squares,
    "initializer": initializer,
}


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, tuple):
        return all(same(a, b) for a, b in zip(found, expected, strict=True))
    if expected is None or found is None:
        return found is expected
    a, b = np.asarray(found), np.asarray(expected)
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def check(entry: str, data: st.DataObject) -> None:
    call = Call(data.draw)
    function, given, at = ENTRIES[entry](call)
    note(f"{function} {given} {at}")
    plain = [placed.plain() for placed in call.placed]
    with np.errstate(all="ignore"):
        try:
            found = function(**given, **{name: call.placed[i].array for name, i in at.items()})
        except (TypeError, ValueError):
            assert all(placed.is_untouched() for placed in call.placed)
            return
        expected = function(**given, **{name: plain[i] for name, i in at.items()})
    assert same(found, expected)
    for placed, copy in zip(call.placed, plain, strict=True):
        assert placed.is_untouched_outside()
        assert same(placed.plain(), copy)


def fuzzed(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples, deadline=None, derandomize=examples < 100,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
@fuzzed(40)
@given(data=st.data())
def test_a_call_agrees_with_one_on_plain_copies_or_is_refused(
    entry: str, data: st.DataObject
) -> None:
    check(entry, data)


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES)
@fuzzed(5000)
@given(data=st.data())
def test_many_calls_agree_with_those_on_plain_copies_or_are_refused(
    entry: str, data: st.DataObject
) -> None:
    check(entry, data)
