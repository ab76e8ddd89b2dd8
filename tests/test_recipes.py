"""Recipes: the factors of whole-network schemes, against the digits of their papers."""

import math
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import recipes

KEY = ic.Key(11)

EVERY: list[recipes.Recipe] = [
    recipes.Gpt2(n_layers=12),
    recipes.Llama(n_layers=12),
    recipes.Mitchell(width=64, feed_forward=256),
    recipes.DeepNorm(n_encoder=12),
    recipes.DeepNorm(n_encoder=6, n_decoder=6),
    recipes.TFixup(n_encoder=6, n_decoder=6, width=512),
    recipes.InverseSqrtDepth(n_blocks=50),
    recipes.Fixup(n_blocks=50),
    recipes.SkipInit(),
    recipes.LayerScale(depth=24),
    recipes.MuP(width=1024, base_width=64),
    recipes.CompleteP(width=512, base_width=256, depth=8, base_depth=2),
    recipes.NeuralTangent(fan_in=256),
    recipes.Lora(rank=8),
    recipes.Bert(),
    recipes.Olmo2(),
    recipes.Irnn(),
    recipes.ZeroGamma(),
    recipes.NormFree(),
    recipes.DepthMuP(width=512, base_width=256, depth=8, base_depth=2),
    recipes.SelfNormalizing(),
    recipes.ZeroReadout(),
    recipes.TailoredRelu(depth=20),
    recipes.DeepKernelShaping("tanh", depth=20),
    recipes.Lstm(4, "torch"),
    recipes.Lstm(4, "keras"),
    recipes.Lstm(4),
    recipes.Mamba(n_layers=4, step_rank=16),
    recipes.SwitchMoe(),
    recipes.T5(width=512, head=64),
    recipes.SubLn(n_decoder=12),
    recipes.Spectral(fan_in=16, fan_out=8),
    recipes.SubLn(n_encoder=6, n_decoder=6),
    recipes.EmbeddingTable(width=64),
]


@pytest.mark.parametrize("recipe", EVERY, ids=repr)
def test_every_role_starts_a_tensor_and_an_unknown_one_lists_them(recipe: recipes.Recipe) -> None:
    for name, role in recipe.roles().items():
        assert recipe.role(name) == role
        w = role.weight((8, 16), key=KEY / name)
        assert np.isfinite(w).all()
    assert hash(recipe) == hash(recipe)
    with pytest.raises(ValueError, match=f"name='tail' is not a role of .*{name}"):
        recipe.role("tail")


def std(recipe: recipes.Recipe, role: str, layer: int = 0) -> float:
    weight: Any = recipe.role(role, layer).weight
    return float(weight.std)


@pytest.mark.parametrize(("n_layers", "digits"), [(12, 0.0040824829), (96, 0.00144337567)])
def test_gpt2_gives_all_residual_additions_the_variance_of_one(
    n_layers: int, digits: float
) -> None:
    recipe = recipes.Gpt2(n_layers=n_layers)
    assert std(recipe, "residual") == pytest.approx(digits, rel=1e-8)
    assert 2 * n_layers * std(recipe, "residual") ** 2 == pytest.approx(0.02**2, rel=1e-14)
    assert std(recipes.Gpt2(n_layers=12, position_std=0.01), "position") == 0.01


def test_llama_and_olmo_divide_by_depth_or_by_layer() -> None:
    by_layer = recipes.Llama(n_layers=4, by_layer=True)
    found = [std(by_layer, "residual", layer) for layer in range(4)]
    assert found == pytest.approx([0.02 / math.sqrt(2 * n) for n in (1, 2, 3, 4)], rel=1e-15)
    assert std(recipes.Llama(n_layers=4), "residual", 0) == found[-1]
    with pytest.raises(ValueError, match="layer=4"):
        by_layer.role("residual", 4)
    olmo = recipes.Mitchell(width=64, feed_forward=256)
    assert std(olmo, "projection", 3) == 1 / 8
    assert std(olmo, "embedding") == 1 / 8
    assert std(olmo, "attention_out", 7) == 1 / 32
    assert "readout" not in by_layer.roles()
    assert std(recipes.Llama(n_layers=4, width=64), "readout") == 1 / 8
    assert std(olmo, "feed_forward_out", 7) == 1 / 64


def test_a_cut_at_3_sigma_leaves_the_share_of_the_width_that_olmo_leaves() -> None:
    weight = recipes.Llama(n_layers=2).role("projection").weight
    w = weight((400, 500), key=KEY, dtype=np.float64)
    # 5 standard errors of a sample standard deviation
    assert abs(w.std() / (0.02 * 0.9865783926) - 1) < 5 / math.sqrt(2 * w.size)


@pytest.mark.parametrize(
    ("n", "alpha", "beta"),
    [(12, 2.2133638394, 0.3194715521), (1000, 6.6874030498, 0.1057371263)],
)
def test_deepnorm_has_the_factors_of_its_table(n: int, alpha: float, beta: float) -> None:
    for recipe in (recipes.DeepNorm(n_encoder=n), recipes.DeepNorm(n_decoder=n)):
        assert recipe.role("residual").multiplier == pytest.approx(alpha, rel=1e-10)
        weight: Any = recipe.role("value_out_feed_forward").weight
        assert math.sqrt(weight.scale) == pytest.approx(beta, rel=1e-9)


def test_deepnorm_of_two_stacks_has_the_factors_of_its_table() -> None:
    recipe = recipes.DeepNorm(n_encoder=6, n_decoder=6)
    for stack, alpha, beta in (
        ("encoder", 1.4179381407, 0.4969892408),
        ("decoder", 2.0597671439, 0.3432945240),
    ):
        assert recipe.role(f"{stack}_residual").multiplier == pytest.approx(alpha, rel=1e-10)
        weight: Any = recipe.role(f"{stack}_value_out_feed_forward").weight
        assert math.sqrt(weight.scale) == pytest.approx(beta, rel=1e-9)


def test_sub_ln_grows_with_the_logarithm_of_depth() -> None:
    def gain(recipe: recipes.SubLn, role: str) -> float:
        weight: Any = recipe.role(role).weight
        return math.sqrt(weight.scale)

    for one in (recipes.SubLn(n_encoder=24), recipes.SubLn(n_decoder=24)):
        assert gain(one, "value_out_feed_forward") == pytest.approx(math.log(48) ** 0.5, rel=1e-14)
    both = recipes.SubLn(n_encoder=12, n_decoder=6)
    expected = math.sqrt(math.log(18) * math.log(24) / 3)
    assert gain(both, "encoder_value_out_feed_forward") == pytest.approx(expected, rel=1e-14)
    expected = math.sqrt(math.log(18))
    assert gain(both, "decoder_value_out_feed_forward") == pytest.approx(expected, rel=1e-14)


def test_t5_queries_make_up_for_the_division_that_is_not_there() -> None:
    recipe = recipes.T5(width=512, head=64)
    q, k = (
        recipe.role(name).weight((64, 512), key=KEY / name, dtype=np.float64)
        for name in ("query", "projection")
    )
    x = np.random.default_rng(0).normal(size=(500, 512))
    logits = (x @ q.T) @ (x @ k.T).T
    # q k over 64 terms, each of variance 1/64: 5 standard errors of a product matrix's variance
    assert logits.std() == pytest.approx(1.0, abs=5 / math.sqrt(2 * 64))


def test_t_fixup_scales_with_the_fourth_root_of_depth() -> None:
    recipe = recipes.TFixup(n_encoder=6, n_decoder=3, width=512)

    def factor(name: str) -> float:
        weight: Any = recipe.role(name).weight
        return math.sqrt(weight.scale)

    assert factor("encoder_out_feed_forward") == pytest.approx(0.67 * 6**-0.25, rel=1e-14)
    assert factor("encoder_value") == pytest.approx(0.67 * 6**-0.25 * 2**0.5, rel=1e-14)
    assert factor("decoder_out_feed_forward") == pytest.approx(27**-0.25, rel=1e-14)
    assert std(recipe, "embedding") == pytest.approx(54**-0.25 * 512**-0.5, rel=1e-14)


@pytest.mark.parametrize(("m", "n_blocks"), [(2, 50), (3, 50), (4, 1000), (5, 1)])
def test_fixup_shrinks_the_branch_and_starts_with_the_entropy_of_chance(
    m: int, n_blocks: int
) -> None:
    recipe = recipes.Fixup(n_blocks=n_blocks, branch_layers=m)
    weight: Any = recipe.role("branch").weight
    he: Any = recipe.role("other").weight
    factor = math.sqrt(weight.scale / he.scale)
    assert factor == pytest.approx(n_blocks ** (-1 / (2 * m - 2)), rel=1e-12)
    logits = recipe.role("classifier").weight((10, 64)) @ np.ones(64, np.float32)
    loss, _ = ic.kernels.softmax_cross_entropy(logits[None], np.array([3]))
    assert loss == pytest.approx(math.log(10), rel=1e-6)


@pytest.mark.parametrize(("n_blocks", "digits"), [(10, 2.59374246), (100, 2.70481383)])
def test_inverse_sqrt_depth_bounds_the_growth_by_e(n_blocks: int, digits: float) -> None:
    a = recipes.InverseSqrtDepth(n_blocks=n_blocks).role("branch").multiplier
    assert (1 + a * a) ** n_blocks == pytest.approx(digits, rel=1e-8)


def test_branches_that_start_at_nothing_leave_the_block_an_identity() -> None:
    assert not recipes.SkipInit().role("branch_gain").weight((1,)).any()
    assert recipes.SkipInit().role("branch").weight((8, 8), key=KEY).all()
    scales = [
        float(recipes.LayerScale(depth).role("branch_scale").weight(1)[0]) for depth in (18, 24, 36)
    ]
    assert scales == pytest.approx([0.1, 1e-5, 1e-6], rel=1e-6)


def test_mup_and_completep_have_the_factors_of_their_tables() -> None:
    adam, sgd = (recipes.MuP(width=1024, base_width=64, optimizer=o) for o in ("adam", "sgd"))
    factors = {name: (role.multiplier, role.lr) for name, role in adam.roles().items()}
    assert factors == {"input": (1, 1), "hidden": (1, 1 / 16), "readout": (1 / 16, 1)}
    factors = {name: (role.multiplier, role.lr) for name, role in sgd.roles().items()}
    assert factors == {"input": (1, 16), "hidden": (1, 1), "readout": (1 / 16, 16)}
    assert adam.role("hidden").weight_decay == 16
    assert adam.attention_multiplier(64) == 1 / 64
    assert adam.attention_multiplier(128, base_head=64) == 8 / 128
    hidden = recipes.CompleteP(width=512, base_width=256, depth=8, base_depth=2).role("hidden")
    assert (hidden.lr, hidden.weight_decay, hidden.eps) == (0.5, 2.0, 0.125)
    deep = recipes.DepthMuP(width=512, base_width=256, depth=8, base_depth=2)
    # the width's factors, and m_l^-1/2 on the branch, on Adam's rate and on its epsilon
    hidden, branch = deep.role("hidden"), deep.role("branch")
    assert (hidden.lr, hidden.weight_decay, hidden.eps) == (0.25, 2.0, 0.25)
    assert (branch.multiplier, branch.lr, branch.eps) == (0.5, 0.25, 0.25)


def coordinates(width: int, recipe: recipes.MuP | None, key: ic.Key) -> float:
    """rms of the last hidden layer's change after steps of sign descent, as Adam's first are."""
    base = recipe or recipes.MuP(width=width, base_width=width)
    x = np.random.default_rng(0).normal(size=(16, 8))
    target = np.random.default_rng(1).normal(size=(16, 1))
    w1 = base.role("input").weight((width, 8), key=key / "1", dtype=np.float64) / math.sqrt(8)
    w2 = base.role("hidden").weight((width, width), key=key / "2", dtype=np.float64)
    w3 = np.zeros((1, width))
    lr = 0.01
    start = np.tanh(np.tanh(x @ w1.T) @ w2.T)
    for _ in range(4):
        h1 = np.tanh(x @ w1.T)
        h2 = np.tanh(h1 @ w2.T)
        scale = base.role("readout").multiplier
        dy = (h2 @ w3.T * scale - target) / len(x)
        d2 = (dy @ w3 * scale) * (1 - h2**2)
        d1 = (d2 @ w2) * (1 - h1**2)
        w3 -= lr * base.role("readout").lr * np.sign(dy.T @ h2)
        w2 -= lr * base.role("hidden").lr * np.sign(d2.T @ h1)
        w1 -= lr * base.role("input").lr * np.sign(d1.T @ x)
    return float(np.sqrt(((np.tanh(np.tanh(x @ w1.T) @ w2.T) - start) ** 2).mean()))


def test_mup_moves_features_alike_at_every_width_and_the_standard_way_does_not() -> None:
    slopes = []  # in log-log: about 0 against about 1/2
    for key in (KEY / i for i in range(8)):
        ours = [
            coordinates(width, recipes.MuP(width=width, base_width=64), key) for width in (64, 512)
        ]
        standard = [coordinates(width, None, key) for width in (64, 512)]
        slopes.append([math.log(large / small, 8) for small, large in (ours, standard)])
    # -0.06 and 0.43 over many keys, where one key's slope has a deviation of 0.09
    ours, standard = np.mean(slopes, axis=0)
    assert abs(ours) < 0.15
    assert standard > 0.3


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_spectral_step_moves_features_alike_at_every_width(optimizer: Any) -> None:
    moved = []
    for width in (64, 1024):
        recipe = recipes.Spectral(fan_in=width, fan_out=2 * width, optimizer=optimizer)
        role = recipe.role("matrix")
        w = role.weight((2 * width, width), key=KEY / width, dtype=np.float64)
        x, dy = (np.random.default_rng(0).normal(size=size) for size in (width, 2 * width))
        x /= np.sqrt((x**2).mean())
        dy /= np.sqrt((dy**2).mean()) * 2 * width  # of a loss that is a mean over outputs
        gradient = np.outer(dy, x)
        step = gradient if optimizer == "sgd" else np.sign(gradient)
        assert np.sqrt(((w @ x) ** 2).mean()) == pytest.approx(0.586, abs=0.1)
        moved.append(float(np.sqrt(((role.lr * step @ x) ** 2).mean())))
    # exact for SGD; the mean of |x| at rms 1 differs by its sampling error for signs
    assert moved[1] / moved[0] == pytest.approx(1.0, abs=1e-12 if optimizer == "sgd" else 0.2)


def test_a_neural_tangent_layer_starts_as_lecun_does() -> None:
    role = recipes.NeuralTangent(fan_in=256).role("hidden")
    w = role.multiplier * role.weight((64, 256), key=KEY, dtype=np.float64)
    assert w == pytest.approx(ic.LecunNormal()((64, 256), key=KEY, dtype=np.float64), rel=1e-14)
    assert role.bias == ic.Zeros()  # the multiplier would shrink it
    assert recipes.NeuralTangent(256, mean_field=True).role("readout").multiplier == 1 / 256


@pytest.mark.parametrize("width", [64, 1024])
def test_the_tangent_kernel_concentrates_with_width(width: int) -> None:
    d, draws = 32, 400
    x = ic.Normal()((d,), key=KEY / "x", dtype=np.float64)
    x *= math.sqrt(d) / np.linalg.norm(x)
    hidden = recipes.NeuralTangent(fan_in=d).role("hidden")
    readout = recipes.NeuralTangent(fan_in=width).role("readout")
    kernels = []
    for draw in range(draws):
        key = KEY / "tangent" / width / draw
        w = hidden.weight((width, d), key=key / "hidden", dtype=np.float64)
        v = readout.weight((1, width), key=key / "readout", dtype=np.float64)[0]
        z = hidden.multiplier * (w @ x)
        # gradients of f = multiplier v . relu(z): by v, and by w
        by_v = readout.multiplier * np.maximum(z, 0.0)
        by_w = readout.multiplier * hidden.multiplier * np.outer(v * (z > 0), x)
        kernels.append(np.square(by_v).sum() + np.square(by_w).sum())
    # mean 1/2 + 1/2; a unit gives relu(z)^2 + v^2 [z > 0], of variance 3
    spread = math.sqrt(3.0 / width)
    assert np.mean(kernels) == pytest.approx(1.0, abs=5 * spread / math.sqrt(draws))
    # the standard error of a standard deviation, with room for the kurtosis of few units
    assert np.std(kernels) == pytest.approx(spread, rel=5 * math.sqrt(1.5 / draws))


def test_lora_changes_nothing_at_first() -> None:
    recipe = recipes.Lora(rank=4)
    a = recipe.role("a").weight((4, 256), key=KEY)
    assert np.abs(a).max() <= 1 / 16
    assert a.std() == pytest.approx(1 / math.sqrt(3 * 256), rel=0.08)
    assert not (recipe.role("b").weight((64, 4)) @ a).any()
    assert std(recipes.Lora(rank=4, a="gaussian"), "a") == 0.25


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: recipes.Gpt2(n_layers=0), "n_layers=0"),
        (lambda: recipes.DeepNorm(0, 0), "at least one stack"),
        (lambda: recipes.Fixup(n_blocks=3, branch_layers=1), "branch_layers=1"),
        (lambda: recipes.MuP(8, 8, optimizer="lion"), "optimizer='lion'"),  # type: ignore[arg-type]
        (lambda: recipes.Lora(rank=4, a="sparse"), "a='sparse'"),  # type: ignore[arg-type]
    ],
)
def test_impossible_recipes_are_refused_by_name(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()
