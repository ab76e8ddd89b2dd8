"""A process of its own for a measurement, begun in the clone, where it finds `bench`."""

from pathlib import Path
from typing import Any

from initcore._bench import command

ROOT = Path(__file__).parents[1]


def process(request: dict[str, Any]) -> dict[str, Any]:
    """What a process of its own answers; see `worker`."""
    return command.process(request, ("-m", "bench.worker"), ROOT)
