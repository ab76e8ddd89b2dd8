"""The drop-in for torch.nn.init, with torch.nn.init as the oracle."""

import inspect
import math
import warnings
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

import initcore as ic

torch = pytest.importorskip("torch")

from initcore.interop.torch import init as ours  # noqa: E402

theirs = torch.nn.init
KEY = ic.Key(5) / "tensor"
DRAWING = [
    "uniform_",
    "normal_",
    "trunc_normal_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
]
DEPRECATED = [name for name in theirs.__all__ if f"{name}_" in theirs.__all__]


def more(name: str) -> tuple[float, ...]:
    """The arguments that a function needs."""
    return (0.4,) if name.startswith("sparse") else ()


def call(function: Any, *args: Any, **said: Any) -> Any:
    """What it returns, or the type of its error; and the types of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = function(*args, **said)
        except Exception as error:
            found = type(error)
    return found, [warning.category for warning in caught]


def test_every_public_name_of_torch_is_here_with_its_arguments_and_defaults() -> None:
    assert sorted(ours.__all__) == sorted(theirs.__all__)
    for name in theirs.__all__:
        if name in DEPRECATED:
            continue
        known = inspect.signature(getattr(theirs, name)).parameters
        found = inspect.signature(getattr(ours, name)).parameters
        assert [*found][: len(known)] == [*known], name
        assert [p.default for p in known.values()] == [found[p].default for p in known], name
        assert [p.kind for p in known.values()] == [found[p].kind for p in known], name
        added = [*found][len(known) :]
        assert added == (["key"] if name in DRAWING else []), name


@pytest.mark.parametrize("name", DRAWING)
def test_a_function_returns_the_tensor_itself_and_leaves_no_trace_in_autograd(name: str) -> None:
    for module, said in ((theirs, {}), (ours, {}), (ours, {"key": KEY})):
        parameter = torch.nn.Parameter(torch.zeros(6, 4))
        found = getattr(module, name)(parameter, *more(name), **said)
        assert found is parameter
        assert parameter.is_leaf
        assert parameter.requires_grad
        assert parameter.grad_fn is None
        assert parameter._version > 0
        assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", DRAWING)
def test_a_key_alone_says_which_numbers(name: str) -> None:
    before = torch.get_rng_state()
    one = getattr(ours, name)(torch.empty(8, 6), *more(name), key=KEY)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    other = getattr(ours, name)(torch.empty(6, 8).t(), *more(name), key=KEY)
    assert torch.equal(one, other)
    assert not torch.equal(one, getattr(ours, name)(torch.empty(8, 6), *more(name), key=KEY / 1))


@pytest.mark.parametrize("name", DRAWING)
def test_without_a_key_one_seed_is_drawn_from_the_generator(name: str) -> None:
    function = getattr(ours, name)

    def fresh(**said: Any) -> Any:
        return function(torch.empty(8, 6), *more(name), **said)

    torch.manual_seed(42)
    first, second = fresh(), fresh()
    assert not torch.equal(first, second)
    torch.manual_seed(42)
    assert torch.equal(fresh(), first)
    global_state = torch.get_rng_state()
    assert torch.equal(fresh(generator=torch.Generator().manual_seed(42)), first)
    assert torch.equal(torch.get_rng_state(), global_state)
    torch.manual_seed(42)
    seed = int(torch.empty((), dtype=torch.int64).random_())
    after = torch.get_rng_state()
    assert torch.equal(fresh(key=ic.Key(seed)), first)
    torch.manual_seed(42)
    fresh()
    assert torch.equal(torch.get_rng_state(), after)


def test_the_numbers_are_those_of_the_initializers() -> None:
    pairs = {
        "uniform_": ic.Uniform(low=0.0, high=1.0),
        "normal_": ic.Normal(),
        "trunc_normal_": ic.TruncatedNormal(bounds="absolute"),
        "orthogonal_": ic.Orthogonal(),
        "sparse_": ic.Sparse(0.4),
        "xavier_normal_": ic.GlorotNormal(),
        "kaiming_normal_": ic.HeNormal(),
    }
    for name, initializer in pairs.items():
        found = getattr(ours, name)(torch.empty(32, 24), *more(name), key=KEY)
        np.testing.assert_allclose(found.numpy(), initializer((32, 24), key=KEY), rtol=3e-7)


# Arguments for laws of one element: kolmogorov's distance says whether they are torch's.
LAWS: list[tuple[str, dict[str, Any]]] = [
    ("uniform_", {}),
    ("uniform_", {"a": -2.5, "b": 1.25}),
    ("normal_", {}),
    ("normal_", {"mean": -1.5, "std": 3.0}),
    ("trunc_normal_", {}),
    ("trunc_normal_", {"mean": 0.5, "std": 2.0, "a": -1.0, "b": 1.5}),
    ("trunc_normal_", {"std": 0.02}),
    ("xavier_uniform_", {}),
    ("xavier_uniform_", {"gain": 0.3}),
    ("xavier_normal_", {"gain": 1.7}),
    *(
        (f"kaiming_{law}_", {"a": a, "mode": mode, "nonlinearity": nonlinearity})
        for law, (a, nonlinearity), mode in product(
            ("uniform", "normal"),
            ((0, "leaky_relu"), (0.7, "leaky_relu"), (0, "relu"), (0, "tanh"), (0, "selu")),
            ("fan_in", "fan_out", "FAN_OUT"),
        )
    ),
]


@pytest.mark.parametrize(("name", "said"), LAWS)
def test_a_law_is_that_of_torch(name: str, said: dict[str, Any]) -> None:
    """Two samples of the same law; a false alarm has probability 1e-4 per case, keys are fixed."""
    shape = (40, 20, 3, 5)
    torch.manual_seed(1)
    sample = getattr(theirs, name)(torch.empty(shape), **said).flatten().numpy()
    found = getattr(ours, name)(torch.empty(shape), key=KEY, **said).flatten().numpy()
    assert stats.ks_2samp(sample, found).pvalue > 1e-4


@pytest.mark.parametrize("dims", [1, 2, 4])
def test_laws_hold_for_any_number_of_axes(dims: int) -> None:
    shape = (31, 37, 1, 3)[:dims] if dims > 1 else (1000,)
    uniform = ours.uniform_(torch.empty(shape), -1.0, 2.0, key=KEY).flatten()
    normal = ours.normal_(torch.empty(shape), 3.0, 0.5, key=KEY).flatten()
    assert stats.kstest(uniform, "uniform", args=(-1.0, 3.0)).pvalue > 1e-4
    assert stats.kstest(normal, "norm", args=(3.0, 0.5)).pvalue > 1e-4


def test_trunc_normal_is_right_where_the_bounds_are_far_from_the_mean() -> None:
    found = ours.trunc_normal_(torch.empty(5000, dtype=torch.float64), a=4.0, b=5.0, key=KEY)
    assert stats.kstest(found.numpy(), "truncnorm", args=(4.0, 5.0)).pvalue > 1e-4
    sharp = ours.trunc_normal_(torch.empty(100_000), 2.5, 0.02, -2.0, 2.0, key=KEY)
    assert float(sharp.min()) > 1.9
    assert call(ours.trunc_normal_, torch.empty(4), 9.0)[1] == []


FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
# Bounds around the mean, on one side of it, barely apart, and far out: in standard deviations.
CUTS = [(-2.0, 2.0), (-0.3, 1.7), (2.0, 3.0), (-0.01, 0.01), (5.0, 5.5), (-math.inf, -1.0)]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_trunc_normal_has_its_law_in_every_type(dtype: Any, cut: tuple[float, float]) -> None:
    """SciPy is the oracle: torch draws by rejection, or warns, where the bounds are far out.

    16-bit values are steps, so the float32 tensor of which they are the roundings is tested there.
    """
    mean, std, n = -0.7, 0.4, 20_000
    low, high = (mean + std * bound for bound in cut)
    t = ours.trunc_normal_(torch.empty(n, dtype=dtype), mean, std, low, high, key=KEY)
    wide = t
    if t.element_size() == 2:
        wide = ours.trunc_normal_(torch.empty(n), mean, std, low, high, key=KEY)
        assert torch.equal(t, wide.to(dtype))
    edges = torch.tensor([low, high], dtype=dtype)
    assert edges[0] <= t.min()
    assert t.max() <= edges[1]
    z = (wide.double() - mean) / std
    assert stats.kstest(z.numpy(), "truncnorm", args=cut).pvalue > 1e-4


@pytest.mark.parametrize("dtype", FLOATS)
def test_trunc_normal_uses_as_many_of_a_type_s_values_as_torch(dtype: Any) -> None:
    torch.manual_seed(3)
    expected = theirs.trunc_normal_(torch.empty(10_000, dtype=dtype)).unique().numel()
    t = ours.trunc_normal_(torch.empty(10_000, dtype=dtype), key=KEY)
    # a count of occupied values varies by less than the square root of their number
    assert t.unique().numel() >= expected - 5 * math.sqrt(expected)
    assert torch.isfinite(t).all()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("std", [0.02, 0.1])
def test_a_bound_that_is_out_of_reach_is_never_a_value(dtype: Any, std: float) -> None:
    """A number that was clamped would sit there."""
    t = ours.trunc_normal_(torch.empty(100_000, dtype=dtype), std=std, key=KEY)
    assert float(t.abs().max()) < 6.66 * 0.1 * 1.01


@pytest.mark.parametrize("shape", [(30, 41), (6, 5, 3, 7)])
@pytest.mark.parametrize("gain", [1.0, 0.37])
def test_glorots_laws_count_the_taps_of_both_fans(shape: tuple[int, ...], gain: float) -> None:
    taps = math.prod(shape[2:])
    std = gain * math.sqrt(2.0 / (shape[0] * taps + shape[1] * taps))
    bound = std * math.sqrt(3.0)
    normal = ours.xavier_normal_(torch.empty(shape), gain, key=KEY).flatten().numpy()
    uniform = ours.xavier_uniform_(torch.empty(shape), gain, key=KEY).flatten().numpy()
    assert stats.kstest(normal, "norm", args=(0.0, std)).pvalue > 1e-4
    assert stats.kstest(uniform, "uniform", args=(-bound, 2 * bound)).pvalue > 1e-4


@pytest.mark.parametrize("shape", [(30, 41), (6, 5, 3, 7)])
@pytest.mark.parametrize("a", [0.0, 0.9])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_hes_laws_count_the_taps_of_the_fan_said(
    shape: tuple[int, ...], a: float, mode: Any
) -> None:
    fan = shape[mode == "fan_in"] * math.prod(shape[2:])
    std = math.sqrt(2.0 / ((1 + a * a) * fan))
    bound = std * math.sqrt(3.0)
    normal = ours.kaiming_normal_(torch.empty(shape), a, mode, key=KEY).flatten().numpy()
    uniform = ours.kaiming_uniform_(torch.empty(shape), a, mode, key=KEY).flatten().numpy()
    assert stats.kstest(normal, "norm", args=(0.0, std)).pvalue > 1e-4
    assert stats.kstest(uniform, "uniform", args=(-bound, 2 * bound)).pvalue > 1e-4


def test_the_other_elements_of_a_sparse_matrix_have_torch_s_default_std() -> None:
    values = ours.sparse_(torch.empty(80, 60), 0.15, key=KEY)
    assert stats.kstest(values[values != 0].numpy(), "norm", args=(0.0, 0.01)).pvalue > 1e-4


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("eye_", [(3,), (3, 3, 3)]),
        ("dirac_", [(3,), (3, 3), (2,) * 6]),
        ("sparse_", [(3,), (3,) * 3]),
    ],
)
def test_a_wrong_number_of_axes_is_torch_s_error(name: str, shapes: list[tuple[int, ...]]) -> None:
    for shape in shapes:
        for module in (theirs, ours):
            assert call(getattr(module, name), torch.ones(shape), *more(name))[0] is ValueError


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("relu", None),
        ("leaky_relu", 10),
        ("leaky_relu", True),
        ("leaky_relu", [1]),
        ("nonsense", None),
    ],
)
def test_gains_are_torch_s(kind: Any, parameter: Any) -> None:
    found = call(ours.calculate_gain, kind, parameter)
    assert found == call(theirs.calculate_gain, kind, parameter)
    assert (found[0] is ValueError) == (kind == "nonsense" or parameter in (True, [1]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_is_the_float32_number_rounded_once_and_stays_in_bounds(dtype: Any) -> None:
    for name in DRAWING:
        wide = getattr(ours, name)(torch.empty(50, 40), *more(name), key=KEY)
        short = getattr(ours, name)(torch.empty(50, 40, dtype=dtype), *more(name), key=KEY)
        near = wide.to(dtype)
        # parameters are rounded once to the working type, which float32 is for both
        assert torch.equal(short, near), name
    cut = ours.trunc_normal_(torch.empty(100_000, dtype=dtype), std=0.02, a=-0.04, b=0.04, key=KEY)
    assert float(cut.abs().max()) <= float(torch.tensor(0.04).to(dtype))
    # 5 standard errors
    assert float(cut.float().std()) == pytest.approx(0.02 * 0.87962566, rel=5 / math.sqrt(2e5))


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (20, 2, 3, 4), (2, 3, 4, 5), (5, 1), (1, 5)])
@pytest.mark.parametrize("gain", [1.0, -2.0, 0.0])
def test_orthogonal_has_orthonormal_rows_or_columns(shape: tuple[int, ...], gain: float) -> None:
    for module, said in ((theirs, {}), (ours, {"key": KEY})):
        w = module.orthogonal_(torch.empty(shape, dtype=torch.float64), gain, **said).flatten(1)
        product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        eye = gain * gain * torch.eye(len(product), dtype=torch.float64)
        torch.testing.assert_close(product, eye, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("rows", "sparsity"), [*product((1, 7, 40), (0.0, 0.1, 0.5, 1.0))])
def test_sparse_has_as_many_zeros_per_column_as_torch(rows: int, sparsity: float) -> None:
    for module, said in ((theirs, {}), (ours, {"key": KEY})):
        w = module.sparse_(torch.empty(rows, 9), sparsity, 2.0, **said)
        assert ((w == 0).sum(0) == math.ceil(sparsity * rows)).all()
    values = ours.sparse_(torch.empty(60, 60), 0.5, 2.0, key=KEY)
    assert stats.kstest(values[values != 0].numpy(), "norm", args=(0.0, 2.0)).pvalue > 1e-4


def test_what_draws_nothing_is_torch_s_own() -> None:
    for name in ("calculate_gain", "constant_", "ones_", "zeros_", "eye_", "dirac_"):
        assert getattr(ours, name) is getattr(theirs, name)


NAN, INF = math.nan, math.inf


def matrix(*shape: int, dtype: Any = None) -> Any:
    return torch.zeros(shape or (4, 4), dtype=dtype)


def inference() -> Any:
    with torch.inference_mode():
        return torch.zeros(4, 4)


SAME: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = [
    ("uniform_", matrix, (2.0, 1.0), {}),
    ("uniform_", matrix, (1.0, 1.0), {}),
    ("uniform_", matrix, (NAN, 1.0), {}),
    ("uniform_", matrix, (0.0, INF), {}),
    ("uniform_", matrix, (-3e38, 3e38), {}),
    ("uniform_", lambda: matrix(3, dtype=torch.float16), (0.0, 1e6), {}),
    ("normal_", matrix, (0.0, -1.0), {}),
    ("normal_", matrix, (0.0, NAN), {}),
    ("normal_", matrix, (0.0, 0.0), {}),
    ("normal_", matrix, ("a", 1.0), {}),
    ("trunc_normal_", matrix, (0.0, 0.0), {}),
    ("trunc_normal_", matrix, (0.0, 1.0, 2.0, 1.0), {}),
    ("trunc_normal_", matrix, (0.0, 1.0, 1.0, 1.0), {}),
    ("trunc_normal_", matrix, (0.0, 1.0, -INF, INF), {}),
    ("trunc_normal_", matrix, (0.0, 1.0, NAN, 1.0), {}),
    ("xavier_uniform_", matrix, (-1.0,), {}),
    ("xavier_uniform_", matrix, (NAN,), {}),
    ("xavier_normal_", matrix, (-1.0,), {}),
    ("xavier_normal_", matrix, (0.0,), {}),
    ("kaiming_normal_", matrix, (), {"mode": None}),
    ("kaiming_normal_", matrix, (), {"mode": "fan_avg"}),
    ("kaiming_uniform_", matrix, (), {"nonlinearity": "gelu"}),
    ("kaiming_uniform_", matrix, ("x",), {}),
    ("kaiming_uniform_", matrix, (True,), {}),
    ("kaiming_normal_", matrix, (INF,), {}),
    ("sparse_", matrix, (NAN,), {}),
    ("sparse_", matrix, (0.5, -1.0), {}),
    ("sparse_", lambda: matrix(4), (0.5,), {}),
    ("sparse_", lambda: matrix(4, 4, 4), (0.5,), {}),
    ("orthogonal_", lambda: matrix(4), (), {}),
    *((name, matrix, more(name), {"generator": 3}) for name in DRAWING),
    *((name, lambda: torch.zeros(()), (), {}) for name in DRAWING if name[0] in "xk"),
    *((name, lambda: matrix(3), (), {}) for name in DRAWING if name[0] in "xk"),
    *(
        (name, make, more(name), {})
        for name, make in product(
            DRAWING,
            (
                lambda: matrix(0, 5),
                lambda: matrix(5, 0),
                lambda: matrix(0, 0),
                lambda: matrix(4, 4, dtype=torch.int32),
                lambda: matrix(4, 4, dtype=torch.bool),
                lambda: matrix(4, 4, dtype=torch.float8_e4m3fn),
                lambda: matrix(4, 4).to_sparse(),
                lambda: matrix(1, 4).expand(4, 4),
                lambda: torch.empty(4, 4, device="meta"),
                inference,
            ),
        )
    ),
]


@pytest.mark.parametrize(
    ("name", "make", "args", "said"), SAME, ids=[f"{case[0]}{at}" for at, case in enumerate(SAME)]
)
def test_where_torch_raises_or_warns_or_does_nothing_so_does_this(
    name: str, make: Any, args: tuple[Any, ...], said: dict[str, Any]
) -> None:
    expected, their_warnings = call(getattr(theirs, name), make(), *args, **said)
    found, our_warnings = call(getattr(ours, name), make(), *args, **said)
    assert our_warnings == their_warnings
    if isinstance(expected, type):
        assert found == expected
        return
    assert not isinstance(found, type), found
    assert found.shape == expected.shape
    if not expected.is_meta and expected.numel():
        lower, upper = float(expected.min()), float(expected.max())
        if lower == upper:
            assert torch.equal(found, expected)


def test_errors_of_a_tensor_leave_it_and_the_generator_as_they_were() -> None:
    before = torch.get_rng_state()
    tensor = torch.ones(4, 4)
    for name, args in {"uniform_": (2.0, 1.0), "normal_": (0.0, -1.0), "sparse_": (1.5,)}.items():
        assert isinstance(call(getattr(ours, name), tensor, *args)[0], type)
    assert (tensor == 1).all()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("normal_", (0.0, INF), RuntimeError),
        ("normal_", (NAN, 1.0), RuntimeError),
        ("normal_", (0.0, 1e39), RuntimeError),
        ("trunc_normal_", (0.0, -1.0), RuntimeError),
        ("trunc_normal_", (0.0, NAN), RuntimeError),
        ("trunc_normal_", (0.0, 1.0, 50.0, 60.0), RuntimeError),
        ("orthogonal_", (NAN,), RuntimeError),
        ("sparse_", (-0.1,), ValueError),
        ("sparse_", (1.5,), ValueError),
    ],
)
def test_what_torch_accepts_and_makes_no_start_is_refused(
    name: str, args: tuple[float, ...], error: type
) -> None:
    assert not isinstance(call(getattr(theirs, name), torch.zeros(4, 4), *args)[0], type)
    tensor = torch.ones(4, 4)
    assert call(getattr(ours, name), tensor, *args, key=KEY)[0] is error
    assert (tensor == 1).all()


@pytest.mark.parametrize("name", DRAWING)
def test_what_is_not_done_yet_says_so(name: str) -> None:
    complex_one = torch.zeros(4, 4, dtype=torch.complex64)
    assert call(getattr(ours, name), complex_one, *more(name))[0] is NotImplementedError


def test_orthogonal_takes_what_torch_refuses() -> None:
    for tensor in (
        torch.empty(4, 4, dtype=torch.bfloat16),
        torch.empty(4, 4, dtype=torch.float16),
    ):
        assert call(theirs.orthogonal_, tensor.clone())[0] is NotImplementedError
        w = ours.orthogonal_(tensor, key=KEY).float()
        # each element is rounded once, to 8 bits: 4 products of elements below 1
        torch.testing.assert_close(w @ w.T, torch.eye(4), atol=8 * 2.0**-8, rtol=0)


@pytest.mark.parametrize("name", DEPRECATED)
def test_deprecated_names_warn_as_torch_does(name: str) -> None:
    shape = (4, 4, 3) if name == "dirac" else (4, 4)
    args = (0.5,) if name == "constant" else more(name)
    messages = []
    for module in (theirs, ours):
        with pytest.warns(FutureWarning) as caught:
            getattr(module, name)(torch.empty(shape), *args)
        messages.append(str(caught[0].message))
        assert caught[0].filename == __file__
    assert messages[0] == messages[1]
    assert getattr(ours, name).__name__ == name


def test_a_key_that_is_none_and_one_beside_a_generator_are_refused() -> None:
    with pytest.raises(TypeError, match=r"key=3 must be an initcore\.Key"):
        ours.normal_(torch.empty(3), key=3)
    with pytest.raises(ValueError, match="key and generator both say"):
        ours.normal_(torch.empty(3), key=KEY, generator=torch.Generator())


def test_a_fake_tensor_is_left_alone() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        fake = torch.empty(4, 4)
        for name in DRAWING:
            assert getattr(ours, name)(fake, *more(name)) is fake
