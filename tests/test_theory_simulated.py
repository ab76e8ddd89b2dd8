"""The formulas agree with networks that our own fills and kernels make.

Keys are fixed. Each tolerance is five standard deviations of what is averaged, so that of a hundred
thousand other keys some six would fail a test.
"""

import math

import numpy as np
import pytest

import initcore as ic
from initcore import theory
from initcore.activations import gains
from initcore.theory import MeanField

KEY = ic.Key(0) / "theory"


def network(layer: MeanField, width: int, depth: int, key: ic.Key) -> ic.Sequential:
    law = ic.VarianceScaling(scale=layer.sigma_w**2, mode="fan_in", distribution="normal")
    bias = ic.Normal(std=math.sqrt(layer.sigma_b_squared)) if layer.sigma_b_squared else ic.Zeros()
    net = ic.Sequential(
        *(ic.Dense(width, width, layer.activation, bias_init=bias) for _ in range(depth))
    )
    net.initialize(law, key=key)
    return net


def test_lengths_and_angles_go_as_the_maps_say() -> None:
    width, depth, nets = 600, 8, 12
    layer = MeanField("tanh", math.sqrt(2.5), 0.05, q0=2.5 + 0.05)
    q, c = np.zeros(depth + 1), np.zeros(depth + 1)
    for at in range(nets):
        net = network(layer, width, depth, KEY / "maps" / at)
        y = ic.Normal(std=1.0)((2, width), key=KEY / "inputs" / at)
        y /= np.sqrt(np.mean(y * y, axis=1, keepdims=True))  # so that q0 is what it says
        y[1] = 0.8 * y[0] + 0.6 * y[1]
        for at_layer in range(depth + 1):
            second = layer.sigma_w**2 * (y @ y.T) / width + layer.sigma_b_squared
            q[at_layer] += second[0, 0] / nets
            c[at_layer] += second[0, 1] / math.sqrt(second[0, 0] * second[1, 1]) / nets
            if at_layer < depth:
                y = net.layers[at_layer].forward(y, save=False)
    expected = layer.q_path(depth + 1)
    assert q[0] == pytest.approx(expected[0], rel=1e-5)
    # y^2 has variance E phi^4 - (E phi^2)^2 <= E phi^2 (1 - E phi^2); a layer passes on `slope`
    for at_layer in range(1, depth + 1):
        square = gains.moments("tanh", expected[at_layer - 1]).square
        spread = layer.sigma_w**2 * math.sqrt(square * (1 - square) / (width * nets))
        tolerance = 5 * spread / (1 - layer.q_slope)
        assert q[at_layer] == pytest.approx(expected[at_layer], abs=tolerance)
    # at the fixed point of q, from the correlation measured there: each step of c_map
    for at_layer in range(4, depth):
        assert c[at_layer + 1] == pytest.approx(layer.c_map(c[at_layer]), abs=5 / math.sqrt(7200))


def test_a_batch_normalized_relu_network_explodes_backward() -> None:
    # a standardized input makes Var phi of the variance and E phi'^2 of the gradient's square, and
    # the next normalization divides by the one: a factor of pi / (pi - 1) per layer
    growth = (ic.gain("relu", "std") / ic.gain("relu", "backward")) ** 2
    assert growth == pytest.approx(1.4669422069, abs=5.1e-11)
    assert growth == pytest.approx(math.pi / (math.pi - 1), rel=1e-14)
    width, depth = 512, 12
    layers: list[ic.layers.Layer] = []
    for _ in range(depth):
        layers += [ic.Dense(width, width, bias=False), ic.layers.BatchNorm(width)]
        layers += [ic.layers.Activation("relu")]
    net = ic.Sequential(*layers)
    net.initialize(ic.HeNormal(), key=KEY / "batch norm")
    net.forward(ic.Normal(std=1.0)((width, width), key=KEY / "batch"))
    gradient = ic.Normal(std=1.0)((width, width), key=KEY / "gradient")
    sizes = []
    for layer in reversed(net.layers):
        gradient = layer.backward(gradient)
        if isinstance(layer, ic.Dense):
            sizes.append(float(np.log(np.mean(np.square(gradient)))))
    # without the ends, whose statistics are the input's and the loss's
    found = math.exp((sizes[-2] - sizes[1]) / (len(sizes) - 3))
    assert found == pytest.approx(growth, rel=0.03)


@pytest.mark.parametrize("sigma_w_squared", [1.0, 1.76, 4.0])
def test_gradients_change_by_chi_1_per_layer(sigma_w_squared: float) -> None:
    width, depth, nets = 500, 20, 4
    layer = MeanField("tanh", math.sqrt(sigma_w_squared), 0.05)
    start = math.sqrt((layer.q_star - 0.05) / sigma_w_squared)
    logs = []
    for at in range(nets):
        net = network(layer, width, depth, KEY / "chi" / at)
        x = ic.Normal(std=start)((1, width), key=KEY / "chi inputs" / at)
        net.forward(x)
        dy = ic.Normal(std=1.0)((1, width), key=KEY / "chi gradients" / at)
        dx = net.backward(dy)
        logs.append(math.log(float(np.sum(dx * dx) / np.sum(dy * dy))) / depth)
    # a layer's factor is a mean over `width` units of phi'^2 times squares of normals: relative
    # variance at most 3 / (width chi) sigma_w^2, chi over sigma_w^2 being E phi'^2 >= E phi'^4
    share = layer.chi_1 / sigma_w_squared
    spread = math.sqrt(3 / (share * width) / (depth * nets))
    assert np.mean(logs) == pytest.approx(math.log(layer.chi_1), abs=5 * spread)


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_the_length_drifts_and_spreads_as_the_chi_squared_law_says(activation: str) -> None:
    width, depth, nets = 20, 6, 600
    law = ic.VarianceScaling(
        scale=2.0 if activation == "relu" else 1.0, mode="fan_in", distribution="normal"
    )
    weights = law((nets * depth * width, width), key=KEY / "drift" / activation)
    weights = weights.reshape(nets, depth, width, width)
    logs = np.empty(nets)
    for at in range(nets):
        y = np.ones((1, width), np.float32)
        for w in weights[at]:
            y = ic.kernels.dense_forward(y, w, None, activation=activation, save=False)
        logs[at] = math.log(float(np.sum(y * y)) / width)
    expected = theory.log_norm_drift([width] * (depth + 1), activation)
    assert logs.mean() == pytest.approx(expected.mean, abs=5 * math.sqrt(expected.variance / nets))
    # a sum of six: its fourth moment is some 3.5 variances squared
    assert logs.var() == pytest.approx(expected.variance, rel=5 * math.sqrt(2.5 / nets))


def test_dead_starts_are_as_frequent_as_said() -> None:
    nets, width, depth = 40_000, 2, 9
    weights = ic.Normal(std=1.0)((nets, depth, width, width), key=KEY / "dead")
    right = np.maximum(weights[:, 0, :, 0], 0.0)  # x = 1 and x = -1, of one input number
    left = np.maximum(-weights[:, 0, :, 0], 0.0)
    for at in range(1, depth):
        right, left = (
            np.maximum(np.einsum("noi,ni->no", weights[:, at], y), 0.0) for y in (right, left)
        )
    dead = ~right.any(axis=1)
    point = theory.dead_at_input([width] * depth)
    assert dead.mean() == pytest.approx(point, abs=5 * math.sqrt(point * (1 - point) / nets))
    low, high = theory.born_dead([width] * depth)
    margin = 5 * math.sqrt(low * (1 - low) / nets)
    assert low - margin < (dead & ~left.any(axis=1)).mean() < high + margin


@pytest.mark.parametrize(
    ("activation", "weights"),
    [
        ("identity", "gaussian"),
        ("identity", "orthogonal"),
        ("relu", "gaussian"),
        ("relu", "orthogonal"),
    ],
)
def test_singular_values_spread_as_said(activation: str, weights: str) -> None:
    width, depth = 200, 6
    gain = ic.gain(activation)
    law = (
        ic.Orthogonal(gain=gain)
        if weights == "orthogonal"
        else ic.VarianceScaling(scale=gain**2, mode="fan_in", distribution="normal")
    )
    net = ic.Sequential(*(ic.Dense(width, width, activation, bias=False) for _ in range(depth)))
    net.initialize(law, key=KEY / "spectrum" / activation / weights)
    x = np.repeat(ic.Normal(std=1.0)((1, width), key=KEY / "x"), width, axis=0)
    net.forward(x)
    squares = np.linalg.svd(net.backward(np.eye(width, dtype=np.float32)), compute_uv=False) ** 2
    expected = theory.jacobian_moments(activation, depth, weights=weights)
    found = (squares.astype(float) ** 2).mean() / squares.mean() ** 2 - 1
    # corrections of relative order depth / width to both moments, with a factor of a few
    assert found == pytest.approx(
        expected.relative_variance, abs=1e-4 + 0.2 * expected.relative_variance
    )
