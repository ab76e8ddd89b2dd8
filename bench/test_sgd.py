"""A step of descent with momentum."""

from bench.conftest import Compare
from initcore._bench.cases import Case

FAMILY = "sgd"


def test_sgd(case: Case, implementation: str, compare: Compare) -> None:
    compare(case, implementation)
