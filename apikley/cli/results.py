"""Saves and prints the results of tasks, and prints how to resume after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apikley.cli.exit_codes import Interrupted
from apikley.cli.output import Output, columns, format_credits, format_duration
from apikley.cli.progress import download_progress
from apikley.cli.targets import Target
from apikley.errors import ApikleyError, GenerationFailed, NoResult, NotFound, RequestInvalid, ValidationFailed

if TYPE_CHECKING:
    from apikley import Apikley, Task, TaskInfo

# After these errors there is no task to resume.
_FINAL = (GenerationFailed, NotFound, ValidationFailed)


@contextmanager
def resumable(tasks: Sequence[str], command: Callable[..., str]) -> Iterator[None]:
    """Add the command that resumes to each error of the block, and replace KeyboardInterrupt by `Interrupted`.

    Args:
        tasks: The ids of the tasks that are not done yet. The block may change it.
        command: Returns the command line that resumes the tasks with the given ids.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(command(*tasks)) from error
    except (NoResult, RequestInvalid):
        # A second try would fail, too.
        raise
    except (ApikleyError, OSError) as error:
        final = {each.task_id for each in (error, error.__cause__) if isinstance(each, _FINAL)}
        remaining = [each for each in tasks if each not in final]
        if remaining:
            subject = "the task is" if len(remaining) == 1 else "the tasks are"
            error.add_note(f"{subject} kept; resume with: {command(*remaining)}")
        raise


def save_result(output: Output, api: Apikley, task: Task, target: Target, index: int = 0) -> Path:
    """Download one result of a successful task."""
    urls = task.result_urls
    path = target.path(task.id, urls[index] if index < len(urls) else "")
    try:
        with download_progress(output, path) as progress:
            return api.download(task, path, index=index, on_progress=progress, overwrite=target.may_replace(path))
    except FileExistsError:
        target.ask_again()
        raise


def task_document(task: TaskInfo, file: Path | None = None) -> dict[str, Any]:
    """Return a task as JSON values; times in ISO 8601, durations in seconds."""
    plain = ("state", "model", "result_urls", "credits", "fail_code", "fail_message")
    return {
        "task_id": task.id,
        "file": str(file) if file else None,
        **{name: getattr(task, name) for name in plain},
        "duration": task.duration.total_seconds() if task.duration else None,
        "created_at": task.created_at.isoformat() if task.created_at else None,
        "completed_at": task.completed_at.isoformat() if task.completed_at else None,
    }


def task_lines(task: TaskInfo, file: Path | None = None) -> list[str]:
    """Return a task as lines of text."""
    cost = None if task.credits is None else format_credits(task.credits)
    return columns(
        file=file,
        task=task.id,
        state=task.state,
        model=None if file else task.model,
        result=None if file else " ".join(task.result_urls) or None,
        duration=format_duration(task.duration),
        credits="not stated by the service" if file and cost is None else cost,
        failure=" ".join(filter(None, (task.fail_code, task.fail_message))) or None,
    )
