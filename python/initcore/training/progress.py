"""A bar that shows how far a run has come."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from initcore.training.history import History

Callback = Callable[[int, History], Any]


@contextmanager
def progress_callback(
    shown: bool, epochs: int, history: History, callback: Callback | None
) -> Iterator[Callback | None]:
    """The callback for a run: the given one, and with `shown` a bar that moves before it."""
    if not shown:
        yield callback
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
    except ImportError:
        raise ImportError("progress=True needs rich: install initcore[lab]") from None
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), "{task.description}")
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=epochs, completed=history.epochs)

        def each(epoch: int, record: History) -> Any:
            bar.update(task, completed=epoch + 1, description=f"loss {record.loss[-1]:.4g}")
            return None if callback is None else callback(epoch, record)

        yield each
