"""Keras initializers with keys: Keras's laws, Keras's files, and no two tensors alike."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import initializers

keras = pytest.importorskip("keras")
from initcore.interop import keras as ik  # noqa: E402

# Keras's own conversion of its variables to NumPy arrays
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
KEY = ic.Key(0)
FAST = ["he_normal"]  # the backend compiles each law
SLOW = [
    "random_normal",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "random_uniform",
]
SLOW += ["truncated_normal", "variance_scaling"]


def values(tensor: Any) -> np.ndarray[Any, Any]:
    return np.asarray(getattr(tensor, "value", tensor))


@pytest.mark.parametrize(
    "name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_the_law_of_a_name_is_keras_s(name: str) -> None:
    shape = (3, 3, 100, 150)
    ours = values(getattr(ik, name)(key=KEY / name)(shape)).astype(np.float64)
    theirs = values(getattr(keras.initializers, name)(seed=1)(shape)).astype(np.float64)
    # the std of n numbers of kurtosis at most 3 is known to sqrt(1 / 2n); 6 of these, for two
    assert abs(ours.std() / theirs.std() - 1) < 6 * math.sqrt(2 / (2 * ours.size))
    if name != "random_normal":
        assert abs(ours.max() / theirs.max() - 1) < 0.02


@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "normal"])
def test_keras_s_names_of_distributions_keep_their_meaning(distribution: str) -> None:
    ours = values(ik.variance_scaling(1.0, "fan_avg", distribution, key=KEY)((300, 500)))
    make = keras.initializers.VarianceScaling
    theirs = values(make(1.0, "fan_avg", distribution, seed=1)((300, 500)))
    cut = 2 * theirs.std() / 0.8796
    assert (abs(ours).max() > 1.01 * cut) == (abs(theirs).max() > 1.01 * cut)


def test_orthogonal_is_orthogonal() -> None:
    w = values(ik.orthogonal(2.0, key=KEY)((32, 48)))
    assert np.abs(w @ w.T - 4 * np.eye(32)).max() < 1e-5


def test_a_second_use_is_refused_and_at_gives_another_tensor() -> None:
    init = ik.he_normal(key=KEY)
    first = init.at("fc1/kernel")
    layer = keras.layers.Dense(8, kernel_initializer=first)
    layer.build((None, 16))
    with pytest.raises(ValueError, match=r"Key\(0\) / 'fc1' / 'kernel', has started.*init\.at"):
        keras.layers.Dense(8, kernel_initializer=first).build((None, 16))
    other = keras.layers.Dense(8, kernel_initializer=init.at("fc2/kernel"))
    other.build((None, 16))
    assert not np.array_equal(values(layer.kernel), values(other.kernel))


def test_copies_that_a_layer_makes_for_its_parts_count_as_one() -> None:
    layer = keras.layers.MultiHeadAttention(2, 8, kernel_initializer=ik.he_normal(key=KEY))
    with pytest.raises(ValueError, match="attention"):
        layer.build((None, 4, 16), (None, 4, 16))


def test_a_saved_model_and_a_clone_start_alike(tmp_path: Path) -> None:
    init = ik.he_normal(key=KEY / "fc" / "kernel")
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8, kernel_initializer=init)])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    stored = keras.initializers.deserialize(keras.initializers.serialize(init))
    for found in (again.layers[0].kernel, clone.layers[0].kernel, stored((16, 8))):
        assert np.array_equal(values(found), values(model.layers[0].kernel))
    assert (stored.init, stored.key, stored.kernel) == (init.init, init.key, init.kernel)


def kernel(layer: Any, shape: tuple[int | None, ...]) -> np.ndarray[Any, Any]:
    layer.build(shape)
    return values(layer.kernel)


def test_kernels_are_the_layers_of_these_names_in_canonical_order() -> None:
    he = ic.VarianceScaling(2.0, "fan_in", "truncated_normal")
    layers = keras.layers
    start = {"key": KEY / "k"}
    dense = kernel(layers.Dense(8, kernel_initializer=ik.he_normal(**start)), (None, 16))
    assert np.array_equal(dense.T, he((8, 16), **start))
    conv = kernel(layers.Conv2D(8, 3, kernel_initializer=ik.he_normal(**start)), (None, 9, 9, 4))
    assert np.array_equal(conv.transpose(3, 2, 0, 1), he((8, 4, 3, 3), **start))
    init = ik.he_normal(**start, kernel="transposed")
    back = kernel(layers.Conv2DTranspose(8, 3, kernel_initializer=init), (None, 9, 9, 4))
    wanted = he((4, 8, 3, 3), **start, layout="io", transposed=True)
    assert np.array_equal(back.transpose(3, 2, 0, 1), wanted)
    init = ik.he_normal(**start, kernel="depthwise")
    depth = kernel(
        layers.DepthwiseConv2D(3, depth_multiplier=2, depthwise_initializer=init), (None, 9, 9, 4)
    )
    wanted = he((8, 1, 3, 3), **start, groups=4)
    assert np.array_equal(depth.transpose(2, 3, 0, 1).reshape(8, 1, 3, 3), wanted)


def test_a_depthwise_kernel_has_the_fans_of_its_layer_which_keras_s_has_not() -> None:
    shape = (3, 3, 512, 1)
    ours = values(ik.he_normal(key=KEY, kernel="depthwise")(shape))
    theirs = values(keras.initializers.HeNormal(seed=1)(shape))
    assert abs(9 * ours.var() / 2 - 1) < 0.1
    assert 9 * theirs.var() / 2 < 0.01


def test_an_embedding_and_gates_are_started_row_by_row_and_gate_by_gate() -> None:
    layer = keras.layers.Embedding(50, 8, ik.random_normal(key=KEY / "e", kernel="embedding"))
    layer.build((None,))
    assert np.array_equal(values(layer.embeddings), ic.Normal(std=0.05)((50, 8), key=KEY / "e"))
    lstm = keras.layers.LSTM(
        16,
        kernel_initializer=ik.glorot_uniform(key=KEY / "w", kernel="lstm"),
        recurrent_initializer=ik.orthogonal(key=KEY / "u", kernel="lstm"),
    )
    lstm.build((None, 5, 12))
    w, u = values(lstm.cell.kernel), values(lstm.cell.recurrent_kernel)
    for at, gate in enumerate("ifgo"):
        here = np.s_[:, 16 * at : 16 * (at + 1)]
        assert np.array_equal(w[here].T, ic.GlorotUniform()((16, 12), key=KEY / "w" / gate))
        assert np.abs(u[here].T @ u[here] - np.eye(16)).max() < 1e-5


def test_a_layout_may_be_said() -> None:
    init = ik.Start(ic.LecunNormal(), key=KEY, kernel=initializers.einsum_layout("btd,dnh->btnh"))
    assert np.array_equal(
        init.array((64, 4, 16)), ic.LecunNormal()((64, 4, 16), key=KEY, layout="ioo")
    )
    with pytest.raises(ValueError, match="layout='sideways'"):
        ik.he_normal(key=KEY, kernel="sideways")((3, 3))
    with pytest.raises(TypeError, match=r"key=0 must be an initcore\.Key"):
        ik.he_normal(key=0)
    with pytest.raises(TypeError, match="kernel=3"):
        ik.he_normal(key=KEY, kernel=3)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_narrow_types_are_the_float32_values_rounded_once(dtype: str) -> None:
    init = ik.he_normal(key=KEY)
    wide = keras.ops.convert_to_tensor(init.array((16, 8)))
    assert np.array_equal(values(init((16, 8), dtype)), values(keras.ops.cast(wide, dtype)))


def test_one_name_has_the_same_bytes_in_torch_keras_jax_and_numpy() -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    from initcore.interop import jax as ij

    key, law = KEY / "fc1" / "weight", ic.HeNormal()
    numpy = law((64, 128), key=key)
    layer = torch.nn.Linear(128, 64)
    law.fill(layer.weight, key=key)
    dense = keras.layers.Dense(64, kernel_initializer=ik.Start(law, key=key))
    traced = jax.jit(lambda: ij.from_initializer(law)(key, (128, 64)))()
    assert np.array_equal(numpy, layer.weight.detach().numpy())
    assert np.array_equal(numpy, kernel(dense, (None, 128)).T)
    assert np.array_equal(numpy, np.asarray(traced).T)


OTHER_BACKEND = """
import keras, numpy as np, initcore as ic
from initcore.interop import keras as ik
layer = keras.layers.Dense(8, kernel_initializer=ik.he_normal(key=ic.Key(0)))
layer.build((None, 16))
print(keras.backend.backend(), np.array(layer.kernel.value.tolist(), np.float32).sum())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_every_backend_gets_the_same_bytes(backend: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout.split()
    wanted = ik.he_normal(key=KEY).array((16, 8)).sum()
    assert found == [backend, str(wanted)]
