"""What moves on a terminal while something takes its time; elsewhere plain lines on stderr."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

import apikley_contract
from apikley._model.task import FINISHED
from apikley.cli.output import Output, plain

if TYPE_CHECKING:
    from apikley._model.task import TaskInfo


@contextmanager
def busy(output: Output, doing: str) -> Iterator[None]:
    """Something of which nothing is known but that it goes on."""
    if not output.live:
        yield
        return
    with Console(stderr=True, highlight=False).status(Text(doing)):
        yield


@contextmanager
def watching(output: Output, count: int) -> Iterator[Callable[[TaskInfo], None]]:
    """Tasks that are being waited for; gives what is to be called after each look.

    Args:
        output: Where the changes go.
        count: How many tasks there are.
    """
    watch = _Watch(output, count)
    if not output.live or output.follow:
        yield watch.seen
        return
    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn(), _NextLook(watch))
    # Rich would send stdout, where the results go, to the terminal, too.
    with Progress(*columns, console=console, redirect_stdout=False) as progress:
        line = progress.add_task("not looked at yet", total=None)
        watch.show = lambda words: progress.update(line, description=words, refresh=True)
        yield watch.seen


class _Watch:
    """What has been seen of some tasks."""

    def __init__(self, output: Output, count: int) -> None:
        self.show: Callable[[str], None] | None = None
        self.next_look = float("inf")
        self._output = output
        self._count = count
        self._states: dict[str, str] = {}
        self._start = time.monotonic()

    def seen(self, task: TaskInfo) -> None:
        """One look."""
        elapsed = time.monotonic() - self._start
        every = next(longest for until, _, longest in apikley_contract.poll_schedule() if elapsed < until)
        state = task.state or ""
        self.next_look = float("inf") if state in FINISHED else time.monotonic() + every
        changed = self._states.get(task.id) != state
        self._states[task.id] = state
        if self.show is not None:
            self.show(plain(self._summary(task.id)))
        if not changed:
            return
        if self._output.follow:
            document = {"task_id": task.id, "state": state, "elapsed": round(elapsed, 3)}
            self._output.change(document, f"{task.id}  {state}  {elapsed:.1f} s")
        elif self.show is None:
            self._output.note(f"{task.id}  {state}  {elapsed:.1f} s")

    def _summary(self, task_id: str) -> str:
        if self._count == 1:
            return f"{task_id}  {self._states[task_id]}"
        counts = Counter(self._states.values())
        return f"{self._count} tasks: " + ", ".join(f"{number} {state}" for state, number in counts.items())


class _NextLook(ProgressColumn):
    """Until when the next look comes, by the documented schedule."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def render(self, task: Task) -> Text:  # noqa: ARG002 - Rich's signature
        """The words."""
        left = self._watch.next_look - time.monotonic()
        return Text(f"next look within {max(left, 0):.0f} s" if left < float("inf") else "", style="dim")


@contextmanager
def downloading(output: Output, target: Path) -> Iterator[Callable[[int, int | None], None] | None]:
    """A download; gives what is to be called after each piece, if anything is."""
    if not output.live:
        yield None
        return
    console = Console(stderr=True, highlight=False)
    name = TextColumn("{task.description}", markup=False)
    with Progress(name, BarColumn(), DownloadColumn(), console=console, redirect_stdout=False) as progress:
        bar = progress.add_task(target.name, total=None)
        yield lambda come, total: progress.update(bar, completed=come, total=total)
