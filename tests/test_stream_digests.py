"""The bytes of stream v1 are the recorded ones, however they are asked for."""

from itertools import pairwise

import numpy as np
import pytest
import stream_digests
import stream_twin
from stream_digests import LONG, Case, digest

from initcore import num_threads

CASES = stream_digests.cases()
RECORDED = stream_digests.recorded()


def test_every_case_is_recorded_once() -> None:
    assert [str(case) for case in CASES] == list(RECORDED)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_digests_hold_for_every_instruction_set(isa: str, case: Case) -> None:
    assert digest(case.fill(np.zeros(case.n, case.dtype))) == RECORDED[str(case)]


@pytest.mark.parametrize("case", [case for case in CASES if case.n == LONG], ids=str)
@pytest.mark.parametrize("threads", range(1, 9))
def test_digests_hold_for_any_number_of_threads(case: Case, threads: int) -> None:
    with num_threads(threads):
        assert digest(case.fill(np.zeros(case.n, case.dtype))) == RECORDED[str(case)]


@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_digests_hold_for_pieces_and_strided_memory(case: Case) -> None:
    memory = np.zeros((case.n, 3), case.dtype)
    out = memory[::-1, 1]
    cuts = [0, 1, 129, 130, 643, case.n]
    for start, stop in pairwise(cuts):
        case.fill(out[start:stop], start)
    assert digest(out) == RECORDED[str(case)]
    assert not memory[:, ::2].any()


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case.n != LONG], ids=str)
def test_digests_are_those_of_the_twin(case: Case) -> None:
    stream = stream_twin.Stream(case.seed, tuple(case.path.split(".")))
    element = getattr(stream, f"{case.law}{case.bits}")
    values = [element(i, *case.parameters) for i in range(case.first, case.first + case.n)]
    assert digest(np.array(values, case.dtype)) == RECORDED[str(case)]
