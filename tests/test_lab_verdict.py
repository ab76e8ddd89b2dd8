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
    assert judge_training(initial, losses, math.log(10)) == outcome


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


def test_nan_is_called_nan_and_overflow_overflow():
    assert word(has_nan=True, finite=False, distinct=1) == (Level.FAIL, "nan")
    assert verdict_of(network("relu", only({3}, set_to(math.nan)))) == "nan"
    assert verdict_of(network("relu", only({0, 1, 2, 3}, times(1e30)))) == "overflow"


HEADS = [
    ic.Zeros(),
    ic.Normal(std=0.001),
    ic.Normal(std=1e-6),
]


@pytest.mark.parametrize("head", HEADS, ids=repr)
@pytest.mark.parametrize("hidden", [1, 4])
@pytest.mark.parametrize("prior", [None, [5, 4, 3, 2, 1]])
def test_a_small_output_layer_is_no_fault_and_trains(head, hidden, prior):
    """The verdict is that of the same network with an output layer of the usual size."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 300)
    x = rng.standard_normal((300, 20)) + 2.0 * rng.standard_normal((5, 20))[labels]
    bias = None if prior is None else ic.initializers.ClassPrior(prior)
    net = ic.Sequential(
        *(ic.Dense(20 if i == 0 else 64, 64, "relu") for i in range(hidden)),
        ic.Dense(64, 5, init=head, bias_init=bias),
    )
    net.initialize(ic.HeNormal(), key=0)
    statistics = measure(net, x, labels)
    assert str(judge(statistics.evidence)) == "OK"
    history = net.fit(x, labels, optimizer=ic.SGD(0.1), epochs=15, batch_size=32, key=1)
    assert judge_training(history.initial_loss, history.loss, math.log(5)) == "learned"


def test_what_a_zero_output_layer_hides_is_found():
    """Behind it the hidden layers are judged by the gradient that comes after the first step."""

    def headless(activation, fill):
        made = network(activation, fill)
        made.layers[-1].w[...] = 0.0
        return made

    assert verdict_of(headless("relu", times(1.0))) == "ok"
    assert verdict_of(headless("relu", times(0.1))) == "vanishing"
    assert verdict_of(headless("tanh", times(20.0))) == "exploding"
    dead = only({3}, lambda _, w: np.negative(np.abs(w), out=w))
    assert verdict_of(headless("relu", dead)) == "no gradient"


def test_the_gradient_behind_a_zero_output_layer_is_that_of_the_next_step():
    made = network("tanh", times(1.0))
    made.layers[-1].w[...] = 0.0
    rng = np.random.default_rng(3)
    x, labels = rng.standard_normal((300, 20)).astype(np.float32), rng.integers(0, 5, 300)
    found = measure(made, x, labels)
    assert not found.gradient[:-1].any()
    made.fit(x, labels, optimizer=ic.SGD(1e-3), epochs=1, batch_size=300, key=0, shuffle=False)
    after = measure(made, x, labels)
    ratios = found.hidden_gradient / found.hidden_gradient[-1]
    # the step of 1e-3 also moves the biases and dy, by about as much as it is long
    np.testing.assert_allclose(ratios, after.gradient[:-1] / after.gradient[-2], rtol=1e-2)


def small() -> ic.Sequential:
    net = ic.Sequential(ic.Dense(4, 8, "relu"), ic.Dense(8, 3))
    net.initialize("he_normal", key=0)
    return net


X4 = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
Y3 = np.arange(30) % 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": X4 * np.nan}, ValueError, r"x\[0, 0\] = nan is not a finite"),
        ({"x": np.where(np.arange(120).reshape(30, 4) == 9, np.nan, X4)}, ValueError, r"x\[2, 1\]"),
        ({"x": X4[:, :3]}, ValueError, r"x has shape \(30, 3\)"),
        ({"x": X4[:0], "labels": Y3[:0]}, ValueError, "x has no samples"),
        ({"labels": Y3 + 1}, ValueError, r"labels\[2\] = 3 must be in 0\.\.2"),
        ({"labels": Y3[:9]}, ValueError, r"labels has shape \(9,\)"),
        ({"labels": Y3.astype(float)}, ValueError, r"labels has shape \(30,\)"),
        ({"labels": Y3.astype(str)}, TypeError, "labels has dtype"),
        ({"n_classes": 4}, ValueError, "n_classes=4 must be 3"),
        ({"n_classes": "3"}, TypeError, "n_classes='3' must be an int"),
        ({"n_classes": 3.0}, TypeError, "n_classes=3.0 must be an int"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_name(change, error, message):
    with pytest.raises(error, match=message):
        measure(small(), **({"x": X4, "labels": Y3} | change))


def test_a_network_without_weights_cannot_be_measured():
    with pytest.raises(RuntimeError, match="has no weights yet"):
        measure(ic.Sequential(ic.Dense(4, 3)), X4, Y3)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
def test_samples_and_labels_are_converted_as_in_fit(dtype):
    found = measure(small(), X4.astype(np.float64).tolist(), Y3.astype(dtype))
    right = measure(small(), X4, Y3, 3)
    assert found.gradient.tobytes() == right.gradient.tobytes()
    assert found.loss == right.loss
    assert found.indifferent_loss == math.log(3)


def test_a_network_for_values_is_measured_by_its_squared_error():
    rng = np.random.default_rng(0)
    target = rng.standard_normal((30, 3))
    found = measure(small(), X4, target)
    y = small().predict(X4)
    # float32 rounds target, outputs and their squares, and adds up 90 of them
    assert found.loss == pytest.approx(np.mean((y - target) ** 2), rel=100 * 2**-24)
    # the targets are rounded to float32
    assert found.indifferent_loss == pytest.approx(target.var(axis=0).mean(), rel=2**-22)
    assert str(judge(found.evidence)) == "OK"


def test_learned_is_measured_against_the_entropy_of_the_classes():
    rare = np.array([0.99, 0.01])
    entropy = float(-(rare * np.log(rare)).sum())
    assert judge_training(0.7, [entropy], entropy) == "stalled"
    assert judge_training(0.7, [entropy / 2], entropy) == "slow"
    assert judge_training(0.7, [entropy / 5], entropy) == "learned"


@pytest.mark.parametrize("callback", [None, lambda *_: None])
@pytest.mark.parametrize("loss", ["cross_entropy", "own"])
def test_a_run_says_at_which_step_it_diverged(callback, loss):
    class Own(ic.losses.CrossEntropy):
        """One that only the interpreter knows."""

    net = ic.Sequential(ic.Dense(4, 8, "relu"), ic.Dense(8, 3))
    net.initialize(ic.Normal(std=3.0), key=0)
    x = X4 * 10
    criterion = Own() if loss == "own" else loss
    settings = {"loss": criterion, "optimizer": ic.SGD(1e18), "batch_size": 7, "key": 0}
    history = net.fit(x, Y3, epochs=3, callback=callback, **settings)
    assert history.diverged_step is not None
    # the weights are those of the step before: so many steps are finite
    again = ic.Sequential(ic.Dense(4, 8, "relu"), ic.Dense(8, 3))
    again.initialize(ic.Normal(std=3.0), key=0)
    counted = []

    class Counting(ic.SGD):
        def step(self, *args):
            counted.append(1)
            super().step(*args)

    again.fit(x, Y3, epochs=3, **(settings | {"optimizer": Counting(1e18)}))
    assert history.diverged_step == len(counted)
