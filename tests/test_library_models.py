"""Models that the libraries themselves bring: their own start follows our rules, and ours runs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from initcore import doctor, interop

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def torch_layers(nn: Any) -> dict[str, Callable[[], Any]]:
    encoder = nn.TransformerEncoderLayer(32, 4, 64, activation="gelu", norm_first=True)
    return {
        "linear": lambda: nn.Linear(40, 30),
        "bilinear": lambda: nn.Bilinear(12, 10, 24),
        "conv1d, groups": lambda: nn.Conv1d(8, 16, 5, groups=2),
        "conv2d": lambda: nn.Conv2d(8, 16, 3),
        "conv3d": lambda: nn.Conv3d(4, 8, 3),
        "transposed 1d, groups": lambda: nn.ConvTranspose1d(8, 16, 5, groups=2),
        "transposed 2d, stride": lambda: nn.ConvTranspose2d(8, 12, 4, stride=2),
        "embedding": lambda: nn.Embedding(100, 30, padding_idx=3),
        "bag": lambda: nn.EmbeddingBag(100, 30),
        "rnn": lambda: nn.RNN(24, 32, nonlinearity="relu"),
        "gru": lambda: nn.GRU(24, 32, 2, bidirectional=True),
        "lstm": lambda: nn.LSTM(10, 30, bias=False),
        "lstm, projected": lambda: nn.LSTM(24, 32, 2, bidirectional=True, proj_size=8),
        "lstm cell": lambda: nn.LSTMCell(10, 30),
        "attention": lambda: nn.MultiheadAttention(32, 4),
        "attention, widths": lambda: nn.MultiheadAttention(32, 4, kdim=20, vdim=12),
        "attention, added": lambda: nn.MultiheadAttention(32, 4, add_bias_kv=True),
        "batch norm": lambda: nn.BatchNorm2d(30),
        "instance norm": lambda: nn.InstanceNorm2d(30, affine=True, track_running_stats=True),
        "group norm": lambda: nn.GroupNorm(3, 30),
        "rms norm": lambda: nn.RMSNorm(30),
        "slope": lambda: nn.PReLU(5),
        "adaptive softmax": lambda: nn.AdaptiveLogSoftmaxWithLoss(32, 100, [10, 50]),
        "encoder": lambda: nn.TransformerEncoder(encoder, 2, enable_nested_tensor=False),
        "decoder": lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(32, 4, 64), 2),
    }


TORCH_LAYERS = (
    *("linear", "bilinear", "conv1d, groups", "conv2d", "conv3d", "transposed 1d, groups"),
    *("transposed 2d, stride", "embedding", "bag", "rnn", "gru", "lstm", "lstm, projected"),
    *("lstm cell", "attention", "attention, widths", "attention, added", "batch norm"),
    *("instance norm", "group norm", "rms norm", "slope", "adaptive softmax"),
    *("encoder", "decoder"),
)


@pytest.mark.parametrize("name", TORCH_LAYERS)
def test_torch_s_own_start_follows_the_recipe_of_its_name_and_so_does_ours(name: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(4)
    layers = torch_layers(torch.nn)
    assert set(layers) == set(TORCH_LAYERS)
    model = layers[name]()
    # a stack is copies of one layer, which torch starts once: the audit finds that, and only that
    stacked = {"duplicate"} if name in ("encoder", "decoder") else set()
    assert {found.code for found in doctor.audit(model, "torch_default").findings} <= stacked
    for tensor in model.parameters():
        tensor.data.fill_(float("nan"))
    plan = interop.initialize(model, "torch_default", key=3)
    assert not any(entry.is_kept for entry in plan)
    assert doctor.audit(model, "torch_default").passed


def haiku_net(name: str) -> Any:
    hk = pytest.importorskip("haiku")
    nets = {
        "resnet18": lambda: hk.nets.ResNet18(10),
        "mobilenet": lambda: hk.nets.MobileNetV1(num_classes=10),
    }
    return hk.transform_with_state(lambda x: nets[name]()(x, is_training=True))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet"])
def test_haiku_s_networks_are_planned_from_shapes(name: str) -> None:
    jax = pytest.importorskip("jax")
    from initcore.interop.jax import initialize

    x = jax.ShapeDtypeStruct((2, 32, 32, 3), "float32")
    shapes, _ = jax.eval_shape(haiku_net(name).init, jax.random.key(0), x)
    params, plan = initialize(shapes, "he", key=0)
    kernels = [entry for entry in plan if entry.parameter.role == "weight"]
    assert len(kernels) == {"resnet18": 21, "mobilenet": 28}[name]
    for entry in kernels:
        *taps, n_in, _ = entry.parameter.shape
        assert entry.parameter.fan_in == np.prod(taps) * n_in
    assert jax.tree.structure(params) == jax.tree.structure(shapes)
    assert doctor.audit(params, plan).passed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "mobilenet"])
def test_haiku_s_networks_run_with_what_they_are_given(name: str) -> None:
    jax = pytest.importorskip("jax")
    from initcore.interop.jax import initialize

    net = haiku_net(name)
    x = jax.random.normal(jax.random.key(1), (2, 32, 32, 3))
    shapes, states = jax.eval_shape(net.init, jax.random.key(0), x)
    states = jax.tree.map(lambda leaf: jax.numpy.zeros(leaf.shape, leaf.dtype), states)
    y, _ = net.apply(initialize(shapes, "he", key=0).params, states, None, x)
    assert np.isfinite(y).all()
    assert float(y.std()) > 0


def test_equinox_s_networks_run_with_what_they_are_given() -> None:
    jax, eqx = pytest.importorskip("jax"), pytest.importorskip("equinox")
    from initcore.interop.jax import initialize

    key = jax.random.key(0)
    perceptron = eqx.nn.MLP(8, 4, 16, 2, key=key)
    attention = eqx.nn.MultiheadAttention(4, 16, key=key, use_query_bias=True)
    for model, inputs in ((perceptron, (np.ones(8),)), (attention, (np.ones((5, 16)),) * 3)):
        arrays, rest = eqx.partition(model, eqx.is_array)
        params, plan = initialize(arrays, "lecun", key=2)
        assert all(entry.parameter.fan_in for entry in plan if entry.parameter.role == "weight")
        assert np.isfinite(eqx.combine(params, rest)(*inputs)).all()
        assert doctor.audit(params, plan).passed


def test_flax_s_attention_counts_the_heads() -> None:
    jax, linen = pytest.importorskip("jax"), pytest.importorskip("flax.linen")
    from initcore.interop.jax import initialize

    layer = linen.MultiHeadDotProductAttention(num_heads=4, qkv_features=32)
    x = np.ones((2, 7, 24), np.float32)
    shapes = jax.eval_shape(layer.init, jax.random.key(0), x)
    params, plan = initialize(shapes, "lecun", key=2)
    found = {entry.parameter.name: entry.parameter.fan_in for entry in plan}
    assert {found[f"{name}/kernel"] for name in ("query", "key", "value")} == {24}
    assert found["out/kernel"] == 32
    assert np.isfinite(layer.apply(params, x)).all()


def keras_layers(keras: Any) -> dict[str, tuple[Callable[[], Any], tuple[int, ...]]]:
    made = keras.layers
    heads = {"output_shape": (None, 4, 8), "bias_axes": "nh"}
    return {
        "dense": (lambda: made.Dense(30), (20,)),
        "einsum": (lambda: made.EinsumDense("btd,dnh->btnh", **heads), (5, 24)),
        "conv1d, groups": (lambda: made.Conv1D(16, 5, groups=2), (20, 8)),
        "transposed": (lambda: made.Conv2DTranspose(12, 4, strides=2), (9, 9, 8)),
        "embedding": (lambda: made.Embedding(100, 30), (4,)),
        "both ways": (lambda: made.Bidirectional(made.LSTM(16)), (5, 10)),
        "gru": (lambda: made.GRU(30), (5, 10)),
        "rnn": (lambda: made.SimpleRNN(30), (5, 10)),
        "conv lstm": (lambda: made.ConvLSTM2D(8, 3), (4, 9, 9, 3)),
        "norms": (lambda: made.BatchNormalization(), (30,)),
        "slope": (lambda: made.PReLU(), (30,)),
        "each": (lambda: made.TimeDistributed(made.Dense(8)), (5, 30)),
    }


KERAS_LAYERS = (
    *("dense", "einsum", "conv1d, groups", "transposed", "embedding", "both ways", "gru", "rnn"),
    *("conv lstm", "norms", "slope", "each"),
)


@pytest.mark.parametrize("name", KERAS_LAYERS)
def test_keras_s_own_start_follows_the_recipe_of_its_name_and_so_does_ours(name: str) -> None:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(4)
    layers = keras_layers(keras)
    assert set(layers) == set(KERAS_LAYERS)
    make, shape = layers[name]
    model = keras.Sequential([keras.Input(shape), make()])
    assert doctor.audit(model, "keras_default").findings == ()
    plan = interop.initialize(model, "keras_default", key=3)
    assert not any(entry.is_kept for entry in plan)
    assert doctor.audit(model, "keras_default").findings == ()


def test_the_gates_of_a_convolutional_lstm_have_the_fans_of_its_kernels() -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((4, 9, 9, 3)), keras.layers.ConvLSTM2D(8, 5, name="a")])
    plan = interop.initialize(model, "xavier", key=3, dry_run=True)
    inputs, state = (plan[f"a/conv_lstm_cell/{name}"] for name in ("kernel", "recurrent_kernel"))
    assert (inputs.parameter.fan_in, state.parameter.fan_in) == (75, 200)
    assert [piece.shape for piece in state.pieces] == [(5, 5, 8, 8)] * 4


@pytest.mark.slow
def test_keras_s_networks_start_by_the_recipe_of_its_name() -> None:
    keras = pytest.importorskip("keras")
    model = keras.applications.ResNet50(weights=None, input_shape=(32, 32, 3), classes=10)
    assert doctor.audit(model, "keras_default").passed
    plan = interop.initialize(model, "he", key=0)
    assert len(plan.entries) == len(model.weights) == 320
    assert doctor.audit(model, plan).passed
    y = keras.ops.convert_to_numpy(model(np.ones((1, 32, 32, 3), np.float32)))
    assert np.isfinite(y).all()


@pytest.mark.slow
def test_keras_takes_a_depthwise_kernel_for_another_layer_and_the_audit_says_so() -> None:
    """The one place where its own start is not the law of the name: fans by the shape."""
    keras = pytest.importorskip("keras")
    model = keras.applications.MobileNetV2((32, 32, 3), weights=None, classes=10)
    found = {finding.name for finding in doctor.audit(model, "keras_default").findings}
    depthwise = {
        "/".join(weight.path.split("/")[-2:])
        for layer in model.layers
        for weight in layer.weights
        if isinstance(layer, keras.layers.DepthwiseConv2D)
    }
    assert found == depthwise
    interop.initialize(model, "keras_default", key=0)
    assert doctor.audit(model, "keras_default").passed
