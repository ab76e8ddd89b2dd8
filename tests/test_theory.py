"""The formulas give the known numbers, and agree with other ways of computing them."""

import math

import numpy as np
import pytest
from scipy import special
from scipy.integrate import solve_ivp

import initcore as ic
from initcore import theory
from initcore.theory import MeanField
from initcore.theory._plane import Plane


@pytest.mark.parametrize(
    ("sigma_w_squared", "q_star", "chi_1", "xi_c", "c_star"),
    [
        (1.0, 0.19359252, 0.75903165, 3.626976, 1.0),
        (1.5, 0.41803720, 0.93863627, 15.790994, 1.0),
        (1.7, 0.53307563, 0.98674081, 74.918271, 1.0),
        (2.0, 0.72176187, 1.04766600, 25.213415, 0.744082),
        (2.5, 1.06395838, 1.13351570, 11.795598, 0.446804),
        (4.0, 2.19549393, 1.34240241, 6.980274, 0.165065),
    ],
)
def test_tanh_with_biases_has_the_known_fixed_points_and_depth_scales(
    sigma_w_squared: float, q_star: float, chi_1: float, xi_c: float, c_star: float
) -> None:
    layer = MeanField("tanh", math.sqrt(sigma_w_squared), 0.05)
    assert layer.q_star == pytest.approx(q_star, abs=1e-8)
    assert layer.chi_1 == pytest.approx(chi_1, abs=1e-8)
    assert layer.xi_c == pytest.approx(xi_c, abs=1e-6)  # the digits given
    assert layer.c_star == pytest.approx(c_star, abs=1e-6)
    assert layer.phase == ("ordered" if chi_1 < 1 else "chaotic")


@pytest.mark.parametrize(
    ("activation", "sigma_b_squared", "sigma_w_squared", "q"),
    [
        ("tanh", 0.01, 1.4242052905, 0.2733009135),
        ("tanh", 0.04, 1.7007963721, 0.5120785042),
        ("tanh", 0.05, 1.7609546396, 0.5700478816),
        ("tanh", 0.1, 1.9860726411, 0.8057991819),
        ("tanh", 0.2, 2.2851524737, 1.1644962875),
        ("tanh", 0.3, 2.5051271897, 1.4611694469),
        ("erf", 0.05, 1.3758390073, 0.5171768380),
        ("silu", 0.01, 1.820052**2, 0.25971250),
        ("silu", 0.04, 1.679532**2, 0.68945250),
        ("gelu", 0.01, 1.727078**2, 0.18348319),
        ("gelu", 0.04, 1.547009**2, 0.57563712),
    ],
)
def test_a_variance_of_the_biases_has_the_known_critical_weights(
    activation: str, sigma_b_squared: float, sigma_w_squared: float, q: float
) -> None:
    at = theory.critical_at(activation, sigma_b_squared)
    digits = 1e-8 if activation in ("tanh", "erf") else 4e-6  # of the reference
    assert at.sigma_w**2 == pytest.approx(sigma_w_squared, abs=digits)
    assert at.q == pytest.approx(q, abs=1e-8)
    assert MeanField(activation, at.sigma_w, sigma_b_squared, q0=at.q).chi_1 == pytest.approx(1.0)


def test_the_critical_line_agrees_with_critical_and_leaves_out_what_is_none() -> None:
    line = theory.critical_line("gelu", [0.5, 1.0])
    assert [point[:2] for point in line] == [ic.critical("gelu", q) for q in (0.5, 1.0)]
    assert theory.critical_line("sigmoid", [0.5, 1.0]) == []


def test_xavier_under_tanh_fades_as_one_over_twice_the_depth() -> None:
    path = MeanField("tanh", 1.0).q_path(1001)
    assert path[0] == 1.0
    assert path[10] == pytest.approx(0.0522000828, abs=1e-9)
    assert path[100] == pytest.approx(0.0050690192, abs=1e-9)
    assert path[1000] == pytest.approx(0.00050116391, abs=1e-10)
    assert MeanField("tanh", 1.0).q_star == 0.0


def test_the_tanh_gain_of_torch_settles_off_one() -> None:
    layer = MeanField("tanh", 5 / 3)
    assert layer.q_star == pytest.approx(1.1784804904, abs=1e-9)
    assert layer.chi_1 == pytest.approx(1.2098313204, abs=1e-9)


def test_relu_merges_inputs_as_the_closed_form_says() -> None:
    path = MeanField("relu", math.sqrt(2.0)).c_path(0.0, 101)
    expected = [0.0]
    for _ in range(100):
        c = expected[-1]
        expected.append((math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi)
    assert np.abs(path - expected).max() < 1e-12
    assert path[[1, 2, 10, 100]] == pytest.approx(
        [0.3183098862, 0.4937310902, 0.8715355160, 0.9964231467], abs=1e-9
    )


@pytest.mark.parametrize("c", [-1.0, -0.6, 0.0, 0.3, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("q", [0.3, 2.0])
def test_products_over_two_normals_agree_with_closed_forms(c: float, q: float) -> None:
    angle = math.pi - math.acos(c)
    relu = q * (math.sqrt(1 - c * c) + c * angle) / (2 * math.pi)
    assert Plane(lambda z: np.maximum(z, 0), q).product(c) == pytest.approx(relu, abs=1e-14)
    erf = 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q))
    assert Plane(special.erf, q).product(c) == pytest.approx(erf, abs=1e-13)
    step = 0.5 * angle / math.pi
    assert Plane(lambda z: 1.0 * (z > 0), q).product(c) == pytest.approx(step, abs=1e-14)


def test_products_over_two_normals_agree_with_gauss_and_hermite() -> None:
    z, weights = special.roots_hermitenorm(160)
    weights /= weights.sum()
    for c in (0.2, 0.95):
        v = c * z[:, None] + math.sqrt(1 - c * c) * z
        expected = weights * np.tanh(z) @ np.tanh(v) @ weights
        slope = weights / np.cosh(z) ** 2 @ (1 / np.cosh(v) ** 2) @ weights
        plane = Plane(np.tanh, 1.0)
        assert plane.product(c) == pytest.approx(expected, abs=1e-9)  # what 160 nodes reach
        assert plane.slope(c) == pytest.approx(slope, abs=1e-7)


def test_products_hold_where_a_function_bends_off_the_grid_or_is_steep() -> None:
    def bent(z: np.ndarray) -> np.ndarray:
        return np.abs(z - 1 / 3)

    # symmetric in u and v, and c = 1 is the mean square
    assert Plane(bent, 1.0).product(1.0) == pytest.approx(1 + 1 / 9, abs=1e-12)
    mean = math.sqrt(2 / math.pi) * math.exp(-1 / 18) + math.erf(1 / 3 / math.sqrt(2)) / 3
    assert Plane(bent, 1.0).product(0.0) == pytest.approx(mean**2, abs=1e-12)
    steep = Plane(lambda z: special.erf(40 * z), 1.0)
    assert steep.product(0.5) == pytest.approx(
        2 / math.pi * math.asin(2 * 1600 * 0.5 / (1 + 2 * 1600)), abs=1e-11
    )


def test_the_slope_of_the_correlation_map_is_its_derivative() -> None:
    for activation in ("tanh", "gelu", "hardtanh"):
        layer = MeanField(activation, *ic.critical(activation))
        h = 1e-4
        difference = (layer.c_map(0.5 + h) - layer.c_map(0.5 - h)) / (2 * h)
        assert layer.c_slope(0.5) == pytest.approx(difference, abs=1e-7)  # h^2 / 6 C'''
        assert layer.c_slope(1.0) == pytest.approx(1.0, abs=1e-8)


def test_the_slope_at_the_fixed_point_is_the_derivative_of_the_length_map() -> None:
    for activation, sigma_w in (("tanh", 1.5), ("elu", 1.2), ("sigmoid", 3.0)):
        layer = MeanField(activation, sigma_w, 0.05)
        q, h = layer.q_star, 1e-4
        difference = (layer.q_map(q + h) - layer.q_map(q - h)) / (2 * h)
        assert layer.q_slope == pytest.approx(difference, abs=1e-6)  # h^2 / 6 times the third
        assert layer.xi_q == pytest.approx(-1 / math.log(difference), rel=1e-5)


def test_c_star_is_a_fixed_point_also_close_to_criticality() -> None:
    at = theory.critical_at("tanh", 0.05)
    for excess in (1.001, 1.1):
        layer = MeanField("tanh", at.sigma_w * excess, 0.05)
        assert layer.c_star < 1.0
        assert layer.c_map(layer.c_star) == pytest.approx(layer.c_star, abs=1e-12)
        assert abs(layer.c_slope(layer.c_star)) < 1.0


def test_correlations_at_criticality_close_in_at_the_known_rate() -> None:
    rate = theory.critical_rate("tanh", 0.5700478816)
    assert rate == pytest.approx(6.1711261, abs=1e-7)
    at = theory.critical_at("tanh", 0.05)
    layer = MeanField("tanh", at.sigma_w, 0.05, q0=at.q)
    gap = 1e-3  # where one step of 1 - c is gap^2 / rate, up to gap
    step = (layer.c_map(1 - gap) - (1 - gap)) / gap**2
    assert step * rate == pytest.approx(1.0, abs=10 * gap)
    path = layer.c_path(0.6, 1001)
    assert [n * (1 - path[n]) for n in (100, 1000)] == pytest.approx([5.7046, 6.1710], abs=1e-4)


def test_a_bend_or_a_line_has_no_critical_rate() -> None:
    with pytest.raises(ValueError, match="jumps"):
        theory.critical_rate("relu")
    with pytest.raises(ValueError, match="linear"):
        theory.critical_rate("identity")


@pytest.mark.slow
def test_relu_correlations_close_in_as_the_square_of_depth() -> None:
    path = MeanField("relu", math.sqrt(2.0)).c_path(0.0, 10_001)
    known = {100: 0.805, 1000: 0.971, 10_000: 0.996}  # of 9 pi^2 / (2 l^2)
    for depth, share in known.items():
        assert (1 - path[depth]) * 2 * depth**2 / (9 * math.pi**2) == pytest.approx(share, abs=5e-4)


def test_growth_without_bound_is_said() -> None:
    layer = MeanField("relu", 1.5)
    assert layer.q_star == math.inf
    with pytest.raises(ValueError, match="make sigma_w smaller"):
        _ = layer.chi_1
    # q = 1 repels under GELU: a little more and it grows, a little less and it dies
    gain = ic.gain("gelu")
    assert MeanField("gelu", gain, q0=1.01).q_star == math.inf
    assert MeanField("gelu", gain, q0=0.99).q_star == 0.0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"activation": "nonesuch", "sigma_w": 1.0}, ValueError),
        ({"activation": "tanh", "sigma_w": 0.0}, ValueError),
        ({"activation": "tanh", "sigma_w": math.nan}, ValueError),
        ({"activation": "tanh", "sigma_w": "1"}, TypeError),
        ({"activation": "tanh", "sigma_w": 1.0, "sigma_b_squared": -0.1}, ValueError),
        ({"activation": "tanh", "sigma_w": 1.0, "q0": 0.0}, ValueError),
    ],
)
def test_a_mean_field_refuses_what_is_none(arguments: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        MeanField(**arguments)
    with pytest.raises(ValueError, match="must be a correlation"):
        MeanField("tanh", 1.0).c_map(1.5)
    with pytest.raises(ValueError, match="must be positive"):
        theory.critical_at("tanh", 0.0)


def test_the_phase_diagram_is_the_mean_field_point_by_point() -> None:
    grid = theory.phase_diagram("relu", [1.0, 1.5], [0.0, 0.1])
    assert grid.q_star.shape == (2, 2)
    assert grid.q_star[1, 0] == pytest.approx(0.2)  # q = q / 2 + 0.1
    assert math.isinf(grid.q_star[1, 1])
    assert math.isnan(grid.chi_1[1, 1])
    assert grid.chi_1[:, 0].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("n", "mean", "variance"),
    [
        (100, -0.0254208856, 0.0519399921),
        (50, -0.0517387809, 0.1081681333),
        (20, -0.1371867248, 0.3117580750),
    ],
)
def test_the_log_norm_of_a_relu_layer_drifts_as_known(n: int, mean: float, variance: float) -> None:
    assert theory.log_norm_drift([n, n]) == pytest.approx((mean, variance), abs=1e-9)
    five = theory.log_norm_drift([n] * 6)
    assert five == pytest.approx((5 * mean, 5 * variance), abs=1e-8)


@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_the_log_norm_of_a_linear_layer_is_that_of_chi_squared(n: int) -> None:
    found = theory.log_norm_drift([7, n], "identity")
    assert found.mean == pytest.approx(special.digamma(n / 2) + math.log(2 / 7), abs=1e-12)
    assert found.variance == pytest.approx(special.polygamma(1, n / 2), abs=1e-12)


def test_the_second_moment_of_the_length_grows_by_five_over_n() -> None:
    assert theory.second_moment_growth([100] * 11) == pytest.approx(1.62889, abs=5e-6)
    assert theory.second_moment_growth([3, 10, 5]) == pytest.approx(1.5 * 2.0)


def test_dead_starts_have_the_known_probabilities() -> None:
    assert theory.dead_at_input([2] * 9) == pytest.approx(0.924915, abs=5e-7)
    assert theory.dead_at_input([4] * 9) == pytest.approx(0.440575, abs=5e-7)
    assert theory.born_dead([5]) == (0.0, 0.0)
    assert theory.born_dead([2, 2]) == (0.15625, 0.15625)  # 3 p^2 - 2 p^3 with p = 1/4
    assert theory.born_dead([2] * 9) == pytest.approx((0.85484, 0.88737), abs=5e-6)
    assert theory.born_dead([4] * 9) == pytest.approx((0.19272, 0.37065), abs=5e-6)


@pytest.mark.parametrize(
    ("activation", "weights", "spread"),
    [
        ("identity", "gaussian", 10.0),
        ("identity", "orthogonal", 0.0),
        ("relu", "gaussian", 20.0),
        ("relu", "orthogonal", 10.0),
        ("hardtanh", "orthogonal", 10 * (1 / 0.6826894921370859 - 1)),
    ],
)
def test_the_jacobian_spreads_as_known(activation: str, weights: str, spread: float) -> None:
    found = theory.jacobian_moments(activation, 10, weights=weights)
    assert found.mean == pytest.approx(1.0)
    assert found.relative_variance == pytest.approx(spread, abs=1e-9)


def test_the_mean_of_the_spectrum_is_a_power_of_chi() -> None:
    chi = MeanField("tanh", 1.2, 0.05).chi_1
    q = MeanField("tanh", 1.2, 0.05).q_star
    found = theory.jacobian_moments("tanh", 7, sigma_w=1.2, q=q)
    assert found.mean == pytest.approx(chi**7, rel=1e-9)
    with pytest.raises(ValueError, match="weights="):
        theory.jacobian_moments("tanh", 7, weights="uniform")
    assert theory.largest_squared_singular_value(10) == pytest.approx(28.53, abs=5e-3)


def test_a_deep_linear_mode_takes_the_known_time() -> None:
    known = {
        1: 2.944439, 2: 1.472219, 3: 1.138105, 5: 0.826151, 10: 0.497568, 50: 0.118482,
        100: 0.060639,
    }  # fmt: skip
    for depth, time in known.items():
        assert theory.learning_time(depth, 2.0, 0.1, 1.9) == pytest.approx(time, abs=5e-7)
    limit = theory.learning_time_limit(2.0, 0.1, 1.9)
    assert limit == pytest.approx(6.209062, abs=5e-7)
    assert 10**6 * theory.learning_time(10**6, 2.0, 0.1, 1.9) == pytest.approx(limit, rel=1e-5)
    with pytest.raises(ValueError, match="0 < u0 < uf < s"):
        theory.learning_time(2, 1.0, 0.1, 1.0)


def test_the_learning_time_solves_the_differential_equation() -> None:
    depth, s, u0, uf = 4, 1.5, 0.01, 1.49
    time = theory.learning_time(depth, s, u0, uf)
    path = solve_ivp(
        lambda _, u: depth * u ** (2 - 2 / depth) * (s - u), (0, time), [u0], rtol=1e-10, atol=1e-12
    )
    assert path.y[0, -1] == pytest.approx(uf, abs=1e-8)
