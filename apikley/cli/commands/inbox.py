"""`apikley inbox …`: what is in a receiver's inbox, and having the dead handled again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from apikley.cli.exit_codes import Exit, Unsuccessful
from apikley.cli.session import Session, command
from apikley.errors import ConfigurationError
from apikley.receiver.inbox.rows import INBOX

if TYPE_CHECKING:
    from apikley.receiver import Inbox, PendingCallback

Where = Annotated[
    str,
    typer.Option(
        "--inbox",
        envvar="APIKLEY_INBOX",
        metavar="PLACE",
        help="A SQLite file, or the URL of a PostgreSQL database.",
    ),
]


def show(
    session: Session,
    *,
    where: Where = INBOX,
    status: Annotated[
        Literal["pending", "done", "dead", "refused"] | None, typer.Option(help="Only those that stand so.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=2**63 - 1, metavar="NUMBER", help="At most so many, latest first.")
    ] = 100,
) -> None:
    """List the endings of tasks, and what became of them."""
    with _opened(where) as inbox:
        entries = inbox.rows(status, limit=limit)
    rows = [
        {
            "key": entry.event_id,
            "status": entry.status,
            "attempts": entry.attempts,
            "received": _time(entry.received_at),
            "error": entry.error,
        }
        for entry in entries
    ]
    session.output.result({"endings": rows}, _table(("key", "status", "attempts", "received", "error"), rows))


def expected(session: Session, *, where: Where = INBOX) -> None:
    """List the jobs whose callback is waited for."""
    with _opened(where) as inbox:
        jobs = inbox.pending_callbacks()
    rows = [
        {
            "task": job.task_id,
            "token": job.token,
            "noted": _time(job.noted_at),
            "asked next": _next(job),
        }
        for job in jobs
    ]
    session.output.result({"expected": rows}, _table(("task", "token", "noted", "asked next"), rows))


def replay(
    session: Session,
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Which ones.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that are dead.")] = False,
    where: Where = INBOX,
) -> None:
    """Have dead endings handled again, by whichever receiver works on the inbox."""
    if bool(keys) == everything:
        raise typer.BadParameter("name the keys to replay, or say --all")
    with _opened(where) as inbox:
        replayed = inbox.replay(time.time(), keys or None)
    missing = sorted(set(keys or ()) - set(replayed))
    session.output.so_far = {"replayed": replayed, "not_dead": missing}, replayed
    if missing:
        raise Unsuccessful(Exit.FAILED, [f"not dead, so not replayed: {', '.join(missing)}"])
    session.output.result(*session.output.so_far)


def group() -> typer.Typer:
    """The three commands as one."""
    app = typer.Typer(
        help="Look into a receiver's inbox, and replay what is dead.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
    )
    for name, function in (("list", show), ("expected", expected), ("replay", replay)):
        app.command(name)(command(function, settings=False))
    return app


def _opened(where: str) -> Inbox:
    from apikley.receiver import Inbox  # noqa: PLC0415 - needs the extra `receiver`

    if not where:
        raise ConfigurationError("--inbox is empty; name a SQLite file, or the URL of a PostgreSQL database")
    if where == INBOX and not Path(where).exists():
        raise ConfigurationError(f"there is no inbox {where}; name it with --inbox")
    # Whoever looks into a place changes nothing there.
    return Inbox(where, create=False)


def _table(names: Sequence[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    lines = [names, *([str(row[name] if row[name] is not None else "") for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _next(job: PendingCallback) -> str:
    if job.task_id is None:
        return "waits for its callback"
    return "given up" if job.due_at is None else _time(job.due_at)


def _time(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds")
