"""Planning a torch model harms nothing: not the model, not its memory, not anybody's generator."""

import copy
import io
import pickle
import random
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from initcore.interop import fingerprint  # noqa: E402
from initcore.interop.torch import initialize, materialize  # noqa: E402

nn = torch.nn


class Counter:
    """An object of the user's that a forward pass writes into."""

    def __init__(self) -> None:
        self.calls = 0


class Busy(nn.Module):
    """A forward pass with every side effect that one meets in people's models."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("initialized", torch.tensor(False))
        self.plain = torch.arange(3.0)
        self.counter = Counter()
        self.seen: list[Any] = []
        self.cache: dict[str, Any] = {}
        self.act = self.squash

    def squash(self, x: Any) -> Any:
        self.counter.calls += 1
        return torch.tanh(x)

    def forward(self, x: Any) -> Any:
        self.steps += 1
        self.initialized.fill_(True)
        self.plain.mul_(2)
        if not hasattr(self, "late"):
            self.late = nn.Linear(6, 6)
        self.hidden = self.act(self.fc(x))
        self.seen.append(self.hidden)
        self.cache["h"] = self.hidden
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(1)
        return self.hidden


def picture(model: Any) -> bytes:
    """All that a model holds, byte by byte."""
    stored = io.BytesIO()
    torch.save({k: v for k, v in model.state_dict().items()}, stored)
    rest = {k: v for k, v in vars(model).items() if not k.startswith("_") and k != "act"}
    return stored.getvalue() + pickle.dumps(sorted(rest)) + pickle.dumps(list(rest["seen"]))


@pytest.mark.parametrize("recipe", ["he", "torch_default", "gpt2"])
def test_a_dry_run_leaves_everything_as_it_was(recipe: str) -> None:
    model = Busy()
    before = picture(model), model.counter.calls, model.plain.tolist()
    generators = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    given = recipe if recipe != "gpt2" else {"recipe": "gpt2", "n_layers": 1}
    plan = initialize(model, given, key=0, dry_run=True)
    assert (picture(model), model.counter.calls, model.plain.tolist()) == before
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert (np.random.get_state()[1] == generators[1]).all()  # noqa: NPY002
    assert random.getstate() == generators[2]
    assert not hasattr(model, "late")
    assert not [name for name in vars(model) if name.startswith("_tensor_constant")]
    if recipe == "he":
        assert plan["fc.weight"].note == "gain 1.593: tanh follows"  # found on the copy


@pytest.mark.parametrize("raised", [ValueError, SystemExit, StopIteration, RecursionError])
def test_whatever_a_forward_pass_raises_stays_inside(raised: type[BaseException]) -> None:
    class Raising(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.w = nn.Linear(3, 3), nn.Parameter(torch.zeros(3, 3))

        def forward(self, x: Any) -> Any:
            raise raised("no")

    plan = initialize(Raising(), "he", key=0, strict=False)
    assert plan["fc.weight"].note == "gain 1.414: relu assumed"
    assert plan["w"].is_kept


def test_hooks_do_not_see_a_plan() -> None:
    model, seen = nn.Sequential(nn.Linear(3, 3), nn.ReLU()), []
    model[0].register_forward_hook(lambda *args: seen.append(args))
    model[0].register_forward_pre_hook(lambda *args: seen.append(args))
    initialize(model, "he", key=0)
    assert seen == []


def test_spectral_norm_does_not_move_its_vectors() -> None:
    model = nn.utils.parametrizations.spectral_norm(nn.Linear(5, 4))
    norm = model.parametrizations.weight[0]
    before = norm._u.clone(), norm._v.clone()
    for recipe in ("glorot", "torch_default"):
        initialize(model, recipe, key=0, strict=False, dry_run=True)
    assert torch.equal(norm._u, before[0])
    assert torch.equal(norm._v, before[1])


def test_a_tied_transpose_is_one_tensor_that_is_drawn_once() -> None:
    prints = set()
    for _ in range(10):
        encoder = nn.Linear(300, 200, bias=False)
        decoder = nn.Linear(200, 300, bias=False)
        decoder.weight = nn.Parameter(encoder.weight.data.t())
        model = nn.Sequential(encoder, nn.ReLU(), decoder)
        plan = initialize(model, "he", key=0)
        assert plan["0.weight"].parameter.aliases == ("2.weight",)
        prints.add(fingerprint(model))
    assert len(prints) == 1
    assert torch.equal(decoder.weight, encoder.weight.t())


def slices(one: slice, other: slice) -> Any:
    memory = torch.zeros(6, 8)
    model = nn.ModuleDict({"a": nn.Linear(4, 6, bias=False), "b": nn.Linear(4, 6, bias=False)})
    model["a"].weight = nn.Parameter(memory[:, one])
    model["b"].weight = nn.Parameter(memory[:, other])
    return model


def test_columns_apart_are_two_tensors_and_columns_in_common_are_refused() -> None:
    apart = slices(slice(0, 4), slice(4, 8))
    initialize(apart, "he", key=0)
    alone = slices(slice(0, 4), slice(4, 8))
    alone["b"].weight = nn.Parameter(torch.zeros(6, 4))
    initialize(alone, "he", key=0)
    assert torch.equal(apart["b"].weight, alone["b"].weight)
    common = slices(slice(0, 4), slice(3, 7))
    with pytest.raises(ValueError, match=r"a\.weight and b\.weight share a part of their memory"):
        initialize(common, "he", key=0)
    assert (common["a"].weight == 0).all()
    keep = {"base": "he", "rules": [{"role": "weight", "init": "keep"}]}
    initialize(common, keep, key=0)  # what is only kept may overlap


def test_frozen_tensors_are_kept_unless_a_rule_of_ones_own_names_them() -> None:
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3))
    model[0].weight.requires_grad_(False)
    table = model[0].weight.clone()
    plan = initialize(model, "he", key=0)
    assert torch.equal(model[0].weight, table)
    assert plan["0.weight"].note == "kept: it needs no gradient"
    assert "frozen: 1 tensors that need no gradient are kept" in str(plan)
    initialize(model, {"base": "he", "rules": [{"name": "0.weight", "init": "zeros"}]}, key=0)
    assert (model[0].weight == 0).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, in its own compiler
@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: torch.compile(model),
        lambda model: nn.DataParallel(model),
        lambda model: torch.optim.swa_utils.AveragedModel(model),
    ],
    ids=["compile", "data_parallel", "averaged"],
)
def test_wrappers_are_peeled_off(wrap: Any) -> None:
    def made() -> Any:
        return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))

    plain, wrapped = made(), wrap(made())
    assert str(initialize(wrapped, "he", key=0)) == str(initialize(plain, "he", key=0))
    inner = getattr(wrapped, "_orig_mod", None) or wrapped.module
    assert torch.equal(inner[2].weight, plain[2].weight)


@pytest.mark.filterwarnings("ignore")  # of torch, about quantization and torch.jit
def test_models_whose_weights_no_parameter_shows_are_refused() -> None:
    quantized = torch.ao.nn.quantized.dynamic.Linear(4, 3)
    with pytest.raises(TypeError, match="whose weights are quantized; initialize the model before"):
        initialize(nn.Sequential(quantized), "he", key=0)
    scripted = torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2))
    with pytest.raises(TypeError, match="is a ScriptModule"):
        initialize(scripted, "he", key=0)
    placeholder = nn.Linear(4, 8)
    placeholder.weight.data = torch.empty(0)
    placeholder.weight.ds_shape = (8, 4)
    with pytest.raises(TypeError, match=r"weight is a placeholder of DeepSpeed ZeRO-3"):
        initialize(placeholder, "he", key=0)
    assert "nothing was initialized" in str(initialize(nn.Sequential(nn.ReLU()), "he", key=0))


def test_materialize_names_every_tensor_that_would_be_left_without_values() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3)
            self.pos_embed = torch.zeros(2, 3)  # neither a parameter nor a buffer
            self.register_buffer("mask", torch.ones(3), persistent=False)
            self.register_buffer("table", torch.ones(3))

    with torch.device("meta"):
        model = Positions()
    with pytest.raises(ValueError, match=r"mask .*table .*pos_embed .*: on the meta device"):
        materialize(model, "he", key=0)
    assert model.fc.weight.is_meta
    values = {"mask": torch.ones(3), "table": torch.zeros(3), "pos_embed": torch.ones(2, 3)}
    materialize(model, "he", key=0, buffers=values)
    assert torch.equal(model.pos_embed, values["pos_embed"])


def test_materialize_keeps_the_parameter_objects_of_tensors_that_have_memory() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1] = nn.Linear(3, 3)
    weight = model[1].weight
    optimizer = torch.optim.SGD(model[1].parameters(), lr=0.1)
    materialize(model, "he", key=0)
    assert model[1].weight is weight
    assert optimizer.param_groups[0]["params"][0] is weight
    other = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    initialize(other, "he", key=0)
    assert torch.equal(weight, other[1].weight)


def test_a_deep_copy_of_a_started_model_is_untouched_by_the_next_start() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    initialize(model, "he", key=0)
    target = copy.deepcopy(model)
    initialize(model, "he", key=1)
    assert not torch.equal(target[0].weight, model[0].weight)


def test_computing_a_buffer_does_not_take_the_memory_of_the_model_again() -> None:
    class Angles(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("table", torch.empty(4))

        def reset_parameters(self) -> None:
            self.table.copy_(torch.arange(4.0))

    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(64, 64), Angles())
    copied = []
    clone = torch.Tensor.clone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            torch.Tensor, "clone", lambda self: copied.append(self.numel()) or clone(self)
        )
        materialize(model, "he", key=0)
    assert model[1].table.tolist() == [0, 1, 2, 3]
    assert max(copied, default=0) <= 4
