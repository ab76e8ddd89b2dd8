"""Audits: what is wrong is found and named, what is right is left alone, at a stated rate."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import doctor, interop
from initcore.doctor import bounds
from initcore.initializers import spread_of


def network() -> ic.Sequential:
    return ic.Sequential(
        ic.Dense(200, 100, activation="relu", name="a"),
        ic.Dense(100, 100, activation="tanh", name="b"),
        ic.Dense(100, 10, name="c"),
    )


def started(recipe: Any = "he", key: int = 0) -> tuple[ic.Sequential, interop.Plan]:
    net = network()
    return net, interop.initialize(net, recipe, key=key)


def found(net: Any, recipe: Any) -> list[tuple[str, str]]:
    return [(finding.code, finding.name) for finding in doctor.audit(net, recipe).findings]


RECIPES = [
    "he",
    "torch_default",
    "keras_default",
    ic.TruncatedNormal(std=0.02),
    ic.TruncatedNormal(std=0.02, low=0.5, high=3.0),
    ic.Uniform(low=1.0, high=1.5),
    ic.Orthogonal(),
    ic.Sparse(),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_weights_that_follow_their_laws_pass(recipe: Any) -> None:
    for key in range(20):
        net, plan = started(recipe, key)
        assert doctor.audit(net, plan, false_alarms=0.001).passed


# What a bound of n elements at this rate lets pass, and twice it, which it finds.
LAWS = [
    ("normal", (0.5, 2.0)),
    ("uniform", (-1.0, 3.0)),
    ("truncated_normal", (0.0, 1.0, -2.0, 2.0)),
    ("truncated_normal", (0.0, 1.0, 0.5, 4.0)),
]


@pytest.mark.parametrize(("law", "numbers"), LAWS)
def test_a_bound_holds_at_its_rate_for_few_elements(law: str, numbers: tuple[float, ...]) -> None:
    n, trials, alpha = 40, 4000, 0.05
    draws = np.empty((trials, n))
    ic.kernels._fill(law, draws, numbers, 7, 0)
    spread = spread_of((law, numbers))
    mean, variance = spread.mean, spread.variance
    away = draws - mean
    cdf = bounds.distribution(law, numbers)
    strays = {
        "mean": abs(away.mean(1)) > bounds.mean_bound(n, law, numbers, alpha),
        "square": abs((away**2).mean(1) - variance) > bounds.square_bound(n, law, numbers, alpha),
        "shape": np.array([bounds.distance(row, cdf) for row in draws])
        > bounds.distance_bound(n, alpha),
    }
    # six standard deviations of a binomial count above the promised rate
    most = alpha * trials + 6 * math.sqrt(alpha * trials)
    assert {name: bool(stray.sum() <= most) for name, stray in strays.items()} == {
        name: True for name in strays
    }


@pytest.mark.parametrize(("law", "numbers"), LAWS)
def test_moments_and_distribution_are_scipys(law: str, numbers: tuple[float, ...]) -> None:
    stats = pytest.importorskip("scipy.stats")
    if law == "uniform":
        theirs = stats.uniform(numbers[0], numbers[1] - numbers[0])
    elif law == "normal":
        theirs = stats.norm(*numbers)
    else:
        mean, std, low, high = numbers
        theirs = stats.truncnorm((low - mean) / std, (high - mean) / std, mean, std)
    ours = spread_of((law, numbers))
    assert (ours.mean, ours.variance) == pytest.approx((theirs.mean(), theirs.var()), rel=1e-9)
    x = np.linspace(-3, 5, 101)
    assert np.abs(bounds.distribution(law, numbers)(x) - theirs.cdf(x)).max() < 1e-12


def test_another_law_is_found() -> None:
    net, _ = started("he")
    assert ("law", "b.weight") in found(net, "glorot")
    assert found(net, "he") == []


def test_a_shape_of_the_same_mean_and_variance_is_found() -> None:
    net, plan = started(ic.LecunNormal())
    weight = net.layers[0].w
    ic.LecunUniform().fill(weight, key=ic.Key(5))
    finding = doctor.audit(net, plan).findings[0]
    assert (finding.code, finding.name) == ("law", "a.weight")
    assert "another shape" in finding.message


def test_a_mean_that_is_off_is_found() -> None:
    net, plan = started(ic.LecunNormal())
    net.layers[0].w += np.float32(0.01)
    assert "mean" in doctor.audit(net, plan).findings[0].message


@pytest.mark.parametrize("left", [0.0, 1e-30, float(np.frombuffer(b"\xcd" * 4, np.float32)[0])])
def test_memory_that_nobody_wrote_is_found(left: float) -> None:
    net, plan = started()
    net.layers[0].w[50, 10:40] = left
    assert found(net, plan)[0] == ("untouched", "a.weight")


def test_copies_biases_and_numbers_that_are_none_are_found() -> None:
    net, plan = started()
    net.layers[2].b[3] = 1e-8
    net.layers[0].w[0, 0] = np.inf
    assert found(net, plan) == [("not-finite", "a.weight"), ("law", "a.weight"), ("law", "c.bias")]
    net, plan = started(ic.Normal())
    net.layers[0].w[:100, :100] = net.layers[1].w
    same = ic.Sequential(ic.Dense(9, 9, name="a"), ic.Dense(9, 9, name="b"))
    same.initialize(ic.Normal(), key=ic.Key(0))
    same.layers[1].w[...] = same.layers[0].w
    assert found(same, None) == [("duplicate", "b.weight")]


def test_an_audit_without_a_recipe_says_that_no_law_was_looked_at() -> None:
    net, plan = started()
    assert "none of them held against a law: pass the recipe" in str(doctor.audit(net))
    assert "6 of them held against a law" in str(doctor.audit(net, plan))


def test_what_nobody_draws_is_no_copy_and_a_mask_may_be_infinite() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.ModuleDict({name: torch.nn.Linear(8, 8) for name in "abc"})
    for layer in (model["a"], model["b"]):
        layer.register_parameter("one", torch.nn.Parameter(torch.full((1,), 0.3)))
        layer.register_buffer("table", torch.linspace(0, 1, 9))
        layer.register_buffer("mask", torch.full((3, 3), -torch.inf).triu(1))
        torch.nn.init.eye_(layer.weight)
    assert doctor.audit(model).findings == ()
    model["c"].weight.data[0, 0] = torch.inf
    model["b"].bias.data.copy_(model["a"].bias)
    model["b"].table[0] = torch.nan
    assert sorted(found(model, None)) == [
        ("duplicate", "b.bias"),
        ("not-finite", "b.table"),
        ("not-finite", "c.weight"),
    ]


def test_a_matrix_that_is_not_orthogonal_is_found() -> None:
    net, plan = started(ic.Orthogonal())
    net.layers[1].w[0] *= np.float32(1.001)
    assert found(net, plan) == [("law", "b.weight")]


def test_a_parameter_without_a_rule_is_found() -> None:
    net, _ = started()
    rules = {"rules": [{"name": "*.weight", "init": "he_normal"}]}
    codes = found(net, rules)
    assert ("no-rule", "a.bias") in codes


def test_arguments_that_make_no_sense_are_refused() -> None:
    net, plan = started()
    with pytest.raises(ValueError, match=r"false_alarms=0\.0 must be above 0 and below 1"):
        doctor.audit(net, plan, false_alarms=0)
    with pytest.raises(TypeError, match="without parameters"):
        doctor.audit(3)
    other = ic.Sequential(ic.Dense(3, 3, name="a"))
    interop.initialize(other, "he", key=0)
    with pytest.raises(ValueError, match="plan of another model"):
        doctor.audit(other, plan)
    with pytest.raises(ValueError, match="has no values yet"):
        doctor.audit(network())


def test_a_fingerprint_sees_every_bit_and_no_order() -> None:
    net, _ = started()
    before = interop.fingerprint(net)
    tree = {
        layer: {"bias": net.layers[at].b, "weight": net.layers[at].w}
        for at, layer in reversed(list(enumerate("abc")))
    }
    pytest.importorskip("jax")
    assert interop.fingerprint(tree) == before
    net.layers[0].b[1] = -0.0
    assert interop.fingerprint(net) != before


def test_a_fingerprint_is_the_same_in_every_layout() -> None:
    pytest.importorskip("jax")
    weight = ic.HeNormal()((64, 32), key=ic.Key(0))
    swapped = np.asfortranarray(weight)
    assert interop.fingerprint({"weight": weight}) == interop.fingerprint({"weight": swapped})
    assert interop.fingerprint({"weight": weight}) != interop.fingerprint({"w": weight.T.copy()})


def test_a_manifest_makes_the_weights_again(tmp_path: Path) -> None:
    net, plan = started({"base": "he", "rules": [{"name": "c.*", "init": "zeros"}]}, key=9)
    manifest = interop.Manifest.of(net, plan)
    assert manifest.fingerprint == interop.fingerprint(net)
    manifest.save(tmp_path / "start.json")
    again = interop.Manifest.load(tmp_path / "start.json")
    assert again == manifest
    other = network()
    interop.initialize(other, "glorot", key=0)
    assert "a.weight" in again.differences(other)
    again.start(other)
    assert again.differences(other) == ()
    for mine, theirs in zip(net.layers, other.layers, strict=True):
        assert np.array_equal(mine.w, theirs.w)


def test_a_manifest_notices_another_model_and_a_changed_file() -> None:
    net, plan = started()
    manifest = interop.Manifest.of(net, plan)
    other = ic.Sequential(ic.Dense(200, 50, name="a"))
    with pytest.raises(ValueError, match=r"a\.weight.* differ"):
        manifest.start(other)
    data = json.loads(manifest.to_json())
    data["tensors"]["a.weight"]["fingerprint"] = "0" * 32
    with pytest.raises(ValueError, match="do not belong together"):
        interop.Manifest.from_json(json.dumps(data))
    with pytest.raises(ValueError, match='"format": 1'):
        interop.Manifest.from_json("{}")
    rules = interop.Rules("mine", interop.recipe("he").rules)
    with pytest.raises(ValueError, match="made in Python"):
        interop.Manifest.of(net, interop.initialize(net, rules, key=0))


def test_torch_models_are_audited_too() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.ModuleDict(
        {
            "table": nn.Embedding(30, 20, padding_idx=3),
            "conv": nn.Conv2d(8, 16, 3, groups=2),
            "norm": nn.BatchNorm2d(16),
            "lstm": nn.LSTM(20, 30),
        }
    )
    assert doctor.audit(model, "torch_default").passed  # as torch itself started it
    for dtype in (torch.bfloat16, torch.float16):
        plan = interop.initialize(model.to(dtype), "he", key=0)
        assert doctor.audit(model, plan).passed
    with torch.no_grad():
        model["lstm"].weight_hh_l0[7:].zero_()
    assert ("untouched", "lstm.weight_hh_l0") in found(model, plan)


def test_keras_models_are_audited_too() -> None:
    keras = pytest.importorskip("keras")
    layers = [keras.layers.Dense(100, "relu", name="a"), keras.layers.Dense(100, name="b")]
    model = keras.Sequential([keras.Input((100,)), *layers])
    assert doctor.audit(model, "keras_default").passed  # as Keras itself started it
    seeded = keras.initializers.HeNormal(seed=1)
    cloned = [keras.layers.Dense(9, kernel_initializer=seeded, name=name) for name in "ab"]
    twice = keras.Sequential([keras.Input((9,)), *cloned])
    assert found(twice, None) == [("duplicate", "b/kernel")]


def test_forget_gates_that_start_alike_are_no_copies() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.LSTM(8, 6, bidirectional=True)
    recipe = {"base": "xavier", "rules": [{"role": "bias", "init": {"initializer": "ForgetBias"}}]}
    interop.initialize(model, recipe, key=0)
    assert not doctor.audit(model).findings
    model.bias_ih_l0.data.normal_()
    model.bias_ih_l0_reverse.data.copy_(model.bias_ih_l0)
    assert [found.code for found in doctor.audit(model).findings] == ["duplicate"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("[" * 100_000, "not JSON"),
        ("{", "not JSON"),
        ("[]", "must be a manifest"),
        ({"key": None}, '"key" of text must be a dict'),
        ({"key": {}}, '"key" of text is no key'),
        ({"key": {"seed": "a"}}, '"key" of text is no key'),
        ({"key": {"seed": 10**400}}, '"key" of text is no key'),
        ({"key": {"seed": 1, "path": 3}}, '"key" of text is no key'),
        ({"recipe": 3}, '"recipe" of text must be a dict'),
        ({"tensors": ["a"]}, '"tensors" of text must be a dict'),
        ({"tensors": {"a": {}}}, "'a' without a fingerprint"),
        ({"tensors": {"a": {"fingerprint": 3}}}, "'a' without a fingerprint"),
        ({"versions": []}, '"versions" of text must be a dict'),
    ],
)
def test_a_manifest_of_another_form_is_refused_in_one_line(tmp_path, change, message):
    net = ic.Sequential(ic.Dense(3, 2))
    text = interop.Manifest.of(net, interop.initialize(net, "he", key=0)).to_json()
    changed = change if isinstance(change, str) else json.dumps(json.loads(text) | change)
    with pytest.raises(ValueError, match=message):
        interop.Manifest.from_json(changed)
    path = tmp_path / "start.json"
    path.write_text(changed)
    with pytest.raises(ValueError, match=message) as caught:
        interop.Manifest.load(path)
    assert str(caught.value).startswith(f"path={str(path)!r} ")
