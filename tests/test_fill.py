"""Fills: every part of an array, however it lies in memory, gets the elements that are its own."""

import itertools

import numpy as np
import pytest

from initcore import GlorotUniform, Key, Normal, kernels, num_threads
from initcore.initializers import Sign

KEY = Key(20_260_301) / "fill" / "weight"
LAWS = {
    "uniform": (-0.25, 1.5),
    "normal": (0.5, 0.02),
    "truncated_normal": (0.0, 1.0, -2.0, 1.5),
}
DTYPES = [np.float32, np.float64]
SENTINEL = -77.0


def fill(
    law: str, out: np.ndarray, first: int = 0, strides: tuple[int, ...] | None = None
) -> np.ndarray:
    return kernels._fill(law, out, LAWS[law], KEY.seed, KEY.stream_id(), first, strides)


@pytest.fixture(params=itertools.product(LAWS, DTYPES), ids=lambda p: f"{p[0]}-{p[1].__name__}")
def case(request: pytest.FixtureRequest) -> tuple[str, type]:
    return request.param


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 31, 63, 64, 65, 127, 128, 129, 261])
def test_a_prefix_does_not_depend_on_the_length(isa: str, case: tuple[str, type], n: int) -> None:
    law, dtype = case
    whole = fill(law, np.zeros(300, dtype))
    guarded = np.full(n + 2, SENTINEL, dtype)
    fill(law, guarded[1 : n + 1])
    assert np.array_equal(guarded[1 : n + 1], whole[:n])
    assert guarded[0] == guarded[-1] == SENTINEL


@pytest.mark.parametrize("first", [1, 2, 3, 5, 63, 127, 130])
def test_an_offset_moves_into_the_stream(isa: str, case: tuple[str, type], first: int) -> None:
    law, dtype = case
    whole = fill(law, np.zeros(600, dtype))
    for n in (1, 4, 63, 130, 257):
        assert np.array_equal(fill(law, np.zeros(n, dtype), first), whole[first : first + n])


def test_every_instruction_set_gives_the_same_bytes(case: tuple[str, type]) -> None:
    law, dtype = case
    before = kernels.isa()
    results = {}
    for name in kernels.isas_available():
        kernels._select_isa(name)
        results[name] = fill(law, np.zeros(20_011, dtype), 2**34 - 1000).tobytes()
    kernels._select_isa(before)
    assert len(set(results.values())) == 1


@pytest.mark.parametrize("low", [-9.0, -4.3, -4.1, -2.7, -2.6, -2.0, -0.5, 0.0, 0.5])
@pytest.mark.parametrize("high", [0.6, 2.0, 2.6, 2.7, 4.1, 4.3, 9.0])
def test_every_cut_gives_the_same_bytes_on_every_instruction_set(low: float, high: float) -> None:
    """Cuts on both sides of where a vector's table no longer holds all octaves of the tail."""
    before = kernels.isa()
    results = {}
    for name in kernels.isas_available():
        kernels._select_isa(name)
        out = np.zeros(3_001, np.float32)
        results[name] = kernels.fill_truncated_normal(out, low=low, high=high, key=KEY).tobytes()
    kernels._select_isa(before)
    assert len(set(results.values())) == 1


def test_threads_change_no_byte(case: tuple[str, type]) -> None:
    law, dtype = case
    results = []
    for threads in range(1, 9):
        with num_threads(threads):
            results.append(fill(law, np.zeros((3, 50_021), dtype)).tobytes())
    assert len(set(results)) == 1


VIEWS = {
    "transposed": lambda a: a.T,
    "every other row": lambda a: a[::2],
    "every third column": lambda a: a[:, ::3],
    "reversed": lambda a: a[::-1, ::-1],
    "column": lambda a: a[:, 4],
    "block": lambda a: a[3:9, 5:11],
    "new axes": lambda a: a[:, None, ::-2, None],
    "single": lambda a: a[2:3, 2:3],
    "scalar": lambda a: a[3, 3, ...],
}


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_strided_memory_gets_the_elements_of_c_order(case: tuple[str, type], view: str) -> None:
    law, dtype = case
    memory = np.full((24, 37), SENTINEL, dtype)
    out = VIEWS[view](memory)
    expected = fill(law, np.zeros(out.shape, dtype))
    fill(law, out)
    assert np.array_equal(out, expected)
    assert np.count_nonzero(memory != SENTINEL) == out.size


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_any_part_of_a_tensor_is_that_part_of_the_whole(case: tuple[str, type], view: str) -> None:
    law, dtype = case
    index = VIEWS[view](np.arange(24 * 37).reshape(24, 37))
    whole = fill(law, np.zeros((24, 37), dtype))
    strides = tuple(stride // index.itemsize for stride in index.strides)
    out = np.zeros(index.shape, dtype)
    fill(law, out, int(index[(0,) * index.ndim]), strides)
    assert np.array_equal(out, VIEWS[view](whole))


@pytest.mark.parametrize("step", [-40, -33, -3, -1, 2, 31, 32, 33, 1000])
def test_steps_through_the_stream_are_exact(case: tuple[str, type], step: int) -> None:
    law, dtype = case
    n = 1100
    first = 0 if step > 0 else -step * (n - 1)
    whole = fill(law, np.zeros(abs(step) * (n - 1) + 1, dtype))
    assert np.array_equal(fill(law, np.zeros(n, dtype), first, (step,)), whole[::step])


@pytest.mark.parametrize(("n_out", "n_in"), [(130, 257), (70, 1_100), (8, 8), (7, 530), (33, 9)])
def test_a_transposed_layout_is_the_same_layer(
    case: tuple[str, type], n_out: int, n_in: int
) -> None:
    law, dtype = case
    canonical = fill(law, np.zeros((n_out, n_in), dtype))
    stored = fill(law, np.zeros((n_in, n_out), dtype), 0, (1, n_in))
    assert np.array_equal(stored.T, canonical)


def test_a_stack_of_transposed_layers_in_wider_memory_is_filled_alone(
    case: tuple[str, type],
) -> None:
    law, dtype = case
    memory = np.full((3, 530, 50), SENTINEL, dtype)
    fill(law, memory[:, 1:521, 3:44], 5, (520 * 41, 1, 520))
    expected = fill(law, np.zeros((3, 41, 520), dtype), 5)
    assert np.array_equal(memory[:, 1:521, 3:44], expected.transpose(0, 2, 1))
    assert np.count_nonzero(memory != SENTINEL) == expected.size


@pytest.mark.parametrize("first", [0, 1, 6])
@pytest.mark.parametrize("offset", [0, 1, 3, 4, 12, 15])
def test_where_memory_begins_changes_no_element(
    case: tuple[str, type], offset: int, first: int
) -> None:
    """Pieces are cut where lines of the cache begin, which no array knows of."""
    law, dtype = case
    n, (n_out, n_in) = 40_009, (144, 400)
    memory = np.full(n_out * n_in + 100, SENTINEL, dtype)
    start = -memory.ctypes.data // memory.itemsize % 16 + offset  # so far behind a line's begin
    out = memory[start : start + n]
    expected = fill(law, np.zeros(n + first, dtype))[first:]
    assert np.array_equal(fill(law, out, first), expected)
    assert np.count_nonzero(memory != SENTINEL) == n
    stored = memory[start : start + n_out * n_in].reshape(n_in, n_out)
    fill(law, stored, first, (1, n_in))
    assert np.array_equal(stored.T, fill(law, np.zeros((n_out, n_in), dtype), first))
    assert np.count_nonzero(memory != SENTINEL) == n_out * n_in


def test_public_fills_draw_from_the_value_stream(case: tuple[str, type]) -> None:
    law, dtype = case
    public = {
        "uniform": lambda out: kernels.fill_uniform(out, low=-0.25, high=1.5, key=KEY),
        "normal": lambda out: kernels.fill_normal(out, mean=0.5, std=0.02, key=KEY),
        "truncated_normal": lambda out: kernels.fill_truncated_normal(out, high=1.5, key=KEY),
    }[law]
    out = np.zeros((7, 9), dtype)
    assert public(out) is out
    assert np.array_equal(out, fill(law, np.zeros((7, 9), dtype)))


BAD = [
    (kernels.fill_uniform, {"low": 1.0, "high": 0.0}, "low=1.0 must not be above high=0.0"),
    (kernels.fill_uniform, {"low": float("nan")}, "low=nan must be a number"),
    (kernels.fill_uniform, {"high": float("inf")}, "high=inf must be finite"),
    (kernels.fill_uniform, {"high": 1e39}, "high=1e[+]39 must be finite in float32"),
    (kernels.fill_uniform, {"low": -3e38, "high": 3e38}, "high - low must be finite"),
    (kernels.fill_normal, {"std": -1.0}, "std=-1.0 must not be negative"),
    (kernels.fill_normal, {"std": float("inf")}, "std=inf must be finite"),
    (kernels.fill_normal, {"std": 1e38}, "std=1e[+]38 is too large"),
    (kernels.fill_normal, {"mean": float("nan")}, "mean=nan must be a number"),
    (kernels.fill_truncated_normal, {"low": 2.0}, "low=2.0 must be below high=2.0"),
    (kernels.fill_truncated_normal, {"low": 40.0, "high": 50.0}, "hold no probability"),
    (kernels.fill_truncated_normal, {"std": 0.0, "low": 1.0}, "hold no probability"),
    (kernels.fill_truncated_normal, {"std": -2.0}, "std=-2.0 must not be negative"),
]


@pytest.mark.parametrize(("function", "parameters", "message"), BAD)
def test_bad_parameters_are_named_and_nothing_is_written(
    function: object, parameters: dict[str, float], message: str
) -> None:
    out = np.full(5, SENTINEL, np.float32)
    with pytest.raises(ValueError, match=message):
        function(out, **parameters, key=KEY)
    assert (out == SENTINEL).all()


@pytest.mark.parametrize(
    "function", [kernels.fill_uniform, kernels.fill_normal, kernels.fill_truncated_normal]
)
def test_wrong_types_are_refused(function: object) -> None:
    out = np.zeros(3, np.float32)
    with pytest.raises(TypeError, match=r"key=0 must be an initcore\.Key"):
        function(out, key=0)
    with pytest.raises(TypeError, match=r"must be a numpy\.ndarray"):
        function([0.0], key=KEY)
    with pytest.raises(TypeError, match="must be float32, float64, float16 or bfloat16"):
        function(np.zeros(3, np.int32), key=KEY)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        function(out, key=KEY)


def test_a_parameter_that_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match="std='1' must be a number"):
        kernels.fill_normal(np.zeros(3, np.float32), std="1", key=KEY)


def record_field(dtype: type) -> np.ndarray:
    records = np.zeros(500, np.dtype([("before", np.uint8), ("x", dtype), ("after", np.uint8)]))
    return records["x"]


def off_by_one(dtype: type) -> np.ndarray:
    memory = np.zeros(40 * 37 * np.dtype(dtype).itemsize + 1, np.uint8)
    return memory[1:].view(dtype).reshape(40, 37)


@pytest.mark.parametrize("make", [record_field, off_by_one, lambda dtype: off_by_one(dtype).T])
def test_unaligned_memory_gets_the_same_numbers(
    isa: str, case: tuple[str, type], make: object
) -> None:
    law, dtype = case
    out = make(dtype)
    assert not out.flags.aligned
    fill(law, out)
    assert np.array_equal(out, fill(law, np.zeros(out.shape, dtype)))


def test_bytes_around_unaligned_elements_stay(case: tuple[str, type]) -> None:
    law, dtype = case
    field = record_field(dtype)
    records = field.base
    records["before"], records["after"] = 1, 2
    fill(law, field)
    assert set(records["before"]) == {1}
    assert set(records["after"]) == {2}


SHARED = {
    "broadcast": lambda: np.lib.stride_tricks.as_strided(np.zeros(4, np.float32), (3, 4), (0, 4)),
    "windows": lambda: np.lib.stride_tricks.as_strided(np.zeros(9, np.float32), (7, 3), (4, 4)),
    "half apart": lambda: np.lib.stride_tricks.as_strided(np.zeros(9, np.float32), (8,), (2,)),
}


@pytest.mark.parametrize("shared", SHARED)
@pytest.mark.parametrize("function", [kernels.fill_uniform, kernels.fill_normal, kernels.fill_sign])
def test_elements_that_share_memory_are_refused(shared: str, function: object) -> None:
    out = SHARED[shared]()
    with pytest.raises(ValueError, match="elements of it share memory"):
        function(out, key=KEY)
    assert not out.any()


@pytest.mark.parametrize(
    "dtype", [object, np.int64, np.uint8, bool, np.complex64, np.longdouble, "U3", "M8[s]"]
)
def test_other_dtypes_are_refused(dtype: object) -> None:
    out = np.zeros(3, dtype)
    before = out.tobytes()
    with pytest.raises(TypeError, match="must be float32, float64, float16 or bfloat16"):
        kernels.fill_normal(out, key=KEY)
    assert out.tobytes() == before


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">f2"])
def test_the_other_byte_order_is_refused(dtype: str) -> None:
    out = np.zeros(3, dtype)
    with pytest.raises(ValueError, match="not in native byte order"):
        kernels.fill_normal(out, key=KEY)
    assert not out.any()


@pytest.mark.parametrize("init", [Normal(), Sign(), GlorotUniform()], ids=repr)
def test_initializers_refuse_what_they_cannot_fill(init: Normal) -> None:
    read_only = np.zeros((3, 4), np.float32)
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="array is read-only"):
        init.fill(read_only, key=KEY)
    with pytest.raises(ValueError, match="share memory"):
        init.fill(SHARED["broadcast"](), key=KEY)
    with pytest.raises(TypeError, match="array has dtype int32"):
        init.fill(np.zeros((3, 4), np.int32), key=KEY)
    assert not read_only.any()


def test_sizes_that_overflow_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape=.* must have at most 2\*\*64 elements"):
        Normal()((2**40, 2**40), key=KEY)
    with pytest.raises(ValueError, match=r"shape=.* must have at most 2\*\*64 elements"):
        Normal().block((2**33, 2**33), np.s_[:2, :2], key=KEY)
    corner = Normal().block((2**32, 2**32), np.s_[-1:, -3:], key=KEY)  # the last elements there are
    expected = kernels._fill(
        "normal", np.zeros(3, np.float32), (0.0, 1.0), KEY.seed, KEY.stream_id(), 2**64 - 3
    )
    assert np.array_equal(corner[0], expected)
