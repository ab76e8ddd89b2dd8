"""Runs a program in a process whose allocations are counted, by native/allocations.c."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

INTERPOSER = Path(__file__).parent / "native" / "allocations.c"

COUNTER = """
import ctypes
allocated = ctypes.CDLL(None).allocated_bytes  # asked for by now, in bytes
allocated.restype = ctypes.c_size_t
"""


def numbers_of(program: str, *arguments: object, folder: Path) -> list[tuple[int, ...]]:
    """The lines of numbers that a program prints, in which `allocated()` is defined."""
    if sys.platform != "linux":
        pytest.skip("counts by LD_PRELOAD")
    if "LD_PRELOAD" in os.environ:
        pytest.skip("another library stands before malloc")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler cc")
    library = folder / "allocations.so"
    build = [compiler, "-O1", "-shared", "-fPIC", str(INTERPOSER), "-o", str(library), "-ldl"]
    subprocess.run(build, check=True, timeout=60)
    output = subprocess.run(
        [sys.executable, "-c", COUNTER + textwrap.dedent(program), *map(str, arguments)],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    return [tuple(map(int, line.split())) for line in output.splitlines()]
