"""The most fused multiply-adds that a core does: what the products are measured against."""

from collections.abc import Callable

from initcore import kernels


def chains(dtype: str, flops: float) -> Callable[[], float]:
    """A call of so many multiplications and additions, up to rounding, in independent chains.

    Timed in pairs with an operation of as many, as a peer is, it gives the operation's share of the
    peak. A rate from a moment of its own would not: the clock of a core that has just rested is up
    to a quarter above the one that it keeps.
    """
    steps = max(1, round(flops / kernels._fma_chains(dtype, 1)))
    return lambda: kernels._fma_chains(dtype, steps)
