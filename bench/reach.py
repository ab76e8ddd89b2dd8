"""The reach of the dense layer: every row of its table, measured and judged.

    python -m bench.reach --dtype float32 --threads 1 --activation relu

A layer is timed as in the cases: forward and backward with all gradients, `out=` given. Its peer is
the fastest one of each shape. With one thread peers are timed in pairs with initcore, and so is the
peak of the core; with several, each in processes of its own (`alone`). A row over several shapes is
judged by the medians themselves, which is stricter than the interval that judges a single ratio. A
library's peers use what the CPU has, so that ratios are judged where initcore does too, and left
out where INITCORE_ISA forces it to less.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import initcore
from bench import alone
from bench.targets import REACH, Reach
from initcore import kernels
from initcore._bench import command
from initcore._bench.cases import DENSE_SHAPES, DTYPES

_LARGE = 2_000_000
"""Products of the three lengths from which a shape is a large one."""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    at_least: float
    measured: float

    @property
    def met(self) -> bool:
        return self.measured >= self.at_least


def _of(row: dict[str, Any]) -> Shape:
    batch, n_in, n_out = map(int, row["case"].rsplit("-", 1)[1].split("x"))
    return batch, n_in, n_out


def ratios(figures: dict[str, Any]) -> dict[Shape, float]:
    """Against the fastest peer of each shape."""
    found: dict[Shape, float] = {}
    for row in figures["rows"]:
        if row["peer"] != "peak":
            ratio = row["ratio"]["median"]
            found[_of(row)] = min(ratio, found.get(_of(row), ratio))
    return found


def shares(figures: dict[str, Any]) -> dict[Shape, float]:
    """Of the peak, as the judging rule measures it."""
    return {_of(row): row["ratio"]["median"] for row in figures["rows"] if row["peer"] == "peak"}


def rows(
    figures: dict[str, Any],
    dtype: str,
    threads: int,
    isa: str,
    reach: Reach = REACH,
    *,
    forced: bool = False,
) -> list[Row]:
    """The rows of the table that these figures decide; `forced`: the CPU has more than `isa`."""
    against, share = ratios(figures), shares(figures)
    found = []
    if (target := reach.ratios.get((dtype, threads))) and not forced:
        geometric, large, worst = target
        found.append(Row("geometric mean", geometric, statistics.geometric_mean(against.values())))
        six = [ratio for shape, ratio in against.items() if math.prod(shape) >= _LARGE]
        if large and six:
            found.append(Row("geometric mean, large shapes", large, statistics.geometric_mean(six)))
        found.append(Row("worst", worst, min(against.values())))
    for shape, least in reach.shares.get(isa, {}).items():
        if shape in share:
            found.append(Row(f"share of peak, {shape}", least, share[shape]))
    return found


def layer_overhead() -> float:
    """Seconds that `Dense.forward` takes beyond the kernel, at a batch of one."""
    layer = initcore.Dense(64, 64, "relu")
    layer.initialize(key=initcore.Key(0) / "layer")
    x = np.zeros((1, 64), np.float32)
    w: Any = layer.w
    b = layer.b

    def through_layer() -> None:
        layer.forward(x)

    def kernel_alone() -> None:
        kernels.dense_forward(x, w, b, activation="relu")

    # In turns: the clock of a shared core differs from one minute to the next.
    rounds = [(_seconds(through_layer), _seconds(kernel_alone)) for _ in range(400)]
    return min(layered for layered, _ in rounds) - min(alone for _, alone in rounds)


def _seconds(call: Callable[[], None], calls: int = 200) -> float:
    """What one of so many calls takes."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0 where every row is met, 1 where one is not."""
    parser = argparse.ArgumentParser(prog="python -m bench.reach", description=__doc__)
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--activation", choices=("relu", "tanh"), default="relu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one process and fewer pairs")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    args = parser.parse_args(arguments)
    prefix = f"dense-{args.activation}-{args.dtype}-"
    names = [prefix + "x".join(map(str, shape)) for shape in DENSE_SHAPES]
    if args.threads == 1:
        figures = command.measure(names, quick=args.quick)
    else:
        figures = alone.measure(names, args.threads, quick=args.quick)
    print(command.table(figures), end="\n\n")
    isa = figures["machine"]["isa"]
    forced = isa != kernels.isas_available()[-1]
    table = rows(figures, args.dtype, args.threads, isa, forced=forced)
    if args.threads == 1:
        margin = REACH.layer_overhead / layer_overhead()
        table.append(Row("allowed over measured overhead of Dense.forward", 1.0, margin))
    for row in table:
        print(
            f"{row.what}: {row.measured:.3f}, at least {row.at_least}: "
            f"{'met' if row.met else 'missed'}"
        )
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.met for row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
