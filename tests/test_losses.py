"""Losses: right against torch, the twin and central differences; stable; honest about bad input."""

import functools
import json
import pickle

import numpy as np
import pytest
import training_twin as twin

import initcore as ic
from initcore import kernels
from initcore.training import compiled, losses

KINDS = (np.float32, np.float64)
ERRORS = {"squared": (1, 1), "absolute": (1, 1), "huber": (0.7, 1), "binary": (2.0, 0.5)}
# rows around a block of 256, columns around the 16 lanes
SHAPES = ((3, 2), (4, 17), (258, 2))


def case(shape, kind):
    rng = np.random.default_rng([*shape])
    y = (3 * rng.normal(size=shape)).astype(kind)
    t = rng.random(shape).astype(kind)
    t[rng.random(shape) < 0.2] = 0
    t[rng.random(shape) < 0.1] = 1
    return y, t, rng.integers(0, shape[1], shape[0]), rng.random(shape[0]).astype(kind)


@functools.cache  # one slow run serves every instruction set
def expected(name, shape, kind):
    y, t, labels, weights = case(shape, kind)
    peaks = np.linspace(0, 1, shape[1]).astype(kind)
    if name == "soft":
        return twin.cross_entropy(y, t, None, None, weights)
    if name == "labels":
        return twin.cross_entropy(y, t[0], labels, peaks, None)
    return twin.errors(name, y, t, *ERRORS[name], weights)


def computed(name, shape, kind):
    y, t, labels, weights = case(shape, kind)
    peaks = np.linspace(0, 1, shape[1]).astype(kind)
    if name == "soft":
        return kernels.cross_entropy(y, t, sample_weights=weights)
    if name == "labels":
        return kernels.cross_entropy(y, t[0], labels=labels, peaks=peaks)
    a, b = ERRORS[name]
    return kernels.error_loss(name, y, t, a=a, b=b, sample_weights=weights)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["soft", "labels", *ERRORS])
def test_a_loss_agrees_with_the_twin_on_every_byte(name, shape, kind, isa):
    loss, dy = computed(name, shape, kind)
    twin_loss, twin_dy = expected(name, shape, kind)
    assert loss == twin_loss
    assert np.array_equal(dy, twin_dy)


@pytest.mark.parametrize("name", ["soft", "squared", "huber"])
def test_a_loss_of_a_row_beyond_a_segment_agrees_with_the_twin(name, isa):
    shape = (1, 4100)
    loss, dy = computed(name, shape, np.float32)
    twin_loss, twin_dy = expected(name, shape, np.float32)
    assert loss == twin_loss
    assert np.array_equal(dy, twin_dy)


@pytest.mark.parametrize("name", ["soft", "labels", *ERRORS])
def test_a_loss_does_not_depend_on_threads_or_layout(name):
    results = set()
    y, t, _, weights = case((900, 301), np.float32)
    for threads in (1, 2, 3):
        with ic.num_threads(threads):
            loss, dy = computed(name, (900, 301), np.float32)
            results.add((loss, dy.tobytes()))
    if name in ERRORS:
        a, b = ERRORS[name]
        options = {"a": a, "b": b, "sample_weights": np.repeat(weights, 2)[::2]}
        loss, dy = kernels.error_loss(name, np.asfortranarray(y), np.asfortranarray(t), **options)
        results.add((loss, dy.tobytes()))
        out = y.copy()
        loss, dy = kernels.error_loss(name, out, t, **options, out=out)
        assert dy is out
    elif name == "soft":
        out = y.copy()
        loss, dy = kernels.cross_entropy(out, np.asfortranarray(t), sample_weights=weights, out=out)
    results.add((loss, dy.tobytes()))
    assert len(results) == 1


def torch_loss(torch, loss, y, target, weights):
    """The loss of torch with the same reduction: weighted terms over samples or elements."""
    f = torch.nn.functional
    if isinstance(loss, losses.CrossEntropy):
        classes = None if loss.class_weights is None else torch.tensor(loss.class_weights)
        terms = f.cross_entropy(
            y,
            target,
            weight=None if classes is None else classes.to(y.dtype),
            label_smoothing=loss.smoothing,
            reduction="none",
        )
    elif isinstance(loss, losses.BinaryCrossEntropy):
        terms = f.binary_cross_entropy_with_logits(y, target, reduction="none")
        if loss.class_weights is not None:
            no, yes = loss.class_weights
            terms = yes * target * f.softplus(-y) + no * (1 - target) * f.softplus(y)
    elif isinstance(loss, losses.Huber):
        terms = f.huber_loss(y, target, delta=loss.delta, reduction="none")
    elif isinstance(loss, losses.MeanAbsoluteError):
        terms = f.l1_loss(y, target, reduction="none")
    else:
        terms = f.mse_loss(y, target, reduction="none")
    if weights is not None:
        terms = terms * torch.from_numpy(weights).reshape(-1, *[1] * (terms.ndim - 1))
    return terms.mean()


LOSSES = [
    losses.CrossEntropy(),
    losses.CrossEntropy(smoothing=0.2),
    losses.CrossEntropy(class_weights=(1, 2, 0.5, 0, 3)),
    losses.CrossEntropy(smoothing=0.1, class_weights=(1, 2, 0.5, 4, 3)),
    losses.BinaryCrossEntropy(),
    losses.BinaryCrossEntropy(class_weights=(0.5, 3)),
    losses.MeanSquaredError(),
    losses.MeanAbsoluteError(),
    losses.Huber(),
    losses.Huber(delta=0.3),
]


def targets_of(loss, soft):
    rng = np.random.default_rng(2)
    if isinstance(loss, losses.CrossEntropy):
        if not soft:
            return rng.integers(0, 5, 40)
        raw = rng.random((40, 5))
        return raw / raw.sum(axis=1, keepdims=True)
    return rng.random((40, 5))


@pytest.mark.parametrize("with_weights", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_loss_and_gradient_agree_with_torch(loss, soft, with_weights):
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    rng = np.random.default_rng(1)
    y, labels = 3 * rng.normal(size=(40, 5)), targets_of(loss, soft)
    weights = rng.random(40) if with_weights else None
    target = loss.targets(labels, 40, 5, y.dtype)
    if weights is not None:
        target = losses.with_weights(loss, target, weights, y.dtype, "sample_weights")
    found, dy = loss(y, target)
    leaf = torch.tensor(y, requires_grad=True)
    oracle = torch_loss(torch, loss, leaf, torch.from_numpy(labels), weights)
    oracle.backward()
    # a mean of 40 or 200 terms below 30, each of a few operations, on both sides
    eps = np.finfo(np.float64).eps
    np.testing.assert_allclose(found, oracle.item(), rtol=0, atol=400 * eps)
    np.testing.assert_allclose(dy, leaf.grad.numpy(), rtol=0, atol=40 * eps)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_gradient_agrees_with_central_differences(loss):
    rng = np.random.default_rng(3)
    y, h = rng.normal(size=(40, 5)), 1e-5
    target = loss.targets(targets_of(loss, False), 40, 5, y.dtype)
    _, dy = loss(y, target)
    for index in [(0, 0), (7, 3), (39, 4), (20, 1)]:
        up, down = y.copy(), y.copy()
        up[index] += h
        down[index] -= h
        slope = (loss(up, target)[0] - loss(down, target)[0]) / (2 * h)
        # the third derivative is below 10: h^2 * 10 / 6, and roundings of 10 eps / h
        assert abs(slope - dy[index]) < 1e-9


def test_binary_cross_entropy_keeps_its_digits_in_the_tails():
    mpmath = pytest.importorskip("mpmath", reason="mpmath is the oracle of this test")
    for kind in KINDS:
        z = np.array([[-80, -40, -20, -1e-3, 0, 1e-3, 20, 40, 80]], kind)
        loss_of = losses.BinaryCrossEntropy()
        for column in range(z.shape[1]):
            for t in (0, 1):
                one = z[:, column : column + 1]
                value, dz = loss_of(one, np.full_like(one, t))
                x = mpmath.mpf(float(one[0, 0])) * (1 - 2 * t)
                softplus = mpmath.log1p(mpmath.exp(x))
                slope = (1 - 2 * t) / (1 + mpmath.exp(-x))
                # exp to 2 ulp, log, a division and two sums
                assert abs(value / softplus - 1) < 8 * np.finfo(kind).eps
                assert abs(float(dz[0, 0]) / slope - 1) < 8 * np.finfo(kind).eps


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_extreme_outputs_give_no_nan(loss, kind, isa):
    big = np.sqrt(np.finfo(kind).max) / 8
    y = np.array([[big, -big, 0, big, 0], [-big, -big, -big, -big, -big]], kind)
    labels = np.array([1, 4])
    if not isinstance(loss, losses.CrossEntropy):
        labels = np.array([[0, 1, 0, 1, 0.5], [1, 0, 1, 0, 1]])
    value, dy = loss(y, loss.targets(labels, 2, 5, np.dtype(kind)))
    assert np.isfinite(value)
    assert np.isfinite(dy).all()
    y[0, 2] = np.nan
    value, dy = loss(y, loss.targets(labels, 2, 5, np.dtype(kind)))
    assert np.isnan(value)
    assert np.isnan(dy[0, 2])
    assert np.isfinite(dy[1]).all()


def test_a_class_without_target_may_have_a_logit_of_minus_infinity():
    z = np.array([[0.0, 1.0, -np.inf]])
    soft, dz = losses.CrossEntropy()(z, np.array([[0.25, 0.75, 0.0]]))
    hard, _ = losses.CrossEntropy()(z[:, :2].copy(), np.array([[0.25, 0.75]]))
    assert soft == hard
    assert dz[0, 2] == 0
    assert (
        losses.BinaryCrossEntropy()(np.array([[-np.inf, np.inf]]), np.array([[0.0, 1.0]]))[0] == 0
    )


def test_integer_labels_and_their_one_hot_rows_have_the_same_loss():
    z, _, labels, _ = case((40, 6), np.float64)
    for loss in (losses.CrossEntropy(), losses.CrossEntropy(0.1, (1, 2, 3, 4, 5, 6))):
        hard, dz = loss(z, labels)
        soft, soft_dz = loss(z, np.eye(6)[labels])
        np.testing.assert_allclose(soft, hard, rtol=1e-14)
        np.testing.assert_allclose(soft_dz, dz, atol=1e-15)


def test_a_sample_of_weight_two_counts_like_two_samples():
    z, t, _, _ = case((8, 6), np.float64)
    for loss in (losses.MeanSquaredError(), losses.Huber(), losses.BinaryCrossEntropy()):
        weights = np.array([2.0, *[1.0] * 7])
        target = losses.with_weights(loss, t, weights, z.dtype, "sample_weights")
        value, _ = loss(z, target)
        twice = np.r_[z, z[:1]], np.r_[t, t[:1]]
        np.testing.assert_allclose(value * 8, loss(*twice)[0] * 9, rtol=1e-14)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_loss_is_a_value(loss):
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert losses.get(json.loads(json.dumps(loss.to_dict()))) == loss
    assert hash(losses.get(loss.to_dict())) == hash(loss)
    assert losses.get(loss) is loss
    with pytest.raises(AttributeError):
        loss.smoothing = 0.5


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: losses.CrossEntropy(smoothing=1), ValueError, r"smoothing=1\.0 must be in"),
        (lambda: losses.CrossEntropy(class_weights=3), TypeError, "must be a sequence"),
        (lambda: losses.CrossEntropy(class_weights=(0, 0)), ValueError, "one of them above"),
        (lambda: losses.CrossEntropy(class_weights=(-1, 1)), ValueError, "at least 0"),
        (lambda: losses.BinaryCrossEntropy((1, 2, 3)), ValueError, "must be 2 numbers"),
        (lambda: losses.Huber(delta=0), ValueError, r"delta=0\.0 must be greater"),
        (lambda: losses.get({"name": "hinge"}), ValueError, "name='hinge', which is not known"),
        (lambda: losses.get({"name": "huber", "d": 1}), ValueError, r"the entries \['d'\]"),
        (lambda: losses.get("hubert"), ValueError, "loss='hubert' is not known"),
    ],
)
def test_bad_settings_are_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()


FLOAT64 = np.dtype(np.float64)


@pytest.mark.parametrize(
    ("loss", "labels", "message"),
    [
        ("cross_entropy", np.array([0, 1, 5]), r"labels\[2\] = 5 must be in 0\.\.2"),
        ("cross_entropy", np.full((3, 3), 0.5), r"labels\[0\] .* must be probabilities"),
        ("cross_entropy", np.full((3, 2), 0.5), r"labels has shape \(3, 2\)"),
        ("cross_entropy", np.full((2, 3), 1 / 3), "labels has 2 rows and x has 3"),
        ("cross_entropy", np.full((3, 3), np.nan), r"labels\[0, 0\] = nan is not a finite"),
        (
            "binary_cross_entropy",
            np.full((3, 3), 1.5),
            r"labels\[0, 0\] = 1\.5 must be from 0 to 1",
        ),
        ("huber", np.full((3, 3), np.inf), "not a finite"),
        ("mean_absolute_error", np.zeros(3), r"labels has shape \(3,\)"),
    ],
)
def test_bad_labels_are_refused_by_name(loss, labels, message):
    with pytest.raises(ValueError, match=message):
        losses.get(loss).targets(labels, 3, 3, FLOAT64, "labels")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(4), r"sample_weights has shape \(4,\): it must be \(3,\)"),
        (np.array([1, -1, 1]), r"sample_weights\[1\] = -1 must be finite and at least 0"),
        (np.array([1, np.nan, 1]), r"sample_weights\[1\] = nan"),
        (np.zeros(3), "0 for every sample"),
    ],
)
def test_bad_sample_weights_are_refused_by_name(weights, message):
    loss = losses.CrossEntropy()
    with pytest.raises(ValueError, match=message):
        losses.with_weights(loss, np.arange(3), weights, FLOAT64, "sample_weights")


def test_class_weights_of_another_number_of_classes_are_refused():
    loss = losses.CrossEntropy(class_weights=(1, 2))
    with pytest.raises(ValueError, match="class_weights has 2 numbers and the network 3"):
        loss.targets(np.arange(3), 3, 3, FLOAT64)
    with pytest.raises(ValueError, match="class_weights has 2 numbers and y 3 columns"):
        loss(np.zeros((3, 3)), np.arange(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda k: k.error_loss("l2", np.ones((2, 2)), np.ones((2, 2))), ValueError, "error='l2'"),
        (
            lambda k: k.error_loss("huber", np.ones((0, 2)), np.ones((0, 2))),
            ValueError,
            "needs at least one element",
        ),
        (
            lambda k: k.error_loss("huber", np.ones((2, 2)), np.ones((2, 3))),
            ValueError,
            r"target has shape \(2, 3\)",
        ),
        (
            lambda k: k.cross_entropy(np.ones((2, 2)), np.ones((2, 2), np.float32)),
            TypeError,
            "targets has dtype float32",
        ),
        (
            lambda k: k.cross_entropy(np.ones((2, 2)), np.ones(2), labels=np.array([0, 1])),
            ValueError,
            "labels and peaks belong together",
        ),
        (
            lambda k: k.cross_entropy(
                np.ones((2, 2)), np.ones(2), labels=np.array([0, 2]), peaks=np.ones(2)
            ),
            ValueError,
            r"labels\[1\]=2 must be from 0 to 1",
        ),
        (lambda k: k.cross_entropy(np.ones((0, 2)), np.ones(2)), ValueError, "leave an empty"),
    ],
)
def test_kernels_refuse_what_they_cannot_use(call, error, message):
    with pytest.raises(error, match=message):
        call(kernels)


def network(n_out=5):
    net = ic.Sequential(ic.Dense(4, 8, "tanh"), ic.Dense(8, n_out))
    net.initialize(key=ic.Key(0))
    return net


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_fit_lowers_every_loss(loss):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(40, 4))
    net = network()
    history = net.fit(
        x,
        targets_of(loss, False),
        loss=loss,
        optimizer=ic.Adam(lr=0.02),
        epochs=20,
        batch_size=7,
        key=ic.Key(1),
        sample_weights=0.5 + rng.random(40),
    )
    assert history.loss[-1] < 0.95 * history.loss[0]
    counted = (losses.CrossEntropy, losses.BinaryCrossEntropy)
    assert (history.accuracy is not None) == isinstance(loss, counted)


@pytest.mark.parametrize("rows", [None, 7])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_evaluate_multiplies_the_loss_of_each_sample(loss, rows):
    rng = np.random.default_rng(6)
    x, weights, target = rng.normal(size=(40, 4)), rng.integers(0, 4, 40), targets_of(loss, False)
    net = network()
    each = [net.evaluate(x[i : i + 1], target[i : i + 1], loss=loss).loss for i in range(40)]
    found = net.evaluate(x, target, loss=loss, sample_weights=weights, batch_size=rows)
    # two sums of 40 terms, each term a sum over 5 outputs
    assert found.loss == pytest.approx(np.mean(weights * each), rel=200 * 2.0**-23)
    assert found.accuracy == net.evaluate(x, target, loss=loss).accuracy
    options = {"optimizer": ic.SGD(0.1), "epochs": 2, "batch_size": 8, "key": ic.Key(1)}
    history = net.fit(x, target, loss=loss, validation=(x, target, weights), **options)
    after = net.evaluate(x, target, loss=loss, sample_weights=weights)
    assert history.validation_loss[-1] == after.loss
    assert after.loss != net.evaluate(x, target, loss=loss).loss


def test_bad_weights_of_evaluate_and_validation_are_refused_by_name():
    net, x, labels = network(), np.ones((3, 4)), np.arange(3)
    with pytest.raises(ValueError, match=r"sample_weights has shape \(2,\): it must be \(3,\)"):
        net.evaluate(x, labels, sample_weights=[1, 2])
    options = {"optimizer": ic.SGD(0.1), "epochs": 1, "batch_size": 3, "key": ic.Key(1)}
    with pytest.raises(ValueError, match=r"validation\[2\]\[0\] = -1 must be finite"):
        net.fit(x, labels, validation=(x, labels, [-1, 1, 1]), **options)
    with pytest.raises(TypeError, match=r"or \(x, labels, sample_weights\)"):
        net.fit(x, labels, validation=(x, labels, [1, 1, 1], None), **options)


@pytest.mark.parametrize("n_out", [1, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy_has_the_accuracy_of_its_outputs(n_out, dtype, weighted, monkeypatch):
    rng = np.random.default_rng(5)
    x, target = rng.normal(size=(41, 4)), rng.integers(0, 2, (41, n_out)).astype(dtype)
    target[::4] = 0.5  # not above 1/2: a no

    def trained(**options):
        net = ic.Sequential(ic.Dense(4, n_out))
        net.initialize(key=0, dtype=dtype)
        history = net.fit(
            x, target, loss="bce", batch_size=8, key=0, validation=(x, target),
            sample_weights=np.linspace(0, 2, 41) if weighted else None, **options,
        )  # fmt: skip
        return net, history

    net, history = trained(optimizer=ic.SGD(0.0), epochs=1)
    expected = np.mean((net.predict(x) > 0) == (target > 0.5))
    assert history.accuracy == history.validation_accuracy == [expected]
    assert history.initial_accuracy == expected
    assert net.evaluate(x, target, loss="bce").accuracy == expected
    options = {"optimizer": ic.SGD(0.3), "epochs": 5}
    planned = trained(**options)[1]
    assert planned.accuracy[-1] > expected
    monkeypatch.setattr(compiled, "can_compile", lambda *_: False)
    assert trained(**options)[1] == planned


def test_an_output_that_is_nan_has_no_right_side():
    y = np.array([[np.nan, np.nan, 1.0, 0.0]])
    target = np.array([[0.0, 1.0, 1.0, 0.0]])
    assert losses.correct(losses.BinaryCrossEntropy(), y, target) == 2


def test_fit_counts_soft_labels_by_their_largest_class():
    rng = np.random.default_rng(5)
    x, labels = rng.normal(size=(40, 4)), rng.integers(0, 5, 40)
    soft = 0.9 * np.eye(5)[labels] + 0.02
    options = {"optimizer": ic.SGD(0.1), "epochs": 1, "batch_size": 8, "key": ic.Key(1)}
    hard = network().fit(x, labels, **options)
    assert network().fit(x, soft, **options).initial_accuracy == hard.initial_accuracy


def test_sample_weights_need_a_loss_that_reads_them():
    class Own:
        name = "own"
        counts_classes = False

        def targets(self, labels, n, n_out, dtype, name):
            return labels

        def __call__(self, y, target, *, out=None):
            return 0.0, np.zeros_like(y)

    with pytest.raises(TypeError, match="sample_weights is given, and loss"):
        network().fit(
            np.ones((3, 4)),
            np.ones((3, 5)),
            loss=Own(),
            optimizer=ic.SGD(0.1),
            epochs=1,
            batch_size=1,
            key=ic.Key(0),
            sample_weights=np.ones(3),
        )
