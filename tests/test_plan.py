"""Plans: training in C takes the steps of the interpreted loop, byte for byte."""

import json
import os
import signal
import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import initcore as ic
from initcore.training import compiled, losses, schedules

N, N_IN, CLASSES = 53, 6, 4


def make(widths=(N_IN, 12, 9, CLASSES), activation="tanh", dtype=np.float32, bias=True):
    net = ic.Sequential(
        *(ic.Dense(n_in, n_out, activation, bias=bias) for n_in, n_out in pairwise(widths[:-1])),
        ic.Dense(*widths[-2:], name="out"),
    )
    net.initialize(ic.XavierNormal(), key=ic.Key(0), dtype=dtype)
    return net


def data(dtype=np.float32, n=N, n_in=N_IN):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, n_in)).astype(dtype), rng.integers(0, CLASSES, n)


def soft(labels, dtype=np.float32):
    return (0.7 * np.eye(CLASSES) + 0.3 / CLASSES).astype(dtype)[labels]


def trained(net, x, labels, **options):
    """All that a run leaves: parameters, gradients, history."""
    defaults = {"optimizer": ic.SGD(0.1), "epochs": 3, "batch_size": 8, "key": ic.Key(1)}
    with np.errstate(all="ignore"):
        history = net.fit(x, labels, **(defaults | options))
    arrays = (*net.parameters().values(), *net.gradients().values())
    return b"".join(a.tobytes() for a in arrays), json.dumps(history.to_dict())


@pytest.fixture
def both(monkeypatch):
    """A function that trains two networks of one maker, in C and interpreted."""

    def run(maker, x, labels, **options):
        assert compiled.can_compile(
            maker().layers,
            losses.get(options.get("loss", "cross_entropy")),
            options.get("optimizer", ic.SGD(0.1)),
            list(maker().parameters().values()),
        )
        planned = trained(maker(), x, labels, **options)
        with monkeypatch.context() as patch:
            patch.setattr(compiled, "can_compile", lambda *_: False)
            interpreted = trained(maker(), x, labels, **options)
        return planned, interpreted

    return run


OPTIMIZERS = [
    ic.SGD(0.1),
    ic.SGD(0.1, 0.9, weight_decay=0.01),
    ic.SGD(0.1, 0.9, nesterov=True, clip_norm=0.5),
    ic.SGD(schedules.Cosine(0.1, steps=15), 0.9, rates={"0": 0.5, "out.bias": 2.0}),
    ic.RMSProp(0.01),
    ic.RMSProp(0.01, momentum=0.5),
    ic.Adam(0.01, rates={"out": 0.25}),
    ic.AdamW(schedules.WarmUp(schedules.Constant(0.01), steps=5), clip_norm=0.1),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer_steps_in_c_as_it_does_in_python(both, isa, optimizer, dtype):
    planned, interpreted = both(
        lambda: make(dtype=dtype), *data(dtype), optimizer=optimizer, batch_size=10
    )
    assert planned == interpreted


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "loss",
    [
        "cross_entropy",
        losses.CrossEntropy(smoothing=0.1, class_weights=(1, 2, 0.5, 1)),
        "mean_squared_error",
        "mean_absolute_error",
        losses.Huber(0.3),
        losses.BinaryCrossEntropy((1, 2)),
    ],
    ids=repr,
)
def test_every_loss_is_taken_in_c_as_it_is_in_python(both, loss, weighted):
    x, labels = data()
    weights = np.linspace(0, 2, N) if weighted else None
    targets = [soft(labels)]
    if isinstance(losses.get(loss), losses.CrossEntropy):
        targets.append(labels)
    for target in targets:
        planned, interpreted = both(make, x, target, loss=loss, sample_weights=weights)
        assert planned == interpreted


@settings(max_examples=30, deadline=None)
@given(
    widths=st.lists(st.integers(1, 20), min_size=0, max_size=4),
    batch=st.integers(1, 70),
    phi=st.sampled_from(["identity", "relu", "leaky_relu", "tanh", "sigmoid"]),
    bias=st.booleans(),
    shuffle=st.booleans(),
)
def test_any_small_network_trains_in_c_as_in_python(widths, batch, phi, bias, shuffle):
    def run():
        net = make((N_IN, *widths, CLASSES), phi, bias=bias)
        return trained(net, *data(), batch_size=batch, shuffle=shuffle, epochs=2)

    planned = run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "can_compile", lambda *_: False)
        assert run() == planned


def tied(dtype=np.float32):
    """Two layers with one array of weights between them."""
    net = make((N_IN, 12, 12, 12, CLASSES), dtype=dtype)
    net.layers[2].set_parameters(net.layers[1].w, net.layers[2].b)
    return net


@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_weights_that_two_layers_share_train_in_c_as_in_python(both, clip_norm):
    optimizer = ic.SGD(0.1, 0.9, clip_norm=clip_norm)
    planned, interpreted = both(tied, *data(), optimizer=optimizer)
    assert planned == interpreted


def test_more_steps_than_are_prepared_at_once_make_one_run(both, monkeypatch):
    monkeypatch.setattr(compiled, "_AHEAD", 3)
    planned, interpreted = both(make, *data(), optimizer=ic.Adam(0.01))
    assert planned == interpreted


@pytest.mark.parametrize("stop", [True, False])
def test_a_run_that_diverges_does_so_alike_and_names_the_layer(both, stop):
    planned, interpreted = both(
        lambda: make(activation="relu"), *data(), optimizer=ic.SGD(1e12), stop_on_nonfinite=stop
    )
    assert planned == interpreted
    record = json.loads(planned[1])
    assert record["diverged_epoch"] is not None
    assert record["diverged_layer"] in ("0", "1", "out")


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_first_layer_that_is_not_finite_is_named(monkeypatch, at, planned):
    if not planned:
        monkeypatch.setattr(compiled, "can_compile", lambda *_: False)
    net = make()
    before = [layer.w.copy() for layer in net.layers]
    net.layers[at].b[0] = np.nan
    with np.errstate(all="ignore"):
        history = net.fit(*data(), optimizer=ic.SGD(0.1), epochs=3, batch_size=8, key=0)
    assert history.diverged_layer == net.names[at]
    assert (history.diverged_epoch, history.epochs) == (0, 1)
    for layer, w in zip(net.layers, before, strict=True):
        assert np.array_equal(layer.w, w)


def test_a_loss_of_finite_outputs_that_is_not_finite_is_named_itself():
    net = make()
    net.layers[-1].b[:] = np.finfo(np.float32).max / 2 * np.array([1, -1, 0, 0])
    x, labels = data()
    history = net.fit(
        x, soft(labels), loss="mse", optimizer=ic.SGD(0.1), epochs=1, batch_size=8, key=0
    )
    assert history.diverged_layer == "loss"


def test_what_a_user_wrote_is_left_to_the_interpreter():
    class Mine(losses.CrossEntropy):
        pass

    class Rule(ic.SGD):
        pass

    net = make()
    arrays = list(net.parameters().values())
    assert compiled.can_compile(net.layers, losses.CrossEntropy(), ic.SGD(0.1), arrays)
    assert not compiled.can_compile(net.layers, Mine(), ic.SGD(0.1), arrays)
    assert not compiled.can_compile(net.layers, losses.CrossEntropy(), Rule(0.1), arrays)
    transposed = [np.zeros((3, 4)).T]
    assert not compiled.can_compile(net.layers, losses.CrossEntropy(), ic.SGD(0.1), transposed)


@pytest.fixture
def _interrupts():
    """Ctrl-C raises KeyboardInterrupt, also where the tests were started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts")
def test_ctrl_c_ends_a_long_epoch_soon_and_leaves_a_network_that_works():
    net = make((N_IN, 64, 64, CLASSES))
    x, labels = data(n=400_000)
    sent = []

    def press():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    def on_first_epoch(epoch, history):
        threading.Timer(0.2, press).start()

    net.fit(x[:64], labels[:64], optimizer=ic.SGD(0.1), epochs=1, batch_size=8, key=0,
            callback=on_first_epoch)  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        net.fit(x, labels, optimizer=ic.SGD(0.1, 0.9), epochs=100, batch_size=8, key=0)
    assert time.monotonic() - sent[0] < 1.0
    assert np.isfinite(net.predict(x[:10])).all()
    assert net.history.epochs == len(net.history.gradient_norm) < 100
    net.fit(x[:64], labels[:64], optimizer=ic.SGD(0.1), epochs=1, batch_size=8, key=0)


def test_other_python_threads_run_while_an_epoch_is_trained():
    net = make((N_IN, 256, 256, CLASSES))
    x, labels = data(n=20_000)
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.002)

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.monotonic()
    with ic.num_threads(1):
        net.fit(x, labels, optimizer=ic.SGD(0.01), epochs=1, batch_size=64, key=0)
    took = time.monotonic() - start
    done.set()
    thread.join()
    during = [t for t in ticks if start < t < start + took]
    # at 2 ms a tick, and half of the time for a busy machine; with the lock held there are two
    assert len(during) > took / 0.002 / 20
