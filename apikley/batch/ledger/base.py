"""What all parts of the ledger share: the database, its clocks, and what pauses a batch."""

from __future__ import annotations

import os
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, or_, select, update

from apikley._database.database import Content, Database
from apikley._flows.clock import Clock
from apikley.batch.ledger.schema import batches, metadata, rows
from apikley.errors import ConfigurationError, LedgerUnavailable
from apikley.receiver import Inbox

_ROW, _BATCH = rows.c, batches.c
_CONTENT = Content("ledger", "a", metadata, (), LedgerUnavailable)
PAGE = 1_000  # rows in one query
MAX_ERROR = 500  # characters
# The columns of a row that no worker has claimed.
FREE: dict[str, Any] = {"claim": None, "worker": None, "leased_at": None, "lease": None}


class LedgerBase:
    """The database of a ledger."""

    def __init__(self, where: str | os.PathLike[str], *, create: bool = True, clock: Clock | None = None) -> None:
        self._where = os.fspath(where)
        self._database = Database(where, _CONTENT, create=create)
        self._clock = clock or Clock()
        if clock is not None:
            self._database.lease_clock = clock.monotonic

    def __repr__(self) -> str:
        return f"<Ledger {self._database.place}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def place(self) -> str:
        """Where the ledger is, without secrets."""
        return self._database.place

    @property
    def postgresql_url(self) -> str | None:
        """The URL of the PostgreSQL database with its password; None for SQLite."""
        return self._database.postgresql_url

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def inbox(self) -> Inbox | None:
        """Return the receiver's inbox in the same database, if there is one."""
        inbox = Inbox(self._where, create=False)
        try:
            inbox.counts()  # opens it
        except ConfigurationError:
            inbox.close()
            return None
        return inbox

    def _time(self) -> float:
        return self._clock.now().timestamp()

    def _is_free(self, now: float) -> ColumnElement[bool]:
        """Whether no live worker has claimed a row."""
        lapsed = _ROW.leased_at + _ROW.lease <= now
        # The clock of a machine starts again with the machine.
        return or_(_ROW.claim.is_(None), lapsed, _ROW.leased_at > now)

    def _pause(self, connection: Connection, batch_id: int, reason: str, *, by_user: bool = False) -> None:
        values = {"paused": reason, "paused_by_user": int(by_user)}
        connection.execute(update(batches).where(_BATCH.id == batch_id, _BATCH.paused_by_user == 0).values(values))

    def _stop_after_failures(self, connection: Connection, row_id: int) -> None:
        """Pause a batch whose last rows have all failed in the same way."""
        own = select(batches).join(rows, _ROW.batch_id == _BATCH.id).where(_ROW.id == row_id)
        batch = connection.execute(own).one()
        if not batch.stop_after or batch.paused is not None:
            return
        last = select(_ROW.state, _ROW.error_code, _ROW.error).where(_ROW.batch_id == batch.id)
        last = last.where(_ROW.settled_at.is_not(None), _ROW.state != "unknown")
        ended = connection.execute(last.order_by(_ROW.settled_at.desc(), _ROW.id.desc()).limit(batch.stop_after)).all()
        codes = {row.error_code for row in ended}
        if len(ended) == batch.stop_after and len(codes) == 1 and {row.state for row in ended} <= {"failed", "refused"}:
            reason = f"{batch.stop_after} rows in a row failed with {ended[0].error_code}: {ended[0].error}"
            self._pause(connection, batch.id, reason)


def unknown_values(now: float, reason: str = "the worker ended while the create was sent") -> dict[str, Any]:
    """Return the columns of a row of unknown outcome."""
    error = f"a task may exist and be paid: {reason}"[:MAX_ERROR]
    return {"state": "unknown", "error_code": "unknown", "error": error, "settled_at": now, **FREE}
