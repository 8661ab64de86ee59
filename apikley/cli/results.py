"""From a task to its result: waiting, downloading, and what is printed of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apikley.cli.exit_codes import Stopped
from apikley.cli.output import Output, amount, pairs, seconds
from apikley.cli.progress import downloading
from apikley.cli.targets import Target
from apikley.errors import ApikleyError, GenerationFailed, NoResult, NotFound, RequestInvalid, ValidationFailed

if TYPE_CHECKING:
    from apikley import Apikley, Task

# The task that such an error is about does not go on.
_OVER = (GenerationFailed, NotFound, ValidationFailed)


def stopped(command: str) -> Stopped:
    """What takes the place of Ctrl-C where a task is under way."""
    error = Stopped("interrupted; the task goes on")
    error.add_note(f"go on with: {command}")
    return error


@contextmanager
def kept(tasks: Sequence[str], command: Callable[..., str]) -> Iterator[None]:
    """Say how to go on, whatever ends the work on tasks that exist.

    Args:
        tasks: The ids of those that are not dealt with yet; may shrink meanwhile.
        command: Gives the command line that goes on with the tasks whose ids it is called with.

    Raises:
        Stopped: In place of Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise stopped(command(*tasks)) from error
    except (NoResult, RequestInvalid):
        # Another try would end alike.
        raise
    except (ApikleyError, OSError) as error:
        over = {each.task_id for each in (error, error.__cause__) if isinstance(each, _OVER)}
        going_on = [each for each in tasks if each not in over]
        if going_on:
            words = "the task is" if len(going_on) == 1 else "the tasks are"
            error.add_note(f"{words} kept; go on with: {command(*going_on)}")
        raise


def save(output: Output, api: Apikley, task: Task, target: Target, index: int = 0) -> Path:
    """Download one result of a task that has succeeded."""
    urls = task.result_urls
    url = urls[index] if -len(urls) <= index < len(urls) else ""
    path = target.path(task.id, url)
    with downloading(output, path) as progress:
        return api.download(task, path, index=index, on_progress=progress)


def document(task: Task, file: Path | None = None) -> dict[str, Any]:
    """A task for a reader that is a program; times in ISO 8601, durations in seconds."""
    return {
        "task_id": task.id,
        "state": str(task.state) if task.state else None,
        "model": task.model,
        "file": str(file) if file else None,
        "result_urls": task.result_urls,
        "credits": task.credits,
        "duration": task.duration.total_seconds() if task.duration else None,
        "created_at": task.created_at.isoformat() if task.created_at else None,
        "completed_at": task.completed_at.isoformat() if task.completed_at else None,
        "fail_code": task.fail_code,
        "fail_message": task.fail_message,
    }


def lines(task: Task, file: Path | None = None) -> list[str]:
    """The same for people."""
    cost = None if task.credits is None else amount(task.credits)
    reason = " ".join(filter(None, (task.fail_code, task.fail_message)))
    return pairs(
        file=file,
        task=task.id,
        state=task.state,
        model=None if file else task.model,
        result=None if file else " ".join(task.result_urls) or None,
        duration=seconds(task.duration),
        credits="not said by the service" if file and cost is None else cost,
        failure=reason or None,
    )
