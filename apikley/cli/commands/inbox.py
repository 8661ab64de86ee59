"""`apikley inbox`: lists a receiver's inbox and replays dead events."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

import click

from apikley.cli.constants import INBOX_VARIABLE
from apikley.cli.exit_codes import CommandFailed, Exit
from apikley.cli.options import warn_of_visible_password
from apikley.cli.output import table
from apikley.cli.session import Session, SessionCommand
from apikley.errors import ConfigurationError
from apikley.receiver.inbox.rows import Status

if TYPE_CHECKING:
    from apikley.receiver import Inbox, PendingCallback


WHERE: list[click.Parameter] = [
    click.Option(
        ["--inbox", "where"],
        envvar=INBOX_VARIABLE,
        show_envvar=True,
        metavar="PLACE",
        callback=warn_of_visible_password,
        help="A SQLite file, or the URL of a PostgreSQL database.  [default: inbox.db in your data folder]",
    )
]


@click.group()
def inbox() -> None:
    """List a receiver's inbox and replay dead events."""


@inbox.command("list", cls=SessionCommand, takes_settings=False, params=[*WHERE])
@click.option("--status", type=click.Choice(get_args(Status)), help="Only events with this status.")
@click.option(
    "--limit", type=click.IntRange(1, 2**63 - 1), default=100, help="The maximum number of events, latest first."
)
@click.pass_obj
def list_events(session: Session, *, where: str | None, status: Any, limit: int) -> None:
    """List the events in the inbox."""
    with _open(where) as opened:
        events = opened.rows(status, limit=limit)
    rows = [(each.event_id, each.status, each.attempts, _time(each.received_at), each.error) for each in events]
    _print(session, "events", ("event", "status", "attempts", "received", "error"), rows)


@inbox.command(cls=SessionCommand, takes_settings=False, params=[*WHERE])
@click.pass_obj
def expected(session: Session, *, where: str) -> None:
    """List the tasks whose callback is expected."""
    with _open(where) as opened:
        rows = [
            (each.task_id, each.token, _time(each.noted_at), _next_poll(each)) for each in opened.pending_callbacks()
        ]
    _print(session, "expected", ("task", "token", "since", "next_poll"), rows)


@inbox.command(cls=SessionCommand, takes_settings=False, params=[*WHERE])
@click.argument("events", metavar="[EVENT]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Replay all dead events.")
@click.pass_obj
def replay(session: Session, *, where: str | None, events: tuple[str, ...], everything: bool) -> None:
    """Replay dead events: a receiver of this inbox handles them again."""
    if bool(events) == everything:
        raise click.UsageError("name the events to replay, or use --all")
    with _open(where) as opened:
        replayed = opened.replay(time.time(), [*events] or None)
    missing = sorted({*events} - {*replayed})
    session.output.result({"replayed": replayed, "not_dead": missing}, replayed)
    if missing:
        raise CommandFailed(Exit.FAILED, [f"not dead, so not replayed: {', '.join(missing)}"])


def _open(where: str | None) -> Inbox:
    from apikley.receiver import Inbox  # noqa: PLC0415 - needs the extra `receiver`

    if where == "":
        raise ConfigurationError("--inbox is empty; name a SQLite file, or the URL of a PostgreSQL database")
    if where is not None:
        return Inbox(where, create=False)
    from apikley.receiver.inbox.places import default_inbox  # noqa: PLC0415

    place = default_inbox()
    if not place.exists():
        raise ConfigurationError(f"there is no inbox {place}; name it with --inbox")
    return Inbox(place, create=False)


def _print(session: Session, title: str, names: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    documents = [dict(zip(names, row, strict=True)) for row in rows]
    session.output.result({title: documents}, table(names, [tuple(row.values()) for row in documents]))


def _next_poll(row: PendingCallback) -> str:
    if row.task_id is None:
        return "waits for its callback"
    return "given up" if row.due_at is None else _time(row.due_at)


def _time(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="seconds")
