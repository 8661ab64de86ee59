"""`apikley batch`: makes many videos from a table."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apikley.cli.batches import DATABASE, failure_of, find_batch, open_ledger, pairs_of, status_document, status_lines
from apikley.cli.exit_codes import CommandFailed, Exit, Interrupted
from apikley.cli.options import ALLOW_UNKNOWN_FIELDS
from apikley.cli.output import format_credits, printable
from apikley.cli.progress import batch_progress
from apikley.cli.session import Session, SessionCommand
from apikley.errors import ApikleyError, ConfigurationError

if TYPE_CHECKING:
    from apikley.batch import Batch
    from apikley.batch.table.jobs import TableOptions

_MAX_VIOLATIONS = 50
_PLACES = ("database", "inbox")  # which may hold passwords
_OTHERS = {"status": "status", "pause": "pause", "resume": "resume", "retry": "retry", "resolve": "resolve"}
_OTHERS |= {"export": "export"}

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
_CREDITS = click.FloatRange(min=0)
PRICE = click.Option(["--price"], type=_CREDITS, metavar="CREDITS", help="The price of one row.")
MAX_RUNNING = click.Option(
    ["--max-running"], type=click.IntRange(min=1), metavar="N", help="How many tasks run at a time."
)
OUT = click.Option(["-o", "--out"], metavar="DIR|URL", help="Where results are saved.  [default: the batch's name]")
RUN: list[click.Parameter] = [
    PRICE,
    MAX_RUNNING,
    click.Option(["--max-credits"], type=_CREDITS, metavar="CREDITS", help="A cap that is never exceeded."),
    click.Option(["--limit"], type=click.IntRange(min=1), metavar="N", help="Create at most N tasks in this run."),
    click.Option(
        ["--stop-after"],
        type=click.IntRange(min=1),
        metavar="N",
        help="Pause after N equal failures in a row.  [default: 10]",
    ),
    click.Option(["--template"], metavar="NAME", help="Names of files.  [default: {id}{suffix}]"),
    click.Option(["--callback-url"], metavar="URL", help="Where the service reports completions."),
    click.Option(["--inbox"], metavar="PLACE", help="The receiver's inbox.  [default: in the ledger's database]"),
]


class _BatchGroup(click.Group):
    """A group that imports the commands that watch and settle a batch when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_OTHERS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _OTHERS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(importlib.import_module("apikley.cli.commands.batch_rows"), _OTHERS[cmd_name])
        return command


@click.group(cls=_BatchGroup)
def batch() -> None:
    r"""Make many videos from a table, and pay for none twice.

    For example:

    \b
        apikley batch plan products.csv --price 5
        apikley batch run products.csv --out videos --price 5 --max-credits 500
    """


@batch.command(cls=SessionCommand, params=[*TABLE, PRICE, MAX_RUNNING, OUT, *DATABASE])
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

    found = plan_table(file, _options(columns))
    known_seconds, known_price = _medians(out, database, name)
    seconds = minutes * 60 if minutes else known_seconds or SECONDS_PER_VIDEO
    price = known_price if price is None else price
    planned = estimate(found.rows, seconds_per_video=seconds, price=price, max_running=max_running)
    balance = _balance(session)
    lines = [printable(str(each)) for each in found.violations[:_MAX_VIOLATIONS]]
    if len(found.violations) > _MAX_VIOLATIONS:
        lines.append(f"… and {len(found.violations) - _MAX_VIOLATIONS:,} more violations")
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
        count = len(found.violations)
        raise CommandFailed(Exit.INVALID, [f"the table is invalid: {count:,} violation{'s' * (count != 1)}"])


@batch.command(cls=SessionCommand, params=[*TABLE, *RUN, OUT, *DATABASE])
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@click.pass_obj
def run(
    session: Session, /, *, files: Sequence[Path], out: str | None, name: str | None, limit: int | None, **options: Any
) -> None:
    r"""Create the tasks of a table, wait for them and save their results.

    Run the same command again to go on, whatever has ended it. Rows that were sent are never sent
    again. Without FILE, it goes on with the rows in the ledger.

    For example:

        apikley batch run products.csv --out videos --price 5 --max-credits 500
    """
    columns = _options(
        {each: options.pop(each) for each in ("model", "set_", "map_", "ignore", "allow_unknown_fields")}
    )
    if name is None:
        name = files[0].stem if files else _only_name(out, options["database"])
    rest = _rest(out, options, name)
    with _open(session, name, out, options) as opened:
        for file in files:
            added = opened.add_table(
                file,
                model=columns.model,
                set=columns.set,
                map=columns.map,
                ignore=columns.ignore,
                allow_unknown_fields=columns.allow_unknown_fields,
            )
            session.output.note(
                f"{file}: {added.new} new rows, {added.known} known, {added.changed} changed, {added.removed} removed"
            )
        _run(session, opened, limit, session.command_line("batch", "run", *map(str, files), *rest))


@batch.command(cls=SessionCommand, params=[*RUN, OUT, *DATABASE])
@click.pass_obj
def work(session: Session, /, *, out: str | None, name: str | None, limit: int | None, **options: Any) -> None:
    r"""Work on a batch that another machine has filled.

    For example:

        apikley batch work --database postgresql://host/name --name autumn
    """
    if options["database"] is None:
        raise ConfigurationError("name the ledger that the workers share with --database")
    with open_ledger(None, options["database"]) as ledger:
        name = find_batch(ledger, name).name
    rest = _rest(out, options, name)
    with _open(session, name, out, options) as opened:
        _run(session, opened, limit, session.command_line("batch", "work", *rest))


def _open(session: Session, name: str, out: str | None, options: dict[str, Any]) -> Batch:
    from apikley.batch import Batch  # noqa: PLC0415 - needs the extra `batch`

    api_key, base_url = session.settings.credentials()
    return Batch(name, out=out, api_key=api_key, base_url=base_url, **options)


def _run(session: Session, opened: Batch, limit: int | None, command: str) -> None:
    output = session.output
    try:
        with batch_progress(output) as report:
            status = opened.run(on_progress=report, limit=limit)
    except KeyboardInterrupt as error:
        status = opened.status()
        output.result(status_document(status), status_lines(status))
        raise Interrupted(command) from error
    output.result(status_document(status), status_lines(status))
    if failure := failure_of(opened, status):
        raise failure


def _options(columns: dict[str, Any]) -> TableOptions:
    from apikley.batch.table.jobs import TableOptions  # noqa: PLC0415 - loads the validator

    names = {"set_": "set", "map_": "map"}
    return TableOptions(**{names.get(name, name): value for name, value in columns.items()})


def _rest(out: str | None, options: dict[str, Any], name: str) -> list[str]:
    """Return the options of a command that goes on. What the ledger remembers is left out."""
    places = {name: options[name] and re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", options[name]) for name in _PLACES}
    given = {"--out": out, "--database": places["database"], "--name": name, "--inbox": places["inbox"]}
    return [part for flag, value in given.items() if value is not None for part in (flag, value)]


def _only_name(out: str | None, database: str | None) -> str:
    with open_ledger(None if out is None else Path(out), database) as ledger:
        return find_batch(ledger, None).name


def _medians(out: str | None, database: str | None, name: str | None) -> tuple[float | None, float | None]:
    """Return the median seconds and price of the finished rows of a batch, if its ledger is named."""
    if out is None and database is None:
        return None, None
    if database is None and not Path(str(out), "batch.db").exists():
        return None, None
    with open_ledger(None if out is None else Path(out), database) as ledger:
        return ledger.medians(find_batch(ledger, name).id)


def _balance(session: Session) -> float | None:
    """Return the account's credits, if there is a key and the service responds."""
    try:
        with session.settings.client() as api:
            return api.get_credits()
    except (ApikleyError, OSError):
        return None
