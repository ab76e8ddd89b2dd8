"""Gains, critical points and stability against digits found elsewhere."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore.activations import gains
from initcore.activations.moments import MOMENTS
from initcore.activations.named import DEFAULTS
from initcore.activations.quadrature import expectations

ROWS = [
    line.split()
    for line in (Path(__file__).parent / "data" / "gains.txt").read_text().splitlines()
    if not line.startswith("#")
]


def named(text: str) -> Any:
    """The activation of a row: a name, or leaky_relu with its slope."""
    if text.startswith("leaky_relu("):
        return ic.activations.LeakyRelu(float(text[11:-1]))
    return text


def function_of(text: str) -> Callable[..., Any]:
    name, _, rest = text.partition("(")
    phi = type(DEFAULTS[name])(float(rest[:-1])) if rest else DEFAULTS[name]
    return lambda z: phi(z)  # not the object, whose moments are constants


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
@pytest.mark.parametrize("how", ["name", "function"])
def test_gains_have_the_digits_of_the_table(row: list[str], how: str) -> None:
    activation = named(row[0]) if how == "name" else function_of(row[0])
    mean, square, derivative, rms, std, backward, chi, slope = map(float, row[1:9])
    found = gains.moments(activation)
    assert abs(found.mean - mean) < 2e-8
    assert abs(found.square - square) < 2e-8
    assert abs(found.derivative_square - derivative) < 2e-8
    assert abs(found.chi - chi) < 1e-6
    assert abs(ic.gain(activation) - rms) < 2e-8
    assert abs(ic.gain(activation, "std") - std) < 2e-8
    assert abs(ic.gain(activation, mode="backward") - backward) < 2e-8
    # the table has 6 digits of it
    assert abs(gains.stability(activation).slope - slope) < 1e-6


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_critical_points_are_those_of_the_table_or_none_exists(row: list[str]) -> None:
    activation = named(row[0])
    if row[9] == "none":
        with pytest.raises(ValueError, match="none exists"):
            ic.critical(activation)
        return
    sigma_w, sigma_b_squared = ic.critical(activation)
    assert abs(sigma_w - float(row[9])) < 1e-7
    assert abs(sigma_b_squared - float(row[10])) < 1e-7
    found = gains.stability(activation, sigma_w=sigma_w)
    assert abs(found.slope - float(row[11])) < 1e-4


def test_the_table_covers_every_named_activation() -> None:
    assert {row[0].partition("(")[0] for row in ROWS} == set(DEFAULTS)


@pytest.mark.parametrize("name", MOMENTS)
def test_a_name_and_its_function_have_one_gain(name: str) -> None:
    found = expectations(DEFAULTS[name])
    for mine, constant in zip(
        (found.mean, found.square, found.square_z2, found.derivative_square),
        MOMENTS[name],
        strict=True,
    ):
        assert abs(mine - constant) < 1e-10
    assert ic.gain(function_of(name)) == float(f"{ic.gain(name):.9g}")


# Phi(z) to double, for closed forms
def below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


@pytest.mark.parametrize(
    ("name", "square", "derivative"),
    [
        (
            "gelu",
            1 / 3 + 1 / (2 * math.pi * math.sqrt(3)),
            1 / 3 + 2 / (3 * math.pi * math.sqrt(3)),
        ),
        ("erf", 2 / math.pi * math.asin(2 / 3), 4 / (math.pi * math.sqrt(5))),
        ("sin", (1 - math.exp(-2)) / 2, (1 + math.exp(-2)) / 2),
        ("gaussian", 1 / math.sqrt(5), 0.8 / math.sqrt(5)),
        (
            "hardtanh",
            math.erf(math.sqrt(0.5)) - 2 * math.exp(-0.5) / math.sqrt(2 * math.pi) + 2 * below(-1),
            math.erf(math.sqrt(0.5)),
        ),
        (
            "elu",
            0.5 + math.exp(2) * below(-2) - 2 * math.exp(0.5) * below(-1) + 0.5,
            0.5 + math.exp(2) * below(-2),
        ),
    ],
)
def test_closed_forms_agree(name: str, square: float, derivative: float) -> None:
    found = gains.moments(name)
    assert found.square == pytest.approx(square, rel=1e-14)
    assert found.derivative_square == pytest.approx(derivative, rel=1e-14)


@pytest.mark.parametrize("q", [0.01, 0.3, 1.0, 2.5, 40.0])
def test_gelu_at_any_q_has_its_closed_form(q: float) -> None:
    # E[z^2 q Phi(sqrt(q) z)^2], from E[Phi(az)^2] = 1/4 + asin(a^2 / (1 + a^2)) / (2 pi) and two
    # integrations by parts
    r = q / (1 + q)
    arc = 0.25 + math.asin(r) / (2 * math.pi)
    square = q * (arc + q / (math.pi * (1 + q) * math.sqrt(1 + 2 * q)))
    assert gains.moments("gelu", q).square == pytest.approx(square, rel=1e-10)
    assert ic.gain("gelu", q=q) == pytest.approx(math.sqrt(q / square), rel=5e-9)


@pytest.mark.parametrize("q", [0.01, 1.0, 7.3])
def test_the_gain_of_a_homogeneous_function_does_not_depend_on_q(q: float) -> None:
    for mode in ("rms", "std", "backward"):
        assert ic.gain("relu", mode, q) == pytest.approx(ic.gain("relu", mode), rel=1e-15)
        assert ic.gain(lambda z: np.maximum(z, 0), mode, q) == pytest.approx(
            ic.gain("relu", mode), rel=5e-9
        )


@pytest.mark.parametrize("at", [0.0, 0.3, 1 / 3, -2.7])
def test_a_kink_anywhere_is_found(at: float) -> None:
    found = expectations(lambda z: np.maximum(z, at))
    density = math.exp(-at * at / 2) / math.sqrt(2 * math.pi)
    assert found.mean == pytest.approx(at * below(at) + density, rel=1e-10)
    square = at * at * below(at) + at * density + below(-at)
    assert found.square == pytest.approx(square, rel=1e-10)
    assert found.derivative_square == pytest.approx(below(-at), rel=1e-9)


@pytest.mark.parametrize("at", [0.0, 0.25, 0.3, -1.7])
def test_a_step_has_a_gain_and_no_gradient(at: float) -> None:
    def step(z: Any) -> Any:
        return np.where(z > at, 1.0, 0.0)

    assert ic.gain(step) == pytest.approx(math.sqrt(1 / below(-at)), rel=5e-9)
    assert ic.gain(step, "std") == pytest.approx(1 / math.sqrt(below(at) * below(-at)), rel=5e-9)
    for call in (lambda: ic.gain(step, "backward"), lambda: ic.critical(step)):
        with pytest.raises(ValueError, match="jumps"):
            call()
    with pytest.raises(ValueError, match="none exists"):
        ic.critical(lambda z: z + step(z))


def test_a_function_of_one_number_will_do() -> None:
    assert ic.gain(math.tanh) == float(f"{ic.gain('tanh'):.9g}")
    assert ic.gain(lambda z: z if z > 0 else 0.0) == 1.41421356


@pytest.mark.parametrize(
    ("activation", "match"),
    [
        (lambda z: np.exp(z * z / 4), "does not exist"),
        (lambda z: z.astype(np.float32), "float64"),
        (lambda z: np.tanh(z.astype(np.float32)).astype(float), "too rough"),
        (np.log, "not finite"),
        (lambda z: z.sum(), "shape"),
        (lambda z: 0 * z, "constant"),
        ("swoosh", "not known.*gelu"),
    ],
)
def test_what_has_no_gain_is_refused_and_says_why(activation: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ic.gain(activation)


def test_a_constant_has_an_rms_gain_alone() -> None:
    assert ic.gain(lambda z: 0 * z + 2.0) == 0.5
    for mode in ("std", "backward"):
        with pytest.raises(ValueError, match=f"no gain with mode='{mode}'"):
            ic.gain(lambda z: 0 * z + 2.0, mode)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="mode='forward'"):
        ic.gain("relu", "forward")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="q=-1"):
        ic.gain("relu", q=-1)
    with pytest.raises(TypeError, match="q='1'"):
        ic.critical("relu", q="1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="activation=3"):
        ic.gain(3)  # type: ignore[arg-type]


# (D): the half with the activation decides, for the linear half has mean square 1
@pytest.mark.parametrize(
    ("name", "digits"),
    [("swiglu", 1.67653247), ("geglu", 1.53353044), ("reglu", 1.41421356), ("glu", 1.84622855)],
)
def test_products_have_the_gain_of_their_gate(name: str, digits: float) -> None:
    assert abs(ic.gain(name) - digits) < 2e-8
    assert ic.gain(name, "std") == ic.gain(name)  # the product has mean 0
    with pytest.raises(ValueError, match="no backward gain"):
        ic.gain(name, "backward")


@pytest.mark.parametrize(
    ("sigma_b_squared", "sigma_w_squared", "q"),
    [
        (0.01, 1.4242052905, 0.2733009135),
        (0.05, 1.7609546396, 0.5700478816),
        (0.1, 1.9860726411, 0.8057991819),
        (0.3, 2.5051271897, 1.4611694469),
    ],
)
def test_the_critical_line_of_tanh_is_the_known_one(
    sigma_b_squared: float, sigma_w_squared: float, q: float
) -> None:
    found = ic.critical("tanh", q)
    # both are rounded to 9 digits: half a unit of the last is 5e-9 of sigma_w
    assert found.sigma_w**2 == pytest.approx(sigma_w_squared, rel=1e-8)
    assert found.sigma_b_squared == pytest.approx(sigma_b_squared, abs=3e-9)


def test_which_fixed_points_hold() -> None:
    verdicts = {name: gains.stability(name).verdict for name in DEFAULTS}
    for name in ("gelu", "silu", "mish", "hardswish"):
        assert verdicts[name] == "repelling"
    for name in ("relu", "leaky_relu", "identity"):
        assert verdicts[name] == "marginal"
    for name in ("tanh", "erf", "selu", "elu"):
        assert verdicts[name] == "attracting"


def settled(activation: str, gain: float) -> gains.Moments:
    """The moments at the q that a deep network with this gain comes to."""
    q = 1.0
    for _ in range(200):
        q = gain * gain * gains.moments(activation, q).square
    return gains.moments(activation, q)


def test_the_tanh_gain_of_torch_settles_at_a_standard_deviation_of_0_651() -> None:
    found = settled("tanh", 5 / 3)
    assert abs(found.q - 1.1784804904) < 1e-8
    assert abs(math.sqrt(found.square) - 0.6513470477) < 1e-8
    assert abs((5 / 3) ** 2 * found.derivative_square - 1.2098313204) < 1e-8


# gammas of deepmind's nfnets: 1 / std(phi) by sampling, so that only 3 digits are exact
NFNET = {
    "relu": 1.7139588594436646,
    "gelu": 1.7015043497085571,
    "silu": 1.7881293296813965,
    "elu": 1.2716004848480225,
    "selu": 1.0008515119552612,
    "tanh": 1.5939117670059204,
    "sigmoid": 4.803835391998291,
    "softplus": 1.9203323125839233,
    "softsign": 2.338853120803833,
    "leaky_relu": 1.70590341091156,
}


@pytest.mark.parametrize("name", NFNET)
def test_the_gammas_of_nfnets_are_samples_of_the_std_gain(name: str) -> None:
    assert 0 < NFNET[name] / ic.gain(name, "std") - 1 < 1e-3
