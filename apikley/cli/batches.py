"""What the batch commands share: which batch, how to show it, and how it ended."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from apikley.batch.ledger import LEDGER
from apikley.cli.constants import BATCH_DATABASE_VARIABLE
from apikley.cli.exit_codes import CommandFailed, Exit
from apikley.cli.options import warn_of_visible_password
from apikley.cli.output import format_credits, printable, table
from apikley.errors import ConfigurationError

if TYPE_CHECKING:
    from apikley.batch import Batch, Ledger, Status
    from apikley.batch.ledger.rows import BatchRecord, State

_STATES: tuple[State, ...] = ("planned", "sending", "running", "done", "failed", "refused", "unknown")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


DATABASE: list[click.Parameter] = [
    click.Option(
        ["--database"],
        envvar=BATCH_DATABASE_VARIABLE,
        show_envvar=True,
        metavar="PLACE",
        callback=warn_of_visible_password,
        help="The ledger: a SQLite file or a PostgreSQL URL.  [default: batch.db in the output folder]",
    ),
    click.Option(["--name"], metavar="NAME", help="The name of the batch in its ledger."),
]
# Which batch a command is about.
BATCH: list[click.Parameter] = [
    click.Argument(["folder"], metavar="[DIR]", required=False, type=click.Path(path_type=Path)),
    *DATABASE,
]


def open_ledger(folder: Path | None, database: str | None) -> Ledger:
    """Open the ledger in an output folder or a database. It must exist. A named folder comes before the environment.

    Raises:
        ConfigurationError: Neither is named, or there is no ledger.
        UsageError: Both are named.
    """
    from apikley.batch import Ledger  # noqa: PLC0415 - needs the extra `batch`

    if folder is not None and database is not None and _is_typed("database"):
        raise click.UsageError("name an output folder or --database, not both")
    if database is None or folder is not None:
        place = (folder or Path()) / LEDGER
        if not place.exists():
            where = "this folder" if folder is None else str(folder)
            raise ConfigurationError(f"there is no ledger in {where}; name the output folder of a batch, or --database")
        return Ledger(place, create=False)
    return Ledger(database, create=False)


def find_batch(ledger: Ledger, name: str | None) -> BatchRecord:
    """Return the named batch of a ledger, or its only one.

    Raises:
        ConfigurationError: There is no such batch, or there are several.
    """
    ledger.check_version()
    found = ledger.batches()
    names = ", ".join(repr(each.name) for each in found) or "none"
    if name is None and len(found) != 1:
        raise ConfigurationError(f"{ledger.place} has these batches: {names}; choose one with --name")
    for each in found:
        if name in (None, each.name):
            return each
    raise ConfigurationError(f"there is no batch {name!r} in {ledger.place}; known batches: {names}")


def run_command(folder: Path | None, database: str | None, name: str) -> str:
    """Return the command line that goes on with a batch."""
    place = ["--out", str(folder or Path())]
    if database is not None and folder is None:
        place = place_arguments("database", database)
    return shlex.join(["apikley", "batch", "run", *place, "--name", name])


def place_arguments(option: str, place: str | None) -> list[str]:
    """Return an option that names a database, without its password; nothing if the environment names it."""
    if place is None or not _is_typed(option):
        return []
    hidden = re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", place)
    return [f"--{option}", re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", hidden)]


def _is_typed(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


def _is_from_environment(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is ParameterSource.ENVIRONMENT


def seconds_of(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:  # noqa: ARG001
    """Read a duration such as 90m, 24h or 3d."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is not a duration such as 90m, 24h or 3d.")
    return float(match[1]) * _UNITS[match[2]]


def pairs_of(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:  # noqa: ARG001
    """Read options of the form NAME=VALUE."""
    pairs = {}
    for each in values:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{each!r} has no form NAME=VALUE.")
        pairs[name.strip()] = value
    return pairs


def status_document(status: Status, max_running: int | None = None) -> dict[str, Any]:
    """Return the state of a batch as JSON values."""
    names = ("name", "saving", "spent", "reserved", "max_credits", "price", "paused", "workers")
    more = ("seconds_per_video", "creates_per_minute")
    seconds = seconds_left(status, max_running)
    return {
        **{name: getattr(status, name) for name in (*names, *more)},
        "rows": {state: status.rows.get(state, 0) for state in _STATES},
        "seconds_left": seconds,
        "errors": [{"row": row, "code": code, "message": message} for row, code, message in status.errors],
    }


def seconds_left(status: Status, max_running: int | None = None) -> float | None:
    """Return how long a batch still takes; None if no task has ended yet.

    Args:
        status: Its state.
        max_running: How many of its tasks run at a time, if fewer than the service allows.
    """
    from apikley.batch.table.plan import estimate  # noqa: PLC0415 - needs the contract

    if status.seconds_per_video is None or not status.open:
        return None
    return estimate(status.open, seconds_per_video=status.seconds_per_video, max_running=max_running).seconds


def status_lines(status: Status, max_running: int | None = None) -> list[str]:
    """Return the state of a batch as lines of text."""
    from apikley.batch.table.plan import duration  # noqa: PLC0415 - needs the contract

    counts = [(state, status.rows.get(state, 0)) for state in _STATES if status.rows.get(state)]
    lines = table(("state", "rows"), [*counts, ("total", status.total)])
    cap = "" if status.max_credits is None else f" of {format_credits(status.max_credits)}"
    money = f"credits: {format_credits(status.spent)} spent, {format_credits(status.reserved)} reserved{cap}"
    lines += ["", money + ("" if status.price is None else f"; {format_credits(status.price)} a row")]
    work = f"workers: {status.workers}; {status.creates_per_minute} creates in the last minute"
    if (left := seconds_left(status, max_running)) is not None:
        work += f"; about {duration(left)} left"
    lines.append(work)
    if status.paused:
        lines.append(f"paused: {status.paused}")
    if status.errors:
        lines += ["", *table(("row", "code", "last errors"), status.errors)]
    return lines


def progress_line(status: Status) -> str:
    """Return the state of a batch as one line."""
    counts = ", ".join(f"{status.rows[state]} {state}" for state in _STATES if status.rows.get(state))
    return printable(f"{status.name}: {counts or 'no rows'}; {format_credits(status.spent)} credits spent")


def failure_of(batch: Batch, status: Status) -> CommandFailed | None:
    """Return how a run has failed. The exit code is that of the first: unknown rows, a pause, the cap, failed rows."""
    found: list[tuple[Exit, str]] = []
    hints: list[str] = []
    place = [] if _is_from_environment("database") else ["--database", batch.ledger.place]
    named = [*place, "--name", batch.name]
    if unknown := status.rows.get("unknown", 0):
        reason = f"{_rows(unknown)} of unknown outcome: a task may exist and be paid; no run creates another"
        found.append((Exit.OUTCOME_UNKNOWN, reason))
        settle = shlex.join(["apikley", "batch", "resolve", *named, "ROW"])
        hints.append(f"look for the tasks in your account, and settle each row with: {settle} --task ID, or --not-made")
    if status.paused:
        found.append((Exit.REFUSED, f"the batch is paused: {status.paused}"))
        record = batch.ledger.batch(batch.name)
        by_user = record is not None and record.paused_by_user
        resume = f"resume it with: {shlex.join(['apikley', 'batch', 'resume', *named])}"
        hints.append(resume if by_user else "correct the cause and run it again")
    stop = batch.stopped_because
    if stop is not None and stop.kind == "cap":
        found.append((Exit.CAP_REACHED, f"the cap is reached: {stop.reason}; raise --max-credits to go on"))
    if failed := status.rows.get("failed", 0) + status.rows.get("refused", 0):
        found.append((Exit.GENERATION_FAILED, f"{_rows(failed)} failed"))
        hints.append(f"see the errors with: {shlex.join(['apikley', 'batch', 'status', *named])}")
    if not found:
        return None
    failure = CommandFailed(found[0][0], [reason for _, reason in found])
    for hint in hints:
        failure.add_note(hint)
    return failure


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"
