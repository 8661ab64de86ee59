"""`apikley batch plan`, and the options that say how a table becomes rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apikley.batch.ledger import LEDGER
from apikley.cli.batches import DATABASE, find_batch, open_ledger, pairs_of
from apikley.cli.exit_codes import CommandFailed, Exit
from apikley.cli.options import ALLOW_UNKNOWN_FIELDS
from apikley.cli.output import format_credits, printable
from apikley.cli.session import Session, SessionCommand
from apikley.errors import ApikleyError, ConfigurationError

if TYPE_CHECKING:
    from apikley.batch.table.jobs import RowViolation, TableOptions

_MAX_VIOLATIONS = 50
_BALANCE_TIMEOUT = 5.0  # seconds

TABLE: list[click.Parameter] = [
    click.Option(["--model"], metavar="MODEL", help="The model of rows without a column `model`."),
    click.Option(
        ["--set", "set_"],
        multiple=True,
        metavar="FIELD=VALUE",
        callback=pairs_of,
        help="A value for all rows whose cell is empty.",
    ),
    click.Option(
        ["--map", "map_"], multiple=True, metavar="FIELD=COLUMN", callback=pairs_of, help="The column of a field."
    ),
    click.Option(["--ignore"], multiple=True, metavar="COLUMN", help="A column that is not sent."),
    ALLOW_UNKNOWN_FIELDS,
]
CREDITS = click.FloatRange(min=0)
PRICE = click.Option(["--price"], type=CREDITS, metavar="CREDITS", help="The price of one row.")
MAX_RUNNING = click.Option(
    ["--max-running"], type=click.IntRange(min=1), metavar="N", help="How many tasks run at a time."
)
OUT = click.Option(["-o", "--out"], metavar="DIR|URL", help="Where results are saved.  [default: the batch's name]")


@click.command(cls=SessionCommand, params=[*TABLE, PRICE, MAX_RUNNING, OUT, *DATABASE])
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="How long one video takes.  [default: 5]",
)
@click.pass_obj
def plan(
    session: Session,
    /,
    *,
    file: Path,
    minutes: float | None,
    price: float | None,
    max_running: int | None,
    out: str | None,
    database: str | None,
    name: str | None,
    **columns: Any,
) -> None:
    """Check every row of a table, and estimate time and credits. Nothing is sent.

    For example:

        apikley batch plan products.csv --price 5
    """
    from apikley.batch.table.plan import SECONDS_PER_VIDEO, estimate, plan_table  # noqa: PLC0415 - loads the validator

    found = plan_table(file, options_of(columns))
    known_seconds, known_price = _medians(file, out, database, name)
    seconds = minutes * 60 if minutes else known_seconds or SECONDS_PER_VIDEO
    price = known_price if price is None else price
    planned = estimate(found.rows, seconds_per_video=seconds, price=price, max_running=max_running)
    balance = _balance(session)
    lines = violation_lines(found.violations)
    if found.rows:
        lines += [*([""] if lines else []), str(planned)]
    if len(found.models) > 1:
        lines += [f"{count:,} rows of {model}" for model, count in found.models.items()]
    if found.files:
        lines.append(f"{found.files:,} local files, {found.file_bytes / 1024**2:,.1f} MB")
    if found.duplicates:
        shown = "; ".join("rows " + ", ".join(map(str, numbers[:5])) for numbers in found.duplicates[:5])
        lines.append(f"equal rows, which are created and paid separately: {shown}")
    if balance is not None:
        lines.append(f"the account has {format_credits(balance)} credits")
    document = {
        "rows": found.rows,
        "models": found.models,
        "violations": [each._asdict() for each in found.violations],
        "duplicates": found.duplicates,
        "files": found.files,
        "file_bytes": found.file_bytes,
        "seconds": planned.seconds,
        "create_seconds": planned.create_seconds,
        "running_seconds": planned.running_seconds,
        "credits": planned.credits,
        "balance": balance,
    }
    session.output.result(document, lines)
    if found.violations:
        raise table_invalid(found.violations)


def options_of(columns: dict[str, Any]) -> TableOptions:
    """Return the options of a table from those of a command."""
    from apikley.batch.table.jobs import TableOptions  # noqa: PLC0415 - loads the validator

    names = {"set_": "set", "map_": "map"}
    return TableOptions(**{names.get(name, name): value for name, value in columns.items()})


def violation_lines(violations: Sequence[RowViolation]) -> list[str]:
    """Return the first violations as lines, and the number of the others."""
    lines = [printable(str(each)) for each in violations[:_MAX_VIOLATIONS]]
    if len(violations) > _MAX_VIOLATIONS:
        lines.append(f"… and {len(violations) - _MAX_VIOLATIONS:,} more violations")
    return lines


def table_invalid(violations: Sequence[RowViolation], reason: str = "the table is invalid") -> CommandFailed:
    """Return the failure of a command whose table breaks the contract."""
    count = len(violations)
    return CommandFailed(Exit.INVALID, [f"{reason}: {count:,} violation{'s' * (count != 1)}"])


def _medians(file: Path, out: str | None, database: str | None, name: str | None) -> tuple[float | None, float | None]:
    """Return the median seconds and price of the finished rows of a batch, if there is a ledger with this batch."""
    if database is None and (out is None or not Path(out, LEDGER).exists()):
        return None, None
    try:
        with open_ledger(None if database is not None else Path(str(out)), database) as ledger:
            # Without a name it is the batch that `run` would use.
            known = name is not None or ledger.batch(file.stem) is None
            return ledger.medians(find_batch(ledger, name if known else file.stem).id)
    except ConfigurationError:
        if name is not None:
            raise
        return None, None


def _balance(session: Session) -> float | None:
    """Return the account's credits, if there is a key and the service responds soon."""
    settings = session.settings
    if settings.api_key.value is None:
        return None
    from apikley import Apikley  # noqa: PLC0415 - loads the network stack

    try:
        api_key, base_url = settings.credentials()
        with Apikley(api_key, base_url=base_url, timeout=_BALANCE_TIMEOUT, max_retries=0) as api:
            return api.get_credits()
    except (ApikleyError, OSError):
        return None
