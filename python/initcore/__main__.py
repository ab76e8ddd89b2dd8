"""The command line: ``initcore COMMAND``, or ``python -m initcore COMMAND``."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from initcore import __version__
from initcore._files import streams

# Each command lives in a module with add_arguments(parser) and run(args) -> exit code.
_COMMANDS = {
    "bench": ("initcore._bench.command", "time the kernels beside NumPy and any framework here"),
    "compare": ("initcore.lab.command", "show what the starting weights do, on real data"),
    "info": ("initcore._runtime", "print version, compiler, instruction sets and threads"),
    "theory": ("initcore.theory.command", "say by formula how far signals and gradients reach"),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="initcore",
        allow_abbrev=False,
        description="Starting weights for neural networks: fast, the same everywhere, explained.",
    )
    parser.add_argument("--version", action="version", version=f"initcore {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, text) in _COMMANDS.items():
        # abbreviations would make --seed 3 mean --seeds 3: something else, without a word
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        import_module(module).add_arguments(command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 fine, 1 a verdict at or above what was asked for, 2 usage or bad input, 3 could not
        measure.
    """
    streams.complete()
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        streams.complain("initcore: interrupted")
        return 130
    except BrokenPipeError:
        # whoever reads has seen enough, such as head
        streams.silence(sys.stdout)
        return 0
    except OSError as error:
        streams.silence(sys.stdout)
        streams.complain(
            f"initcore: {error.filename or 'standard output'}: {error.strerror or error}"
        )
        return 2


def _run(argv: Sequence[str] | None) -> int:
    args = _parser().parse_args(argv)
    module, _ = _COMMANDS[args.command]
    code: int = import_module(module).run(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
