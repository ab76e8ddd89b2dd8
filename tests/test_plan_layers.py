"""Layers other than dense train in C as they do in Python, byte for byte."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import initcore as ic
from initcore import kernels
from initcore.training import compiled, losses, lowering

N, WIDTH, CLASSES = 26, 6, 3


def trained(layers, x, labels, dtype, **options):
    """All that a run leaves: parameters, their gradients, running statistics, the record."""
    net = ic.Sequential(*layers)
    net.initialize(ic.HeNormal(), key=ic.Key(0), dtype=dtype)
    defaults = {"optimizer": ic.Adam(0.01), "epochs": 3, "batch_size": 8, "key": ic.Key(1)}
    with np.errstate(all="ignore"):
        history = net.fit(x, labels, **(defaults | options))
    arrays = [*net.parameters().values(), *net.gradients().values(), *net.state().values()]
    return b"".join(a.tobytes() for a in arrays), json.dumps(history.to_dict())


def both(make, x, labels, dtype=np.float32, **options):
    """What runs in C and interpreted leave."""
    assert lowering.can_compile(make())
    planned = trained(make(), x, labels, dtype, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "can_compile", lambda *_: False)
        return planned, trained(make(), x, labels, dtype, **options)


def data(shape=(WIDTH,), n=N):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, *shape)), rng.integers(0, CLASSES, n)


NETWORKS = {
    "activation": lambda: (ic.Activation("tanh"), ic.Dense(6, 9), ic.Activation("relu")),
    "activations of z": lambda: (
        ic.Dense(6, 8, "gelu"),
        ic.Activation("mish"),
        ic.Dense(8, 9, "elu"),
        ic.Activation(ic.activations.Softplus(beta=2.0)),
    ),
    "layer norm": lambda: (ic.Dense(6, 9), ic.LayerNorm(9), ic.Activation("sigmoid")),
    "rms norm": lambda: (ic.RMSNorm(6), ic.Dense(6, 9), ic.RMSNorm(9)),
    "batch norm": lambda: (ic.BatchNorm(6), ic.Dense(6, 9, "relu"), ic.BatchNorm(9)),
    "dropout": lambda: (ic.Dropout(0.1), ic.Dense(6, 9, "tanh"), ic.Dropout(0.4)),
    "scale": lambda: (ic.Scale(), ic.Dense(6, 9), ic.Scale(9), ic.Scale()),
    "residual": lambda: (
        ic.Residual(ic.Dense(6, 4, "tanh"), ic.Dense(4, 6)),
        ic.Dense(6, 9),
        ic.Residual(ic.LayerNorm(9), ic.Dense(9, 5, "relu"), ic.Dropout(0.2), ic.Dense(5, 9)),
        ic.Residual(ic.Residual(ic.Scale(9)), ic.Activation("tanh")),
    ),
    "nested": lambda: (
        ic.Sequential(ic.Dense(6, 8, "tanh"), ic.Sequential(ic.Dropout(0.3), ic.Dense(8, 9))),
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_trains_in_c_as_it_does_in_python(name, dtype, isa):
    planned, interpreted = both(
        lambda: (*NETWORKS[name](), ic.Dense(9, CLASSES, name="out")), *data(), dtype
    )
    assert planned == interpreted


def test_an_embedding_and_a_flattening_train_in_c_as_they_do_in_python(isa):
    words = np.random.default_rng(1).integers(0, 11, (N, 4))
    planned, interpreted = both(
        lambda: (ic.Embedding(11, 3), ic.LayerNorm(3), ic.Flatten(), ic.Dense(12, CLASSES)),
        words,
        data()[1],
    )
    assert planned == interpreted
    planned, interpreted = both(
        lambda: (ic.Flatten(), ic.Dense(12, CLASSES)), *data((2, 3, 2)), optimizer=ic.SGD(0.1)
    )
    assert planned == interpreted


WORDS = {
    "behind a flattening": lambda: (ic.Flatten(), ic.Embedding(11, 3)),
    "in a network": lambda: (ic.Sequential(ic.Embedding(11, 3), ic.LayerNorm(3)),),
    "deep in networks": lambda: (
        ic.Sequential(ic.Sequential(ic.Flatten()), ic.Sequential(ic.Flatten(), ic.Embedding(11, 3)))
        ,),
}  # fmt: skip


@pytest.mark.parametrize("place", WORDS)
def test_an_embedding_trains_in_c_wherever_it_sees_the_samples(place, isa):
    words = np.random.default_rng(1).integers(0, 11, (N, 2, 2))
    planned, interpreted = both(
        lambda: (*WORDS[place](), ic.Flatten(), ic.Dense(12, CLASSES)), words, data()[1]
    )
    assert planned == interpreted


def test_words_that_are_none_are_refused_before_c_reads_them():
    net = ic.Sequential(ic.Embedding(11, 3), ic.Flatten(), ic.Dense(6, CLASSES))
    net.initialize(key=0)
    words, labels = np.zeros((N, 2)), data()[1]
    options = {"optimizer": ic.SGD(0.1), "batch_size": 8, "key": 0}
    net.fit(words, labels, epochs=1, **options)
    words[3, 1] = 2**40
    before = net.layers[0].w.copy()
    # a run that is resumed is not measured first, which would refuse them too
    with pytest.raises(ValueError, match=r"x\[3, 1\] = 1\S+ must be a whole number from 0 to 10"):
        net.fit(words, labels, epochs=2, resume=True, **options)
    assert np.array_equal(net.layers[0].w, before)


def test_an_activation_of_ones_own_is_left_to_the_interpreter():
    square = ic.activations.UserDefined("square", np.square, lambda z: 2 * z)
    layers = ic.Dense(6, 9, square), ic.Activation(square), ic.Dense(9, CLASSES)
    assert not lowering.can_compile(layers)
    weights, record = trained(layers, *data(), np.float64)
    assert np.isfinite(np.frombuffer(weights)).all()
    assert len(json.loads(record)["loss"]) == 3


def test_the_first_layer_that_is_not_finite_is_named_alike():
    planned, interpreted = both(
        lambda: (ic.Dense(6, 9, "relu"), ic.Residual(ic.Dense(9, 9)), ic.Dense(9, CLASSES)),
        *data(),
        optimizer=ic.SGD(1e15),
        stop_on_nonfinite=False,
    )
    assert planned == interpreted
    assert json.loads(planned[1])["diverged_epoch"] is not None


@settings(max_examples=25, deadline=None)
@given(
    picked=st.lists(st.sampled_from(sorted(set(NETWORKS) - {"nested"})), max_size=3),
    batch=st.integers(2, 30),
    shuffle=st.booleans(),
)
def test_any_row_of_layers_trains_in_c_as_in_python(picked, batch, shuffle):
    if N % batch == 1:
        batch += 1

    def make():
        layers = []
        for name in picked:
            layers += [*NETWORKS[name](), ic.Dense(9, WIDTH, "tanh")]
        return (*layers, ic.Dense(WIDTH, CLASSES, name="out"))

    planned, interpreted = both(make, *data(), batch_size=batch, shuffle=shuffle, epochs=2)
    assert planned == interpreted


class Columns(ic.layers.Layer):
    """A layer of a user's own: y = w x, one factor for each column; it can be compiled."""

    kind = "columns"

    def __init__(self, n):
        super().__init__()
        self.parameter_shapes = {"w": (n,)}

    def new_parameters(self, init, key, dtype):
        return ic.Constant(0.5)(self.parameter_shapes["w"], dtype=dtype), None

    def forward(self, x, *, save=True, key=None, step=0):
        y = x * self.w
        if save:
            self.x, self.y = x, y
        return y

    def backward(self, dy):
        product = np.ascontiguousarray(self.x)
        kernels._layer(
            "column_products", len(dy), dy.shape[1], y=self.gradient("w"), x=dy, normal=product
        )
        return dy * self.w

    def lower(self, builder, inputs):
        x, dx = inputs
        y, dy = outputs = builder.output(x.shape)
        n = x.shape[1]
        builder.op("scaled_columns", 1, n, y=y, x=x, w=self.w)
        builder.backward("scaled_columns", 1, n, y=dx, x=dy, w=self.w)
        builder.backward("column_products", 1, n, y=self.dw, x=dy, normal=x)
        return outputs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_layer_of_a_user_s_own_that_lowers_itself_trains_in_c(dtype, isa):
    planned, interpreted = both(
        lambda: (
            ic.Residual(Columns(6), ic.Dense(6, 6, "tanh")),
            ic.Sequential(Columns(6)),
            ic.Dense(6, CLASSES),
        ),
        *data(),
        dtype,
    )
    assert planned == interpreted


def test_probes_record_a_run_with_a_layer_of_a_user_s_own_that_lowers_itself():
    net = ic.Sequential(Columns(6), ic.Sequential(ic.Dense(6, CLASSES), name="head"))
    net.initialize(key=0)
    history = net.fit(
        *data(), optimizer=ic.SGD(0.1), epochs=1, batch_size=8, key=0, probes=ic.Probes()
    )
    assert history.probes.layers == ("head.0",)
    assert history.probes.parameters == ("columns_0.weight", "head.0.weight", "head.0.bias")


class Doubled(Columns):
    """One that computes something else than the layer it derives from, and has no `lower`."""

    def forward(self, x, *, save=True, key=None, step=0):
        return super().forward(2 * x, save=save)

    def backward(self, dy):
        return 2 * super().backward(dy)


class Renamed(Columns):
    """One that says that it computes what the layer does from which it derives."""

    lower = Columns.lower


def test_a_subclass_is_compiled_only_if_it_says_how():
    assert Columns(4).can_compile()
    assert Renamed(4).can_compile()
    assert not Doubled(4).can_compile()
    twice = trained((Doubled(6), ic.Dense(6, CLASSES)), *data(), np.float64)
    scaled = trained((Columns(6), ic.Dense(6, CLASSES)), 2 * data()[0], data()[1], np.float64)
    assert twice == scaled


def test_layers_of_a_user_s_own_are_left_to_the_interpreter():
    class Mine(ic.LayerNorm):
        pass

    arrays = []
    for layer in (Mine(4), ic.Residual(Mine(4))):
        known = (losses.CrossEntropy(), ic.SGD(0.1), arrays)
        assert not compiled.can_compile([ic.Dense(4, 4), layer], *known)
    assert not compiled.can_compile([ic.Dense(4, 4), ic.Embedding(3, 4)], *known)
    assert not compiled.can_compile([ic.Embedding(3, 4), ic.Embedding(3, 4)], *known)
    assert compiled.can_compile([ic.Embedding(3, 4), ic.Flatten()], *known)
