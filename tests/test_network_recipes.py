"""Recipes for plain, recurrent and published networks, each by what it promises."""

import math
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import lab, recipes
from initcore.activations import gains, quadrature

KEY = ic.Key(12) / "recipes"


def test_selu_maps_mean_0_and_variance_1_to_itself_and_is_drawn_there() -> None:
    assert ic.gain("selu") == pytest.approx(1.0, abs=1e-12)
    selu = ic.activations.Selu()
    assert float(selu(np.array(1.0))) == 1.0507009873554805
    assert -selu(np.array(-50.0)) == 1.6732632423543772 * 1.0507009873554805
    mean, square = (
        float(np.mean(values))
        for values in zip(*[(selu(z), selu(z) ** 2) for z in _normal_nodes()], strict=True)
    )
    assert mean == pytest.approx(0.0, abs=1e-3)
    assert square == pytest.approx(1.0, abs=1e-3)
    # d nu / d nu of Klambauer et al.: 0.782648
    assert gains.stability("selu").slope == pytest.approx(0.78264788, abs=5e-9)
    # and d mu / d nu, 0.088834: what a change of the variance comes to in both is below 1
    h = 1e-5
    up, down = (quadrature.expectations(selu, 1.0 + step).mean for step in (h, -h))
    slope = (up - down) / (2 * h)
    assert slope == pytest.approx(0.08883476, abs=1e-7)
    assert math.hypot(slope, 0.78264788) == pytest.approx(0.78767336, abs=1e-7)
    x = ic.Normal(std=2.0)((256, 512), key=KEY / "x", dtype=np.float64)
    weight = recipes.SelfNormalizing().role("hidden").weight
    for layer in range(20):
        w = weight((512, 512), key=KEY / layer, dtype=np.float64)
        x = selu(x @ w.T)
    # a sum over 512 correlated layers' units: within a few percent
    assert x.var() == pytest.approx(1.0, abs=0.15)
    assert x.mean() == pytest.approx(0.0, abs=0.1)


def _normal_nodes() -> Any:
    scipy = pytest.importorskip("scipy.stats")
    return scipy.norm.ppf((np.arange(20_000) + 0.5) / 20_000)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_a_zero_readout_starts_at_the_loss_of_chance(classes: int) -> None:
    w = recipes.ZeroReadout().role("readout").weight((classes, 16))
    loss, _ = ic.kernels.softmax_cross_entropy(
        np.ones((4, 16), np.float32) @ w.T, np.arange(4) % classes
    )
    assert loss == pytest.approx(math.log(classes), rel=1e-6)


@pytest.mark.slow
def test_a_zero_readout_trains() -> None:
    pytest.importorskip("sklearn")
    data = lab.load("digits")
    recipe = recipes.ZeroReadout()
    net = ic.Sequential(
        ic.Dense(64, 64, "relu", init=recipe.role("hidden").weight),
        ic.Dense(64, 10, init=recipe.role("readout").weight),
    )
    net.initialize(key=KEY / "zero")
    history = net.fit(
        data.x_train,
        data.y_train,
        optimizer=ic.SGD(lr=0.05, momentum=0.9),
        epochs=20,
        batch_size=32,
        key=KEY / "batches",
    )
    assert history.initial_loss == pytest.approx(math.log(10), rel=1e-6)
    assert (net.evaluate(data.x_train, data.y_train).accuracy or 0.0) > 0.99


@pytest.mark.parametrize(
    ("depth", "slope"), [(20, 0.1813802775), (50, 0.4305229485), (100, 0.5704395311)]
)
def test_a_tailored_relu_has_the_slope_for_which_depth_ends_at_eta(
    depth: int, slope: float
) -> None:
    mpmath = pytest.importorskip("mpmath")
    recipe = recipes.TailoredRelu(depth)
    assert recipe.slope == pytest.approx(slope, abs=6e-10)
    with mpmath.workdps(30):
        c, a = mpmath.mpf(0), mpmath.mpf(recipe.slope)
        for _ in range(depth):
            share = (1 - a) ** 2 / (1 + a * a) / mpmath.pi
            c += share * (mpmath.sqrt(1 - c * c) - c * mpmath.acos(c))
        assert float(c) == pytest.approx(0.9, abs=1e-9)


@pytest.mark.parametrize("depth", [1, 12])
def test_a_shallow_relu_network_needs_no_tailoring(depth: int) -> None:
    with pytest.raises(ValueError, match=f"depth={depth} is too small for eta=0.9"):
        recipes.TailoredRelu(depth)


def test_tailored_networks_keep_orthogonal_inputs_apart_and_relu_networks_do_not() -> None:
    width, depth = 256, 50
    recipe = recipes.TailoredRelu(depth)
    x, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(width, 2)))
    ends = {}
    first = recipe.role("first").weight
    for name, slope, hidden in (
        ("tailored", recipe.slope, recipe.role("hidden").weight),
        ("relu", 0.0, ic.Orthogonal(gain=2**0.5)),
    ):
        h = x.T * math.sqrt(width)
        for layer in range(depth):
            weight = first if layer == 0 else hidden
            z = h @ weight((width, width), key=KEY / layer, dtype=np.float64).T
            h = np.where(z > 0, z, slope * z)
        ends[name] = float(h[0] @ h[1] / np.linalg.norm(h[0]) / np.linalg.norm(h[1]))
        scale = 2 / (1 + slope * slope)
        assert abs(math.log2((h**2).mean() * scale)) < 2
    # at this width a cosine varies by 0.03 from key to key
    assert ends["tailored"] == pytest.approx(0.9, abs=0.08)
    assert ends["relu"] > 0.97


@pytest.mark.parametrize("activation", ["tanh", "softplus", "gelu"])
def test_deep_kernel_shaping_meets_its_four_conditions(activation: str) -> None:
    integrate = pytest.importorskip("scipy.integrate")
    recipe = recipes.DeepKernelShaping(activation, depth=50)
    alpha, beta, gamma, delta = recipe.shape

    def shaped(z: float) -> float:
        return float(gamma * (ic.activations.get(activation)(np.array(alpha * z + beta)) + delta))

    def mean(f: Any) -> float:
        density = 1 / math.sqrt(2 * math.pi)
        weighted = integrate.quad(
            lambda z: f(z) * density * math.exp(-0.5 * z * z), -10, 10, epsabs=1e-13, limit=200
        )
        return float(weighted[0])

    def slope(z: float, h: float = 1e-4) -> float:
        ahead, behind = shaped(z + h) - shaped(z - h), shaped(z + 2 * h) - shaped(z - 2 * h)
        return (8 * ahead - behind) / (12 * h)

    assert mean(shaped) == pytest.approx(0.0, abs=1e-7)  # cosine 0 to 0
    assert mean(lambda z: shaped(z) ** 2) == pytest.approx(1.0, abs=1e-6)
    by_square = mean(lambda z: shaped(z) ** 2 * (z * z - 1)) / 2
    assert by_square == pytest.approx(1.0, abs=1e-6)
    assert mean(lambda z: slope(z) ** 2) ** 50 == pytest.approx(1.5, abs=1e-4)


def test_what_does_not_bend_has_no_shape() -> None:
    with pytest.raises(ValueError, match="activation='relu' has no shape"):
        recipes.DeepKernelShaping("relu", depth=20)
    with pytest.raises(ValueError, match=r"zeta=1\.0 must be above 1"):
        recipes.DeepKernelShaping("tanh", depth=20, zeta=1.0)


def test_an_lstm_starts_as_pytorchs_or_keras_does_or_gate_by_gate() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.LSTM(24, 64)
    limit = max(float(p.detach().abs().max()) for p in theirs.parameters())
    ours = recipes.Lstm(64, "torch")
    for role in ("input", "recurrent"):
        law: Any = ours.role(role).weight
        assert law.high == 0.125
        assert limit == pytest.approx(0.125, rel=1e-3)
    keras = recipes.Lstm(64, "keras").role("recurrent").weight((256, 64), key=KEY)
    assert np.abs(keras.T @ keras - np.eye(64)).max() < 1e-5
    own = recipes.Lstm(64).role("recurrent").weight((256, 64), key=KEY)
    for gate in own.reshape(4, 64, 64):
        assert np.abs(gate.T @ gate - np.eye(64)).max() < 1e-5
    w = recipes.Lstm(64).role("input").weight((256, 24), key=KEY)
    assert np.abs(w).max() <= math.sqrt(6 / (24 + 64))
    assert np.abs(w).max() > math.sqrt(6 / (24 + 256))


def test_an_irnn_keeps_its_state_without_input() -> None:
    w = recipes.Irnn().role("recurrent").weight((16, 16))
    h = np.random.default_rng(0).random(16).astype(np.float32)
    state = h
    for _ in range(784):
        state = np.maximum(state @ w.T, 0)
    assert (state == h).all()


def test_a_norm_free_stage_keeps_the_variance_that_it_expects() -> None:
    recipe = recipes.NormFree(alpha=0.5)
    x = ic.Normal()((2000, 256), key=KEY / "x", dtype=np.float64)
    gain = ic.gain("relu", "std")
    for layer in range(6):
        roles = recipe.roles(layer)
        beta = 1 / roles["branch_input"].multiplier
        assert x.var() == pytest.approx(beta**2, rel=0.1)
        w = roles["branch"].weight((256, 256), key=KEY / layer, dtype=np.float64)
        branch = np.maximum(x / beta, 0) @ recipe.standardize(w, gain).T
        assert branch.var() == pytest.approx(1.0, rel=0.1)
        x = x + roles["branch"].multiplier * branch
    assert x.var() == pytest.approx(1 + 6 * 0.25, rel=0.1)
    second = recipes.NormFree(alpha=0.5, last_stage=6)
    assert second.role("branch_input", 0).multiplier == pytest.approx(2.5**-0.5, rel=1e-15)
    assert second.role("branch_input", 1).multiplier == pytest.approx(1.25**-0.5, rel=1e-15)


def test_a_batch_normalized_stream_grows_by_one_a_block_unless_gamma_is_0() -> None:
    x = ic.Normal()((500, 64), key=KEY / "x", dtype=np.float64)
    start = x = (x - x.mean(axis=0)) / x.std(axis=0)
    zero = float(recipes.ZeroGamma().role("last_norm_scale").weight(1)[0])
    for layer in range(8):
        w = recipes.ZeroGamma().role("branch").weight((64, 64), key=KEY / layer, dtype=np.float64)
        branch = np.maximum(x, 0) @ w.T
        branch = (branch - branch.mean(axis=0)) / branch.std(axis=0)
        assert (start + zero * branch == start).all()
        x = x + branch
    # branches are nearly uncorrelated: the variance is 1 + 8, to a few percent
    assert x.var() == pytest.approx(9.0, rel=0.1)


def test_published_models_have_the_widths_of_their_code() -> None:
    bert: Any = recipes.Bert().role("projection").weight((500, 500), key=KEY, dtype=np.float64)
    assert np.abs(bert).max() <= 0.04
    assert bert.std() == pytest.approx(0.02 * 0.8796256610, rel=5 / math.sqrt(2 * bert.size))
    olmo: Any = recipes.Olmo2().role("residual").weight((500, 500), key=KEY, dtype=np.float64)
    assert np.abs(olmo).max() <= 0.06
    mamba = recipes.Mamba(n_layers=16, step_rank=16, adds_per_layer=2)
    plain = mamba.role("projection").weight((64, 256), key=KEY, dtype=np.float64)
    residual = mamba.role("residual").weight((64, 256), key=KEY, dtype=np.float64)
    assert residual == pytest.approx(plain / math.sqrt(32), rel=1e-12)
    steps = np.log1p(np.exp(mamba.role("step").bias((64,), key=KEY, dtype=np.float64)))
    assert steps.min() >= 0.001 - 1e-12
    assert steps.max() <= 0.1 + 1e-12


def test_switch_has_the_width_of_its_paper_before_the_cut_and_embeddings_their_librarys() -> None:
    shape = (4, 500, 400)
    w = recipes.SwitchMoe().role("expert").weight(shape, key=KEY, layout="gio", dtype=np.float64)
    parent = math.sqrt(0.1 / 500)
    assert np.abs(w).max() <= 2 * parent
    assert w.std() == pytest.approx(0.8796256610 * parent, rel=5 / math.sqrt(2 * w.size))
    usual = recipes.SwitchMoe(scale=1.0).role("expert").weight
    plain = usual(shape, key=KEY, layout="gio", dtype=np.float64)
    assert w.std() / plain.std() == pytest.approx(0.31623, abs=5e-6)
    torch = pytest.importorskip("torch")
    table = torch.nn.Embedding(2000, 64).weight.detach()
    law: Any = recipes.EmbeddingTable(64, "torch").role("table").weight
    assert float(table.std()) == pytest.approx(law.std, rel=5 / math.sqrt(2 * 128_000))
    wide: Any = recipes.EmbeddingTable(64).role("table").weight
    assert wide.std == 1 / 8


def test_the_table_of_flax_has_rows_of_length_one() -> None:
    linen = pytest.importorskip("flax.linen")
    jax = pytest.importorskip("jax")
    made = linen.Embed(3000, 64).init(jax.random.key(0), np.zeros(1, np.int32))
    theirs = np.asarray(made["params"]["embedding"])
    ours: Any = recipes.EmbeddingTable(64).role("table").weight
    assert theirs.std() == pytest.approx(ours.std, rel=5 / math.sqrt(2 * theirs.size))
