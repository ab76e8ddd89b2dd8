"""A dense layer forward and backward, with all three gradients."""

from bench.conftest import Compare
from initcore._bench.cases import Case

FAMILY = "dense"


def test_dense(case: Case, implementation: str, compare: Compare) -> None:
    compare(case, implementation)
