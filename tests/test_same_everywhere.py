"""One recipe, one key: the same names have the same bytes in every framework, as whole models."""

import random
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import doctor, interop

SIZES = {"stem": (12, 40), "body": (40, 40), "head": (40, 7)}
RECIPE: dict[str, Any] = {
    "rules": [
        {"name": "*body*kernel", "init": {"initializer": "Orthogonal", "gain": 0.9}},
        {"name": "*kernel", "init": "he_normal"},
        {"name": "*bias", "init": {"initializer": "Uniform", "low": -0.1, "high": 0.1}},
    ]
}
KEY = ic.Key(21)
Values = dict[str, np.ndarray[Any, Any]]


def of_numpy() -> Values:
    """(in, out), as Keras and Flax store kernels."""
    laws: dict[str, ic.initializers.Initializer] = {
        name: ic.Orthogonal(0.9) if name == "body" else ic.HeNormal() for name in SIZES
    }
    found = {}
    for name, size in SIZES.items():
        key = KEY / name
        found[f"{name}/kernel"] = laws[name](size, key=key / "kernel", layout="io")
        found[f"{name}/bias"] = ic.Uniform(low=-0.1, high=0.1)(size[1:], key=key / "bias")
    return found


def of_torch() -> Values:
    torch = pytest.importorskip("torch")
    from initcore.interop.torch import materialize

    class Layer(torch.nn.Module):  # type: ignore[misc,name-defined]
        """A dense layer with the names of Keras and Flax, stored (out, in) as torch does."""

        def __init__(self, n_in: int, n_out: int) -> None:
            super().__init__()
            self.kernel = torch.nn.Parameter(torch.empty(n_out, n_in))
            self.bias = torch.nn.Parameter(torch.empty(n_out))

    with torch.device("meta"):
        model = torch.nn.ModuleDict({name: Layer(*size) for name, size in SIZES.items()})
    materialize(model, RECIPE, key=KEY)
    return {
        name.replace(".", "/"): (t.T if t.ndim > 1 else t).numpy()
        for name, t in model.state_dict().items()
    }


def of_keras() -> Values:
    keras = pytest.importorskip("keras")
    layers = [keras.layers.Dense(n_out, name=name) for name, (_, n_out) in SIZES.items()]
    model = keras.Sequential([keras.Input((12,)), *layers], name="model")
    interop.initialize(model, RECIPE, key=KEY)
    return {
        weight.path.removeprefix("model/"): keras.ops.convert_to_numpy(weight.value)
        for weight in model.weights
    }


def of_jax() -> Values:
    jax = pytest.importorskip("jax")
    from initcore.interop.jax import initialize

    tree = {
        name: {
            "bias": jax.ShapeDtypeStruct(size[1:], "float32"),
            "kernel": jax.ShapeDtypeStruct(size, "float32"),
        }
        for name, size in SIZES.items()
    }
    params, _ = initialize({"params": tree}, RECIPE, key=KEY)
    return {
        f"{a}/{b}": np.asarray(x) for a, part in params["params"].items() for b, x in part.items()
    }


@pytest.mark.parametrize("made", [of_torch, of_keras, of_jax])
def test_a_whole_model_has_the_bytes_of_its_names(made: Any) -> None:
    expected, found = of_numpy(), made()
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert np.array_equal(found[name], array), name
    assert interop.fingerprint(found["head/kernel"]) == interop.fingerprint(expected["head/kernel"])


def test_no_generator_of_anybody_s_moves() -> None:
    torch = pytest.importorskip("torch")
    from models import MODELS

    from initcore.interop.torch import initialize, materialize, prepare

    def states() -> Any:
        return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())  # noqa: NPY002

    net = MODELS["gpt"]()  # with dropout, which its graph passes through
    with torch.device("meta"):
        away = MODELS["resnet"]()
    before = states()
    plan = initialize(net, "he", key=0)
    prepare(net, "gpt2", key=0).write(key=1)
    materialize(away, "he", key=0)
    doctor.audit(net, plan)
    interop.fingerprint(net)
    assert states() == before
