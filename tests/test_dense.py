"""Dense forward and backward: right against NumPy and the twin, and the same bytes everywhere."""

import ctypes
import functools
import platform
import tracemalloc
from collections.abc import Iterator
from typing import Any

import compute_twin as twin
import numpy as np
import pytest

from initcore import kernels

ACTIVATIONS = ("identity", "relu", "leaky_relu", "tanh", "sigmoid")
KINDS = (np.float32, np.float64)
# less than, equal to, a multiple of and more than a tile of any instruction set (12 x 32, 6 x 16,
# 4 x 4 ...), more than a block of k (256), more than a chunk of rows (240) or columns (512)
SHAPES = (
    (1, 1, 1),
    (2, 3, 1),
    (3, 5, 7),
    (12, 32, 32),
    (13, 33, 34),
    (24, 64, 64),
    (11, 256, 31),
    (1, 513, 100),
    (37, 300, 51),
    (300, 17, 10),
    (243, 7, 515),
    (5, 515, 9),
)
# what product_small.h takes: b in place, packed, with part of a panel, copied or not; and beside it
SMALL = (
    (64, 64, 64),
    (7, 64, 80),
    (65, 33, 100),
    (33, 10, 128),
    (31, 128, 64),
    (40, 128, 64),
    (70, 200, 40),
    (130, 64, 192),
)
EMPTY = ((0, 4, 5), (4, 0, 5), (4, 5, 0), (0, 0, 0))


@pytest.fixture(autouse=True)
def restore_threads() -> Iterator[None]:
    before = kernels.get_num_threads()
    yield
    kernels.set_num_threads(before)


def pattern(shape: tuple[int, ...], kind: type, period: int) -> np.ndarray:
    """Values of a prime period, so that rows or blocks in each other's place cannot pass."""
    values = np.arange(int(np.prod(shape)), dtype=np.int64) % period
    return ((values - period // 2) / period * 1.37).astype(kind).reshape(shape)


def layer(batch: int, n_in: int, n_out: int, kind: type) -> dict[str, np.ndarray]:
    return {
        "x": pattern((batch, n_in), kind, 251),
        "w": pattern((n_out, n_in), kind, 127),
        "b": pattern((n_out,), kind, 31),
        "dy": pattern((batch, n_out), kind, 113),
    }


def run(arrays: dict[str, np.ndarray], activation: Any) -> tuple[np.ndarray, ...]:
    y, saved = kernels.dense_forward(arrays["x"], arrays["w"], arrays["b"], activation=activation)
    gradients = kernels.dense_backward(
        arrays["dy"], arrays["x"], arrays["w"], saved, activation=activation
    )
    return (y, *gradients)


# For the paths of one row and of a thin batch: each number of vectors that a batch fills, rows of w
# a half page apart and not, several blocks of k, more columns than the scratch holds, and the
# shapes beside those that take the path. The baseline takes none of these paths.
FEW_ROWS = [
    (1, 300, 300),
    (1, 513, 17),
    (9, 128, 32),
    (9, 127, 33),
    (16, 512, 29),
    (17, 300, 101),
    (33, 257, 50),
    (48, 512, 47),
    (40, 130, 1030),
    (64, 520, 90),
    (65, 128, 64),
]

# Rows of a that stay in the second-level cache while parts of b pass: with a part of a part, the
# last rows in tiles of three and four, packed because they lie half a page apart, as many rows as
# stay and more, and weights of more than 4 MiB, which are called for ahead.
PARTS = [
    (73, 300, 257),
    (127, 512, 129),
    (258, 257, 140),
    (266, 300, 140),
    (20, 1040, 1040),
    (67, 1040, 1040),
]


@functools.cache  # one slow run serves every instruction set
def twin_run(shape: tuple[int, int, int], kind: type, activation: str) -> tuple[np.ndarray, ...]:
    arrays = layer(*shape, kind)
    y = twin.dense_forward(arrays["x"], arrays["w"], arrays["b"], activation)
    return (y, *twin.dense_backward(arrays["dy"], arrays["x"], arrays["w"], y, activation))


def same_bytes(left: tuple[np.ndarray, ...], right: tuple[np.ndarray, ...]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(left, right, strict=True))


def reference_phi(name: str, z: np.ndarray) -> np.ndarray:
    return {
        "identity": lambda: z,
        "relu": lambda: np.maximum(z, 0),
        "leaky_relu": lambda: np.where(z < 0, 0.01 * z, z),
        "tanh": lambda: np.tanh(z),
        "sigmoid": lambda: 1 / (1 + np.exp(-z)),
    }[name]()


def reference_dphi(name: str, y: np.ndarray) -> np.ndarray:
    return {
        "identity": lambda: np.ones_like(y),
        "relu": lambda: (y > 0) * 1.0,
        "leaky_relu": lambda: np.where(y > 0, 1.0, 0.01),
        "tanh": lambda: (1 - y) * (1 + y),
        "sigmoid": lambda: y * (1 - y),
    }[name]()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", [*SHAPES, *SMALL, *PARTS])
def test_dense_agrees_with_numpy_in_float64(
    shape: tuple[int, int, int], activation: str, kind: type
) -> None:
    arrays = layer(*shape, kind)
    x, w, b, dy = (arrays[name].astype(np.float64) for name in ("x", "w", "b", "dy"))
    y, dx, dw, db = run(arrays, activation)
    eps = np.finfo(kind).eps
    # A chain of n fmas is off by at most n eps/2 sum |a b| (Higham, ASNA, section 3.1), a bias
    # and an activation with slope <= 1 and few ulp add 4 eps; where the reference is float64 too,
    # it errs as much: so n + 8 covers both.
    batch, n_in, n_out = shape
    z_bound = (n_in + 8) * eps * (np.abs(x) @ np.abs(w.T) + np.abs(b) + 1)
    assert np.all(np.abs(y - reference_phi(activation, x @ w.T + b)) <= z_bound)
    # the derivative from the kernel's own y; for tanh, 1 - y^2 is off by an eps
    dz = reference_dphi(activation, y.astype(np.float64)) * dy
    size = np.abs(dy)
    assert np.all(np.abs(dx - dz @ w) <= (n_out + 8) * eps * (size @ np.abs(w)))
    assert np.all(np.abs(dw - dz.T @ x) <= (batch + 8) * eps * (size.T @ np.abs(x)))
    assert np.all(np.abs(db - dz.sum(0)) <= (batch + 8) * eps * size.sum(0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 0, 2), (1, 1, 1), (2, 259, 2), (258, 2, 2)])
def test_dense_agrees_with_the_twin_on_every_byte(
    shape: tuple[int, int, int], activation: str, kind: type, isa: str
) -> None:
    assert same_bytes(run(layer(*shape, kind), activation), twin_run(shape, kind, activation))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("shape", [*SHAPES, *SMALL, *EMPTY, (67, 130, 200), *FEW_ROWS, *PARTS])
def test_dense_gives_the_same_bytes_for_every_isa_and_thread_count(
    shape: tuple[int, int, int], activation: str, kind: type
) -> None:
    arrays = layer(*shape, kind)
    before = kernels.isa()
    results = []
    try:
        for isa in kernels.isas_available():
            kernels._select_isa(isa)
            for threads in (1, 2, 3, 4):
                kernels.set_num_threads(threads)
                results.append(run(arrays, activation))
    finally:
        kernels._select_isa(before)
    assert all(same_bytes(results[0], other) for other in results[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_dense_ignores_how_threads_cut_the_work(kind: type, isa: str) -> None:
    arrays = layer(150, 140, 300, kind)  # enough work that the pieces go to several threads
    results = []
    for threads in (1, 2, 3, 4):
        kernels.set_num_threads(threads)
        results.append(run(arrays, "sigmoid"))
    assert all(same_bytes(results[0], other) for other in results[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_dense_row_does_not_depend_on_its_batch(kind: type, isa: str) -> None:
    arrays = layer(41, 270, 45, kind)
    whole = kernels.dense_forward(arrays["x"], arrays["w"], arrays["b"], save=False)
    for row in (0, 17, 40):
        one = kernels.dense_forward(
            arrays["x"][row : row + 1], arrays["w"], arrays["b"], save=False
        )
        assert one.tobytes() == whole[row].tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_dense_does_not_depend_on_where_arrays_begin(kind: type, isa: str) -> None:
    arrays = layer(40, 64, 64, kind)
    expected = run(arrays, "tanh")
    for start in (1, 4, 15):
        moved = {
            name: np.empty(a.size + 64, kind)[start : start + a.size].reshape(a.shape)
            for name, a in arrays.items()
        }
        for name, a in arrays.items():
            moved[name][...] = a
        assert same_bytes(run(moved, "tanh"), expected)


def strided(a: np.ndarray, how: str) -> np.ndarray:
    """The same values in another memory layout."""
    if how == "fortran":
        return np.asfortranarray(a)
    if how == "every_other":
        wide = np.full([2 * n + 1 for n in a.shape], np.nan, a.dtype)
        view = wide[tuple(slice(0, 2 * n, 2) for n in a.shape)]
        view[...] = a
        return view
    if how == "reversed":
        backward = tuple(slice(None, None, -1) for _ in a.shape)
        return a[backward].copy()[backward]
    if how == "record":  # strides that are no multiple of the item size
        record = np.zeros(a.shape, [("tag", "u1"), ("value", a.dtype)])
        record["value"] = a
        return record["value"]
    return a.astype(a.dtype.newbyteorder())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["fortran", "every_other", "reversed", "record", "swapped"])
def test_dense_reads_any_layout(how: str, kind: type, isa: str) -> None:
    arrays = layer(19, 37, 23, kind)
    for activation in ("identity", "tanh"):
        expected = run(arrays, activation)
        other = {name: strided(a, how) for name, a in arrays.items()}
        assert same_bytes(run(other, activation), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_dense_reads_broadcast_arrays(kind: type, isa: str) -> None:
    x = np.broadcast_to(pattern((1, 9), kind, 7), (5, 9))
    w = np.broadcast_to(pattern((3, 1), kind, 5), (3, 9))
    dy = np.broadcast_to(kind(0.25), (5, 3))
    plain = {"x": x.copy(), "w": w.copy(), "dy": dy.copy(), "b": np.zeros(3, kind)}
    assert same_bytes(run({**plain, "x": x, "w": w, "dy": dy}, "relu"), run(plain, "relu"))


@pytest.mark.parametrize("kind", KINDS)
def test_dense_writes_out_where_its_rows_lie_apart(kind: type, isa: str) -> None:
    arrays = layer(15, 20, 33, kind)
    y, dx, dw, db = run(arrays, "tanh")
    homes = [np.full((2 * a.shape[0] + 1, a.shape[-1] + 3), 7, kind) for a in (y, dx, dw)]
    views = [
        home[1 : 2 * a.shape[0] : 2, 1 : a.shape[1] + 1]
        for home, a in zip(homes, (y, dx, dw), strict=True)
    ]
    db_view = np.zeros(2 * 33, kind)[::2]
    got, saved = kernels.dense_forward(
        arrays["x"], arrays["w"], arrays["b"], activation="tanh", out=views[0]
    )
    assert got is views[0]
    assert saved is got
    gradients = kernels.dense_backward(
        arrays["dy"], arrays["x"], arrays["w"], saved, activation="tanh",
        out=(views[1], views[2], db_view),
    )  # fmt: skip
    assert all(a is b for a, b in zip(gradients, (views[1], views[2], db_view), strict=True))
    assert same_bytes((got, *gradients), (y, dx, dw, db))
    for home, view in zip(homes, views, strict=True):
        view[...] = 7
        assert np.all(home == 7)  # nothing was written beside the view


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(259, 3, 2), (7, 64, 5)])
def test_dense_backward_accumulates_in_the_order_of_the_specification(
    shape: tuple[int, int, int], kind: type, isa: str
) -> None:
    arrays = layer(*shape, kind)
    y = kernels.dense_forward(arrays["x"], arrays["w"], arrays["b"], activation="tanh", save=False)
    old = tuple(pattern(a.shape, kind, 11) for a in (arrays["x"], arrays["w"], arrays["b"]))
    new = tuple(a.copy() for a in old)
    got = kernels.dense_backward(
        arrays["dy"], arrays["x"], arrays["w"], y, activation="tanh", out=new, accumulate=True
    )
    expected = twin.dense_backward(arrays["dy"], arrays["x"], arrays["w"], y, "tanh", old=old)
    assert same_bytes(got, expected)


def test_dense_with_out_allocates_no_array() -> None:
    arrays = layer(64, 96, 80, np.float32)
    y, dx, dw, db = run(arrays, "tanh")

    def both() -> None:
        kernels.dense_forward(arrays["x"], arrays["w"], arrays["b"], activation="tanh", out=y)
        kernels.dense_backward(
            arrays["dy"], arrays["x"], arrays["w"], y, activation="tanh", out=(dx, dw, db)
        )

    both()
    tracemalloc.start()
    try:
        both()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4000  # tuples alone: the smallest of y, dx and dw has 20,480 bytes


def test_dense_backward_computes_what_is_needed() -> None:
    arrays = layer(6, 5, 4, np.float32)
    every = run(arrays, "relu")
    y = every[0]
    for need in (("dx",), ("dw",), ("db",), ("dx", "db"), ["dw", "db"], set()):
        got = kernels.dense_backward(
            arrays["dy"], arrays["x"], arrays["w"], y, activation="relu", need=need
        )
        for name, gradient, expected in zip(("dx", "dw", "db"), got, every[1:], strict=True):
            assert (gradient is None) == (name not in need)
            assert gradient is None or gradient.tobytes() == expected.tobytes()


def test_dense_backward_takes_none_for_what_it_does_not_read() -> None:
    arrays = layer(6, 5, 4, np.float32)
    dx, dw, db = run(arrays, "identity")[1:]
    only_dx = kernels.dense_backward(arrays["dy"], None, arrays["w"], None, need=("dx",))
    only_dw = kernels.dense_backward(arrays["dy"], arrays["x"], None, None, need=("dw", "db"))
    assert same_bytes((only_dx[0], *only_dw[1:]), (dx, dw, db))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dense_gradients_agree_with_central_differences(activation: str) -> None:
    rng = np.random.default_rng(5)
    arrays = {
        "x": rng.normal(size=(4, 6)),
        "w": rng.normal(size=(5, 6)),
        "b": rng.normal(size=5),
        "dy": rng.normal(size=(4, 5)),
    }

    def loss(**changed: np.ndarray) -> float:
        a = {**arrays, **changed}
        y = kernels.dense_forward(a["x"], a["w"], a["b"], activation=activation, save=False)
        return float((y * a["dy"]).sum())

    _, *gradients = run(arrays, activation)
    h = 1e-5  # error h^2/6 phi''' ~ 1e-10 from the formula, eps/h ~ 1e-11 from rounding
    for name, gradient in zip(("x", "w", "b"), gradients, strict=True):
        for index in np.ndindex(*gradient.shape):
            up, down = arrays[name].copy(), arrays[name].copy()
            up[index] += h
            down[index] -= h
            slope = (loss(**{name: up}) - loss(**{name: down})) / (2 * h)
            assert abs(slope - gradient[index]) < 1e-8


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dense_agrees_with_torch(activation: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    rng = np.random.default_rng(6)
    arrays = {
        "x": rng.normal(size=(17, 29)),
        "w": rng.normal(size=(13, 29)) / 5,
        "b": rng.normal(size=13),
        "dy": rng.normal(size=(17, 13)),
    }
    x, w, b = (torch.tensor(arrays[name], requires_grad=True) for name in ("x", "w", "b"))
    z = torch.nn.functional.linear(x, w, b)
    functions = {
        "identity": lambda v: v,
        "relu": torch.relu,
        "leaky_relu": torch.nn.functional.leaky_relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }
    y = functions[activation](z)
    y.backward(torch.tensor(arrays["dy"]))
    expected_of_all = (y.detach(), x.grad, w.grad, b.grad)
    for got, expected in zip(run(arrays, activation), expected_of_all, strict=True):
        # sums of at most 29 terms of size below 10: each side is off by less than 29 * 10 eps
        np.testing.assert_allclose(got, expected.numpy(), rtol=0, atol=2 * 290 * 2.3e-16)


@pytest.mark.parametrize("kind", KINDS)
def test_dense_lets_nan_and_infinity_through(kind: type, isa: str) -> None:
    for activation in ACTIVATIONS:
        x = np.ones((3, 4), kind)
        x[1, 2] = np.nan
        w = np.ones((2, 4), kind)
        y, saved = kernels.dense_forward(x, w, activation=activation)
        assert np.isnan(y[1]).all()
        assert not np.isnan(y[[0, 2]]).any()
        _, dw, db = kernels.dense_backward(np.ones_like(y), x, w, saved, activation=activation)
        assert np.isnan(dw[:, 2]).all()
        assert np.isnan(db).all() == (activation != "identity")
        x[1, 2] = -np.inf
        y = kernels.dense_forward(x, w, activation=activation, save=False)
        expected = {"identity": -np.inf, "relu": 0, "leaky_relu": -np.inf, "tanh": -1, "sigmoid": 0}
        assert np.all(y[1] == expected[activation])


@pytest.mark.parametrize("kind", KINDS)
def test_dense_keeps_signed_zeros_and_subnormals(kind: type, isa: str) -> None:
    tiny = np.finfo(kind).smallest_subnormal
    x = np.array([[tiny, 0.0], [-tiny, 0.0], [tiny * 2**12, tiny]], kind)
    w = np.array([[1.0, 0.0], [0.5, 0.0], [-0.0, 1.0], [2.0**-12, 2.0**-1]], kind)
    y = kernels.dense_forward(x, w, save=False)
    assert y.tobytes() == twin.dense_forward(x, w, None, "identity").tobytes()
    assert y[0, 0] == tiny


def flush_to_zero(on: bool) -> None:
    """Set or clear FTZ and DAZ in this thread, as a library built with -ffast-math does."""
    if platform.machine() != "x86_64":
        pytest.skip("MXCSR is a register of x86")
    libm = ctypes.CDLL("libm.so.6")
    environment = (ctypes.c_uint32 * 8)()
    libm.fegetenv(environment)  # seven words of x87 state, then MXCSR
    environment[7] = environment[7] | 0x8040 if on else environment[7] & ~0x8040
    libm.fesetenv(environment)


@pytest.mark.parametrize("kind", KINDS)
def test_dense_ignores_flush_to_zero_set_by_others(kind: type, isa: str) -> None:
    arrays = layer(40, 300, 130, kind)
    arrays["x"] = arrays["x"] * kind(np.finfo(kind).tiny)
    expected = run(arrays, "identity")
    flush_to_zero(True)
    try:
        got = run(arrays, "identity")
        flushed = kind(np.finfo(kind).tiny) * kind(0.5)
    finally:
        flush_to_zero(False)
    assert flushed == 0  # or the test does not test
    assert np.any(expected[0] != 0)
    assert same_bytes(got, expected)
