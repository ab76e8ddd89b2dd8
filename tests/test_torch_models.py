"""Whole torch models: started in place by name, or from the meta device."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import interop

torch = pytest.importorskip("torch")

from models import INPUTS, MODELS, BasicBlock, Gpt, ResNet, Tagger, Vit, mlp  # noqa: E402
from recipe_options import EVERY  # noqa: E402

from initcore.interop.torch import initialize, materialize  # noqa: E402

nn = torch.nn
KEY = ic.Key(11)
# vision transformers have tokens and positions that no layer's kind explains
TOKENS = {"rules": [{"name": ["cls_token", "pos_embed"], "init": "zeros"}]}


def given(model: str, recipe: Any) -> Any:
    explained = recipe in ("vit", "bert", "layer_scale")
    return TOKENS | {"base": recipe} if model == "vit" and not explained else recipe


def state(model: Any) -> dict[str, bytes]:
    return {name: t.detach().clone().numpy().tobytes() for name, t in model.state_dict().items()}


def kernel(array: Any) -> Any:
    return array.detach().numpy()


@pytest.mark.parametrize(
    ("model", "recipe"),
    list(product(MODELS, EVERY)),
    ids=lambda value: value if isinstance(value, str) else value["recipe"],
)
def test_every_recipe_starts_every_model_and_it_runs(model: str, recipe: Any) -> None:
    net = MODELS[model]()
    for tensor in net.parameters():
        tensor.data.fill_(math.nan)
    plan = initialize(net, given(model, recipe), key=KEY)
    tied = sum(len(entry.parameter.aliases) for entry in plan)
    assert len(plan.entries) + tied == len(net.state_dict())
    assert all(torch.isfinite(tensor).all() for tensor in net.parameters())
    assert torch.isfinite(net.eval()(INPUTS[model]())).all()
    for entry in plan:
        values = net.state_dict()[entry.parameter.name].double().numpy()
        if entry.std and entry.parameter.zero_row is None:
            # 6 standard errors of a sample standard deviation, whose kurtosis is at most 3
            found = math.sqrt(np.mean(values**2))
            assert found == pytest.approx(entry.std, rel=6 / math.sqrt(2 * values.size))


def test_a_parameter_has_the_bytes_of_a_numpy_array_of_its_name() -> None:
    net = Gpt()
    initialize(net, "gpt2", key=KEY)
    expected = ic.Normal(std=0.02)((128, 32), key=KEY.at("h.1.c_fc.weight"))
    assert kernel(net.h[1].c_fc.weight).tobytes() == expected.tobytes()
    residual = ic.Normal(std=0.02 / math.sqrt(6))((32, 128), key=KEY.at("h.1.c_proj.weight"))
    assert kernel(net.h[1].c_proj.weight).tobytes() == residual.tobytes()


def test_neither_the_order_of_creation_nor_other_layers_nor_the_generator_matter() -> None:
    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(6, 5), nn.Linear(5, 4)

    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.more = nn.Linear(3, 3)
            self.b, self.a = nn.Linear(5, 4), nn.Linear(6, 5)

    torch.manual_seed(0)
    one = One()
    initialize(one, "xavier", key=KEY)
    torch.manual_seed(1)
    other = Other()
    before = torch.get_rng_state()
    initialize(other, "he", key=KEY)
    initialize(other, "xavier", key=KEY)
    assert torch.equal(torch.get_rng_state(), before)
    ours, theirs = state(one), state(other)
    assert all(theirs[name] == values for name, values in ours.items())


def test_a_dry_run_writes_nothing_and_takes_a_model_without_memory() -> None:
    net = Gpt()
    before = state(net)
    plan = initialize(net, "gpt2", key=KEY, dry_run=True)
    assert state(net) == before
    with torch.device("meta"):
        meta = Gpt()
    assert str(initialize(meta, "gpt2", key=KEY, dry_run=True)) == str(plan)
    for name, tensor in net.named_parameters():
        assert str(tuple(tensor.shape)) in str(plan).split(f"{name} ")[1].splitlines()[0]


def test_a_tied_tensor_is_written_once_under_the_name_of_the_embedding() -> None:
    net = Gpt()
    plan = initialize(net, "gpt2", key=KEY)
    entry = plan["lm_head.weight"]
    assert entry is plan["wte.weight"]
    assert "tied: also lm_head.weight" in entry.note
    assert net.lm_head.weight is net.wte.weight
    assert net.wte.weight._version == 2  # by torch's own constructor, and by this
    first = nn.Module()
    first.lm_head, first.wte = nn.Linear(4, 6, bias=False), nn.Embedding(6, 4)
    first.lm_head.weight = first.wte.weight
    assert initialize(first, "gpt2", key=KEY)["wte.weight"].parameter.aliases == ("lm_head.weight",)


def test_a_shared_module_and_two_tensors_over_one_memory_are_written_once() -> None:
    layer = nn.Linear(4, 4)
    net = nn.ModuleDict({"b": layer, "a": layer, "c": nn.Linear(4, 4)})
    net["c"].weight.data = layer.weight.data
    plan = initialize(net, "xavier", key=KEY)
    assert plan["a.weight"].parameter.aliases == ("b.weight", "c.weight")
    assert (
        kernel(layer.weight).tobytes()
        == ic.XavierNormal()((4, 4), key=KEY.at("a.weight")).tobytes()
    )
    net["c"].weight = nn.Parameter(layer.weight.data.view(-1)[4:].view(3, 4))
    with pytest.raises(ValueError, match=r"a\.weight and c\.weight share a part of their memory"):
        initialize(net, "xavier", key=KEY)


def test_names_that_wrappers_add_do_not_count() -> None:
    net, wrapped = mlp(), nn.Module()
    wrapped._orig_mod = mlp()  # as torch.compile does
    initialize(net, "he", key=KEY)
    initialize(wrapped, "he", key=KEY)
    assert kernel(wrapped._orig_mod[0].weight).tobytes() == kernel(net[0].weight).tobytes()
    parallel = nn.DataParallel(mlp())
    initialize(parallel, "he", key=KEY)
    assert kernel(parallel.module[3].weight).tobytes() == kernel(net[3].weight).tobytes()


def test_strict_refuses_a_parameter_that_no_rule_is_for_before_a_byte_is_written() -> None:
    net = Vit()
    before = state(net)
    with pytest.raises(ValueError, match=r"no rule for cls_token \(1, 1, 32\) of Vit, pos_embed"):
        initialize(net, "he", key=KEY)
    assert state(net) == before
    plan = initialize(net, "he", key=KEY, strict=False)
    assert plan["cls_token"].is_kept
    with pytest.raises(ValueError, match=r"decides for no tensor: name wpe\.\*"):
        initialize(mlp(), {"base": "he", "rules": [{"name": "wpe.*", "init": "zeros"}]}, key=KEY)


def test_a_model_with_a_tensor_that_can_not_be_written_is_left_as_it_was() -> None:
    net = mlp()
    net[3] = nn.Linear(64, 5, device="meta")
    before = state(net[0])
    with pytest.raises(TypeError, match=r"3\.weight is on the meta device.*materialize"):
        initialize(net, "he", key=KEY)
    assert state(net[0]) == before
    with pytest.raises(ValueError, match=r"weight has no shape yet: run one forward pass"):
        initialize(nn.LazyLinear(3), "he", key=KEY)
    with pytest.raises(TypeError, match=r"model is a builtins\.str"):
        initialize("resnet", "he", key=KEY)


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        (nn.Linear(12, 7), 12, 7),
        (nn.Bilinear(3, 4, 5), 12, 5),
        (nn.Conv1d(6, 8, 5), 30, 40),
        (nn.Conv2d(8, 16, 3, groups=4), 18, 36),
        (nn.Conv2d(8, 8, 3, groups=8), 9, 9),
        (nn.Conv3d(2, 3, (1, 2, 3)), 12, 18),
        (nn.ConvTranspose2d(8, 4, 3), 72, 36),
        (nn.ConvTranspose2d(8, 4, 4, stride=2, groups=2), 16, 32),
        (nn.MultiheadAttention(16, 4), 16, 16),
        (nn.MultiheadAttention(16, 4, kdim=6, vdim=9), 16, 16),
        (nn.LSTM(5, 8), 5, 8),
        (nn.GRU(5, 8), 5, 8),
        (nn.RNN(5, 8), 5, 8),
        (nn.GRUCell(5, 8), 5, 8),
        (nn.Embedding(50, 8), 1, 8),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, nn.Module) else "",
)
def test_fans_come_from_the_kind_of_layer(layer: Any, fan_in: int, fan_out: int) -> None:
    plan = initialize(layer, "glorot", key=KEY, dry_run=True)
    first = next(iter(plan)).parameter
    assert (first.fan_in, first.fan_out) == (fan_in, fan_out)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(256, 64, bias=False),
        nn.Conv2d(16, 32, 3, padding=1, groups=4, bias=False),
        nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False),
        nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1, bias=False),
        nn.ConvTranspose2d(32, 16, 3, padding=1, groups=2, bias=False),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_lecun_keeps_the_mean_square_of_the_signal_through_every_layer(layer: Any) -> None:
    initialize(layer, "lecun", key=KEY)
    generator = torch.Generator().manual_seed(0)
    shape = (512, 256) if isinstance(layer, nn.Linear) else (4, layer.in_channels, 32, 32)
    with torch.no_grad():
        y = layer(torch.randn(shape, generator=generator))
    if y.ndim == 4:
        y = y[:, :, 4:-4, 4:-4]  # at the edges fewer inputs are summed
    # all weights decide, at the least 288: 5 sqrt(2 / 288)
    assert float(y.square().mean()) == pytest.approx(1.0, abs=0.42)


def test_packed_gates_of_an_orthogonal_law_are_each_orthogonal() -> None:
    rule = {"role": "recurrent", "init": "orthogonal"}
    net = Tagger()
    initialize(net, {"base": "glorot", "rules": [rule]}, key=KEY)
    for gate, block in zip("ifgo", net.lstm.weight_hh_l1_reverse.detach().chunk(4), strict=True):
        torch.testing.assert_close(block @ block.T, torch.eye(8), atol=1e-6, rtol=0)
        alone = ic.Orthogonal()((8, 8), key=KEY.at("lstm.weight_hh_l1_reverse") / gate)
        assert block.numpy().tobytes() == alone.tobytes()


def test_a_padding_row_and_the_memory_of_normalizations_start_as_torch_starts_them() -> None:
    net = Tagger()
    initialize(net, "keras_default", key=KEY)
    assert (net.embedding.weight[0] == 0).all()
    assert (net.embedding.weight[1:] != 0).any(1).all()
    assert net.lstm.bias_ih_l0.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16
    resnet = ResNet()
    resnet.train()(torch.randn(4, 3, 16, 16))
    fresh = nn.BatchNorm2d(8).state_dict()
    initialize(resnet, "he", key=KEY)
    for name, value in resnet.bn1.state_dict().items():
        assert torch.equal(value, fresh[name]), name
    assert resnet.bn1.num_batches_tracked.item() == 0


@pytest.mark.parametrize("model", MODELS)
def test_torch_default_has_the_laws_that_torch_gives_itself(model: str) -> None:
    """Each tensor's reach and mean square, over 15 of torch's own starts."""
    net = MODELS[model]()
    plan = initialize(net, given(model, "torch_default"), key=KEY)
    torch.manual_seed(0)
    drawn = [MODELS[model]().state_dict() for _ in range(15)]
    for entry in plan:
        name = entry.parameter.name
        theirs = torch.stack([values[name].double() for values in drawn])
        if entry.is_kept or name in ("cls_token", "pos_embed"):
            continue
        assert entry.std is not None
        square = float(theirs.square().mean())
        mean = float(theirs.mean())
        if entry.std == 0:
            assert float(theirs.std()) == 0
            assert torch.equal(net.state_dict()[name].double(), theirs[0])
            continue
        if entry.parameter.zero_row is not None:
            square *= 30 / 29
        # 6 standard errors; 3 is the most that the kurtosis of these laws comes to
        assert square == pytest.approx(entry.std**2, rel=6 * math.sqrt(2 / theirs.numel())), name
        assert abs(mean) < 6 * entry.std / math.sqrt(theirs.numel()), name


class Gated(nn.Module):
    """Branches whose activations differ, one per output."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.both, self.slope = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        y = self.down(nn.functional.silu(self.gate(x)) * self.up(x))
        z = self.both(x)
        s = nn.functional.leaky_relu(self.slope(x), 0.3)
        return y, torch.tanh(z) + torch.relu(z), s


def test_gains_follow_the_graph() -> None:
    plan = initialize(Gated(), "he", key=KEY, dry_run=True)
    found = {
        name: plan[f"{name}.weight"].parameter.activation
        for name in ("gate", "up", "down", "both", "slope")
    }
    assert found == {
        "gate": "silu",
        "up": "identity",
        "down": "identity",
        "both": None,  # two activations follow, so none is known
        "slope": ic.activations.LeakyRelu(0.3),
    }
    resnet = initialize(ResNet(), "he", key=KEY, dry_run=True)
    assert {e.parameter.activation for e in resnet if "conv" in e.parameter.name} == {"relu"}
    assert resnet["fc.weight"].parameter.activation == "identity"
    gpt = initialize(Gpt(), "he", key=KEY, dry_run=True)
    assert gpt["h.0.c_fc.weight"].parameter.activation == "gelu"
    assert gpt["h.0.attn.in_proj_weight"].parameter.activation == "identity"
    vit = initialize(Vit(), given("vit", "he"), key=KEY, dry_run=True)
    assert vit["blocks.layers.0.linear1.weight"].parameter.activation == "gelu"
    assert "read off the graph" in vit.remarks[0]


def test_initialize_of_interop_takes_torch_models_and_a_plan_takes_fake_ones() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    net = mlp()
    plan = interop.initialize(net, "he", key=KEY)
    expected = ic.HeNormal()((64, 20), key=KEY.at("0.weight"))
    assert kernel(net[0].weight).tobytes() == expected.tobytes()
    with FakeTensorMode():
        fake = mlp()
    assert str(initialize(fake, "he", key=KEY, dry_run=True)) == str(plan)
    with pytest.raises(TypeError, match=r"0\.weight is a .*FakeTensor"):
        initialize(fake, "he", key=KEY)


def test_a_model_that_can_not_be_traced_says_so_and_its_parts_are_traced() -> None:
    class Untraceable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4))
            self.head = nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            y = self.body(x) + torch.randn(())
            return self.head(y if float(y.sum()) > 0 else x)

    net = Untraceable()
    before = torch.get_rng_state()
    plan = initialize(net, "he", key=KEY, dry_run=True)
    assert torch.equal(torch.get_rng_state(), before)
    assert plan["body.0.weight"].note == "gain 1.593: tanh follows"
    assert plan["body.2.weight"].note == "gain 1.414: relu assumed"
    assert plan["head.weight"].note == "gain 1.414: relu assumed"
    assert "torch.fx could not trace the whole (" in plan.remarks[0]
    assert str(plan).splitlines()[-1] == plan.remarks[0]


@pytest.mark.parametrize(
    ("model", "dtype"),
    [
        *product(MODELS, (None, torch.bfloat16)),
        *product(("mlp", "tagger"), (torch.float16, torch.float64)),
    ],
)
def test_materialize_leaves_nothing_uninitialized_and_equals_initialize(
    model: str, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory comes poisoned: what nobody wrote is NaN, or -1 where it counts."""
    from initcore.interop.torch import _materialize

    taken = []

    def poisoned(tensor: Any, wanted: Any) -> Any:
        memory = plain(tensor, wanted)
        memory.view(-1).view(torch.uint8).fill_(0xFF)
        taken.append(memory)
        return memory

    plain = _materialize._memory_for
    monkeypatch.setattr(_materialize, "_memory_for", poisoned)
    here = MODELS[model]().to(dtype)
    with torch.device("meta"):
        away = MODELS[model]()
    recipe = given(model, "torch_default")
    initialize(here, recipe, key=KEY)
    masks = {name: t for name, t in here.named_buffers() if name == "mask"}
    materialize(away, recipe, key=KEY, dtype=dtype, buffers=masks)
    assert not any(tensor.is_meta for tensor in away.state_dict().values())
    held = {tensor.data_ptr() for tensor in away.state_dict().values()}
    assert {memory.data_ptr() for memory in taken} <= held  # and nothing was copied
    assert len(taken) == len(
        {id(t) for t in away.state_dict(keep_vars=True).values()} - set(map(id, masks.values()))
    )
    for name, tensor in here.state_dict().items():
        made = away.state_dict()[name]
        assert made.dtype == tensor.dtype
        assert torch.equal(made, tensor), name
        assert not made.isnan().any(), name
        assert not (made == -1).all(), name
    assert torch.isfinite(
        away.eval()(
            INPUTS[model]().to(dtype) if model in ("mlp", "resnet", "vit") else INPUTS[model]()
        )
    ).all()


def test_materialize_keeps_ties_and_what_parameters_are() -> None:
    with torch.device("meta"):
        net = Gpt()
    net.ln_f.weight.requires_grad_(False)
    net.wte.weight.marked = "kept"
    materialize(net, "gpt2", key=KEY, buffers={"mask": torch.ones(16, 16)})
    assert net.lm_head.weight is net.wte.weight
    assert isinstance(net.wte.weight, nn.Parameter)
    assert net.wte.weight.marked == "kept"
    assert not net.ln_f.weight.requires_grad
    assert net.wte.weight.requires_grad
    assert (net.mask == 1).all()


def test_materialize_refuses_what_it_would_leave_uninitialized() -> None:
    with torch.device("meta"):
        net = Gpt()
        token = Vit()
    with pytest.raises(ValueError, match=r"mask \(16, 16\).*buffers=\{'mask': values"):
        materialize(net, "gpt2", key=KEY)
    with pytest.raises(ValueError, match=r"buffers\['mask'\] has shape \(2,\)"):
        materialize(net, "gpt2", key=KEY, buffers={"mask": torch.ones(2)})
    with pytest.raises(ValueError, match="buffers has musk, which the model has not"):
        materialize(
            net, "gpt2", key=KEY, buffers={"mask": torch.ones(16, 16), "musk": torch.ones(1)}
        )
    with pytest.raises(ValueError, match="no rule for cls_token"):
        materialize(token, "he", key=KEY)
    assert all(tensor.is_meta for tensor in [*net.parameters(), *token.parameters()])


class _Library(nn.Module):
    """Layers with parameters that the model's own code computes, in part by drawing."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        for layer in self.layers:
            layer.register_parameter("gate", nn.Parameter(torch.zeros(4), requires_grad=False))

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.gate.fill_(5.0) if self.is_fixed else module.gate.normal_()

    is_fixed = True


def test_materialize_keeps_what_the_model_s_own_code_computes_for_parameters() -> None:
    with torch.device("meta"):
        model = _Library()
    materialize(model, "he", key=0)
    assert all(bool((layer.gate == 5.0).all()) for layer in model.layers)


def test_what_the_model_s_own_code_draws_for_materialize_is_of_the_key_and_the_name() -> None:
    gates = []
    for key in (0, 0, 1):
        with torch.device("meta"):
            model = _Library()
        model.is_fixed = False
        materialize(model, "he", key=key)
        gates.append([layer.gate.clone() for layer in model.layers])
    assert not torch.equal(gates[0][0], gates[0][1])
    assert torch.equal(gates[0][1], gates[1][1])
    assert not torch.equal(gates[0][0], gates[2][0])


def test_materialize_makes_a_recurrent_layer_that_runs() -> None:
    with torch.device("meta"):
        net = nn.GRU(4, 6, num_layers=2)
    materialize(net, "keras_default", key=KEY)
    assert torch.isfinite(net(torch.zeros(3, 2, 4))[0]).all()


def test_a_block_without_a_name_of_its_own_is_a_branch_of_fixup() -> None:
    plan = initialize(nn.ModuleList([BasicBlock(4, 4, 1)]), "fixup_resnet", key=KEY)
    assert plan["0.conv2.weight"].assignment.init == ic.Zeros()


class Conv1D(nn.Module):
    """A dense layer stored (in, out), as Hugging Face's GPT-2 has it."""

    def __init__(self, n_out: int, n_in: int) -> None:
        super().__init__()
        self.nf = n_out
        self.weight = nn.Parameter(torch.empty(n_in, n_out))
        self.bias = nn.Parameter(torch.empty(n_out))

    def forward(self, x: Any) -> Any:
        rows = torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight)
        return rows.reshape(*x.shape[:-1], self.nf)


def test_a_dense_layer_stored_the_other_way_round_is_the_same_layer() -> None:
    stored, plain = nn.ModuleDict({"fc": Conv1D(7, 12)}), nn.ModuleDict({"fc": nn.Linear(12, 7)})
    plan = initialize(stored, "glorot", key=KEY)
    initialize(plain, "glorot", key=KEY)
    assert torch.equal(stored["fc"].weight.T, plain["fc"].weight)
    assert (plan["fc.weight"].parameter.fan_in, plan["fc.weight"].parameter.fan_out) == (12, 7)


def test_torch_s_own_transformer_layers_are_not_traced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the whole, which fails, and the two modules that hold the layers."""
    from initcore.interop.torch import _follow

    traced = []
    plain = _follow._trace
    monkeypatch.setattr(
        _follow, "_trace", lambda module, leaves: traced.append(module) or plain(module, leaves)
    )

    class Branching(nn.Module):
        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.body = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)

        def forward(self, x: Any) -> Any:
            return self.body(x if x.sum() > 0 else -x)

    net = Branching(nn.TransformerEncoderLayer(32, 4, 64, activation="gelu"))
    plan = initialize(net, "he", key=KEY)
    # the innermost part first, and of a copy, not of the model
    assert [type(part) for part in traced] == [Branching, nn.ModuleList, nn.TransformerEncoder]
    assert not set(traced) & set(net.modules())
    assert plan["body.layers.2.linear1.weight"].note.endswith("gelu follows")
    assert plan["body.layers.2.linear2.weight"].note.endswith("no activation follows")
    assert plan["body.layers.2.self_attn.out_proj.weight"].note.endswith("no activation follows")
