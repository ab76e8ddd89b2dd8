"""Initializers: laws, shapes, layouts, blocks, names, errors."""

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import initializers
from initcore.initializers import Initializer

KEY = ic.Key(2026) / "fc1" / "weight"

NAMED = [
    (ic.XavierNormal(), "normal", lambda i, o: 1 / i),
    (ic.XavierUniform(), "uniform", lambda i, o: 1 / i),
    (ic.LecunNormal(), "normal", lambda i, o: 1 / i),
    (ic.LecunUniform(), "uniform", lambda i, o: 1 / i),
    (ic.GlorotNormal(), "normal", lambda i, o: 2 / (i + o)),
    (ic.GlorotUniform(), "uniform", lambda i, o: 2 / (i + o)),
    (ic.HeNormal(), "normal", lambda i, o: 2 / i),
    (ic.HeUniform(), "uniform", lambda i, o: 2 / i),
    (ic.HeNormal(slope=0.5, mode="fan_out"), "normal", lambda i, o: 1.6 / o),
    (ic.VarianceScaling(3.0, "fan_geo", "uniform"), "uniform", lambda i, o: 3 / math.sqrt(i * o)),
    (
        ic.VarianceScaling(scale=2.0, mode="fan_in", distribution="truncated_normal"),
        "truncated_normal",
        lambda i, o: 2 / i,
    ),
]

EVERY: list[Initializer] = [
    *(init for init, _, _ in NAMED),
    ic.Normal(std=0.02, mean=0.1),
    ic.Uniform(low=-0.5, high=2.0),
    ic.TruncatedNormal(std=0.02, mean=0.01, low=-1.0, high=2.5),
    ic.TruncatedNormal(std=0.5, low=-1.0, high=1.0, bounds="absolute", std_of="result"),
    ic.Constant(0.1),
    ic.Identity(gain=1.5),
    ic.Zeros(),
    ic.Ones(),
]


def ids(value: object) -> str | None:
    return repr(value) if isinstance(value, Initializer) else None


def fourth_moment_ratio(distribution: str) -> float:
    """E x^4 / (E x^2)^2 of the law; the truncated normal's is below the normal's 3."""
    return {"normal": 3.0, "uniform": 1.8, "truncated_normal": 3.0}[distribution]


@pytest.mark.parametrize(("init", "distribution", "variance"), NAMED, ids=ids)
def test_named_initializers_have_the_variance_of_their_rule(
    init: Initializer, distribution: str, variance: Any
) -> None:
    n_out, n_in = 300, 500
    w = init((n_out, n_in), key=KEY, dtype=np.float64)
    n = w.size
    expected = variance(n_in, n_out)
    # 4.5 standard errors of a sample variance about a known mean 0: false alarm 7e-6 a case.
    error = 4.5 * math.sqrt((fourth_moment_ratio(distribution) - 1) / n)
    assert abs((w**2).mean() / expected - 1) < error
    assert abs(w.mean()) < 4.5 * math.sqrt(expected / n)
    if distribution == "uniform":
        assert np.abs(w).max() <= math.sqrt(3 * expected)
    if distribution == "truncated_normal":
        # The parent's 2 sigma, in standard deviations of what is left.
        assert np.abs(w).max() <= 2 * math.sqrt(expected) / 0.8796256610342398
    if distribution == "normal":
        assert np.abs(w).max() > 3.5 * math.sqrt(expected)


def test_xavier_is_the_notes_rule_and_equals_lecun_in_law() -> None:
    assert (ic.XavierNormal()((8, 4), key=KEY) == ic.LecunNormal()((8, 4), key=KEY)).all()
    assert not (ic.XavierNormal()((8, 4), key=KEY) == ic.GlorotNormal()((8, 4), key=KEY)).all()


@pytest.mark.parametrize("init", EVERY, ids=ids)
def test_fill_writes_what_a_call_makes(init: Initializer) -> None:
    made = init((6, 10), key=KEY)
    target = np.full((6, 10), np.nan, np.float32)
    assert init.fill(target, key=KEY) is target
    assert made.tobytes() == target.tobytes()
    assert init.fill(np.full_like(made, np.nan), key=KEY).tobytes() == made.tobytes()
    strided = np.full((12, 30), np.nan, np.float32)
    init.fill(strided[::-2, 1::3], key=KEY)
    assert (strided[::-2, 1::3] == made).all()
    assert np.isnan(strided).sum() == strided.size - made.size


@pytest.mark.parametrize("init", [ic.Sign(scale=0.5), ic.Sparse(0.6)])
def test_a_second_fill_of_another_kind_is_the_first(init: Initializer) -> None:
    made = init((6, 10), key=KEY)
    for _ in range(2):
        assert init.fill(np.full_like(made, np.nan), key=KEY).tobytes() == made.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["oi", "io"])
def test_a_second_fill_of_a_shape_is_the_first(layout: str, dtype: type) -> None:
    init = ic.GlorotUniform()
    for shape in ((5, 7), (7, 5), (5, 7)):
        expected = ic.GlorotUniform()(shape, key=KEY, layout=layout, dtype=dtype)
        for key in (KEY, ic.Key(1), KEY):
            found = init.fill(np.empty(shape, dtype), key=key, layout=layout)
        assert np.array_equal(found, expected)
        with_groups = init.fill(np.empty(shape, dtype), key=KEY, layout=layout, fan_in=3.0)
        assert not np.array_equal(with_groups, expected)


def test_a_fill_that_is_remembered_refuses_what_a_first_one_refuses() -> None:
    init = ic.HeNormal()
    good = np.zeros((5, 7), np.float32)
    init.fill(good, key=KEY)
    frozen = good.copy()
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="array is read-only"):
        init.fill(frozen, key=KEY)
    with pytest.raises(TypeError, match="array has dtype int32"):
        init.fill(np.zeros((5, 7), np.int32), key=KEY)
    with pytest.raises(TypeError, match="groups=True must be an int"):
        init.fill(good, key=KEY, groups=True)
    with pytest.raises(TypeError, match="key=0 must be"):
        init.fill(good, key=0)


def test_what_a_fill_remembers_stays_out_of_pickles_and_comparisons() -> None:
    init = ic.HeNormal()
    fresh = pickle.dumps(init)
    init.fill(np.zeros((5, 7), np.float32), key=KEY)
    assert pickle.dumps(init) == fresh
    assert init == ic.HeNormal()
    assert hash(init) == hash(ic.HeNormal())


@pytest.mark.parametrize("init", EVERY, ids=ids)
@pytest.mark.parametrize(
    "index",
    [
        np.s_[2:5, :],
        np.s_[:, 3:7],
        np.s_[::2, ::-3],
        np.s_[4],
        np.s_[-1, 2],
        np.s_[..., 1:2],
        np.s_[:0, :],
        np.s_[...],
    ],
)
def test_a_block_is_that_slice_of_the_whole(init: Initializer, index: Any) -> None:
    shape = (6, 10)
    whole = init(shape, key=KEY)
    block = init.block(shape, index, key=KEY)
    assert block.shape == whole[index].shape
    assert block.tobytes() == np.ascontiguousarray(whole[index]).tobytes()
    out = np.full(block.shape, np.nan, np.float64)
    assert init.block(shape, index, key=KEY, out=out) is out
    assert out.tobytes() == np.ascontiguousarray(init(shape, key=KEY, dtype="f8")[index]).tobytes()


@pytest.mark.parametrize("init", EVERY, ids=ids)
def test_a_layer_is_the_same_in_every_layout(init: Initializer) -> None:
    oi = init((6, 10), key=KEY)
    io = init((10, 6), key=KEY, layout="io")
    assert (oi == io.T).all()
    block = init.block((10, 6), np.s_[2:9:3, 1:], key=KEY, layout="io")
    assert (block == io[2:9:3, 1:]).all()
    if not isinstance(init, ic.Identity):
        oihw = init((6, 4, 3, 2), key=KEY)
        hwio = init((3, 2, 4, 6), key=KEY, layout="HWIO")
        assert (oihw == hwio.transpose(3, 2, 0, 1)).all()
        assert (oihw == init((6, 3, 2, 4), key=KEY, layout="OHWI").transpose(0, 3, 1, 2)).all()


@pytest.mark.parametrize("init", EVERY, ids=ids)
def test_configuration_survives_every_round_trip(init: Initializer) -> None:
    assert pickle.loads(pickle.dumps(init)) == init
    assert initializers.from_dict(json.loads(json.dumps(init.to_dict()))) == init
    assert initializers.get(init.to_dict()) == init
    assert len({init, pickle.loads(pickle.dumps(init))}) == 1
    with pytest.raises(AttributeError):
        init.std = 3.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("shape", "arguments", "expected"),
    [
        ((128, 256), {}, (256, 128)),
        ((64, 32, 3, 3), {}, (288, 576)),
        ((3, 3, 32, 64), {"layout": "HWIO"}, (288, 576)),
        ((256, 128), {"layout": "io"}, (256, 128)),
        ((64, 8, 3, 3), {"groups": 4}, (72, 144)),
        ((32, 16, 3, 3), {"layout": "io", "transposed": True}, (288, 144)),
        ((32, 16, 3, 3), {"layout": "io", "transposed": True, "groups": 4}, (72, 144)),
        ((5,), {"fan_in": 7}, (7, None)),
        ((64, 32, 3, 3), {"fan_in": 10, "fan_out": 2.5}, (10, 2.5)),
    ],
)
def test_fans_of_dense_and_convolution_shapes(
    shape: tuple[int, ...], arguments: dict[str, Any], expected: tuple[float, float]
) -> None:
    found = initializers.fans(shape, **arguments)
    assert (found.fan_in, found.fan_out) == expected


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0,), (3, 0, 2)])
def test_empty_tensors_need_no_fan(shape: tuple[int, ...]) -> None:
    assert ic.HeNormal()(shape, key=KEY).shape == shape


def test_scalars_and_vectors_are_filled() -> None:
    assert ic.Normal()((), key=KEY).shape == ()
    assert ic.Normal()(5, key=KEY).shape == (5,)
    assert (ic.Normal()(5, key=KEY) == ic.Normal()((5, 1), key=KEY)[:, 0]).all()


CONVENTIONS = [
    ("xavier_normal", "initcore", ic.XavierNormal()),
    ("XavierNormal", "initcore", ic.XavierNormal()),
    ("xavier_normal_", "torch", ic.GlorotNormal()),
    ("kaiming_uniform_", "torch", ic.HeUniform()),
    ("trunc_normal_", "torch", ic.TruncatedNormal(bounds="absolute")),
    ("linear_default", "torch", ic.VarianceScaling(1 / 3, "fan_in", "uniform")),
    ("GlorotNormal", "keras", ic.VarianceScaling(1.0, "fan_avg", "truncated_normal")),
    ("he_normal", "keras", ic.VarianceScaling(2.0, "fan_in", "truncated_normal")),
    ("random_normal", "keras", ic.Normal(std=0.05)),
    ("lecun_normal", "jax", ic.VarianceScaling(1.0, "fan_in", "truncated_normal")),
    ("uniform", "jax", ic.Uniform(low=0.0, high=0.01)),
]


@pytest.mark.parametrize(("name", "convention", "expected"), CONVENTIONS)
def test_a_name_has_the_law_of_its_library(
    name: str, convention: str, expected: Initializer
) -> None:
    assert initializers.get(name, convention=convention) == expected


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"initializer='hee'.*he_normal"):
        initializers.get("hee")
    with pytest.raises(ValueError, match=r"convention='caffe'.*keras"):
        initializers.get("he_normal", convention="caffe")
    with pytest.raises(TypeError, match="not a int"):
        initializers.get(3)  # type: ignore[arg-type]


def test_every_class_says_its_rule() -> None:
    assert repr(ic.HeNormal()) == "<HeNormal: Var(W) = 2 / fan_in, normal>"
    assert repr(ic.GlorotUniform()) == "<GlorotUniform: Var(W) = 2 / (fan_in + fan_out), uniform>"
    assert repr(ic.Normal(std=0.02)) == "<Normal: N(0, 0.02^2)>"


def test_a_class_of_ones_own_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import dataclass

    from initcore.initializers import _registry
    from initcore.initializers._random import Elementwise

    monkeypatch.setattr(_registry, "_CLASSES", dict(_registry._CLASSES))
    names = {**_registry._CONVENTIONS, "initcore": dict(_registry._CONVENTIONS["initcore"])}
    monkeypatch.setattr(_registry, "_CONVENTIONS", names)

    @initializers.register
    @dataclass(frozen=True, repr=False)
    class SmallNormal(Elementwise):
        rule = "N(0, 1e-4)"

        def law(self, tensor_fans: object) -> tuple[str, tuple[float, ...]]:
            return "normal", (0.0, 0.01)

    assert initializers.get("small_normal") == SmallNormal()
    assert (SmallNormal()(9, key=KEY) == ic.Normal(std=0.01)(9, key=KEY)).all()
    with pytest.raises(ValueError, match="taken"):
        initializers.register(type("HeNormal", (SmallNormal,), {}))


BAD_CALLS: list[tuple[Initializer, dict[str, Any], type[Exception], str]] = [
    (ic.HeNormal(), {"key": None}, TypeError, "key=None"),
    (ic.HeNormal(), {"key": 3}, TypeError, r"key=3 .*Key\(3\) / "),
    (ic.HeNormal(), {"shape": (5,)}, ValueError, "fan_in is not known.*pass fan_in="),
    (ic.HeNormal(), {"shape": (-1, 2)}, ValueError, "shape=.*negative"),
    (ic.HeNormal(), {"shape": (1.5, 2)}, TypeError, "shape="),
    (ic.HeNormal(), {"dtype": np.int32}, TypeError, "dtype=int32"),
    (ic.HeNormal(), {"layout": "oo"}, ValueError, "layout='oo'"),
    (ic.HeNormal(), {"layout": "hwio"}, ValueError, "layout='hwio' names 4 axes"),
    (ic.HeNormal(), {"groups": 5}, ValueError, "groups=5 must divide"),
    (ic.HeNormal(), {"groups": 0}, ValueError, "groups=0"),
    (ic.HeNormal(), {"fan_in": 0}, ValueError, "fan_in=0"),
    (ic.HeNormal(), {"fan_in": float("nan")}, ValueError, "fan_in=nan"),
    (ic.Identity(), {"shape": (2, 2, 2)}, ValueError, "must have 2 axes"),
]


@pytest.mark.parametrize(("init", "arguments", "error", "match"), BAD_CALLS, ids=ids)
def test_bad_calls_name_argument_value_and_rule(
    init: Initializer, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    arguments = {"shape": (6, 4), "key": KEY, **arguments}
    with pytest.raises(error, match=match):
        init(arguments.pop("shape"), **arguments)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ic.Normal(std=-1.0), "std=-1.0"),
        (lambda: ic.Normal(std=float("nan")), "std=nan"),
        (lambda: ic.Normal(mean=float("inf")), "mean=inf"),
        (lambda: ic.Uniform(low=1.0, high=0.0), "low=1.0"),
        (lambda: ic.TruncatedNormal(std=0.0), "std=0.0"),
        (lambda: ic.TruncatedNormal(low=2.0, high=2.0), "low=2.0"),
        (lambda: ic.TruncatedNormal(bounds="sigmas"), "bounds='sigmas'"),  # type: ignore[arg-type]
        (lambda: ic.TruncatedNormal(std_of="child"), "std_of='child'"),  # type: ignore[arg-type]
        (
            lambda: ic.TruncatedNormal(
                std=0.6, low=-1.0, high=1.0, bounds="absolute", std_of="result"
            ),
            "std=0.6.*uniform",
        ),
        (lambda: ic.VarianceScaling(0.0), "scale=0.0"),
        (lambda: ic.VarianceScaling(1.0, "fan"), "mode='fan'"),  # type: ignore[arg-type]
        (
            lambda: ic.VarianceScaling(1.0, "fan_in", "cauchy"),  # type: ignore[arg-type]
            "distribution='cauchy'",
        ),
        (lambda: ic.HeNormal(mode="x"), "mode='x'"),  # type: ignore[arg-type]
        (lambda: ic.Constant(float("nan")), "value=nan"),
    ],
)
def test_impossible_laws_are_refused_when_they_are_made(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()


def test_bad_arrays_are_left_untouched() -> None:
    array = np.zeros((2, 3), np.float32)
    array.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        ic.HeNormal().fill(array, key=KEY)
    with pytest.raises(TypeError, match="dtype int64"):
        ic.HeNormal().fill(np.zeros((2, 3), np.int64), key=KEY)
    with pytest.raises(TypeError, match=r"builtins\.list"):
        ic.HeNormal().fill([[1.0]], key=KEY)
    with pytest.raises(ValueError, match=r"out has shape \(3,\)"):
        ic.HeNormal().block((4, 4), np.s_[:2, 1], key=KEY, out=np.zeros(3, np.float32))
    with pytest.raises(IndexError, match="out of range"):
        ic.HeNormal().block((4, 4), 4, key=KEY)
    with pytest.raises(TypeError, match="neither"):
        ic.HeNormal().block((4, 4), ([0, 1],), key=KEY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bounds", "low", "high", "mean"),
    [("sigma", -2.0, 2.0, 0.0), ("absolute", -0.7, 0.9, 0.1), ("sigma", 0.5, math.inf, 0.0)],
)
def test_std_of_the_result_is_what_was_asked_for(
    bounds: Any, low: float, high: float, mean: float
) -> None:
    stats = pytest.importorskip("scipy.stats")
    init = ic.TruncatedNormal(
        std=0.3, mean=mean, low=low, high=high, bounds=bounds, std_of="result"
    )
    _, (_, parent, lower, upper) = init.law(initializers.Fans(None, None))
    law = stats.truncnorm((lower - mean) / parent, (upper - mean) / parent, mean, parent)
    assert law.std() == pytest.approx(0.3, rel=1e-9)


def test_the_constant_of_the_cut_at_two_sigma_is_the_laws() -> None:
    stats = pytest.importorskip("scipy.stats")
    from initcore.initializers._variance import _STD_CUT_AT_2

    assert pytest.approx(stats.truncnorm(-2, 2).std(), rel=1e-12) == _STD_CUT_AT_2
