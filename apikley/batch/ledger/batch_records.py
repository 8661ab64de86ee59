"""The batches of a ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy import Row as SqlRow

from apikley._database.transactions import transaction
from apikley.batch.ledger.base import LedgerBase
from apikley.batch.ledger.rows import (
    BatchRecord,
)
from apikley.batch.ledger.schema import VERSION, batches, rows, versions
from apikley.errors import ConfigurationError

_ROW, _BATCH = rows.c, batches.c


class BatchRecords(LedgerBase):
    """The batches."""

    @transaction
    def check_version(self, connection: Connection) -> None:
        """Check that this version of apikley can read the ledger; a new one gets the version.

        Raises:
            ConfigurationError: Another version made the ledger.
        """
        connection.execute(self._database.insert(versions).values(version=VERSION).on_conflict_do_nothing())
        found = {*connection.scalars(select(versions.c.version))} - {VERSION}
        if found:
            other = max(found)
            newer = "a newer" if other > VERSION else "an older"
            raise ConfigurationError(
                f"{newer} version of apikley made the ledger {self.place} (version {other}, this one reads {VERSION}); "
                f"install that version, or start another ledger"
            )

    @transaction
    def batches(self, connection: Connection) -> list[BatchRecord]:
        """Return all batches."""
        return [_batch(row) for row in connection.execute(select(batches).order_by(_BATCH.id))]

    @transaction
    def batch(self, connection: Connection, name: str) -> BatchRecord | None:
        """Return the batch with a name."""
        row = connection.execute(select(batches).where(_BATCH.name == name)).first()
        return _batch(row) if row else None

    @transaction
    def open_batch(self, connection: Connection, name: str, base_url: str | None = None) -> BatchRecord:
        """Return the batch with a name, made if it is new.

        Args:
            connection: The transaction.
            name: Its name.
            base_url: The URL of the API that its tasks are on.

        Raises:
            ConfigurationError: The tasks of the batch are on another API.
        """
        connection.execute(self._database.insert(batches).values(name=name).on_conflict_do_nothing())
        same = _BATCH.name == name
        if base_url is not None:
            connection.execute(update(batches).where(same, _BATCH.base_url.is_(None)).values(base_url=base_url))
        batch = _batch(connection.execute(select(batches).where(same)).one())
        if base_url is not None and batch.base_url != base_url:
            raise ConfigurationError(
                f"the tasks of batch {name!r} are on {batch.base_url}, not on {base_url}; use that base URL, or give "
                "the batch another name"
            )
        return batch

    @transaction
    def configure(self, connection: Connection, batch_id: int, values: Mapping[str, Any]) -> None:
        """Set columns of a batch: `price`, `max_credits`, `max_running`, `stop_after`, `options`."""
        encoded = {name: json.dumps(value) if name == "options" else value for name, value in values.items()}
        if encoded:
            connection.execute(update(batches).where(_BATCH.id == batch_id).values(encoded))
        if "price" in encoded:
            paid = (_ROW.batch_id == batch_id) & _ROW.price.is_(None) & (_ROW.state != "planned")
            connection.execute(update(rows).where(paid).values(price=encoded["price"]))

    @transaction
    def pause(self, connection: Connection, batch_id: int, reason: str, *, by_user: bool = False) -> None:
        """Admit no more creates. Running tasks go on."""
        self._pause(connection, batch_id, reason, by_user=by_user)

    @transaction
    def resume(self, connection: Connection, batch_id: int, *, by_user: bool = False) -> bool:
        """Admit creates again, unless a user has paused the batch and no user resumes it."""
        paused = (_BATCH.id == batch_id) & _BATCH.paused.is_not(None)
        paused = paused if by_user else paused & (_BATCH.paused_by_user == 0)
        return bool(connection.execute(update(batches).where(paused).values(paused=None, paused_by_user=0)).rowcount)


def _batch(row: SqlRow[Any]) -> BatchRecord:
    names = (name for name in BatchRecord.__slots__ if name not in ("options", "paused_by_user"))
    values = {name: getattr(row, name) for name in names}
    return BatchRecord(**values, options=json.loads(row.options), paused_by_user=bool(row.paused_by_user))
