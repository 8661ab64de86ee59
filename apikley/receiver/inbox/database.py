"""Opens the inbox's database: a SQLite file, memory, or PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import StaticPool

from apikley.errors import ConfigurationError, InboxUnavailable
from apikley.receiver.inbox.schema import metadata

# Seconds that a writer waits for another process. The sender of a callback waits 15.
_BUSY_TIMEOUT = 8.0
# When to give up on a PostgreSQL server that does not answer. The system's own limits are minutes to hours.
_POSTGRESQL_LIMITS = {
    "connect_timeout": 5,
    "tcp_user_timeout": 8_000,  # milliseconds
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
# Any number, as long as all receivers of one database use the same.
_SCHEMA_LOCK = 0x41504B
_EXPECTED = "expected sqlite:///FILE or postgresql://…"


class Database:
    """One database, opened on first use.

    Args:
        where: A file's path, `:memory:`, or a URL: `sqlite:///…`, `postgresql://…`.
        create: Whether to create a missing database and missing tables.

    Raises:
        ConfigurationError: The location is invalid.
    """

    def __init__(self, where: str | os.PathLike[str], *, create: bool = True) -> None:
        self._url = _url(where)
        self._create = create
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self.insert = sqlite.insert if self._is_sqlite else postgresql.insert
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        # SQLite has one writer at a time and waits by sleeping. Threads queue up at this lock instead.
        self._turn: Any = threading.Lock() if self._is_sqlite else nullcontext()

    @property
    def place(self) -> str:
        """The URL without the password."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Run a transaction. It is on the disk when this returns.

        Raises:
            InboxUnavailable: The database cannot be opened or reached.
        """
        engine = self._engine or self._open()
        try:
            with self._turn, engine.begin() as connection:
                yield connection
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise InboxUnavailable(f"the inbox {self.place} failed: {_reason(error)}") from error

    def close(self) -> None:
        """Close the connections. The next use opens them again."""
        with self._opening:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _open(self) -> Engine:
        with self._opening:
            if self._engine is None:
                if self._is_sqlite and not self._create:
                    self._require_file()
                engine = self._sqlite() if self._is_sqlite else self._postgresql()
                try:
                    with engine.begin() as connection:
                        self._prepare(connection)
                except DBAPIError as error:
                    engine.dispose()
                    raise InboxUnavailable(f"the inbox {self.place} cannot be opened: {_reason(error)}") from None
                except BaseException:
                    engine.dispose()
                    raise
                self._engine = engine
            return self._engine

    def _prepare(self, connection: Connection) -> None:
        """Create the tables, or check that they exist."""
        if not self._create:
            existing = sqlalchemy.inspect(connection)
            if not all(existing.has_table(name) for name in metadata.tables):
                raise ConfigurationError(f"{self.place} is not an inbox: it lacks a receiver's tables")
            return
        if not self._is_sqlite:  # CREATE TABLE IF NOT EXISTS does not prevent a race
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        metadata.create_all(connection)

    def _require_file(self) -> None:
        # Opening a missing file would create it.
        database = self._url.database or ":memory:"
        if not Path(database.removeprefix("file:")).exists():
            raise ConfigurationError(f"there is no inbox {database}; check the path")

    def _sqlite(self) -> Engine:
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
        uses_libpq = self._url.get_driver_name().startswith("psycopg")
        limits = {name: limit for name, limit in _POSTGRESQL_LIMITS.items() if name not in self._url.query}
        try:
            return sqlalchemy.create_engine(self._url, pool_pre_ping=True, connect_args=limits if uses_libpq else {})
        except ModuleNotFoundError as error:
            other = "" if self._url.get_driver_name() == "psycopg" else ", and write postgresql://…"
            raise ConfigurationError(
                f"an inbox in PostgreSQL needs {error.name}; run: pip install 'psycopg[binary]'{other}"
            ) from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


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


def _url(where: str | os.PathLike[str]) -> URL:
    text = os.fspath(where)
    # SQLite takes these for a database in memory, which ends with the process.
    if text in ("", "sqlite://", "sqlite:///"):
        raise ConfigurationError(f"the inbox is {text!r}; expected a file, a PostgreSQL URL, or :memory: for tests")
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
        backend = "postgresql" if url.drivername == "postgres" else url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ConfigurationError(f"the inbox's URL is malformed; {_EXPECTED}") from None
    if backend not in ("sqlite", "postgresql"):
        raise ConfigurationError(f"an inbox cannot be kept in {backend}; {_EXPECTED}")
    if "+" not in url.drivername:
        return url if backend == "sqlite" else url.set(drivername="postgresql+psycopg")
    if not _is_usable(url):
        scheme = "sqlite:///FILE" if backend == "sqlite" else "postgresql://…"
        raise ConfigurationError(f"an inbox cannot use the driver {url.drivername}; expected {scheme}")
    return url


def _is_usable(url: URL) -> bool:
    """Whether the named driver works with threads. For SQLite, only Python's own does."""
    try:
        dialect = url.get_dialect()
    except NoSuchModuleError:
        return False
    return not dialect.is_async and (url.get_backend_name() != "sqlite" or dialect.driver == "pysqlite")
