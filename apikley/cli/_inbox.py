"""`apikley inbox …`: what is in a receiver's inbox, and having the dead handled again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apikley.errors import ConfigurationError

if TYPE_CHECKING:
    from apikley.receiver import Inbox

app = typer.Typer(help="Look into a receiver's inbox, and replay what is dead.", no_args_is_help=True)

Where = Annotated[
    str,
    typer.Option(
        "--inbox",
        envvar="APIKLEY_INBOX",
        metavar="PLACE",
        help="A SQLite file, or the URL of a PostgreSQL database.",
    ),
]
DEFAULT = "apikley-inbox.db"


@app.command("list")
def show(
    where: Where = DEFAULT,
    status: Annotated[
        Literal["pending", "done", "dead", "refused"] | None, typer.Option(help="Only those that stand so.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, latest first.")] = 100,
) -> None:
    """List the endings of tasks, and what became of them."""
    with _opened(where) as inbox:
        entries = inbox.entries(status, limit=limit)
    rows = [
        (entry.key, entry.status, str(entry.attempts), _time(entry.received_at), entry.error or "") for entry in entries
    ]
    _print(("key", "status", "attempts", "received", "error"), rows)


@app.command()
def expected(where: Where = DEFAULT) -> None:
    """List the jobs whose callback is waited for."""
    with _opened(where) as inbox:
        jobs = inbox.expectations()
    rows = [
        (
            job.task_id or "",
            job.token or "",
            _time(job.noted_at),
            "given up" if job.due_at is None else _time(job.due_at),
        )
        for job in jobs
    ]
    _print(("task", "token", "noted", "asked next"), rows)


@app.command()
def replay(
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Which ones.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that are dead.")] = False,
    where: Where = DEFAULT,
) -> None:
    """Have dead endings handled again, by whichever receiver works on the inbox."""
    if bool(keys) == everything:
        raise typer.BadParameter("name the keys to replay, or say --all")
    with _opened(where) as inbox:
        replayed = inbox.replay(time.time(), keys or None)
    for key in replayed:
        print(key)
    missing = sorted(set(keys or ()) - set(replayed))
    if missing:
        print(f"apikley: not dead, so not replayed: {', '.join(missing)}", file=sys.stderr)
        raise typer.Exit(1)


def _opened(where: str) -> Inbox:
    from apikley.receiver import Inbox  # noqa: PLC0415 - needs the extra `receiver`

    # Looking into a file that is not there would make it.
    if "://" not in where and not Path(where).exists():
        raise ConfigurationError(f"there is no inbox {where}; name it with --inbox")
    return Inbox(where)


def _print(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(highlight=False, soft_wrap=True).print(table)


def _time(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds")
