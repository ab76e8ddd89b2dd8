"""Initializing a Keras model harms nothing: what is no kernel, frozen or quantized stays."""

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from initcore.interop.keras import initialize  # noqa: E402

layers = keras.layers
# of Keras's own variables, as NumPy 2 reads them
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_whole_numbers_and_adapted_statistics_are_kept() -> None:
    class Table(layers.Layer):
        def build(self, shape: Any) -> None:
            self.table = self.add_weight(
                shape=(4,), dtype="int32", initializer="ones", trainable=False, name="table"
            )

        def call(self, x: Any) -> Any:
            return x

    norm = layers.Normalization(name="adapted")
    norm.adapt(np.array([[1.0, 2.0], [3.0, 6.0]], np.float32))
    model = keras.Sequential([keras.Input((2,)), norm, Table(name="t"), layers.Dense(3, name="d")])
    before = [keras.ops.convert_to_numpy(w) for w in norm.weights]
    plan = initialize(model, "he", key=0)
    for kept, values in zip(norm.weights, before, strict=True):
        assert (keras.ops.convert_to_numpy(kept) == values).all()
    assert (keras.ops.convert_to_numpy(model.get_layer("t").table) == 1).all()
    assert plan["t/table"].is_kept
    assert keras.ops.convert_to_numpy(model.get_layer("d").kernel).std() > 0


def test_quantized_layers_are_refused_before_anything_is_written() -> None:
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="a"), layers.Dense(3, name="b")]
    )
    try:
        model.get_layer("b").quantize("int8")
    except Exception as error:  # not on every backend
        pytest.skip(f"this backend cannot quantize: {error}")
    before = keras.ops.convert_to_numpy(model.get_layer("a").kernel)
    with pytest.raises(TypeError, match="b is quantized to int8; initialize the model before"):
        initialize(model, "he", key=0)
    assert (keras.ops.convert_to_numpy(model.get_layer("a").kernel) == before).all()


def test_norm_in_the_name_of_a_class_means_nothing() -> None:
    class DenseNormalization(layers.Dense):
        def call(self, x: Any) -> Any:
            return super().call(x) * 2

    class MyNorm(layers.LayerNormalization):
        def call(self, x: Any) -> Any:
            return super().call(x) + x

    model = keras.Sequential([keras.Input((4,)), DenseNormalization(5, name="d")])
    plan = initialize(model, "he", key=0)
    assert plan["d/kernel"].parameter.role == "weight"
    assert "guessed: " in str(plan)
    assert "DenseNormalization computes" in str(plan)
    changed = keras.Sequential([keras.Input((4,)), MyNorm(name="n")])
    with pytest.raises(ValueError, match="n/gamma"):
        initialize(changed, "he", key=0)


def test_frozen_variables_are_kept_unless_a_rule_of_ones_own_names_them() -> None:
    frozen = layers.Dense(3, name="frozen", trainable=False)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            frozen,
            layers.BatchNormalization(name="bn"),
            layers.Dense(2, name="head"),
        ]
    )
    model.get_layer("bn").moving_mean.assign(np.full(3, 7.0, np.float32))
    before = keras.ops.convert_to_numpy(frozen.kernel)
    plan = initialize(model, "he", key=0)
    assert (keras.ops.convert_to_numpy(frozen.kernel) == before).all()
    assert "frozen: 2 variables" in str(plan)
    assert (keras.ops.convert_to_numpy(model.get_layer("bn").moving_mean) == 0).all()
    own = {"base": "he", "rules": [{"name": "frozen/kernel", "init": "zeros"}]}
    initialize(model, own, key=0)
    assert (keras.ops.convert_to_numpy(frozen.kernel) == 0).all()


@pytest.mark.parametrize("init", ["zeros", "he_normal"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_rule_for_an_integer_variable_is_refused_by_name_before_a_byte(
    init: str, dry_run: bool
) -> None:
    class Table(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.ids = self.add_weight(
                shape=(3, 2), dtype="int32", initializer="ones", trainable=False, name="ids"
            )

    parts = [keras.Input((4,)), keras.layers.Dense(3, name="fc"), Table(name="table")]
    model = keras.Sequential(parts)
    before = [np.array(variable.value) for variable in model.weights]
    rules = {"base": "glorot", "rules": [{"name": "table/ids", "init": init}]}
    with pytest.raises(TypeError, match="table/ids has dtype int32"):
        initialize(model, rules, key=1, dry_run=dry_run)
    for array, variable in zip(before, model.weights, strict=True):
        assert np.array_equal(array, np.asarray(variable.value))


def test_torch_default_has_torchs_law_whatever_the_layout() -> None:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 6)),
            layers.Conv2D(10, 3, name="conv"),
            layers.Conv2DTranspose(4, 3, name="up"),
            layers.Flatten(),
            layers.Dense(1024, name="d"),
        ]
    )
    plan = initialize(model, "torch_default", key=0)
    fan = {"conv": 6 * 9, "up": 4 * 9, "d": model.get_layer("d").kernel.shape[0]}
    for name, inputs in fan.items():
        # U(-r, r) with r = 1 / sqrt(fan) has the standard deviation 1 / sqrt(3 fan)
        assert plan[f"{name}/kernel"].std == pytest.approx((3 * inputs) ** -0.5, rel=1e-6)
        assert plan[f"{name}/bias"].std == pytest.approx((3 * inputs) ** -0.5, rel=1e-6)


def test_recurrent_kernels_of_keras_have_gain_1_under_he() -> None:
    model = keras.Sequential([keras.Input((5, 16)), layers.LSTM(64, name="lstm")])
    plan = initialize(model, "he", key=0)
    names = {e.parameter.role: e for e in plan if e.parameter.role in ("weight", "recurrent")}
    assert names["weight"].std == pytest.approx(16**-0.5)
    assert names["recurrent"].std == pytest.approx(64**-0.5)
