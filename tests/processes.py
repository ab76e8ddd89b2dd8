"""Runs a program in a process of its own, which may end by a signal without ending the tests."""

import os
import subprocess
import sys
import textwrap


def output_of(program: str, *arguments: object, **environment: str) -> str:
    """What a program prints; it must end by itself and without an error."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout
