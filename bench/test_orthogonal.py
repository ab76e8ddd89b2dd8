"""Making an orthogonal matrix."""

FAMILY = "orthogonal"


def test_orthogonal(case, implementation, compare):
    compare(case, implementation)
