"""Optimizers and schedules: the steps of torch, the twin's bytes, values that travel."""

import json
import math
import pickle

import numpy as np
import pytest
import training_twin as twin

import initcore as ic
from initcore import kernels
from initcore.training import optimizers, schedules

KINDS = (np.float32, np.float64)
NUMBERS = {
    "clip": 0.7,
    "decay": 0.01,
    "shrink": 0.99,
    "momentum": 0.9,
    "memory": 0.95,
    "root": 0.4,
    "epsilon": 1e-6,
    "nesterov": True,
    "lr": 0.1,
}
PLAIN = {"clip": 1.0, "decay": 0.0, "shrink": 1.0, "nesterov": False}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 7, 16, 33])
@pytest.mark.parametrize(
    ("rule", "has_first"),
    [("sgd", False), ("sgd", True), ("rmsprop", False), ("rmsprop", True), ("adam", True)],
)
def test_a_step_agrees_with_the_twin_on_every_byte(rule, has_first, n, kind, isa):
    rng = np.random.default_rng(n)
    p, g, first, second = (rng.random(n).astype(kind) for _ in range(4))
    g -= kind(0.5)
    for numbers in (NUMBERS, NUMBERS | PLAIN):
        numbers = numbers | {"nesterov": numbers["nesterov"] and rule == "sgd" and has_first}
        new = [p.copy(), first.copy() if has_first else None, second.copy()]
        if rule == "sgd":
            new[2] = None
        kernels.optimizer_step(rule, new[0], g, new[1], new[2], **numbers)
        for i in range(n):
            elements = [None if a is None else a[i] for a in (first, second)]
            expected = twin.step(
                rule, p[i], g[i], elements[0] if has_first else None, elements[1], numbers
            )
            for array, value in zip(new, expected, strict=True):
                assert array is None or array[i] == value


@pytest.mark.parametrize("n", [0, 1, 15, 16, 4097, 9000])
@pytest.mark.parametrize("kind", KINDS)
def test_sum_of_squares_agrees_with_the_twin(n, kind, isa):
    x = np.random.default_rng(n).normal(size=n).astype(kind)
    assert kernels.sum_of_squares(x) == twin.sum_of_squares(x)


def test_a_step_does_not_depend_on_threads_or_layout():
    rng = np.random.default_rng(1)
    p, g = (rng.normal(size=(500, 800)).astype(np.float32) for _ in range(2))
    results, sums = set(), set()
    for threads in (1, 2, 3):
        for view in (np.array, np.asfortranarray, lambda a: np.repeat(a, 2, 0)[::2]):
            with ic.num_threads(threads):
                new, first, second = view(p), np.zeros_like(p), np.zeros_like(p)
                for _ in range(2):
                    kernels.optimizer_step(
                        "adam", new, view(g), first, second, lr=0.1, momentum=0.9, memory=0.9
                    )
                results.add((new.tobytes(), first.tobytes(), second.tobytes()))
                sums.add(kernels.sum_of_squares(view(g)))
    assert len(results) == len(sums) == 1


def problem():
    """Parameters of two shapes and a gradient that depends on them."""
    rng = np.random.default_rng(6)
    parameters = [rng.normal(size=(3, 4)), rng.normal(size=5)]
    targets = [rng.normal(size=p.shape) for p in parameters]
    return parameters, lambda p: [
        np.sin(3 * (a - t)) + (a - t) for a, t in zip(p, targets, strict=True)
    ]


def steps(optimizer, n, names=("a.weight", "b.weight")):
    parameters, gradient = problem()
    state = optimizer.new_state(parameters, names)
    for _ in range(n):
        optimizer.step(parameters, gradient(parameters), state)
    return parameters


OPTIMIZERS = {
    "sgd": (ic.SGD(0.05), "SGD", {}),
    "momentum": (ic.SGD(0.05, 0.9), "SGD", {"momentum": 0.9}),
    "nesterov": (
        ic.SGD(0.05, 0.9, nesterov=True, weight_decay=0.1),
        "SGD",
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    "rmsprop": (ic.RMSProp(0.05), "RMSprop", {}),
    "rmsprop momentum": (
        ic.RMSProp(0.05, alpha=0.9, momentum=0.5, weight_decay=0.1),
        "RMSprop",
        {"alpha": 0.9, "momentum": 0.5, "weight_decay": 0.1},
    ),
    "adam": (ic.Adam(0.05), "Adam", {}),
    "adam decay": (
        ic.Adam(0.05, beta1=0.8, beta2=0.9, weight_decay=0.1, epsilon=1e-3),
        "Adam",
        {"betas": (0.8, 0.9), "weight_decay": 0.1, "eps": 1e-3},
    ),
    "adamw": (ic.AdamW(0.05, weight_decay=0.2), "AdamW", {"weight_decay": 0.2}),
}


@pytest.mark.parametrize("clip", [None, 1.5])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_agree_with_torch(name, clip):
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    optimizer, kind, settings = OPTIMIZERS[name]
    if clip is not None:
        optimizer = optimizers.from_dict(optimizer.to_dict() | {"clip_norm": clip})
    parameters, gradient = problem()
    leaves = [torch.tensor(p, requires_grad=True) for p in parameters]
    groups = [
        {"params": [leaf], "lr": 0.05 * f} for leaf, f in zip(leaves, (1.0, 0.5), strict=True)
    ]
    oracle = getattr(torch.optim, kind)(groups, **settings)
    for _ in range(20):
        values = gradient([leaf.detach().numpy() for leaf in leaves])
        norm = math.sqrt(sum((g**2).sum() for g in values))
        scale = 1.0 if clip is None else min(1.0, clip / norm)
        for leaf, g in zip(leaves, values, strict=True):
            leaf.grad = torch.from_numpy(g * scale)
        oracle.step()
    rated = optimizers.from_dict(optimizer.to_dict() | {"rates": {"b": 0.5}})
    for found, leaf in zip(steps(rated, 20), leaves, strict=True):
        # 20 steps that each differ by some units in the last place of numbers of order 1
        np.testing.assert_allclose(found, leaf.detach().numpy(), rtol=0, atol=1e-13)


def test_plain_descent_gives_the_bytes_of_sgd_step():
    parameters, gradient = problem()
    velocities = [np.zeros_like(p) for p in parameters]
    for _ in range(5):
        for p, g, v in zip(parameters, gradient(parameters), velocities, strict=True):
            kernels.sgd_step(p, g, v, lr=0.1, momentum=0.9)
    for found, expected in zip(steps(ic.SGD(0.1, 0.9), 5), parameters, strict=True):
        assert found.tobytes() == expected.tobytes()


def test_a_state_goes_through_pickle_and_on_to_the_bit():
    optimizer = ic.AdamW(schedules.Cosine(0.1, steps=8), clip_norm=1.0)
    parameters, gradient = problem()
    state = optimizer.new_state(parameters, ["a", "b"])
    for step in range(6):
        if step == 3:
            state, parameters = pickle.loads(pickle.dumps((state, parameters)))
        optimizer.step(parameters, gradient(parameters), state)
    for found, expected in zip(parameters, steps(optimizer, 6), strict=True):
        assert found.tobytes() == expected.tobytes()


def test_the_longest_name_decides_the_rate():
    names = ["a.weight", "a.bias", "ab.weight", "b.0.weight", "b.1.weight"]
    rates = (("a", 2.0), ("a.bias", 3.0), ("b", 4.0), ("b.1", 5.0))
    assert optimizers.factors_of(rates, names) == (2.0, 3.0, 1.0, 4.0, 5.0)


def test_a_rate_of_zero_freezes_a_layer():
    net = ic.Sequential(ic.Dense(4, 8, "tanh", name="in"), ic.Dense(8, 3, name="out"))
    net.initialize(key=ic.Key(0))
    before = {name: array.copy() for name, array in net.parameters().items()}
    x, labels = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 3
    options = {"epochs": 2, "batch_size": 5, "key": ic.Key(1)}
    net.fit(x, labels, optimizer=ic.Adam(0.1, rates={"in": 0.0}), **options)
    for name, array in net.parameters().items():
        assert np.array_equal(array, before[name]) == name.startswith("in.")
    with pytest.raises(ValueError, match="rates has an entry for 'inn', which is no layer"):
        net.fit(x, labels, optimizer=ic.Adam(0.1, rates={"inn": 0.0}), **options)


@pytest.mark.parametrize(
    "optimizer",
    [
        *(optimizer for optimizer, _, _ in OPTIMIZERS.values()),
        ic.SGD(schedules.WarmUp(schedules.StepDecay(0.1, every=5), steps=3), rates={"a": 0.5}),
        ic.Adam(schedules.Constant(0.1), clip_norm=2.0),
    ],
    ids=repr,
)
def test_an_optimizer_is_a_value(optimizer):
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer
    again = optimizers.from_dict(json.loads(json.dumps(optimizer.to_dict())))
    assert again == optimizer
    assert hash(again) == hash(optimizer)
    assert type(optimizer).from_dict(optimizer.to_dict()) == optimizer
    with pytest.raises(AttributeError):
        optimizer.lr = 1.0


def test_the_cosine_of_a_schedule_is_that_of_the_library():
    schedule = schedules.Cosine(2.0, steps=1000, final=0.5)
    for step in range(1001):
        expected = 0.5 + 1.5 * 0.5 * (1 + math.cos(math.pi * step / 1000))
        assert abs(schedule(step) - expected) <= 2 * 2.3e-16 * 2
    assert schedule(5000) == 0.5


@pytest.mark.parametrize(
    ("ours", "kind", "settings"),
    [
        (schedules.StepDecay(0.1, every=3, factor=0.5), "StepLR", {"step_size": 3, "gamma": 0.5}),
        (
            schedules.Cosine(0.1, steps=20, final=0.01),
            "CosineAnnealingLR",
            {"T_max": 20, "eta_min": 0.01},
        ),
        (
            schedules.WarmUp(0.1, steps=5),
            "LinearLR",
            {"start_factor": 1 / 5, "total_iters": 4},
        ),
    ],
)
def test_schedules_agree_with_torch(ours, kind, settings):
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    descent = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    oracle = getattr(torch.optim.lr_scheduler, kind)(descent, **settings)
    for step in range(20):
        np.testing.assert_allclose(ours(step), descent.param_groups[0]["lr"], rtol=1e-12)
        descent.step()
        oracle.step()


def test_fit_follows_the_schedule():
    net, twin_net = (ic.Sequential(ic.Dense(4, 3)) for _ in range(2))
    x, labels = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 3
    for each in (net, twin_net):
        each.initialize(key=ic.Key(0))
    options = {"batch_size": 20, "shuffle": False, "key": ic.Key(1)}
    decay = schedules.StepDecay(0.5, every=2, factor=0.5)
    net.fit(x, labels, optimizer=ic.SGD(decay), epochs=4, **options)
    twin_net.fit(x, labels, optimizer=ic.SGD(0.5), epochs=2, **options)
    twin_net.fit(x, labels, optimizer=ic.SGD(0.25), epochs=2, **options)
    assert net.layers[0].w.tobytes() == twin_net.layers[0].w.tobytes()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ic.SGD(lr=-1), ValueError, r"lr=-1\.0 must be at least 0"),
        (lambda: ic.SGD(lr="fast"), TypeError, "lr='fast' must be a number"),
        (lambda: ic.SGD(lr=schedules.Cosine), TypeError, "must be an object such as Cosine"),
        (lambda: ic.SGD(0.1, nesterov=True), ValueError, "nesterov=True needs a momentum"),
        (lambda: ic.SGD(0.1, 0.9, nesterov=1), TypeError, "must be True or False"),
        (lambda: ic.SGD(0.1, weight_decay=-1), ValueError, r"weight_decay=-1\.0"),
        (lambda: ic.SGD(0.1, clip_norm=0), ValueError, r"clip_norm=0\.0 must be greater"),
        (lambda: ic.SGD(0.1, rates=0.5), TypeError, "rates=0.5 must map names to factors"),
        (lambda: ic.SGD(0.1, rates={"a": -1}), ValueError, r"rates\['a'\]=-1\.0"),
        (lambda: ic.Adam(0.1, beta1=1), ValueError, r"beta1=1\.0 must be in \[0, 1\)"),
        (lambda: ic.Adam(0.1, epsilon=1e-60), ValueError, "epsilon=1e-60 must be greater than 0"),
        (lambda: ic.RMSProp(0.1, alpha=-0.1), ValueError, r"alpha=-0\.1 must be in"),
        (lambda: optimizers.from_dict({"name": "lion"}), ValueError, "name='lion'"),
        (lambda: optimizers.from_dict({"name": "sgd", "x": 1}), ValueError, r"entries \['x'\]"),
        (lambda: optimizers.from_dict("sgd"), TypeError, "must be a dict"),
        (lambda: schedules.StepDecay(0.1, every=0), ValueError, "every=0 must be at least 1"),
        (lambda: schedules.StepDecay(0.1, every=1, factor=2), ValueError, r"factor=2\.0"),
        (lambda: schedules.Cosine(0.1, steps=0.5), TypeError, "steps=0.5 must be an int"),
        (lambda: schedules.WarmUp("slow", steps=1), TypeError, "then='slow'"),
        (
            lambda: kernels.optimizer_step("lion", np.ones(2), np.ones(2), lr=1),
            ValueError,
            "rule='lion' must be one of",
        ),
        (
            lambda: kernels.optimizer_step("adam", np.ones(2), np.ones(2), lr=1),
            ValueError,
            "first=None: 'adam' needs",
        ),
        (
            lambda: kernels.optimizer_step("sgd", np.ones(2), np.ones(3), lr=1),
            ValueError,
            r"gradient has shape \(3,\)",
        ),
    ],
)
def test_bad_settings_are_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()
