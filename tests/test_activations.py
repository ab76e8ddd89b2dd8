"""Activation objects."""

import pickle

import pytest

from initcore import activations


@pytest.mark.parametrize("name", ["identity", "relu", "leaky_relu", "tanh", "sigmoid"])
def test_a_name_and_its_object_are_one_thing(name: str) -> None:
    found = activations.get(name)
    assert found.name == name
    assert activations.get(found) is found
    assert pickle.loads(pickle.dumps(found)) == found
    assert hash(found) == hash(activations.get(name))


def test_leaky_relu_carries_its_slope() -> None:
    assert activations.LeakyRelu(slope=0.2).parameters == (0.2,)
    assert activations.get("leaky_relu").parameters == (0.01,)
    assert activations.LeakyRelu(0.2) != activations.LeakyRelu(0.3)


@pytest.mark.parametrize("slope", [0.0, -1.0, float("nan"), float("inf"), "a"])
def test_leaky_relu_refuses_a_slope_that_loses_the_sign(slope: float) -> None:
    with pytest.raises(TypeError if slope == "a" else ValueError, match="slope="):
        activations.LeakyRelu(slope=slope)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"activation='swoosh'.*relu, leaky_relu"):
        activations.get("swoosh")
    with pytest.raises(TypeError, match="not a int"):
        activations.get(3)  # type: ignore[arg-type]
