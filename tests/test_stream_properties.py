"""Any part of any tensor has the bytes of the whole, wherever it lies in memory or the stream."""

from itertools import pairwise

import numpy as np
import pytest

from initcore import GlorotUniform, Key, Normal, TruncatedNormal, kernels, num_threads
from initcore.initializers import Initializer, Sign

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is not installed")
st = pytest.importorskip("hypothesis.strategies", reason="hypothesis is not installed")
given = hypothesis.given
settings = hypothesis.settings(max_examples=60, deadline=None, derandomize=True, database=None)

KEY = Key(77) / "properties"
LAWS = {
    "uniform": (-0.25, 1.5),
    "normal": (0.5, 0.02),
    "truncated_normal": (0.0, 1.0, -2.0, 1.5),
    "sign": (0.5,),
}
CARRY = 2**32  # the block at which the counter's lower word starts again
FAR = [0, 2 * CARRY, 4 * CARRY, 128 * CARRY, 12 * CARRY, 2**63, 2**64 - 4000]
"""Elements at such blocks, by 2, 4 and 128 elements to a block; and the ends of the index."""

laws = st.sampled_from(sorted(LAWS))
dtypes = st.sampled_from([np.float16, np.float32, np.float64])
firsts = st.builds(
    lambda base, near: max(0, base + near), st.sampled_from(FAR), st.integers(-1500, 1500)
)
isas = st.sampled_from(kernels.isas_available())
initializers = st.sampled_from([Normal(), GlorotUniform(), TruncatedNormal(), Sign()])


def fill(law: str, out: np.ndarray, first: int = 0) -> np.ndarray:
    return kernels._fill(law, out, LAWS[law], KEY.seed, KEY.stream_id(), first)


@given(law=laws, dtype=dtypes, first=firsts, n=st.integers(0, 900), cut=st.data(), isa=isas)
@settings
def test_a_slice_of_a_stream_is_that_slice_of_a_longer_one(
    law: str, dtype: type, first: int, n: int, cut: "st.DataObject", isa: str
) -> None:
    a = cut.draw(st.integers(0, n))
    b = cut.draw(st.integers(a, n))
    whole = fill(law, np.zeros(n, dtype), first)
    before = kernels.isa()
    kernels._select_isa(isa)
    try:
        part = fill(law, np.zeros(b - a, dtype), first + a)
    finally:
        kernels._select_isa(before)
    assert part.tobytes() == whole[a:b].tobytes()


@given(law=laws, dtype=dtypes, first=firsts, n=st.integers(0, 400), offset=st.integers(0, 63))
@settings
def test_where_memory_lies_changes_no_byte(
    law: str, dtype: type, first: int, n: int, offset: int
) -> None:
    bytes_wanted = n * np.dtype(dtype).itemsize
    memory = np.full(bytes_wanted + 128, 0xA5, np.uint8)
    out = memory[offset : offset + bytes_wanted].view(dtype)
    fill(law, out, first)
    assert out.tobytes() == fill(law, np.zeros(n, dtype), first).tobytes()
    assert (memory[:offset] == 0xA5).all()
    assert (memory[offset + bytes_wanted :] == 0xA5).all()


columns_across = st.one_of(st.integers(1, 500), st.integers(1, 125).map(lambda n: 4 * n))


@given(
    law=laws,
    dtype=dtypes,
    first=firsts,
    rows=st.integers(1, 150),
    columns=columns_across,
    skipped=st.integers(0, 9),
    turned=st.booleans(),
    isa=isas,
)
@settings
def test_runs_that_lie_across_the_memory_have_the_bytes_of_those_along_it(
    law: str,
    dtype: type,
    first: int,
    rows: int,
    columns: int,
    skipped: int,
    turned: bool,
    isa: str,
) -> None:
    first = min(first, 2**64 - rows * columns)
    whole = fill(law, np.zeros(rows * columns, dtype), first).reshape(rows, columns)
    memory = np.full((columns, skipped + rows + 3), 7, dtype)
    across = memory[:, skipped : skipped + rows].T
    before = kernels.isa()
    kernels._select_isa(isa)
    try:
        fill(law, across[::-1] if turned else across, first)
    finally:
        kernels._select_isa(before)
    assert (across[::-1] if turned else across).tobytes() == whole.tobytes()
    assert (memory[:, :skipped] == 7).all()
    assert (memory[:, skipped + rows :] == 7).all()


@given(law=laws, dtype=dtypes, first=firsts, threads=st.integers(1, 8))
@hypothesis.settings(settings, max_examples=15)
def test_threads_change_no_byte_wherever_the_stream_begins(
    law: str, dtype: type, first: int, threads: int
) -> None:
    n = 70_001
    first = min(first, 2**64 - n)
    with num_threads(threads):
        whole = fill(law, np.zeros(n, dtype), first)
    with num_threads(1):
        alone = fill(law, np.zeros(n, dtype), first)
    assert whole.tobytes() == alone.tobytes()


def slices(length: int) -> "st.SearchStrategy[int | slice]":
    return st.one_of(st.slices(length), st.integers(0, length - 1))


@given(
    init=initializers,
    shape=st.lists(st.integers(1, 9), min_size=2, max_size=4).map(tuple),
    layout=st.sampled_from(["oi", "io"]),
    dtype=dtypes,
    draw=st.data(),
)
@settings
def test_any_block_is_that_part_of_the_tensor(
    init: Initializer, shape: tuple[int, ...], layout: str, dtype: type, draw: "st.DataObject"
) -> None:
    index = tuple(draw.draw(slices(length)) for length in shape)
    whole = init(shape, key=KEY, layout=layout, dtype=dtype)
    expected = whole[index]
    part = init.block(shape, index, key=KEY, layout=layout, dtype=dtype)
    assert part.tobytes() == expected.tobytes()
    if expected.ndim > 0:
        memory = np.full((*expected.shape[:-1], 2 * expected.shape[-1]), -77, dtype)
        out = memory[..., ::2]
        assert init.block(shape, index, key=KEY, layout=layout, out=out) is out
        assert out.tobytes() == expected.tobytes()
        assert (memory[..., 1::2] == -77).all()


@given(
    init=initializers,
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    axis=st.integers(0, 1),
    cuts=st.sets(st.integers(0, 40), max_size=5),
)
@settings
def test_shards_put_together_are_the_tensor(
    init: Initializer, shape: tuple[int, int], axis: int, cuts: set[int]
) -> None:
    edges = sorted({0, shape[axis], *(cut for cut in cuts if cut < shape[axis])})
    indices = [
        (slice(a, b), slice(None)) if axis == 0 else (slice(None), slice(a, b))
        for a, b in pairwise(edges)
    ]
    parts = [init.block(shape, index, key=KEY) for index in indices]
    assert np.concatenate(parts, axis).tobytes() == init(shape, key=KEY).tobytes()


@given(
    init=st.sampled_from([Normal(), Sign()]),
    row=st.integers(0, 2**34 - 40),
    column=st.integers(0, 2**29 - 40),
    height=st.integers(1, 12),
    width=st.integers(1, 30),
)
@settings
def test_blocks_of_tensors_beyond_all_memory_have_their_elements(
    init: Initializer, row: int, column: int, height: int, width: int
) -> None:
    columns = 2**29
    block = init.block(
        (2**34, columns), (slice(row, row + height), slice(column, column + width)), key=KEY
    )
    law = "normal" if isinstance(init, Normal) else "sign"
    kind = "value" if law == "normal" else "sign"
    for i in range(height):
        line = np.zeros(width, np.float32)
        parameters = (0.0, 1.0) if law == "normal" else (1.0,)
        first = (row + i) * columns + column
        kernels._fill(law, line, parameters, KEY.seed, KEY.stream_id(kind), first)
        assert block[i].tobytes() == line.tobytes()
