"""``initcore info``: what this build is."""

import argparse
import json
import sys

from initcore._config import config, show_config


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
        with open(args.json, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        print(f"initcore info: --json {args.json}: {error.strerror}", file=sys.stderr)
        return 2
    return 0
