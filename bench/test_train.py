"""Some epochs of training, as users of each library write them."""

FAMILY = "train"


def test_train(case, implementation, compare):
    compare(case, implementation)
