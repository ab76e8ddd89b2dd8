"""Whatever arrays a kernel is given, it reads and writes within them, or refuses them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from processes import output_of

import initcore as ic
from initcore import kernels

Array = NDArray[Any]
KEY = ic.Key(0) / "safety"
DIMENSIONS = range(65)  # NumPy 2 allows 64


def ones(dimensions: int, dtype: str = "f4") -> Array:
    return np.ones((1,) * dimensions, dtype)


class Tripled:
    """An activation of a user's own."""

    name, parameters = "tripled", ()

    def phi(self, z: Array) -> Array:
        return 3 * z

    def dphi(self, z: Array) -> Array:
        return np.full_like(z, 3)


ELEMENTWISE: dict[str, Callable[[Array], Any]] = {
    "activation_forward": lambda x: kernels.activation_forward(x, "relu", save=False),
    "activation_backward": lambda x: kernels.activation_backward(x, x, "relu"),
    "activation of one's own": lambda x: kernels.activation_forward(x, Tripled(), save=False) / 3,
    "its backward": lambda x: kernels.activation_backward(x, x, Tripled()) / 3,
    "fill_uniform": lambda x: kernels.fill_uniform(x, low=1, high=1, key=KEY),
    "fill_normal": lambda x: kernels.fill_normal(x, mean=1, std=0, key=KEY),
    "fill_truncated_normal": lambda x: kernels.fill_truncated_normal(
        x, mean=1, std=0, low=0, high=2, key=KEY
    ),
    "fill_sign": lambda x: abs(kernels.fill_sign(x, key=KEY)),
    "random_mask": lambda x: kernels.random_mask(x.astype(bool), p=1, key=KEY),
    "random_bits": lambda x: kernels.random_bits(x.astype("u4"), key=KEY) * 0 + 1,
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_element_by_element_kernel_takes_every_number_of_dimensions(name: str) -> None:
    for dimensions in DIMENSIONS:
        found = ELEMENTWISE[name](ones(dimensions))
        assert found.shape == (1,) * dimensions
        assert found.item() == 1


def test_a_loss_takes_every_number_of_dimensions() -> None:
    for dimensions in DIMENSIONS:
        y = ones(dimensions)
        loss, dy = kernels.mean_squared_error(y, np.zeros_like(y))
        assert loss == 1
        assert dy.shape == y.shape


@pytest.mark.parametrize("rule", ["sgd_step", "sgd", "rmsprop", "adam"])
def test_a_step_takes_every_number_of_dimensions(rule: str) -> None:
    for dimensions in DIMENSIONS:
        p, g, first, second = (ones(dimensions) for _ in range(4))
        if rule == "sgd_step":
            kernels.sgd_step(p, g, first, lr=0.5)
        else:
            kernels.optimizer_step(rule, p, g, first, second, lr=0.5)
        assert p.item() < 1


@pytest.mark.parametrize("transpose", [False, True])
def test_strides_of_many_dimensions_are_followed(transpose: bool) -> None:
    # 2 x 3 x 2 of 1s between: nothing merges into fewer dimensions by itself
    shape = (2,) + (1,) * 30 + (3,) + (1,) * 29 + (2,)
    x = np.arange(12, dtype="f8").reshape(shape) - 6
    x = x.T if transpose else x
    y = kernels.activation_forward(x, "relu", save=False)
    assert np.array_equal(y, np.maximum(x, 0))


def test_a_network_takes_samples_of_many_dimensions() -> None:
    net = ic.Sequential(ic.Activation("relu"), ic.Flatten(), ic.Dense(1, 2))
    net.initialize(key=0)
    assert net.predict(np.ones((2,) + (1,) * 45, "f4")).shape == (2, 2)


class Shrinks(np.ndarray[Any, Any]):
    """A subclass whose reshape and items are other arrays than those of its memory."""

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        return np.zeros((1, 1), self.dtype)

    def __getitem__(self, index: Any) -> Any:
        return np.zeros(1, self.dtype)


def test_a_subclass_is_read_by_its_memory_not_by_its_methods() -> None:
    y = np.random.default_rng(0).standard_normal((3, 4, 5))
    t = np.zeros_like(y)
    odd = y.view(Shrinks)
    loss, dy = kernels.mean_squared_error(odd, t)
    expected, gradient = kernels.mean_squared_error(y, t)
    assert loss == expected
    assert np.array_equal(np.asarray(dy), gradient)

    plain, other = (np.ones((6, 4, 5))[::2] for _ in range(2))
    kernels.sgd_step(plain, y, lr=0.5)
    kernels.sgd_step(other.view(Shrinks), odd, lr=0.5)
    assert np.array_equal(plain, other)


def test_a_type_is_that_of_the_memory_not_what_a_subclass_says() -> None:
    class Lies(np.ndarray[Any, Any]):
        dtype = np.dtype(np.uint64)

    objects = np.array([None] * 4, dtype=object).view(Lies)
    with pytest.raises(TypeError, match="must be uint32 or uint64"):
        kernels.random_bits(objects, key=KEY)


def test_a_masked_array_is_refused() -> None:
    x = np.ma.masked_array(np.ones(3), [False, True, False])
    with pytest.raises(TypeError, match="z is a masked array"):
        kernels.activation_forward(x, "relu")


class Resizes:
    """A number whose conversion makes an array smaller, which no check may come before."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __float__(self) -> float:
        self.array.resize((1,), refcheck=False)
        return 0.5


@pytest.mark.parametrize("which", ["parameter", "gradient"])
def test_a_number_that_changes_an_array_is_converted_before_sizes_are_read(which: str) -> None:
    arrays = {"parameter": np.ones(1 << 16), "gradient": np.ones(1 << 16)}
    with pytest.raises(ValueError, match="gradient has shape"):
        kernels.sgd_step(**arrays, lr=Resizes(arrays[which]))
    arrays = {"parameter": np.ones(1 << 16), "gradient": np.ones(1 << 16)}
    with pytest.raises(ValueError, match="gradient has shape"):
        kernels.optimizer_step("sgd", **arrays, lr=Resizes(arrays[which]))


@pytest.mark.parametrize(
    ("kernel", "arrays", "error", "message"),
    [
        ("sums", {}, ValueError, "kernel='sums' must be one of activate, "),
        ("looked_up", {"y": np.ones(4), "w": np.ones(4)}, TypeError, "needs index"),
        (
            "looked_up",
            {"y": np.ones(4), "w": np.ones(4), "index": np.array([0, 2])},
            ValueError,
            r"index\[1\]=2 must be from 0 to 1",
        ),
        (
            "norm_columns",
            {
                "y": np.ones(4), "normal": np.ones(4), "x": np.ones(4),
                "mean": np.ones(2), "inverse": np.ones(2),
            },
            TypeError,
            "needs w",
        ),
    ],
)  # fmt: skip
def test_a_kernel_of_a_layer_refuses_what_it_would_read_beside(
    kernel: str, arrays: dict[str, Array], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        kernels._layer(kernel, 2, 2, **arrays)


def test_a_kernel_of_a_layer_refuses_sizes_whose_product_is_beyond_every_array() -> None:
    x = np.ones(0)
    with pytest.raises(ValueError, match="more elements than an array can have"):
        kernels._layer("activate", 2**63, 2, y=x, x=x)


@pytest.mark.parametrize("read_only", ["y", "normal", "inverse"])
def test_a_kernel_of_a_layer_writes_no_array_that_is_read_only(read_only: str) -> None:
    arrays = {"y": np.ones((2, 3)), "normal": np.ones((2, 3)), "inverse": np.ones(2)}
    arrays[read_only].flags.writeable = False
    with pytest.raises(ValueError, match=f"{read_only} is read-only"):
        kernels._layer("norm_rows", 2, 3, x=np.ones((2, 3)), w=np.ones(3), **arrays)


LABELLED = """
    import sys, threading
    import numpy as np
    from initcore import kernels

    rows, classes, bad = 4096, 10, 10**12
    labels = np.zeros(rows, np.int64)
    logits = np.ones((rows, classes), "f4")
    share, peaks = np.zeros(classes, "f4"), np.ones(classes, "f4")
    table, y = np.ones((classes, 8), "f4"), np.ones((rows, 8), "f4")
    call = {
        "softmax": lambda: kernels.softmax_cross_entropy(logits, labels),
        "targets": lambda: kernels.cross_entropy(logits, share, labels=labels, peaks=peaks),
        "looked_up": lambda: kernels._layer("looked_up", rows, 8, y=y, w=table, index=labels),
        "scattered": lambda: kernels._layer("scattered", rows, 8, y=table, x=y, index=labels),
    }[sys.argv[1]]

    done = False

    def write():
        while not done:
            labels[:] = bad
            labels[:] = 0

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(1000):
        try:
            call()
        except ValueError as error:  # the thread was there before the check
            assert f"={bad} must be from 0 to 9" in str(error)
    done = True
    writer.join()
"""


@pytest.mark.parametrize("call", ["softmax", "targets", "looked_up", "scattered"])
def test_labels_that_another_thread_writes_lead_nowhere(call: str) -> None:
    output_of(LABELLED, call)
