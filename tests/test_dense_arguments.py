"""Bad arguments of the dense kernels: errors that say what to do, before a byte is written."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from initcore import kernels

F = np.float32


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, F)


def forward(**changed: Any) -> Any:
    arguments = {"x": zeros(3, 4), "w": zeros(5, 4), "b": zeros(5), **changed}
    return kernels.dense_forward(**arguments)


def backward(**changed: Any) -> Any:
    arguments = {
        "dy": zeros(3, 5), "x": zeros(3, 4), "w": zeros(5, 4), "saved": zeros(3, 5),
        "activation": "relu", **changed,
    }  # fmt: skip
    return kernels.dense_backward(**arguments)


def entropy(**changed: Any) -> Any:
    arguments = {"logits": zeros(3, 4), "labels": np.zeros(3, np.int64), **changed}
    return kernels.softmax_cross_entropy(**arguments)


def squares(**changed: Any) -> Any:
    return kernels.mean_squared_error(**{"y": zeros(3, 4), "target": zeros(3, 4), **changed})


def step(**changed: Any) -> Any:
    arguments = {"parameter": zeros(3), "gradient": zeros(3), "velocity": zeros(3), **changed}
    return kernels.sgd_step(**{"lr": 0.1, **arguments})


def read_only(*shape: int) -> np.ndarray:
    a = zeros(*shape)
    a.flags.writeable = False
    return a


SHARED = zeros(400)


@pytest.mark.parametrize(
    ("call", "changed", "error", "words"),
    [
        (forward, {"x": [[1.0]]}, TypeError, r"x is a list.*numpy\.ndarray"),
        (forward, {"x": np.zeros((3, 4), int)}, TypeError, r"x has dtype int64.*float32 or"),
        (forward, {"x": zeros(4)}, ValueError, r"x has shape \(4,\).*2 dimensions"),
        (forward, {"w": np.zeros((5, 4))}, TypeError, r"w has dtype float64.*must be float32"),
        (forward, {"w": zeros(4, 5)}, ValueError, r"w has shape \(4, 5\).*\(n_out, 4\)"),
        (forward, {"b": zeros(4)}, ValueError, r"b has shape \(4,\).*\(5,\)"),
        (forward, {"b": zeros(1, 5)}, ValueError, r"b has shape.*1 dimension"),
        (forward, {"activation": "gelu?"}, ValueError, r"activation='gelu\?'.*relu"),
        (forward, {"activation": 3}, TypeError, r"activation=3.*name"),
        (forward, {"out": zeros(3, 4)}, ValueError, r"out has shape \(3, 4\).*\(3, 5\)"),
        (forward, {"out": np.zeros((3, 5))}, TypeError, r"out has dtype float64.*float32"),
        (forward, {"out": [1]}, TypeError, r"out is a list"),
        (forward, {"out": read_only(3, 5)}, ValueError, r"out is read-only"),
        (forward, {"out": zeros(5, 3).T}, ValueError, r"out has strides.*contiguous"),
        (
            forward,
            {"x": SHARED[:12].reshape(3, 4), "out": SHARED[8:23].reshape(3, 5)},
            ValueError,
            r"out shares memory with x",
        ),
        (
            forward,
            {"out": np.lib.stride_tricks.as_strided(SHARED, (3, 5), (8, 4))},
            ValueError,
            r"out has strides.*share memory",
        ),
        (backward, {"dy": zeros(3)}, ValueError, r"dy has shape \(3,\)"),
        (backward, {"x": zeros(2, 4)}, ValueError, r"x has shape \(2, 4\).*\(3, n_in\)"),
        (backward, {"x": None}, TypeError, r"x is a NoneType"),
        (backward, {"w": zeros(5, 3)}, ValueError, r"w has shape \(5, 3\).*\(5, 4\)"),
        (backward, {"saved": None}, TypeError, r"saved is None.*dense_forward"),
        (backward, {"saved": zeros(3, 4)}, ValueError, r"saved has shape.*\(3, 5\)"),
        (backward, {"need": "dx"}, TypeError, r"need='dx'.*collection"),
        (backward, {"need": ("dz",)}, ValueError, r"need=\('dz',\).*dx, dw, db"),
        (backward, {"out": zeros(3)}, TypeError, r"out is a ndarray.*\(dx, dw, db\)"),
        (backward, {"out": {"dz": None}}, ValueError, r"out has the names dz"),
        (backward, {"out": (zeros(4, 3), None, None)}, ValueError, r"out\[dx\] has shape"),
        (backward, {"out": (None, None, read_only(5))}, ValueError, r"out\[db\] is read-only"),
        (backward, {"accumulate": True}, ValueError, r"accumulate=True.*out"),
        (
            backward,
            {"need": ("dx",), "out": (None, zeros(5, 4), None)},
            ValueError,
            r"out has an array for a gradient that need",
        ),
        (
            backward,
            {"out": (SHARED[:12].reshape(3, 4), SHARED[:20].reshape(5, 4), None)},
            ValueError,
            r"out\[dw\] shares memory with out\[dx\]",
        ),
        (entropy, {"labels": np.zeros(3, np.int32)}, TypeError, r"labels has dtype int32.*int64"),
        (entropy, {"labels": np.zeros(2, np.int64)}, ValueError, r"labels has shape \(2,\)"),
        (entropy, {"labels": np.array([0, 4, 0])}, ValueError, r"labels\[1\]=4.*0 to 3"),
        (entropy, {"labels": np.array([0, 0, -1])}, ValueError, r"labels\[2\]=-1"),
        (entropy, {"logits": zeros(0, 4), "labels": np.zeros(0, np.int64)}, ValueError, "one row"),
        (entropy, {"out": zeros(4, 3).T}, ValueError, r"out has strides"),
        (squares, {"target": zeros(4, 3)}, ValueError, r"target has shape \(4, 3\)"),
        (squares, {"target": np.zeros((3, 4))}, TypeError, r"target has dtype float64"),
        (squares, {"y": zeros(0), "target": zeros(0)}, ValueError, r"at least one element"),
        (step, {"parameter": read_only(3)}, ValueError, r"parameter is read-only"),
        (step, {"gradient": zeros(4)}, ValueError, r"gradient has shape \(4,\)"),
        (step, {"velocity": np.zeros(3)}, TypeError, r"velocity has dtype float64"),
        (step, {"velocity": None, "momentum": 0.9}, ValueError, r"momentum=0.9 needs velocity"),
        (step, {"lr": float("nan")}, ValueError, r"lr=nan"),
        (step, {"lr": "fast"}, TypeError, r"lr='fast'"),
        (step, {"lr": 1e39}, ValueError, r"lr=1e\+39 must be finite in float32"),
        (
            step,
            {"parameter": SHARED[:3], "velocity": SHARED[2:5]},
            ValueError,
            r"parameter shares memory with velocity",
        ),
    ],
)
def test_bad_arguments_are_named_with_their_remedy(
    call: Callable[..., Any], changed: dict[str, Any], error: type[Exception], words: str
) -> None:
    call()  # the same call without the change is fine
    with pytest.raises(error, match=words):
        call(**changed)


def test_a_bad_call_writes_nothing() -> None:
    out = np.full((3, 4), 7, F)
    with pytest.raises(ValueError, match="labels"):
        kernels.softmax_cross_entropy(zeros(3, 4), np.array([0, 1, 9]), out=out)
    dx, dw = np.full((3, 4), 7, F), np.full((5, 4), 7, F)
    with pytest.raises(ValueError, match="db"):
        backward(out=(dx, dw, zeros(4)))
    assert np.all(out == 7)
    assert np.all(dx == 7)
    assert np.all(dw == 7)


def test_an_activation_object_carries_its_parameters() -> None:
    class Slope:
        name = "leaky_relu"

        def __init__(self, *parameters: float) -> None:
            self.parameters = parameters

    x, w = np.full((1, 1), -2, F), np.ones((1, 1), F)
    y, saved = kernels.dense_forward(x, w, activation=Slope(0.25))
    assert y[0, 0] == -0.5
    dx, _, _ = kernels.dense_backward(w, x, w, saved, activation=Slope(0.25))
    assert dx[0, 0] == 0.25
    for bad in (Slope(0.0), Slope(-1.0), Slope(float("inf")), Slope(0.1, 0.2)):
        with pytest.raises(ValueError, match=r"slope|parameters"):
            kernels.dense_forward(x, w, activation=bad)
