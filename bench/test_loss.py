"""A loss and the gradient of the outputs."""

from bench.conftest import Compare
from initcore._bench.cases import Case

FAMILY = "loss"


def test_loss(case: Case, implementation: str, compare: Compare) -> None:
    compare(case, implementation)
