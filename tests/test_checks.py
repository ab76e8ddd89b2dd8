"""One set of rules for numbers and settings: what one argument takes, every other takes too."""

import json
import math
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import _checks, initializers, interop, kernels, recipes
from initcore.initializers import Sparse, WeightShape

KEY = ic.Key(0) / "checks"


def scalars_of(library: str) -> list[Any]:
    """0.5 as this library's scalars and arrays without axes."""
    if library == "python":
        return [0.5, Fraction(1, 2)]
    if library == "numpy":
        kinds = (np.float16, np.float32, np.float64, np.longdouble)
        return [*(kind(0.5) for kind in kinds), np.array(0.5), np.array(0.5, np.float32)]
    if library == "torch":
        torch = pytest.importorskip("torch")
        return [torch.tensor(0.5), torch.tensor(0.5, dtype=torch.bfloat16)]
    if library == "jax":
        return [pytest.importorskip("jax.numpy").array(0.5)]
    keras = pytest.importorskip("keras")
    return [keras.ops.convert_to_tensor(0.5), keras.Variable(0.5)]


def ints_of(library: str) -> list[Any]:
    """3 as this library's ints and arrays without axes."""
    if library == "python":
        return [3]
    if library == "numpy":
        kinds = (np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64)
        return [*(kind(3) for kind in kinds), np.array(3)]
    if library == "torch":
        return [pytest.importorskip("torch").tensor(3)]
    if library == "jax":
        return [pytest.importorskip("jax.numpy").array(3)]
    return [pytest.importorskip("keras").ops.convert_to_tensor(3)]


LIBRARIES = ["python", "numpy", "torch", "jax", "keras"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_number_is_a_number_in_every_library(library: str) -> None:
    for value in scalars_of(library):
        init = ic.Normal(std=value)
        assert type(init.std) is float
        assert init == ic.Normal(std=0.5)
        assert initializers.from_dict(init.to_dict()) == init
        kernels.fill_normal(out := np.empty(5, np.float32), std=value, key=KEY)
        assert (out == init(5, key=KEY)).all()
        assert (
            ic.HeNormal()((4, 3), key=KEY, fan_in=value)
            == ic.HeNormal()((4, 3), key=KEY, fan_in=0.5)
        ).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_int_is_an_int_in_every_library(library: str) -> None:
    for value in ints_of(library):
        assert initializers.SmallInit(value) == initializers.SmallInit(3)
        assert type(initializers.SmallInit(value).width) is int
        assert initializers.fans((6, 4, 5), groups=value) == initializers.fans((6, 4, 5), groups=3)
        assert initializers.fans((6, 4, 5), stride=value) == initializers.fans((6, 4, 5), stride=3)
        assert KEY / value == KEY / 3
        assert ic.Key(value) == ic.Key(3)
        assert ic.Zeros()((value, 2)).shape == (3, 2)


HUGE = 10**400

REFUSED: list[tuple[Any, type[Exception], str]] = [
    (True, TypeError, "std=True must be a number, not a bool"),
    (np.True_, TypeError, "not a bool"),
    (np.array(True), TypeError, "not a bool"),
    ("0.5", TypeError, "std='0.5' must be a number, not a str"),
    (b"1", TypeError, "not a bytes"),
    (None, TypeError, "std=None must be a number"),
    (1j, TypeError, "not a complex"),
    (np.complex64(1), TypeError, "not a complex64"),
    (np.array([0.5]), TypeError, r"std has shape \(1,\).*pass one element"),
    (float("nan"), ValueError, "std=nan must be finite"),
    (float("inf"), ValueError, "std=inf must be finite"),
    (np.float32("-inf"), ValueError, "std=-inf must be finite"),
    (HUGE, ValueError, "std=<an int of 1329 bits> must be finite"),
    (-1, ValueError, "std=-1.0 must not be negative"),
]


@pytest.mark.parametrize(("value", "error", "match"), REFUSED, ids=[row[2] for row in REFUSED])
def test_what_is_no_number_is_refused_by_name(value: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        ic.Normal(std=value)


@pytest.mark.parametrize("library", ["torch", "jax", "keras"])
def test_bools_and_arrays_with_axes_of_other_libraries_are_refused(library: str) -> None:
    module = {"torch": "torch", "jax": "jax.numpy", "keras": "keras.ops"}[library]
    make: Any = pytest.importorskip(module)
    make = getattr(make, {"torch": "tensor", "jax": "array", "keras": "convert_to_tensor"}[library])
    for value in (make(True), make([0.5])):
        with pytest.raises(TypeError, match=r"bool|shape"):
            ic.Normal(std=value)
        with pytest.raises(TypeError, match=r"bool|shape"):
            initializers.SmallInit(value)


def test_a_tensor_without_a_value_is_refused() -> None:
    torch = pytest.importorskip("torch")
    for value in (torch.tensor(1.0, device="meta"), torch.tensor(3, device="meta")):
        with pytest.raises(TypeError, match="must be"):
            ic.Normal(std=value)
        with pytest.raises(TypeError, match="must be"):
            initializers.SmallInit(value)


EVERY_REAL: list[Any] = [
    lambda v: ic.Normal(mean=v),
    lambda v: ic.Uniform(low=v),
    lambda v: ic.TruncatedNormal(std=v),
    lambda v: ic.TruncatedNormal(low=v),
    lambda v: ic.VarianceScaling(v),
    lambda v: ic.HeNormal(v),
    lambda v: ic.Constant(v),
    lambda v: ic.Identity(v),
    lambda v: ic.Orthogonal(v),
    lambda v: ic.Sign(v),
    lambda v: Sparse(v),
    lambda v: initializers.BiasPrior(v),
    lambda v: initializers.ClassPrior((1, v)),
    lambda v: initializers.Chrono(v),
    lambda v: initializers.ForgetBias(v),
    lambda v: initializers.Siren(v),
    lambda v: initializers.StepBias(high=v),
    lambda v: ic.HeNormal()((4, 4), key=KEY, fan_in=v),
    lambda v: kernels.fill_uniform(np.empty(3), high=v, key=KEY),
    lambda v: kernels.random_mask(np.empty(3, bool), p=v, key=KEY),
]


@pytest.mark.parametrize("make", EVERY_REAL)
def test_an_int_beyond_every_float_is_a_value_error(make: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        make(HUGE)
    with pytest.raises(TypeError, match="not a bool"):
        make(True)


def test_fractions_say_which_ends_belong_to_them() -> None:
    assert _checks.fraction(1, "p") == 1.0
    for rule, value, text in (
        ({}, 1.5, "p=1.5 must be at least 0 and at most 1"),
        ({"zero": False}, 0, "p=0.0 must be above 0 and at most 1"),
        ({"one": False}, 1, "p=1.0 must be at least 0 and below 1"),
    ):
        with pytest.raises(ValueError, match=text):
            _checks.fraction(value, "p", **rule)


@pytest.mark.parametrize("value", ["heavy", None, ["relu"], np.array(["relu", "tanh"])])
def test_a_choice_that_is_none_lists_those_there_are(value: Any) -> None:
    with pytest.raises(ValueError, match=r"kind=.* choose one of 'relu', 'tanh'"):
        _checks.one_of(value, "kind", ("relu", "tanh"))
    with pytest.raises(ValueError, match=r"kind=.* choose one of 'relu', 'tanh'"):
        _checks.choice(value, "kind", {"relu": 1, "tanh": 2})


@pytest.mark.parametrize("first", [1.5, -1, 2**64, True, "0", HUGE])
def test_a_mask_begins_at_an_element_of_the_stream(first: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="first"):
        kernels.random_mask(np.zeros(4, bool), p=0.5, key=KEY, first=first)


def test_keys_refuse_what_no_stream_can_have() -> None:
    with pytest.raises(ValueError, match=r"component='\\ud800' must be text"):
        KEY / "\ud800"
    with pytest.raises(ValueError, match="component="):
        KEY.at("a.\udfff")
    for kind in (1, None, ["value"]):
        with pytest.raises(TypeError, match="kind="):
            KEY.stream_id(kind)  # type: ignore[arg-type]
    for data in ({}, [], None, {"path": ["a"]}):
        with pytest.raises(ValueError, match=r"data=.*Key.to_dict"):
            ic.Key.from_dict(data)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="it is of type int"):
        ic.HeNormal()((3, 3), key=5)  # type: ignore[arg-type]


def test_dicts_that_name_no_initializer_are_refused() -> None:
    for data in ({}, {"initializer": 3}, {"initializer": "Nobody"}):
        with pytest.raises(ValueError, match="initializer="):
            initializers.from_dict(data)
    with pytest.raises(TypeError, match="data="):
        initializers.from_dict([("initializer", "Zeros")])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Normal has, or has not, the entries sd;.*std, mean"):
        initializers.from_dict({"initializer": "Normal", "sd": 1})
    with pytest.raises(ValueError, match=r"SmallInit .*width"):
        initializers.from_dict({"initializer": "SmallInit"})


@pytest.mark.parametrize("dtype", [None, "float31", object()])
def test_a_type_is_said_or_left_out(dtype: Any) -> None:
    with pytest.raises(TypeError, match="dtype="):
        ic.Zeros()(3, dtype=dtype)


def test_blocks_of_the_largest_tensors_are_made_or_refused() -> None:
    shape = (2, 2**63)
    with pytest.raises(ValueError, match="9223372036854775808 apart"):
        ic.Normal().block(shape, np.s_[:, :3], key=KEY)
    row = ic.Normal().block(shape, np.s_[1, :3], key=KEY)
    assert (ic.Normal().block(shape, np.s_[1:, :3], key=KEY)[0] == row).all()
    first = ic.Normal().block((2**63,), np.s_[: 10**30 : 10**25], key=KEY)
    assert (first == ic.Normal().block((2**63,), np.s_[:1], key=KEY)).all()


@pytest.mark.parametrize("init", [ic.Normal(), ic.Zeros(), ic.Orthogonal()])
def test_masked_arrays_are_refused_before_a_byte(init: Any) -> None:
    array = np.ma.masked_array(np.full((3, 3), 7.0), np.eye(3))
    for write in (
        lambda: init.fill(array, key=KEY),
        lambda: init.block((3, 3), np.s_[:], key=KEY, out=array),
        lambda: kernels.fill_normal(array, key=KEY),
    ):
        with pytest.raises(TypeError, match=r"masked array.*\.data"):
            write()
    init.fill(np.empty((3, 3)), key=KEY)  # so that the shape is remembered
    with pytest.raises(TypeError, match=r"masked array.*\.data"):
        init.fill(array, key=KEY)
    assert (array.data == 7.0).all()


@pytest.mark.parametrize(
    ("init", "shape"),
    [
        (ic.Identity(), (1500, 1500)),
        (ic.initializers.ZerO(), (1500, 1000)),
        (ic.initializers.ZerO(), (1000, 1500)),
        (ic.initializers.Dirac(), (700, 700, 3)),
    ],
)
def test_a_matrix_without_random_numbers_is_written_in_place(init: Any, shape: Any) -> None:
    out = np.empty(shape, np.float32)
    tracemalloc.start()
    init.fill(out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # 65,536 elements of a few temporary arrays of 8 bytes, and a few indices for each row
    assert peak < 65536 * 8 * 5 + 100 * sum(shape) < out.nbytes


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_identity_is_numpys_eye_in_every_block(shape: Any) -> None:
    eye = 1.5 * np.eye(*shape)
    for index in (np.s_[:], np.s_[1], np.s_[:, 2], np.s_[1, 1], np.s_[1, 2], np.s_[::-1, ::2]):
        assert (ic.Identity(1.5).block(shape, index) == eye[index]).all()
        assert (ic.Identity(1.5).block(shape[::-1], index, layout="io") == eye.T[index]).all()
    copies = ic.Identity(1.5).block((2, *shape), np.s_[:, 1:], layout="goi")
    assert (copies == eye[1:]).all()


def test_a_gain_that_is_too_large_leaves_the_array_alone() -> None:
    for init in (ic.Identity(1e6), ic.initializers.Dirac(1e39)):
        for dtype in (np.float16, np.float32):
            out = np.full((3, 3), 7, dtype)
            if isinstance(init, ic.Identity) and dtype == np.float32:
                continue
            with pytest.raises(ValueError, match="must be finite in float"):
                init.fill(out)
            assert (out == 7).all()


def test_a_weight_shape_is_what_calls_say() -> None:
    weight = WeightShape((64, 8, 3, 3), groups=np.int64(4), stride=[2, 1])  # type: ignore[arg-type]
    assert weight == WeightShape((64, 8, 3, 3), "oi", 4, False, (2, 1))
    assert weight.fans == initializers.fans((64, 8, 3, 3), groups=4, stride=(2, 1))
    assert weight.strides == initializers.canonical_strides((64, 8, 3, 3), "oi")
    assert hash(weight) == hash(WeightShape((64, 8, 3, 3), "oi", 4, False, (2, 1)))
    with pytest.raises(AttributeError):
        weight.groups = 2  # type: ignore[misc]
    # what is remembered of one call is not what another says
    assert WeightShape.of((2, 3)).fans != WeightShape.of((2, 3), fan_in=5).fans
    with pytest.raises(TypeError, match="not a bool"):
        WeightShape.of((2, 3), groups=True)


def test_a_users_initializer_writes_by_the_protocol() -> None:
    from dataclasses import dataclass

    @dataclass(frozen=True, repr=False)
    class Ramp(ic.initializers.Initializer):
        rule = "the place in the weight"

        def write(self, out: Any, *, key: Any, block: Any, weight: Any) -> None:
            places = np.arange(np.prod(weight.shape)).reshape(weight.shape)
            out[...] = places[block.index()]

    whole = Ramp()((4, 6))
    assert (whole == np.arange(24).reshape(4, 6)).all()
    assert (Ramp().block((4, 6), np.s_[1:3, ::-2]) == whole[1:3, ::-2]).all()
    packed = initializers.Packed(Ramp(), (1, 1))((4, 3), key=KEY)
    assert (packed[2:] == np.arange(6).reshape(2, 3)).all()
    assert Ramp().spread(WeightShape((4, 6))) is None


@pytest.mark.parametrize("base", [initializers.Elementwise, initializers.Filled])
def test_classes_that_the_kernels_write_for_have_no_write_of_their_own(base: Any) -> None:
    with pytest.raises(TypeError, match=r"Odd must not define write.*derive from"):
        type("Odd", (base,), {"write": lambda self, out, **rest: None})


@pytest.mark.parametrize(
    ("init", "shape", "options"),
    [
        (ic.Normal(std=0.3, mean=1.0), (100, 200), {}),
        (ic.Uniform(low=-1.0, high=2.0), (100, 200), {}),
        (ic.TruncatedNormal(std=0.5, mean=0.2, low=-1.0), (100, 200), {}),
        (ic.Sign(0.25), (100, 200), {}),
        (ic.HeNormal(), (100, 200), {}),
        (ic.Constant(2.0), (100, 200), {}),
        (ic.Orthogonal(2.0), (60, 20, 3, 3), {}),
        (ic.Orthogonal(), (3, 3, 20, 60), {"layout": "HWIO"}),
        (ic.Orthogonal(), (60, 20, 3), {"groups": 3}),
        (ic.Orthogonal(), (60, 20, 3), {"layout": "io", "groups": 3, "transposed": True}),
    ],
)
def test_a_spread_is_that_of_what_is_drawn(init: Any, shape: Any, options: Any) -> None:
    spread = init.spread(WeightShape(shape, **options))
    drawn = init(shape, key=KEY, dtype=np.float64, **options)
    # six standard deviations of a mean, and of a mean square of at most a normal's kurtosis
    assert abs(drawn.mean() - spread.mean) <= 6 * spread.std / drawn.size**0.5
    assert drawn.std() == pytest.approx(spread.std, rel=6 / (2 * drawn.size) ** 0.5)


def test_laws_that_nobody_knows_have_no_spread() -> None:
    with pytest.raises(ValueError, match="law='cauchy'"):
        initializers.spread_of(("cauchy", (0.0, 1.0)))


def test_scalars_of_a_framework_reach_its_functions() -> None:
    torch = pytest.importorskip("torch")
    from initcore.interop.torch import init

    w, wanted = torch.empty(3, 4), torch.empty(3, 4)
    init.uniform_(w, -1 / torch.sqrt(torch.tensor(4.0)), 1.0, key=KEY)
    init.uniform_(wanted, -0.5, 1.0, key=KEY)
    assert torch.equal(w, wanted)


def test_scalars_of_jax_reach_its_functions() -> None:
    jax = pytest.importorskip("jax")
    from initcore.interop import jax as ij

    key = jax.random.key(3)
    for make in (ij.normal, ij.uniform, ij.truncated_normal, ij.orthogonal):
        wanted = make(0.5)(key, (3, 4))
        assert (make(jax.numpy.array(0.5))(key, (3, 4)) == wanted).all()
        assert make(np.array(0.5)) == make(0.5)


@pytest.mark.parametrize("whole", [12, np.int64(12), np.int8(12), np.array(12)], ids=repr)
def test_a_recipes_numbers_are_plain_whatever_library_they_come_from(whole: Any) -> None:
    recipe = recipes.Gpt2(n_layers=whole, std=np.float32(0.5))
    assert recipe == recipes.Gpt2(n_layers=12, std=0.5)
    assert json.loads(json.dumps(recipe.to_dict())) == recipe.to_dict()
    assert interop.recipe(recipe.to_dict()).source == interop.recipe(recipe).source


@pytest.mark.parametrize("wrong", [True, "a", math.nan, math.inf, -1.0, 10**400], ids=ascii)
def test_gains_and_activations_refuse_what_every_other_number_is_refused_for(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^q"):
        ic.gain("tanh", q=wrong)
    with pytest.raises((TypeError, ValueError), match=r"^slope"):
        ic.activations.LeakyRelu(wrong)
    assert ic.activations.LeakyRelu(np.float64(0.5)) == ic.activations.LeakyRelu(0.5)
