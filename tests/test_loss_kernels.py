"""Losses and the optimizer step: right against NumPy and the twin, the same bytes everywhere."""

import functools

import compute_twin as twin
import numpy as np
import pytest

from initcore import kernels

KINDS = (np.float32, np.float64)
# rows around a block of 256, columns around the 16 lanes and a segment of 4096
SHAPES = ((1, 1), (3, 2), (5, 15), (4, 16), (4, 17), (257, 3), (2, 4100), (600, 10))


def case(shape: tuple[int, ...], kind: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng([len(shape), *shape])
    z = (3 * rng.normal(size=shape)).astype(kind)
    return z, rng.normal(size=shape).astype(kind), rng.integers(0, shape[-1], shape[0])


@functools.cache  # one slow run serves every instruction set
def twin_losses(
    shape: tuple[int, int], kind: type
) -> tuple[tuple[float, np.ndarray], tuple[float, np.ndarray]]:
    z, target, labels = case(shape, kind)
    return twin.softmax_cross_entropy(z, labels), twin.mean_squared_error(z, target)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_softmax_cross_entropy_agrees_with_numpy(shape: tuple[int, int], kind: type) -> None:
    z, _, labels = case(shape, kind)
    loss, dz = kernels.softmax_cross_entropy(z, labels)
    wide = z.astype(np.float64)
    log_p = wide - wide.max(1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
    rows = np.arange(len(z))
    expected = np.exp(log_p)
    expected[rows, labels] -= 1
    eps = np.finfo(kind).eps
    # each loss: exp and log to 2 ulp, a sum of n terms in 16 lanes, two subtractions of z < 20
    bound = eps * (shape[1] / 16 + 8 + 2 * 20)
    assert type(loss) is float
    assert abs(loss + log_p[rows, labels].mean()) <= bound
    # p is off by the exponent's rounding (|z| eps), the sum's (n/16 + 8) and a few ulp
    assert np.all(np.abs(dz * shape[0] - expected) <= bound)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (4, 17), (258, 3), (1, 4100)])
def test_losses_agree_with_the_twin_on_every_byte(
    shape: tuple[int, int], kind: type, isa: str
) -> None:
    z, target, labels = case(shape, kind)
    entropy, error = twin_losses(shape, kind)
    for got, expected in (
        (kernels.softmax_cross_entropy(z, labels), entropy),
        (kernels.mean_squared_error(z, target), error),
    ):
        assert got[0] == expected[0]
        assert got[1].tobytes() == expected[1].tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_losses_do_not_depend_on_isa_or_threads(threads: int, kind: type) -> None:
    z, target, labels = case((900, 301), kind)
    before, threads_before = kernels.isa(), kernels.get_num_threads()
    results = set()
    try:
        for isa in kernels.isas_available():
            kernels._select_isa(isa)
            for n in (1, threads):
                kernels.set_num_threads(n)
                loss, dz = kernels.softmax_cross_entropy(z, labels)
                error, dy = kernels.mean_squared_error(z, target)
                results.add((loss, dz.tobytes(), error, dy.tobytes()))
    finally:
        kernels._select_isa(before)
        kernels.set_num_threads(threads_before)
    assert len(results) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_losses_read_any_layout_and_write_in_place(kind: type, isa: str) -> None:
    z, target, labels = case((7, 35), kind)
    loss, dz = kernels.softmax_cross_entropy(z, labels)
    error, dy = kernels.mean_squared_error(z, target)
    fortran = np.asfortranarray(z)
    wide_labels = np.repeat(labels, 2)[::2]
    got, other = kernels.softmax_cross_entropy(fortran, wide_labels)
    assert (got, other.tobytes()) == (loss, dz.tobytes())
    got, other = kernels.mean_squared_error(fortran, np.asfortranarray(target))
    assert (got, other.tobytes()) == (error, dy.tobytes())
    again = z.copy()
    assert kernels.softmax_cross_entropy(again, labels, out=again)[1] is again
    assert again.tobytes() == dz.tobytes()
    again = target.copy()
    assert kernels.mean_squared_error(z, again, out=again)[1] is again
    assert again.tobytes() == dy.tobytes()


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4)])
def test_mean_squared_error_takes_any_number_of_dimensions(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    y, target = rng.normal(size=shape), rng.normal(size=shape)
    y, target = np.asarray(y), np.asarray(target)
    loss, dy = kernels.mean_squared_error(y, target)
    assert dy.shape == shape
    np.testing.assert_allclose(loss, np.mean((y - target) ** 2), rtol=1e-15 * 24)
    np.testing.assert_allclose(dy, 2 * (y - target) / y.size, rtol=4e-16)


def test_loss_gradients_agree_with_central_differences() -> None:
    z, target, labels = case((3, 5), np.float64)
    h = 1e-5
    for loss_of in (
        lambda a: kernels.softmax_cross_entropy(a, labels),
        lambda a: kernels.mean_squared_error(a, target),
    ):
        _, gradient = loss_of(z)
        for index in np.ndindex(*z.shape):
            up, down = z.copy(), z.copy()
            up[index] += h
            down[index] -= h
            slope = (loss_of(up)[0] - loss_of(down)[0]) / (2 * h)
            assert abs(slope - gradient[index]) < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_softmax_cross_entropy_survives_extreme_logits(kind: type, isa: str) -> None:
    big = np.finfo(kind).max / 4
    z = np.array([[big, -big, 0], [-np.inf, 0, 0], [-big, -big, -big]], kind)
    loss, dz = kernels.softmax_cross_entropy(z, np.array([0, 1, 2]))
    assert np.isfinite(loss)
    assert np.isfinite(dz).all()
    for bad in (np.nan, np.inf):
        z[1, 2] = bad
        loss, dz = kernels.softmax_cross_entropy(z, np.array([0, 1, 2]))
        assert np.isnan(loss)
        assert np.isnan(dz[1]).all()
        assert np.isfinite(dz[[0, 2]]).all()


def test_softmax_cross_entropy_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    z, _, labels = case((50, 12), np.float64)
    leaf = torch.tensor(z, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(leaf, torch.tensor(labels))
    expected.backward()
    loss, dz = kernels.softmax_cross_entropy(z, labels)
    np.testing.assert_allclose(loss, expected.item(), rtol=50 * 2.3e-16)
    np.testing.assert_allclose(dz, leaf.grad.numpy(), rtol=0, atol=20 * 2.3e-16 / 50)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 7, 8, 16, 33, 300])
def test_sgd_step_agrees_with_the_twin_on_every_byte(n: int, kind: type, isa: str) -> None:
    rng = np.random.default_rng(n)
    p, g, v = (rng.normal(size=n).astype(kind) for _ in range(3))
    for velocity in (v, None):
        momentum = 0.0 if velocity is None else 0.9
        expected_p, expected_v = twin.sgd(p, g, velocity, 0.1, momentum)
        new_p, new_v = p.copy(), None if velocity is None else velocity.copy()
        assert kernels.sgd_step(new_p, g, new_v, lr=0.1, momentum=momentum) is None
        assert new_p.tobytes() == expected_p.tobytes()
        assert velocity is None or new_v.tobytes() == expected_v.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_sgd_step_takes_any_layout(kind: type, isa: str) -> None:
    rng = np.random.default_rng(9)
    p, g, v = (rng.normal(size=(6, 5, 14)).astype(kind) for _ in range(3))
    plain_p, plain_v = p.copy(), v.copy()
    kernels.sgd_step(plain_p, g, plain_v, lr=0.01, momentum=0.5)
    for view in (
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=2)[:, :, ::2],
        lambda a: np.repeat(a, 2, axis=0)[::2],
    ):
        new_p, new_v = view(p), view(v)
        kernels.sgd_step(new_p, view(g), new_v, lr=0.01, momentum=0.5)
        assert np.array_equal(new_p, plain_p)
        assert np.array_equal(new_v, plain_v)
        flat_p, flat_v = view(p)[0], view(v)[0]
        kernels.sgd_step(flat_p, g[0], flat_v, lr=0.01, momentum=0.5)
        assert np.array_equal(flat_p, plain_p[0])


def test_sgd_step_does_not_depend_on_threads() -> None:
    rng = np.random.default_rng(10)
    p, g = (rng.normal(size=400_000).astype(np.float32) for _ in range(2))
    before = kernels.get_num_threads()
    results = []
    for threads in (1, 2, 3):
        kernels.set_num_threads(threads)
        new = p.copy()
        kernels.sgd_step(new, g, lr=0.3)
        results.append(new.tobytes())
    kernels.set_num_threads(before)
    assert len(set(results)) == 1
