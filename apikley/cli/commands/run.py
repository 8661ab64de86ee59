"""`apikley run` and `apikley create`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from apikley.cli.exit_codes import Interrupted, OutcomeUnknown
from apikley.cli.model_options import ModelCommand
from apikley.cli.options import RESULT, WAITING
from apikley.cli.progress import spinner, task_progress
from apikley.cli.records import record, record_end
from apikley.cli.results import resumable, save_result, task_document, task_lines
from apikley.cli.session import Session
from apikley.cli.targets import Target
from apikley.errors import GenerationFailed

if TYPE_CHECKING:
    from apikley import Apikley, Task


@click.command(cls=ModelCommand, params=[*RESULT, *WAITING])
@click.pass_obj
def run(session: Session, /, *, to: str | None, force: bool, timeout: float, **request: Any) -> None:
    r"""Make a video: create a task, wait for it, and download the result.

    The request is validated first; an invalid request is not sent. A local file is uploaded. Ctrl-C
    while waiting keeps the task and prints the command that resumes.

    For example:

        apikley run --model hailuo/02-image-to-video-pro \
            --prompt "A ship above the rings of Saturn" \
            --image ship.png -o ship.mp4

        apikley run --model hailuo/02-image-to-video-pro --prompt @long.txt \
            --image https://example.com/a.png --format json
    """
    target = Target(to, force=force)
    target.prepare(session.output)
    with session.settings.client() as api:
        # Without -o, `wait` would not save the result.
        place = [*([] if to is not None else ["-o", "."]), *target.arguments]
        task = _create(session, api, request, place)
        with (
            resumable([task.id], lambda *ids: session.command_line("wait", *place, tasks=ids)),
            task_progress(session.output, 1) as report,
        ):
            try:
                task.wait(timeout, on_progress=report)
            except GenerationFailed:
                record_end(session.output, task, None)
                raise
        with resumable([task.id], lambda *ids: session.command_line("download", *target.arguments, tasks=ids)):
            file = save_result(session.output, api, task, target)
    if len(task.result_urls) > 1:
        command = session.command_line("download", *target.next_arguments(), tasks=[task.id])
        session.output.note(f"the task has {len(task.result_urls)} results; download the next one with: {command}")
    record_end(session.output, task, file)
    session.output.result(task_document(task, file), [str(file)] if session.output.quiet else task_lines(task, file))


@click.command(cls=ModelCommand)
@click.pass_obj
def create(session: Session, /, **request: Any) -> None:
    r"""Create a task and print its id, without waiting.

    For example:

        task=$(apikley create --model hailuo/02-image-to-video-pro \
            --prompt "A ship" --image ship.png)

        apikley create --json request.json \
            --callback-url https://example.com/hook
    """
    with session.settings.client() as api:
        task = _create(session, api, request)
    session.output.result({"task_id": task.id}, [task.id])


def _create(session: Session, api: Apikley, request: dict[str, Any], place: Sequence[str] = ()) -> Task:
    """Create a task, and replace KeyboardInterrupt by the error that says whether the task exists.

    Args:
        session: The session.
        api: Its client.
        request: The arguments of `create_raw`.
        place: The arguments that say where the result is saved, for the command that resumes.
    """
    task = None
    try:
        with spinner(session.output, "creating the task"):
            task = api.create_raw(**request)
        session.output.task_id, session.output.goes_on = task.id, True
        model = request["body"].get("model")
        record(session.output, task.id, model=model if isinstance(model, str) else None, base_url=session.address)
        session.output.note(f"task {task.id} created")
    except KeyboardInterrupt as error:
        task_id = task.id if task is not None else getattr(error, "task_id", None)
        if task_id is not None:
            raise Interrupted(session.command_line("wait", *place, tasks=[task_id])) from error
        from apikley._flows.create import NOT_SENT_NOTE  # noqa: PLC0415 - loads the validator, already in use here

        if NOT_SENT_NOTE in getattr(error, "__notes__", ()):
            raise
        raise OutcomeUnknown("interrupted while the task was being created") from error
    return task
