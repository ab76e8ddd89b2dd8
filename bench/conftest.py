"""One benchmark per case and implementation; all cases are in initcore._bench.cases.

Each implementation is checked against the NumPy twin before it is timed; with
--benchmark-disable it is checked only, and the largest cases are left out.
INITCORE_NUM_THREADS says how many threads every library gets; without it one.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

# NumPy's BLAS and JAX read these when they are imported, which initcore does
THREADS = int(os.environ.get("INITCORE_NUM_THREADS", "1"))
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(THREADS)

from initcore import kernels  # noqa: E402
from initcore._bench import machine, peers  # noqa: E402
from initcore._bench.cases import CASES, Case  # noqa: E402

os.environ.update(peers.environment(THREADS))
kernels.set_num_threads(THREADS)
WANTED = tuple(peers.installed())
peers.set_threads(WANTED, THREADS)


Compare = Callable[[Case, str], None]
"""Times one implementation of a case."""


@lru_cache(maxsize=1)
def _prepared(case: Case) -> dict[str, Callable[[], Any]]:
    return case.prepare(WANTED)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `case` gets every case of its module's family."""
    if "case" in metafunc.fixturenames:
        correctness_alone = metafunc.config.getoption("benchmark_disable")
        cases = [
            case
            for case in CASES
            if case.family == metafunc.module.FAMILY and not (case.large and correctness_alone)
        ]
        metafunc.parametrize("case", cases, ids=lambda case: case.name, scope="session")
    if "implementation" in metafunc.fixturenames:
        metafunc.parametrize("implementation", ["numpy", "initcore", *_names(metafunc)])


def _names(metafunc: pytest.Metafunc) -> list[str]:
    if "torch" in WANTED and metafunc.module.FAMILY == "dense":
        return ["torch autograd", *WANTED]
    if metafunc.module.FAMILY == "train":
        return ["initcore one by one", *WANTED]
    return list(WANTED)


@pytest.fixture
def compare(request: pytest.FixtureRequest) -> Compare:
    """Time one implementation of a case, in a group with the others."""

    def run(case: Case, implementation: str) -> None:
        call = _prepared(case).get(implementation)
        if call is None:
            pytest.skip(f"{implementation} has no call for {case.name}, or no right answer there")
        benchmark = request.getfixturevalue("benchmark")
        benchmark.group = case.name
        benchmark.extra_info.update(machine.describe(), implementation=implementation)
        benchmark(call)

    return run
