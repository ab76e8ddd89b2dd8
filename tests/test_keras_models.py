"""Whole Keras models by a recipe: roles and fans by layer, keys by name."""

from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import interop

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
