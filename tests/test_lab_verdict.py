"""The verdict: a pure function of what was measured, whatever the network is called."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import initcore as ic
from initcore import kernels
from initcore.doctor.measure import decades, fewest_distinct, measure
from initcore.doctor.verdict import Evidence, Level, judge, judge_training, pool

HEALTHY = Evidence(distinct=64, units=64, layers=9)


def word(**changes: object) -> tuple[Level, str]:
    verdict = judge(replace(HEALTHY, **changes))
    return verdict.level, verdict.word


def test_boundaries_belong_to_the_milder_side():
    step = 1e-9
    for name in ("signal_decades", "gradient_decades"):
        assert word(**{name: 0.0}) == (Level.OK, "ok")
        assert word(**{name: -1.0}) == (Level.OK, "ok")
        assert word(**{name: 1.0}) == (Level.OK, "ok")
        assert word(**{name: -1.0 - step}) == (Level.WARN, "fading")
        assert word(**{name: 1.0 + step}) == (Level.WARN, "growing")
        assert word(**{name: -2.0}) == (Level.WARN, "fading")
        assert word(**{name: -2.0 - step}) == (Level.FAIL, "vanishing")
        assert word(**{name: 2.0 + step}) == (Level.FAIL, "exploding")
    assert word(dead=0.5) == (Level.OK, "ok")
    assert word(dead=0.5 + step) == (Level.WARN, "dead")
    assert word(dead=0.9 - step) == (Level.WARN, "dead")
    assert word(dead=0.9) == (Level.FAIL, "dead")
    assert word(saturated=0.5) == (Level.OK, "ok")
    assert word(saturated=0.5 + step) == (Level.WARN, "saturated")
    assert word(loss_ratio=2.0) == (Level.OK, "ok")
    assert word(loss_ratio=2.0 + step) == (Level.WARN, "loss")


def test_one_root_cause_is_named():
    assert word(
        distinct=1,
        dead=1.0,
        signal_decades=math.nan,
        gradient_is_zero=True,
        gradient_decades=-math.inf,
    ) == (Level.FAIL, "symmetry")
    assert word(finite=False, gradient_decades=math.nan) == (Level.FAIL, "overflow")
    assert word(gradient_is_zero=True, dead=1.0) == (Level.FAIL, "no gradient")
    assert word(gradient_decades=-3.0, dead=0.6) == (Level.FAIL, "vanishing")
    assert word(distinct=63) == (Level.WARN, "duplicates")


def test_nothing_left_is_vanishing():
    assert word(signal_decades=-math.inf) == (Level.FAIL, "vanishing")
    assert word(gradient_decades=-math.inf) == (Level.FAIL, "vanishing")
    assert word(signal_decades=math.nan) == (Level.FAIL, "vanishing")


def test_larger_change_decides_and_the_sentence_has_its_number():
    verdict = judge(replace(HEALTHY, signal_decades=2.5, gradient_decades=-3.25))
    assert (verdict.word, verdict.level) == ("vanishing", Level.FAIL)
    assert "-3.2" in verdict.reason
    assert "gradient" in verdict.reason


def test_a_layer_of_one_unit_is_not_symmetric():
    assert word(distinct=1, units=1) == (Level.OK, "ok")


def test_pool_takes_medians_and_the_worst_symmetry():
    seeds = [replace(HEALTHY, gradient_decades=v) for v in (-0.5, -2.5, -0.6)]
    assert pool(seeds).gradient_decades == -0.6
    seeds[0] = replace(seeds[0], distinct=1)
    assert judge(pool(seeds)).word == "symmetry"
    assert not pool([HEALTHY, HEALTHY, replace(HEALTHY, finite=False)]).finite
    nothing = [replace(HEALTHY, signal_decades=math.nan)] * 2 + [HEALTHY]
    assert judge(pool(nothing)).word == "vanishing"
    with pytest.raises(ValueError, match="empty"):
        pool([])


def test_decades_of_nothing():
    assert decades(1.0, 100.0) == 2.0
    assert decades(1.0, 0.0) == -math.inf
    assert math.isnan(decades(0.0, 1.0))


@pytest.mark.parametrize(
    ("initial", "losses", "outcome"),
    [
        (2.3, [1.0, 0.1], "learned"),
        (2.3, [0.25 * math.log(10)], "learned"),
        (2.3, [1.5], "slow"),
        (2.3, [0.9 * math.log(10)], "stalled"),
        (2.3, [2.31], "stalled"),  # noise above the start is no divergence
        (2.3, [2.5], "diverged"),
        (40.0, [5.0], "stalled"),
        (40.0, [41.0], "diverged"),
        (2.3, [0.1, math.nan], "diverged"),
        (2.3, [math.inf], "diverged"),
        (2.3, [], "stalled"),
    ],
)
def test_training_outcome(initial, losses, outcome):
    assert judge_training(initial, losses, 10) == outcome


# Networks with one name and another's weights: the verdict must follow the weights.

LAYERS = 9


def network(activation: str, fill) -> ic.Sequential:
    sizes = [20, *([48] * (LAYERS - 1)), 5]
    layers = [
        ic.Dense(a, b, activation="identity" if i == LAYERS - 1 else activation)
        for i, (a, b) in enumerate(pairwise(sizes))
    ]
    made = ic.Sequential(*layers)
    made.initialize(ic.HeNormal(), key=ic.Key(0))
    for i, layer in enumerate(made.layers):
        fill(i, layer.w)
    return made


def verdict_of(made: ic.Sequential) -> str:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((300, 20)).astype(np.float32)
    return judge(measure(made, x, rng.integers(0, 5, 300), 5).evidence).word


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "silu", "softplus"])
def test_gradients_are_measured_behind_the_derivative_of_any_activation(activation):
    made = network(activation, lambda i, w: None)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((50, 20)).astype(np.float32)
    labels = rng.integers(0, 5, 50)

    def phi(z: np.ndarray) -> np.ndarray:
        return kernels.activation_forward(z, activation, save=False)

    zs, h = [], x.astype(np.float64)
    for layer in made.layers:
        zs.append(h @ layer.w.T.astype(np.float64) + layer.b)
        h = phi(zs[-1])
    odds = np.exp(zs[-1])
    expected = [(odds / odds.sum(1, keepdims=True) - np.eye(5)[labels]) / len(labels)]
    step = 1e-6  # a central difference is off by step^2 and by eps / step: 1e-9
    for layer, z in zip(made.layers[:0:-1], zs[-2::-1], strict=True):
        slope = (phi(z + step) - phi(z - step)) / (2 * step)
        expected.append((expected[-1] @ layer.w.astype(np.float64)) * slope)
    sizes = [np.sqrt(np.mean(dz**2)) for dz in expected[::-1]]
    # float32 through LAYERS layers of 48 terms, forward and backward, each term off by an eps
    bound = 2 * LAYERS * 50 * np.finfo(np.float32).eps
    np.testing.assert_allclose(measure(made, x, labels, 5).gradient, sizes, rtol=bound)


def times(factor: float):
    def fill(_: int, w: np.ndarray) -> None:
        w *= w.dtype.type(factor)

    return fill


def set_to(value: float):
    def fill(_: int, w: np.ndarray) -> None:
        w[...] = value

    return fill


def only(layers: set[int], fill):
    def at(i: int, w: np.ndarray) -> None:
        if i in layers:
            fill(i, w)

    return at


def same_rows(_: int, w: np.ndarray) -> None:
    w[...] = w[0]


@pytest.mark.parametrize(
    ("activation", "fill", "expected"),
    [
        ("relu", times(1.0), "ok"),
        ("relu", times(0.0), "symmetry"),  # called He, scaled like zero
        ("relu", set_to(0.05), "symmetry"),
        ("relu", times(0.1), "vanishing"),
        ("relu", times(4.0), "exploding"),
        ("relu", times(0.5**0.5), "fading"),  # He by name, Xavier by scale
        ("tanh", times(1.0), "ok"),
        ("tanh", times(0.1), "vanishing"),
        ("tanh", times(20.0), "exploding"),
        ("relu", only({3}, same_rows), "symmetry"),
        ("relu", only({3}, times(1e-4)), "vanishing"),
        ("relu", only({5, 7}, times(1e30)), "overflow"),
        # weights below zero on inputs that are never below zero: a dead layer
        ("relu", only({3}, lambda _, w: np.negative(np.abs(w), out=w)), "no gradient"),
    ],
)
def test_verdict_follows_the_weights_and_not_the_name(activation, fill, expected):
    assert verdict_of(network(activation, fill)) == expected


def test_hidden_loss_of_signal_behind_a_steady_rms_is_found():
    """Large biases keep the RMS up while what differs between inputs fades."""
    made = network("tanh", times(0.3))
    for i, layer in enumerate(made.layers):
        ic.Normal(std=0.5).fill(layer.b, key=ic.Key(1) / i)
    x = np.random.default_rng(3).standard_normal((300, 20)).astype(np.float32)
    statistics = measure(made, x, np.zeros(300, np.int64), 5)
    assert abs(np.log10(statistics.rms[-1] / statistics.rms[0])) < 0.5
    assert judge(statistics.evidence).word == "vanishing"


def test_measuring_changes_nothing_in_the_network():
    made = network("relu", times(1.0))
    before = [layer.w.tobytes() + layer.b.tobytes() for layer in made.layers]
    verdict_of(made)
    assert before == [layer.w.tobytes() + layer.b.tobytes() for layer in made.layers]


def test_statistics_agree_with_numpy_in_float64():
    made = network("tanh", times(1.0))
    rng = np.random.default_rng(5)
    x, labels = rng.standard_normal((200, 20)), rng.integers(0, 5, 200)
    measured = measure(made, x.astype(np.float32), labels, 5)
    h, signal, rms, mean = x, [], [], []
    outputs = []
    for i, layer in enumerate(made.layers):
        z = h @ layer.w.T.astype(np.float64)
        h = z if i == LAYERS - 1 else np.tanh(z)
        outputs.append(h)
        signal.append(np.sqrt(z.var(axis=0).mean()))
        rms.append(np.sqrt(np.mean(z**2)))
        mean.append(h.mean())
    e = np.exp(h - h.max(axis=1, keepdims=True))
    dz = e / e.sum(axis=1, keepdims=True)
    dz[np.arange(200), labels] -= 1.0
    dz /= 200.0
    gradient = [np.sqrt(np.mean(dz**2))]
    for i in range(LAYERS - 1, 0, -1):
        dz = (dz @ made.layers[i].w.astype(np.float64)) * (1 - outputs[i - 1] ** 2)
        gradient.append(np.sqrt(np.mean(dz**2)))
    # float32 rounding, 2^-24 per operation, amplified over nine layers of 48 terms
    close = 2**-24 * 48 * LAYERS
    np.testing.assert_allclose(measured.signal, signal, rtol=close)
    np.testing.assert_allclose(measured.rms, rms, rtol=close)
    np.testing.assert_allclose(measured.gradient, gradient[::-1], rtol=10 * close)
    np.testing.assert_allclose(measured.mean, mean, atol=close)
    assert measured.units.tolist() == [48] * (LAYERS - 1)


def test_distinct_units_and_dead_units_are_counted():
    made = network("relu", times(1.0))
    first = made.layers[0]
    first.w[1] = first.w[0]
    first.w[2] = 0.0
    first.w[3] = 0.0
    x = np.random.default_rng(3).standard_normal((300, 20)).astype(np.float32)
    statistics = measure(made, x, np.zeros(300, np.int64), 5)
    assert statistics.distinct[0] == 46
    assert statistics.dead[0] == 2 / 48
    assert (statistics.evidence.distinct, statistics.evidence.units) == (46, 48)
    assert fewest_distinct(made, x) == 46
