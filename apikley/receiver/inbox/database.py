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
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from apikley.errors import ConfigurationError
from apikley.receiver.inbox.schema import metadata

# How long a writer waits for another process's write to the same file, in seconds. Well within the 15
# that the sender of a callback waits.
_BUSY = 8.0
# When a PostgreSQL server is given up that does not let us in (in seconds), or whose machine is gone while
# a connection is open (in milliseconds, then in seconds; the system's own limits are minutes to hours).
_LIMITS = {
    "connect_timeout": 5,
    "tcp_user_timeout": 8_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
# Any number will do, so long as all receivers of one database agree on it.
_SCHEMA_LOCK = 0x41504B


class Database:
    """One database, opened when it is first used.

    Args:
        where: A file's path, `:memory:`, or a URL: `sqlite:///…`, `postgresql://…`.
        create: Whether it is made where there is none; otherwise what is there is left as it is.

    Raises:
        ConfigurationError: No inbox can be kept there.
    """

    def __init__(self, where: str | os.PathLike[str], *, create: bool = True) -> None:
        self.url = _url(where)
        self._create = create
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.insert = sqlite.insert if self.is_sqlite else postgresql.insert
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        # SQLite has one writer at a time, and its own way to wait for a turn is to sleep. Threads of one
        # process share one connection and queue up here instead.
        self._turn: Any = threading.Lock() if self.is_sqlite else nullcontext()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction; it has reached the disk when this returns."""
        engine = self._engine or self._open()
        with self._turn, engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        with self._opening:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _open(self) -> Engine:
        with self._opening:
            if self._engine is None:
                if not self._create and self.is_sqlite:
                    _demand_file(self.url.database or ":memory:")
                engine = self._sqlite() if self.is_sqlite else self._postgresql()
                try:
                    with engine.begin() as connection:
                        self._prepare(connection)
                except ConfigurationError:
                    engine.dispose()
                    raise
                except DBAPIError as error:
                    engine.dispose()
                    reason = str(error.orig).strip().partition("\n")[0]
                    raise ConfigurationError(f"the inbox {self._place} cannot be opened: {reason}") from None
                self._engine = engine
            return self._engine

    @property
    def _place(self) -> str:
        return self.url.render_as_string(hide_password=True)

    def _prepare(self, connection: Connection) -> None:
        """Make the tables, or make sure that they are there."""
        if not self._create:
            there = sqlalchemy.inspect(connection)
            if not all(there.has_table(name) for name in metadata.tables):
                raise ConfigurationError(f"{self._place} is no inbox: it lacks a receiver's tables")
            return
        if not self.is_sqlite:  # where CREATE TABLE IF NOT EXISTS is no protection from a race
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        metadata.create_all(connection)

    def _sqlite(self) -> Engine:
        engine = sqlalchemy.create_engine(
            self.url, poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": _BUSY}
        )

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # transactions are begun below, not by the driver
            if self._create:
                _keep_log(connection)
            connection.execute("PRAGMA synchronous=FULL")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    def _postgresql(self) -> Engine:
        over_libpq = self.url.get_driver_name().startswith("psycopg")
        limits = {name: limit for name, limit in _LIMITS.items() if over_libpq and name not in self.url.query}
        try:
            return sqlalchemy.create_engine(self.url, pool_pre_ping=True, connect_args=limits)
        except ModuleNotFoundError as error:
            other = "" if self.url.get_driver_name() == "psycopg" else ", and write postgresql://…"
            raise ConfigurationError(
                f"an inbox in PostgreSQL needs {error.name}; run: pip install 'psycopg[binary]'{other}"
            ) from None


def _demand_file(database: str) -> None:
    # Looking into a file that is not there would make it.
    if not Path(database.removeprefix("file:")).exists():
        raise ConfigurationError(f"there is no inbox {database}")


def _keep_log(connection: Any) -> None:
    """Switch to write-ahead logging.

    While another writes to a file that is still new, SQLite refuses this at once, whatever the time-out; so wait here.
    """
    deadline = time.monotonic() + _BUSY
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
    # SQLite takes it for a database in memory, which is gone with the process.
    if text in ("", "sqlite://", "sqlite:///"):
        raise ConfigurationError(f"the inbox is {text!r}; expected a file, a PostgreSQL URL, or :memory: for tests")
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
        backend = "postgresql" if url.drivername == "postgres" else url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ConfigurationError("the inbox's URL cannot be read; expected sqlite:///FILE or postgresql://…") from None
    if backend not in ("sqlite", "postgresql"):
        raise ConfigurationError(f"no inbox can be kept in {backend}; expected sqlite:///FILE or postgresql://…")
    # Without a driver named, the one that is maintained.
    if "+" not in url.drivername:
        return url if backend == "sqlite" else url.set(drivername="postgresql+psycopg")
    if not _serves(url):
        scheme = "sqlite:///FILE" if backend == "sqlite" else "postgresql://…"
        raise ConfigurationError(f"no inbox can be kept over {url.drivername}; expected {scheme}")
    return url


def _serves(url: URL) -> bool:
    """Whether the driver that is named is one for threads; of those for SQLite, only Python's own is."""
    try:
        dialect = url.get_dialect()
    except NoSuchModuleError:
        return False
    return not dialect.is_async and (url.get_backend_name() != "sqlite" or dialect.driver == "pysqlite")
