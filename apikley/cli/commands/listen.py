"""`apikley listen`."""

from __future__ import annotations

from pathlib import Path

import click

from apikley.cli.constants import WEBHOOK_KEY_VARIABLE
from apikley.cli.exit_codes import CommandFailed, Exit, failure_of
from apikley.cli.options import warn_of_visible_key
from apikley.cli.results import resumable
from apikley.cli.session import Session, SessionCommand
from apikley.receiver.listen import Listener
from apikley.receiver.notes import NOTES, Notes


@click.command(cls=SessionCommand)
@click.argument("tasks", metavar="[TASK]...", nargs=-1)
@click.option("--forward-to", metavar="URL", required=True, help="Where callbacks are delivered.")
@click.option(
    "--webhook-key",
    metavar="KEY",
    required=True,
    envvar=WEBHOOK_KEY_VARIABLE,
    show_envvar=True,
    callback=warn_of_visible_key,
    help="The key that signs callbacks. Prefer the environment: the process list shows options.",
)
@click.option("--noted", metavar="FILE", help=f"Also follow the tasks that are noted in this file. [default: {NOTES}]")
@click.pass_obj
def listen(session: Session, *, tasks: tuple[str, ...], forward_to: str, webhook_key: str, noted: str | None) -> None:
    """Deliver callbacks to a machine that the internet cannot reach.

    Polls the tasks and delivers for each finished task the signed callback that the service would send.
    Without TASK it follows the tasks noted by `apikley.receiver.notes.note` until Ctrl-C. Each change is
    printed on one line, with --format json too.

    If given tasks are not delivered at Ctrl-C, the command that resumes is printed.

    For example:

        apikley listen --forward-to http://localhost:3000/hook
    """
    output = session.output
    output.follow = True
    last: dict[str, str] = {}

    def report(task_id: str, what: str) -> None:
        last[task_id] = what
        output.change({"task_id": task_id, "what": what}, f"{task_id}  {what}")

    def resume(*ids: str) -> str:
        notes = ["--noted", noted] if noted else []
        return session.command_line("listen", "--forward-to", forward_to, *notes, tasks=ids)

    settings = session.settings
    with settings.client() as api:
        notes = Notes(Path(noted or NOTES), settings.api_key.value) if noted or not tasks else None
        listener = Listener(api, forward_to, webhook_key, notes=notes, on_progress=report)
        for task_id in tasks:
            listener.add(task_id)
        try:
            if notes:
                output.note(f"following {notes.path} until Ctrl-C")
            listener.run()
        except (KeyboardInterrupt, OSError) as error:
            remaining = [task_id for task_id in listener.open if task_id in tasks]
            with resumable(remaining, resume):
                if remaining or isinstance(error, OSError):
                    raise
            output.note("stopped")  # the file still names the noted tasks
    if listener.failed:
        # A task that could not be polled has an error; a failed delivery is a local problem.
        cause = listener.errors.get(listener.failed[0])
        failure = failure_of(cause) if cause else None
        reasons = [f"task {task_id}: {last[task_id]}" for task_id in listener.failed]
        raise CommandFailed(failure.code if failure else Exit.FAILED, reasons, listener.failed)
