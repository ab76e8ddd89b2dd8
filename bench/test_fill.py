"""Filling an array from a law: uniform, normal, truncated normal."""

FAMILY = "fill"


def test_fill(case, implementation, compare):
    compare(case, implementation)
