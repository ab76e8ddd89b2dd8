"""Trees of JAX parameters by a recipe: roles by the names of Flax, Haiku and Equinox."""

from typing import Any

import numpy as np
import pytest

import initcore as ic

jax = pytest.importorskip("jax")
from initcore.interop.jax import initialize  # noqa: E402

KEY = jax.random.key(0)
TOKENS = np.zeros((1, 7), np.int32)


def flax_model() -> Any:
    nn = pytest.importorskip("flax.linen")

    class Model(nn.Module):  # type: ignore[misc]
        @nn.compact
        def __call__(self, ids: Any) -> Any:
            x = nn.Embed(50, 16, name="table")(ids)
            x = nn.MultiHeadDotProductAttention(2, name="attention")(x, x)
            x = nn.RNN(nn.LSTMCell(8, name="lstm"), name="rnn")(nn.LayerNorm(name="norm")(x))
            return nn.Dense(3, name="head")(x)

    return Model()


def test_a_flax_model_is_started_from_its_shapes_alone() -> None:
    model = flax_model()
    shapes = jax.eval_shape(model.init, KEY, TOKENS)
    params, plan = initialize(shapes, "lecun", key=0)
    assert jax.tree.structure(params) == jax.tree.structure(shapes)
    roles = {entry.parameter.name: entry.parameter.role for entry in plan}
    assert roles["table/embedding"] == "embedding"
    assert roles["norm/bias"] == "shift"
    assert roles["lstm/hf/kernel"] == "recurrent"
    assert plan["attention/query/kernel"].parameter.layout == "ioo"
    assert plan["attention/out/kernel"].parameter.fan_in == 16
    kernel = np.asarray(params["params"]["head"]["kernel"])
    wanted = ic.LecunNormal()((3, 8), key=ic.Key(0) / "head" / "kernel")
    assert np.array_equal(kernel.T, wanted)
    assert np.isfinite(np.asarray(model.apply(params, TOKENS))).all()


def test_equinox_modules_keep_what_is_no_parameter() -> None:
    eqx = pytest.importorskip("equinox")
    model = eqx.nn.MLP(4, 3, 8, 2, key=KEY)
    started, plan = initialize(model, "he", key=0)
    assert started.activation is model.activation
    assert "relu assumed" in plan["layers/0/weight"].note
    wanted = ic.HeNormal()((8, 4), key=ic.Key(0).at("layers.0.weight"))
    assert np.array_equal(np.asarray(started.layers[0].weight), wanted)


def test_haiku_names_are_split_at_their_separators() -> None:
    hk = pytest.importorskip("haiku")
    net = hk.transform(lambda x: hk.nets.MLP([8, 3])(hk.LayerNorm(-1, True, True)(x)))
    params = net.init(KEY, np.ones((1, 4), np.float32))
    started, plan = initialize(params, "he", key=0)
    roles = {entry.parameter.name: entry.parameter.role for entry in plan}
    assert roles["layer_norm/offset"] == "shift"
    assert plan["mlp/linear_0/w"].parameter.fan_in == 4
    assert jax.tree.structure(started) == jax.tree.structure(params)


def test_flax_nnx_states_are_trees_too() -> None:
    nnx = pytest.importorskip("flax.nnx")

    class Model(nnx.Module):  # type: ignore[misc]
        def __init__(self, rngs: Any) -> None:
            self.fc = nnx.Linear(4, 3, rngs=rngs)
            self.norm = nnx.BatchNorm(3, rngs=rngs)

    graph, state = nnx.split(Model(nnx.Rngs(0)))
    started, plan = initialize(state, "lecun", key=0)
    assert plan["fc/kernel"].parameter.fan_in == 4
    assert plan["norm/var"].parameter.role == "running_var"
    model = nnx.merge(graph, started)
    wanted = ic.LecunNormal()((3, 4), key=ic.Key(0) / "fc" / "kernel")
    assert np.array_equal(np.asarray(model.fc.kernel[...]).T, wanted)


def test_layouts_may_be_said_where_names_do_not() -> None:
    tree = {"experts": {"table": jax.ShapeDtypeStruct((4, 16, 8), "float32")}}
    with pytest.raises(ValueError, match="has no rule for experts/table"):
        initialize(tree, "lecun", key=0)
    _, plan = initialize(tree, "lecun", key=0, layouts={"experts/*": "gio"}, dry_run=True)
    assert plan["experts/table"].parameter.fan_in == 16


def test_types_of_leaves_are_kept_and_counts_left_alone() -> None:
    tree = {"fc": {"kernel": jax.numpy.zeros((4, 3), "bfloat16")}, "step": jax.numpy.array(5)}
    started, _ = initialize(tree, "lecun", key=0)
    assert started["fc"]["kernel"].dtype == jax.numpy.bfloat16
    assert int(started["step"]) == 5
