"""Some epochs of training, as users of each library write them."""

from bench.conftest import Compare
from initcore._bench.cases import Case

FAMILY = "train"


def test_train(case: Case, implementation: str, compare: Compare) -> None:
    compare(case, implementation)
