"""Recipes for whole models: what the rules say, on networks of initcore's own."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipe_options import with_options

import initcore as ic
from initcore import interop, recipes
from initcore.initializers import Packed, from_dict
from initcore.models.parameters import Model, Parameter
from initcore.models.plan import make

KEY = ic.Key(3)


def net() -> ic.Sequential:
    return ic.Sequential(
        ic.Dense(64, 32, activation="relu", name="hidden"),
        ic.Dense(32, 16, activation=ic.activations.LeakyRelu(0.2), name="leaky"),
        ic.Dense(16, 10, name="head"),
    )


def weight(name: str, shape: tuple[int, ...], role: str = "weight", **said: Any) -> Parameter:
    if role in ("weight", "recurrent") and "fan_in" not in said:
        said |= {"fan_in": math.prod(shape[1:]), "fan_out": shape[0]}
    return Parameter(name, tuple(name.split(".")), shape, role, **said)


def plan(recipe: Any, *parameters: Parameter, **options: Any) -> interop.Plan:
    return make(Model(parameters), interop.recipe(recipe), KEY, **options)


def test_initialize_gives_the_bytes_that_the_initializer_gives_under_the_tensors_name() -> None:
    model = net()
    made = interop.initialize(model, "he", key=KEY)
    expected = ic.HeNormal()((32, 64), key=KEY / "hidden" / "weight")
    assert model.layers[0].w is not None
    assert model.layers[0].w.tobytes() == expected.tobytes()
    assert made["hidden.weight"].key == KEY / "hidden" / "weight"


def test_initialize_takes_the_gain_of_the_activation_that_follows() -> None:
    made = interop.initialize(net(), "he", key=0, dry_run=True)
    scale = {name: made[f"{name}.weight"].assignment.init for name in ("hidden", "leaky", "head")}
    assert scale["hidden"] == ic.VarianceScaling(2.0)
    assert scale["leaky"] == ic.VarianceScaling(float(f"{2 / 1.04:.12g}"))
    assert scale["head"] == ic.VarianceScaling(1.0)
    assert made["hidden.weight"].note == "gain 1.414: relu follows"
    assert made["head.weight"].note == "gain 1: no activation follows"


def test_an_unknown_activation_is_assumed_and_the_plan_says_so() -> None:
    made = plan("he", weight("a.weight", (8, 4)))
    assert made["a.weight"].note == "gain 1.414: relu assumed"
    made = plan({"recipe": "he", "otherwise": "tanh"}, weight("a.weight", (8, 4)))
    assert made["a.weight"].note == "gain 1.593: tanh assumed"


def test_a_dry_run_writes_nothing_and_prints_every_tensor() -> None:
    model = net()
    made = interop.initialize(model, "glorot", key=5, dry_run=True)
    assert model.layers[0].w is None
    lines = str(made).splitlines()
    assert lines[0].split() == "name shape layer fan in fan out law std note".split()  # noqa: SIM905
    assert [line.split()[0] for line in lines[1:7]] == [e.parameter.name for e in made]
    assert "Dense" in lines[1]
    assert f"{math.sqrt(2 / 96):.4g}" in lines[1]
    assert lines[8] == "glorot, Key(5): 6 tensors, 2,778 elements"


def test_std_in_the_plan_is_that_of_the_values() -> None:
    laws: list[Any] = [
        ic.Normal(std=0.3, mean=2.0),
        ic.Uniform(low=-0.2, high=0.6),
        ic.TruncatedNormal(std=0.5, low=-1.0, high=2.0),
        ic.Orthogonal(gain=2.0),
        ic.Sign(),
        ic.Constant(3.0),
    ]
    for law in laws:
        made = plan(law, weight("a.weight", (200, 500)))
        array = np.empty((200, 500))
        made["a.weight"].write(array)
        # 5 standard errors of a sample standard deviation
        assert made["a.weight"].std == pytest.approx(array.std(), rel=5 / math.sqrt(2e5), abs=1e-12)


def test_of_several_rules_the_first_that_fits_decides() -> None:
    given = {
        "base": "he",
        "rules": [
            {"name": "head.*", "role": "weight", "init": "zeros"},
            {"name": ["head.*", "hidden.*"], "init": {"initializer": "Constant", "value": 0.5}},
            {"module": "Dense", "role": "bias", "init": "ones"},
        ],
    }
    model = net()
    interop.initialize(model, given, key=0)
    hidden, leaky, head = model.layers
    for array, value in ((head.w, 0), (head.b, 0.5), (hidden.w, 0.5), (hidden.b, 0.5)):
        assert array is not None
        assert (array == value).all()
    assert leaky.b is not None
    assert (leaky.b == 1).all()
    assert leaky.w is not None
    assert 0 < leaky.w.std() < 1


def test_strict_refuses_a_parameter_without_a_rule_and_a_rule_without_a_parameter() -> None:
    only = {"rules": [{"role": "weight", "init": "he_normal"}]}
    with pytest.raises(ValueError, match=r"no rule for hidden\.bias \(32,\) of Dense"):
        interop.initialize(net(), only, key=0)
    made = interop.initialize(net(), only, key=0, strict=False, dry_run=True)
    assert made["hidden.bias"].is_kept
    idle = {"base": "he", "rules": [{"name": "tail.*", "init": "zeros"}]}
    with pytest.raises(ValueError, match=r"decides for no tensor: name tail\.\*"):
        interop.initialize(net(), idle, key=0)
    interop.initialize(net(), idle, key=0, strict=False, dry_run=True)


def test_a_recipe_is_read_from_a_toml_file_and_is_the_dict(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(
        'base = {recipe = "he", mode = "fan_out"}\n'
        '[[rules]]\nname = "head.weight"\ninit = {initializer = "Normal", std = 0.01}\n'
        '[[rules]]\nrole = "bias"\n'
        'init = {initializer = "Scaled", mode = "fan_in", otherwise = "relu"}\nneeded = false\n'
    )
    given = {
        "base": {"recipe": "he", "mode": "fan_out"},
        "rules": [
            {"name": "head.weight", "init": {"initializer": "Normal", "std": 0.01}},
            {"role": "bias", "init": {"initializer": "Scaled"}, "needed": False},
        ],
    }
    for source in (file, str(file)):
        read = interop.initialize(net(), source, key=0, dry_run=True)
        assert read.difference(interop.initialize(net(), given, key=0, dry_run=True)) == ""
        assert read["head.weight"].assignment.init == ic.Normal(std=0.01)
        assert interop.recipe(read.to_dict()["recipe"]).rules[0] == read.recipe.rules[0]


def test_a_difference_lists_the_tensors_that_two_recipes_start_differently() -> None:
    he = interop.initialize(net(), "he", key=0, dry_run=True)
    lecun = interop.initialize(net(), "lecun", key=0, dry_run=True)
    lines = he.difference(lecun).splitlines()
    assert lines[0].split() == ["name", "he", "lecun"]
    assert [line.split()[0] for line in lines[1:]] == ["hidden.weight", "leaky.weight"]
    assert he.difference(he) == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("hee", "recipe='hee' is not known; use one of bert, .*gpt2, .*he,"),
        ({"recipe": "gpt2", "depth": 3}, "depth=3 is no option of the recipe 'gpt2'; it has n_lay"),
        ("mup", "recipe='mup' needs width and base_width"),
        ({"rule": []}, "unknown field 'rule'"),
        ({"base": "he"}, 'has no "rules"'),
        ({"rules": [{"name": "a"}]}, 'has no "init"'),
        ({"rules": [{"nmae": "a", "init": "zeros"}]}, "unknown field 'nmae'"),
        ({"rules": [{"role": "wieght", "init": "zeros"}]}, "role='wieght' must be one of weight,"),
        ({"rules": [{"init": "hee_normal"}]}, "'hee_normal' is not known"),
        ({"rules": [{"init": {"initializer": "Scaled", "gain": "relu"}}]}, "gain='relu' must be"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        interop.recipe(given)


def test_a_recipe_of_another_type_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="recipe=3 must be a name"):
        interop.recipe(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="options are for a recipe given by name"):
        interop.recipe(ic.HeNormal(), mode="fan_out")
    with pytest.raises(TypeError, match=r"model is a builtins\.int"):
        interop.initialize(3, "he", key=0)


def test_a_law_that_does_not_fit_names_the_tensor_and_the_rule() -> None:
    with pytest.raises(ValueError, match=r"a\.bias \(8,\) of .*fan_in is not known"):
        plan("siren", weight("a.bias", (8,), "bias"))


def test_two_tensors_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"name='a\.weight' is there twice"):
        plan("he", weight("a.weight", (2, 2)), weight("a.weight", (2, 2)))


def test_packed_blocks_are_those_of_the_initializer_for_packed_weights() -> None:
    parts = ("q", "k", "v")
    packed = weight("a.in", (24, 8), fan_in=8, fan_out=8, parts=parts)
    array = np.empty((24, 8), np.float32)
    for recipe, init in (("glorot", ic.GlorotUniform()), (ic.Orthogonal(), ic.Orthogonal())):
        plan(recipe, packed)["a.in"].write(array)
        same = Packed(init, (1, 1, 1), parts)((24, 8), key=KEY / "a" / "in")
        assert array.tobytes() == same.tobytes()


@pytest.mark.parametrize("axis", [0, 1])
def test_packed_blocks_of_an_orthogonal_law_are_each_orthogonal(axis: int) -> None:
    shape = (32, 8) if axis == 0 else (8, 32)
    layout = "oi" if axis == 0 else "io"
    said: dict[str, Any] = {"parts": tuple("ifgo"), "part_axis": axis, "layout": layout}
    made = plan(ic.Orthogonal(), weight("a.w", shape, "recurrent", fan_in=8, fan_out=8, **said))
    array = np.empty(shape)
    made["a.w"].write(array)
    blocks = np.split(array, 4, axis=axis)
    for name, block in zip("ifgo", blocks, strict=True):
        np.testing.assert_allclose(block @ block.T, np.eye(8), atol=1e-12)
        alone = ic.Orthogonal()((8, 8), key=KEY / "a" / "w" / name, dtype=np.float64, layout=layout)
        assert (block == alone).all()


def test_deepnorm_scales_the_values_of_a_packed_projection_alone() -> None:
    packed = weight("layers.0.a.in", (48, 16), fan_in=16, fan_out=16, parts=("q", "k", "v"))
    made = plan("deepnorm", packed, weight("layers.1.a.out_proj.weight", (16, 16)))
    array = np.empty((48, 16))
    made["layers.0.a.in"].write(array)
    beta = recipes.DeepNorm(n_encoder=2).role("value_out_feed_forward").weight
    laws = (ic.GlorotNormal(), ic.GlorotNormal(), beta)
    key = KEY / "layers" / "0" / "a" / "in"
    same = Packed(laws, (1, 1, 1), ("q", "k", "v"))((48, 16), key=key, dtype=np.float64)
    assert array.tobytes() == same.tobytes()
    assert made["layers.1.a.out_proj.weight"].assignment.init == beta


def block(at: int, width: int = 8) -> list[Parameter]:
    return [
        weight(f"h.{at}.attn.c_attn.weight", (3 * width, width)),
        weight(f"h.{at}.attn.c_proj.weight", (width, width)),
        weight(f"h.{at}.mlp.c_fc.weight", (4 * width, width)),
        weight(f"h.{at}.mlp.c_proj.weight", (width, 4 * width)),
        weight(f"h.{at}.mlp.c_proj.bias", (width,), "bias", fan_in=4 * width),
        weight(f"h.{at}.ln.weight", (width,), "scale"),
    ]


def test_gpt2_counts_the_layers_off_the_names() -> None:
    parameters = [weight("wte.weight", (50, 8), "embedding")]
    parameters += [p for at in range(12) for p in block(at)]
    made = plan("gpt2", *parameters)
    residual = recipes.Gpt2(12).role("residual").weight
    assert made["h.3.attn.c_proj.weight"].assignment.init == residual
    assert made["h.3.mlp.c_proj.weight"].assignment.init == residual
    assert made["h.3.mlp.c_fc.weight"].assignment.init == ic.Normal(std=0.02)
    assert made["wte.weight"].assignment.init == ic.Normal(std=0.02)
    assert made["h.3.ln.weight"].assignment.init == ic.Ones()
    said = plan({"recipe": "gpt2", "n_layers": 96}, *parameters)
    assert said["h.3.mlp.c_proj.weight"].assignment.init == recipes.Gpt2(96).role("residual").weight


def test_llama_and_olmo_take_the_number_of_the_layer() -> None:
    parameters = [p for at in range(3) for p in block(at)]
    llama = plan({"recipe": "llama", "by_layer": True}, *parameters)
    own = recipes.Llama(3, by_layer=True)
    olmo = plan("olmo", *parameters)
    mitchell = recipes.Mitchell(8, 32)
    for at in range(3):
        name = f"h.{at}.attn.c_proj.weight"
        assert llama[name].assignment.init == own.role("residual", at).weight
        assert olmo[name].assignment.init == mitchell.role("attention_out", at).weight
        assert (
            olmo[f"h.{at}.mlp.c_proj.weight"].assignment.init
            == mitchell.role("feed_forward_out", at).weight
        )


def test_the_head_of_a_llama_and_the_tables_of_an_olmo_go_with_the_width() -> None:
    parameters = [weight("wte.weight", (50, 64), "embedding"), weight("lm_head.weight", (50, 64))]
    parameters += [weight("wpe.weight", (9, 64), "embedding")]
    head = plan("llama", *parameters)["lm_head.weight"].assignment.init
    assert head == ic.TruncatedNormal(std=1 / 8, low=-3.0, high=3.0)
    assert plan("llama", *parameters)["wte.weight"].assignment.init.std == 0.02  # type: ignore[union-attr]
    assert all(entry.assignment.init == head for entry in plan("olmo", *parameters))


def test_a_vision_transformer_starts_as_in_its_two_codes() -> None:
    conv = {"kinds": ("Conv2d", "_ConvNd")}
    parameters = [
        weight("patch.weight", (16, 3, 4, 4), **conv),
        weight("patch.bias", (16,), "bias", fan_in=48, **conv),
        weight("pos_embed", (1, 5, 16), "other"),
        weight("cls_token", (1, 1, 16), "other"),
        weight("blocks.0.attn.qkv.weight", (48, 16)),
        weight("blocks.0.mlp.fc1.weight", (64, 16)),
        weight("blocks.0.mlp.fc1.bias", (64,), "bias", fan_in=16),
        weight("blocks.0.ls1.gamma", (16,), "other"),
        weight("head.weight", (10, 16)),
    ]
    start = {e.parameter.name: e.assignment.init for e in plan("vit", *parameters)}
    plain = ic.Normal(std=0.02)
    standard = ic.initializers.StandardUniform()
    assert start == {
        "patch.weight": standard,
        "patch.bias": standard,
        "pos_embed": plain,
        "cls_token": ic.Normal(std=1e-6),
        "blocks.0.attn.qkv.weight": plain,
        "blocks.0.mlp.fc1.weight": plain,
        "blocks.0.mlp.fc1.bias": ic.Zeros(),
        "blocks.0.ls1.gamma": ic.Constant(0.1),
        "head.weight": plain,
    }
    google = plan({"recipe": "vit", "convention": "google"}, *parameters)
    start |= {
        "patch.weight": ic.VarianceScaling(1.0, "fan_in", "truncated_normal"),
        "patch.bias": ic.Zeros(),
        "cls_token": ic.Zeros(),
        "blocks.0.attn.qkv.weight": ic.GlorotUniform(),
        "blocks.0.mlp.fc1.weight": ic.GlorotUniform(),
        "blocks.0.mlp.fc1.bias": ic.Normal(std=1e-6),
        "head.weight": ic.Zeros(),
    }
    assert {e.parameter.name: e.assignment.init for e in google} == start
    with pytest.raises(ValueError, match="convention='keras'"):
        plan({"recipe": "vit", "convention": "keras"}, *parameters)


def test_fixup_finds_the_branches_and_their_last_kernels() -> None:
    parameters = [weight("conv1.weight", (8, 3, 3, 3))]
    for at in range(4):
        parameters += [weight(f"layer1.{at}.conv{c}.weight", (8, 8, 3, 3)) for c in (1, 2)]
        parameters += [weight(f"layer1.{at}.scale", (1,), "other")]
    parameters += [
        weight("layer1.0.downsample.0.weight", (8, 8, 1, 1)),
        weight("fc.weight", (5, 8)),
    ]
    made = plan("fixup_resnet", *parameters)
    own = recipes.Fixup(4)
    for name, role in {
        "conv1.weight": "other",
        "layer1.2.conv1.weight": "branch",
        "layer1.2.conv2.weight": "branch_last",
        "layer1.0.downsample.0.weight": "other",
        "fc.weight": "classifier",
        "layer1.2.scale": "scalar_multiplier",
    }.items():
        assert made[name].assignment.init == own.role(name=role).weight, name


def test_mup_carries_the_factors_on_the_learning_rate() -> None:
    parameters = [weight("in.weight", (64, 9)), weight("mid.weight", (64, 64))]
    parameters += [weight("mid.bias", (64,), "bias"), weight("out.weight", (3, 64))]
    made = plan({"recipe": "mup", "width": 64, "base_width": 16}, *parameters)
    assert made["in.weight"].std == pytest.approx(1 / 3)
    assert made["mid.weight"].assignment.lr == 0.25
    assert made["mid.weight"].note == "hidden; lr x 0.25; weight_decay x 4"
    assert made["out.weight"].assignment.init == ic.Zeros()
    assert made["out.weight"].assignment.multiplier == 0.25
    assert made["mid.bias"].assignment.lr == 1.0


def test_siren_tells_the_first_kernel_from_the_others() -> None:
    made = plan("siren", weight("a.weight", (64, 2)), weight("b.weight", (64, 64)))
    assert made["a.weight"].assignment.init == ic.initializers.Siren(first=True)
    assert made["b.weight"].assignment.init == ic.initializers.Siren()


@pytest.mark.parametrize("name", [*interop.RECIPES])
def test_every_recipe_starts_every_role_and_says_what_it_does(name: str) -> None:
    given = with_options(name)
    roles = [role for role in interop.ROLES if role not in ("other", "weight", "recurrent")]
    parameters = [weight(f"h.0.{role}", (8,), role, fan_in=4) for role in roles if role[-1] != "g"]
    parameters += [
        weight("h.0.a.weight", (8, 8)),
        weight("h.0.a.recurrent", (8, 8), "recurrent"),
        weight("h.0.embedding", (5, 8), "embedding", fan_in=1),
    ]
    if name in ("siren", "torch_default"):
        parameters.pop(-2)
    made = plan(given, *parameters)
    for entry in made:
        array = np.full(entry.parameter.shape, np.nan, np.float32)
        entry.write(array)
        assert entry.is_kept == (entry.parameter.role in ("buffer", "magnitude", "set"))
        assert np.isfinite(array).all() or entry.is_kept
        init = entry.to_dict()["init"]
        assert init is None or from_dict(init) == entry.assignment.init
    assert interop.recipe(made.to_dict()["recipe"]).name == name


def test_a_row_of_an_embedding_that_stays_0_is_0() -> None:
    made = plan("gpt2", weight("wte.weight", (5, 8), "embedding", zero_row=2))
    array = np.ones((5, 8), np.float32)
    made["wte.weight"].write(array)
    assert (array[2] == 0).all()
    assert (array[[0, 1, 3, 4]] != 0).all()
    assert made["wte.weight"].note == "row 2 is 0"


def named(*names: str) -> interop.Model:
    return interop.Model(
        tuple(interop.Parameter(name, tuple(name.split(".")), (2, 2), "weight") for name in names)
    )


def test_experts_and_bare_layers_within_a_block_are_not_counted_as_layers() -> None:
    experts = named(
        *(f"layers.{at}.moe.experts.{e}.w1.weight" for at in range(4) for e in range(16))
    )
    assert experts.block(experts.parameters[17]) == (1, 4)
    one_layer = named("h.0.attn.q.weight", *(f"h.0.mlp.{at}.weight" for at in (0, 2, 3)))
    assert {one_layer.block(p) for p in one_layer.parameters} == {(0, 1)}
    bare = named("0.weight", "2.weight")
    assert [bare.block(p) for p in bare.parameters] == [(0, 2), (1, 2)]
    stages = named(*(f"stages.{s}.blocks.{b}.fc.weight" for s in range(2) for b in range(6)))
    assert stages.block(stages.parameters[-1]) == (5, 6)
