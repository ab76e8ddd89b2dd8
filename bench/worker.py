"""One process of a measurement: a whole model, or one implementation with no other beside it."""

import sys
from typing import Any

from bench import models
from initcore._bench import judge
from initcore._bench.cases import CASES
from initcore._bench.worker import serve


def work(request: dict[str, Any], effort: judge.Effort) -> dict[str, Any]:
    """Check and time the model of the request, or its cases for the implementation it names.

    Raises
    ------
    AssertionError
        If a result is wrong; nothing of that model or case has been timed then.
    """
    if "model" in request:
        return models.work(request["model"], request["dtype"], effort)
    by_name = {case.name: case for case in CASES}
    measured = {}
    for name in request["cases"]:
        call = by_name[name].prepare(request["peers"])[request["alone"]]
        measured[name] = judge.alone(call, effort)
    return {"measured": measured}


if __name__ == "__main__":
    sys.exit(serve(work))
