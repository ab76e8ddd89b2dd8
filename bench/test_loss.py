"""A loss and the gradient of the outputs."""

FAMILY = "loss"


def test_loss(case, implementation, compare):
    compare(case, implementation)
