"""`initcore bench`: our kernels and other libraries' side by side, as ratios."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from initcore._bench import judge, peers
from initcore._bench.cases import CASES, select
from initcore._bench.targets import TARGETS
from initcore._files import replacing

CHECKED = "every implementation was checked against the NumPy twin before it was timed"


class WrongResult(Exception):
    """An implementation gave something else than it should."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--cases",
        action="append",
        metavar="PATTERN",
        help="measure the cases with this in their name, such as dense or fill-normal; '*' for "
        "all; may be repeated (default: a short selection)",
    )
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="threads of every library (default 1)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one process and fewer pairs: a rough figure"
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write all figures there; - for standard output"
    )


WORKER = ("-P", "-m", "initcore._bench.worker")
"""Options of Python for a process that measures; `-P` ignores modules of the user's folder."""


def process(
    request: dict[str, Any], worker: Sequence[str] = WORKER, folder: Path | None = None
) -> dict[str, Any]:
    """What a process of its own, begun in this folder, answers; see `worker.serve`."""
    done = subprocess.run(
        [sys.executable, *worker],
        cwd=folder,
        input=json.dumps(request),
        env=os.environ | peers.environment(request["threads"]),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 1 and " is wrong: " in done.stderr:
        raise WrongResult(done.stderr.strip())
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RuntimeError(f"a benchmark process failed: {said[-1]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(names: list[str], *, threads: int = 1, quick: bool = False) -> dict[str, Any]:
    """The figures of these cases, as JSON can hold them.

    Raises
    ------
    WrongResult
        If an implementation gives a wrong result.
    RuntimeError
        If a process fails.
    """
    request = {
        "cases": names,
        "peers": peers.installed(),
        "threads": threads,
        "effort": asdict(judge.QUICK if quick else judge.Effort()),
    }
    answers = [process(request) for _ in range(1 if quick else judge.PROCESSES)]
    rows = []
    for name in names:
        for peer in answers[0]["measured"][name]:
            pairs = [judge.Pairs(**answer["measured"][name][peer]) for answer in answers]
            ratio = judge.judge(pairs)
            rows.append(
                {
                    "case": name,
                    "peer": peer,
                    "ratio": asdict(ratio),
                    "seconds": min(min(p.ours) for p in pairs),
                    "peer_seconds": min(min(p.peer) for p in pairs),
                    "targets": [
                        {"at_least": t.at_least, "met": ratio.reaches(t.at_least)}
                        for t in TARGETS
                        if (t.case, t.peer, t.threads) == (name, peer, threads)
                    ],
                }
            )
    return {
        "machine": answers[0]["machine"],
        "correctness": CHECKED,
        "processes": len(answers),
        "level": judge.LEVEL,
        "rule": "median of interleaved pairs, with the interval of the bootstrap",
        "rows": rows,
    }


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    machine = figures["machine"]
    lines = [
        f"{machine['cpu']}; instruction set {machine['isa']}; threads {machine['threads']}; "
        f"initcore {machine['initcore']}, NumPy {machine['numpy']}, Python {machine['python']}",
        f"{CHECKED[0].upper()}{CHECKED[1:]}.",
        f"Ratio: the peer's time over initcore's, {figures['rule']}; processes: "
        f"{figures['processes']}. Times are the best seen. The peak is that of chains of fused "
        f"multiply-adds: over it, the ratio is the share reached.",
        "",
    ]
    header = ("case", "initcore", "peer", "its time", "ratio", "interval", "target")
    cells = [header]
    for row in figures["rows"]:
        ratio = row["ratio"]
        cells.append(
            (
                row["case"],
                _time(row["seconds"]),
                row["peer"],
                _time(row["peer_seconds"]),
                f"{ratio['median']:.2f}",
                f"{ratio['low']:.2f} to {ratio['high']:.2f}",
                ", ".join(
                    f"{t['at_least']} {'met' if t['met'] else 'missed'}" for t in row["targets"]
                ),
            )
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = (0, 2, 6)
    for row in cells:
        padded = [
            text.ljust(width) if at in left else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def run(args: argparse.Namespace) -> int:
    """Measure and print; 0 fine, 1 a wrong result, 2 bad options, 3 could not measure."""
    if args.threads < 1:
        print(f"initcore bench: --threads {args.threads} must be at least 1", file=sys.stderr)
        return 2
    try:
        names = [case.name for case in select(args.cases)]
    except ValueError as error:
        print(f"initcore bench: {error}", file=sys.stderr)
        return 2
    text = sys.stderr if args.json == "-" else sys.stdout
    print(f"measuring {len(names)} of {len(CASES)} cases ...", file=sys.stderr)
    try:
        figures = measure(names, threads=args.threads, quick=args.quick)
    except WrongResult as error:
        print(f"initcore bench: {error}", file=sys.stderr)
        return 1
    except (RuntimeError, OSError) as error:
        print(f"initcore bench: {error}", file=sys.stderr)
        return 3
    print(table(figures), file=text)
    if args.json == "-":
        json.dump(figures, sys.stdout, indent=1)
        print()
    elif args.json:
        try:
            replacing.write(args.json, json.dumps(figures, indent=1) + "\n")
        except OSError as error:
            print(f"initcore bench: --json {args.json}: {error.strerror}", file=sys.stderr)
            return 2
    return 0
