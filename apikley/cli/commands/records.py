"""`apikley tasks`: lists the tasks that this machine has created."""

from __future__ import annotations

from typing import Any

import click

from apikley.cli.exit_codes import CommandFailed, Exit
from apikley.cli.output import table
from apikley.cli.records import read_records, records_file
from apikley.cli.session import Session, SessionCommand

_NAMES = ("task_id", "model", "state", "created_at", "credits", "file")


@click.command(cls=SessionCommand, takes_settings=False)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The maximum number of tasks.")
@click.pass_obj
def tasks(session: Session, *, limit: int) -> None:
    """List the tasks that this machine has created.

    The latest is last. The states are those that `run`, `create`, `wait` and `download` saw last;
    `apikley task ID` asks the service. Set APIKLEY_TASKS=off to keep no list, or to a file to keep
    it elsewhere.

    For example:

        apikley tasks --limit 5
    """
    if records_file() is None:
        raise CommandFailed(Exit.FAILED, ["no list is kept: APIKLEY_TASKS is off, or this user has no home folder"])
    documents: list[dict[str, Any]] = [{name: each.get(name) for name in _NAMES} for each in read_records()[-limit:]]
    session.output.result({"tasks": documents}, table(_NAMES, [tuple(each.values()) for each in documents]))
