"""The integers of stream v1: blocks, their order, and the index of each element."""

from pathlib import Path

import numpy as np
import pytest

from initcore import Key, kernels

DATA = Path(__file__).parent / "data"
KEY = Key(0x0123_4567_89AB_CDEF) / "bits"
LANES = 32  # blocks that a kernel makes at once
TILE = 4 * LANES


def known_answers() -> list[list[int]]:
    lines = (DATA / "philox4x32_known_answers.txt").read_text().splitlines()
    return [[int(word, 16) for word in line.split()] for line in lines if not line.startswith("#")]


def words(first: int, n: int, seed: int = 11, stream_id: int = 0x5555_6666_7777_8888) -> np.ndarray:
    return kernels._fill("bits", np.zeros(n, np.uint32), (), seed, stream_id, first)


def block(seed: int, stream_id: int, index: int) -> tuple[int, ...]:
    halves = [index, stream_id]
    counter = [half >> shift & 0xFFFF_FFFF for half in halves for shift in (0, 32)]
    return kernels._philox4x32(counter, [seed & 0xFFFF_FFFF, seed >> 32])


@pytest.mark.parametrize("row", known_answers())
def test_a_block_gives_the_published_words(row: list[int]) -> None:
    assert list(kernels._philox4x32(row[:4], row[4:6])) == row[6:]


@pytest.mark.parametrize(
    "first", [0, 1, 5, TILE - 1, 2**34 - 9, 2**34, 2**34 + 3, 2**36 + 1, 2**63 + 2]
)
def test_element_i_is_word_i_mod_4_of_block_i_div_4(isa: str, first: int) -> None:
    seed, stream_id = 2**64 - 3, 0x0123_4567_89AB_CDEF
    got = words(first, 21, seed, stream_id)
    expected = [block(seed, stream_id, i >> 2)[i & 3] for i in range(first, first + 21)]
    assert got.tolist() == expected


def test_the_counter_carries_into_its_upper_word_inside_a_tile(isa: str) -> None:
    first = 4 * (2**32 - 7)
    got = words(first, TILE)
    assert got.tolist() == [
        block(11, 0x5555_6666_7777_8888, i >> 2)[i & 3] for i in range(first, first + TILE)
    ]


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 63, 64, 65, TILE - 1, TILE, TILE + 1, 2 * TILE + 3])
@pytest.mark.parametrize("first", [0, 1, 2, 3, 4, 61, TILE - 1, TILE + 2])
def test_any_part_of_a_stream_is_that_part_of_the_whole(isa: str, first: int, n: int) -> None:
    whole = words(0, 4 * TILE)
    assert np.array_equal(words(first, n), whole[first : first + n])


def test_64_bit_elements_are_pairs_of_words_low_word_first(isa: str) -> None:
    narrow = kernels.random_bits(np.zeros(600, np.uint32), key=KEY).astype(np.uint64)
    wide = kernels.random_bits(np.zeros(300, np.uint64), key=KEY)
    assert np.array_equal(wide, narrow[::2] | narrow[1::2] << np.uint64(32))


def test_kinds_are_different_streams() -> None:
    drawn = [
        kernels.random_bits(np.zeros(8, np.uint32), key=KEY, kind=kind).tolist()
        for kind in ("value", "mask", "permutation")
    ]
    assert len({tuple(row) for row in drawn}) == 3


def test_words_equal_those_of_randomgen() -> None:
    randomgen = pytest.importorskip("randomgen", reason="randomgen is not installed")
    seed, stream_id = 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210
    # its generator moves the counter on before it makes the first block
    counter = (stream_id << 64) - 1
    peer = randomgen.Philox(key=seed, counter=counter % 2**128, number=4, width=32)
    expected = peer.random_raw(64).astype(np.uint32)
    assert np.array_equal(words(0, 64, seed, stream_id), expected)


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.uint16])
def test_bits_refuse_other_types(dtype: type) -> None:
    with pytest.raises(TypeError, match="must be uint32 or uint64"):
        kernels.random_bits(np.zeros(3, dtype), key=KEY)
