"""Progress display: animated on a terminal, otherwise plain lines on stderr."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import apikley_contract
from apikley.cli.output import Output, printable

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

    from apikley import TaskInfo


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

    def report(task: TaskInfo, show: Callable[[str, float], None] | None = None) -> None:
        elapsed = time.monotonic() - start
        state = task.state or ""
        changed = states.get(task.id) != state
        states[task.id] = state
        if show:
            pause = next(longest for until, _, longest in apikley_contract.poll_schedule() if elapsed < until)
            counts = ", ".join(f"{number} {state}" for state, number in Counter(states.values()).items())
            text = f"{task.id}  {state}" if count == 1 else f"{count} tasks: {counts}"
            show(printable(text), float("inf") if task.finished else time.monotonic() + pause)
        elif changed and output.follow:
            document = {"task_id": task.id, "state": state, "elapsed": round(elapsed, 3)}
            output.change(document, f"{task.id}  {state}  {elapsed:.1f} s")
        elif changed:
            output.note(f"{task.id}  {state}  {elapsed:.1f} s")

    if not output.animated or output.follow:
        yield report
        return
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - takes long to load

    text = TextColumn("{task.description}", markup=False)
    next_poll = TextColumn("{task.fields[next_poll]}", style="dim", markup=False)
    with _progress(SpinnerColumn(), text, TimeElapsedColumn(), next_poll) as progress:
        countdown = _Countdown()
        line = progress.add_task("not polled yet", total=None, next_poll=countdown)

        def show(text: str, next_poll: float) -> None:
            countdown.end = next_poll
            progress.update(line, description=text, refresh=True)

        yield lambda task: report(task, show)


@contextmanager
def download_progress(output: Output, target: Path) -> Iterator[Callable[[int, int | None], None] | None]:
    """Show a download on a terminal; yields the function to call with the received and the total bytes, if any."""
    if not output.animated:
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn  # noqa: PLC0415 - takes long to load

    with _progress(TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn()) as progress:
        bar = progress.add_task(target.name, total=None)
        yield lambda received, total: progress.update(bar, completed=received, total=total)


class _Countdown:
    """The time until the next poll, computed whenever it is displayed."""

    end = float("inf")

    def __str__(self) -> str:
        left = self.end - time.monotonic()
        return f"next poll within {max(left, 0):.0f} s" if left < float("inf") else ""


def _progress(*columns: ProgressColumn) -> Progress:
    from rich.console import Console  # noqa: PLC0415 - takes long to load
    from rich.progress import Progress  # noqa: PLC0415

    # Results go to stdout, which Rich would redirect to the terminal.
    return Progress(*columns, console=Console(stderr=True, highlight=False), redirect_stdout=False)
