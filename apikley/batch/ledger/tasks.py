"""Tasks: polls, completions and files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from apikley._database.transactions import transaction
from apikley._model.task import FAIL, TaskInfo
from apikley.batch.ledger.admission import MAX_HOLD, NO_PRICE, lock_account, price_of
from apikley.batch.ledger.base import FREE, MAX_ERROR, LedgerBase
from apikley.batch.ledger.limits import poll_interval
from apikley.batch.ledger.rows import (
    Claim,
    SavedFile,
)
from apikley.batch.ledger.schema import accounts, batches, rows

_ROW, _BATCH = rows.c, batches.c


class Tasks(LedgerBase):
    """The tasks of rows."""

    @transaction
    def reserve_polls(self, connection: Connection, account: str, count: int) -> float:
        """Reserve polls of an account over all workers; returns the seconds until the first of them.

        The others follow at intervals of `poll_interval()`.
        """
        lock_account(self._database, connection, account)
        now = self._database.lease_now(connection)
        same = accounts.c.account == account
        next_poll = connection.scalar(select(accounts.c.next_poll).where(same)) or 0.0
        start = next_poll if now < next_poll < now + MAX_HOLD else now
        connection.execute(update(accounts).where(same).values(next_poll=start + count * poll_interval()))
        return start - now

    @transaction
    def ended(self, connection: Connection, row_id: int, task: TaskInfo) -> None:
        """Note how a task has ended. A failed task settles its row."""
        query = select(
            _ROW.price.label("reserved"), _ROW.sent_at, _ROW.model, _BATCH.id, _BATCH.price, _BATCH.max_credits
        )
        row = connection.execute(query.join(batches, _BATCH.id == _ROW.batch_id).where(_ROW.id == row_id)).one()
        now = self._time()
        duration = task.duration.total_seconds() if task.duration else max(0.0, now - (row.sent_at or now))
        price = price_of(connection, row, row.model) if task.credits is None else float(task.credits)
        values: dict[str, Any] = {"task_state": task.state, "price": price, "seconds": duration, "ended_at": now}
        if price is None and row.max_credits is not None:  # what was reserved is only the rest of the cap
            self._pause(connection, row.id, NO_PRICE)
        elif price is None:
            # What was reserved may be the rest of a budget: it counts as spent, but it is no price.
            values["paid_before"] = _ROW.paid_before + func.coalesce(_ROW.price, 0.0)
        if task.state == FAIL:
            error = (task.fail_message or "the service gave no reason")[:MAX_ERROR]
            values |= {"state": "failed", "error_code": task.fail_code or "fail", "error": error, "settled_at": now}
            values |= FREE
        own = (_ROW.id == row_id) & (_ROW.task_id == task.id) & (_ROW.state == "running")
        if connection.execute(update(rows).where(own).values(values)).rowcount and task.state == FAIL:
            self._stop_after_failures(connection, row_id)

    @transaction
    def saved(self, connection: Connection, row_id: int, files: Sequence[SavedFile]) -> None:
        """Note the files of a task. The row is done."""
        values = {"state": "done", "files": json.dumps(files), "error": None, "error_code": None, **FREE}
        own = (_ROW.id == row_id) & (_ROW.state == "running")
        connection.execute(update(rows).where(own).values(**values, settled_at=self._time()))

    @transaction
    def failed(self, connection: Connection, row_id: int, code: str, error: str) -> None:
        """Note that a row with a task cannot be completed, for instance because the task is not known any more."""
        values = {"state": "failed", "error_code": code, "error": error[:MAX_ERROR], "settled_at": self._time()}
        own = (_ROW.id == row_id) & (_ROW.state == "running")
        if connection.execute(update(rows).where(own).values(**values, **FREE)).rowcount:
            self._stop_after_failures(connection, row_id)

    @transaction
    def delay(self, connection: Connection, claim: Claim, seconds: float, error: str) -> None:
        """Release a row, and work on it again later."""
        due_at = self._database.lease_now(connection) + min(seconds, MAX_HOLD)
        held = (_ROW.id == claim.row_id) & (_ROW.claim == claim.claim)
        connection.execute(update(rows).where(held).values(**FREE | {"due_at": due_at, "error": error[:MAX_ERROR]}))
