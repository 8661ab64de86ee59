"""A batch: many paid jobs from tables."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from apikley import AsyncApikley
from apikley._flows.clock import Clock
from apikley.batch.ledger import LEDGER
from apikley.batch.ledger.rows import Added, BatchRecord, NewRow, Row, State, Status, Stop
from apikley.batch.ledger.store import Ledger
from apikley.batch.run.background import background, in_thread, interruptible, repeated
from apikley.batch.run.context import Context
from apikley.batch.run.dispatch import dispatcher_of
from apikley.batch.run.jobs import Jobs
from apikley.batch.run.manifest import result_of, write_manifest
from apikley.batch.run.saving import Output
from apikley.batch.run.settings import STOP_AFTER, Settings, limits
from apikley.batch.run.worker import Worker
from apikley.batch.table.jobs import Job, RowViolation, TableOptions, jobs_of, pack, read_jobs
from apikley.batch.table.plan import SECONDS_PER_VIDEO, Estimate, TablePlan, estimate, plan_table
from apikley.batch.table.reading import TableRow
from apikley.errors import ConfigurationError, RequestInvalid, Violation
from apikley.receiver import Inbox

OnProgress = Callable[[Status], object]
_PAGE = 1_000
_PROGRESS_PAUSE, _MANIFEST_PAUSE = 2.0, 30.0  # seconds


class Batch:
    """Many paid jobs from tables. No job is paid twice, and none is lost.

    What was sent and paid is in a ledger. Run the same program again, after whatever has ended it, and the batch goes
    on. As a context manager it closes the ledger at the end.

    Args:
        name: The name of the batch in its ledger.
        database: The ledger: a SQLite file, or the URL of a PostgreSQL database that workers on several machines
            share. By default the file `batch.db` in `out`.
        out: Where results are saved: a folder, or a URL that fsspec can write to, such as `s3://bucket/folder`. By
            default a folder with the name of the batch.
        price: The price of one row in credits. By default the highest price that the service has stated for a row;
            until one is known, one row runs at a time if there is a cap.
        max_credits: A cap on the credits that are spent. A row of unknown outcome counts. Name the price, too: a row
            whose price is not known may cost more than what is left.
        max_running: How many tasks run at a time, if fewer than the service allows.
        stop_after: How many rows in a row must fail with the same code to pause the batch.
        template: The template of file names, with `{id}`, `{number}`, `{task}`, `{model}`, `{index}` and `{suffix}`.
        callback_url: Where the service reports completions, to a receiver.
        inbox: The inbox of that receiver. By default it is in the ledger's database, if there is one.
        api_key: As for `Apikley`.
        base_url: As for `Apikley`.
        clock: The clock, for tests.

    Raises:
        ConfigurationError: An argument is invalid, or the ledger belongs to another batch.

    Example:
        with Batch("autumn", out="videos", max_credits=500) as batch:
            batch.add_csv("products.csv")
            batch.run(on_progress=print)
            print(batch.results())
    """

    def __init__(
        self,
        name: str,
        *,
        database: str | os.PathLike[str] | None = None,
        out: str | os.PathLike[str] | None = None,
        price: float | None = None,
        max_credits: float | None = None,
        max_running: int | None = None,
        stop_after: int | None = None,
        template: str | None = None,
        callback_url: str | None = None,
        inbox: str | os.PathLike[str] | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError(f"the name of a batch is {name!r}, expected a text")
        self.name = name
        self._api_key, self._base_url, self._clock = api_key, base_url, clock
        self._limits = limits(price, max_credits, max_running, stop_after)
        place = None if out is None else _absolute(out)
        self._given: dict[str, Any] = {"out": place, "template": template, "callback_url": callback_url}
        self._given["inbox"] = None if inbox is None else os.fspath(inbox)
        Settings.restored({}, **self._given)  # checks them
        self._ledger = Ledger(_ledger_place(name, database, place), clock=clock)
        self._is_own_file = database is None
        self._record: BatchRecord | None = None
        self._context: Context | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Stop | None = None

    def __repr__(self) -> str:
        return f"<Batch {self.name!r} in {self._ledger.place}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return self._ledger

    @property
    def record(self) -> BatchRecord:
        """The batch as the ledger stores it, made if it is new."""
        if self._record is None:
            self._record = self._open()
        return self._record

    def _open(self) -> BatchRecord:
        ledger = self._ledger
        ledger.check_version()
        names = [each.name for each in ledger.batches()]
        if self._is_own_file and names and self.name not in names:
            raise ConfigurationError(
                f"{ledger.place} is the ledger of batch {names[0]!r}, not of {self.name!r}; choose another output "
                f"folder, or use the name {names[0]!r} to go on with that batch"
            )
        record = ledger.open_batch(self.name)
        stored = Settings.restored(record.options, **self._given)
        if stored.out is None:
            stored = replace(stored, out=_absolute(self.name))
        values = {**self._limits, "options": stored.stored}
        if record.stop_after is None:
            values.setdefault("stop_after", STOP_AFTER)
        ledger.configure(record.id, values)
        return ledger.batch(self.name) or record

    # Rows

    def add_table(
        self,
        path: str | os.PathLike[str],
        *,
        model: str | None = None,
        set: Mapping[str, Any] | None = None,  # noqa: A002
        map: Mapping[str, str] | None = None,  # noqa: A002
        ignore: Iterable[str] = (),
        allow_unknown_fields: bool = False,
    ) -> Added:
        """Add the rows of a CSV, TSV, JSONL, JSON or Parquet file. The kind follows from the suffix.

        Rows that the batch has already are not added again. Planned rows that the file no longer has are removed.

        Args:
            path: The file.
            model: The model of rows without a column `model`.
            set: Values of fields for all rows. A filled cell comes first.
            map: Columns by field, where their names differ.
            ignore: Columns that are not sent.
            allow_unknown_fields: Whether to send fields that the contract does not list.

        Returns:
            How many rows are new, known, changed and removed.

        Raises:
            RequestInvalid: Rows break the contract; none is added. Each violation names its row and column.
            ConfigurationError: The file cannot be read, or a row has changed after its create was sent.
        """
        options = TableOptions(model, dict(set or {}), dict(map or {}), tuple(ignore), allow_unknown_fields)
        path = Path(path)
        return self._add(path.name, lambda: read_jobs(path, options))

    add_csv = add_table

    def add(
        self, rows: Iterable[Mapping[str, Any]], *, source: str = "rows", model: str | None = None,
        allow_unknown_fields: bool = False,
    ) -> Added:  # fmt: skip
        """Add rows given as mappings with the fields of a model, and `model` and `id`; see `add_table`.

        Args:
            rows: The rows.
            source: A name for them. Rows with the same name replace one another as the rows of a table do.
            model: The model of rows without `model`.
            allow_unknown_fields: Whether to send fields that the contract does not list.

        Raises:
            RequestInvalid: Rows break the contract; none is added.
            ConfigurationError: A row has changed after its create was sent.
        """
        numbered = [TableRow(number, dict(row)) for number, row in enumerate(rows, 1)]
        options = TableOptions(model, allow_unknown_fields=allow_unknown_fields)
        return self._add(source, lambda: jobs_of(numbered, source, Path.cwd(), options))

    def _add(self, source: str, read: Callable[[], Iterator[Job | RowViolation]]) -> Added:
        violations = [each for each in read() if isinstance(each, RowViolation)]
        if violations:
            raise RequestInvalid([_violation(each) for each in violations])
        batch_id, keys, page, added = self.record.id, set[str](), list[NewRow](), Added()
        for job in read():
            if isinstance(job, RowViolation):  # the table has changed meanwhile
                raise RequestInvalid([_violation(job)])
            keys.add(job.key)
            page.append(NewRow(job.key, job.number, job.body["model"], pack(job.body), job.content_hash))
            if len(page) == _PAGE:
                added = added.plus(self._ledger.add(batch_id, source, page))
                page = []
        added = added.plus(self._ledger.add(batch_id, source, page))
        return added._replace(removed=self._ledger.remove_planned(batch_id, source, keys))

    def check_table(self, path: str | os.PathLike[str], **options: Any) -> TablePlan:
        """Check every row of a table without a key, and without adding it; the options are those of `add_table`.

        Returns:
            The number of rows, every violation, equal rows, and local files.
        """
        return plan_table(Path(path), TableOptions(**options))

    def plan(self, *, seconds_per_video: float | None = None) -> Estimate:
        """Estimate the time and the cost of the rows that are not created yet. Nothing is sent.

        Args:
            seconds_per_video: How long one video takes; by default the median of the finished rows, or 300.
        """
        record = self.record
        seconds, price = self._ledger.medians(record.id)
        return estimate(
            self._ledger.count(record.id, ("planned",)),
            seconds_per_video=seconds_per_video or seconds or SECONDS_PER_VIDEO,
            price=price if record.price is None else record.price,
            max_running=record.max_running,
        )

    # Running

    def run(self, *, on_progress: OnProgress | None = None, limit: int | None = None) -> Status:
        """Create all planned rows, wait for their tasks and save their results.

        Call it again after whatever has ended it. It works in a notebook, too, where an event loop runs already.

        Args:
            on_progress: Called with the status every two seconds.
            limit: Create at most this many tasks.

        Returns:
            The status at the end.

        Raises:
            ConfigurationError: The key or a setting is missing or invalid.
            KeyboardInterrupt: Ctrl-C was pressed. Creates that were sent have ended, and all tasks are kept.
        """
        with interruptible(self.stop):
            status = in_thread(lambda: asyncio.run(self.arun(on_progress=on_progress, limit=limit)))
        if self._stop is not None and self._stop.kind == "interrupted":
            raise KeyboardInterrupt
        return status

    async def arun(self, *, on_progress: OnProgress | None = None, limit: int | None = None) -> Status:
        """Do the same in the running event loop; see `run`."""
        async with self._working() as (context, worker, output):
            context.limit = limit
            reports = [
                repeated(context, _MANIFEST_PAUSE, lambda: write_manifest(self._ledger, context.batch.id, output))
            ]
            if on_progress is not None:
                reports.append(repeated(context, _PROGRESS_PAUSE, lambda: on_progress(self.status())))
            async with background(*reports):
                await dispatcher_of(self._ledger).run(worker)
            await context.write(write_manifest, self._ledger, context.batch.id, output)
            return await context.write(self.status)

    async def arun_row(self, key: str) -> Row:
        """Work on one row until it is settled: create its task, wait for it, save its result.

        For task queues of your own: call it again after whatever has ended it.

        Args:
            key: The row.

        Raises:
            ConfigurationError: The batch has no such row, or the key or a setting is missing or invalid.
        """
        async with self._working() as (context, worker, _), worker.serving():
            row_id = await context.write(self._ledger.row_id, self.record.id, key)
            await worker.work_on(row_id)
            row = await context.write(self._ledger.row, self.record.id, key)
        if row is None:
            raise ConfigurationError(f"batch {self.name!r} has no row {key!r}")
        return row

    def run_row(self, key: str) -> Row:
        """Do the same without an event loop; see `arun_row`."""
        return in_thread(lambda: asyncio.run(self.arun_row(key)))

    @asynccontextmanager
    async def jobs(self) -> AsyncIterator[Jobs]:
        """Create single tasks through the ledger during a block, each by a key of your own.

        Example:
            async with batch.jobs() as jobs:
                task = await jobs.create("order-17", {"model": "…", "input": {…}})
        """
        async with self._working() as (context, _, _):
            yield Jobs(context)

    def stop(self) -> bool:
        """Begin no create any more, and let `run` return. Tasks that run are kept. Usable from any thread.

        Returns:
            Whether a run was going on.
        """
        context, loop = self._context, self._loop
        if context is None or loop is None:
            return False
        loop.call_soon_threadsafe(context.halt, Stop("interrupted", ""))
        return True

    @property
    def stopped_because(self) -> Stop | None:
        """Why the last run has stopped creating tasks, if it has."""
        return self._stop

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[tuple[Context, Worker, Output]]:
        record, ledger = await asyncio.to_thread(lambda: self.record), self._ledger
        options: dict[str, Any] = {"base_url": self._base_url, "clock": self._clock}
        async with (
            AsyncApikley(self._api_key, **options) as api,
            # A create is sent once for each intent in the ledger.
            AsyncApikley(self._api_key, max_retries=0, **options) as creates,
        ):
            connection = api._driver.connection  # noqa: SLF001 - of the same library
            await asyncio.to_thread(ledger.open_batch, self.name, connection.base_url)
            await asyncio.to_thread(ledger.resume, record.id)
            settings = Settings.restored(record.options, **self._given)
            output = await asyncio.to_thread(Output, str(settings.out))
            clock = self._clock or Clock()
            name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
            context = Context(ledger, record, api, creates, connection.account, clock, name, settings.callback_url)
            self._context, self._loop, self._stop = context, asyncio.get_running_loop(), None
            inbox = await asyncio.to_thread(_inbox, settings, ledger)
            try:
                yield context, Worker(context, output, settings.template, inbox), output
            except BaseExceptionGroup as group:
                raise _first(group) from group
            finally:
                self._stop, self._context = context.stop, None
                if inbox is not None:
                    inbox.close()

    # Watching and settling

    def status(self) -> Status:
        """Return the state of the batch."""
        return self._ledger.status(self.record.name)

    def results(self, states: Iterable[State] | None = None) -> list[dict[str, Any]]:
        """Return the rows as mappings, for instance for `pandas.DataFrame`.

        Args:
            states: Only rows in these states.
        """
        chosen = None if states is None else [*states]
        return [result_of(row) for row in self._ledger.rows(self.record.id, chosen)]

    def pause(self) -> None:
        """Let no worker create tasks until `resume` is called. Tasks that run go on."""
        self._ledger.pause(self.record.id, "paused by a user", by_user=True)

    def resume(self) -> None:
        """End a pause. The workers must run, or be started again."""
        self._ledger.resume(self.record.id, by_user=True)

    def retry_failed(self, *, code: str | None = None) -> int:
        """Plan failed and refused rows again, which costs credits for each; returns their number.

        A row whose task has succeeded only saves its result again, and costs nothing.

        Args:
            code: Only rows with this error code.
        """
        return self._ledger.retry(self.record.id, ("failed", "refused"), code=code)

    def retry_unknown(self, *, older_than: float) -> int:
        """Plan rows of unknown outcome again, **which pays again if their task exists**; returns their number.

        Args:
            older_than: Only rows whose create was sent more than this many seconds ago.
        """
        before = (self._clock or Clock()).now().timestamp() - older_than
        return self._ledger.retry(self.record.id, ("unknown",), sent_before=before)

    def resolve(self, row: str, *, task_id: str | None) -> None:
        """Settle a row of unknown outcome.

        Args:
            row: The row.
            task_id: Its task, found in your account; None if no task was made, so that the row is planned again.

        Raises:
            ConfigurationError: The batch has no such row, or its outcome is known.
        """
        self._ledger.resolve(self.record.id, row, task_id)


def _ledger_place(name: str, database: str | os.PathLike[str] | None, out: str | None) -> str:
    if database is not None:
        return os.fspath(database)
    folder = _absolute(name) if out is None else out
    if "://" in folder:
        raise ConfigurationError(f"results go to {folder}, so the ledger has no folder; name a file with database=")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"the output folder {folder} cannot be made: {error.strerror}") from error
    return str(Path(folder, LEDGER))


def _absolute(place: str | os.PathLike[str]) -> str:
    text = os.fspath(place)
    return text if "://" in text else str(Path(text).absolute())


def _inbox(settings: Settings, ledger: Ledger) -> Inbox | None:
    """Return the receiver's inbox, if callbacks arrive in one that this process can read."""
    if settings.callback_url is None:
        return None
    if settings.inbox is not None:
        inbox = Inbox(settings.inbox)
        inbox.counts()  # opens it
        return inbox
    return ledger.inbox()


def _violation(found: RowViolation) -> Violation:
    place = "/".join(str(each) for each in (found.row, found.column) if each is not None)
    return Violation(f"/{place}", "row", None, found.message)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
