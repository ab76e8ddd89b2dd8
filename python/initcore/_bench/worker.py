"""One process of a measurement: reads what to measure, writes what it measured, both as JSON."""

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from initcore import kernels
from initcore._bench import judge, machine, models, peak, peers
from initcore._bench.cases import CASES


def _pin(threads: int) -> None:
    """Stay on as many CPUs as there may be threads, so that no library can use more."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[-threads:])


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Check and time the cases of the request, or its model.

    Raises
    ------
    AssertionError
        If an implementation gives a wrong result; nothing of that case has been timed then.
    """
    kernels.set_num_threads(request["threads"])
    peers.set_threads(request["peers"], request["threads"])
    effort = judge.Effort(**request["effort"])
    if "model" in request:
        found = models.work(request["model"], request["dtype"], effort)
        return {"machine": machine.describe()} | found
    by_name = {case.name: case for case in CASES}
    measured: dict[str, Any] = {}
    for name in request["cases"]:
        case = by_name[name]
        calls = case.prepare(request["peers"])
        if "alone" in request:
            measured[name] = judge.alone(calls[request["alone"]], effort)
            continue
        if case.products is not None and request["threads"] == 1:
            calls["peak"] = peak.chains(*case.products)
        ours = calls.pop("initcore")
        measured[name] = {
            peer: asdict(judge.measure(ours, call, effort)) for peer, call in calls.items()
        }
    return {"machine": machine.describe(), "measured": measured}


def main() -> int:
    """Serve one request from standard input."""
    request = json.load(sys.stdin)
    _pin(request["threads"])
    try:
        answer = work(request)
    except AssertionError as error:
        print(error, file=sys.stderr)
        return 1
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
