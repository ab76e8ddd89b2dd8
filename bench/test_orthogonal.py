"""Making an orthogonal matrix."""

from bench.conftest import Compare
from initcore._bench.cases import Case

FAMILY = "orthogonal"


def test_orthogonal(case: Case, implementation: str, compare: Compare) -> None:
    compare(case, implementation)
