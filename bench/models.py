"""Whole models against torch's own loop, measured and judged.

    python -m bench.models --threads 2 --dtype float32

The tensors have the shapes of published models, and all their memory has been written before. Ours
is one call that writes a plan; torch's is a loop of `torch.nn.init` over the same tensors, with the
same laws. What each of them writes is checked against the laws before anything is timed. By how
much the first call raises the peak of memory is measured in each process, before torch has drawn.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import memory, processes, shapes
from bench.targets import MODEL_RISE, MODELS
from initcore._bench import judge, peers
from initcore._bench.cases import law_check
from initcore.initializers import Initializer, Normal, Ones, TruncatedNormal, Zeros
from initcore.keys import Key
from initcore.models.parameters import Model, Parameter
from initcore.models.plan import Plan, make
from initcore.models.rules import Rule, Rules
from initcore.models.writing import write

EFFORT = judge.Effort(budget=5.0)
_NORMAL = {"mean": 0.0, "std": 0.02}
"""Parameters of every weight, before they are cut."""

_SAMPLE = 2**20
"""Elements of a tensor that are held against its law, at most; all are looked at for NaN."""


@dataclass(frozen=True)
class Case:
    """A model's shapes, and the law of its kernels."""

    shapes: Callable[[], shapes.Shapes]
    law: Initializer


CASES = {
    "resnet50": Case(shapes.resnet50, Normal(std=0.02)),
    "gpt2-xl": Case(shapes.gpt2_xl, Normal(std=0.02)),
    "llama-7b": Case(shapes.llama_7b_layers, Normal(std=0.02)),
    "vit-b16": Case(shapes.vit_b16, TruncatedNormal(std=0.02)),
}


def plan_of(case: Case) -> Plan:
    """The plan of a model: its kernels by the law, the rest 0 and 1."""
    found = (
        Parameter(name, tuple(name.split(".")), shape, role) for name, shape, role in case.shapes()
    )
    rules = (
        Rule(case.law, role="weight"),
        Rule(Zeros(), role=("bias", "shift"), needed=False),
        Rule(Ones(), role="scale", needed=False),
    )
    return make(Model(tuple(found)), Rules("bench", rules), Key(0))


def torch_loop(case: Case, plan: Plan, tensors: Sequence[Any]) -> Callable[[], None]:
    """The same laws by torch.nn.init, one tensor after the other."""
    import torch

    init = torch.nn.init
    draws = {
        "weight": (
            (lambda t: init.trunc_normal_(t, std=0.02, a=-0.04, b=0.04))
            if isinstance(case.law, TruncatedNormal)
            else (lambda t: init.normal_(t, std=0.02))
        ),
        "scale": init.ones_,
        "bias": init.zeros_,
        "shift": init.zeros_,
    }
    roles = [entry.parameter.role for entry in plan]

    def call() -> None:
        for role, tensor in zip(roles, tensors, strict=True):
            draws[role](tensor)

    return call


def check(case: Case, plan: Plan, tensors: Sequence[Any]) -> None:
    """Assert that every tensor has been written, by its law."""
    cut = isinstance(case.law, TruncatedNormal)
    law = "truncated_normal" if cut else "normal"
    for entry, tensor in zip(plan, tensors, strict=True):
        flat = tensor.reshape(-1)
        assert not flat.isnan().any(), f"{entry.parameter.name} has elements that nothing wrote"
        sample = flat[:: -(-flat.numel() // _SAMPLE)].float().numpy()
        try:
            if entry.parameter.role == "weight":
                edge = flat.new_tensor(0.04).item()  # as its type has it
                bounds = {"low": -edge, "high": edge} if cut else {}
                law_check(law, _NORMAL | bounds, np.dtype(np.float32))(sample)
            else:
                right = float(entry.parameter.role == "scale")
                assert (sample == right).all(), f"not {right}"
        except AssertionError as error:
            raise AssertionError(f"{entry.parameter.name}: {error}") from None


def work(name: str, dtype: str, effort: judge.Effort) -> dict[str, Any]:
    """One process of a measurement: check, then time; the rise of memory in bytes comes first.

    Raises
    ------
    AssertionError
        If ours or torch's tensors are not what they should be; nothing has been timed then.
    """
    import torch

    case = CASES[name]
    plan = plan_of(case)
    kind = getattr(torch, dtype)
    tensors = [torch.full(entry.parameter.shape, math.nan, dtype=kind) for entry in plan]
    pairs = list(zip(plan, tensors, strict=True))

    def ours() -> None:
        write(pairs)

    write(pairs[:1])  # imports, and the stacks of threads
    before = memory.peak()
    ours()
    rise = memory.peak() - before
    calls = {"initcore": ours, "torch": torch_loop(case, plan, tensors)}
    for library, call in calls.items():
        for tensor in tensors:
            tensor.fill_(math.nan)
        call()
        try:
            check(case, plan, tensors)
        except AssertionError as error:
            raise AssertionError(f"{name}-{dtype}: {library} is wrong: {error}") from None
    return {
        "elements": sum(tensor.numel() for tensor in tensors),
        "tensors": len(tensors),
        "rise": rise,
        "pairs": asdict(judge.measure(ours, calls["torch"], effort)),
    }


def measure(name: str, dtype: str, *, threads: int, quick: bool = False) -> dict[str, Any]:
    """The figures of one model; its processes run one after the other, as memory has room for one.

    Raises
    ------
    command.WrongResult
        If ours or torch's tensors are not what they should be.
    RuntimeError
        If a process fails.
    """
    request = {
        "model": name,
        "dtype": dtype,
        "peers": ["torch"],
        "threads": threads,
        "effort": asdict(judge.QUICK if quick else EFFORT),
    }
    answers = [processes.process(request) for _ in range(1 if quick else judge.PROCESSES)]
    pairs = [judge.Pairs(**answer["pairs"]) for answer in answers]
    ratio, rise = judge.judge(pairs), max(answer["rise"] for answer in answers)
    least = MODELS[name] if threads == 2 else None
    return {
        "machine": answers[0]["machine"],
        "case": f"{name}-{dtype}",
        "elements": answers[0]["elements"],
        "tensors": answers[0]["tensors"],
        "ratio": asdict(ratio),
        "seconds": min(min(p.ours) for p in pairs),
        "peer_seconds": min(min(p.peer) for p in pairs),
        "rise": rise,
        "at_least": least,
        "met": (least is None or ratio.reaches(least)) and rise < MODEL_RISE,
    }


def line(row: dict[str, Any]) -> str:
    """The figures of one model as text."""
    ratio, least = row["ratio"], row["at_least"]
    said = ""
    if least is not None:
        said = f", at least {least:g}: {'met' if ratio['high'] >= least else 'missed'}"
    return (
        f"{row['case']}: {row['elements'] / 1e6:.1f} M in {row['tensors']} tensors; "
        f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f}) times torch's "
        f"speed{said}; {row['elements'] / row['seconds'] / 1e9:.2f} G elements/s at best; "
        f"peak of memory + {row['rise'] / 2**20:.1f} MiB, under {MODEL_RISE // 2**20}: "
        f"{'met' if row['rise'] < MODEL_RISE else 'missed'}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0 where every row is met, 1 where one is not, 3 without torch."""
    parser = argparse.ArgumentParser(prog="python -m bench.models", description=__doc__)
    parser.add_argument("--model", action="append", choices=tuple(CASES), help="default: all")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--threads", type=int, default=2, help="of both (default 2)")
    parser.add_argument("--quick", action="store_true", help="one process and fewer pairs")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    args = parser.parse_args(arguments)
    if "torch" not in peers.installed():
        print("whole models are measured against torch, which is not installed", file=sys.stderr)
        return 3
    rows: list[dict[str, Any]] = []
    for name in args.model or CASES:
        row = measure(name, args.dtype, threads=args.threads, quick=args.quick)
        if not rows:
            on = row["machine"]
            print(f"{on['cpu']}; instruction set {on['isa']}; threads {on['threads']}", flush=True)
        print(line(row), flush=True)
        rows.append(row)
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
