"""A step of descent with momentum."""

FAMILY = "sgd"


def test_sgd(case, implementation, compare):
    compare(case, implementation)
