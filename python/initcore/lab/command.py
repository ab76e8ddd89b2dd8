"""`initcore compare`: train real data under each initialization, and show what it does."""

import argparse
import math
import os
import shlex
import shutil
import sys
import textwrap
from itertools import combinations
from pathlib import Path
from typing import TextIO

from initcore import _checks, activations, kernels
from initcore._files import replacing
from initcore.lab import words
from initcore.lab.comparison import (
    DEPTH,
    Comparison,
    Settings,
    check_starts,
    compare,
    default_widths,
)
from initcore.lab.datasets import DataError, load
from initcore.lab.initializations import DEFAULT, InitializationError, parse
from initcore.lab.labels import TASKS
from initcore.lab.progress import progress_bar, reading_bar
from initcore.lab.raw import printable
from initcore.lab.readers import BUNDLED
from initcore.lab.report import GENERATOR, page
from initcore.lab.results import to_json
from initcore.lab.table import encodes, render

REPORT = "report.html"
_NO_REPORT = "none"

# Enough for any network that one would look at layer by layer, and no accident.
_MOST_LAYERS = 200
_MOST_WIDTH = 4096
_MOST_NETWORKS = 2000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    defaults = Settings()
    parser.description = (
        "Train the same network on real data, once from each initialization, and show side by "
        "side what the starting weights did: a verdict before training, the accuracy after it, "
        "and a page with plots."
    )
    add = parser.add_argument
    add(
        "--data",
        default="digits",
        metavar="DATA",
        help="digits, wine or breast_cancer (from scikit-learn), FILE.npz with x and y, or "
        "FILE.csv (default: digits)",
    )
    add(
        "--target",
        metavar="COLUMN",
        help="label column of FILE.csv, by name or index from 0 (default: the one called label, "
        "class, target or y, the only one that is not numbers, or the last)",
    )
    add(
        "--task",
        choices=TASKS,
        help="what the labels are (default: regression where they are numbers that are not whole)",
    )
    add(
        "--init",
        default="all",
        metavar="LIST",
        help=f"comma-separated from {', '.join(DEFAULT)}, constant:NUMBER, normal:STD, "
        "uniform:BOUND, or names of initcore.initializers (default: the first eight)",
    )
    add(
        "--activation",
        default=",".join(defaults.activations),
        metavar="LIST",
        help=f"comma-separated from {', '.join(activations.names_for_layers())} "
        "(default: %(default)s)",
    )
    add(
        "--widths",
        metavar="LIST",
        help="hidden widths, such as 128,64,32; a single one is used for every hidden layer "
        "(default: narrowing from 64 to 32)",
    )
    add("--depth", type=int, metavar="N", help=f"hidden layers (default: {DEPTH})")
    add("--epochs", type=int, default=defaults.epochs, metavar="N", help="default: %(default)s")
    add(
        "--lr",
        type=float,
        default=defaults.lr,
        metavar="RATE",
        help="learning rate of plain gradient descent (default: %(default)s)",
    )
    add(
        "--seeds",
        type=int,
        default=defaults.seeds,
        metavar="N",
        help="train with seeds 0 to N-1 (default: %(default)s)",
    )
    add(
        "--out",
        metavar="FILE",
        help=f"where the page goes (default: {REPORT}); '{_NO_REPORT}' for no page",
    )
    add("--json", metavar="FILE", help="write all numbers to this file; - for standard output")
    add("--quiet", action="store_true", help="no progress bar and no table")


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code, 0 or 2."""
    try:
        settings = _settings(args)
        _check_instruction_set()
        initializations = parse(args.init)
        total = len(initializations) * len(settings.activations) * settings.seeds
        if total > _MOST_NETWORKS:
            raise _checks.UsageError(
                f"--seeds={settings.seeds} makes {total} networks, more than the limit of "
                f"{_MOST_NETWORKS}; use fewer seeds, initializations or activations"
            )
        out = _page_path(args.out)
        if args.json not in {None, "-"}:
            _writable(Path(args.json), "--json")
        _check_different(args, out)
        with reading_bar(args.data, quiet=args.quiet) as progress_of_reading:
            dataset = load(
                args.data, target=args.target, task=args.task, progress=progress_of_reading
            )
        check_starts(dataset, initializations, settings)
        with progress_bar(total, quiet=args.quiet) as progress:
            comparison = compare(dataset, initializations, settings, progress=progress)
        command = _command(args)
        if args.json not in {None, "-"}:
            replacing.write(args.json, to_json(comparison, command))
        if out is not None:
            replacing.write(out, page(comparison, command))
    except (DataError, InitializationError, _checks.UsageError, OSError) as error:
        print(f"initcore compare: {error}", file=sys.stderr)
        return 2
    if args.json == "-":
        sys.stdout.write(to_json(comparison, command))
    if not args.quiet:
        _show(comparison, out, sys.stderr if args.json == "-" else sys.stdout)
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    names = tuple(name.strip() for name in args.activation.split(",") if name.strip())
    if not names:
        raise _checks.UsageError("--activation is empty: name at least one")
    if len(set(names)) < len(names):
        raise _checks.UsageError(f"--activation={args.activation} names one more than once")
    for name in names:
        try:
            activations.for_layer(name)
        except ValueError as error:
            raise _checks.UsageError(f"--activation={name}: {error}") from None
    if not (math.isfinite(args.lr) and args.lr > 0.0):
        raise _checks.UsageError(f"--lr={args.lr} must be a finite number above 0")
    _within("--epochs", args.epochs, 1, 10_000)
    _within("--seeds", args.seeds, 1, 1000)
    return Settings(
        activations=names,
        widths=_widths(args.widths, args.depth),
        epochs=args.epochs,
        lr=args.lr,
        seeds=args.seeds,
    )


def _check_instruction_set() -> None:
    """Fail before the data are read if INITCORE_ISA names a set that cannot be used."""
    try:
        kernels.isa()
    except ValueError as error:
        raise _checks.UsageError(str(error)) from None


def _within(option: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise _checks.UsageError(f"{option}={value} must be from {low} to {high}")


def _widths(text: str | None, depth: int | None) -> tuple[int, ...]:
    if depth is not None:
        _within("--depth", depth, 1, _MOST_LAYERS)
    if text is None:
        return default_widths(DEPTH if depth is None else depth)
    try:
        widths = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise _checks.UsageError(
            f"--widths={text} must be whole numbers, such as 128,64,32"
        ) from None
    for width in widths:
        _within("--widths", width, 1, _MOST_WIDTH)
    if len(widths) == 1:
        return widths * (DEPTH if depth is None else depth)
    if depth not in {None, len(widths)}:
        raise _checks.UsageError(f"--widths={text} has {len(widths)} layers, not --depth={depth}")
    _within("--widths, number of layers", len(widths), 1, _MOST_LAYERS)
    return widths


def _page_path(out: str | None) -> Path | None:
    """Where the page goes; the default never replaces a file that this command did not write."""
    if out == _NO_REPORT:
        return None
    path = Path(REPORT if out is None else out)
    _writable(path, "--out")
    if out is None and path.exists():
        with path.open("rb") as stream:
            if GENERATOR.encode() not in stream.read(400):
                raise _checks.UsageError(
                    f"{path} exists and was not written by initcore; name a file with --out"
                )
    return path


def _check_different(args: argparse.Namespace, out: Path | None) -> None:
    """Refuse to write over the data, or to write two things to one file."""
    files = {
        "--data": None if args.data in BUNDLED else args.data,
        "--json": None if args.json == "-" else args.json,
        "--out": out,
    }
    given = {option: path for option, path in files.items() if path is not None}
    for (a, path), (b, other) in combinations(given.items(), 2):
        if replacing.same_file(path, other):
            raise _checks.UsageError(
                f"{a}={path} and {b}={other} are the same file; name another for {b}"
            )


def _writable(path: Path, option: str) -> None:
    folder = path.parent
    if path.is_dir():
        raise _checks.UsageError(f"{option}={path} is a folder, not a file")
    if not folder.is_dir():
        raise _checks.UsageError(f"{option}={path}: there is no folder {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise _checks.UsageError(f"{option}={path} cannot be written")


def _command(args: argparse.Namespace) -> str:
    """The command line that computes the same: options that are not the default, in order."""
    defaults = argparse.ArgumentParser()
    add_arguments(defaults)
    parts = ["initcore", "compare"]
    for option in (
        "data",
        "target",
        "task",
        "init",
        "activation",
        "widths",
        "depth",
        "epochs",
        "lr",
        "seeds",
    ):
        value = getattr(args, option)
        if value != defaults.get_default(option):
            parts += [f"--{option}", str(value)]
    return printable(shlex.join(parts))


def _show(comparison: Comparison, out: Path | None, stream: TextIO) -> None:
    terminal = stream.isatty()
    ascii_only = not encodes(stream)
    width = shutil.get_terminal_size().columns if terminal or "COLUMNS" in os.environ else None
    color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    lines = textwrap.TextWrapper(width=min(width or 100, 100)).fill
    data, settings = comparison.dataset, comparison.settings
    sizes = "-".join(str(n) for n in (data.features, *settings.widths, data.outputs))
    shape = sizes if len(settings.widths) <= 16 else f"of {words.hidden_layers(settings)}"
    text = [
        *([lines(data.reading)] if data.reading else []),
        *(lines(f"note: {remark}.") for remark in data.remarks),
        lines(f"{data.name}: {data.split}."),
        lines(
            f"network {shape}, {words.training(settings)}, {words.seeds(settings)}; "
            f"{data.score_name} is the mean (and range) over the seeds."
        ),
        "",
        render(comparison, width=width, color=color, ascii=ascii_only),
        lines(words.headline(comparison)),
        lines(words.verdict_sentence(comparison)),
    ]
    if out is not None:
        text.append(lines(f"The page with plots and explanations: {out}"))
    _write(stream, "\n".join(text) + "\n")


def _write(stream: TextIO, text: str) -> None:
    """Write what the stream can encode."""
    encoding = stream.encoding or "ascii"
    stream.write(text.encode(encoding, errors="replace").decode(encoding))
    stream.flush()
