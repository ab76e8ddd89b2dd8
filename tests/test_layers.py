"""Layers: right against torch, the twin and central differences; replayable; named."""

import copy
import functools
import pickle
from itertools import pairwise

import layer_twin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import initcore as ic
from initcore import interop, kernels
from initcore.training import compiled

KINDS = (np.float32, np.float64)
NORMS = {"layer": ic.LayerNorm, "rms": ic.RMSNorm, "batch": ic.BatchNorm}


def initialized(layer, dtype=np.float64, seed=0):
    """The layer with parameters that are not 0 and 1."""
    layer.initialize(ic.Normal(std=0.5), key=ic.Key(seed), dtype=dtype)
    rng = np.random.default_rng(seed)
    for array in (layer.w, layer.b):
        if array is not None:
            array[...] = rng.normal(size=array.shape)
    return layer


def batch(shape, dtype=np.float64, seed=1):
    rng = np.random.default_rng([seed, *shape])
    return rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)


@functools.cache  # one slow run serves every instruction set
def expected_norm(name, shape, kind):
    x, dy = batch(shape, kind)
    layer = initialized(NORMS[name](shape[1]), kind)
    if name == "batch":
        return layer_twin.batch_norm(x, layer.w, layer.b, layer.epsilon, dy)
    return layer_twin.row_norm(x, layer.w, layer.b, layer.epsilon, dy)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(2, 1), (3, 17), (5, 64), (260, 3)])
@pytest.mark.parametrize("name", NORMS)
def test_a_normalization_agrees_with_the_twin_on_every_byte(name, shape, kind, isa):
    x, dy = batch(shape, kind)
    layer = initialized(NORMS[name](shape[1]), kind)
    y, dx = layer.forward(x), layer.backward(dy)
    expected = expected_norm(name, shape, kind)
    for found, array in zip((y, dx, layer.dw, layer.db), expected, strict=True):
        assert found is None or np.array_equal(found, array)


def all_layers(n=6):
    return {
        "activation": ic.Activation("tanh"),
        "dropout": ic.Dropout(0.3),
        "scale": ic.Scale(),
        "scale each": ic.Scale(n),
        "layer norm": ic.LayerNorm(n),
        "rms norm": ic.RMSNorm(n, epsilon=0.1),
        "batch norm": ic.BatchNorm(n),
        "flatten": ic.Flatten(),
        "residual": ic.Residual(ic.Dense(n, 9, "tanh"), ic.Dense(9, n), ic.Scale(n)),
        "sequential": ic.Sequential(ic.LayerNorm(n), ic.Dense(n, 4)),
    }


KEY = ic.Key(7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", all_layers())
def test_a_layer_does_not_depend_on_isa_threads_or_layout(name, kind):
    n = 301
    x, dy = batch((500, n), kind)
    before, results = kernels.isa(), set()
    try:
        for isa in kernels.isas_available():
            kernels._select_isa(isa)
            for threads, view in ((1, np.array), (3, np.array), (2, np.asfortranarray)):
                net = ic.Sequential(all_layers(n)[name])
                net.initialize(ic.Normal(std=0.1), key=ic.Key(0), dtype=kind)
                with ic.num_threads(threads):
                    y = net.forward(view(x), key=KEY)
                    dx = net.backward(view(dy[:, : y.shape[1]]))
                gradients = net.gradients() if net.leaves()[0][1].parameter_shapes else {}
                parts = [y, dx, *gradients.values()]
                results.add(b"".join(part.tobytes() for part in parts))
    finally:
        kernels._select_isa(before)
    assert len(results) == 1


def trained(layer, kind):
    """All arrays of a network with this layer in its middle, after two epochs."""
    rng = np.random.default_rng(0)
    net = ic.Sequential(
        ic.Dense(6, 6, name="first"), layer, ic.Dense(*layer.out_shape((6,)), 4, name="out")
    )
    net.initialize(ic.Normal(std=0.3), key=ic.Key(0), dtype=kind)
    x, labels = rng.standard_normal((26, 6)), rng.integers(0, 4, 26)
    net.fit(x, labels, optimizer=ic.SGD(0.1), epochs=2, batch_size=8, key=KEY)
    arrays = (*net.parameters().values(), *net.gradients().values(), *net.state().values())
    return b"".join(array.tobytes() for array in arrays)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", all_layers())
def test_a_layer_trains_in_c_as_it_does_in_python(name, kind, monkeypatch):
    assert all_layers()[name].can_compile()
    in_c = trained(all_layers()[name], kind)
    monkeypatch.setattr(compiled, "can_compile", lambda *_: False)
    assert trained(all_layers()[name], kind) == in_c


@pytest.mark.parametrize("name", all_layers())
def test_gradients_agree_with_central_differences(name):
    net = ic.Sequential(ic.Dense(6, 6, name="first"), all_layers()[name])
    net.initialize(ic.Normal(std=0.7), key=ic.Key(0), dtype=np.float64)
    x = batch((8, 6))[0]
    y = net.forward(x, key=KEY)
    dy = batch(y.shape, seed=5)[0]
    dx = net.backward(dy)
    gradients = {name: array.copy() for name, array in net.gradients().items()}

    def loss():
        return float((net.forward(x, key=KEY) * dy).sum())

    h = 1e-5
    for array, gradient in [(x, dx), *((p, gradients[k]) for k, p in net.parameters().items())]:
        for index in list(np.ndindex(*array.shape))[:: max(1, array.size // 5)]:
            kept = array[index]
            array[index] = kept + h
            up = loss()
            array[index] = kept - h
            down = loss()
            array[index] = kept
            # third derivatives below 100, sums of 48 terms of order 1
            assert abs((up - down) / (2 * h) - gradient[index]) < 1e-7


def torch_of(torch, layer):
    """The layer of torch with the same parameters."""
    size = {"dtype": torch.float64}
    if isinstance(layer, ic.Sequential):
        return torch.nn.Sequential(*(torch_of(torch, inner) for inner in layer.layers))
    if isinstance(layer, ic.Residual):

        class Block(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = torch.nn.Sequential(*(torch_of(torch, one) for one in layer.layers))

            def forward(self, x):
                return x + self.inner(x)

        return Block()
    if isinstance(layer, ic.Dense):
        made = torch.nn.Sequential(torch.nn.Linear(layer.n_in, layer.n_out, **size))
        if layer.activation.name == "tanh":
            made.append(torch.nn.Tanh())
        parameters = [made[0].weight, made[0].bias]
    elif isinstance(layer, ic.LayerNorm):
        made = torch.nn.LayerNorm(layer.n, eps=layer.epsilon, **size)
        parameters = [made.weight, made.bias]
    elif isinstance(layer, ic.BatchNorm):
        made = torch.nn.BatchNorm1d(layer.n, eps=layer.epsilon, momentum=layer.momentum, **size)
        parameters = [made.weight, made.bias]
    elif isinstance(layer, ic.RMSNorm):
        made = torch.nn.RMSNorm(layer.n, eps=layer.epsilon, **size)
        parameters = [made.weight]
    elif isinstance(layer, ic.Embedding):

        class Lookup(torch.nn.Embedding):
            def forward(self, x):
                return super().forward(x.long())

        made = Lookup(layer.n_words, layer.n_out, **size)
        parameters = [made.weight]
    elif isinstance(layer, ic.Scale):

        class Factor(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.w = torch.nn.Parameter(torch.ones(layer.w.shape, **size))

            def forward(self, x):
                return self.w * x

        made = Factor()
        parameters = [made.w]
    elif isinstance(layer, ic.Flatten):
        return torch.nn.Flatten()
    else:
        assert layer.activation.name == "relu"
        return torch.nn.ReLU()
    with torch.no_grad():
        for parameter, array in zip(parameters, (layer.w, layer.b), strict=False):
            parameter.copy_(torch.from_numpy(array))
    return made


NETWORKS = {
    "layer norm": lambda: (ic.Dense(6, 8), ic.LayerNorm(8), ic.Activation("relu"), ic.Dense(8, 3)),
    "rms norm": lambda: (ic.Dense(6, 8), ic.RMSNorm(8), ic.Dense(8, 3)),
    "batch norm": lambda: (ic.Dense(6, 8), ic.BatchNorm(8), ic.Activation("relu"), ic.Dense(8, 3)),
    "residual": lambda: (
        ic.Dense(6, 8),
        ic.Residual(ic.LayerNorm(8), ic.Dense(8, 5, "tanh"), ic.Dense(5, 8), ic.Scale()),
        ic.Scale(8),
        ic.Dense(8, 3),
    ),
    "nested": lambda: (
        ic.Sequential(ic.Dense(6, 8, "tanh"), ic.Sequential(ic.Dense(8, 4, "tanh"))),
        ic.Dense(4, 3),
    ),
    "embedding": lambda: (ic.Embedding(9, 4), ic.Flatten(), ic.Dense(24, 3)),
}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", NETWORKS)
def test_training_agrees_with_torch(name, optimizer):
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    net = ic.Sequential(*NETWORKS[name]())
    net.initialize(ic.Normal(std=0.4), key=ic.Key(3), dtype=np.float64)
    rng = np.random.default_rng(2)
    x, labels = rng.normal(size=(24, 6)), rng.integers(0, 3, 24)
    if name == "embedding":
        x = rng.integers(0, 9, size=(24, 6)).astype(float)
    model = torch_of(torch, net)
    if optimizer == "sgd":
        ours, oracle = ic.SGD(0.1, 0.9), torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    else:
        ours = ic.Adam(0.01, epsilon=1e-3)
        oracle = torch.optim.Adam(model.parameters(), 0.01, eps=1e-3)
    history = net.fit(
        x, labels, optimizer=ours, epochs=3, batch_size=8, key=ic.Key(1), shuffle=False
    )
    found = []
    for start in [0, 8, 16] * 3:
        oracle.zero_grad()
        outputs = model(torch.from_numpy(x[start : start + 8]))
        loss = torch.nn.functional.cross_entropy(
            outputs, torch.from_numpy(labels[start : start + 8])
        )
        loss.backward()
        oracle.step()
        found.append(loss.item())
    # nine steps through layers of some ten roundings each, of numbers of order 1
    assert history.loss[-1] == pytest.approx(np.mean(found[-3:]), rel=1e-11)
    for array, parameter in zip(net.parameters().values(), model.parameters(), strict=True):
        np.testing.assert_allclose(array, parameter.detach().numpy(), rtol=0, atol=1e-11)
    model.eval()
    with torch.no_grad():
        np.testing.assert_allclose(net.predict(x), model(torch.from_numpy(x)), rtol=0, atol=1e-11)


def test_a_mask_of_dropout_is_that_of_its_key_and_step():
    x = np.ones((50, 40), np.float32)
    layer = ic.Dropout(0.25)
    y = layer.forward(x, key=KEY, step=3)
    mask = np.empty((50, 40), bool)
    kernels.random_mask(mask, p=0.75, key=KEY, kind="dropout", first=3 * 2**36)
    assert np.array_equal(y, np.where(mask, np.float32(1 / 0.75), np.float32(0)))
    assert np.array_equal(layer.backward(x), y)
    assert np.array_equal(layer.forward(x, key=KEY, step=3), y)
    others = [layer.forward(x, key=KEY, step=4), layer.forward(x, key=KEY / "a", step=3)]
    for other in others:
        # 2000 elements agree with probability 5/8: within 6 standard deviations of 0.011
        assert 0.56 < np.mean(other == y) < 0.69
    assert np.array_equal(layer.forward(x, save=False), x)
    assert abs(np.mean(y == 0) - 0.25) < 6 * np.sqrt(0.25 * 0.75 / 2000)


def test_dropout_without_a_key_is_refused():
    net = ic.Sequential(ic.Dense(4, 4), ic.Dropout(0.5))
    net.initialize(key=ic.Key(0))
    with pytest.raises(TypeError, match="key=None: a layer of dropout draws a mask"):
        net.forward(np.ones((2, 4), np.float32))


def deep(n=6):
    return ic.Sequential(
        ic.Dense(n, 8, name="in"),
        ic.Residual(ic.LayerNorm(8), ic.Dense(8, 8, "relu"), ic.Dropout(0.2), ic.Dense(8, 8)),
        ic.BatchNorm(8),
        ic.Activation("tanh"),
        ic.Dense(8, 3, name="out"),
    )


def test_a_run_with_every_kind_of_layer_is_replayed_by_its_key():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 6)), rng.integers(0, 3, 40)
    before, results = kernels.isa(), {}
    try:
        for isa in kernels.isas_available():
            kernels._select_isa(isa)
            for threads in (1, 2, 3):
                for key in (1, 2):
                    net = deep()
                    net.initialize(key=ic.Key(0))
                    with ic.num_threads(threads):
                        net.fit(
                            x,
                            labels,
                            optimizer=ic.AdamW(0.01),
                            epochs=3,
                            batch_size=8,
                            key=ic.Key(key),
                            shuffle=False,
                        )
                    arrays = [*net.parameters().values(), *net.state().values()]
                    results.setdefault(key, set()).add(b"".join(a.tobytes() for a in arrays))
    finally:
        kernels._select_isa(before)
    assert len(results[1]) == len(results[2]) == 1
    assert results[1] != results[2]


def test_names_are_kinds_and_numbers_and_parameters_go_by_path():
    net = deep()
    assert net.names == ("in", "residual_0", "batch_norm_0", "activation_0", "out")
    net.initialize(key=ic.Key(0))
    assert list(net.parameters()) == [
        "in.weight",
        "in.bias",
        "residual_0.layer_norm_0.weight",
        "residual_0.layer_norm_0.bias",
        "residual_0.0.weight",
        "residual_0.0.bias",
        "residual_0.1.weight",
        "residual_0.1.bias",
        "batch_norm_0.weight",
        "batch_norm_0.bias",
        "out.weight",
        "out.bias",
    ]
    assert list(net.state()) == ["batch_norm_0.mean", "batch_norm_0.variance"]
    inner = net.layers[1].layers[1].w
    key = ic.Key(0) / "residual_0" / "0" / "weight"
    assert np.array_equal(inner, ic.XavierNormal()((8, 8), key=key))


def test_a_layer_in_between_leaves_the_weights_of_the_others_alone():
    plain = ic.Sequential(ic.Dense(6, 8), ic.Dense(8, 8), ic.Dense(8, 3))
    more = ic.Sequential(
        ic.Dense(6, 8),
        ic.LayerNorm(8),
        ic.Activation("relu"),
        ic.Dense(8, 8),
        ic.Dropout(0.1),
        ic.Dense(8, 3),
    )
    for net in (plain, more):
        net.initialize(ic.HeNormal(), key=ic.Key(4))
    found = more.parameters()
    for name, array in plain.parameters().items():
        assert np.array_equal(found[name], array)


def test_batch_norm_predicts_with_its_running_statistics():
    layer = initialized(ic.BatchNorm(3))
    x = batch((50, 3))[0] * 2 + 1
    for _ in range(200):
        layer.forward(x)
    # 0.9^200 = 7e-10 of the first values is left
    np.testing.assert_allclose(layer.mean, x.mean(axis=0), rtol=1e-8)
    np.testing.assert_allclose(layer.variance, x.var(axis=0, ddof=1), rtol=1e-8)
    mean = layer.mean.copy()
    one = layer.forward(x[:1], save=False)
    assert np.array_equal(one, layer.forward(x, save=False)[:1])
    assert np.array_equal(layer.mean, mean)


def test_embedding_adds_rows_of_equal_words_in_order():
    layer = initialized(ic.Embedding(5, 3))
    index = np.array([[0, 2, 2], [2, 4, 0]])
    assert np.array_equal(layer.forward(index), layer.w[index])
    dy = batch((2, 3, 3))[0]
    assert not layer.backward(dy).any()
    expected = np.zeros((5, 3))
    np.add.at(expected, index, dy)
    assert np.array_equal(layer.dw, expected)


def test_layers_and_networks_are_copied_and_pickled():
    net = deep()
    net.initialize(key=ic.Key(0))
    x = batch((5, 6), np.float32)[0]
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(other) == repr(net)
        assert np.array_equal(other.predict(x), net.predict(x))


@settings(max_examples=25, deadline=None)
@given(
    data=st.data(),
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    rows=st.integers(2, 9),
)
def test_any_small_network_has_the_gradient_of_its_loss(data, widths, rows):
    layers = []
    for n_in, n_out in pairwise(widths):
        layers.append(ic.Dense(n_in, n_out, data.draw(st.sampled_from(["tanh", "sigmoid"]))))
        between = data.draw(st.sampled_from(["", "norm", "rms", "residual", "dropout", "scale"]))
        if between:
            made = {
                "norm": lambda n: ic.LayerNorm(n, epsilon=0.5),
                "rms": lambda n: ic.RMSNorm(n, epsilon=0.5),
                "residual": lambda n: ic.Residual(ic.Dense(n, n, "tanh")),
                "dropout": lambda n: ic.Dropout(0.25),
                "scale": ic.Scale,
            }
            layers.append(made[between](n_out))
    net = ic.Sequential(*layers)
    net.initialize(ic.Normal(std=0.5), key=ic.Key(1), dtype=np.float64)
    rng = np.random.default_rng(3)
    x, target = rng.normal(size=(rows, widths[0])), rng.normal(size=(rows, widths[-1]))
    loss = ic.losses.MeanSquaredError()
    _, dy = loss(net.forward(x, key=KEY), target)
    net.backward(dy)
    h = 1e-5
    for name, array in net.parameters().items():
        gradient = net.gradients()[name]
        index = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
        expected = gradient[index]
        kept = array[index]
        values = []
        for moved in (kept + h, kept - h):
            array[index] = moved
            values.append(loss(net.forward(x, key=KEY, save=True), target)[0])
        array[index] = kept
        assert abs((values[0] - values[1]) / (2 * h) - expected) < 1e-7


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ic.Dropout(1), ValueError, r"p=1\.0 must be in \[0, 1\)"),
        (lambda: ic.LayerNorm(0), ValueError, "n=0 must be at least 1"),
        (lambda: ic.RMSNorm(3, epsilon=0), ValueError, r"epsilon=0\.0 must be greater than 0"),
        (lambda: ic.BatchNorm(3, momentum=0), ValueError, r"momentum=0\.0 must be in"),
        (lambda: ic.Embedding(0, 3), ValueError, "n_words=0 must be at least 1"),
        (lambda: ic.Activation("step"), ValueError, "activation='step' is not known"),
        (lambda: ic.Scale(name=""), TypeError, "name='' must be a text"),
        (lambda: ic.Residual(), ValueError, "layers is empty"),
        (lambda: ic.Sequential("relu"), TypeError, r"layers\[0\]='relu' must be a layer"),
        (
            lambda: ic.Sequential(ic.Dense(3, 4), ic.LayerNorm(5)),
            ValueError,
            r"n_out=4 and layers\[1\] has n_in=5",
        ),
        (
            lambda: ic.Residual(ic.Dense(3, 4)),
            ValueError,
            r"turns samples of shape \(3,\) into \(4,\)",
        ),
        (
            lambda: ic.Sequential(ic.Dense(3, 4), ic.Residual(ic.Dense(4, 5))),
            ValueError,
            r"turns samples of shape \(4,\) into \(5,\)",
        ),
        (
            lambda: ic.Sequential(ic.Dropout(0.1, name="a"), ic.Scale(name="a")),
            ValueError,
            "'a' is there twice",
        ),
    ],
)
def test_bad_layers_are_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()


OPTIONS = {"optimizer": ic.SGD(0.1), "epochs": 1, "batch_size": 4, "key": ic.Key(0)}


@pytest.mark.parametrize(
    ("layers", "x", "message"),
    [
        ((ic.Flatten(), ic.Dense(6, 2)), np.ones((4, 2, 2)), r"x has shape \(4, 2, 2\).*\(6,\)"),
        ((ic.Embedding(3, 2),), np.ones((4, 5)), "end it with a layer that gives one row"),
        ((ic.BatchNorm(2),), np.ones((5, 2)), "leaves a batch of 1 of the 5 samples"),
        ((ic.Dropout(0.5), ic.Dense(2, 2)), np.full((4, 2), np.nan), "is not a finite float32"),
        ((ic.Dropout(0.5), ic.Dense(2, 2)), np.ones(4), r"x has shape \(4,\)"),
        ((ic.Dropout(0.5), ic.Dense(2, 2)), np.ones((0, 2)), "x has no samples"),
    ],
)
def test_bad_data_are_refused_before_a_byte_is_written(layers, x, message):
    net = ic.Sequential(*layers)
    net.initialize(key=ic.Key(0))
    before = [array.copy() for array in net.parameters().values()]
    with pytest.raises(ValueError, match=message):
        net.fit(x, np.zeros(len(x), int), **OPTIONS)
    for array, old in zip(net.parameters().values(), before, strict=True):
        assert np.array_equal(array, old)


@pytest.mark.parametrize("word", [3, -1, 0.5])
def test_an_index_that_is_no_word_is_refused(word):
    layer = initialized(ic.Embedding(3, 2))
    with pytest.raises(ValueError, match=r"x\[1, 0\] = .* must be a whole number from 0 to 2"):
        layer.forward(np.array([[0.0], [word]]))


def test_a_network_without_parameters_has_nothing_to_train():
    with pytest.raises(ValueError, match="no layer of this network has parameters"):
        ic.Sequential(ic.Flatten()).fit(np.ones((4, 2)), np.zeros(4, int), **OPTIONS)


def test_backward_needs_forward_and_a_gradient_of_its_shape():
    for layer in (ic.LayerNorm(3), ic.Scale(3), ic.Activation("relu"), ic.Residual(ic.Dense(3, 3))):
        with pytest.raises(RuntimeError, match="backward before forward"):
            layer.backward(np.ones((2, 3)))
    layer = initialized(ic.LayerNorm(3))
    layer.forward(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"dy has shape \(3, 3\): it must be \(2, 3\)"):
        layer.backward(np.ones((3, 3)))
    with pytest.raises(TypeError, match="dy has dtype float32"):
        layer.backward(np.ones((2, 3), np.float32))
    with pytest.raises(RuntimeError, match="has no weights yet"):
        ic.LayerNorm(3).forward(np.ones((2, 3)))


def test_what_is_about_dense_layers_alone_says_so():
    net = deep()
    net.initialize(key=ic.Key(0))
    with pytest.raises(TypeError, match=r"the layer 'residual_0', Residual\("):
        net.dense_layers()


def test_a_recipe_starts_every_kind_of_layer_by_its_role():
    net = ic.Sequential(
        ic.Embedding(9, 4),
        ic.Flatten(),
        ic.Dense(8, 6),
        ic.LayerNorm(6),
        ic.BatchNorm(6),
        ic.Residual(ic.Dense(6, 6), ic.Scale(init=ic.Constant(0.25))),
        ic.Dense(6, 3),
    )
    plan = interop.initialize(net, ic.HeNormal(), key=ic.Key(0))
    found = net.parameters()
    assert {entry.parameter.name for entry in plan} == set(found) - {"residual_0.scale_0.weight"}
    assert found["residual_0.scale_0.weight"] == 0.25
    assert (found["layer_norm_0.weight"] == 1).all()
    expected = ic.HeNormal()((6, 6), key=ic.Key(0).at("residual_0.0.weight"))
    assert np.array_equal(found["residual_0.0.weight"], expected)
    x = np.zeros((4, 2))
    net.fit(x, np.arange(4) % 3, **OPTIONS)
