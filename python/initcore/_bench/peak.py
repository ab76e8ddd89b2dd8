"""The most fused multiply-adds that a core does: what the products are measured against."""

import time

from initcore import kernels

_SECONDS = 0.2
"""For each type: the best of many short runs."""


def rate(dtype: str) -> float:
    """Multiplications and additions per second of one core, the best seen."""
    steps, best = 1000, 0.0
    end = time.perf_counter() + _SECONDS
    while (start := time.perf_counter()) < end:
        done = kernels._fma_chains(dtype, steps)
        taken = time.perf_counter() - start
        best = max(best, done / taken)
        if taken < 1e-3:
            steps *= 2
    return best


def rates() -> dict[str, float]:
    """`rate` of float32 and of float64."""
    return {dtype: rate(dtype) for dtype in ("float32", "float64")}
