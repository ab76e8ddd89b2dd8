"""Initializer functions for JAX: JAX's names, arguments and laws; the numbers of stream v1."""

import inspect
import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import initcore as ic

jax = pytest.importorskip("jax")
from initcore.interop import jax as ij  # noqa: E402

KEY = jax.random.key(7)
SHAPE = (128, 64)
WANTED = ic.VarianceScaling(2.0, "fan_in", "truncated_normal")(SHAPE, key=ic.Key(7), layout="io")
NAMES = [name for name in dir(jax.nn.initializers) if not name.startswith("_")]
FAST = ("he_normal", "truncated_normal")  # JAX compiles each law for a second
DRAWN = [
    name if name in FAST else pytest.param(name, marks=pytest.mark.slow)
    for name in NAMES
    if name.endswith(("normal", "uniform"))
]


def same(found: Any, wanted: Any) -> bool:
    return np.array_equal(np.asarray(found), np.asarray(wanted))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "Initializer"])
def test_a_name_of_jax_has_the_same_arguments_and_defaults_here(name: str) -> None:
    theirs = inspect.signature(getattr(jax.nn.initializers, name)).parameters.values()
    ours = inspect.signature(getattr(ij, name)).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


@pytest.mark.parametrize("name", DRAWN)
def test_the_law_is_jaxs(name: str) -> None:
    shape = (3, 3, 100, 150)
    ours = np.asarray(getattr(ij, name)()(KEY, shape), np.float64)
    theirs = np.asarray(getattr(jax.nn.initializers, name)()(KEY, shape), np.float64)
    # the std of n numbers of kurtosis at most 3 is known to sqrt(1 / 2n); 6 of these, for two
    error = 6 * math.sqrt(2 / (2 * ours.size))
    assert abs(ours.std() / theirs.std() - 1) < error
    assert abs(ours.mean() - theirs.mean()) < 6 * math.sqrt(2 / ours.size) * theirs.std()
    if name != "normal":
        assert abs(ours.max() - theirs.max()) < 0.02 * theirs.max()


def test_the_axes_of_a_kernel_are_the_ones_said() -> None:
    by_axes = ij.variance_scaling(1.0, "fan_in", "normal", in_axis=0, out_axis=(1, 2))
    assert same(
        by_axes(KEY, (64, 4, 16)), ic.LecunNormal()((64, 4, 16), key=ic.Key(7), layout="ioo")
    )
    experts = ij.lecun_normal(batch_axis=0)(KEY, (4, 256, 32))
    assert abs(256 * float(np.asarray(experts).var()) - 1) < 0.06
    with pytest.raises(ValueError, match=r"in_axis=\(5,\) must name axes"):
        ij.he_normal(in_axis=5)(KEY, (4, 4))


@pytest.mark.parametrize("column_axis", [-1, -2])
def test_orthogonal_columns_are_along_the_axis_said(column_axis: int) -> None:
    w = np.asarray(ij.orthogonal(2.0, column_axis)(KEY, (48, 32)), np.float64)
    short = w if w.shape[0] <= w.shape[1] else w.T
    assert np.abs(short @ short.T - 4 * np.eye(32)).max() < 1e-5
    theirs = jax.nn.initializers.delta_orthogonal()(KEY, (3, 3, 8, 16))
    ours = ij.delta_orthogonal()(KEY, (3, 3, 8, 16))
    assert same(ours != 0, np.asarray(theirs) != 0)


def test_a_traced_key_gives_the_same_bytes() -> None:
    init = ij.he_normal()
    assert same(init(KEY, SHAPE), WANTED)
    assert same(jax.jit(lambda key: init(key, SHAPE))(KEY), WANTED)
    assert same(jax.jit(lambda key: init(key, SHAPE))(jax.random.key_data(KEY)), WANTED)
    shape = jax.eval_shape(lambda key: init(key, SHAPE, "bfloat16"), KEY)
    assert (shape.shape, shape.dtype) == (SHAPE, jax.numpy.bfloat16)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_vmap_gives_each_key_its_own_tensor(wrap: Any) -> None:
    init = ij.glorot_uniform()
    keys = jax.random.split(KEY, 6).reshape(2, 3)
    many = wrap(jax.vmap(jax.vmap(lambda key: init(key, (8, 4)))))(keys)
    for index in np.ndindex(2, 3):
        assert same(many[index], init(keys[index], (8, 4)))


def test_key_data_is_the_seed() -> None:
    assert ij.key_of(jax.random.key(5)) == ic.Key(5)
    assert ij.key_of(jax.random.PRNGKey(5)) == ic.Key(5)
    high = jax.random.wrap_key_data(np.array([3, 4], np.uint32), impl="threefry2x32")
    assert ij.key_of(high) == ic.Key(3 * 2**32 + 4)
    rbg = jax.random.key(5, impl="rbg")
    assert ij.key_of(rbg) == ij.key_of(rbg) != ij.key_of(jax.random.key(6, impl="rbg"))
    with pytest.raises(TypeError, match=r"use jax\.vmap"):
        ij.he_normal()(jax.random.split(KEY, 2), SHAPE)


def test_an_initcore_key_names_the_tensor() -> None:
    key = ic.Key(0) / "fc1" / "kernel"
    init = ij.from_initializer(ic.HeUniform())
    assert same(init(key, SHAPE), ic.HeUniform()(SHAPE, key=key, layout="io"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_types_are_the_float32_values_rounded_once(dtype: str) -> None:
    init = ij.normal(1.0, dtype)
    assert same(init(KEY, SHAPE), ij.normal(1.0)(KEY, SHAPE).astype(dtype))


def test_what_does_not_fit_is_refused_while_it_is_traced() -> None:
    with pytest.raises(ValueError, match="fan_in"):
        jax.eval_shape(lambda key: ij.he_normal()(key, (5,)), KEY)
    with pytest.raises(TypeError, match="int32"):
        jax.eval_shape(lambda key: ij.normal()(key, (5,), "int32"), KEY)
    with pytest.raises(ValueError, match="mode='fan_middle'"):
        ij.variance_scaling(1.0, "fan_middle", "normal")


def test_functions_of_one_law_are_equal_and_hash_alike() -> None:
    assert ij.he_normal() == ij.he_normal() != ij.lecun_normal()
    assert hash(ij.he_normal()) == hash(ij.kaiming_normal())


def test_flax_takes_them() -> None:
    linen = pytest.importorskip("flax.linen")
    nnx = pytest.importorskip("flax.nnx")
    made = linen.Dense(64, kernel_init=ij.he_normal()).init(KEY, np.ones((1, 128), np.float32))
    assert abs(128 * made["params"]["kernel"].var() / 2 - 1) < 0.1
    layer = nnx.Linear(128, 64, kernel_init=ij.he_normal(), rngs=nnx.Rngs(0))
    assert abs(128 * layer.kernel[...].var() / 2 - 1) < 0.1


def test_haiku_takes_them() -> None:
    hk = pytest.importorskip("haiku")
    layer = hk.transform(lambda x: hk.Linear(64, w_init=ij.haiku(ij.he_normal()))(x))
    made = layer.init(KEY, np.ones((1, 128), np.float32))
    assert abs(128 * made["linear"]["w"].var() / 2 - 1) < 0.1


def test_equinox_leaves_are_replaced() -> None:
    eqx = pytest.importorskip("equinox")
    layer = eqx.nn.Linear(128, 64, key=KEY)
    weight = ij.from_initializer(ic.HeNormal(), layout="oi")(ic.Key(0) / "weight", (64, 128))
    layer = eqx.tree_at(lambda it: it.weight, layer, weight)
    assert same(layer.weight, ic.HeNormal()((64, 128), key=ic.Key(0) / "weight"))


SHARDED = """
import jax, numpy as np
from initcore.interop import jax as ij
key, init, shape = jax.random.key(7), ij.he_normal(), (128, 64)
mesh = jax.make_mesh((4,), ("d",))
sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("d"))
wanted = np.asarray(init(key, shape))
for found in (
    init(key, shape, out_sharding=sharding),
    jax.jit(lambda key: init(key, shape), out_shardings=sharding)(key),
    jax.jit(lambda key: init(key, shape, None, sharding))(key),
):
    assert found.sharding.is_equivalent_to(sharding, 2), found.sharding
    assert [part.data.shape for part in found.addressable_shards] == [(32, 64)] * 4
    assert np.array_equal(np.asarray(found), wanted)
"""


def test_a_sharded_tensor_is_the_same_tensor() -> None:
    four = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    subprocess.run(
        [sys.executable, "-c", SHARDED],
        env={**os.environ, **four},
        check=True,
        capture_output=True,
        timeout=120,
    )


def test_a_shape_is_an_int_or_ints() -> None:
    assert same(ij.normal()(KEY, 5), ij.normal()(KEY, (5,)))
    assert ij.normal()(KEY, (np.int32(3), np.array(2))).shape == (3, 2)
    for shape in ((3.7, 4), "34", None, (True, 2)):
        with pytest.raises(TypeError, match=r"shape=.*must be an int or a tuple of ints"):
            ij.normal()(KEY, shape)


@pytest.mark.parametrize("key", [None, 3, "key", [0, 1]])
def test_what_is_no_key_is_refused_by_name(key: Any) -> None:
    with pytest.raises(TypeError, match=r"key=.* must be one key of JAX"):
        ij.he_normal()(key, (3, 4))


def test_a_tensor_of_as_many_axes_as_a_fill_takes_is_drawn() -> None:
    shape = (1,) * 30 + (3, 4)
    assert same(ij.he_normal()(KEY, shape).reshape(3, 4), ij.he_normal()(KEY, (3, 4)))
