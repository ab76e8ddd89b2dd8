"""What this build is, how many threads it may use, and ``initcore info``."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from initcore import kernels
from initcore._files import replacing


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """Let kernels called from this Python thread use `n` threads inside a ``with`` block.

    Other Python threads keep their number. No byte of any result depends on it.

    Parameters
    ----------
    n : int
        1 to 256.

    Examples
    --------
    >>> import initcore as ic
    >>> with ic.num_threads(1):
    ...     ic.get_num_threads()
    1
    """
    before = kernels._override_threads(n)
    try:
        yield
    finally:
        kernels._override_threads(before)


def config() -> dict[str, Any]:
    """What `show_config` prints, as a dict that JSON can hold."""
    threads: int | str
    try:
        isa = kernels.isa()
        threads = kernels.get_num_threads()
    except ValueError as error:
        isa = threads = f"none: {error}"
    return {
        "version": kernels.__version__,
        **kernels._build_facts(),
        "isas_built": list(kernels.isas_built()),
        "isas_available": list(kernels.isas_available()),
        "isa": isa,
        "INITCORE_ISA": os.environ.get("INITCORE_ISA"),
        "threads": threads,
        "INITCORE_NUM_THREADS": os.environ.get("INITCORE_NUM_THREADS"),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "machine": platform.machine(),
        "system": platform.system(),
    }


def show_config() -> None:
    """Print version, compiler, flags, instruction sets and threads, for a bug report."""
    facts = config()
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, text in value.items():
                print(f"  {key:{width - 2}}  {text.strip() or '(compiler default)'}")
        else:
            text = " ".join(value) if isinstance(value, list) else value
            print(f"{name:{width}}  {'-' if text is None else text}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``initcore info``."""
    parser.add_argument("--json", metavar="FILE", help="write the facts as JSON; - for stdout")


def run(args: argparse.Namespace) -> int:
    """Print the facts of this build, and return the exit code."""
    if args.json is None:
        show_config()
        return 0
    text = json.dumps(config(), indent=2) + "\n"
    if args.json == "-":
        sys.stdout.write(text)
        return 0
    try:
        replacing.write(args.json, text)
    except OSError as error:
        print(f"initcore info: --json {args.json}: {error.strerror}", file=sys.stderr)
        return 2
    return 0
