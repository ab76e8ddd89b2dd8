"""Dense layers on every path of the kernels: any shape, layout, thread count, instruction set."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import compute_twin as twin
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from initcore import kernels, num_threads

ACTIVATIONS = ("identity", "relu", "leaky_relu", "tanh", "sigmoid")
KINDS = (np.float32, np.float64)
NAMES = ("x", "w", "b", "dy")
# One shape (batch, n_in, n_out) for every path: a row read across and down, k = 1, few rows, few
# rows of weights that lie half a page apart, tiles with b in place, with b copied, with a packed
PATHS = (
    (1, 300, 70),
    (9, 1, 20),
    (33, 257, 50),
    (40, 512, 33),
    (7, 40, 65),
    (70, 520, 90),
    (66, 1024, 40),
)

Layer = dict[str, np.ndarray]
quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@contextmanager
def selected(isa: str) -> Iterator[None]:
    before = kernels.isa()
    kernels._select_isa(isa)
    try:
        yield
    finally:
        kernels._select_isa(before)


def layer(shape: tuple[int, int, int], kind: type, seed: int = 0) -> Layer:
    batch, n_in, n_out = shape
    rng = np.random.default_rng([seed, *shape])
    sizes = {"x": (batch, n_in), "w": (n_out, n_in), "b": (n_out,), "dy": (batch, n_out)}
    return {name: rng.normal(size=size).astype(kind) for name, size in sizes.items()}


def run(arrays: Layer, activation: str, **options: Any) -> tuple[np.ndarray, ...]:
    """y, dx, dw, db."""
    y, saved = kernels.dense_forward(arrays["x"], arrays["w"], arrays["b"], activation=activation)
    gradients = kernels.dense_backward(
        arrays["dy"], arrays["x"], arrays["w"], saved, activation=activation, **options
    )
    return (y, *gradients)


def same_bytes(left: tuple[np.ndarray, ...], right: tuple[np.ndarray, ...]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(left, right, strict=True))


# layouts

LAYOUTS = ("plain", "transposed", "every_other", "reversed", "rows_apart", "page_apart")


def laid_out(a: np.ndarray, how: str) -> np.ndarray:
    """The same values with other strides; what lies between them is NaN."""
    if how == "plain":
        return a
    if how == "transposed":
        return np.asfortranarray(a)
    if how == "reversed":
        backward = (slice(None, None, -1),) * a.ndim
        return a[backward].copy()[backward]
    page = 4096 // a.itemsize
    width = {
        "every_other": 2 * a.shape[-1] + 1,
        "rows_apart": a.shape[-1] + 3,
        "page_apart": -(-(a.shape[-1] + 1) // page) * page,
    }[how]
    home = np.full((*a.shape[:-1], width), np.nan, a.dtype)
    step = 2 if how == "every_other" else 1
    view = home[..., 1 : 1 + step * a.shape[-1] : step]
    view[...] = a
    return view


sizes = st.sampled_from([0, 1, 2, 3, 6, 8, 9, 16, 17, 33, 64, 65, 129, 255, 257])


@quick
@given(
    shape=st.tuples(sizes, sizes, sizes),
    kind=st.sampled_from(KINDS),
    activation=st.sampled_from(ACTIVATIONS),
    layouts=st.tuples(*[st.sampled_from(LAYOUTS)] * 4),
    isas=st.tuples(*[st.sampled_from(kernels.isas_available())] * 2),
    threads=st.integers(1, 8),
)
def test_dense_bytes_depend_on_values_alone(
    shape: tuple[int, int, int],
    kind: type,
    activation: str,
    layouts: tuple[str, ...],
    isas: tuple[str, str],
    threads: int,
) -> None:
    arrays = layer(shape, kind)
    other = {name: laid_out(arrays[name], how) for name, how in zip(NAMES, layouts, strict=True)}
    with selected(isas[0]), num_threads(1):
        expected = run(arrays, activation)
    with selected(isas[1]), num_threads(threads):
        assert same_bytes(run(other, activation), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", PATHS)
@pytest.mark.parametrize("how", LAYOUTS[1:])
def test_every_path_reads_any_layout(
    how: str, shape: tuple[int, int, int], kind: type, isa: str
) -> None:
    arrays = layer(shape, kind)
    other = {name: laid_out(a, how) for name, a in arrays.items()}
    assert same_bytes(run(other, "relu"), run(arrays, "relu"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", PATHS)
def test_every_path_writes_only_its_own_elements(
    shape: tuple[int, int, int], kind: type, isa: str
) -> None:
    arrays = layer(shape, kind)
    expected = run(arrays, "tanh")
    results = tuple(laid_out(np.full_like(a, 7), "page_apart") for a in expected)
    y, saved = kernels.dense_forward(
        arrays["x"], arrays["w"], arrays["b"], activation="tanh", out=results[0]
    )
    kernels.dense_backward(
        arrays["dy"], arrays["x"], arrays["w"], saved, activation="tanh", out=results[1:]
    )
    assert y is results[0]
    assert same_bytes(results, expected)
    for view in results:
        home = view.base
        assert home is not None
        view[...] = np.nan
        assert np.isnan(home).all()  # as it was


# threads

# 33 MFLOP a product: enough that eight threads have work (4 MFLOP each), and pieces that end
# inside a tile
SPLIT = (161, 321, 323)


@pytest.mark.parametrize("kind", KINDS)
def test_one_to_eight_threads_give_the_same_bytes(kind: type, isa: str) -> None:
    arrays = layer(SPLIT, kind)
    with num_threads(1):
        expected = run(arrays, "sigmoid")
    for threads in range(2, 9):
        with num_threads(threads):
            assert same_bytes(run(arrays, "sigmoid"), expected)


# values


@quick
@given(
    shape=st.tuples(*[st.sampled_from([0, 1, 2, 5])] * 3),
    kind=st.sampled_from(KINDS),
    activation=st.sampled_from(ACTIVATIONS),
    isa=st.sampled_from(kernels.isas_available()),
    accumulate=st.booleans(),
)
def test_dense_of_no_and_of_one_element_is_what_the_specification_says(
    shape: tuple[int, int, int], kind: type, activation: str, isa: str, accumulate: bool
) -> None:
    arrays = layer(shape, kind)
    x, w, b, dy = (arrays[name] for name in NAMES)
    y = twin.dense_forward(x, w, b, activation)
    old = tuple(np.full_like(a, -0.0) for a in (x, w, b)) if accumulate else None
    out = None if old is None else tuple(a.copy() for a in old)
    expected = (y, *twin.dense_backward(dy, x, w, y, activation, old=old))
    with selected(isa):
        assert same_bytes(run(arrays, activation, out=out, accumulate=accumulate), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_sums_of_nothing_are_zero(kind: type, isa: str) -> None:
    b = np.array([1.5, -2], kind)
    y = kernels.dense_forward(np.zeros((3, 0), kind), np.zeros((2, 0), kind), b, save=False)
    assert np.array_equal(y, [[1.5, -2]] * 3)
    x, w, dy = np.ones((0, 4), kind), np.ones((2, 4), kind), np.ones((0, 2), kind)
    dx, dw, db = kernels.dense_backward(dy, x, w, None)
    assert dx.shape == (0, 4)
    assert not dw.any()
    assert not db.any()
    dx, dw, db = kernels.dense_backward(
        np.ones((3, 0), kind), np.ones((3, 4), kind), np.ones((0, 4), kind), None
    )
    assert np.array_equal(dx, np.zeros((3, 4)))
    assert dw.shape == (0, 4)
    assert db.shape == (0,)


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0])


def where_not_finite(a: np.ndarray) -> np.ndarray:
    """1 for inf, -1 for -inf, 2 for NaN, 0 for a number."""
    return np.where(np.isnan(a), 2, np.where(np.isinf(a), np.sign(a), 0))


def sum_of_products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a b^T term by term; nothing here overflows on the way."""
    return (a[:, None, :].astype(np.float64) * b[None, :, :].astype(np.float64)).sum(-1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", PATHS)
@pytest.mark.parametrize("where", NAMES)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_nan_and_infinity_come_out_where_ieee_754_puts_them(
    where: str, shape: tuple[int, int, int], kind: type, isa: str
) -> None:
    arrays = layer(shape, kind, seed=1)
    rng = np.random.default_rng(shape)
    hit = arrays[where].reshape(-1)
    places = rng.choice(hit.size, min(hit.size, 6), replace=False)
    hit[places] = rng.choice(SPECIAL, places.size)
    x, w, b, dy = (arrays[name] for name in NAMES)
    y, dx, dw, db = run(arrays, "relu")
    z = sum_of_products(x, w) + b
    expected = np.where(z < 0, 0, z)
    assert np.array_equal(where_not_finite(y), where_not_finite(expected))
    dz = np.where(np.isnan(y), y, np.where(y > 0, dy, 0))
    for got, terms in ((dx, (dz, w.T)), (dw, (dz.T, x.T))):
        assert np.array_equal(where_not_finite(got), where_not_finite(sum_of_products(*terms)))
    assert np.array_equal(where_not_finite(db), where_not_finite(dz.astype(np.float64).sum(0)))


def root_mean_square_error(arrays: tuple[np.ndarray, ...], exact: Any) -> np.ndarray:
    return np.sqrt([np.mean((a - e) ** 2) for a, e in zip(arrays, exact, strict=True)])


@pytest.mark.parametrize("positive", [False, True], ids=["normal", "uniform"])
@pytest.mark.parametrize("activation", ["identity", "tanh"])
def test_dense_is_as_accurate_as_numpy(positive: bool, activation: str) -> None:
    """Its BLAS cuts sums elsewhere, so that either is ahead at some lengths, by up to 25 %."""
    phi = {"identity": lambda z: z, "tanh": np.tanh}[activation]
    dphi = {"identity": lambda y: y * 0 + 1, "tanh": lambda y: 1 - y * y}[activation]

    def by_numpy(x: np.ndarray, w: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, ...]:
        y = phi(x @ w.T)
        dz = dphi(y) * dy
        return y, dz @ w, dz.T @ x

    ratios = []
    for n in (64, 300, 512, 640, 1024, 4096):  # terms of y's sums; dx and dw have 60 and 50
        rng = np.random.default_rng(n)
        draw = rng.random if positive else rng.standard_normal
        x, w, dy = (draw(size, np.float32) for size in ((50, n), (60, n), (50, 60)))
        w /= np.float32(n if positive else n**0.5)  # tanh is not flat at sums of this size
        ours = run({"x": x, "w": w, "b": np.zeros(60, np.float32), "dy": dy}, activation)[:3]
        exact = by_numpy(*(a.astype(np.float64) for a in (x, w, dy)))
        theirs = root_mean_square_error(by_numpy(x, w, dy), exact)
        ratios.append(root_mean_square_error(ours, exact) / theirs)
    assert np.max(ratios) < 1.5
    assert np.exp(np.mean(np.log(ratios))) < 1.1


@pytest.mark.parametrize("shape", PATHS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_path_agrees_with_torch_in_float64(
    activation: str, shape: tuple[int, int, int]
) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    arrays = layer(shape, np.float64)
    arrays["w"] /= shape[1] ** 0.5
    x, w, b = (torch.tensor(arrays[name], requires_grad=True) for name in ("x", "w", "b"))
    functions = {
        "identity": lambda v: v,
        "relu": torch.relu,
        "leaky_relu": torch.nn.functional.leaky_relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }
    y = functions[activation](torch.nn.functional.linear(x, w, b))
    y.backward(torch.tensor(arrays["dy"]))
    # z is a sum of n_in terms of at most 5 * 5 / sqrt(n_in), dx of n_out, dw of the batch's; each
    # side errs by less than terms * eps/2 * their sum. The largest, dw, has terms below 25; dz errs
    # by what z does, below 25 sqrt(n_in) eps, times 5 for dy.
    batch, n_in, n_out = shape
    terms = max(batch, n_out)
    bound = 2.3e-16 * terms * 25 * (terms + 5 * n_in**0.5)
    expected_of_all = (y.detach(), x.grad, w.grad, b.grad)
    for got, expected in zip(run(arrays, activation), expected_of_all, strict=True):
        np.testing.assert_allclose(got, expected.numpy(), rtol=0, atol=bound)
