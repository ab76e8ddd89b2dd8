"""Edges, answered on purpose: empty tensors, wrong ranks, bad numbers, types, low precision."""

import math
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import initializers
from initcore.initializers import Initializer
from initcore.initializers._truncation import result_std

KEY = ic.Key(8) / "edges"

FAN: list[Initializer] = [
    ic.XavierNormal(),
    ic.GlorotUniform(),
    ic.HeNormal(),
    ic.HeUniform(),
    ic.VarianceScaling(2.0, "fan_geo", "truncated_normal"),
    initializers.StandardUniform(),
    initializers.RandomWalk(),
    initializers.Siren(),
    initializers.SpectralNormal(),
    initializers.DropoutHeNormal(0.9),
]
MATRIX: list[Initializer] = [
    ic.Orthogonal(),
    ic.Sparse(0.5),
    initializers.ScaledOrthogonal(),
    initializers.Dirac(),
    initializers.ZerO(),
    initializers.LooksLinear(),
    initializers.RandomizedAsymmetric(),
    initializers.Icnr(1),
]
PLAIN: list[Initializer] = [
    ic.Normal(std=0.02),
    ic.Uniform(low=-0.02, high=0.02),
    ic.TruncatedNormal(std=0.02),
    ic.Sign(0.3),
    ic.Constant(1.0 + 2.0**-11 + 2.0**-30),  # float16 from double would round it up
    ic.Identity(1.3),
]
OTHER: list[tuple[Initializer, tuple[int, ...]]] = [
    (initializers.DeltaOrthogonal(), (16, 8, 3)),
    (initializers.ForgetBias(0.3), (32,)),
    (initializers.Chrono(300.0), (4000,)),
    (initializers.BiasPrior(), (8,)),
    (initializers.ClassPrior((1, 2, 5)), (3,)),
    (initializers.HippoLegS(), (24, 24)),
    (initializers.DiagonalStates("inv"), (4, 64)),
    (initializers.DiagonalStates("log_real"), (4, 64)),
    (initializers.StepBias(), (4000,)),
    (initializers.Packed((ic.HeNormal(), ic.Orthogonal()), (1, 1)), (32, 16)),
]
EVERY = [(init, (24, 32)) for init in (*FAN, *MATRIX, *PLAIN)] + OTHER


def dtype_of(name: str) -> Any:
    if name == "bfloat16":
        return pytest.importorskip("ml_dtypes").bfloat16
    return np.dtype(name)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0), (4, 0, 3)])
@pytest.mark.parametrize("init", [*FAN, *MATRIX, *PLAIN[:-1]], ids=repr)
def test_a_tensor_without_elements_is_nothing_to_do(
    init: Initializer, shape: tuple[int, ...]
) -> None:
    assert init(shape, key=KEY).shape == shape
    array = np.empty(shape, np.float32)
    assert init.fill(array, key=KEY) is array


@pytest.mark.parametrize("shape", [(), (5,)])
@pytest.mark.parametrize("init", FAN, ids=repr)
def test_a_vector_has_no_fan_unless_one_is_said(init: Initializer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"fan_\w+ is not known.*pass fan_\w+="):
        init(shape, key=KEY)
    assert np.isfinite(init(shape, key=KEY, fan_in=4, fan_out=2)).all()


@pytest.mark.parametrize("shape", [(), (5,)])
@pytest.mark.parametrize("init", [*MATRIX, ic.Identity()], ids=repr)
def test_a_vector_is_no_matrix(init: Initializer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape=\("):
        init(shape, key=KEY)


@pytest.mark.parametrize(
    "make",
    [
        lambda value: ic.Normal(std=value),
        lambda value: ic.TruncatedNormal(std=value),
        lambda value: ic.VarianceScaling(value),
        lambda value: initializers.FourierFeatures(value),
        lambda value: initializers.Siren(omega=value),
        lambda value: initializers.SpectralNormal(value),
        lambda value: initializers.DropoutHeNormal(value),
        lambda value: ic.Sparse(sparsity=value),
    ],
)
@pytest.mark.parametrize("value", [-1.0, -1e-30, math.nan, math.inf, -math.inf])
def test_a_scale_that_is_negative_or_not_finite_is_refused(make: Any, value: float) -> None:
    with pytest.raises(ValueError, match="must"):
        make(value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_gains_and_values_are_finite(value: float) -> None:
    for make in (ic.Constant, ic.Identity, ic.Orthogonal, ic.Sign, initializers.Dirac):
        with pytest.raises(ValueError, match="must be finite"):
            make(value)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(
    "make",
    [
        lambda value: ic.Constant(value),
        lambda value: ic.Identity(value),
        lambda value: initializers.Dirac(value),
        lambda value: ic.Orthogonal(value),
        lambda value: ic.Normal(std=value),
        lambda value: ic.Sign(value),
        lambda value: initializers.Packed(ic.Constant(value), (1, 1)),
    ],
)
def test_a_number_beyond_the_reach_of_a_type_is_refused_before_a_byte_is_written(
    make: Any, name: str
) -> None:
    kind = dtype_of(name)
    array = np.full((4, 4), 7, kind)
    if name == "float64":
        assert np.isfinite(make(1e300).fill(array, key=KEY)).all()
        return
    with pytest.raises(ValueError, match=r"finite in \w+; use a smaller number or a float64"):
        make(1e300).fill(array, key=KEY)
    assert (array == 7).all()


def test_the_largest_numbers_of_a_type_are_allowed() -> None:
    assert ic.Constant(65504.0)((1,), dtype=np.float16) == 65504.0
    with pytest.raises(ValueError, match="value=65520 must be finite in float16"):
        ic.Constant(65520.0)((1,), dtype=np.float16)
    # 2.0 times an orthogonal matrix is within reach of float16, 200 000 times is not
    assert np.isfinite(ic.Orthogonal(2.0)((4, 4), key=KEY, dtype=np.float16)).all()
    with pytest.raises(ValueError, match=r"element=.* must be finite in float16"):
        ic.Orthogonal(2e5)((4, 4), key=KEY, dtype=np.float16)


@pytest.mark.parametrize("shape", [None, 2.5, "ab", (2.5, 2), (None,)])
def test_a_shape_is_an_int_or_a_tuple_of_ints(shape: Any) -> None:
    with pytest.raises(TypeError, match="shape="):
        ic.HeNormal()(shape, key=KEY)


def test_a_negative_gain_is_a_reflection_and_allowed() -> None:
    plain, turned = ic.Orthogonal()((6, 6), key=KEY), ic.Orthogonal(-1.0)((6, 6), key=KEY)
    assert (plain == -turned).all()


def test_zero_width_is_allowed_where_it_means_something() -> None:
    assert (ic.Normal(std=0.0, mean=2.0)((3, 3), key=KEY) == 2.0).all()
    assert (ic.Uniform(low=2.0, high=2.0)((3, 3), key=KEY) == 2.0).all()
    assert not ic.Sparse(1.0)((3, 3), key=KEY).any()
    assert ic.Sparse(0.0)((3, 3), key=KEY).all()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ic.HeNormal(mode=None), "mode=None"),  # type: ignore[arg-type]
        (lambda: ic.VarianceScaling(mode="fan"), "mode='fan'"),  # type: ignore[arg-type]
        (lambda: initializers.RandomWalk("elu"), "activation='elu'"),
        (lambda: ic.Uniform(low=1.0, high=-1.0), "low=1.0"),
        (lambda: ic.TruncatedNormal(low=1.0, high=-1.0), "low=1.0"),
        (lambda: ic.Sparse(1.5), "sparsity=1.5"),
        (lambda: initializers.Dirac()((6, 4, 3), groups=4), "groups=4 must divide"),
        (lambda: initializers.Dirac()((6, 4, 3), groups=0), "groups=0"),
        (lambda: ic.Orthogonal()((6, 4), key=KEY, layout="oih"), "names 3 axes"),
        (lambda: ic.Orthogonal()((6, -4), key=KEY), "negative"),
    ],
)
def test_what_makes_no_sense_is_a_value_error(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.parametrize("key", [None, 0, 1.5, "seed", np.random.default_rng(0)])
@pytest.mark.parametrize("init", [ic.HeNormal(), ic.Orthogonal(), ic.Sparse()], ids=repr)
def test_whatever_is_no_key_is_a_type_error(init: Initializer, key: Any) -> None:
    with pytest.raises(TypeError, match="key="):
        init((4, 4), key=key)


@pytest.mark.parametrize("name", ["int32", "uint8", "bool", "complex64", "longdouble", ">f4", "O"])
@pytest.mark.parametrize("init", [ic.HeNormal(), ic.Orthogonal(), ic.Zeros()], ids=repr)
def test_a_type_that_cannot_hold_the_law_is_refused_by_name(init: Initializer, name: str) -> None:
    written = str(np.dtype(name))
    with pytest.raises(TypeError, match=f"dtype={written} is not supported; use float32"):
        init((4, 4), key=KEY, dtype=name)
    with pytest.raises(TypeError, match=f"array has dtype {written}"):
        init.fill(np.zeros((4, 4), name), key=KEY)


def test_eight_bit_floats_are_refused_by_name() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    with pytest.raises(TypeError, match="dtype=float8_e4m3fn is not supported"):
        ic.HeNormal()((4, 4), key=KEY, dtype=ml_dtypes.float8_e4m3fn)


@pytest.mark.parametrize(("init", "shape"), EVERY, ids=lambda value: repr(value))
def test_an_array_whose_elements_share_memory_is_refused(
    init: Initializer, shape: tuple[int, ...]
) -> None:
    memory = np.full(shape[1:], np.nan, np.float32)
    shared = np.lib.stride_tricks.as_strided(memory, shape, (0, *memory.strides))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"strides .* share memory"):
            init.fill(shared, key=KEY)
    assert np.isnan(memory).all()


@pytest.mark.parametrize(("init", "shape"), EVERY, ids=lambda value: repr(value))
def test_memory_need_not_be_contiguous(init: Initializer, shape: tuple[int, ...]) -> None:
    memory = np.full((*(2 * size for size in shape[:-1]), 3 * shape[-1]), np.nan, np.float32)
    view = memory[(*(slice(None, None, -2) for _ in shape[:-1]), slice(None, None, 3))]
    init.fill(view, key=KEY)
    assert (view == init(shape, key=KEY)).all()
    assert np.isnan(memory).sum() == memory.size - view.size


@pytest.mark.parametrize("low", [2.0, 6.0, 30.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_truncated_normal_is_right_in_its_tails(low: float, sign: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    low, high = sorted((sign * low, sign * (low + 0.5)))
    law = stats.truncnorm(low, high)
    x = ic.TruncatedNormal(low=low, high=high)((100_000,), key=KEY, dtype=np.float64)
    assert x.min() >= low
    assert x.max() <= high
    # Kolmogorov's distance of 100,000 draws: 2.2 / sqrt(n) has a false alarm of 1e-4
    assert stats.kstest(x, law.cdf).statistic < 2.2 / math.sqrt(x.size)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize(("init", "shape"), EVERY, ids=lambda value: repr(value))
def test_low_precision_is_the_float32_tensor_rounded_once(
    init: Initializer, shape: tuple[int, ...], name: str
) -> None:
    kind = dtype_of(name)
    wide = init(shape, key=KEY)
    low = init(shape, key=KEY, dtype=kind)
    assert low.tobytes() == wide.astype(kind).tobytes()
    target = np.zeros(shape, kind)
    assert init.fill(target, key=KEY).tobytes() == low.tobytes()
    part = init.block(shape, np.s_[1:7:2], key=KEY, dtype=kind)
    assert part.tobytes() == np.ascontiguousarray(low[1:7:2]).tobytes()


LAWS: list[tuple[Initializer, float]] = [
    (ic.LecunNormal(), 3.0),
    (ic.HeUniform(), 1.8),
    (ic.VarianceScaling(1.0, "fan_avg", "truncated_normal"), 3.0),
    (ic.Normal(std=0.02), 3.0),
    (ic.Uniform(low=-0.02, high=0.02), 1.8),
    (ic.TruncatedNormal(std=0.02), 3.0),
    (initializers.StandardUniform(), 1.8),
    (initializers.SmallInit(768), 3.0),
    (initializers.WangInit(768, 12), 3.0),
    (initializers.RandomWalk(), 3.0),
    (initializers.DropoutHeNormal(0.8), 3.0),
    (initializers.Siren(), 1.8),
    (initializers.FourierFeatures(10.0), 3.0),
    (initializers.SpectralNormal(), 3.0),
]


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize(("init", "kurtosis"), LAWS, ids=lambda value: repr(value))
def test_moments_and_support_hold_in_every_type(init: Any, kurtosis: float, name: str) -> None:
    kind = dtype_of(name)
    shape = (1024, 512)
    x = init(shape, key=KEY, dtype=kind)
    law, p = init.law(initializers.fans(shape))
    wide = x.astype(np.float64)
    if law == "uniform":
        std, support = (p[1] - p[0]) / math.sqrt(12), p
    elif law == "normal":
        std, support = p[1], (-7 * p[1], 7 * p[1])
    else:
        parent = ic.TruncatedNormal(std=p[1], low=p[2] / p[1], high=p[3] / p[1])
        std, support = _result(parent), p[2:]
    n = wide.size
    # 5 standard errors, and what rounding adds: its square's mean, 2^-2m / 12 of each value's
    bits = {"float64": 52, "float32": 23, "float16": 10, "bfloat16": 7}[name]
    assert abs(wide.mean()) < 5 * std / math.sqrt(n)
    error = 5 * math.sqrt((kurtosis - 1) / n) + 4.0**-bits
    assert abs((wide**2).mean() / std**2 - 1) < error
    # values do not leave the interval, each end rounded to the type
    ends = np.array(support).astype(np.float32).astype(kind).astype(np.float64)
    assert wide.min() >= ends[0]
    assert wide.max() <= ends[1]
    # the law has as many values as the type has there, not as a short word would give
    assert len(np.unique(wide)) > {7: 1_000, 10: 6_000}.get(bits, 400_000)
    assert len(np.unique(wide[wide > 0])) > 0.45 * len(np.unique(wide[wide != 0]))


def _result(init: ic.TruncatedNormal) -> float:
    return init.std * result_std(init.low, init.high)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_an_orthogonal_matrix_of_16_bits_is_orthogonal_to_their_rounding(name: str) -> None:
    kind = dtype_of(name)
    w = ic.Orthogonal()((128, 128), key=KEY, dtype=kind).astype(np.float64)
    half_unit = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[name]
    # 128 products of errors of at most half a unit each, in both factors, as a random sum
    assert np.abs(w @ w.T - np.eye(128)).max() < 2.5 * half_unit
