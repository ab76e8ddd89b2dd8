"""Recipes as objects: what initializes a model under a name is a class of initcore.recipes."""

import copy
import json
import pickle
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipe_options import EVERY

import initcore as ic
from initcore import interop, recipes
from initcore.models.parameters import Model, Parameter
from initcore.models.plan import Plan, make

KEY = ic.Key(5)


def tensor(name: str, shape: tuple[int, ...], role: str = "weight", **facts: Any) -> Parameter:
    facts = {"fan_in": shape[-1], "fan_out": shape[0]} | facts
    return Parameter(name, tuple(name.split(".")), shape, role, **facts)


def transformer() -> Model:
    tensors = [tensor("wte.weight", (11, 32), "embedding", fan_in=1, fan_out=32)]
    for at in range(3):
        tensors += [
            tensor(f"h.{at}.ln_1.weight", (32,), "scale"),
            tensor(f"h.{at}.attn.q_proj.weight", (32, 32)),
            tensor(f"h.{at}.attn.v_proj.weight", (32, 32)),
            tensor(f"h.{at}.attn.out_proj.weight", (32, 32)),
            tensor(f"h.{at}.mlp.fc1.weight", (64, 32)),
            tensor(f"h.{at}.mlp.fc2.weight", (32, 64)),
            tensor(f"h.{at}.mlp.fc2.bias", (32,), "bias", fan_in=64),
            tensor(f"h.{at}.ln_2.weight", (32,), "scale"),
        ]
    return Model((*tensors, tensor("lm_head.weight", (11, 32))))


MODEL = transformer()


def values(plan: Plan) -> bytes:
    arrays = [np.zeros(entry.parameter.shape, np.float32) for entry in plan]
    for entry, array in zip(plan, arrays, strict=True):
        entry.write(array)
    return b"".join(array.tobytes() for array in arrays)


@pytest.mark.parametrize("given", EVERY, ids=str)
def test_a_name_is_an_object_with_its_defaults_and_both_are_the_dict(given: Any) -> None:
    options = {} if isinstance(given, str) else {k: v for k, v in given.items() if k != "recipe"}
    name = given if isinstance(given, str) else given["recipe"]
    built = interop.RECIPES[name](**options)
    rules = interop.recipe(built)
    assert rules == interop.recipe(given)
    assert rules.name == name
    assert rules.source == built.to_dict()
    assert interop.recipe(built.to_dict()) == rules
    expected = values(make(MODEL, interop.recipe(given), KEY))
    assert values(make(MODEL, rules, KEY)) == expected


@pytest.mark.parametrize("given", EVERY, ids=str)
@pytest.mark.parametrize("again", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
def test_rules_and_plans_are_pickled_and_copied_and_write_the_same_bytes(
    given: Any, again: Any
) -> None:
    rules = interop.recipe(given)
    plan = make(MODEL, rules, KEY)
    expected = values(plan)
    assert again(rules) == rules
    assert values(make(again(MODEL), again(rules), KEY)) == expected
    copied = again(plan)
    assert values(copied) == expected
    assert str(copied) == str(plan)
    assert copied.to_dict() == plan.to_dict()


@pytest.mark.parametrize("given", EVERY, ids=str)
def test_every_option_but_the_default_survives_a_dict(given: Any) -> None:
    source = interop.recipe(given).source
    cls = interop.RECIPES[source["recipe"]]
    assert set(source) <= {"recipe", *(field.name for field in fields(cls))}
    assert all(isinstance(value, str | float | int) for value in source.values())


def test_an_object_reaches_a_network_as_its_name_does() -> None:
    def net() -> ic.Sequential:
        return ic.Sequential(ic.Dense(8, 8, "relu", name="a"), ic.Dense(8, 4, name="b"))

    one, two = net(), net()
    interop.initialize(one, recipes.ZeroReadout(ic.Orthogonal()), key=0)
    given = {"recipe": "zero_readout", "hidden": {"initializer": "Orthogonal", "gain": 1.0}}
    plan = interop.initialize(two, given, key=0)
    assert one.layers[0].w is not None
    assert two.layers[0].w is not None
    assert one.layers[1].w is not None
    assert one.layers[0].w.tobytes() == two.layers[0].w.tobytes()
    assert np.abs(one.layers[0].w @ one.layers[0].w.T - np.eye(8)).max() < 1e-6
    assert not one.layers[1].w.any()
    manifest = interop.Manifest.of(two, plan)
    third = net()
    interop.Manifest.from_json(manifest.to_json()).start(third)
    assert manifest.differences(third) == ()


def test_rules_stand_before_an_object_and_have_its_text() -> None:
    given: Any = {"base": recipes.Gpt2(48), "rules": [{"name": "lm_head.*", "init": "zeros"}]}
    rules = interop.recipe(given)
    assert rules.name == "rules over gpt2"
    assert rules.source["base"] == {"recipe": "gpt2", "n_layers": 48}
    assert interop.recipe(rules.source) == rules


@pytest.mark.parametrize(
    ("built", "place", "role"),
    [
        (recipes.Olmo2(), "h.0.attn.out_proj.weight", "residual"),
        (recipes.T5(32, 8), "h.0.attn.q_proj.weight", "query"),
        (recipes.TFixup(3, 3, 32), "h.1.attn.v_proj.weight", "encoder_value"),
        (recipes.TFixup(3, 3, 32), "h.1.mlp.fc1.weight", "encoder_out_feed_forward"),
        (recipes.SubLn(n_decoder=3), "h.2.mlp.fc2.weight", "value_out_feed_forward"),
        (recipes.CompleteP(32, 8, 3, 1), "h.2.mlp.fc2.weight", "branch"),
        (recipes.CompleteP(32, 8, 3, 1), "h.2.mlp.fc1.weight", "hidden"),
        (recipes.DepthMuP(32, 8, 3, 1), "lm_head.weight", "readout"),
        (recipes.InverseSqrtDepth(3), "h.0.mlp.fc2.weight", "branch"),
        (recipes.InverseSqrtDepth(3), "h.0.mlp.fc1.weight", "other"),
        (recipes.ZeroGamma(), "h.0.ln_1.weight", "norm_scale"),
        (recipes.ZeroGamma(), "h.0.ln_2.weight", "last_norm_scale"),
        (recipes.NeuralTangent(64), "h.0.mlp.fc2.weight", "hidden"),
        (recipes.NeuralTangent(32, mean_field=True), "lm_head.weight", "readout"),
        (recipes.Spectral(32, 64), "h.0.mlp.fc1.weight", "matrix"),
        (recipes.TailoredRelu(20), "h.0.attn.q_proj.weight", "first"),
        (recipes.TailoredRelu(20), "lm_head.weight", "hidden"),
        (recipes.LayerScale(3), "h.0.mlp.fc1.weight", "projection"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_tensor_gets_what_its_role_has(built: recipes.Recipe, place: str, role: str) -> None:
    entry = make(MODEL, interop.recipe(built), KEY)[place]
    wanted = built.role(role)
    assert entry.assignment.init == wanted.weight
    for factor in ("multiplier", "lr", "weight_decay", "eps"):
        assert getattr(entry.assignment, factor) == getattr(wanted, factor)


@pytest.mark.parametrize(
    ("left_open", "given", "place"),
    [
        (recipes.Gpt2(), recipes.Gpt2(3), "h.0.mlp.fc2.weight"),
        (recipes.Llama(), recipes.Llama(3, width=32), "lm_head.weight"),
        (recipes.Mitchell(), recipes.Mitchell(32, 64), "h.2.mlp.fc2.weight"),
        (recipes.DeepNorm(), recipes.DeepNorm(3), "h.0.mlp.fc2.weight"),
        (recipes.SubLn(), recipes.SubLn(3), "h.0.mlp.fc2.weight"),
        (recipes.InverseSqrtDepth(), recipes.InverseSqrtDepth(3), "h.0.mlp.fc2.weight"),
        (recipes.Fixup(), recipes.Fixup(3, 5), "h.0.mlp.fc1.weight"),
        (recipes.NeuralTangent(), recipes.NeuralTangent(64), "h.0.mlp.fc2.weight"),
        (recipes.Spectral(), recipes.Spectral(64, 32), "h.0.mlp.fc2.weight"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_a_recipe_leaves_open_is_found_from_the_model(
    left_open: recipes.Recipe, given: recipes.Recipe, place: str
) -> None:
    found, wanted = (make(MODEL, interop.recipe(r), KEY)[place] for r in (left_open, given))
    assert found.assignment == wanted.assignment


def test_a_role_that_needs_a_number_asks_for_it() -> None:
    with pytest.raises(ValueError, match=r"name='residual' is not a role of Gpt2.*n_layers"):
        recipes.Gpt2().role("residual")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (recipes.Lora(8), "leaves a trained model alone, so it can't initialize a whole"),
        (recipes.EmbeddingTable(64), "says nothing of other layers.*'initializer': 'Normal'"),
        (recipes.Gpt2, r"make an object of the class: Gpt2\(\.\.\.\)"),
        (ic.HeNormal, r"make an object of the class: HeNormal\(\.\.\.\)"),
        (recipes.pissa, "a function gives weights itself"),
        (recipes.lsuv, "a function gives weights itself"),
        ({"recipe": 3}, 'has "recipe": 3, which must be a name'),
        ({"rules": {"name": "a", "init": "zeros"}}, r"must be a list of rules; put one rule in"),
        ({"rules": ["name"]}, "rule='name' must be a dict"),
        ({"rules": [{"name": 3, "init": "zeros"}]}, "name=3 must be a text or several"),
    ],
)
def test_what_is_no_recipe_for_a_model_says_what_to_do(given: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        interop.recipe(given)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ({"initializer": "Normal", "sigma": 1}, "sigma"),
        ({"initializer": "Scaled", "gian": 1}, "gian=1 is no option of Scaled; it has mode, dist"),
        ({"initializer": "Sigma"}, "is not a class that can be read back"),
        (3, "initializer=3 must be"),
    ],
)
def test_a_wrong_initializer_names_its_rule(init: Any, message: str) -> None:
    match = rf"rule=\{{'name': 'a', 'init': .*\}} has a wrong \"init\": .*{message}"
    with pytest.raises((TypeError, ValueError), match=match):
        interop.recipe({"rules": [{"name": "a", "init": init}]})


@pytest.mark.parametrize("field", ["rules", "base", "title"])
def test_rules_beside_a_name_are_sent_to_its_base(field: str) -> None:
    with pytest.raises(ValueError, match=r'"base": \{"base": \'gpt2\', "rules"'):
        interop.recipe({"recipe": "gpt2", field: []})


@pytest.mark.parametrize("n_layers", ["a", -1, float("nan"), 0, 1.5])
def test_a_wrong_number_of_layers_is_refused_where_no_tensor_asks_for_it(n_layers: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="n_layers="):
        interop.recipe({"recipe": "gpt2", "n_layers": n_layers})


def test_an_error_of_a_file_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    for text, error, message in (
        ("base = ", ValueError, "Invalid value"),
        ('rules = [{init = "zeroes"}]', ValueError, "'zeroes' is not known"),
        ('rules = [{name = "a", init = 3}]', TypeError, "initializer=3 must be"),
    ):
        file.write_text(text)
        with pytest.raises(error, match=rf"in the file .*own\.toml.*{message}"):
            interop.recipe(file)


def test_a_file_that_is_its_own_base_is_refused(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(f'base = "{two}"\nrules = []\n')
    two.write_text(f'base = "{one}"\nrules = []\n')
    with pytest.raises(ValueError, match=r"is its own base: .*one\.toml -> .*two\.toml -> "):
        interop.recipe(one)
    two.write_text('base = "gpt2"\nrules = []\n')
    assert interop.recipe(one).rules == interop.recipe("gpt2").rules


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("gpt2", r"""\{"base": 'gpt2', "rules": \[\{"name": 'a\.odd', "init": "keep"\}\]\}"""),
        (
            {"recipe": "gpt2", "n_layers": 4},
            r"""\{"base": \{'recipe': 'gpt2', 'n_layers': 4\}, "rules": """,
        ),
        (
            {"base": "he", "rules": [{"role": "bias", "init": "ones", "needed": False}]},
            r"""add one to its rules, such as \{"name": 'a\.odd', "init": "keep"\}""",
        ),
    ],
)
def test_a_tensor_without_a_rule_is_named_with_the_rule_to_add(given: Any, remedy: str) -> None:
    model = Model((tensor("a.odd", (3,), "other", kinds=("Odd",)),))
    match = rf"no rule for a\.odd \(3,\) of Odd; .*{remedy}"
    with pytest.raises(ValueError, match=match) as caught:
        make(model, interop.recipe(given), KEY)
    assert "zeros" not in str(caught.value)


@pytest.mark.parametrize("given", EVERY, ids=str)
def test_a_tensor_without_elements_needs_nothing(given: Any) -> None:
    empty = [
        tensor("empty.0.weight", (0, 4)),
        tensor("empty.1.weight", (4, 0), fan_in=0),
        tensor("empty.2.weight", (4, 0), "embedding"),
        tensor("empty.3.odd", (0,), "other"),
    ]
    plan = make(Model((*MODEL, *empty)), interop.recipe(given), KEY)
    for parameter in empty:
        assert plan[parameter.name].law == "-"
        assert plan[parameter.name].note == "no elements"
    assert "no elements" in str(plan)


def test_a_keep_list_of_all_names_holds_for_tied_tensors() -> None:
    tied = tensor("wte.weight", (11, 32), "embedding", aliases=("lm_head.weight",))
    names = ("wte.weight", "lm_head.weight")
    kept = [{"name": name, "init": "keep"} for name in names]
    plan = make(Model((tied,)), interop.recipe({"base": "gpt2", "rules": kept}), KEY)
    assert plan["lm_head.weight"].is_kept
    kept[1] = {"name": "lm_head.weight", "init": "zeros"}
    with pytest.raises(ValueError, match=r"decides for no tensor: name lm_head\.weight"):
        make(Model((tied,)), interop.recipe({"base": "gpt2", "rules": kept}), KEY)


def test_names_are_compared_in_unicodes_composed_form() -> None:
    composed, decomposed = "caf\u00e9.weight", "cafe\u0301.weight"
    both = Model((tensor(composed, (4, 4)), tensor(decomposed, (4, 4))))
    match = r"name='caf\\xe9\.weight' is there twice, for 'cafe\\u0301\.weight' is the same text"
    with pytest.raises(ValueError, match=match):
        make(both, interop.recipe("he"), KEY)
    for name, pattern in ((composed, decomposed), (decomposed, composed)):
        rules = interop.recipe({"base": "he", "rules": [{"name": pattern, "init": "ones"}]})
        plan = make(Model((tensor(name, (4, 4)),)), rules, KEY)
        assert plan[pattern].assignment.init == ic.Ones()


def test_a_depth_that_takes_seconds_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="depth=1000000000 must be at most 10000"):
        recipes.TailoredRelu(depth=10**9)
    assert recipes.TailoredRelu(100).slope < recipes.TailoredRelu(10_000).slope < 1


def test_a_recipe_of_ones_own_is_registered_under_a_free_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("initcore.models.roles.RECIPES", dict(interop.RECIPES))

    @dataclass(frozen=True)
    class Half(recipes.He):
        gain: float = 0.5

    assert interop.recipe(Half()).name == "Half"
    assert interop.recipe(Half()).source == {}
    recipes.register("half_he")(Half)
    assert interop.recipe(Half(gain=0.25)).source == {"recipe": "half_he", "gain": 0.25}
    for name in ("gpt2", "he"):
        with pytest.raises(ValueError, match=rf"name='{name}' is that of initcore\.recipes"):
            recipes.register(name)(Half)
    with pytest.raises(TypeError, match="must be a class that derives from"):
        recipes.register("int")(int)  # type: ignore[type-var]
    for name in ("", "own.toml"):
        with pytest.raises(ValueError, match="name="):
            recipes.register(name)


def test_options_of_ones_own_survive_a_dict_and_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry = dict(interop.RECIPES)
    for module in ("roles", "reading"):
        monkeypatch.setattr(f"initcore.models.{module}.RECIPES", registry)

    @recipes.register("own")
    @dataclass(frozen=True)
    class Own(recipes.Recipe):
        init: ic.initializers.Initializer
        names: tuple[str, ...] = ()

        def roles(self, layer: int = 0) -> dict[str, recipes.Role]:
            return {"every": recipes.Role(self.init)}

        def rules(self) -> tuple[interop.Rule, ...]:
            return (interop.Rule(self.by_role("every"), name=self.names),)

    own = interop.recipe(Own(ic.Normal(std=0.5), ("*.weight",)))
    assert interop.recipe(own.source) == own
    assert interop.recipe(json.loads(json.dumps(own.source))) == own
    file = tmp_path / "own.toml"
    file.write_text(
        'recipe = "own"\nnames = ["*.weight"]\n'
        'init = {initializer = "Normal", std = 0.5, mean = 0.0}\n'
    )
    assert interop.recipe(file) == own
    with pytest.raises(ValueError, match="recipe='own' needs init"):
        interop.recipe("own")


def test_a_recipe_without_rules_says_where_to_write_them() -> None:
    @dataclass(frozen=True)
    class Bare(recipes.Recipe):
        def roles(self, layer: int = 0) -> dict[str, recipes.Role]:
            return {}

    with pytest.raises(TypeError, match=r"has no rules.*write its method rules\(\)"):
        interop.recipe(Bare())


def test_an_object_initializes_models_of_torch_jax_and_keras() -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    keras = pytest.importorskip("keras")
    from initcore.interop.jax import initialize

    built, given = recipes.Glorot("normal"), {"recipe": "glorot", "distribution": "normal"}
    for one in (
        torch.nn.Linear(8, 4),
        keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)]),
    ):
        plan, same = (interop.initialize(one, r, key=0, dry_run=True) for r in (built, given))
        assert plan.difference(same) == ""
        assert {entry.law for entry in plan} == {
            "Var(W) = 2 / (fan_in + fan_out), normal",
            "every element 0",
        }
    tree = {"a": {"kernel": jax.numpy.zeros((8, 4)), "bias": jax.numpy.zeros(4)}}
    made, same = (initialize(tree, r, key=0)[0] for r in (built, given))
    assert (made["a"]["kernel"] == same["a"]["kernel"]).all()
    assert float(abs(made["a"]["kernel"]).max()) > 0


@pytest.mark.parametrize(("layout", "axis"), [("oi", 0), ("io", 1)])
def test_gates_of_an_lstm_are_orthogonal_each_and_the_forget_gate_starts_open(
    layout: str, axis: int
) -> None:
    shape = (32, 8) if axis == 0 else (8, 32)
    facts: dict[str, Any] = {"kinds": ("LSTM",), "fan_in": 8, "fan_out": 8, "layout": layout}
    facts |= {"parts": tuple("ifgo"), "part_axis": axis}
    tensors = [tensor("a.w", shape, **facts), tensor("a.u", shape, "recurrent", **facts)]
    tensors += [tensor("a.b", (32,), "bias", kinds=("LSTM",), parts=tuple("ifgo"))]
    tensors += [tensor("head.weight", (4, 8))]
    plan = make(Model(tuple(tensors)), interop.recipe(recipes.Lstm(8)), KEY)
    made = {entry.parameter.name: np.zeros(entry.parameter.shape) for entry in plan}
    for name, array in made.items():
        plan[name].write(array)
    for gate in np.split(made["a.u"], 4, axis=axis):
        np.testing.assert_allclose(gate @ gate.T, np.eye(8), atol=1e-12)
    assert np.abs(made["a.w"]).max() <= (6 / 16) ** 0.5
    assert (made["a.b"] == np.repeat([0.0, 1.0, 0.0, 0.0], 8)).all()
    assert plan["head.weight"].assignment.init == ic.GlorotUniform()


def test_the_parts_of_a_mamba_are_found_by_name() -> None:
    tensors = (
        tensor("layers.0.mixer.in_proj.weight", (64, 16)),
        tensor("layers.0.mixer.dt_proj.weight", (32, 4)),
        tensor("layers.0.mixer.dt_proj.bias", (32,), "bias", fan_in=4),
        tensor("layers.0.mixer.A_log", (32, 8), "other"),
        tensor("layers.0.mixer.D", (32,), "other"),
        tensor("layers.1.mixer.out_proj.weight", (16, 32)),
    )
    plan = make(Model(tensors), interop.recipe("mamba"), KEY)
    own = recipes.Mamba(n_layers=2, step_rank=4)
    roles = ("projection", "step", "step", "states", "skip", "residual")
    for entry, name in zip(plan, roles, strict=True):
        role = own.role(name)
        bias = entry.parameter.role == "bias"
        assert entry.assignment.init == (role.bias if bias else role.weight)
