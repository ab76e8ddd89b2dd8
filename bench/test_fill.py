"""Filling an array from a law: uniform, normal, truncated normal."""

from bench.conftest import Compare
from initcore._bench.cases import Case

FAMILY = "fill"


def test_fill(case: Case, implementation: str, compare: Compare) -> None:
    compare(case, implementation)
