"""A parameter of a torch model is known by its class and name, or by what its module computes."""

from typing import Any

import pytest

import initcore as ic

torch = pytest.importorskip("torch")

from initcore.interop.torch import initialize, materialize  # noqa: E402

nn = torch.nn
KEY = ic.Key(0)


class NormedLinear(nn.Module):
    """A product with a normalized input: its name has Norm in it, its kernel is a kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(6, 4))
        self.bias = nn.Parameter(torch.empty(6))

    def forward(self, x: Any) -> Any:
        return nn.functional.linear(nn.functional.normalize(x), self.weight, self.bias)


class WeightNormLinear(nn.Linear):
    """Computes something else than Linear with the same parameters."""

    def forward(self, x: Any) -> Any:
        return nn.functional.linear(x, nn.functional.normalize(self.weight), self.bias)


class NormalizingFlow(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.empty(4, 4))
        self.scale = nn.Parameter(torch.empty(4))

    def forward(self, x: Any) -> Any:
        return (x @ self.matrix) * self.scale.exp()


class OnePlus(nn.Module):
    """(1 + w) x / rms(x), as Gemma computes it, under a name that says nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.empty(8))

    def forward(self, x: Any) -> Any:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * (1 + self.g)


class Annotated(nn.Module):
    """A layer normalization as the annotated transformer writes it: a_2, b_2."""

    def __init__(self) -> None:
        super().__init__()
        self.a_2, self.b_2 = nn.Parameter(torch.empty(8)), nn.Parameter(torch.empty(8))

    def forward(self, x: Any) -> Any:
        mean, std = x.mean(-1, keepdim=True), x.std(-1, keepdim=True)
        return self.a_2 * (x - mean) / (std + 1e-6) + self.b_2


class ChannelsFirst(nn.Module):
    """A layer normalization over channels, as ConvNeXt has it: parameters (n, 1, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(8, 1, 1))
        self.bias = nn.Parameter(torch.empty(8, 1, 1))

    def forward(self, x: Any) -> Any:
        mean = x.mean(1, keepdim=True)
        square = (x - mean).pow(2).mean(1, keepdim=True)
        return self.weight * (x - mean) / torch.sqrt(square + 1e-6) + self.bias


class MyNorm(nn.LayerNorm):
    """Derives from LayerNorm and computes another thing."""

    def forward(self, x: Any) -> Any:
        return nn.functional.layer_norm(x, self.normalized_shape) * (1 + self.weight) + self.bias


class WithActivation(nn.BatchNorm2d):
    """A normalization with an activation in it, as timm has them."""

    def forward(self, x: Any) -> Any:
        return torch.relu(super().forward(x))


class Gated(nn.Module):
    """Mamba's: the normalized signal times silu of a second input."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(8))

    def forward(self, x: Any, gate: Any) -> Any:
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * x * nn.functional.silu(gate)


class StoredOtherWayRound(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.W, self.c = nn.Parameter(torch.empty(4, 6)), nn.Parameter(torch.empty(6))

    def forward(self, x: Any) -> Any:
        return x @ self.W + self.c


@pytest.mark.parametrize(
    ("module", "roles", "fan_in"),
    [
        (NormedLinear(), {"weight": "weight", "bias": "bias"}, 4),
        (WeightNormLinear(4, 6), {"weight": "weight", "bias": "bias"}, 4),
        (NormalizingFlow(), {"matrix": "weight", "scale": "other"}, 4),
        (OnePlus(), {"g": "scale_offset"}, None),
        (Annotated(), {"a_2": "scale", "b_2": "shift"}, None),
        (ChannelsFirst(), {"weight": "scale", "bias": "shift"}, None),
        (MyNorm(8), {"weight": "scale_offset", "bias": "shift"}, None),
        (WithActivation(8), {"weight": "scale", "bias": "shift"}, None),
        (Gated(), {"weight": "scale"}, None),
        (StoredOtherWayRound(), {"W": "weight", "c": "bias"}, 4),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_module_of_ones_own_is_what_it_computes(
    module: Any, roles: dict[str, str], fan_in: float | None
) -> None:
    model = nn.ModuleDict({"it": module})
    plan = initialize(model, "he", key=KEY, strict=False)
    for name, role in roles.items():
        parameter = plan[f"it.{name}"].parameter
        assert parameter.role == role
        if role == "weight":
            assert parameter.fan_in == fan_in
            assert getattr(module, name).std() > 0
    assert all(torch.isfinite(getattr(module, n)).all() for n, r in roles.items() if r != "other")


def test_a_norm_that_computes_one_plus_w_starts_as_the_identity() -> None:
    one_plus, plain = OnePlus(), nn.RMSNorm(8)
    initialize(nn.Sequential(one_plus, plain), "he", key=KEY)
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(one_plus(x), plain(x), atol=1e-5)
    assert (one_plus.g == 0).all()


def test_a_layer_that_overrides_forward_is_a_guess_that_the_plan_says() -> None:
    plan = initialize(nn.Sequential(WeightNormLinear(4, 6)), "he", key=KEY)
    assert "guessed: WeightNormLinear has a forward of its own" in str(plan)
    assert "of Linear" in str(plan)
    assert "guessed" not in str(initialize(nn.Sequential(nn.Linear(4, 6)), "he", key=KEY))


class Attention(nn.MultiheadAttention):
    def __init__(self) -> None:
        super().__init__(8, 2)
        self.logit_scale = nn.Parameter(torch.tensor(2.5))
        self.q_norm_weight = nn.Parameter(torch.ones(4))


class Slope(nn.PReLU):
    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.ones(3))


class Words(nn.Embedding):
    def __init__(self) -> None:
        super().__init__(7, 4)
        self.gamma = nn.Parameter(torch.ones(4))


class Cell(nn.LSTM):
    def __init__(self) -> None:
        super().__init__(4, 4)
        self.gamma = nn.Parameter(torch.ones(4))


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (Attention, ["logit_scale", "q_norm_weight"]),
        (Slope, ["shift"]),
        (Words, ["gamma"]),
        (Cell, ["gamma"]),
    ],
)
def test_a_parameter_that_a_class_adds_is_not_taken_for_one_of_torchs(
    made: Any, names: list[str]
) -> None:
    module = made()
    before = [getattr(module, name).clone() for name in names]
    with pytest.raises(ValueError, match=names[0]):
        initialize(module, "he", key=KEY)
    plan = initialize(module, "he", key=KEY, strict=False)
    for name, values in zip(names, before, strict=True):
        assert plan[name].parameter.role == "other"
        assert torch.equal(getattr(module, name), values)


def test_pruned_and_weight_normed_recurrent_layers_are_refused_by_name() -> None:
    from torch.nn.utils import prune

    pruned = nn.LSTM(4, 4)
    prune.l1_unstructured(pruned, "weight_ih_l0", 0.5)
    with pytest.raises(ValueError, match="weight_ih_l0_orig"):
        initialize(pruned, "he", key=KEY)


def test_the_bias_of_a_language_models_head_is_known_by_the_place_that_has_a_role() -> None:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.ones(9))
            self.decoder = nn.Linear(4, 9)
            self.decoder.bias = self.bias

    model = nn.ModuleDict({"cls": Head()})
    plan = initialize(model, "he", key=KEY)
    assert plan["cls.bias"] is plan["cls.decoder.bias"]
    assert (model["cls"].bias == 0).all()


@pytest.mark.parametrize(
    ("model", "family"), [("gemma", 0.0), ("gemma2", 0.0), ("llama", 1.0), ("qwen3_next", 0.0)]
)
def test_norms_of_transformers_start_where_their_library_starts_them(
    model: str, family: float
) -> None:
    transformers = pytest.importorskip("transformers")
    module = pytest.importorskip(f"transformers.models.{model}.modeling_{model}")
    cls = next(
        getattr(module, name)
        for name in vars(module)
        if name.endswith("RMSNorm") and "Gated" not in name
    )
    assert transformers
    norm = cls(16)
    with torch.no_grad():
        norm.weight.fill_(7)
    initialize(nn.Sequential(norm), "he", key=KEY)
    assert (norm.weight == family).all()


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of torch, about its own older functions
@pytest.mark.parametrize("how", ["parametrizations", "hook"])
@pytest.mark.parametrize("meta", [False, True])
def test_a_weight_normed_layer_computes_the_weight_of_the_plain_layer(how: str, meta: bool) -> None:
    def made() -> Any:
        return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Conv1d(4, 3, 2))

    plain, normed = made(), made()
    norm = (
        nn.utils.parametrizations.weight_norm
        if how == "parametrizations"
        else torch.nn.utils.weight_norm
    )
    normed[0], normed[2] = norm(normed[0]), norm(normed[2])
    initialize(plain, "he", key=KEY)
    if meta and how == "parametrizations":
        materialize(normed.to("meta"), "he", key=KEY)
    else:
        initialize(normed, "he", key=KEY)
    for at in (0, 2):
        for hook in normed[at]._forward_pre_hooks.values():
            hook(normed[at], ())  # which computes the weight, as before every forward pass
        assert torch.allclose(normed[at].weight, plain[at].weight, rtol=1e-6, atol=0)


def test_a_spectrally_normed_layer_keeps_the_kernel_of_the_plain_layer_beneath() -> None:
    plain = nn.Sequential(nn.Linear(5, 4))
    normed = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(5, 4)))
    initialize(plain, "he", key=KEY)
    initialize(normed, "he", key=KEY)
    assert torch.equal(normed[0].parametrizations.weight.original, plain[0].weight)


def test_other_parametrizations_are_refused_by_name() -> None:
    layer = nn.utils.parametrizations.orthogonal(nn.Linear(4, 4))
    with pytest.raises(ValueError, match=r"parametrizations\.weight\.original"):
        initialize(layer, "he", key=KEY)
