"""A progress bar on standard error, while a file is read or networks are trained."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_WIDTH = 24
_MEGABYTE = 10**6
_LEAST_MEGABYTES = 8


@contextmanager
def progress_bar(
    total: int, *, quiet: bool = False, stream: TextIO | None = None, title: str = "training"
) -> Iterator[Callable[[int, int, str], None] | None]:
    """Show how much is done; gives the function to call, or None where nobody would see it.

    Parameters
    ----------
    total : int
        Steps in all.
    quiet : bool
        Show nothing.
    stream : text stream
        Standard error by default. Nothing is shown where it is not a terminal.
    title : str
        What is done.
    """
    stream = sys.stderr if stream is None else stream
    if quiet or not stream.isatty():
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    except ImportError:
        yield _plain(stream, title)
        stream.write("\r\x1b[K")
        stream.flush()
        return
    with Progress(
        TextColumn(title),
        BarColumn(_WIDTH),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(file=stream),
        transient=True,
    ) as bar:
        task: Any = bar.add_task("", total=total)

        def update(done: int, _total: int, what: str) -> None:
            bar.update(task, completed=done, description=what)

        yield update


@contextmanager
def reading_bar(source: str, *, quiet: bool = False) -> Iterator[Callable[[int], None] | None]:
    """Show how many megabytes of a file have been read, if it is large enough to wait for."""
    try:
        size = os.stat(source).st_size
    except (OSError, ValueError):
        size = 0
    total = size // _MEGABYTE
    with progress_bar(total, quiet=quiet or total < _LEAST_MEGABYTES, title="reading") as show:
        if show is None:
            yield None
        else:
            yield lambda done: show(min(done // _MEGABYTE, total), total, "MB")


def _plain(stream: TextIO, title: str) -> Callable[[int, int, str], None]:
    def update(done: int, total: int, what: str) -> None:
        filled = _WIDTH * done // total
        bar = "#" * filled + "-" * (_WIDTH - filled)
        stream.write(f"\r\x1b[K{title} [{bar}] {done}/{total} {what}")
        stream.flush()

    return update
