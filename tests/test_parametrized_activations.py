"""Activations at parameters other than the default ones, against SciPy's quadrature."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from activation_facts import WITH_PARAMETERS
from scipy import integrate

import initcore as ic
from initcore import activations, interop, theory
from initcore.activations import gains
from initcore.activations.named import DEFAULTS

A = activations
PARAMETRIZED = [
    (A.Elu(0.5), ("elu", 0.5)),
    (A.Elu(2.5), ("elu", 2.5)),
    (A.Celu(0.5), ("celu", 0.5)),
    (A.Celu(3.0), ("celu", 3.0)),
    (A.HardTanh(-2.0, 0.5), ("hardtanh", -2.0, 0.5)),
    (A.HardTanh(0.0, 3.0), ("hardtanh", 0.0, 3.0)),
    (A.Softplus(2.0), ("softplus", 2.0)),
    (A.Softplus(0.5), ("softplus", 0.5)),
    (A.Squareplus(1.0), ("squareplus", 1.0)),
    (A.Squareplus(0.1), ("squareplus", 0.1)),
    (A.LeakyRelu(0.3), ("leaky_relu", 0.3)),
    (A.PRelu(-0.5), ("leaky_relu", -0.5)),
    (A.Softshrink(1.2), ("softshrink", 1.2)),
]
QS = [0.5, 1.0, 4.0, 400.0]


def oracle(f: Callable[[float], float], q: float, breaks: tuple[float, ...]) -> float:
    """E f(x), x ~ N(0, q), between break points; quad asks for 1e-12 and gets below 1e-11."""
    sd = math.sqrt(q)
    edges = sorted({-12 * sd, -sd, 0.0, sd, 12 * sd, -5.0, 5.0, *breaks})
    edges = [edge for edge in edges if abs(edge) <= 12 * sd]

    def density(x: float) -> float:
        return f(x) * math.exp(-0.5 * x * x / q) / (sd * math.sqrt(2 * math.pi))

    return sum(
        integrate.quad(density, low, high, epsabs=1e-14, epsrel=1e-12, limit=200)[0]
        for low, high in itertools.pairwise(edges)
    )


@pytest.mark.parametrize("q", QS)
@pytest.mark.parametrize(("activation", "case"), PARAMETRIZED, ids=lambda value: repr(value))
def test_moments_gain_and_critical_point_are_those_of_quadrature(
    activation: Any, case: tuple[Any, ...], q: float
) -> None:
    name, *numbers = case
    exact, exact_slope = WITH_PARAMETERS[name]

    def phi(x: float) -> float:
        return exact(x, *numbers)

    def slope(x: float) -> float:
        return exact_slope(x, *numbers)

    kinks = activation.kinks
    mean, square = oracle(phi, q, kinks), oracle(lambda x: phi(x) ** 2, q, kinks)
    square_z2 = oracle(lambda x: phi(x) ** 2 * x * x / q, q, kinks)
    derivative = oracle(lambda x: slope(x) ** 2, q, kinks)
    at = gains.moments(activation, q)
    assert at.mean == pytest.approx(mean, rel=1e-9, abs=1e-10 * math.sqrt(q))
    assert at.square == pytest.approx(square, rel=1e-9)
    assert at.square_z2 == pytest.approx(square_z2, rel=1e-9)
    assert at.derivative_square == pytest.approx(derivative, rel=1e-8)
    # gains have 9 digits
    assert ic.gain(activation, q=q) == pytest.approx(math.sqrt(q / square), rel=1e-8)
    assert ic.gain(activation, "std", q) == pytest.approx(
        math.sqrt(q / (square - mean * mean)), rel=1e-8
    )
    assert ic.gain(activation, "backward", q) == pytest.approx(derivative**-0.5, rel=1e-8)
    bias = q - square / derivative
    if bias < -1e-8 * q:
        with pytest.raises(ValueError, match="none exists"):
            ic.critical(activation, q)
    else:
        sigma_w, sigma_b_squared = ic.critical(activation, q)
        assert sigma_w == pytest.approx(derivative**-0.5, rel=1e-8)
        assert sigma_b_squared == pytest.approx(bias, rel=1e-7, abs=1e-7 * q)


def test_every_activation_that_has_parameters_is_tested_at_others() -> None:
    tested = {type(activation) for activation, _ in PARAMETRIZED}
    assert tested == {type(phi) for phi in DEFAULTS.values() if phi.parameters}


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_derivative_is_that_of_the_formula(name: str) -> None:
    phi = DEFAULTS[name]
    z = np.linspace(-7.03, 7.01, 141)
    h = 2.0**-17
    difference = (phi(z + h) - phi(z - h)) / (2 * h)
    # h^2 / 6 of the third derivative, below 30, and the rounding of a value below 50: 1e-14 / h
    np.testing.assert_allclose(phi.derivative(z), difference, atol=2e-9, rtol=0)


@pytest.mark.parametrize("q", [0.02, 0.7, 1.0, 30.0])
@pytest.mark.parametrize("name", ["sin", "cos", "snake"])
def test_closed_forms_agree_with_quadrature(name: str, q: float) -> None:
    at, by_quadrature = gains.moments(name, q), gains.moments(lambda z: DEFAULTS[name](z), q)
    for what in ("mean", "square", "square_z2", "derivative_square"):
        assert getattr(at, what) == pytest.approx(
            getattr(by_quadrature, what), rel=1e-9, abs=1e-12 * q
        )


@pytest.mark.parametrize("name", DEFAULTS)
def test_panels_that_widen_agree_with_quadrature_at_any_q(name: str) -> None:
    for q in (99.0, 101.0):  # on either side of where one takes over from the other
        at, whole = gains.moments(name, q), gains.moments(lambda z: DEFAULTS[name](z), q)
        for what in ("mean", "square", "square_z2", "derivative_square"):
            assert getattr(at, what) == pytest.approx(
                getattr(whole, what), rel=1e-9, abs=1e-10 * math.sqrt(q)
            )


def test_a_large_q_leaves_a_finite_gradient() -> None:
    # E sech^4(sqrt(q) z) -> (4 / 3) / sqrt(2 pi q)
    at = gains.moments("tanh", 1e12)
    assert at.derivative_square == pytest.approx(4 / 3 / math.sqrt(2 * math.pi * 1e12), rel=1e-9)


def test_a_user_defined_activation_is_one_like_any_other() -> None:
    mine = A.UserDefined("mine", np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    assert ic.gain(mine) == pytest.approx(ic.gain("tanh"), rel=5e-9)
    assert ic.critical(mine).sigma_w == pytest.approx(ic.critical("tanh").sigma_w, rel=5e-9)
    assert gains.stability(mine).verdict == "attracting"
    assert theory.MeanField(mine, 1.2).q_star == pytest.approx(
        theory.MeanField("tanh", 1.2).q_star, rel=1e-9
    )
    assert theory.critical_rate(mine) == pytest.approx(theory.critical_rate("tanh"), rel=1e-8)


@pytest.mark.parametrize("activation", [A.Elu(0.5), A.Celu(2.0), A.Softplus(3.0)])
def test_a_model_starts_with_the_gain_of_the_parameters(activation: Any) -> None:
    net = ic.Sequential(ic.Dense(256, 512, activation), ic.Dense(512, 2))
    plan = interop.initialize(net, "he", key=0)
    assert f"gain {ic.gain(activation):.4g}" in str(plan)


@pytest.mark.parametrize("name", [name for name, phi in DEFAULTS.items() if not phi.has_kernel])
def test_a_layer_refuses_an_activation_without_a_kernel_and_says_what_to_use(name: str) -> None:
    for layer in (lambda phi: ic.Dense(2, 2, phi), ic.Activation):
        for activation in (name, DEFAULTS[name]):
            with pytest.raises(
                ValueError, match=r"has no kernel; use one of identity.*UserDefined"
            ):
                layer(activation)
    with pytest.raises(ValueError, match="activation="):
        ic.kernels.activation_forward(np.ones(2), DEFAULTS[name])
    phi = DEFAULTS[name]
    ic.Dense(2, 2, A.UserDefined(f"my_{name}", phi, phi.derivative))


@pytest.mark.parametrize("name", [name for name, phi in DEFAULTS.items() if phi.has_kernel])
def test_an_object_and_its_kernel_are_one_function(name: str) -> None:
    z = np.linspace(-9.0, 9.0, 1001)
    y, saved = ic.kernels.activation_forward(z, name)
    dz = ic.kernels.activation_backward(np.ones_like(z), saved, name)
    # NumPy's formulas are within some ulp of values of up to 9; slopes are up to 1.1
    np.testing.assert_allclose(y, DEFAULTS[name](z), rtol=0, atol=64 * 2.0**-52)
    inside = ~np.isin(z, DEFAULTS[name].kinks)
    np.testing.assert_allclose(
        dz[inside], DEFAULTS[name].derivative(z)[inside], rtol=0, atol=64 * 2.0**-52
    )
