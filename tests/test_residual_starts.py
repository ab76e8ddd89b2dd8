"""Residual starts, in networks of our own residual layers."""

import math

import numpy as np
import pytest

import initcore as ic
from initcore import recipes
from initcore.initializers import Initializer

KEY = ic.Key(21) / "residual"
WIDTH = 64
BLOCKS = 50


def stack(
    blocks: int,
    first: Initializer,
    last: Initializer,
    scale: Initializer | None = None,
    before: str = "relu",
) -> ic.Sequential:
    """x + scale W2 relu(W1 relu(x)), so many times; `before` stands for the inner relu."""

    def block() -> ic.Residual:
        layers: list[ic.layers.Layer] = [
            ic.layers.Activation(before),
            ic.Dense(WIDTH, WIDTH, "relu", init=first),
            ic.Dense(WIDTH, WIDTH, init=last),
        ]
        if scale is not None:
            layers.append(ic.layers.Scale(None, init=scale))
        return ic.Residual(*layers)

    return ic.Sequential(*(block() for _ in range(blocks)))


def inputs() -> np.ndarray:
    return ic.Normal()((256, WIDTH), key=KEY / "x", dtype=np.float64)


def growth(net: ic.Sequential, seed: int) -> float:
    """Mean square of the outputs over that of the inputs."""
    net.initialize(key=KEY / seed, dtype=np.float64)
    x = inputs()
    return float(np.square(net.predict(x)).mean() / np.square(x).mean())


def test_he_in_every_branch_doubles_the_mean_square_with_each_block() -> None:
    he = recipes.Fixup(BLOCKS).role("other").weight
    bits = [math.log2(growth(stack(BLOCKS, he, he), seed)) / BLOCKS for seed in range(3)]
    # a bit for each block but for what width 64 takes off the logarithm: 0.951 of 40 draws, each
    # with a standard deviation of 0.060
    assert np.mean(bits) == pytest.approx(0.951, abs=0.1)


def test_a_branch_over_the_root_of_depth_grows_by_e_at_most() -> None:
    role = recipes.InverseSqrtDepth(BLOCKS).role("branch")
    net = stack(BLOCKS, role.weight, role.weight, ic.Constant(role.multiplier))
    # (1 + 1/50)^50 = 2.69, with a standard deviation of 0.34 at width 64
    assert np.mean([growth(net, seed) for seed in range(3)]) == pytest.approx(2.69, rel=0.15)


def test_a_branch_that_begins_with_its_weights_takes_lecuns_law_there() -> None:
    def bits(first: Initializer) -> float:
        net = stack(BLOCKS, first, ic.HeNormal(), before="identity")
        return math.log2(growth(net, 0)) / BLOCKS

    # nothing halves the mean square before the first layer: He's law there makes 1 + 2 of it
    assert bits(ic.HeNormal()) == pytest.approx(math.log2(3), abs=0.15)
    assert bits(ic.LecunNormal()) == pytest.approx(1.0, abs=0.15)


def test_skipinit_blocks_hand_on_their_input_to_the_bit() -> None:
    recipe = recipes.SkipInit()
    branch = recipe.role("branch").weight
    net = stack(BLOCKS, branch, branch, recipe.role("branch_gain").weight)
    net.initialize(key=KEY)
    x = inputs().astype(np.float32)
    assert (net.predict(x) == x).all()


def test_layer_scale_moves_a_block_by_its_factor_alone() -> None:
    gamma = recipes.LayerScale(24).role("branch_scale").weight
    plain, scaled = (stack(1, ic.HeNormal(), ic.HeNormal(), s) for s in (None, gamma))
    x = inputs()
    moved = []
    for net in (plain, scaled):
        net.initialize(key=KEY, dtype=np.float64)
        moved.append(net.predict(x) - x)
    assert moved[1] == pytest.approx(1e-5 * moved[0], rel=1e-6, abs=1e-14)


@pytest.mark.parametrize("classes", [2, 10])
def test_fixup_starts_at_the_loss_of_chance_exactly(classes: int) -> None:
    recipe = recipes.Fixup(BLOCKS)
    body = stack(
        BLOCKS,
        recipe.role("branch").weight,
        recipe.role("branch_last").weight,
        recipe.role("scalar_multiplier").weight,
    )
    net = ic.Sequential(body, ic.Dense(WIDTH, classes, init=recipe.role("classifier").weight))
    net.initialize(key=KEY, dtype=np.float64)
    logits = net.predict(inputs())
    assert not logits.any()
    loss, _ = ic.losses.CrossEntropy()(logits, np.arange(256) % classes)
    assert float(loss) == pytest.approx(math.log(classes), rel=1e-15)
