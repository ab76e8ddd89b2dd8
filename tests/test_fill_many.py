"""Many fills at once: the bytes of one by one, for any number of threads, or none at all."""

from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import kernels

LAWS: list[tuple[str, tuple[float, ...]]] = [
    ("uniform", (-1.0, 2.0)),
    ("normal", (0.5, 0.02)),
    ("truncated_normal", (0.0, 1.0, -2.0, 2.0)),
    ("sign", (3.0,)),
]
SHAPES: list[tuple[int, ...]] = [(), (1,), (0, 5), (7,), (33, 65), (200, 300), (3, 0), (40000,)]


def fills(made: list[np.ndarray[Any, Any]]) -> list[Any]:
    """A fill of every law and type for each array, some in other layouts, some of a part."""
    result = []
    for at, array in enumerate(made):
        law, numbers = LAWS[at % len(LAWS)]
        result.append((law, array, numbers, 2**63 + at, at * 7919, 0, None))
    rows = np.zeros((64, 48), np.float32)
    made.append(rows)
    result.append(("normal", rows.T, (0.0, 1.0), 5, 6, 3, (1, 48)))  # transposed
    strided = np.zeros((64, 96), np.float64)
    made.append(strided)
    result.append(("uniform", strided[::-2, ::3], (0.0, 1.0), 5, 7, 2**40, None))
    return result


def arrays() -> list[np.ndarray[Any, Any]]:
    types = (np.float32, np.float64, np.float16)
    return [np.zeros(shape, dtype) for shape in SHAPES for dtype in types]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_bytes_are_those_of_one_by_one(threads: int, isa: str) -> None:
    one_by_one, at_once = arrays(), arrays()
    for fill in fills(one_by_one):
        kernels._fill(*fill)
    with ic.num_threads(threads):
        kernels._fill_many(fills(at_once))
    assert len(at_once) == len(one_by_one) == 26
    for mine, theirs in zip(at_once, one_by_one, strict=True):
        assert mine.tobytes() == theirs.tobytes()


def test_bits_are_filled_too() -> None:
    one, other = np.zeros(100, np.uint32), np.zeros(100, np.uint64)
    kernels._fill_many([("bits", one, (), 1, 2, 0, None), ("bits", other, (), 1, 2, 0, None)])
    assert one[:4].tolist() == list(kernels._philox4x32((0, 0, 2, 0), (1, 0)))
    assert other.any()


def test_no_fill_is_fine() -> None:
    kernels._fill_many([])
    kernels._fill_many([("normal", np.zeros((0, 3)), (0.0, 1.0), 0, 0, 0, None)])


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (("normal", np.zeros(3, np.int32), (0.0, 1.0), 0, 0, 0, None), TypeError),
        (("normal", np.zeros(3), (0.0, -1.0), 0, 0, 0, None), ValueError),
        (("normal", np.zeros(3), (0.0, 1.0), -1, 0, 0, None), ValueError),
        (("normal", np.zeros(3), (0.0, 1.0), 0, 0, 0, (1, 2)), ValueError),
        (("cauchy", np.zeros(3), (0.0, 1.0), 0, 0, 0, None), ValueError),
        (("normal", np.broadcast_to(np.zeros(()), 3), (0.0, 1.0), 0, 0, 0, None), ValueError),
    ],
)
def test_nothing_is_written_if_one_is_refused(bad: Any, error: type[Exception]) -> None:
    first = np.zeros(10)
    with pytest.raises(error):
        kernels._fill_many([("normal", first, (0.0, 1.0), 0, 0, 0, None), bad])
    assert not first.any()
