"""A progress bar on standard error, while networks are trained."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_WIDTH = 24


@contextmanager
def progress_bar(
    total: int, *, quiet: bool = False, stream: TextIO | None = None
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
    """
    stream = sys.stderr if stream is None else stream
    if quiet or not stream.isatty():
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    except ImportError:
        yield _plain(stream)
        stream.write("\r\x1b[K")
        stream.flush()
        return
    with Progress(
        TextColumn("training"),
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


def _plain(stream: TextIO) -> Callable[[int, int, str], None]:
    def update(done: int, total: int, what: str) -> None:
        filled = _WIDTH * done // total
        bar = "#" * filled + "-" * (_WIDTH - filled)
        stream.write(f"\r\x1b[Ktraining [{bar}] {done}/{total} {what}")
        stream.flush()

    return update
