"""`apikley wait`, `apikley task` and `apikley download`: commands for existing tasks."""

from __future__ import annotations

from typing import Any

import click

from apikley.cli.exit_codes import CommandFailed, Exit
from apikley.cli.options import RESULT, WAITING
from apikley.cli.progress import task_progress
from apikley.cli.records import record_end
from apikley.cli.results import resumable, save_result, task_document, task_lines
from apikley.cli.session import Session, SessionCommand
from apikley.cli.targets import Target
from apikley.errors import ConfigurationError


@click.command(cls=SessionCommand, params=[*RESULT, *WAITING])
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.pass_obj
def wait(session: Session, *, ids: tuple[str, ...], to: str | None, force: bool, timeout: float) -> None:
    """Wait for tasks, and download their results if -o is given.

    With several tasks, -o is a folder or a name with {id} in it.

    For example:

        apikley wait task_hailuo_1765185328412 -o clip.mp4

        apikley wait task_a task_b -o 'clips/{id}.mp4'
    """
    output = session.output
    waiting = list(dict.fromkeys(ids))
    output.goes_on = True
    if len(waiting) == 1:
        output.task_id = waiting[0]
    target = Target(to, force=force)
    if len(waiting) > 1 and target.single:
        raise ConfigurationError(
            f"{to} is one file for {len(waiting)} tasks; name a folder, or put {{id}} into the name"
        )
    if to is not None:
        target.prepare(output, *waiting)
    documents: list[dict[str, Any]] = []
    lines: list[str] = []
    failures: dict[str, str] = {}
    output.result({"tasks": documents}, lines)
    try:
        with (
            session.settings.client() as api,
            resumable(waiting, lambda *rest: session.command_line("wait", *target.arguments, tasks=rest)),
            task_progress(output, len(waiting)) as report,
        ):
            for task in api.wait_many(waiting[:], timeout, on_progress=report):
                save = task.succeeded and to is not None
                file = save_result(output, api, task, target) if save and task.result_urls else None
                record_end(output, task, file)
                documents.append(task_document(task, file))
                lines += [*([""] if lines else []), *task_lines(task, file)]
                waiting.remove(task.id)
                if not task.succeeded:
                    reason = task.fail_message or task.fail_code or "the service gave no reason"
                    failures[task.id] = f"task {task.id} failed: {reason}"
                elif save and file is None:
                    failures[task.id] = f"task {task.id} succeeded, but has no result to download"
    except BaseException:
        for failure in failures.values():
            output.note(f"apikley: {failure}")
        raise
    if failures:
        raise CommandFailed(Exit.GENERATION_FAILED, [*failures.values()], [*failures])


@click.command(cls=SessionCommand)
@click.argument("task_id", metavar="ID")
@click.pass_obj
def task(session: Session, *, task_id: str) -> None:
    """Poll a task once.

    For example:

        apikley task task_hailuo_1765185328412 --format json
    """
    session.output.task_id = task_id
    with session.settings.client() as api:
        polled = api.get_task(task_id)
    session.output.result(task_document(polled), task_lines(polled))


@click.command(cls=SessionCommand, params=[*RESULT])
@click.argument("task_id", metavar="ID")
@click.option(
    "--index", type=click.IntRange(min=0), default=0, metavar="NUMBER", help="Which of several results, from 0."
)
@click.pass_obj
def download(session: Session, *, task_id: str, to: str | None, force: bool, index: int) -> None:
    """Download the result of a finished task.

    For example:

        apikley download task_hailuo_1765185328412 -o clip.mp4
    """
    target = Target(to, force=force, index=index)
    session.output.task_id = task_id
    target.prepare(session.output, task_id)
    with (
        session.settings.client() as api,
        resumable([task_id], lambda *ids: session.command_line("download", *target.arguments, tasks=ids)),
    ):
        polled = api.get_task(task_id)
        polled.raise_for_failure()
        if not polled.finished:
            wait = session.command_line("wait", *(target.arguments if to else ["-o", "."]), tasks=[task_id])
            reason = f"task {task_id} has not finished (state {polled.state}); wait for it with: {wait}"
            raise CommandFailed(Exit.UNFINISHED, [reason])
        file = save_result(session.output, api, polled, target, index)
    record_end(session.output, polled, file)
    session.output.result(task_document(polled, file), task_lines(polled, file))
