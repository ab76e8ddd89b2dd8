"""The notes' experiments: what they claim, measured on the package's own layers."""

import math

import numpy as np
import pytest

import initcore as ic
from initcore.lab.experiments import (
    deep_linear,
    funnel,
    mean_activations,
    scale,
    scaled_variance,
    symmetry,
    train_deep_linear,
    xavier_tanh,
)
from initcore.lab.experiments.variance import log_spread

# Four standard deviations: for fixed keys, a false alarm in 16,000 changes of the stream.
SIGMAS = 4.0


# (a) equal weights


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("value", [0.0, 0.5, 2.0, 100.0])
def test_equal_weights_keep_the_units_equal(value, activation):
    found = symmetry(ic.Constant(value), activation=activation, lr=0.1 / max(1.0, value) ** 2)
    assert found.distinct_before == (1, 1)
    assert found.distinct_gradients == (1, 1)
    assert found.distinct_after == (1, 1)
    assert max(found.rank_after) <= 1


@pytest.mark.parametrize("value", [0.0, 0.5, 2.0, 100.0])
def test_the_two_unit_relu_network_keeps_one_unit(value):
    found = symmetry(
        ic.Constant(value), widths=(2,), n_in=2, activation="relu", lr=0.1 / max(1.0, value) ** 2
    )
    assert found.distinct_after == (1,)
    assert found.rank_after == ((0,) if value == 0.0 else (1,))


def test_a_constant_network_does_learn_and_is_still_one_unit():
    found = symmetry(ic.Constant(0.5))
    assert found.final_loss < 0.8 * found.initial_loss
    assert found.distinct_after == (1, 1)


def test_random_weights_make_every_unit_different():
    found = symmetry(ic.XavierNormal())
    assert found.distinct_before == found.distinct_after == found.distinct_gradients == (8, 8)
    assert found.rank_after == (6, 8)  # the first W is (8, 6)


# (b) the deep linear network


@pytest.mark.parametrize("layers", range(2, 17))
def test_powers_of_three_halves_are_exact_up_to_the_fifteenth(layers):
    found = deep_linear(1.5, layers)
    assert found.outputs == (1.5 ** (layers - 1),) * 2
    assert found.gradients == (1.5 ** (layers - 1),) * 2


def test_the_sixteenth_power_no_longer_fits_float32():
    assert deep_linear(1.5, 17).outputs[0] != 1.5**16  # 3^16 needs 26 bits
    assert deep_linear(1.5, 17, dtype=np.float64).outputs[0] == 1.5**16


@pytest.mark.parametrize("layers", [2, 10, 50, 127])
def test_powers_of_one_half_are_exact(layers):
    found = deep_linear(0.5, layers)
    assert found.outputs == found.gradients == (0.5 ** (layers - 1),) * 2


def test_training_from_three_halves_oscillates_or_diverges():
    found = train_deep_linear(1.5)
    assert found.losses[0] > 100.0
    rises = sum(b > a for a, b in zip(found.losses, found.losses[1:], strict=False))
    assert rises > 0 or not math.isfinite(found.losses[-1])
    assert found.gradient_norms[0] > 1000.0


def test_training_from_one_half_stalls():
    found = train_deep_linear(0.5)
    assert found.losses[-1] > 0.95 * found.losses[0]
    assert max(found.gradient_norms) < 0.3


# (c) the scale of the start and the training


def test_small_weights_learn_later_and_smaller_ones_not_at_all():
    fitting, small, tiny = scale(1.0), scale(0.5), scale(0.1)
    assert fitting.outcome == small.outcome == "learned"
    assert small.epochs_to_target >= 2 * fitting.epochs_to_target
    assert tiny.outcome == "stalled"
    assert tiny.epochs_to_target is None


def test_large_weights_diverge():
    found = scale(10.0)
    assert found.outcome == "diverged"
    assert not math.isfinite(found.final_loss) or found.final_loss > found.initial_loss


# (d) n Var(W)


@pytest.mark.parametrize("n_var", [0.5, 1.0, 2.0])
def test_signal_and_gradient_follow_the_power_of_n_var(n_var):
    layers = 10
    path = scaled_variance(n_var, layers=layers)
    allowed = SIGMAS * log_spread(path.widths)
    assert allowed < 0.5 * math.log(2.0)  # far below one step of the claim
    assert abs(math.log(path.forward_ratio / n_var**layers)) < allowed
    assert abs(math.log(path.backward_ratio / n_var**layers)) < allowed


def test_each_layer_multiplies_by_n_var():
    path = scaled_variance(0.5)
    steps = np.diff(np.log(path.forward))
    # one layer's own share of the spread is below that of the whole path
    assert np.abs(steps - math.log(0.5)).max() < SIGMAS * log_spread(path.widths)


# (e) Xavier under tanh


def test_xavier_keeps_the_variance_where_tanh_is_linear():
    std, layers = 0.05, 10
    path = xavier_tanh(std, layers=layers)
    # tanh(z)^2 = z^2 (1 - 2 z^2 / 3 + ...), and E z^4 = 3 (E z^2)^2 for a normal z, so that a
    # layer keeps 1 - 2 std^2 of the mean square at least to this order
    bend = -layers * math.log(1.0 - 2.0 * std**2)
    allowed = SIGMAS * log_spread(path.widths)
    assert -allowed - bend < math.log(path.forward_ratio) < allowed


def test_xavier_loses_variance_where_tanh_bends():
    path = xavier_tanh(1.0)
    assert path.forward_ratio < 0.2
    # the loss is largest where the values are largest: at the first layer
    steps = np.diff(np.log(path.forward))
    assert steps[0] == steps.min()


# (f) the mean of the activations


def test_mean_activation_is_near_zero_for_tanh_and_not_for_relu():
    width = 256
    # at most, all samples agree and a layer's mean is one of `width` independent units
    allowed = SIGMAS / math.sqrt(width)
    assert np.abs(mean_activations("tanh", width=width).relative_mean).max() < allowed
    relu = np.array(mean_activations("relu", width=width).relative_mean[1:])
    assert np.abs(relu - 1.0 / math.sqrt(math.pi)).max() < allowed
    assert relu.min() > 0.4


# (g) fan_in against fan_out


def test_fan_in_keeps_the_signal_and_fan_out_the_gradient():
    narrowing = 512 / 32
    fan_in, fan_out = funnel("fan_in"), funnel("fan_out")
    forward = SIGMAS * log_spread(fan_in.widths)
    backward = SIGMAS * log_spread(fan_in.widths[::-1])
    assert max(forward, backward) < 0.25 * math.log(narrowing)
    assert abs(math.log(fan_in.forward_ratio)) < forward
    assert abs(math.log(fan_in.backward_ratio * narrowing)) < backward
    assert abs(math.log(fan_out.backward_ratio)) < backward
    assert abs(math.log(fan_out.forward_ratio / narrowing)) < forward


def test_fan_avg_lies_between():
    fan_in, fan_avg, fan_out = (funnel(mode) for mode in ("fan_in", "fan_avg", "fan_out"))
    assert fan_in.forward_ratio < fan_avg.forward_ratio < fan_out.forward_ratio
    assert fan_in.backward_ratio < fan_avg.backward_ratio < fan_out.backward_ratio
