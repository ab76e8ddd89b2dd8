"""What an element of a fill costs, from small arrays to very large ones, and what memory it takes.

    python -m bench.sizes --threads 2

Each size is filled where it was filled before, so that the system has given all its memory. The
row of the table that this decides: the dearest size costs at most 1.5 times the cheapest.
"""

import argparse
import sys
import time

import numpy as np

from bench import memory
from initcore import kernels
from initcore.keys import Key

SIZES = tuple(2**power for power in range(16, 31, 2))
AT_MOST = 1.5
_SECONDS = 1.0
_REPETITIONS = 5
"""For each size, both at the least."""


def cost(n: int) -> float:
    """Seconds per element of a normal float32 fill, the best of its repetitions."""
    out, key = np.zeros(n, np.float32), Key(0) / "bench"
    kernels.fill_normal(out, std=0.02, key=key)
    best, done = float("inf"), 0
    end = time.perf_counter() + _SECONDS
    while done < _REPETITIONS or time.perf_counter() < end:
        start = time.perf_counter()
        kernels.fill_normal(out, std=0.02, key=key)
        best = min(best, time.perf_counter() - start)
        done += 1
    return best / n


def rise(n: int) -> int:
    """By how many bytes a fill of n float32 raises the most memory that the process has had."""
    out, key = np.full(n, 1, np.float32), Key(0) / "bench"
    kernels.fill_normal(out[: 2**20], std=0.02, key=key)  # the threads have their stacks
    before = memory.peak()
    kernels.fill_normal(out, std=0.02, key=key)
    return memory.peak() - before


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0 where the row is met, 1 where not."""
    parser = argparse.ArgumentParser(prog="python -m bench.sizes", description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="elements (default 2**30)")
    args = parser.parse_args(arguments)
    kernels.set_num_threads(args.threads)
    sizes = [n for n in SIZES if n <= args.largest]
    print(f"rise of peak memory, {sizes[-1]} elements: {rise(sizes[-1]) / 2**20:.1f} MiB")
    costs = {n: cost(n) for n in sizes}
    for n, seconds in costs.items():
        print(f"{n:>11} elements: {seconds * 1e9:.3f} ns each")
    ratio = max(costs.values()) / min(costs.values())
    met = ratio <= AT_MOST
    print(f"dearest over cheapest: {ratio:.2f}, at most {AT_MOST}: {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
