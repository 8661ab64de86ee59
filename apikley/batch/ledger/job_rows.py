"""The rows of batches: adds, lists, resolves and retries them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy import Row as SqlRow

from apikley._database.transactions import transaction
from apikley._model.names import nearest_names
from apikley.batch.ledger.base import FREE, PAGE, LedgerBase
from apikley.batch.ledger.rows import (
    OPEN,
    Added,
    NewRow,
    Row,
    SavedFile,
    State,
)
from apikley.batch.ledger.schema import batches, rows
from apikley.errors import ConfigurationError

_ROW, _BATCH = rows.c, batches.c


class JobRows(LedgerBase):
    """The rows."""

    @transaction
    def add(self, connection: Connection, batch_id: int, source: str, new_rows: Sequence[NewRow]) -> Added:
        """Add rows of a table; a row that is there already is not added again.

        Args:
            connection: The transaction.
            batch_id: The batch.
            source: The name of the table.
            new_rows: The rows.

        Raises:
            ConfigurationError: The request of a row has changed after a create was sent for it.
        """
        # Two programs may add the same rows at the same time, and a worker may send one of them.
        connection.execute(select(_BATCH.id).where(_BATCH.id == batch_id).with_for_update())
        added = Added()
        for start in range(0, len(new_rows), PAGE):
            added = added.plus(self._add_page(connection, batch_id, source, new_rows[start : start + PAGE]))
        return added

    def _add_page(self, connection: Connection, batch_id: int, source: str, page: Sequence[NewRow]) -> Added:
        query = select(_ROW.key, _ROW.content_hash, _ROW.state, _ROW.attempts, _ROW.source)
        query = query.where(_ROW.batch_id == batch_id, _ROW.key.in_([row.key for row in page]))
        known = {row.key: row for row in connection.execute(query)}
        new = [row for row in page if row.key not in known]
        changed = [row for row in page if row.key in known and known[row.key].content_hash != row.content_hash]
        sent = [row.key for row in changed if known[row.key].state != "planned" or known[row.key].attempts]
        if sent:
            raise ConfigurationError(_changed_after_sending(sent))
        other = [row.key for row in changed if known[row.key].source != source]
        if other:
            raise ConfigurationError(
                f"these rows of {source!r} have the ids of other rows in {known[other[0]].source!r}: {_listed(other)}; "
                "give them other ids, or another batch"
            )
        if new:
            values = [{**row._asdict(), "batch_id": batch_id, "source": source, "state": "planned"} for row in new]
            connection.execute(insert(rows), values)
        for row in changed:
            same = (_ROW.batch_id == batch_id) & (_ROW.key == row.key)
            # A worker that has claimed the row would send the old request.
            connection.execute(update(rows).where(same).values(source=source, **row._asdict(), **FREE))
        return Added(len(new), len(page) - len(new), len(changed))

    @transaction
    def remove_planned(self, connection: Connection, batch_id: int, source: str, kept: Iterable[str]) -> int:
        """Remove planned rows of a table that it no longer has and no worker has claimed; returns their number."""
        same = (_ROW.batch_id == batch_id) & (_ROW.source == source) & (_ROW.state == "planned") & (_ROW.attempts == 0)
        same &= self._is_free(self._database.lease_now(connection))
        gone = sorted({*connection.scalars(select(_ROW.key).where(same))} - {*kept})
        pages = (gone[start : start + PAGE] for start in range(0, len(gone), PAGE))
        return sum(connection.execute(delete(rows).where(same, _ROW.key.in_(page))).rowcount for page in pages)

    @transaction
    def page(
        self, connection: Connection, batch_id: int, after: int = 0, states: Sequence[State] | None = None
    ) -> list[tuple[int, Row]]:
        """Return up to 1,000 rows of a batch whose ids come after one, with their ids."""
        query = select(rows).where(_ROW.batch_id == batch_id, _ROW.id > after).order_by(_ROW.id).limit(PAGE)
        found = connection.execute(query if states is None else query.where(_ROW.state.in_(states)))
        return [(row.id, _row(row)) for row in found]

    def rows(self, batch_id: int, states: Sequence[State] | None = None) -> Iterator[Row]:
        """Yield the rows of a batch."""
        last = 0
        while page := self.page(batch_id, last, states):
            last = page[-1][0]
            yield from (row for _, row in page)

    @transaction
    def row(self, connection: Connection, batch_id: int, key: str) -> Row | None:
        """Return one row."""
        row = connection.execute(select(rows).where(_ROW.batch_id == batch_id, _ROW.key == key)).first()
        return _row(row) if row else None

    @transaction
    def row_id(self, connection: Connection, batch_id: int, key: str) -> int:
        """Return the id of a row.

        Raises:
            ConfigurationError: There is no such row.
        """
        found = connection.scalar(select(_ROW.id).where(_ROW.batch_id == batch_id, _ROW.key == key))
        if found is None:
            raise ConfigurationError(f"there is no row {key!r}")
        return int(found)

    @transaction
    def free_ids(self, connection: Connection, batch_id: int, after: int = 0) -> list[int]:
        """Return up to 1,000 ids of open rows that no live worker has claimed, and that come after one."""
        now = self._database.lease_now(connection)
        free = (_ROW.batch_id == batch_id) & (_ROW.id > after) & _ROW.state.in_(OPEN) & self._is_free(now)
        return [*connection.scalars(select(_ROW.id).where(free).order_by(_ROW.id).limit(PAGE))]

    @transaction
    def unknown_tokens(self, connection: Connection, batch_id: int) -> dict[str, int]:
        """Return the correlation tokens of unknown rows, with the ids of their rows."""
        query = select(_ROW.token, _ROW.id).where(_ROW.batch_id == batch_id, _ROW.state == "unknown")
        return {token: row_id for token, row_id in connection.execute(query)}  # noqa: C416 - rows are not pairs

    @transaction
    def resolve(self, connection: Connection, batch_id: int, key: str, task_id: str | None) -> None:
        """Settle an unknown row: name its task, or say that no task was made, so that it is planned again.

        Raises:
            ConfigurationError: The batch has no such row, or its outcome is known.
        """
        own = (_ROW.batch_id == batch_id) & (_ROW.key == key)
        state = connection.scalar(select(_ROW.state).where(own).with_for_update())
        if state is None:
            near = nearest_names(key, connection.scalars(select(_ROW.key).where(_ROW.batch_id == batch_id)))
            raise ConfigurationError(f"the batch has no row {key!r}" + (f"; did you mean {near}?" if near else ""))
        if state != "unknown":
            raise ConfigurationError(f"row {key!r} is {state}, not unknown; only unknown rows can be resolved")
        values: dict[str, Any] = {"state": "running", "task_id": task_id}
        if task_id is None:
            values = {"state": "planned", "price": None}
        cleared = {"error": None, "error_code": None, "settled_at": None, "due_at": None, **FREE}
        connection.execute(update(rows).where(own).values(**values | cleared))

    @transaction
    def retry(
        self, connection: Connection, batch_id: int, states: Sequence[State], *, key: str | None = None,
        code: str | None = None,
        sent_before: float | None = None, only_count: bool = False,
    ) -> int:  # fmt: skip
        """Plan settled rows again; returns their number. A row whose task has succeeded only saves its files again.

        Args:
            connection: The transaction.
            batch_id: The batch.
            states: The states of the rows.
            key: Only this row.
            code: Only rows with this error code.
            sent_before: Only rows whose create was sent before this time.
            only_count: Whether to change nothing.
        """
        chosen = (_ROW.batch_id == batch_id) & _ROW.state.in_(states)
        chosen = chosen if key is None else chosen & (_ROW.key == key)
        chosen = chosen if code is None else chosen & (_ROW.error_code == code)
        chosen = chosen if sent_before is None else chosen & (_ROW.sent_at < sent_before)
        if only_count:
            return connection.scalar(select(func.count()).where(chosen)) or 0
        cleared = {"error": None, "error_code": None, "settled_at": None, "due_at": None, **FREE}
        has_result = _ROW.task_state == "success"
        saving = connection.execute(update(rows).where(chosen, has_result).values(state="running", **cleared))
        paid = {"paid_before": _ROW.paid_before + func.coalesce(_ROW.price, 0.0), "price": None}
        forgotten = {"task_id": None, "task_state": None, "token": None, "seconds": None, "ended_at": None}
        planned = {"state": "planned", **paid, **forgotten, **cleared}
        return saving.rowcount + connection.execute(update(rows).where(chosen).values(planned)).rowcount


def _row(row: SqlRow[Any]) -> Row:
    names = (name for name in Row.__slots__ if name not in ("credits", "files"))
    files = [SavedFile(*each) for each in json.loads(row.files)]
    return Row(
        **{name: getattr(row, name) for name in names},
        credits=None if row.price is None and not row.paid_before else (row.price or 0.0) + row.paid_before,
        files=files,
    )


def _changed_after_sending(keys: Sequence[str]) -> str:
    return (
        f"the request of these rows has changed after their create was sent: {_listed(keys)}; undo the change, or give "
        "the changed rows new ids"
    )


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(keys[:10]) + (f" and {len(keys) - 10} more" if len(keys) > 10 else "")
