"""Networks before training: construction, starting weights, forward, backward."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest

import initcore as ic
from initcore._bench import reference

ACTIVATIONS = ["identity", "relu", "leaky_relu", "tanh", "sigmoid"]


def network(activation="tanh", widths=(5, 7, 6, 4), dtype=np.float64, **options):
    """A small network with random weights and biases."""
    net = ic.Sequential(
        *(
            ic.Dense(n_in, n_out, activation, bias_init=ic.Normal(std=0.3), **options)
            for n_in, n_out in pairwise(widths[:-1])
        ),
        ic.Dense(*widths[-2:], bias_init=ic.Normal(std=0.3)),
    )
    net.initialize(ic.Normal(std=0.6), key=ic.Key(3), dtype=dtype)
    return net


def data(n=9, n_in=5, classes=4, dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, n_in)).astype(dtype), rng.integers(0, classes, n)


def test_default_weights_are_xavier_normal_at_the_key_of_the_position():
    net = ic.Sequential(ic.Dense(30, 20), ic.Dense(20, 10))
    net.initialize(key=ic.Key(5))
    expected = ic.XavierNormal()((20, 30), key=ic.Key(5) / "0" / "weight")
    assert net.layers[0].w.tobytes() == expected.tobytes()
    assert net.layers[0].w.dtype == np.float32
    expected = ic.XavierNormal()((10, 20), key=ic.Key(5).at("1.weight"))
    assert net.layers[1].w.tobytes() == expected.tobytes()
    assert not net.layers[0].b.any()


def test_a_named_layer_has_the_weights_of_its_name_wherever_it_stands():
    first = ic.Sequential(ic.Dense(8, 8, name="a"), ic.Dense(8, 8, name="b"))
    second = ic.Sequential(ic.Dense(8, 8, name="b"), ic.Dense(8, 8, name="a"))
    for net in (first, second):
        net.initialize(ic.HeNormal(), key=ic.Key(2))
    assert first.layers[0].w.tobytes() == second.layers[1].w.tobytes()
    assert first.layers[0].w.tobytes() != first.layers[1].w.tobytes()


def test_a_layer_with_its_own_init_ignores_that_of_the_network():
    net = ic.Sequential(
        ic.Dense(4, 4, init=ic.Normal(std=2.0), bias_init=ic.Normal(std=1.0)), ic.Dense(4, 4)
    )
    net.initialize("he_normal", key=ic.Key(0))
    weight, bias = ic.Key(0) / "0" / "weight", ic.Key(0) / "0" / "bias"
    assert np.array_equal(net.layers[0].w, ic.Normal(std=2.0)((4, 4), key=weight))
    assert np.array_equal(net.layers[0].b, ic.Normal(std=1.0)((4,), key=bias))
    other = ic.HeNormal()((4, 4), key=ic.Key(0) / "1" / "weight")
    assert np.array_equal(net.layers[1].w, other)


@pytest.mark.parametrize(
    ("source", "seed"),
    [
        (lambda: 7, 7),
        (lambda: np.uint64(2**64 - 1), 2**64 - 1),
        (
            lambda: np.random.default_rng(4),
            int(np.random.default_rng(4).integers(2**64, dtype=np.uint64)),
        ),
        (
            lambda: np.random.SeedSequence(4),
            int(np.random.SeedSequence(4).generate_state(1, np.uint64)[0]),
        ),
    ],
    ids=["int", "numpy int", "generator", "seed sequence"],
)
def test_a_network_takes_one_seed_from_what_numpy_users_have(source, seed):
    net, same = network(), network()
    net.initialize(key=source())
    same.initialize(key=ic.Key(seed))
    assert net.layers[0].w.tobytes() == same.layers[0].w.tobytes()


def test_a_bias_initializer_sees_the_fans_of_the_layer():
    law = ic.VarianceScaling(scale=1 / 3, mode="fan_in", distribution="uniform")
    net = ic.Sequential(ic.Dense(100, 500, bias_init=law))
    net.initialize(law, key=ic.Key(0))
    # both are uniform on +-1 / sqrt(fan_in), as torch.nn.Linear starts
    for array in (net.layers[0].w, net.layers[0].b):
        assert 0.099 < np.abs(array).max() <= np.float32(0.1)


def test_one_layer_alone_initializes_as_it_does_in_a_network():
    layer = ic.Dense(6, 3, name="only")
    layer.initialize(key=ic.Key(1) / "only")
    net = ic.Sequential(ic.Dense(6, 3, name="only"))
    net.initialize(key=ic.Key(1))
    assert layer.w.tobytes() == net.layers[0].w.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_and_backward_agree_with_numpy(activation, dtype):
    net = network(activation, dtype=dtype)
    x, _ = data(dtype=dtype)
    dy = np.random.default_rng(2).standard_normal((9, 4)).astype(dtype)
    inputs, y = [], x
    for layer in net.layers:
        inputs.append(y)
        y = reference.dense_forward(y, layer.w, layer.b, activation=layer.activation, save=False)
    # each sum has at most 9 terms and three layers follow each other, all of order 1
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(net.forward(x), y, rtol=tolerance, atol=tolerance)
    dx = net.backward(dy)
    outputs = [*inputs[1:], y]
    for layer, x_l, y_l in zip(net.layers[::-1], inputs[::-1], outputs[::-1], strict=True):
        dy, dw, db = reference.dense_backward(dy, x_l, layer.w, y_l, activation=layer.activation)
        np.testing.assert_allclose(layer.dw, dw, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(layer.db, db, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(dx, dy, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("loss", ["cross_entropy", "mean_squared_error"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_a_whole_network_are_central_differences(activation, loss):
    net = network(activation)
    x, labels = data()
    if loss == "mean_squared_error":
        labels = np.random.default_rng(3).standard_normal((9, 4))
    criterion = ic.losses.get(loss)
    _, dy = criterion(net.forward(x), labels)
    gradients = {"x": net.backward(dy), **net.gradients()}
    h = 1e-5
    for name, array in {"x": x, **net.parameters()}.items():
        numeric = np.empty_like(array)
        for at in np.ndindex(array.shape):
            kept = array[at]
            array[at] = kept + h
            above = criterion(net.forward(x, save=False), labels)[0]
            array[at] = kept - h
            below = criterion(net.forward(x, save=False), labels)[0]
            array[at] = kept
            numeric[at] = (above - below) / (2 * h)
        error = np.linalg.norm(numeric - gradients[name]) / np.linalg.norm(numeric)
        # h^2 for the third derivative and eps / h for the rounding are both near 1e-10
        assert error <= 1e-6, name


def test_backward_writes_the_gradients_into_the_same_arrays_again():
    net = network()
    x, _ = data()
    net.forward(x)
    net.backward(np.ones((9, 4)))
    dw, db, values = net.layers[0].dw, net.layers[0].db, net.layers[0].dw.copy()
    net.forward(x)
    net.backward(np.full((9, 4), 2.0))
    assert net.layers[0].dw is dw
    assert net.layers[0].db is db
    np.testing.assert_allclose(dw, 2 * values)


def test_forward_without_save_keeps_what_backward_needs_of_the_call_before():
    net = network()
    x, _ = data()
    net.forward(x)
    expected = net.backward(np.ones((9, 4))).copy()
    net.forward(x)
    net.forward(2 * x, save=False)
    assert np.array_equal(net.backward(np.ones((9, 4))), expected)


def test_a_layer_without_bias_has_none():
    net = ic.Sequential(ic.Dense(3, 2, bias=False, name="out"))
    net.initialize(key=ic.Key(0), dtype=np.float64)
    assert net.layers[0].b is None
    assert list(net.parameters()) == ["out.weight"]
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(net.forward(x), x @ net.layers[0].w.T)
    net.backward(np.ones((2, 2)))
    assert net.layers[0].db is None
    assert list(net.gradients()) == ["out.weight"]


@pytest.mark.parametrize("batch_size", [1, 2, 8, 9, 100, None])
def test_predict_gives_the_bytes_of_forward_for_every_batch_size(batch_size):
    net = network(dtype=np.float32)
    x, _ = data(dtype=np.float32)
    assert net.predict(x, batch_size).tobytes() == net.forward(x).tobytes()


def test_predict_takes_plain_lists_and_no_samples():
    net = network(dtype=np.float32)
    assert net.predict([[1, 2, 3, 4, 5]]).shape == (1, 4)
    assert net.predict(np.empty((0, 5))).shape == (0, 4)


def test_evaluate_is_the_mean_over_the_samples_and_the_share_of_right_classes():
    net = network()
    x, labels = data(n=50)
    y = net.predict(x)
    loss, accuracy = net.evaluate(x, labels, batch_size=7)
    shifted = y - y.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    assert loss == pytest.approx(-log_p[np.arange(50), labels].mean(), rel=1e-13)
    assert accuracy == np.mean(y.argmax(axis=1) == labels)
    target = np.zeros((50, 4))
    loss, accuracy = net.evaluate(x, target, loss="mean_squared_error", batch_size=7)
    assert loss == pytest.approx(np.mean(y**2), rel=1e-13)
    assert accuracy is None


def test_a_row_of_nan_is_never_right():
    net = network()
    x, _ = data(n=6)
    net.layers[-1].b[0] = np.nan
    loss, accuracy = net.evaluate(x, np.zeros(6, int))
    assert np.isnan(loss)
    assert accuracy == 0


def test_a_network_survives_pickle_and_copy():
    net = network()
    x, _ = data()
    for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert twin.predict(x).tobytes() == net.predict(x).tobytes()
        twin.layers[0].w += 1
        assert twin.predict(x).tobytes() != net.predict(x).tobytes()


def test_the_repr_of_a_layer_says_how_to_make_it():
    text = "Dense(3, 2, 'relu', bias=False, name='out')"
    layer = eval(text, {"Dense": ic.Dense})
    assert repr(layer) == text
    assert "slope=0.2" in repr(ic.Dense(3, 2, ic.activations.LeakyRelu(slope=0.2)))
    assert repr(ic.Sequential(layer)) == f"Sequential(\n    {text},\n)"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ic.Dense(0, 3), ValueError, "n_in=0 must be at least 1"),
        (lambda: ic.Dense(3, 2.5), TypeError, r"n_out=2\.5 must be an int"),
        (lambda: ic.Dense(3, True), TypeError, "n_out=True must be an int"),
        (lambda: ic.Dense(3, 3, "softmax"), ValueError, "activation='softmax'"),
        (lambda: ic.Dense(3, 3, init=0.1), TypeError, "init=0.1 must be an initializer"),
        (lambda: ic.Dense(3, 3, init=ic.HeNormal), TypeError, "must be an initializer such as"),
        (lambda: ic.Dense(3, 3, name=""), TypeError, "name='' must be a text"),
        (lambda: ic.Sequential(), ValueError, "layers is empty"),
        (lambda: ic.Sequential("relu"), TypeError, r"layers\[0\]='relu' must be a layer"),
        (
            lambda: ic.Sequential(ic.Dense(3, 4), ic.Dense(5, 2)),
            ValueError,
            r"layers\[0\] has n_out=4 and layers\[1\] has n_in=5",
        ),
        (lambda: ic.Sequential(*[ic.Dense(3, 3)] * 2), ValueError, "the same object"),
        (
            lambda: ic.Sequential(ic.Dense(3, 3, name="a"), ic.Dense(3, 3, name="a")),
            ValueError,
            "'a' is there twice",
        ),
        (
            lambda: ic.Sequential(ic.Dense(3, 3, name="1"), ic.Dense(3, 3)),
            ValueError,
            "'1' is there twice",
        ),
    ],
)
def test_a_network_that_cannot_be_is_refused_with_the_reason(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: net.forward(np.ones((1, 5))), "layer '0' has no weights yet"),
        (lambda net: net.predict(np.ones((1, 5))), "no weights yet"),
        (lambda net: net.evaluate(np.ones((1, 5)), [0]), "no weights yet"),
        (lambda net: net.parameters(), "no weights yet"),
        (lambda net: net.layers[0].forward(np.ones((1, 5))), "no weights yet"),
        (lambda net: net.backward(np.ones((1, 4))), "backward before forward"),
        (lambda net: net.gradients(), "no gradients yet"),
    ],
)
def test_a_network_without_weights_says_what_to_call_first(call, message):
    net = ic.Sequential(ic.Dense(5, 4))
    with pytest.raises(RuntimeError, match=message):
        call(net)


def test_backward_after_a_new_start_needs_a_new_forward():
    net = network()
    net.forward(data()[0])
    net.initialize(key=ic.Key(0))
    with pytest.raises(RuntimeError, match="backward before forward"):
        net.backward(np.ones((9, 4)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"key": "seed"}, TypeError, "key='seed' must be an initcore.Key"),
        ({"key": None}, TypeError, "key=None must be an initcore.Key"),
        ({"key": 0, "dtype": np.float16}, ValueError, "dtype=.*float32 or float64"),
        ({"key": 0, "dtype": "nonsense"}, ValueError, "dtype='nonsense'"),
        ({"key": 0, "init": "nonsense"}, ValueError, "nonsense"),
        ({"key": 0, "init": 3}, TypeError, "init=3 must be an initializer"),
    ],
)
def test_a_refused_initialize_leaves_the_network_as_it_was(options, error, message):
    net = network()
    before = {name: array.copy() for name, array in net.parameters().items()}
    with pytest.raises(error, match=message):
        net.initialize(**options)
    for name, array in net.parameters().items():
        assert np.array_equal(array, before[name])


def test_replaced_weights_of_another_shape_or_type_are_named():
    net = network()
    net.layers[1].w = np.ones((6, 8))
    with pytest.raises(ValueError, match=r"w of layer '1' has shape \(6, 8\).*\(6, 7\)"):
        net.predict(data()[0])
    net.layers[1].w = np.ones((6, 7), np.float32)
    with pytest.raises(ValueError, match="b of layer '1' has dtype float64"):
        net.predict(data()[0])
    net.layers[1].b = np.ones(6, np.float32)
    with pytest.raises(ValueError, match="a network computes in one"):
        net.predict(data()[0])
