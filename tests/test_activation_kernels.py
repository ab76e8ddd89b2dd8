"""Activations of the kernels: their values and derivatives, and the same bytes everywhere."""

import functools
from collections.abc import Iterator

import activation_twin as twin
import mpmath as mp
import numpy as np
import pytest
from activation_facts import EXACT, derivative

from initcore import activations, kernels
from initcore.activations import registry

KINDS = (np.float32, np.float64)
NAMES = tuple(EXACT)
SAVES_Z = {
    "prelu", "hardswish", "squareplus", "silu", "quick_gelu", "mish", "gelu", "gelu_tanh", "erf",
    "arctan", "sin",
}  # fmt: skip
KINKS = {
    "relu": (0,), "leaky_relu": (0,), "prelu": (0,), "relu6": (0, 6), "hardtanh": (-1, 1),
    "hardsigmoid": (-3, 3), "hardswish": (-3, 3), "selu": (0,),
}  # fmt: skip
# zeros of the derivative, to six digits
FLAT = {
    "silu": -1.278465, "quick_gelu": -0.751155, "mish": -1.192430, "gelu": -0.751792,
    "gelu_tanh": -0.752469, "hardswish": -1.5, "sin": 1.570796,
}  # fmt: skip


@pytest.fixture(autouse=True)
def restore_threads() -> Iterator[None]:
    before = kernels.get_num_threads()
    yield
    kernels.set_num_threads(before)


def points(name: str, kind: type, count: int) -> np.ndarray:
    """A grid over the range where something happens, a fine one about 0, and one where the
    derivative has its zero; no point next to a kink, where a difference says nothing."""
    grid = np.concatenate([
        np.linspace(-12, 12, count), np.linspace(-40, 40, count // 4),
        np.linspace(-1, 1, count // 2) ** 3, np.geomspace(1e-30, 1, count // 8),
        FLAT.get(name, 0) + np.linspace(-1e-3, 1e-3, count // 8),
    ]).astype(kind)  # fmt: skip
    for kink in KINKS.get(name, ()):
        grid = grid[np.abs(grid - kind(kink)) > 1e-9]
    return grid


def largest_error(values: np.ndarray, exact: list[mp.mpf]) -> float:
    """In max(4 ulp, 2 eps) of the type: 1 is the stated bound."""
    info = np.finfo(values.dtype)
    worst = 0.0
    for value, expected in zip(values, exact, strict=True):
        size = abs(expected)
        exponent = max(int(mp.frexp(size)[1]) - 1, info.minexp) if size else info.minexp
        unit = max(4 * mp.ldexp(1, exponent - info.nmant), 2 * mp.mpf(float(info.eps)))
        worst = max(worst, float(abs(mp.mpf(float(value)) - expected) / unit))
    return worst


def check_accuracy(name: str, kind: type, count: int) -> None:
    z = points(name, kind, count)
    y, saved = kernels.activation_forward(z, name)
    dz = kernels.activation_backward(np.ones_like(z), saved, name)
    with mp.workprec(120):
        exact = [mp.mpf(float(value)) for value in z]
        assert largest_error(y, [mp.mpf(EXACT[name](value)) for value in exact]) <= 1
        assert largest_error(dz, [mp.mpf(derivative(name, value)) for value in exact]) <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_activations_and_derivatives_are_within_their_bound(name: str, kind: type) -> None:
    check_accuracy(name, kind, 200)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_activations_are_within_their_bound_on_a_dense_grid(name: str, kind: type) -> None:
    check_accuracy(name, kind, 2000)


def grid(kind: type, count: int) -> np.ndarray:
    return np.concatenate([
        np.linspace(-20, 20, count), np.linspace(-1, 1, count), np.geomspace(1e-8, 100, count),
        [0.0, -0.0, 1, -1, 3, -3, 6, 1e4, -1e4, 1e7, -1e7, np.inf, -np.inf, np.nan],
    ]).astype(kind)  # fmt: skip


@functools.cache
def twin_bytes(name: str, kind: type, count: int) -> tuple[bytes, bytes]:
    numbers = (*activations.get(name).parameters, 0.0, 0.0)[:2]
    z = grid(kind, count)
    with np.errstate(all="ignore"):
        y = np.array([twin.forward(name, *numbers, value) for value in z], kind)
        saved = z if name in SAVES_Z else y
        dz = np.array([twin.backward(name, *numbers, s, kind(0.75)) for s in saved], kind)
    return canonical(y), canonical(dz)


def canonical(values: np.ndarray) -> bytes:
    """The bytes, with one NaN for all: sign and payload are not specified."""
    return np.where(np.isnan(values), values.dtype.type(np.nan), values).tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_activations_agree_with_the_twin_on_every_byte(name: str, kind: type, isa: str) -> None:
    z = grid(kind, 11)
    y, saved = kernels.activation_forward(z, name)
    dz = kernels.activation_backward(np.full_like(z, 0.75), saved, name)
    assert (canonical(y), canonical(dz)) == twin_bytes(name, kind, 11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_activations_ignore_threads_isa_and_layout(name: str, kind: type) -> None:
    z = np.linspace(-9, 9, 70 * 1001).astype(kind).reshape(70, 1001)
    dy = np.cos(z)
    apart = np.zeros((70, 2002), kind)[:, ::2]
    apart[...] = z
    found = set()
    before = kernels.isa()
    for isa in kernels.isas_available():
        kernels._select_isa(isa)
        for threads in (1, 3):
            kernels.set_num_threads(threads)
            for values in (z, apart, np.asfortranarray(z)):
                y, saved = kernels.activation_forward(values, name)
                dz = kernels.activation_backward(dy, saved, name)
                found.add((y.tobytes(), dz.tobytes()))
    kernels._select_isa(before)
    assert len(found) == 1


@pytest.mark.parametrize("name", NAMES)
def test_dense_layers_take_every_activation(name: str, isa: str) -> None:
    """The layer is the linear layer and the activation, to the byte, with every option."""
    rng = np.random.default_rng(1)
    x, w, b = rng.normal(size=(37, 300)), rng.normal(size=(51, 300)) / 17, rng.normal(size=51)
    z = kernels.dense_forward(x, w, b, save=False)
    y, saved = kernels.activation_forward(z, name)
    got, kept = kernels.dense_forward(x, w, b, activation=name)
    assert got.tobytes() == y.tobytes()
    assert kept.tobytes() == saved.tobytes()
    assert (kept is got) == (name not in SAVES_Z)
    assert kernels.dense_forward(x, w, b, activation=name, save=False).tobytes() == y.tobytes()
    dy = rng.normal(size=y.shape)
    dz = kernels.activation_backward(dy, saved, name)
    expected = kernels.dense_backward(dz, x, w, None)
    for left, right in zip(
        kernels.dense_backward(dy, x, w, kept, activation=name), expected, strict=True
    ):
        assert left.tobytes() == right.tobytes()


def test_activations_agree_with_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    f = torch.nn.functional
    functions = {
        "identity": lambda z: z + 0, "relu": f.relu, "leaky_relu": f.leaky_relu,
        "tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu6": f.relu6, "hardtanh": f.hardtanh,
        "hardsigmoid": f.hardsigmoid, "softsign": f.softsign, "elu": f.elu, "selu": f.selu,
        "celu": f.celu, "log_sigmoid": f.logsigmoid, "softplus": f.softplus,
        "prelu": lambda z: f.prelu(z, torch.tensor(0.25, dtype=z.dtype)),
        "hardswish": f.hardswish, "silu": f.silu, "mish": f.mish, "gelu": f.gelu,
        "gelu_tanh": lambda z: f.gelu(z, approximate="tanh"), "erf": torch.erf,
        "arctan": torch.atan, "sin": torch.sin,
    }  # fmt: skip
    assert set(NAMES) - set(functions) == {"lecun_tanh", "squareplus", "quick_gelu"}
    values = np.linspace(-7.013, 7.031, 4001)
    for name, function in functions.items():
        z = torch.tensor(values, requires_grad=True)
        out = function(z)
        out.sum().backward()
        y, saved = kernels.activation_forward(values, name)
        dz = kernels.activation_backward(np.ones_like(values), saved, name)
        # both round; torch's softplus is z itself from 20 on, which these values do not reach
        np.testing.assert_allclose(y, out.detach().numpy(), rtol=1e-14, atol=1e-15, err_msg=name)
        # torch keeps the 1/6 of its hard sigmoid in float32
        rtol = 4e-8 if name == "hardsigmoid" else 1e-13
        np.testing.assert_allclose(dz, z.grad.numpy(), rtol=rtol, atol=1e-14, err_msg=name)


def test_prelu_gives_the_gradient_of_its_slope() -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    rng = np.random.default_rng(2)
    z, dy = rng.normal(size=(40, 6)), rng.normal(size=(40, 6))
    slopes = torch.full((6,), 0.25, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.prelu(torch.tensor(z), slopes).backward(torch.tensor(dy))
    found = activations.PRelu.slope_gradient(dy, z)
    np.testing.assert_allclose(found, slopes.grad.numpy(), rtol=1e-13)


def test_the_limits_are_those_of_the_functions(isa: str) -> None:
    ends = np.array([-np.inf, np.inf, np.nan])
    for name in NAMES:
        y, saved = kernels.activation_forward(ends, name)
        dz = kernels.activation_backward(np.ones(3), saved, name)
        assert np.isnan(y[2]), name
        assert np.isnan(dz[2]) or name == "identity", name
        if name == "sin":
            assert np.isnan(y).all()
            continue
        near = kernels.activation_forward(np.array([-1e5, 1e5]), name, save=False)
        bounded = np.abs(near) < 10
        np.testing.assert_allclose(
            y[:2][bounded], near[bounded], rtol=2e-5, atol=2e-5, err_msg=name
        )
        assert np.all(np.isinf(y[:2][~bounded])), name


def test_in_place_and_out_are_honored() -> None:
    z = np.linspace(-3, 3, 24).reshape(4, 6)
    expected = kernels.activation_forward(z, "gelu", save=False)
    wide = np.zeros((4, 9))
    assert kernels.activation_forward(z, "gelu", save=False, out=wide[:, :6]) is not None
    assert wide[:, :6].tobytes() == expected.tobytes()
    assert not wide[:, 6:].any()
    own = z.copy()
    assert kernels.activation_forward(own, "gelu", save=False, out=own) is own
    assert own.tobytes() == expected.tobytes()
    dy = np.ones((2, 3, 4))
    kept = np.full((2, 3, 4), 0.5)
    assert kernels.activation_backward(dy, kept, "tanh", out=dy) is dy
    assert np.all(dy == 0.75)
    assert kernels.activation_forward(np.empty((0, 3)), "silu", save=False).shape == (0, 3)
    assert kernels.activation_forward(np.array(2.0), "relu", save=False).shape == ()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda z: kernels.activation_forward(z, "swoosh"), ValueError, "'swoosh'.*gelu"),
        (lambda z: kernels.activation_forward(z.astype(int), "relu"), TypeError, "z has dtype"),
        (lambda z: kernels.activation_forward(z, "gelu", out=z), ValueError, "shares memory"),
        (lambda z: kernels.activation_forward(z, "relu", out=z[::-1]), ValueError, "contiguous"),
        (
            lambda z: kernels.activation_forward(z, "relu", out=np.zeros(9)[::3]),
            ValueError,
            "contiguous",
        ),
        (lambda z: kernels.activation_backward(z, None, "gelu"), TypeError, "saved is None"),
        (lambda z: kernels.activation_backward(z, z[:2], "gelu"), ValueError, "saved has shape"),
        (lambda z: activations.Elu(0.0), ValueError, "alpha=0.0 must be greater"),
        (lambda z: activations.HardTanh(2.0, 1.0), ValueError, "low=2.0 must be less"),
        (lambda z: activations.Softplus(float("nan")), ValueError, "beta=nan must be finite"),
        (
            lambda z: activations.UserDefined("relu", np.sin, np.cos),
            ValueError,
            "is that of an activation",
        ),
        (lambda z: activations.UserDefined("mine", 3, np.cos), TypeError, "phi=3"),
        (lambda z: activations.register("relu"), TypeError, "activations.UserDefined"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, match) -> None:
    z = np.ones(3)
    with pytest.raises(error, match=match):
        call(z)
    assert np.all(z == 1)


def test_an_activation_of_ones_own_stands_around_the_linear_kernel() -> None:
    cube = activations.UserDefined("cube", lambda z: z**3, lambda z: 3 * z**2)
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(5, 4)), rng.normal(size=(3, 4))
    out = np.empty((5, 3))
    y, saved = kernels.dense_forward(x, w, activation=cube, out=out)
    assert y is out
    np.testing.assert_allclose(y, (x @ w.T) ** 3, rtol=1e-12)
    dy = rng.normal(size=(5, 3))
    dx, dw, db = kernels.dense_backward(dy, x, w, saved, activation=cube)
    dz = dy * 3 * (x @ w.T) ** 2
    np.testing.assert_allclose(dx, dz @ w, rtol=1e-12)
    np.testing.assert_allclose(dw, dz.T @ x, rtol=1e-12)
    np.testing.assert_allclose(db, dz.sum(0), rtol=1e-12)
    wrong = activations.UserDefined("wrong", lambda z: z.sum(), lambda z: z)
    with pytest.raises(ValueError, match=r"phi gave an array of shape \(\)"):
        kernels.dense_forward(x, w, activation=wrong)
    activations.register(cube)
    assert activations.get("cube") is cube
    del registry._REGISTERED["cube"]
