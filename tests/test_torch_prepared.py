"""A prepared torch model is started again and again as `initialize` would, or refused."""

import copy
import pickle
from itertools import product
from typing import Any

import pytest

import initcore as ic
from initcore import kernels

torch = pytest.importorskip("torch")

from models import MODELS, ResNet, mlp  # noqa: E402
from recipe_options import EVERY  # noqa: E402

from initcore.interop.torch import initialize, materialize, prepare  # noqa: E402

nn = torch.nn
RECIPES = [
    "torch_default",
    "he",
    {"base": "keras_default", "rules": [{"role": "bias", "init": "ones", "needed": False}]},
]


def values(model: Any) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(("model", "at"), list(product(MODELS, range(len(RECIPES)))))
def test_each_key_gives_what_initialize_gives(model: str, at: int) -> None:
    net, twin = MODELS[model](), MODELS[model]()
    prepared = prepare(net, RECIPES[at], key=4, strict=False)
    # the rest is kept as it is, and is the same in both
    twin.load_state_dict(net.state_dict())
    for key in (1, ic.Key(2) / "run" / 7, None, 1):
        prepared.write(key=key)
        initialize(twin, RECIPES[at], key=4 if key is None else key, strict=False)
        assert values(net) == values(twin)


def test_a_plan_is_made_without_a_write_and_is_the_one_of_initialize() -> None:
    net = mlp()
    before = values(net)
    prepared = prepare(net, "he", key=4)
    assert values(net) == before
    assert str(prepared.plan) == str(initialize(net, "he", key=4, dry_run=True))


def test_a_sweep_makes_no_plan_and_does_one_native_call(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(*(nn.Linear(4, 4) for _ in range(20)))
    prepared = prepare(net, "xavier", key=0)
    calls = []
    monkeypatch.setattr(kernels, "_fill_many", lambda fills: calls.append(len(fills)))
    monkeypatch.setattr(ic.Key, "stream_id", lambda *_: pytest.fail("a name was looked up"))
    prepared.write(key=1)
    prepared.write(key=2)
    assert calls == [20, 20]


def test_tensors_that_are_alike_share_their_pieces_and_not_their_keys() -> None:
    net = nn.Sequential(*(nn.Linear(4, 4) for _ in range(3)), nn.Linear(4, 5))
    for recipe in ("he", "torch_default"):
        plan = prepare(net, recipe, key=0).plan
        first, second, other = (plan[f"{at}.weight"] for at in (0, 1, 3))
        assert first.pieces is second.pieces
        assert first.pieces is not other.pieces
        assert first.key != second.key


def test_the_version_of_every_tensor_that_is_written_moves() -> None:
    net = ResNet()
    prepared = prepare(net, "torch_default", key=0)
    for tensor in net.state_dict(keep_vars=True).values():
        before = tensor._version
        prepared.write(key=1)
        assert tensor._version > before


@pytest.mark.parametrize("change", ["to", "data", "replaced", "transposed", "gone"])
def test_a_model_that_has_other_tensors_by_now_is_refused(change: str) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    prepared = prepare(net, "xavier", key=0)
    if change == "to":
        net.to(torch.bfloat16)
    elif change == "data":
        net[1].weight.data = torch.zeros(4, 4)
    elif change == "replaced":
        net[1].weight = nn.Parameter(torch.zeros(4, 4))
    elif change == "transposed":
        net[1].weight.data = net[1].weight.data.T
    else:
        del net[1].weight
    before = values(net[0]) if change != "to" else None
    with pytest.raises(ValueError, match=r"weight is another tensor, .*; prepare the model as"):
        prepared.write(key=1)
    if before is not None:
        assert values(net[0]) == before


def test_each_of_torchs_older_versions_takes_one_tensor_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = torch.autograd.graph.increment_version

    def one(tensor: Any) -> None:
        if not isinstance(tensor, torch.Tensor):
            raise RuntimeError("expected a tensor")
        plain(tensor)

    monkeypatch.setattr(torch.autograd.graph, "increment_version", one)
    net = mlp()
    before = net[0].weight._version
    prepare(net, "he", key=0).write()
    assert net[0].weight._version > before


@pytest.mark.parametrize("recipe", EVERY, ids=str)
@pytest.mark.parametrize("again", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
def test_a_prepared_model_is_pickled_and_copied_with_its_layers(recipe: Any, again: Any) -> None:
    net = MODELS["gpt"]()
    prepared = prepare(net, recipe, key=4)
    other, copied = again((net, prepared))
    untouched = values(net)
    copied.write(key=7)
    assert values(net) == untouched
    prepared.write(key=7)
    assert values(other) == values(net)


@pytest.mark.filterwarnings("ignore:Initializing zero-element:UserWarning")
def test_layers_without_elements_are_nothing_to_do() -> None:
    def net() -> Any:
        return nn.ModuleDict(
            {
                "out": nn.Linear(4, 0),
                "in": nn.Linear(0, 4),
                "table": nn.Embedding(4, 0),
                "full": nn.Linear(4, 4),
            }
        )

    for recipe in ("he", "gpt2", "xavier", "deepnorm", "keras_default", ic.Orthogonal()):
        model, twin = net(), net()
        plan = initialize(model, recipe, key=3)
        assert {entry.parameter.name for entry in plan if entry.note == "no elements"} == {
            *("out.weight", "out.bias", "in.weight", "table.weight")
        }
        prepare(twin, recipe, key=3).write()
        assert values(model) == values(twin)
        with torch.device("meta"):
            bare = net()
        materialize(bare, recipe, key=3)
        assert values(bare) == values(model)
