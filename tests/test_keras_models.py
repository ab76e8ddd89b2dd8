"""Whole Keras models by a recipe: roles and fans by layer, keys by name."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import interop, kernels

keras = pytest.importorskip("keras")
from initcore.interop.keras import initialize  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
layers = keras.layers


def images() -> Any:
    return keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(8, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Activation("tanh"),
            layers.DepthwiseConv2D(3, activation="relu", name="depth"),
            layers.Conv2DTranspose(4, 4, strides=2, name="back"),
            layers.Flatten(),
            layers.Dense(10, "softmax", name="head"),
        ]
    )


def words() -> Any:
    ids = keras.Input((7,))
    x = layers.Embedding(50, 16, name="table")(ids)
    x = layers.MultiHeadAttention(2, 8, name="attention")(x, x)
    x = layers.LSTM(12, name="lstm", return_sequences=True)(x)
    x = layers.LayerNormalization(name="norm")(layers.GRU(12, name="gru")(x))
    return keras.Model(ids, layers.Dense(3, name="head")(x))


def values(model: Any) -> dict[str, np.ndarray[Any, Any]]:
    return {weight.path: np.asarray(weight.value) for weight in model.weights}


def test_fans_are_those_of_the_layer() -> None:
    plan = initialize(images(), "he", key=0, dry_run=True)
    fans = {name: plan[f"{name}/kernel"].parameter for name in ("conv", "depth", "back", "head")}
    found = {name: (p.fan_in, p.fan_out) for name, p in fans.items()}
    taps = fans["head"].shape[0]
    # of 16 taps of a step of 2 a quarter reaches an output
    assert found == {"conv": (27, 72), "depth": (9, 9), "back": (32, 64), "head": (taps, 10)}


def test_gains_follow_what_stands_behind_a_layer_in_a_sequential_model() -> None:
    plan = initialize(images(), "he", key=0, dry_run=True)
    notes = {name: plan[f"{name}/kernel"].note for name in ("conv", "depth", "back", "head")}
    assert "tanh follows" in notes["conv"]
    assert "relu follows" in notes["depth"]
    assert "no activation follows" in notes["back"]
    assert "no activation follows" in notes["head"]


def test_every_weight_of_attention_and_recurrent_layers_has_a_rule_and_a_stream_of_its_own() -> (
    None
):
    model = words()
    plan = initialize(model, "keras_default", key=0)
    stds = {e.parameter.name: e.std for e in plan}
    assert stds["attention/query/kernel"] == pytest.approx((2 / 32) ** 0.5)
    drawn = [v for v in values(model).values() if v.ndim > 1 and v.any()]
    kernels = {v.tobytes() for v in drawn}
    assert len(drawn) == len(kernels) == 10
    query = values(model)["attention/query/kernel"]
    wanted = ic.GlorotUniform()(
        query.shape, key=ic.Key(0).at("attention.query.kernel"), layout="ioo"
    )
    assert np.array_equal(query, wanted)


def test_gates_are_started_one_by_one() -> None:
    model = words()
    initialize(model, "glorot", key=0)
    kernel = values(model)["lstm/lstm_cell/kernel"]
    gate = ic.GlorotUniform()((12, 16), key=ic.Key(0).at("lstm.lstm_cell.kernel") / "f")
    by_default = interop.initialize(model, ic.GlorotUniform(), key=0)
    assert by_default["lstm/lstm_cell/kernel"].parameter.parts == ("i", "f", "g", "o")
    assert np.array_equal(values(model)["lstm/lstm_cell/kernel"][:, 12:24].T, gate)
    assert kernel.shape == (16, 48)


def test_names_and_not_the_order_of_creation_decide() -> None:
    def model(first: str) -> Any:
        made = {name: layers.Dense(8, name=name) for name in sorted("ab", reverse=first == "b")}
        return keras.Sequential([keras.Input((8,)), made["a"], made["b"]])

    one, other = model("a"), model("b")
    interop.initialize(one, "glorot", key=3)
    interop.initialize(other, "glorot", key=3)
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)


def test_layers_that_keras_named_are_remarked_upon() -> None:
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4), layers.Dense(2, name="head")])
    plan = initialize(model, "glorot", key=0, dry_run=True)
    assert any("names by Keras" in remark and "head" not in remark for remark in plan.remarks)


def test_a_layer_of_ones_own_needs_a_rule() -> None:
    class Own(layers.Layer):
        def build(self, shape: Any) -> None:
            self.table = self.add_weight(shape=(3, 4), name="table")

    model = keras.Sequential([keras.Input((3,)), Own(name="own")])
    before = model.get_weights()[0].copy()
    with pytest.raises(ValueError, match="has no rule for own/table"):
        initialize(model, "glorot", key=0)
    assert np.array_equal(before, model.get_weights()[0])
    rules = {"base": "glorot", "rules": [{"name": "own/table", "init": "zeros"}]}
    initialize(model, rules, key=0)
    assert not model.get_weights()[0].any()


def test_what_is_no_built_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"call model\.build"):
        initialize(keras.Sequential([layers.Dense(3)]), "he", key=0)
    with pytest.raises(TypeError, match="must be a keras"):
        initialize(3, "he", key=0)


def test_all_weights_of_a_small_model_are_drawn_in_one_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = images()
    drawn: list[int] = []
    native = kernels._fill_many
    monkeypatch.setattr(
        kernels, "_fill_many", lambda fills: native(fills) or drawn.append(len(fills))
    )
    plan = initialize(model, "he", key=2)
    assert drawn == [4]
    found = {path.removeprefix(f"{model.name}/"): array for path, array in values(model).items()}
    for entry in plan:
        alone = np.empty(entry.parameter.shape, np.float32)
        entry.write(alone)
        assert np.array_equal(found[entry.parameter.name], alone)


OTHER_BACKEND = """
import keras, numpy as np, initcore as ic
from initcore.interop.keras import initialize
backend = keras.backend.backend()
for policy in ("float32", "bfloat16", "mixed_bfloat16"):
    keras.config.set_dtype_policy(policy)
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((6,)), layers.Dense(5, name="a"), layers.BatchNormalization(name="n"),
        layers.Dropout(0.5, name="d"), layers.Dense(4, name="b"),
    ])
    for weight in model.weights:
        if "float" in weight.dtype:
            weight.assign(keras.ops.full(weight.shape, float("nan"), dtype=weight.dtype))
    memory = [weight.value for weight in model.weights]
    plan = initialize(model, "torch_default", key=0, strict=False)
    for weight in model.weights:
        name = weight.path.removeprefix(model.name + "/")
        if plan[name].is_kept:
            continue
        wide = np.empty(weight.shape, np.float32)
        plan[name].write(wide)
        found = keras.ops.convert_to_numpy(keras.ops.cast(weight.value, "float32"))
        wanted = keras.ops.convert_to_numpy(keras.ops.cast(wide, weight.dtype)).astype("float32")
        assert (found == wanted).all(), (policy, name)
    if backend == "torch":
        import torch
        for old, weight in zip(memory, model.weights):
            assert weight.value is old or weight.value.data_ptr() == old.data_ptr()
            assert "seed" in weight.path or old._version > 0
        before = model.weights[0].value.clone()
        with keras.StatelessScope() as scope:
            initialize(model, "he", key=5, strict=False)
        assert torch.equal(model.weights[0].value, before)
        assert not torch.equal(scope.get_current_value(model.weights[0]), before)
print(backend)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "numpy", "torch"])
def test_every_backend_gets_the_same_model(backend: str) -> None:
    """PyTorch's variables are written where they lie, but not within a scope that records."""
    found = subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert found.stdout.strip() == backend, found.stderr[-2000:]
