"""Progress display: animated on a terminal, otherwise plain lines on stderr."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from apikley.cli.output import Output, printable

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn
    from rich.table import Column

    from apikley import TaskInfo
    from apikley.batch import Status


# The widths of what stands beside a text, in characters.
_CLOCK, _BAR, _SIZES = 12, 20, 22


@contextmanager
def spinner(output: Output, text: str) -> Iterator[None]:
    """Show a text with a spinner on a terminal."""
    if not output.animated:
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - takes long to load
    from rich.text import Text  # noqa: PLC0415

    with Console(stderr=True, highlight=False).status(Text(text)):
        yield


@contextmanager
def task_progress(output: Output, count: int) -> Iterator[Callable[[TaskInfo], None]]:
    """Show the states of tasks; yields the function to call with the task after each poll."""
    states: dict[str, str] = {}
    start = time.monotonic()

    def report(task: TaskInfo, show: Callable[[str], None] | None = None) -> None:
        elapsed = time.monotonic() - start
        state = task.state or ""
        changed = states.get(task.id) != state
        states[task.id] = state
        if show:
            counts = ", ".join(f"{number} {each}" for each, number in Counter(states.values()).items())
            show(printable(f"{task.id}  {state}" if count == 1 else f"{count} tasks: {counts}"))
        elif changed and output.follow:
            document = {"task_id": task.id, "state": state, "elapsed": round(elapsed, 3)}
            output.change(document, f"{task.id}  {state}  {elapsed:.1f} s")
        elif changed:
            output.note(f"{task.id}  {state}  {elapsed:.1f} s")

    if not output.animated or output.follow:
        yield report
        return
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - takes long to load

    text = TextColumn("{task.description}", markup=False, table_column=_one_line(_CLOCK))
    with _progress(SpinnerColumn(), text, TimeElapsedColumn()) as progress:
        line = progress.add_task("not polled yet", total=None)
        yield lambda task: report(task, lambda shown: progress.update(line, description=shown, refresh=True))


@contextmanager
def batch_progress(output: Output) -> Iterator[Callable[[Status], None]]:
    """Show the state of a batch; yields the function to call with its status."""
    from apikley.cli.batches import progress_line  # noqa: PLC0415 - only for batches

    last = ""

    def report(status: Status) -> None:
        nonlocal last
        line = progress_line(status)
        if line != last:
            output.note(line)
        last = line

    if not output.animated:
        yield report
        return
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - takes long to load

    text = TextColumn("{task.description}", markup=False, table_column=_one_line(_BAR + _CLOCK))
    with _progress(SpinnerColumn(), BarColumn(bar_width=_BAR), text, TimeElapsedColumn()) as progress:
        bar = progress.add_task("")

        def update(status: Status) -> None:
            settled = status.total - status.open
            shown = progress_line(status)
            progress.update(bar, description=shown, completed=settled, total=status.total, refresh=True)

        yield update


@contextmanager
def download_progress(output: Output, target: Path) -> Iterator[Callable[[int, int | None], None] | None]:
    """Show a download on a terminal; yields the function to call with the received and the total bytes, if any."""
    if not output.animated:
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn  # noqa: PLC0415 - takes long to load

    name = TextColumn("{task.description}", markup=False, table_column=_one_line(_BAR + _SIZES))
    with _progress(name, BarColumn(bar_width=_BAR), DownloadColumn()) as progress:
        bar = progress.add_task(target.name, total=None)
        yield lambda received, total: progress.update(bar, completed=received, total=total)


def _one_line(reserved: int) -> Column:
    """Return a column that leaves some characters of the line to the others, because a line must not wrap."""
    from rich.console import Console  # noqa: PLC0415 - takes long to load
    from rich.table import Column  # noqa: PLC0415

    width = max(10, Console(stderr=True).width - reserved)
    return Column(no_wrap=True, overflow="ellipsis", max_width=width)


def _progress(*columns: ProgressColumn) -> Progress:
    from rich.console import Console  # noqa: PLC0415 - takes long to load
    from rich.progress import Progress  # noqa: PLC0415

    # Results go to stdout, which Rich would redirect to the terminal.
    return Progress(*columns, console=Console(stderr=True, highlight=False), redirect_stdout=False)
