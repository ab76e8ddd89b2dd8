"""A dense layer forward and backward, with all three gradients."""

FAMILY = "dense"


def test_dense(case, implementation, compare):
    compare(case, implementation)
