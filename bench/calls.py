"""What starting a torch model costs beside the numbers themselves, per tensor.

    python -m bench.calls

Models of many small tensors: 500 dense layers, and as many layers as ResNet-50 and ViT-B have, of
few units. Of each, the first call (which looks at the model, makes the plan and writes it), and
`Prepared.write` with another seed, are timed; the fill is that of one array of as many random
elements as the model has, and is taken away. torch's own loop of `torch.nn.init` over the same
tensors stands beside it. All on one thread, in processor time, so that what else the machine does
counts little; the best of many runs is taken.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from initcore import kernels
from initcore._bench import machine, peers
from initcore.initializers import Initializer
from initcore.keys import Key

MOST = 1e-6
"""Seconds of a processor per tensor beyond the fill that writing a prepared model may take."""

RUNS = 60


def _linears() -> Any:
    from torch import nn

    return nn.Sequential(*(nn.Linear(16, 16) for _ in range(500)))


def _convolutions() -> Any:
    from torch import nn

    blocks: list[Any] = []
    for _ in range(53):
        blocks += [nn.Conv2d(8, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    return nn.Sequential(*blocks, nn.Linear(8, 10))


def _transformer() -> Any:
    from torch import nn

    layer = nn.TransformerEncoderLayer(32, 4, 64, activation="gelu", norm_first=True)
    return nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "500-linear": (_linears, "xavier"),
    "500-linear-traced": (_linears, "he"),
    "resnet50-narrow": (_convolutions, "xavier"),
    "vit-b-narrow": (_transformer, "xavier"),
}
"""Models and their recipes; "he" asks torch.fx which activations follow."""


def _torch_loop(model: Any) -> Callable[[], None]:
    import torch

    init = torch.nn.init
    kernel_tensors = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim < 2]

    def call() -> None:
        for tensor in kernel_tensors:
            init.normal_(tensor, std=0.02)
        for tensor in others:
            init.zeros_(tensor)

    return call


def _seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def check(model: Any, recipe: str, prepared: Any) -> None:
    """Assert that a prepared model has, from another seed, the numbers that `initialize` gives.

    Raises
    ------
    AssertionError
        If one element differs; nothing is timed then.
    """
    import torch

    from initcore.interop.torch import initialize

    initialize(model, recipe, key=9)
    wanted = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    prepared.write(key=3)
    prepared.write(key=9)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, wanted[name]), f"{name} differs"


def measure(name: str, runs: int = RUNS) -> dict[str, Any]:
    """The figures of one model, in microseconds per tensor.

    Raises
    ------
    AssertionError
        If what is written is wrong.
    """
    import torch

    from initcore.interop.torch import initialize, prepare

    make, recipe = CASES[name]
    torch.set_num_threads(1)
    model = make()
    before = kernels.get_num_threads()
    kernels.set_num_threads(1)
    try:
        prepared = prepare(model, recipe, key=0)
        check(model, recipe, prepared)
        law = next(e.assignment.init for e in prepared.plan if e.parameter.role == "weight")
        assert isinstance(law, Initializer)
        drawn = sum(p.numel() for p in model.parameters() if p.ndim > 1)
        array, key = np.empty(drawn, np.float32), Key(0)
        calls: dict[str, Callable[[], Any]] = {
            "fill": lambda: law.fill(array, key=key, fan_in=16, fan_out=16),
            "write": lambda: prepared.write(key=1),
            "torch": _torch_loop(model),
        }
        best = {which: min(_seconds(call) for _ in range(runs)) for which, call in calls.items()}
        first = min(
            _seconds(lambda: initialize(model, recipe, key=0)) for _ in range(max(1, runs // 5))
        )
    finally:
        kernels.set_num_threads(before)
    tensors = len(prepared.plan.entries)
    write = (best["write"] - best["fill"]) / tensors
    return {
        "case": name,
        "recipe": recipe,
        "tensors": tensors,
        "fill_us": best["fill"] / tensors * 1e6,
        "first_us": (first - best["fill"]) / tensors * 1e6,
        "write_us": write * 1e6,
        "torch_us": best["torch"] / sum(1 for _ in model.parameters()) * 1e6,
        "met": write < MOST,
    }


def line(row: dict[str, Any]) -> str:
    """The figures of one model as text."""
    return (
        f"{row['case']}, {row['recipe']}: {row['tensors']} tensors; us per tensor beyond a fill of "
        f"{row['fill_us']:.2f}: first call {row['first_us']:.1f}, prepared {row['write_us']:.2f} "
        f"(under {MOST * 1e6:g}: {'met' if row['met'] else 'missed'}); "
        f"torch's loop, with its fill, {row['torch_us']:.2f} per parameter"
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0 where every row is met, 1 where one is not, 3 without torch."""
    parser = argparse.ArgumentParser(prog="python -m bench.calls", description=__doc__)
    parser.add_argument("--case", action="append", choices=tuple(CASES), help="default: all")
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    args = parser.parse_args(arguments)
    if "torch" not in peers.installed():
        print("calls are measured on torch's models, and it is not installed", file=sys.stderr)
        return 3
    on = machine.describe()
    print(f"{on['cpu']}; instruction set {on['isa']}; threads 1", flush=True)
    rows = []
    for name in args.case or CASES:
        rows.append(measure(name, 5 if args.quick else RUNS))
        print(line(rows[-1]), flush=True)
    if args.json:
        Path(args.json).write_text(json.dumps({"machine": on, "rows": rows}, indent=1) + "\n")
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
