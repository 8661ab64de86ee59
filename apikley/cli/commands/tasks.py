"""`apikley wait`, `task` and `download`: what is done with tasks that exist."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from apikley.cli import results as _results
from apikley.cli.commands.run import WAIT, Follow, Force, Timeout, Where
from apikley.cli.exit_codes import Exit, Unsuccessful
from apikley.cli.progress import watching
from apikley.cli.session import Session
from apikley.cli.targets import Target
from apikley.errors import ConfigurationError

TaskId = Annotated[str, typer.Argument(metavar="ID", help="The task.")]


def wait(
    session: Session,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The tasks.")],
    *,
    to: Where = None,
    force: Force = False,
    timeout: Timeout = WAIT,
    follow: Follow = False,  # noqa: ARG001 - the session's output has it
) -> None:
    """Wait for tasks, and download their results if -o says where to.

    For example:

        apikley wait task_hailuo_1765185328412 -o clip.mp4

        apikley wait task_a task_b -o 'clips/{id}.mp4'
    """
    output = session.output
    waiting = list(dict.fromkeys(ids))
    target = Target(to, force=force)
    if len(waiting) > 1 and target.one_only:
        raise ConfigurationError(f"{to} is one file for {len(waiting)} tasks; name a folder, or put {{id}} in the name")
    if to is not None:
        target.prepare(output, *waiting)
    documents: list[dict[str, Any]] = []
    lines: list[str] = []
    failures: dict[str, str] = {}
    output.so_far = {"tasks": documents}, lines
    try:
        with (
            session.settings.client() as api,
            _results.kept(waiting, lambda *open_ids: session.again("wait", *open_ids, *target.words)),
            watching(output, len(waiting)) as seen,
        ):
            for task in api.wait_many(waiting[:], timeout, on_progress=seen):
                wanted = task.state == "success" and to is not None
                file = _results.save(output, api, task, target) if wanted and task.result_urls else None
                documents.append(_results.document(task, file))
                lines += [*([""] if lines else []), *_results.lines(task, file)]
                waiting.remove(task.id)
                if task.state != "success":
                    reason = task.fail_message or task.fail_code or "no reason is given"
                    failures[task.id] = f"task {task.id} failed: {reason}"
                elif wanted and file is None:
                    failures[task.id] = f"task {task.id} has succeeded, but has no result to download"
    except BaseException:
        for failure in failures.values():
            output.note(f"apikley: {failure}")
        raise
    if failures:
        raise Unsuccessful(Exit.GENERATION_FAILED, [*failures.values()], [*failures])
    output.result({"tasks": documents}, lines)


def task(session: Session, task_id: TaskId) -> None:
    """Look at a task once.

    For example:

        apikley task task_hailuo_1765185328412 --output json
    """
    with session.settings.client() as api:
        seen = api.get_task(task_id)
    session.output.result(_results.document(seen), _results.lines(seen))


def download(
    session: Session,
    task_id: TaskId,
    *,
    to: Where = None,
    force: Force = False,
    index: Annotated[
        int, typer.Option("--index", min=0, metavar="NUMBER", help="Which of several results, from 0.")
    ] = 0,
) -> None:
    """Download the result of a task that has ended.

    For example:

        apikley download task_hailuo_1765185328412 -o clip.mp4
    """
    target = Target(to, force=force, index=index)
    target.prepare(session.output, task_id)
    with (
        session.settings.client() as api,
        _results.kept([task_id], lambda *ids: session.again("download", *ids, *target.words)),
    ):
        seen = api.get_task(task_id)
        seen.raise_for_failure()
        file = _results.save(session.output, api, seen, target, index)
    session.output.result(_results.document(seen, file), _results.lines(seen, file))
