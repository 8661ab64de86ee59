"""Opens the database of an inbox or a ledger: a SQLite file, memory, or PostgreSQL."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import sqlalchemy
from sqlalchemy import Column, ColumnElement, Connection, Engine, MetaData, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import StaticPool

from apikley._flows.clock import Clock
from apikley.errors import ApikleyError, ConfigurationError

T = TypeVar("T")

# Seconds that a writer waits for another process. The sender of a callback waits 15.
_BUSY_TIMEOUT = 8.0
# When to give up on a PostgreSQL server that does not respond. The system's own limits are minutes to hours.
_POSTGRESQL_LIMITS = {
    "connect_timeout": 5,
    "tcp_user_timeout": 8_000,  # milliseconds
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
# Any number, as long as all processes that use one database use the same.
_SCHEMA_LOCK = 0x41504B
_SECRET_OPTIONS = ("password", "sslpassword")
_POSTGRESQL = "postgresql+psycopg"
# The SQL states of a serialization failure and of a deadlock.
_CONFLICTS, _MAX_ATTEMPTS = ("40001", "40P01"), 10
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    _POSTGRESQL: _POSTGRESQL,
}


class Content(NamedTuple):
    """What a database holds.

    Attributes:
        name: The word for it in messages, such as `inbox`.
        article: The article of the word.
        metadata: Its tables.
        added: Columns that an earlier version made its tables without.
        unavailable: The error for a database that cannot be reached.
    """

    name: str
    article: str
    metadata: MetaData
    added: Sequence[Column[Any]]
    unavailable: type[ApikleyError]


class Database:
    """One database, opened on first use.

    Args:
        where: The path of a SQLite file, `:memory:`, or the URL of a PostgreSQL database.
        content: What the database holds.
        create: Whether to create missing tables, and a missing file, on first use.

    Raises:
        ConfigurationError: The location is invalid.
    """

    def __init__(self, where: str | os.PathLike[str], content: Content, *, create: bool = True) -> None:
        self._content = content
        self._url = _url(os.fspath(where), content)
        self._create = create
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self.insert = sqlite.insert if self._is_sqlite else postgresql.insert
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        # SQLite has one writer at a time and waits by sleeping. Threads queue up at this lock instead.
        self._turn: Any = threading.Lock() if self._is_sqlite else nullcontext()
        self._files: dict[str, tuple[int, int]] = {}  # the open files of SQLite: their paths and identities
        self.lease_clock: Callable[[], float] | None = Clock().monotonic if self._is_sqlite else None

    @property
    def place(self) -> str:
        """The URL without its password and without its query, except the host, because a query may hold secrets."""
        host = {name: value for name, value in self._url.query.items() if name == "host"}
        return self._url.set(query=host).render_as_string(hide_password=True)

    @property
    def postgresql_url(self) -> str | None:
        """The URL with its password, as other PostgreSQL clients read it; None for SQLite."""
        if self._is_sqlite:
            return None
        return self._url.set(drivername="postgresql").render_as_string(hide_password=False)

    def lease_time(self) -> ColumnElement[float]:
        """Return the time that leases are measured by, as an SQL expression.

        It depends on no machine's wall clock: it is the clock of the PostgreSQL server, or the monotonic clock that all
        processes of one machine share. Call it in a transaction, so that times are in the order of transactions.
        """
        if self.lease_clock is not None:
            return sqlalchemy.literal(self.lease_clock())
        return sqlalchemy.func.extract("epoch", sqlalchemy.func.clock_timestamp()).cast(sqlalchemy.Double)

    def lease_now(self, connection: Connection) -> float:
        """Return the time that leases are measured by."""
        return float(connection.scalar(sqlalchemy.select(self.lease_time())) or 0.0)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction, which is on the disk when this returns; again if it conflicted with another one.

        Raises:
            ApikleyError: The content's error: the database cannot be reached, or the transaction failed.
        """
        for attempt in count(1):
            try:
                with self.begin() as connection:
                    return work(connection)
            except self._content.unavailable as error:
                cause = getattr(error.__cause__, "orig", None)
                if getattr(cause, "sqlstate", None) not in _CONFLICTS or attempt == _MAX_ATTEMPTS:
                    raise
                time.sleep(random.uniform(0, 0.01 * attempt))  # noqa: S311 - not a secret
        raise AssertionError("the loop ends by a result or an error")

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Run a transaction, without repeating it."""
        try:
            with self._turn:
                engine = self._engine or self._open()
                with engine.begin() as connection:
                    yield connection
                self._require_same_files()
        except (DBAPIError, PoolTimeout) as error:
            if isinstance(error, DataError | IntegrityError):  # the row is wrong, not the database
                raise
            message = f"the {self._content.name} {self.place} is unavailable: {self._reason(error)}"
            raise self._content.unavailable(message) from error

    def _reason(self, error: Exception) -> str:
        """Return why an operation failed, without the passwords of the URL."""
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        queried = (value for name in _SECRET_OPTIONS for value in self._url.normalized_query.get(name, ()))
        for secret in {self._url.password, *queried}:
            reason = reason.replace(str(secret), "***") if secret else reason
        return reason

    def close(self) -> None:
        """Close the connections. The next use opens them again."""
        with self._opening:
            engine, self._engine = self._engine, None
            self._files = {}
        if engine is not None:
            engine.dispose()

    def _open(self) -> Engine:
        with self._opening:
            if self._engine is not None:
                return self._engine
            engine = self._sqlite() if self._is_sqlite else self._postgresql()
            try:
                with engine.begin() as connection:
                    self._prepare(connection)
                    if self._is_sqlite:
                        self._remember_files(connection)
            except BaseException:
                engine.dispose()
                raise
            self._engine = engine
            return engine

    def _remember_files(self, connection: Connection) -> None:
        (file,) = (row[2] for row in connection.exec_driver_sql("PRAGMA database_list") if row[1] == "main")
        identities = {f"{file}{suffix}": _identity(f"{file}{suffix}") for suffix in ("", "-wal", "-shm") if file}
        self._files = {path: identity for path, identity in identities.items() if identity}

    def _prepare(self, connection: Connection) -> None:
        """Create the tables, or check that they exist."""
        if not self._create:
            existing = sqlalchemy.inspect(connection)
            if not all(existing.has_table(name) for name in self._content.metadata.tables):
                kind = f"{self._content.article} {self._content.name}"
                raise ConfigurationError(f"{self.place} is not {kind}: it lacks the tables of one")
            return
        if not self._is_sqlite:  # CREATE TABLE IF NOT EXISTS does not prevent a race
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        self._content.metadata.create_all(connection)
        for column in self._content.added:
            table = column.table.name
            if column.name not in {each["name"] for each in sqlalchemy.inspect(connection).get_columns(table)}:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column.name} {kind}")

    def _require_same_files(self) -> None:
        """Raise if an open file of SQLite was removed or replaced: what is written to it is lost."""
        for path, known in self._files.items():
            if _identity(path) != known:
                self.close()
                message = f"{path} was removed or replaced while the {self._content.name} was open"
                raise self._content.unavailable(message)

    def _sqlite(self) -> Engine:
        file = (self._url.database or "").removeprefix("file:")
        if not self._create and not Path(file).exists():  # opening a missing file would create it
            raise ConfigurationError(f"there is no {self._content.name} {file}; check the path")
        engine = sqlalchemy.create_engine(
            self._url, poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": _BUSY_TIMEOUT}
        )

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # the event below begins transactions, not the driver
            if self._create:
                _enable_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous=FULL")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    def _postgresql(self) -> Engine:
        limits = {name: limit for name, limit in _POSTGRESQL_LIMITS.items() if name not in self._url.query}
        try:
            return sqlalchemy.create_engine(
                self._url,
                pool_pre_ping=True,
                # The server's default may be SERIALIZABLE, which fails instead of waiting.
                isolation_level="READ COMMITTED",
                # A transaction pooler gives each transaction another connection, without its prepared statements.
                connect_args={"prepare_threshold": None, **limits},
            )
        except ModuleNotFoundError as error:
            kind = f"{self._content.article} {self._content.name}"
            message = f"{kind} in PostgreSQL needs {error.name}; run: pip install 'psycopg[binary]'"
            raise ConfigurationError(message) from None


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - called for each transaction
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _enable_write_ahead_log(connection: Any) -> None:
    """Switch to write-ahead logging. SQLite refuses this without waiting while another process writes to a new file."""
    deadline = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _url(where: str, content: Content) -> URL:
    name, kind = content.name, f"{content.article} {content.name}"
    # SQLite takes these for a database in memory, which ends with the process.
    if where in ("", "sqlite://", "sqlite:///"):
        raise ConfigurationError(f"the {name} is {where!r}; expected a file, a PostgreSQL URL, or :memory: for tests")
    if "://" not in where:
        return URL.create("sqlite", database=where)
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        raise ConfigurationError(f"the {name}'s URL is malformed; expected sqlite:///FILE or postgresql://…") from None
    if "@" in (url.host or "") or (url.host and "@" in (url.database or "")):
        raise ConfigurationError(f"the {name}'s URL contains an @ too many; write an @ in the password as %40")
    if url.drivername not in _DRIVERS:
        raise ConfigurationError(
            f"{kind} cannot be kept in {url.drivername}; expected sqlite:///FILE or postgresql://…"
        )
    return url.set(drivername=_DRIVERS[url.drivername])
