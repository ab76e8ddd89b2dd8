"""Probes: what is recorded of a step is what passes by hand show, and no trained byte changes."""

import dataclasses
import json
import pickle
from itertools import pairwise

import numpy as np
import pytest

import initcore as ic
from initcore import kernels
from initcore.training import loop, losses
from initcore.training.history import History
from initcore.training.probes import ProbeRecord

N, N_IN, CLASSES = 53, 6, 4
SGD = ic.SGD(0.1, 0.9)


def make(phi="tanh", dtype=np.float64, widths=(N_IN, 12, 9, CLASSES)):
    net = ic.Sequential(
        *(ic.Dense(n_in, n_out, phi) for n_in, n_out in pairwise(widths[:-1])),
        ic.Dense(*widths[-2:], name="out"),
    )
    net.initialize(ic.XavierNormal(), key=ic.Key(0), dtype=dtype)
    return net


def mixed(dtype=np.float64):
    """Every place in which a layer that computes phi(z) can stand."""
    net = ic.Sequential(
        ic.Activation("tanh"),
        ic.Dense(N_IN, 8, "gelu"),
        ic.Residual(ic.LayerNorm(8), ic.Dense(8, 5, "sigmoid"), ic.Dense(5, 8, bias=False)),
        ic.BatchNorm(8),
        ic.Activation("relu"),
        ic.Dropout(0.2),
        ic.Sequential(ic.Dense(8, CLASSES, name="last"), name="head"),
    )
    net.initialize(ic.HeNormal(), key=ic.Key(0), dtype=dtype)
    return net


def data(dtype=np.float64, n=N, n_in=N_IN):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, n_in)).astype(dtype), rng.integers(0, CLASSES, n)


def fit(net, probes, *, epochs=3, n_in=N_IN, **options):
    settings = {"optimizer": SGD, "batch_size": 8, "key": ic.Key(1)}
    x, labels = data(net.parameters()[next(iter(net.parameters()))].dtype, n_in=n_in)
    return net.fit(x, labels, epochs=epochs, probes=probes, **(settings | options))


def trained(net):
    arrays = (*net.parameters().values(), *net.gradients().values(), *net.state().values())
    return b"".join(a.tobytes() for a in arrays)


FORMULAS = {
    "identity": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "silu": (
        lambda z: z / (1 + np.exp(-z)),
        lambda z: (1 + np.exp(-z) * (1 + z)) / (1 + np.exp(-z)) ** 2,
    ),
}


def rms(a):
    return np.sqrt(np.mean(np.square(a)))


def by_hand(net, optimizer, epochs, batch_size, every):
    """Steps of forward and backward from Python; what each shows, written out in NumPy."""
    x, labels = data()
    parameters, found, step = list(net.parameters().values()), [], 0
    state = optimizer.new_state(parameters)
    for epoch in range(epochs):
        order = loop.shuffled_order(ic.Key(1), epoch, N)
        for start in range(0, N, batch_size):
            batch = order[start : start + batch_size]
            _, dy = losses.CrossEntropy()(net.forward(x[batch]), labels[batch])
            net.backward(dy)
            facts = {"step": step, "layers": [], "parameters": []}
            gradients = [net.layers[i].dx for i in range(1, len(net.layers))] + [dy]
            for layer, dh in zip(net.layers, gradients, strict=True):
                phi, slope = FORMULAS[layer.activation.name]
                z = layer.x @ layer.w.T + layer.b
                y, dz = phi(z), dh * slope(z)
                flat = {
                    "tanh": abs(y) > 0.97,
                    "softsign": abs(y) > 0.97,
                    "sigmoid": (y < 0.03) | (y > 0.97),
                }.get(layer.activation.name, np.array(np.nan))
                facts["layers"].append(
                    (z.mean(), rms(z), y.mean(), rms(y), dz.mean(), rms(dz),
                     (y == 0).all(axis=0).mean(), flat.mean())
                )  # fmt: skip
            before = [p.copy() for p in parameters]
            grads = list(net.gradients().values())
            optimizer.step(parameters, grads, state)
            with np.errstate(divide="ignore"):
                facts["parameters"] = [
                    (g.mean(), rms(g), np.linalg.norm(p - old) / np.linalg.norm(old))
                    for p, old, g in zip(parameters, before, grads, strict=True)
                ]
            if step % every == 0:
                found.append(facts)
            step += 1
    return found


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("phi", FORMULAS)
def test_a_record_is_what_passes_by_hand_show(phi, every, isa):
    # large weights, so that units die and saturate
    init = ic.Normal(std=1.0)
    nets = [make(phi), make(phi)]
    for net in nets:
        net.initialize(init, key=ic.Key(3), dtype=np.float64)
        if phi == "relu":
            net.layers[0].b[:2] = -50  # which keeps two units at 0
    gentle = ic.SGD(0.001, 0.9)
    record = fit(nets[0], ic.Probes(every), epochs=2, optimizer=gentle).probes
    expected = by_hand(nets[1], gentle, 2, 8, every)
    assert record.steps.tolist() == [facts["step"] for facts in expected]
    assert record.layers == ("0", "1", "out")
    assert record.parameters == tuple(nets[0].parameters())
    got = [*record.z, *record.y, *record.dz, record.dead, record.saturated]
    layers = np.array([facts["layers"] for facts in expected])
    # sums of at most 8 * 12 terms of order 10, after at most 14 steps of 62 products each
    tolerance = 14 * 62 * 96 * 10 * np.finfo(np.float64).eps
    for at, array in enumerate(got):
        np.testing.assert_allclose(array, layers[:, :, at], rtol=0, atol=tolerance)
    parameters = np.array([facts["parameters"] for facts in expected])
    for at, array in enumerate((*record.gradient, record.update_ratio)):
        np.testing.assert_allclose(array, parameters[:, :, at], rtol=tolerance, atol=tolerance)
    if phi == "relu":
        assert (record.dead[:, 0] >= 2 / 12).all()
    if phi in ("tanh", "sigmoid"):
        assert (record.saturated[:, 0] > 0).all()


def test_a_standard_deviation_is_that_of_numpy():
    record = fit(make(), ic.Probes(), epochs=1).probes
    net, (x, _) = make(), data()
    first = loop.shuffled_order(ic.Key(1), 0, N)[:8]
    z = x[first] @ net.layers[0].w.T + net.layers[0].b
    assert record.z.std[0, 0] == pytest.approx(z.std(), rel=1e-14)


@pytest.mark.parametrize("optimizer", [SGD, ic.Adam(0.01, clip_norm=0.1)], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("phi", ["relu", "tanh", "softplus", "mish", None])
def test_probes_change_no_trained_byte(phi, dtype, optimizer, isa):
    nets = [mixed(dtype) if phi is None else make(phi, dtype) for _ in range(2)]
    plain = fit(nets[0], None, optimizer=optimizer)
    probed = fit(nets[1], ic.Probes(every=2), optimizer=optimizer)
    assert trained(nets[0]) == trained(nets[1])
    assert plain.probes is None
    assert len(probed.probes.steps) == 11
    assert dataclasses.replace(probed, probes=None) == plain


def test_a_record_is_the_same_for_every_instruction_set_and_thread_count():
    found, before = set(), kernels.isa()
    try:
        for isa in kernels.isas_available():
            kernels._select_isa(isa)
            for threads in (1, 3):
                with ic.num_threads(threads):
                    net = make("tanh", np.float32, widths=(150, 120, 100, CLASSES))
                    wide = fit(net, ic.Probes(), n_in=150, batch_size=50).probes
                    small = fit(mixed(np.float32), ic.Probes()).probes
                    found.add(wide.values.tobytes() + small.values.tobytes())
    finally:
        kernels._select_isa(before)
    assert len(found) == 1


def test_layers_are_recorded_wherever_they_stand():
    record = fit(mixed(), ic.Probes(), epochs=1).probes
    assert record.layers == (
        "activation_0", "0", "residual_0.0", "residual_0.1", "activation_1", "head.last",
    )  # fmt: skip
    x, _ = data()
    net = mixed()
    first = loop.shuffled_order(ic.Key(1), 0, N)[:8]
    inside = net.layers[2].layers[0]
    h = net.layers[1].forward(np.tanh(x[first]))
    z = inside.forward(h) @ net.layers[2].layers[1].w.T
    assert record.z.rms[0, 0] == pytest.approx(rms(x[first]), rel=1e-14)
    assert record.y.rms[0, 1] == pytest.approx(rms(h), rel=1e-14)
    assert record.z.mean[0, 2] == pytest.approx(z.mean(), rel=1e-12)
    assert np.isfinite(record.dz.rms).all()
    assert np.isfinite(record.gradient.rms).all()
    # relu has no flat end but its zeros, a sigmoid has two
    assert np.isnan(record.saturated[:, 4]).all()
    assert np.isfinite(record.saturated[:, 2]).all()


@pytest.mark.parametrize(
    ("phi", "low", "high"),
    [("hardtanh", -1, 1), (ic.activations.HardTanh(-2, 0.5), -2, 0.5), ("hardsigmoid", 0, 1),
     ("relu6", None, 6)],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_value_at_an_end_of_a_piecewise_line_is_saturated(phi, low, high, dtype):
    net = make(phi, dtype)
    net.layers[0].w *= 8
    x, _ = data(dtype)
    y = net.layers[0].forward(x[loop.shuffled_order(ic.Key(1), 0, N)[:8]], save=False)
    expected = ((y == high) | (y == (np.nan if low is None else low))).mean()
    assert 0 < expected < 1
    assert fit(net, ic.Probes(), epochs=1).probes.saturated[0, 0] == expected


def test_a_run_that_diverges_is_recorded_to_its_last_step():
    net = make("relu", np.float32)
    with np.errstate(all="ignore"):
        history = fit(net, ic.Probes(), optimizer=ic.SGD(1e12))
    record = history.probes
    assert history.diverged_epoch == 0
    assert 1 < len(record.steps) < 7
    assert np.isfinite(record.update_ratio[0, ::2]).all()
    assert not np.isfinite(record.z.rms[-1]).all()
    assert np.isnan(record.update_ratio[-1]).all()


def test_a_resumed_run_has_the_record_of_one_that_was_never_stopped(tmp_path):
    pytest.importorskip("safetensors", reason="needs initcore[scale]")
    whole, start, other = make(), make(), make()
    expected = fit(whole, ic.Probes(4), epochs=4)
    fit(start, ic.Probes(4), epochs=2)
    start.save(tmp_path / "run")
    other.load(tmp_path / "run")
    assert other.history == start.history
    assert isinstance(other.history.probes, ProbeRecord)
    assert fit(other, ic.Probes(4), epochs=4, resume=True) == expected
    # one without probes goes on without, and keeps what there is
    assert len(fit(start, None, epochs=4, resume=True).probes.steps) == 4


def test_a_record_goes_through_pickle_and_json():
    history = fit(make(), ic.Probes(5))
    assert pickle.loads(pickle.dumps(history)) == history
    again = History.from_dict(json.loads(json.dumps(history.to_dict())))
    assert again == history
    assert np.array_equal(again.probes.values, history.probes.values, equal_nan=True)
    assert repr(history.probes) == "<ProbeRecord of 5 steps, 3 layers, 6 parameters>"


def test_probes_are_frozen_settings():
    probes = ic.Probes(every=7)
    assert pickle.loads(pickle.dumps(probes)) == probes == ic.Probes(7)
    assert hash(probes) == hash(ic.Probes(np.int64(7)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        probes.every = 3


@pytest.mark.parametrize(
    ("every", "error", "says"),
    [(0, ValueError, "every=0 must be at least 1"), (1.5, TypeError, "every=1.5 must be an int"),
     (True, TypeError, "every=True")],
)  # fmt: skip
def test_a_wrong_distance_is_refused(every, error, says):
    with pytest.raises(error, match=says):
        ic.Probes(every)


def test_probes_that_cannot_be_are_refused_before_anything_is_touched():
    net = make()
    before = [p.copy() for p in net.parameters().values()]

    class Mine(losses.CrossEntropy):
        pass

    with pytest.raises(TypeError, match=r"probes=10 must be Probes\(every=10\)"):
        fit(net, 10)
    with pytest.raises(ValueError, match="probes: steps are recorded where they are taken in C"):
        fit(net, ic.Probes(), loss=Mine())
    assert all(np.array_equal(p, b) for p, b in zip(net.parameters().values(), before, strict=True))
    assert net.history is None
