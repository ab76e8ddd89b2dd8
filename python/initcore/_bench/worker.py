"""One process of a measurement: reads what to measure, writes what it measured, both as JSON."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from initcore import kernels
from initcore._bench import judge, machine, peak, peers
from initcore._bench.cases import CASES

Work = Callable[[dict[str, Any], judge.Effort], dict[str, Any]]
"""What a process does with a request: check first, then time."""


def _pin(threads: int) -> None:
    """Stay on as many CPUs as there may be threads, so that no library can use more."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[-threads:])


def in_pairs(request: dict[str, Any], effort: judge.Effort) -> dict[str, Any]:
    """Check and time the cases of the request, initcore and each peer in pairs.

    Raises
    ------
    AssertionError
        If an implementation gives a wrong result; nothing of that case has been timed then.
    """
    by_name = {case.name: case for case in CASES}
    measured: dict[str, Any] = {}
    for name in request["cases"]:
        case = by_name[name]
        calls = case.prepare(request["peers"])
        if case.products is not None and request["threads"] == 1:
            calls["peak"] = peak.chains(*case.products)
        ours = calls.pop("initcore")
        measured[name] = {
            peer: asdict(judge.measure(ours, call, effort)) for peer, call in calls.items()
        }
    return {"measured": measured}


def serve(work: Work) -> int:
    """Serve one request from standard input; 1 where a result is wrong."""
    request = json.load(sys.stdin)
    _pin(request["threads"])
    kernels.set_num_threads(request["threads"])
    peers.set_threads(request["peers"], request["threads"])
    try:
        answer = work(request, judge.Effort(**request["effort"]))
    except AssertionError as error:
        print(error, file=sys.stderr)
        return 1
    json.dump({"machine": machine.describe()} | answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(serve(in_pairs))
