"""Schemes of the literature, each against a number of its paper or of its formula."""

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import initializers, theory
from initcore.initializers import Initializer
from initcore.initializers._truncation import parent_std, result_std

KEY = ic.Key(7) / "scheme"

# each with a shape that it can start
SCHEMES: list[tuple[Initializer, tuple[int, ...]]] = [
    (initializers.SmallInit(64), (16, 24)),
    (initializers.WangInit(64, n_layers=4), (16, 24)),
    (initializers.DropoutHeNormal(0.8), (16, 24)),
    (initializers.StandardUniform(), (16, 24)),
    (initializers.RandomWalk(), (16, 24)),
    (initializers.RandomWalk("identity"), (16, 24)),
    (initializers.Siren(), (16, 24)),
    (initializers.Siren(first=True), (16, 2)),
    (initializers.FourierFeatures(3.0), (16, 2)),
    (initializers.ForgetBias(), (32,)),
    (initializers.Chrono(100.0), (32,)),
    (initializers.BiasPrior(), (8,)),
    (initializers.ClassPrior((1, 2, 5)), (3,)),
    (initializers.HippoLegS(), (8, 8)),
    (initializers.HippoLegS(), (8,)),
    (initializers.DiagonalStates("lin"), (4, 8)),
    (initializers.DiagonalStates("log_real"), (4, 8)),
    (initializers.StepBias(), (32,)),
    (initializers.ScaledOrthogonal(), (16, 24)),
    (initializers.DeltaOrthogonal(), (16, 8, 3)),
    (initializers.Dirac(0.5), (16, 8, 3)),
    (initializers.ZerO(), (16, 24)),
    (initializers.ZerO(), (16, 3)),
    (initializers.LooksLinear("both"), (16, 24)),
    (initializers.LooksLinear("in"), (16, 8, 3)),
    (initializers.SpectralNormal(), (16, 24)),
    (initializers.RandomizedAsymmetric(), (16, 24)),
    (initializers.Icnr(4, ic.LecunUniform()), (16, 8, 3)),
    (initializers.Packed((ic.HeNormal(), ic.Zeros()), (3, 1)), (16, 24)),
]


@pytest.mark.parametrize(("init", "shape"), SCHEMES, ids=lambda value: repr(value))
def test_a_scheme_is_an_initializer_like_any_other(
    init: Initializer, shape: tuple[int, ...], isa: str
) -> None:
    whole = init(shape, key=KEY)
    again: Any = initializers.from_dict(json.loads(json.dumps(init.to_dict())))
    assert again == init == pickle.loads(pickle.dumps(init))
    assert hash(again) == hash(init)
    assert (again(shape, key=KEY) == whole).all()
    target = np.full(shape, np.nan, np.float32)
    assert init.fill(target, key=KEY) is target
    assert (target == whole).all()
    for index in (np.s_[2:7:2], np.s_[::-1], np.s_[1:1]):
        part = init.block(shape, index, key=KEY)
        assert (part == whole[index]).all()
        assert part.shape == whole[index].shape


# name, object, fan_in, standard deviation (8 or more digits, from the formula by hand)
@pytest.mark.parametrize(
    ("init", "fan_in", "std"),
    [
        (initializers.SmallInit(6144), 100, 0.0080687153),
        (initializers.WangInit(6144, n_layers=44), 100, 0.00057989814),
        (initializers.RandomWalk("identity"), 100, 1.0050125209 / 10),
        (initializers.RandomWalk("relu"), 100, 1.431708766 / 10),
        (initializers.DropoutHeNormal(0.5), 100, 0.1),
        (initializers.FourierFeatures(10.0), 100, 10.0),
    ],
)
def test_normal_schemes_have_their_published_width(init: Any, fan_in: int, std: float) -> None:
    law, (mean, found) = init.law(initializers.fans((7, fan_in)))
    assert law == "normal"
    assert mean == 0.0
    assert found == pytest.approx(std, rel=1e-8)


@pytest.mark.parametrize(
    ("init", "fan_in", "bound"),
    [
        (initializers.StandardUniform(), 256, 0.0625),
        (initializers.Siren(first=True), 2, 0.5),
        (initializers.Siren(), 256, math.sqrt(6 / 256) / 30),
        (initializers.Siren(omega=1.0), 24, 0.5),
    ],
)
def test_uniform_schemes_have_their_published_bound(init: Any, fan_in: int, bound: float) -> None:
    law, (low, high) = init.law(initializers.fans((7, fan_in)))
    assert law == "uniform"
    assert -low == high == pytest.approx(bound, rel=1e-15)


@pytest.mark.parametrize(
    ("cut", "std"),
    [
        (1.0, 0.5395600938),
        (2.0, 0.8796256610),
        (2.5, 0.9545974863),
        (3.0, 0.9865783926),
        (4.0, 0.9994645018),
    ],
)
def test_a_cut_leaves_the_known_share_of_the_width(cut: float, std: float) -> None:
    assert result_std(-cut, cut) == pytest.approx(std, abs=5.1e-11)
    init = ic.TruncatedNormal(std=1.0, low=-cut, high=cut)
    w = init((400, 400), key=KEY / cut.hex(), dtype=np.float64)
    assert w.std() == pytest.approx(std, rel=5 / math.sqrt(2 * w.size))
    # the parent that has this width once it is cut is N(0, 1) again
    assert parent_std(std, -cut, cut) == pytest.approx(1.0, rel=1e-7)


@pytest.mark.parametrize(
    ("init", "mean"), [(ic.GlorotUniform(), 0.848826), (initializers.StandardUniform(), 0.490070)]
)
def test_a_square_layer_has_the_known_mean_singular_value(init: Any, mean: float) -> None:
    # 8 / (3 pi) times the standard deviation over n^(-1/2), of the quarter circle's law; Glorot
    # and Bengio's figures compare Jacobians of about 0.8 and 0.5
    w = init((512, 512), key=KEY, dtype=np.float64)
    assert np.linalg.svd(w, compute_uv=False).mean() == pytest.approx(mean, abs=1e-3)


def test_a_std_of_a_hundredth_loses_the_gradient_of_a_vgg_as_he_says() -> None:
    # between conv10 and conv2 of model B: the widths by which He's paper has 1 / (1.7 x 10^4)
    channels = [64, 128, 128, 256, 256, 512, 512, 512, 512]
    laws = [
        ic.HeNormal(mode="fan_out").law(initializers.fans((n, n, 3, 3)))[1][1] for n in channels
    ]
    assert [round(std, 3) for std in laws] == [0.059, *[0.042] * 2, *[0.029] * 2, *[0.021] * 4]
    assert math.prod(0.01 / std for std in laws) == pytest.approx(5.97773e-5, rel=1e-6)
    assert math.prod(round(std, 3) / 0.01 for std in laws) == pytest.approx(17022, abs=1)


@pytest.mark.parametrize(
    ("activation", "exact", "apart"), [("identity", 1.0050292705, 2e-5), ("relu", 1.4323036, 7e-4)]
)
def test_a_random_walk_has_nearly_the_gain_that_stops_the_drift(
    activation: Any, exact: float, apart: float
) -> None:
    drift = theory.log_norm_drift([100, 100], activation).mean
    plain = math.sqrt(2.0) if activation == "relu" else 1.0
    assert plain * math.exp(-drift / 2) == pytest.approx(exact, abs=5.1e-8)
    assert abs(initializers.RandomWalk(activation).gain(100) - exact) < apart


def test_dropout_keeps_the_mean_square_with_its_own_variance_and_not_with_he() -> None:
    keep, depth, width = 0.5, 10, 512
    rng = np.random.default_rng(0)
    ends = {}
    for name, init in (("own", initializers.DropoutHeNormal(keep)), ("he", ic.HeNormal())):
        x = rng.normal(size=(64, width))
        for layer in range(depth):
            w = init((width, width), key=KEY / layer, dtype=np.float64)
            mask = (rng.random(x.shape) < keep) / keep
            x = np.maximum(x, 0) if layer else x * math.sqrt(0.5)
            x = (x * mask) @ w.T
        ends[name] = float(np.log2((x**2).mean()))
    # one layer's relative error is about sqrt(5 / width) = 0.1; ten of them add to 0.3, 0.45 bits
    assert abs(ends["own"]) < 1.8
    assert abs(ends["he"] - depth) < 1.8


def test_a_siren_settles_at_its_own_mean_square() -> None:
    x = np.random.default_rng(1).uniform(-1, 1, (256, 2))
    width = 1024
    for layer in range(5):
        init = initializers.Siren(first=layer == 0)
        w = init((width, x.shape[1]), key=KEY / layer, dtype=np.float64)
        z = 30 * x @ w.T
        x = np.sin(z)
    q = 0.7968121300  # q = 1 - exp(-2 q)
    assert q == pytest.approx(1 - math.exp(-2 * q), abs=1e-9)
    assert (z**2).mean() == pytest.approx(q, rel=0.1)
    layer = theory.MeanField("sin", math.sqrt(2.0))
    assert layer.q_star == pytest.approx(q, abs=1e-10)
    assert math.sqrt(layer.q_star) == pytest.approx(0.8926433386, abs=1e-10)
    assert layer.chi_1 == pytest.approx(2 - q, abs=1e-8)  # 1.203: a little beyond the edge


def test_fourier_features_have_a_fixed_norm_and_their_kernel() -> None:
    m = 20_000
    b = initializers.FourierFeatures(1.0)((m, 1), key=KEY, dtype=np.float64)

    def features(x: float) -> Any:
        turned = 2 * np.pi * b[:, 0] * x
        return np.concatenate([np.cos(turned), np.sin(turned)])

    assert (features(0.3) ** 2).sum() == pytest.approx(m, rel=1e-12)
    # exp(-2 pi^2 0.1^2); a mean of m cosines with standard deviation below 0.25, 5 sigma
    assert features(0.3) @ features(0.2) / m == pytest.approx(0.82086872, abs=5 * 0.25 / m**0.5)


def test_chrono_remembers_from_2_steps_to_the_longest() -> None:
    hidden, longest = 1000, 784.0
    b = initializers.Chrono(longest)((4 * hidden,), key=KEY, dtype=np.float64)
    i, f, g, o = b.reshape(4, hidden)
    assert (i == -f).all()
    assert not g.any()
    assert not o.any()
    retention = 1 / (1 + np.exp(-f))
    assert retention.min() >= 0.5
    assert retention.max() <= 1 - 1 / longest
    assert f.max() <= 6.6631
    # u is uniform: 5 standard errors of its mean
    assert abs(np.exp(f).mean() - 392) < 5 * 782 / math.sqrt(12 * hidden)


def test_gates_follow_the_order_said() -> None:
    b = initializers.ForgetBias(2.0, gates="figo")((8,))
    assert b.tolist() == [2.0, 2.0, 0, 0, 0, 0, 0, 0]
    with pytest.raises(ValueError, match=r"shape=\(6,\)"):
        initializers.ForgetBias()((6,))
    with pytest.raises(ValueError, match="gates='igo'"):
        initializers.ForgetBias(gates="igo")
    # sigmoid(1): how much of a cell stays, 1 / -log of it is the steps it lasts
    usual = float(initializers.ForgetBias()((4,), dtype=np.float64)[1])
    stays = 1 / (1 + math.exp(-usual))
    assert stays == pytest.approx(0.7310585786, abs=5e-11)
    assert -1 / math.log(stays) == pytest.approx(3.192219, abs=1e-6)


@pytest.mark.parametrize(("activation", "share"), [("identity", 1 / 3), ("relu", 1 / 6)])
def test_the_uniform_law_of_before_2010_keeps_a_third_or_a_sixth(
    activation: str, share: float
) -> None:
    n = 1000
    w = initializers.StandardUniform()((n, n), key=KEY / "w")
    y = ic.Normal()((64, n), key=KEY / "y")
    z = y @ w.T
    x = np.maximum(z, 0.0) if activation == "relu" else z
    # backward: dz passes phi', then the transposed weights, whose law is the same
    dy = ic.Normal()((64, n), key=KEY / "dy")
    dz = dy * (z > 0) if activation == "relu" else dy
    dx = dz @ w
    for found in (np.square(x).mean(), np.square(dx).mean()):
        # 64,000 products of 1000 weights, of which 1000 rows differ: 5 / sqrt(1000 / 2), halved
        assert found == pytest.approx(share, rel=0.1)


def test_lecuns_tanh_maps_one_nearly_to_one() -> None:
    y = ic.kernels.activation_forward(np.ones(1), activation="lecun_tanh", save=False)
    # 1.7159 tanh(2 / 3), 0.99999726 as published
    assert y[0] == pytest.approx(0.99999725592, abs=5e-12)


def test_priors_have_their_published_bias() -> None:
    b = initializers.BiasPrior(0.01)((1,), dtype=np.float64)
    assert float(b[0]) == pytest.approx(-4.5951198501, abs=1e-10)
    even = initializers.ClassPrior((1,) * 1000)((1000,), dtype=np.float64)
    assert even[0] == pytest.approx(-6.9077552790, abs=1e-10)
    logits = initializers.ClassPrior((178, 182, 177))((3,), dtype=np.float64)
    assert np.exp(logits).sum() == pytest.approx(1.0, rel=1e-15)
    digits = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)  # how many of each in scikit-learn
    prior = initializers.ClassPrior(digits)((10,), dtype=np.float64)
    first = np.repeat(prior[None], sum(digits), axis=0)
    loss, _ = ic.kernels.softmax_cross_entropy(first, np.repeat(np.arange(10), digits))
    assert loss == pytest.approx(2.3024792210, abs=5.1e-11)
    with pytest.raises(ValueError, match="probability=1"):
        initializers.BiasPrior(1)


def test_hippo_is_a_normal_matrix_but_for_rank_one() -> None:
    a = initializers.HippoLegS()((4, 4), dtype=np.float64)
    assert a[3] == pytest.approx([-2.64575131, -4.58257569, -5.91607978, -4.0], abs=1e-8)
    p = np.sqrt(np.arange(4) + 0.5)
    normal = a + np.outer(p, p)
    assert np.abs(normal @ normal.T - normal.T @ normal).max() < 1e-13
    poles = np.linalg.eigvals(normal)
    assert poles.real == pytest.approx([-0.5] * 4, abs=1e-12)
    assert sorted(poles.imag)[2:] == pytest.approx([0.55650112, 4.60329301], abs=1e-8)
    b = initializers.HippoLegS()((4,), dtype=np.float64)
    assert b.tolist() == np.sqrt([1.0, 3.0, 5.0, 7.0]).tolist()


def test_diagonal_states_are_their_formulas() -> None:
    def row(poles: str) -> Any:
        return initializers.DiagonalStates(poles)((3, 8), dtype=np.float64)[1]

    n = np.arange(8)
    assert row("lin") == pytest.approx(np.pi * n, rel=1e-15)
    assert row("inv") == pytest.approx(8 / np.pi * (8 / (2 * n + 1) - 1), rel=1e-15)
    assert row("real").tolist() == (-(n + 1.0)).tolist()
    assert np.exp(row("log_real")) == pytest.approx(n + 1.0, rel=1e-14)


def test_step_biases_give_log_uniform_steps() -> None:
    b = initializers.StepBias()((4000,), key=KEY, dtype=np.float64)
    steps = np.log1p(np.exp(b))
    assert steps.min() >= 0.001 * (1 - 1e-12)
    assert steps.max() <= 0.1 * (1 + 1e-12)
    # log10 is uniform on [-3, -1]: 5 standard errors of its mean
    assert abs(np.log10(steps).mean() + 2) < 5 * 2 / math.sqrt(12 * 4000)
    low = initializers.StepBias(low=1e-6, high=1e-6)((1,), key=KEY, dtype=np.float64)
    assert np.log1p(np.exp(low[0])) == pytest.approx(1e-4, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: initializers.SmallInit(0), "width=0"),
        (lambda: initializers.WangInit(8, n_layers=0), "n_layers=0"),
        (lambda: initializers.DropoutHeNormal(0.0), "keep=0"),
        (lambda: initializers.RandomWalk("tanh"), "activation='tanh'"),
        (lambda: initializers.Siren(omega=-1.0), "omega=-1"),
        (lambda: initializers.Chrono(2.0), "longest=2"),
        (lambda: initializers.ClassPrior(()), "counts=()"),
        (lambda: initializers.ClassPrior((1, 0)), r"counts\[1\]=0"),
        (lambda: initializers.DiagonalStates("quad"), "poles='quad'"),
        (lambda: initializers.StepBias(low=0.2), "low=0.2"),
        (lambda: initializers.HippoLegS()((3, 4)), r"shape=\(3, 4\)"),
        (lambda: initializers.StepBias()((3, 4), key=KEY), r"shape=\(3, 4\)"),
    ],
)
def test_impossible_schemes_are_refused_by_name(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()
