"""Starts by data: what they make of a batch, on every machine, and what they refuse."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import lab, recipes
from initcore._exact import linear_algebra

STARTS = [recipes.lsuv, recipes.weight_norm, recipes.act_norm, recipes.krahenbuhl]


def network(activation: Any = "relu", depth: int = 5) -> ic.Sequential:
    hidden = [ic.Dense(32, 32, activation) for _ in range(depth)]
    return ic.Sequential(ic.Dense(8, 32, activation), *hidden, ic.Dense(32, 4))


def batch(n: int = 200) -> Any:
    return np.random.default_rng(0).normal(0.5, 2.0, (n, 8))


def before_activations(net: ic.Sequential, x: Any) -> list[Any]:
    """Pre-activations of every layer by NumPy alone."""
    found = []
    for layer in net.layers:
        z = x @ layer.w.T + layer.b
        found.append(z)
        x = np.tanh(z) if layer.activation.name == "tanh" else np.maximum(z, 0)
    return found


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_lsuv_gives_every_layer_unit_deviation_in_one_pass(activation: str) -> None:
    net, x = network(activation), batch()
    found = recipes.lsuv(net, x, key=3, max_steps=1, tolerance=1e-9, dtype=np.float64)
    assert list(found) == list(net.names)
    for z, name in zip(before_activations(net, x), net.names, strict=True):
        assert z.std() == pytest.approx(1.0, abs=1e-12)
        assert found[name] == pytest.approx(1.0, abs=1e-12)
    # still rows of an orthogonal matrix, times one number
    gram = net.layers[1].w @ net.layers[1].w.T
    assert gram == pytest.approx(gram[0, 0] * np.eye(32), abs=1e-12)


def test_lsuv_repeats_where_a_bias_keeps_it_from_one_pass() -> None:
    layers = [ic.Dense(8, 32, "relu", bias_init=ic.Normal(std=0.5)), ic.Dense(32, 4)]
    once = recipes.lsuv(ic.Sequential(*layers), batch(), key=3, max_steps=1, tolerance=1e-6)
    often = recipes.lsuv(ic.Sequential(*layers), batch(), key=3, max_steps=30, tolerance=1e-6)
    assert abs(once["0"] - 1) > 1e-3
    assert abs(often["0"] - 1) < 1e-5


@pytest.mark.parametrize("start", [recipes.weight_norm, recipes.act_norm])
def test_unit_norms_give_every_unit_mean_0_and_deviation_1(start: Callable[..., Any]) -> None:
    net, x = network("tanh"), batch()
    scales = start(net, x, key=3, dtype=np.float64)
    for z, name in zip(before_activations(net, x), net.names, strict=True):
        assert np.abs(z.mean(axis=0)).max() < 1e-12
        assert np.abs(z.std(axis=0) - 1).max() < 1e-12
        assert scales[name].shape == (z.shape[1],)


def test_weight_norm_returns_g_and_keeps_the_directions_of_v() -> None:
    net = network("tanh")
    g = recipes.weight_norm(net, batch(), key=3, dtype=np.float64)
    v = ic.Normal(std=0.05)((32, 32), key=ic.Key(3) / "2" / "weight", dtype=np.float64)
    expected = g["2"][:, None] * v / np.linalg.norm(v, axis=1)[:, None]
    assert net.layers[2].w == pytest.approx(expected, rel=1e-12)


def test_krahenbuhl_lets_every_layer_learn_at_one_rate() -> None:
    torch = pytest.importorskip("torch")
    net, x = network(ic.activations.LeakyRelu(0.2)), batch(64)
    before = recipes.krahenbuhl(net, x, key=3, dtype=np.float64)
    weights = [torch.tensor(layer.w, requires_grad=True) for layer in net.layers]
    eta = torch.from_numpy(ic.kernels.fill_normal(np.empty((64, 4)), key=ic.Key(3) / "eta"))
    squares = np.zeros(len(weights))
    for row, sample in enumerate(x):  # the gradient of one sample after the other
        h = torch.from_numpy(sample)
        for place, (w, layer) in enumerate(zip(weights, net.layers, strict=True)):
            h = w @ h + torch.from_numpy(layer.b)
            h = torch.nn.functional.leaky_relu(h, 0.2) if place < len(weights) - 1 else h
        gradients = torch.autograd.grad(h @ eta[row], weights)
        squares += [float(gradient.square().sum()) for gradient in gradients]
    rates = np.sqrt(squares / 64 / [float((layer.w**2).sum()) for layer in net.layers])
    assert rates.max() / rates.min() < 1 + 1e-9
    assert max(before.values()) / min(before.values()) > 1.05
    assert rates[0] == pytest.approx(math.prod(before.values()) ** (1 / len(rates)), rel=1e-9)


def test_krahenbuhl_leaves_the_function_of_the_standardized_network() -> None:
    net, x = network(), batch()
    recipes.krahenbuhl(net, x, key=3, beta=0.1, dtype=np.float64)
    z = before_activations(net, x)
    # the first layer's units differ from mean 0.1 and deviation 1 by the layer's one factor
    factor = z[0].std(axis=0)
    assert factor == pytest.approx(np.full(32, factor[0]), rel=1e-12)
    assert z[0].mean(axis=0) == pytest.approx(0.1 * factor, rel=1e-10)
    # and the last one's do not, for the factors' product is 1
    assert z[-1].mean(axis=0) == pytest.approx(np.full(4, 0.1), abs=1e-12)
    assert z[-1].std(axis=0) == pytest.approx(np.ones(4), abs=1e-12)
    with pytest.raises(ValueError, match="layer '0' of net has activation 'tanh'"):
        recipes.krahenbuhl(network("tanh"), x, key=3)


def test_principal_components_are_numpys_up_to_sign_and_scale() -> None:
    x = np.random.default_rng(2).normal(size=(300, 8)) * np.arange(1, 9)
    net = ic.Sequential(ic.Dense(8, 12, "relu"), ic.Dense(12, 3))
    recipes.krahenbuhl(net, x, key=3, filters="pca", dtype=np.float64)
    _, vectors = np.linalg.eigh(np.cov(x.T))
    rows = net.layers[0].w[:8]
    rows = rows / np.linalg.norm(rows, axis=1)[:, None]
    assert np.abs(np.abs((rows * vectors.T[::-1]).sum(axis=1)) - 1).max() < 1e-12
    random = ic.Normal()((12, 8), key=ic.Key(3) / "0" / "weight", dtype=np.float64)[8:]
    left = net.layers[0].w[8:] / random
    assert left == pytest.approx(np.broadcast_to(left[:, :1], left.shape), rel=1e-12)
    # with principal components for units, what they give is uncorrelated
    z = x @ net.layers[0].w[:8].T
    correlation = np.corrcoef(z.T)
    assert np.abs(correlation - np.eye(8)).max() < 1e-12
    with pytest.raises(ValueError, match="filters='kmeans'"):
        recipes.krahenbuhl(net, x, key=3, filters="kmeans")  # type: ignore[arg-type]


@pytest.mark.parametrize("start", STARTS)
def test_a_start_by_data_gives_the_same_bytes_everywhere(start: Callable[..., Any]) -> None:
    found = set()
    before = ic.kernels.isa()
    try:
        for isa in ic.kernels.isas_available():
            ic.kernels._select_isa(isa)
            for threads in (1, 2):
                net = network()
                with ic.num_threads(threads):
                    start(net, batch(), key=ic.Key(3))
                found.add(b"".join(array.tobytes() for array in net.parameters().values()))
    finally:
        ic.kernels._select_isa(before)
    assert len(found) == 1


@pytest.mark.parametrize("start", STARTS)
def test_a_start_that_fails_leaves_the_network_as_it_was(start: Callable[..., Any]) -> None:
    net = network()
    net.initialize(key=1)
    bytes_before = [array.tobytes() for array in net.parameters().values()]
    with pytest.raises(ValueError, match=r"x .*(differ|unit 0 of layer '0')"):
        start(net, np.zeros((10, 8)), key=3)
    with pytest.raises(ValueError, match=r"x has shape \(10, 7\)"):
        start(net, np.zeros((10, 7)), key=3)
    with pytest.raises(ValueError, match="x has no samples"):
        start(net, np.zeros((0, 8)), key=3)
    with pytest.raises(TypeError, match=r"net=.* must be an initcore\.Sequential"):
        start([1], batch(), key=3)
    assert [array.tobytes() for array in net.parameters().values()] == bytes_before


def test_a_start_that_sets_biases_refuses_layers_without() -> None:
    net = ic.Sequential(ic.Dense(8, 4, bias=False))
    with pytest.raises(ValueError, match="layer '0' of net has no bias"):
        recipes.weight_norm(net, batch(), key=0)
    assert recipes.lsuv(net, batch(), key=0)["0"] == pytest.approx(1, abs=1e-6)


def test_lsuv_trains_digits_better_than_he_at_depth() -> None:
    pytest.importorskip("sklearn")
    data = lab.load("digits")
    accuracy = {}
    for name in ("lsuv", "glorot"):
        hidden = [ic.Dense(64, 64, "relu") for _ in range(28)]
        net = ic.Sequential(*hidden, ic.Dense(64, 10))
        net.initialize(ic.GlorotNormal(), key=0)
        if name == "lsuv":
            recipes.lsuv(net, data.x_train[:500], key=0)
        net.fit(
            data.x_train,
            data.y_train,
            optimizer=ic.SGD(lr=0.003, momentum=0.9),
            epochs=8,
            batch_size=32,
            key=1,
        )
        accuracy[name] = net.evaluate(data.x_train, data.y_train).accuracy or 0.0
    assert accuracy["lsuv"] > 0.8
    assert accuracy["glorot"] < 0.5


@pytest.mark.parametrize("n", [1, 2, 5, 16, 33])
def test_exact_eigenvalues_are_lapacks(n: int) -> None:
    a = np.random.default_rng(n).normal(size=(n, n + 2))
    values, vectors = linear_algebra.eigh(a @ a.T)
    expected = np.linalg.eigvalsh(a @ a.T)[::-1]
    assert values == pytest.approx(expected, abs=1e-13 * expected[0])
    assert np.abs(vectors.T @ vectors - np.eye(n)).max() < 1e-13
    assert np.abs(vectors * values @ vectors.T - a @ a.T).max() < 1e-13 * expected[0]


def test_exact_sums_are_numpys_to_rounding() -> None:
    z = np.random.default_rng(0).normal(3.0, 2.0, (300, 7)).astype(np.float32)
    means, stds = linear_algebra.column_stds(z)
    wide = z.astype(np.float64)
    assert means == pytest.approx(wide.mean(axis=0), rel=1e-14)
    assert stds == pytest.approx(wide.std(axis=0), rel=1e-13)
    assert linear_algebra.std(z) == pytest.approx(wide.std(), rel=1e-13)
    columns = linear_algebra.orthonormal(np.stack([wide[:, 0], wide[:, 1], wide[:, 0] * 2], axis=1))
    assert np.abs(columns.T @ columns - np.diag([1, 1, 0])).max() < 1e-13
