"""`apikley listen`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apikley.cli.exit_codes import Exit, Unsuccessful, failure_of
from apikley.cli.results import kept
from apikley.cli.session import KEY_ON_DISPLAY, Session
from apikley.receiver.listen import Listener, Progress
from apikley.receiver.notes import NOTES, Notes

WEBHOOK_KEY = "APIKLEY_WEBHOOK_KEY"
_KEY = "The key that they are signed with. As an option it shows in the process list: better not."


def listen(
    session: Session,
    *,
    context: typer.Context,
    forward_to: Annotated[str, typer.Option(metavar="URL", help="Where the callbacks go.")],
    webhook_key: Annotated[str, typer.Option(envvar=WEBHOOK_KEY, show_default=False, help=_KEY)],
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK]...", help="The tasks; those in the notes, if none is given.")
    ] = None,
    noted: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"Follow the tasks noted in this file.  [default: {NOTES}]")
    ] = None,
) -> None:
    """Bring callbacks to a machine that the internet cannot reach.

    Polls the given tasks and, when one has ended, delivers the callback that the service would send,
    signed. Without tasks it follows those noted by `apikley.receiver.notes.note`, until Ctrl-C. Whatever
    happens is one line, as JSON too.

    Ctrl-C ends it well where it follows notes; with given tasks that are not delivered, it ends with the
    command that goes on with them.
    """
    output = session.output
    output.follow = True
    source = context.get_parameter_source("webhook_key")
    if source is not None and source.name == "COMMANDLINE":
        output.note(KEY_ON_DISPLAY.format("--webhook-key", WEBHOOK_KEY))
    last: dict[str, str] = {}

    def tell(news: Progress) -> None:
        last[news.task_id] = news.what
        output.change({"task_id": news.task_id, "what": news.what}, f"{news.task_id}  {news.what}")

    def again(*ids: str) -> str:
        following = ["--noted", str(noted)] if noted else []
        return session.again("listen", "--forward-to", forward_to, *following, *ids)

    settings = session.settings
    with settings.client() as api:
        notes = Notes(noted or NOTES, settings.api_key.value) if noted or not tasks else None
        listener = Listener(api, forward_to, webhook_key, notes=notes, on_progress=tell)
        for task_id in tasks or ():
            listener.add(task_id)
        try:
            if notes:
                output.note(f"following {notes.path} until Ctrl-C")
            listener.run()
        except (KeyboardInterrupt, OSError) as error:
            given = [task_id for task_id in listener.open if task_id in (tasks or ())]
            with kept(given, again):
                if given or isinstance(error, OSError):
                    raise
            output.note("stopped")  # what is noted is found again without being named
    if listener.failed:
        # Why a task could not be looked at; what was not delivered failed on this machine.
        failure = failure_of(why) if (why := listener.errors.get(listener.failed[0])) else None
        reasons = [f"task {task_id}: {last[task_id]}" for task_id in listener.failed]
        raise Unsuccessful(failure.code if failure else Exit.FAILED, reasons, listener.failed)
