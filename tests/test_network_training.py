"""Training: the right steps, the same bytes every time, an honest record."""

import hashlib
import json
import math
import pickle
import threading
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

import initcore as ic
from initcore import kernels
from initcore.training import loop, schedules
from initcore.training.history import History
from initcore.training.spec import RunSpec

N, WIDTHS, CLASSES = 50, (6, 12, 9, 4), 4


def make(activation="tanh", dtype=np.float64, widths=WIDTHS, seed=0):
    net = ic.Sequential(
        *(ic.Dense(n_in, n_out, activation) for n_in, n_out in pairwise(widths[:-1])),
        ic.Dense(*widths[-2:]),
    )
    net.initialize(ic.XavierNormal(), key=ic.Key(seed), dtype=dtype)
    return net


def data(n=N, n_in=WIDTHS[0], classes=CLASSES, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, n_in)).astype(dtype), rng.integers(0, classes, n)


def fit(net, x, labels, **options):
    settings = {
        "optimizer": ic.SGD(lr=0.1, momentum=0.9),
        "epochs": 3,
        "batch_size": 8,
        "key": ic.Key(1),
    }
    return net.fit(x, labels, **(settings | options))


def weights(net):
    return b"".join(array.tobytes() for array in net.parameters().values())


def plain_loop(net, x, labels, loss, lr, momentum, epochs, batch_size, key):
    """The textbook training loop of a tanh network, written out in NumPy."""
    p = [(layer.w.copy(), layer.b.copy()) for layer in net.layers]
    v = [(np.zeros_like(w), np.zeros_like(b)) for w, b in p]
    epoch_losses = []
    for epoch in range(epochs):
        words = np.empty(len(x), np.uint64)
        kernels.random_bits(words, key=key / "epoch" / epoch, kind="shuffle")
        order = np.argsort(words, kind="stable")
        losses = []
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            a = [x[batch]]
            for at, (w, b) in enumerate(p):
                z = a[-1] @ w.T + b
                a.append(z if at == len(p) - 1 else np.tanh(z))
            target = labels[batch]
            if loss == "cross_entropy":
                e = np.exp(a[-1] - a[-1].max(axis=1, keepdims=True))
                probability = e / e.sum(axis=1, keepdims=True)
                one_hot = np.eye(a[-1].shape[1], dtype=x.dtype)[target]
                losses += list(-np.log(probability[one_hot == 1]))
                dz = (probability - one_hot) / len(batch)
            else:
                losses += list(((a[-1] - target) ** 2).mean(axis=1))
                dz = 2 * (a[-1] - target) / target.size
            steps = []
            for at in reversed(range(len(p))):
                steps.append((at, dz.T @ a[at], dz.sum(axis=0)))
                dz = (dz @ p[at][0]) * (1 - a[at] ** 2)
            for at, *gradient in steps:
                for parameter, velocity, g in zip(p[at], v[at], gradient, strict=True):
                    velocity[...] = momentum * velocity + g
                    parameter -= lr * velocity
        epoch_losses.append(np.mean(losses))
    return p, epoch_losses


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("loss", ["cross_entropy", "mean_squared_error"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fit_takes_the_steps_of_the_plain_loop(dtype, loss, momentum):
    net = make(dtype=dtype)
    x, labels = data(dtype=dtype)
    if loss == "mean_squared_error":
        labels = np.random.default_rng(5).standard_normal((N, CLASSES)).astype(dtype)
    settings = {"epochs": 2, "batch_size": 8, "key": ic.Key(1)}
    p, losses = plain_loop(net, x, labels, loss, 0.1, momentum, **settings)
    history = fit(net, x, labels, loss=loss, optimizer=ic.SGD(0.1, momentum), **settings)
    # 14 steps; a step sums at most 12 + 9 + 8 + 12 + 9 + 8 + 4 products of order 1, each rounded
    tolerance = 14 * 62 * np.finfo(dtype).eps
    for layer, (w, b) in zip(net.layers, p, strict=True):
        np.testing.assert_allclose(layer.w, w, rtol=0, atol=tolerance)
        np.testing.assert_allclose(layer.b, b, rtol=0, atol=tolerance)
    np.testing.assert_allclose(history.loss, losses, rtol=tolerance)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "sigmoid"])
def test_fit_agrees_with_torch(activation):
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    net = make(activation)
    x, labels = data()
    model = torch.nn.Sequential()
    for layer in net.layers:
        linear = torch.nn.Linear(layer.n_in, layer.n_out, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer.w))
            linear.bias.copy_(torch.from_numpy(layer.b))
        model.append(linear)
        if layer is not net.layers[-1]:
            phi = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "tanh": "Tanh", "sigmoid": "Sigmoid"}
            model.append(getattr(torch.nn, phi[activation])())
    descent = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    key, losses = ic.Key(1), []
    for epoch in range(2):
        order = loop.shuffled_order(key, epoch, N)
        for start in range(0, N, 8):
            batch = order[start : start + 8]
            descent.zero_grad()
            outputs = model(torch.from_numpy(x[batch]))
            loss = torch.nn.functional.cross_entropy(outputs, torch.from_numpy(labels[batch]))
            loss.backward()
            descent.step()
            losses.append(loss.item() * len(batch))
    history = fit(net, x, labels, epochs=2)
    # as in the comparison with the plain loop, with a factor of ten for torch's own roundings
    tolerance = 10 * 14 * 62 * np.finfo(np.float64).eps
    for array, expected in zip(net.parameters().values(), model.parameters(), strict=True):
        np.testing.assert_allclose(array, expected.detach().numpy(), rtol=0, atol=tolerance)
    assert sum(history.loss) == pytest.approx(sum(losses) / N, rel=tolerance)


@pytest.mark.parametrize(("activation", "init"), [("relu", ic.HeNormal()), ("tanh", None)])
def test_a_network_learns_to_read_digits(activation, init):
    datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn's digits")
    x, labels = datasets.load_digits(return_X_y=True)
    x = (x - x[:1200].mean(axis=0)) / (x[:1200].std(axis=0) + 1e-8)
    net = ic.Sequential(
        ic.Dense(64, 48, activation), ic.Dense(48, 32, activation), ic.Dense(32, 10)
    )
    net.initialize(init, key=0)
    test = (x[1200:], labels[1200:])
    history = net.fit(
        x[:1200],
        labels[:1200],
        optimizer=ic.SGD(lr=0.05, momentum=0.9),
        epochs=10,
        batch_size=32,
        key=1,
        validation=test,
    )
    assert history.validation_accuracy[-1] >= 0.9
    assert history.accuracy[-1] >= 0.99
    assert history.loss[-1] < 0.05 < 2 < history.initial_loss
    assert net.evaluate(*test).accuracy == history.validation_accuracy[-1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_gives_the_same_bytes_for_every_thread_count(isa, dtype):
    # large enough for the products to be shared between threads
    x, labels = data(n=200, n_in=150, dtype=dtype)
    results = set()
    for threads in (1, 2, 5):
        with ic.num_threads(threads):
            net = make("tanh", dtype, widths=(150, 120, 100, 4))
            history = fit(net, x, labels, epochs=1, batch_size=150)
            results.add((weights(net), json.dumps(history.to_dict())))
    assert len(results) == 1


def test_training_gives_the_same_bytes_under_every_instruction_set():
    before, results = kernels.isa(), set()
    try:
        for isa in kernels.isas_available():
            kernels._select_isa(isa)
            for activation in ("relu", "leaky_relu", "tanh", "sigmoid"):
                net = make(activation, np.float32)
                x, labels = data(dtype=np.float32)
                history = fit(net, x, labels)
                results.add((activation, weights(net), json.dumps(history.to_dict())))
    finally:
        kernels._select_isa(before)
    assert len(results) == 4


ADAMW = ic.AdamW(schedules.WarmUp(schedules.Cosine(0.01, steps=12), steps=3), clip_norm=0.5)
RUNS = {
    "sgd": ((20, 33, 17, 5), "tanh", "cross_entropy", ic.SGD(lr=0.1, momentum=0.9)),
    "adamw": ((20, 33, 17, 5), "sigmoid", ic.losses.CrossEntropy(smoothing=0.1), ADAMW),
    "rmsprop": ((20, 33, 17, 5), "tanh", "huber", ic.RMSProp(0.01, momentum=0.5, rates={"1": 2})),
    # products large enough for three threads
    "wide": ((200, 300, 250, 5), "tanh", "cross_entropy", ic.SGD(lr=0.1, momentum=0.9)),
}


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    ("run", "dtype", "digest"),
    [
        ("sgd", "float32", "d8375144fe27062fa80e8a068496f843"),
        ("sgd", "float64", "25cb9df6e094a640630f6da6953c3cc2"),
        ("adamw", "float32", "17326792b534b96231da7978075824e4"),
        ("adamw", "float64", "ee4f186cc286fd7180b9a4356ffd830e"),
        ("rmsprop", "float32", "e25f3d8af543c7a8db8459b7e5ef3887"),
        ("rmsprop", "float64", "964332dcdb74d6013a422e072417dae2"),
        ("wide", "float32", "21553d8b40966fc8d084822cff0c1f89"),
    ],
)
def test_a_run_has_the_bytes_it_had_on_other_machines(isa, run, dtype, digest, threads):
    (n_in, *widths, n_out), activation, loss, optimizer = RUNS[run]
    n, epochs, batch = (256, 2, 128) if run == "wide" else (64, 5, 24)
    key = ic.Key(11)
    x = kernels.fill_normal(np.empty((n, n_in), dtype), key=key / "x")
    labels = x[:, :n_out] if loss == "huber" else x[:, :n_out].argmax(axis=1)
    net = ic.Sequential(
        ic.Dense(n_in, widths[0], activation),
        ic.Dense(widths[0], widths[1], "relu"),
        ic.Dense(widths[1], n_out),
    )
    net.initialize(ic.HeNormal(), key=key, dtype=dtype)
    with ic.num_threads(threads):
        fit(
            net, x, labels, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=batch, key=key
        )
    assert hashlib.sha256(weights(net)).hexdigest()[:32] == digest


def test_the_key_decides_the_order_and_nothing_else_does():
    x, labels = data()
    results = []
    for key in (ic.Key(1), 1, ic.Key(2), ic.Key(1) / "other"):
        net = make()
        np.random.default_rng().random()
        fit(net, x, labels, key=key)
        results.append(weights(net))
    assert results[0] == results[1]
    assert len(set(results)) == 3


def test_the_order_of_an_epoch_is_a_permutation_of_its_own():
    key = ic.Key(4)
    orders = [loop.shuffled_order(key, epoch, 1000) for epoch in range(3)]
    for order in orders:
        assert np.array_equal(np.sort(order), np.arange(1000))
    assert len({order.tobytes() for order in orders}) == 3
    words = np.empty(1000, np.uint64)
    kernels.random_bits(words, key=key / "epoch" / 2, kind="shuffle")
    assert np.array_equal(orders[2], sorted(range(1000), key=lambda i: (words[i], i)))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 100, 4097])
def test_the_order_is_that_of_a_stable_sort(n):
    words = kernels.random_bits(np.empty(n, np.uint64), key=ic.Key(n))
    for given in (words, words >> np.uint64(60), words | np.uint64(2**60 - 1), words[::-1].copy()):
        assert np.array_equal(kernels._order(given), np.argsort(given, kind="stable"))


def test_samples_with_equal_words_keep_their_order(monkeypatch):
    monkeypatch.setattr(kernels, "random_bits", lambda out, **_: out.fill(7))
    assert np.array_equal(loop.shuffled_order(ic.Key(0), 0, 100), np.arange(100))


def test_without_shuffle_the_samples_go_in_their_order():
    x, labels = data()
    net, by_hand = make(), make()
    fit(net, x, labels, shuffle=False, epochs=1)
    for start in range(0, N, 8):
        fit(
            by_hand,
            x[start : start + 8],
            labels[start : start + 8],
            optimizer=ic.SGD(0.0),
            epochs=0,
        )
    assert weights(by_hand) == weights(make())
    sgd = ic.SGD(0.1, 0.9)
    state = sgd.new_state(list(by_hand.parameters().values()))
    for start in range(0, N, 8):
        y = by_hand.forward(x[start : start + 8])
        by_hand.backward(ic.losses.get("cross_entropy")(y, labels[start : start + 8])[1])
        sgd.step(list(by_hand.parameters().values()), list(by_hand.gradients().values()), state)
    assert weights(by_hand) == weights(net)


def test_networks_train_side_by_side_in_threads_as_they_do_alone():
    x, labels = data(n=120, n_in=40)
    settings = [("relu", 1), ("tanh", 2), ("sigmoid", 3), ("tanh", 4)]

    def train(activation, seed, results):
        net = make(activation, widths=(40, 64, 32, 4), seed=seed)
        fit(net, x, labels, epochs=4)
        results[activation, seed] = weights(net)

    alone, together = {}, {}
    for setting in settings:
        train(*setting, alone)
    threads = [threading.Thread(target=train, args=(*s, together)) for s in settings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_backward_after_training_needs_a_new_forward():
    x, labels = data()
    net = make()
    net.forward(x)
    fit(net, x, labels)
    with pytest.raises(RuntimeError, match="backward before forward"):
        net.backward(np.ones((N, CLASSES)))


def test_a_second_fit_goes_on_from_the_weights_with_a_new_velocity():
    x, labels = data()
    net = make()
    fit(net, x, labels, epochs=1)
    middle = pickle.loads(pickle.dumps(net))
    first = fit(net, x, labels, epochs=1)
    second = fit(middle, x, labels, epochs=1)
    assert weights(net) == weights(middle)
    assert first == second


def test_steps_allocate_no_arrays():
    net = make("relu", np.float32, widths=(64, 512, 512, 4))
    x, labels = data(n=1024, n_in=64, dtype=np.float32)
    loss = ic.losses.get("cross_entropy")
    spec = RunSpec(
        layers=net.layers, layer_names=net.names, parameter_names=list(net.parameters()),
        loss=loss, optimizer=ic.SGD(0.01, 0.9), x=x, target=labels, batch_size=256, epochs=2,
        key=ic.Key(0),
    )  # fmt: skip
    run = loop.Run(spec)
    order = loop.shuffled_order(ic.Key(0), 0, 1024)
    history = History(accuracy=[])
    run.epoch(order, history)
    tracemalloc.start()
    try:
        run.epoch(order, history)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # the smallest array of a step that depends on the batch's width is 256 x 64 float32
    assert peak < 256 * 64 * 4


def test_history_records_every_epoch():
    x, labels = data()
    held_out = data(n=20, seed=9)
    net = make()
    initial = net.evaluate(x, labels)
    history = fit(net, x, labels, validation=held_out, epochs=4)
    assert history is net.history
    assert history.epochs == 4
    for record in (
        history.loss,
        history.accuracy,
        history.validation_loss,
        history.validation_accuracy,
        history.gradient_norm,
    ):
        assert len(record) == 4
    assert (history.initial_loss, history.initial_accuracy) == initial
    final = net.evaluate(*held_out)
    assert (history.validation_loss[-1], history.validation_accuracy[-1]) == final
    assert history.diverged_epoch is None
    assert ic.optimizers.from_dict(history.run["optimizer"]) == ic.SGD(lr=0.1, momentum=0.9)
    assert ic.losses.get(history.run["loss"]) == ic.losses.CrossEntropy()
    assert ic.Key.from_dict(history.run["key"]) == ic.Key(1)


def test_the_gradient_norm_of_the_first_epoch_belongs_to_the_initial_weights():
    x, labels = data()
    net, twin = make(), make()
    history = fit(net, x, labels, epochs=1)
    first = loop.shuffled_order(ic.Key(1), 0, N)[:8]
    y = twin.forward(x[first])
    twin.backward(ic.losses.get("cross_entropy")(y, labels[first])[1])
    norm = math.sqrt(sum(np.sum(g**2) for g in twin.gradients().values()))
    assert history.gradient_norm[0] == pytest.approx(norm, rel=1e-14)


def test_history_survives_a_dict_and_json_also_with_nan():
    history = History(
        run={"epochs": 2},
        initial_loss=0.1 + 0.2,
        loss=[1.0, math.nan],
        gradient_norm=[math.inf, 5e-324],
        diverged_epoch=1,
    )
    assert History.from_dict(history.to_dict()) == history
    again = History.from_dict(json.loads(json.dumps(history.to_dict())))
    assert again == history
    again.loss[0] = math.nextafter(1.0, 2.0)
    assert again != history
    with pytest.raises(ValueError, match="'epochs'"):
        History.from_dict({"epochs": 3})


@pytest.mark.parametrize("stop", [True, False])
def test_a_run_that_diverges_says_in_which_epoch(stop):
    x, labels = data(dtype=np.float32)
    net = make("relu", np.float32)
    options = {"optimizer": ic.SGD(lr=1e6), "epochs": 5, "stop_on_nonfinite": stop}
    with np.errstate(all="ignore"):
        history = fit(net, x, labels, **options)
    assert history.diverged_epoch is not None
    assert not math.isfinite(history.loss[history.diverged_epoch])
    assert all(map(math.isfinite, history.loss[: history.diverged_epoch]))
    assert history.epochs == (history.diverged_epoch + 1 if stop else 5)
    assert len(history.gradient_norm) == len(history.accuracy) == history.epochs


def test_a_stopped_run_leaves_the_weights_of_the_step_before():
    x, labels = data()
    net = make("relu")
    limit = {"step": 0}

    class Breaks(ic.losses.CrossEntropy):
        def __call__(self, y, target, *, out=None):
            loss, dy = super().__call__(y, target, out=out)
            limit["step"] += 1
            return (math.inf if limit["step"] == 4 else loss), dy

    # one call measures the initial loss, two train, the fourth breaks
    history = fit(net, x, labels, loss=Breaks(), shuffle=False)
    twin = make("relu")
    fit(twin, x[:16], labels[:16], shuffle=False, epochs=1)
    assert history.diverged_epoch == 0
    assert weights(net) == weights(twin)


def test_the_callback_sees_each_epoch_and_may_stop():
    x, labels = data()
    net, seen = make(), []

    def callback(epoch, history):
        seen.append((epoch, history.epochs, history.loss[-1]))
        return epoch == 1

    history = fit(net, x, labels, epochs=5, callback=callback)
    assert [(epoch, epochs) for epoch, epochs, _ in seen] == [(0, 1), (1, 2)]
    assert [loss for *_, loss in seen] == history.loss


def test_no_epochs_measure_and_change_nothing():
    x, labels = data()
    net = make()
    before = weights(net)
    history = fit(net, x, labels, epochs=0)
    assert history.loss == []
    assert math.isfinite(history.initial_loss)
    assert weights(net) == before


def test_a_batch_larger_than_the_data_is_all_of_it():
    x, labels = data()
    net, twin = make(), make()
    assert fit(net, x, labels, batch_size=1000) == fit(twin, x, labels, batch_size=N)
    assert weights(net) == weights(twin)


def test_data_of_other_types_and_layouts_are_converted_once():
    x, labels = data()
    x = np.round(10 * x)
    expected = None
    for same in (x, x.astype(np.int16), np.asfortranarray(x), np.repeat(x, 2, 0)[::2], x.tolist()):
        net = make(dtype=np.float32)
        fit(net, same, labels.astype(np.uint8))
        expected = expected or weights(net)
        assert weights(net) == expected


def test_sgd_is_a_value():
    sgd = ic.SGD(lr=0.1, momentum=0.9)
    assert sgd == ic.SGD(0.1, 0.9)
    assert hash(sgd) == hash(ic.SGD(0.1, 0.9))
    assert sgd != ic.SGD(0.1)
    assert pickle.loads(pickle.dumps(sgd)) == sgd
    assert ic.SGD.from_dict(json.loads(json.dumps(sgd.to_dict()))) == sgd
    with pytest.raises(AttributeError):
        sgd.lr = 1.0


@pytest.mark.parametrize("name", ["cross_entropy", "mean_squared_error"])
def test_losses_are_values_with_names(name):
    loss = ic.losses.get(name)
    assert loss.name == name
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert hash(type(loss)()) == hash(loss)
    assert ic.losses.get(loss) is loss
    assert ic.losses.get(loss.to_dict()["name"]) == loss


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": -0.1}, r"lr=-0\.1 must be at least 0"),
        ({"lr": math.nan}, "lr=nan must be finite"),
        ({"lr": "fast"}, "lr='fast' must be a number"),
        ({"lr": 0.1, "momentum": 1.0}, r"momentum=1\.0 must be in \[0, 1\)"),
    ],
)
def test_sgd_refuses_settings_that_cannot_work(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ic.SGD(**arguments)


def _with(array, at, value):
    array = array.copy()
    array[at] = value
    return array


X, LABELS = data()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": X[:, :5]}, ValueError, r"x has shape \(50, 5\): it must be \(n, 6\)"),
        ({"x": X[0]}, ValueError, r"pass x\[None, :\]"),
        ({"x": X.reshape(25, 2, 6)}, ValueError, "flatten each sample"),
        ({"x": _with(X, (3, 2), np.nan)}, ValueError, r"x\[3, 2\] = nan"),
        ({"x": _with(X, (3, 2), -np.inf)}, ValueError, r"x\[3, 2\] = -inf"),
        ({"x": X.astype(str)}, TypeError, "x has dtype <U"),
        ({"x": X.astype(complex)}, TypeError, "x has dtype complex128"),
        ({"x": X[:0], "labels": LABELS[:0]}, ValueError, "x has no samples"),
        ({"labels": LABELS[:-1]}, ValueError, r"labels has shape \(49,\): it must be \(50,\)"),
        ({"labels": np.eye(4, dtype=int)[LABELS]}, ValueError, "one-hot"),
        ({"labels": _with(LABELS, 7, 4)}, ValueError, r"labels\[7\] = 4 must be in 0\.\.3"),
        ({"labels": _with(LABELS, 7, -1)}, ValueError, r"labels\[7\] = -1 must be in 0\.\.3"),
        ({"labels": LABELS.astype(float)}, TypeError, "labels has dtype float64"),
        ({"labels": LABELS.astype(str)}, TypeError, "labels has dtype <U"),
        ({"loss": "mean_squared_error"}, ValueError, r"labels has shape \(50,\).*\(n, 4\)"),
        (
            {"loss": "mean_squared_error", "labels": np.ones((49, 4))},
            ValueError,
            "labels has 49 rows and x has 50",
        ),
        (
            {"loss": "mean_squared_error", "labels": np.full((50, 4), np.nan)},
            ValueError,
            r"labels\[0, 0\] = nan",
        ),
        ({"loss": "hinge"}, ValueError, "loss='hinge' is not known; choose one of"),
        ({"loss": ic.losses.CrossEntropy}, TypeError, "must be one of"),
        ({"optimizer": "sgd"}, TypeError, "optimizer='sgd' must be an object such as SGD"),
        ({"optimizer": ic.SGD}, TypeError, "must be an object such as SGD"),
        ({"epochs": -1}, ValueError, "epochs=-1 must be at least 0"),
        ({"epochs": 1.5}, TypeError, r"epochs=1\.5 must be an int"),
        ({"batch_size": 0}, ValueError, "batch_size=0 must be at least 1"),
        ({"key": None}, TypeError, "key=None must be"),
        ({"validation": X}, TypeError, r"validation must be a pair \(x, labels\)"),
        ({"validation": (X, LABELS[:-1])}, ValueError, r"validation\[1\] has shape"),
        ({"validation": (X[:0], LABELS[:0])}, ValueError, r"validation\[0\] has no samples"),
        ({"callback": 3}, TypeError, "callback=3 must be a function"),
    ],
)
def test_fit_refuses_bad_input_before_anything_is_touched(change, error, message):
    net = make()
    before = weights(net)
    arguments = {"x": X, "labels": LABELS} | change
    with pytest.raises(error, match=message):
        fit(net, arguments.pop("x"), arguments.pop("labels"), **arguments)
    assert weights(net) == before
    assert net.history is None
    assert net.layers[0].dw is None


def test_a_float64_value_that_float32_cannot_hold_is_refused():
    with pytest.raises(ValueError, match=r"x\[0, 0\] = 1e\+300 is not a finite float32"):
        fit(make(dtype=np.float32), _with(X, (0, 0), 1e300), LABELS)


def test_read_only_weights_are_refused():
    net = make()
    net.layers[1].w.flags.writeable = False
    with pytest.raises(ValueError, match=r"1\.weight is read-only"):
        fit(net, X, LABELS)


def test_fit_without_weights_says_what_to_call():
    with pytest.raises(RuntimeError, match=r"call initialize\(key=\.\.\.\)"):
        fit(ic.Sequential(ic.Dense(6, 4)), X, LABELS)
