"""`apikley batch status`, `pause`, `resume`, `retry`, `resolve` and `export`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apikley.cli.batches import (
    BATCH,
    DATABASE,
    find_batch,
    open_ledger,
    run_command,
    seconds_of,
    status_document,
    status_lines,
)
from apikley.cli.exit_codes import CommandFailed, Exit
from apikley.cli.output import Output, format_credits, printable
from apikley.cli.progress import batch_progress
from apikley.cli.session import Session, SessionCommand
from apikley.errors import ConfigurationError

if TYPE_CHECKING:
    from apikley.batch import Ledger, Status
    from apikley.batch.ledger.rows import BatchRecord, State

_WATCH_PAUSE = 2.0  # seconds


@click.command(cls=SessionCommand, takes_settings=False, params=[*BATCH])
@click.option("--watch", is_flag=True, help="Refresh until every row is settled, or Ctrl-C.")
@click.pass_obj
def status(session: Session, *, folder: Path | None, database: str | None, name: str | None, watch: bool) -> None:
    """Show the state of a batch: rows, credits, workers, the time left and the last errors.

    For example:

        apikley batch status videos --watch
    """
    with open_ledger(folder, database) as ledger:
        batch = find_batch(ledger, name)
        if watch:
            _watch(session.output, ledger, batch)
        current = ledger.status(batch.name)
    session.output.result(status_document(current, batch.max_running), status_lines(current, batch.max_running))


@click.command(cls=SessionCommand, takes_settings=False, params=[*BATCH])
@click.pass_obj
def pause(session: Session, *, folder: Path | None, database: str | None, name: str | None) -> None:
    """Let no worker create tasks until `resume`. Tasks that run go on.

    For example:

        apikley batch pause videos
    """
    with open_ledger(folder, database) as ledger:
        batch = find_batch(ledger, name)
        ledger.pause(batch.id, "paused by a user", by_user=True)
    session.output.result({"name": batch.name, "paused": True}, [f"{batch.name} is paused"])


@click.command(cls=SessionCommand, takes_settings=False, params=[*BATCH])
@click.pass_obj
def resume(session: Session, *, folder: Path | None, database: str | None, name: str | None) -> None:
    """End a pause. Start the workers again if they have ended.

    For example:

        apikley batch resume videos
    """
    with open_ledger(folder, database) as ledger:
        batch = find_batch(ledger, name)
        was_paused = ledger.resume(batch.id, by_user=True)
    command = run_command(folder, database, batch.name)
    line = f"{batch.name} {'is resumed' if was_paused else 'was not paused'}; start a worker with: {command}"
    session.output.result({"name": batch.name, "paused": False}, [line])


@click.command(cls=SessionCommand, takes_settings=False, params=[*BATCH])
@click.option("--failed", is_flag=True, help="Failed and refused rows.")
@click.option("--code", metavar="CODE", help="Only rows that failed with this code.")
@click.option("--unknown", is_flag=True, help="Rows of unknown outcome, which may be paid a second time.")
@click.option(
    "--older-than",
    metavar="TIME",
    callback=seconds_of,
    help="Only unknown rows that were sent longer ago, such as 24h.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def retry(
    session: Session,
    *,
    folder: Path | None,
    database: str | None,
    name: str | None,
    failed: bool,
    code: str | None,
    unknown: bool,
    older_than: float | None,
    yes: bool,
) -> None:
    """Plan settled rows again. The next run creates a new task for each, which costs credits.

    A row whose task has succeeded only saves its result again.

    For example:

        apikley batch retry videos --failed --code 501

        apikley batch retry videos --unknown --older-than 24h
    """
    if failed == unknown:
        raise click.UsageError("choose --failed or --unknown")
    if unknown and older_than is None:
        raise click.UsageError("--unknown needs --older-than, such as --older-than 24h")
    if (unknown and code is not None) or (failed and older_than is not None):
        raise click.UsageError("--code belongs to --failed, and --older-than to --unknown")
    states: tuple[State, ...] = ("unknown",) if unknown else ("failed", "refused")
    before = None if older_than is None else time.time() - older_than
    with open_ledger(folder, database) as ledger:
        batch = find_batch(ledger, name)
        count = ledger.retry(batch.id, states, code=code, sent_before=before, only_count=True)
        if unknown and count and not yes:
            _ask(session, count, ledger.status(batch.name).price)
        planned = ledger.retry(batch.id, states, code=code, sent_before=before)
    line = f"{planned:,} row{'s' * (planned != 1)} planned again"
    if planned:
        line += f"; go on with: {run_command(folder, database, batch.name)}"
    session.output.result({"planned": planned}, [line])


@click.command(cls=SessionCommand, takes_settings=False, params=[*DATABASE])
@click.argument("place", metavar="[DIR] ROW", nargs=-1, required=True)
@click.option("--task", "task_id", metavar="ID", help="The row's task, found in your account.")
@click.option("--not-made", is_flag=True, help="No task was made: plan the row again.")
@click.pass_obj
def resolve(
    session: Session,
    *,
    place: tuple[str, ...],
    database: str | None,
    name: str | None,
    task_id: str | None,
    not_made: bool,
) -> None:
    """Settle a row of unknown outcome: name its task, or say that none was made.

    For example:

        apikley batch resolve videos A7 --task task_hailuo_1765185328412

        apikley batch resolve videos A8 --not-made
    """
    if (task_id is None) != not_made:
        raise click.UsageError("choose --task ID or --not-made")
    if task_id is not None and not task_id.strip():
        raise click.UsageError("--task is empty; name the task that you have found in your account")
    if len(place) > 2:
        raise click.UsageError("name one folder and one row")
    folder = Path(place[0]) if len(place) == 2 else None
    with open_ledger(folder, database) as ledger:
        batch = find_batch(ledger, name)
        ledger.resolve(batch.id, place[-1], task_id)
    session.output.result(
        {"row": place[-1], "task_id": task_id},
        [f"{place[-1]} " + ("is planned again" if task_id is None else f"has task {task_id}")],
    )


@click.command(cls=SessionCommand, takes_settings=False, params=[*DATABASE])
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("-o", "--out", "folder", metavar="DIR", type=click.Path(path_type=Path), help="The output folder.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.pass_obj
def export(
    session: Session, *, file: Path, folder: Path | None, database: str | None, name: str | None, force: bool
) -> None:
    """Write the rows of a batch to a CSV, JSONL or Parquet file.

    For example:

        apikley batch export report.csv --out videos
    """
    with open_ledger(folder, database) as ledger:
        from apikley.batch.run.manifest import export_rows  # noqa: PLC0415 - needs the extra `batch`

        if file.exists() and not force:
            raise ConfigurationError(f"{file} exists; --force replaces it")
        count = export_rows(ledger, find_batch(ledger, name).id, file, overwrite=force)
    session.output.result({"file": str(file), "rows": count}, [f"{file}: {count} rows"])


def _watch(output: Output, ledger: Ledger, batch: BatchRecord) -> None:
    """Show each state of a batch until all rows are settled, it is paused without workers, or Ctrl-C is pressed."""
    from apikley._flows.clock import Clock  # noqa: PLC0415 - `batch --help` loads this module

    clock = Clock()
    with suppress(KeyboardInterrupt), _shown(output, batch) as show:
        while (current := ledger.status(batch.name)).open and not (current.paused and not current.workers):
            show(current)
            clock.sleep(_WATCH_PAUSE)


@contextmanager
def _shown(output: Output, batch: BatchRecord) -> Iterator[Callable[[Status], object]]:
    """Show states of a batch: all of them on a terminal, otherwise one line for each change."""
    if not output.animated:
        with batch_progress(output) as report:
            yield report
        return
    from rich.console import Console  # noqa: PLC0415 - takes long to load
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    with Live(console=console, transient=True, auto_refresh=False, redirect_stdout=False) as live:
        yield lambda status: live.update(
            Text(printable("\n".join(status_lines(status, batch.max_running)))), refresh=True
        )


def _ask(session: Session, count: int, price: float | None) -> None:
    rows = f"{count:,} row{'s' * (count != 1)}"
    cost = "" if price is None else f", up to {format_credits(count * price)} credits"
    if not session.output.can_ask:
        raise ConfigurationError(f"{rows} may be paid a second time{cost}; --yes plans them again without asking")
    if not click.confirm(f"{rows} may have tasks that are paid already. Pay again{cost}?", err=True):
        raise CommandFailed(Exit.INVALID, ["no row was planned again"])
