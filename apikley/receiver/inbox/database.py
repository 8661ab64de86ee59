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
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import StaticPool

from apikley.errors import ConfigurationError, InboxUnavailable
from apikley.receiver.inbox.schema import metadata

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
# Any number, as long as all receivers of one database use the same.
_SCHEMA_LOCK = 0x41504B
_POSTGRESQL = "postgresql+psycopg"
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    _POSTGRESQL: _POSTGRESQL,
}


class Database:
    """One database, opened on first use. The arguments are those of `Inbox`."""

    def __init__(self, where: str | os.PathLike[str], *, create: bool = True) -> None:
        self._url = _url(os.fspath(where))
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
        """Run a transaction, which is on the disk when this returns, or raise InboxUnavailable."""
        try:
            engine = self._engine or self._open()
            with self._turn, engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            if isinstance(error, DataError | IntegrityError):  # the row is wrong, not the database
                raise
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise InboxUnavailable(f"the inbox {self.place} is unavailable: {reason}") from error

    def close(self) -> None:
        """Close the connections. The next use opens them again."""
        with self._opening:
            engine, self._engine = self._engine, None
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
            except BaseException:
                engine.dispose()
                raise
            self._engine = engine
            return engine

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

    def _sqlite(self) -> Engine:
        file = (self._url.database or "").removeprefix("file:")
        if not self._create and not Path(file).exists():  # opening a missing file would create it
            raise ConfigurationError(f"there is no inbox {file}; check the path")
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
            return sqlalchemy.create_engine(self._url, pool_pre_ping=True, connect_args=limits)
        except ModuleNotFoundError as error:
            message = f"an inbox in PostgreSQL needs {error.name}; run: pip install 'psycopg[binary]'"
            raise ConfigurationError(message) from None


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


def _url(where: str) -> URL:
    # SQLite takes these for a database in memory, which ends with the process.
    if where in ("", "sqlite://", "sqlite:///"):
        raise ConfigurationError(f"the inbox is {where!r}; expected a file, a PostgreSQL URL, or :memory: for tests")
    if "://" not in where:
        return URL.create("sqlite", database=where)
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        raise ConfigurationError("the inbox's URL is malformed; expected sqlite:///FILE or postgresql://…") from None
    if url.drivername not in _DRIVERS:
        raise ConfigurationError(
            f"an inbox cannot be kept in {url.drivername}; expected sqlite:///FILE or postgresql://…"
        )
    return url.set(drivername=_DRIVERS[url.drivername])
