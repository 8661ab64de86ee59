"""`apikley batch`: makes many videos from a table."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apikley.cli.batches import (
    DATABASE,
    failure_of,
    find_batch,
    open_ledger,
    place_arguments,
    status_document,
    status_lines,
)
from apikley.cli.commands.batch_plan import (
    CREDITS,
    MAX_RUNNING,
    OUT,
    PRICE,
    TABLE,
    options_of,
    plan,
    table_invalid,
    violation_lines,
)
from apikley.cli.exit_codes import Interrupted
from apikley.cli.progress import batch_progress
from apikley.cli.session import Session, SessionCommand, with_whole_examples
from apikley.errors import ConfigurationError, RequestInvalid

if TYPE_CHECKING:
    from apikley.batch import Batch
    from apikley.batch.table.jobs import TableOptions

# The commands in `batch_rows`.
_OTHERS = ("status", "pause", "resume", "retry", "resolve", "export")

RUN: list[click.Parameter] = [
    PRICE,
    MAX_RUNNING,
    click.Option(["--max-credits"], type=CREDITS, metavar="CREDITS", help="A cap on the credits; exact with --price."),
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

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.help = with_whole_examples(self.help)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_OTHERS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _OTHERS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(importlib.import_module("apikley.cli.commands.batch_rows"), cmd_name)
        return command


@click.group(cls=_BatchGroup)
def batch() -> None:
    r"""Make many videos from a table, and pay for none twice.

    For example:

        apikley batch plan products.csv --price 5

        apikley batch run products.csv --out videos --price 5 \
            --max-credits 500
    """


batch.add_command(plan)


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

        apikley batch run products.csv --out videos --price 5 \
            --max-credits 500

        apikley batch run --out videos
    """
    given = {each: options.pop(each) for each in ("model", "set_", "map_", "ignore", "allow_unknown_fields")}
    if not files and any(given.values()):
        raise click.UsageError("options about columns need a FILE: the rows in the ledger do not change")
    stems = Counter(file.stem for file in files)
    if twice := [stem for stem, count in stems.items() if count > 1]:
        # Rows are known by the name of their table, so the second would replace the first.
        raise click.UsageError(f"two files are named {twice[0]!r}; rename one")
    columns = options_of(given)
    if name is None:
        name = files[0].stem if files else _only_name(out, options["database"])
    rest = _rest(out, options, name, limit)
    with _open(session, name, out, options) as opened:
        for file in files:
            _add(session, opened, file, columns)
        # The rows are in the ledger now, so the command that goes on needs neither the files nor their options.
        _run(session, opened, limit, session.command_line("batch", "run", *rest))


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
    rest = _rest(out, options, name, limit)
    with _open(session, name, out, options) as opened:
        _run(session, opened, limit, session.command_line("batch", "work", *rest))


def _open(session: Session, name: str, out: str | None, options: dict[str, Any]) -> Batch:
    from apikley.batch import Batch  # noqa: PLC0415 - needs the extra `batch`

    api_key, base_url = session.settings.credentials()
    return Batch(name, out=out, api_key=api_key, base_url=base_url, **options)


def _add(session: Session, opened: Batch, file: Path, columns: TableOptions) -> None:
    try:
        added = opened.add_table(file, **vars(columns))
    except RequestInvalid:
        from apikley.batch.table.plan import plan_table  # noqa: PLC0415 - in use already

        violations = plan_table(file, columns).violations
        if not violations:  # the file has changed
            raise
        session.output.result({"violations": [each._asdict() for each in violations]}, violation_lines(violations))
        raise table_invalid(violations, f"{file} is invalid, and no row of it was added") from None
    session.output.note(
        f"{file}: {added.new} new rows, {added.known} known, {added.changed} changed, {added.removed} removed"
    )


def _run(session: Session, opened: Batch, limit: int | None, command: str) -> None:
    output, max_running = session.output, opened.record.max_running
    try:
        with batch_progress(output) as report:
            status = opened.run(on_progress=report, limit=limit)
    except KeyboardInterrupt as error:
        status = opened.status()
        output.result(status_document(status, max_running), status_lines(status, max_running))
        raise Interrupted(command) from error
    output.result(status_document(status, max_running), status_lines(status, max_running))
    if failure := failure_of(opened, status):
        raise failure


def _rest(out: str | None, options: dict[str, Any], name: str, limit: int | None) -> list[str]:
    """Return the options of a command that goes on. What the ledger or the environment holds is left out."""
    place = [] if out is None else ["--out", out]
    place += place_arguments("database", options["database"])
    if inbox := place_arguments("inbox", options["inbox"]):
        # The ledger does not store it, because its URL may hold a password. It is accepted with a callback URL only.
        place += [*inbox, *(["--callback-url", options["callback_url"]] if options["callback_url"] else [])]
    return [*place, "--name", name, *([] if limit is None else ["--limit", str(limit)])]


def _only_name(out: str | None, database: str | None) -> str:
    with open_ledger(None if out is None or database is not None else Path(out), database) as ledger:
        return find_batch(ledger, None).name
