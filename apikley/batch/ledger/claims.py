"""Claims: one worker alone works on a row."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, or_, select, update

from apikley._database.transactions import transaction
from apikley.batch.ledger.admission import MAX_HOLD
from apikley.batch.ledger.base import FREE, LedgerBase, unknown_values
from apikley.batch.ledger.rows import (
    OPEN,
    Claim,
    Wait,
)
from apikley.batch.ledger.schema import batches, rows

_ROW, _BATCH = rows.c, batches.c
_CLAIM = [_ROW.id.label("row_id"), *(_ROW[name] for name in Claim.__slots__ if name != "row_id")]


class Claims(LedgerBase):
    """The claims of workers."""

    @transaction
    def claim_next(
        self,
        connection: Connection,
        batch_id: int,
        state: Literal["planned", "running"],
        worker: str,
        lease: float,
        limit: int,
        skipped_models: Sequence[str] = (),
        excluded: Sequence[int] = (),
    ) -> list[Claim]:
        """Claim rows to work on, in their order: planned ones, or those with a task that no worker waits for.

        Args:
            connection: The transaction.
            batch_id: The batch.
            state: The state of the rows.
            worker: The name of the worker.
            lease: Seconds that the claims hold without a renewal.
            limit: The maximum number of claims.
            skipped_models: Models whose rows are left.
            excluded: The ids of rows that are left.
        """
        now = self._database.lease_now(connection)
        due = (_ROW.batch_id == batch_id) & (_ROW.state == state) & self._is_free(now) & _is_due(now)
        due = due & _ROW.model.not_in(skipped_models) & _ROW.id.not_in(excluded)
        free = select(_ROW.id).where(due).order_by(_ROW.id).limit(limit).with_for_update(skip_locked=True)
        return self._claim(connection, free, worker, lease, now)

    @transaction
    def claim(self, connection: Connection, row_id: int, worker: str, lease: float) -> Claim | Wait | None:
        """Claim one row to work on; None if it is settled.

        A row in `sending` whose claim has lapsed becomes `unknown`: it is never sent again.
        """
        row = connection.execute(select(rows).where(_ROW.id == row_id).with_for_update()).first()
        now = self._database.lease_now(connection)
        if row is None or row.state not in OPEN:
            return None
        if row.claim is not None and 0 <= now - row.leased_at < row.lease:
            return Wait(row.leased_at + row.lease - now, "another worker works on the row")
        if row.state == "sending":
            connection.execute(update(rows).where(_ROW.id == row_id).values(unknown_values(self._time())))
            return None
        if row.due_at is not None and now < row.due_at <= now + MAX_HOLD:
            return Wait(row.due_at - now, "the row waits for a retry")
        (claim,) = self._claim(connection, select(_ROW.id).where(_ROW.id == row_id), worker, lease, now)
        return claim

    def _claim(self, connection: Connection, free: Any, worker: str, lease: float, now: float) -> list[Claim]:
        ids = connection.scalars(free).all()
        if not ids:
            return []
        claimed = update(rows).where(_ROW.id.in_(ids)).returning(*_CLAIM)
        # The claim's token, not the worker's name, decides who may change the row.
        values = {"claim": secrets.token_hex(16), "worker": worker, "leased_at": now, "lease": lease}
        found = {row.row_id: Claim(*row) for row in connection.execute(claimed.values(values))}
        return [found[each] for each in ids]

    @transaction
    def renew(self, connection: Connection, claims: Sequence[Claim]) -> set[int]:
        """Start the leases of claims again; returns the ids of the rows whose claims still hold."""
        held = _ROW.id.in_([claim.row_id for claim in claims]) & _ROW.claim.in_({claim.claim for claim in claims})
        now = self._database.lease_now(connection)
        return {*connection.scalars(update(rows).where(held).values(leased_at=now).returning(_ROW.id))}

    @transaction
    def release(self, connection: Connection, claims: Sequence[Claim]) -> None:
        """Leave rows to other workers."""
        held = _ROW.id.in_([claim.row_id for claim in claims]) & _ROW.claim.in_({claim.claim for claim in claims})
        connection.execute(update(rows).where(held, _ROW.state != "sending").values(FREE))

    @transaction
    def sweep(self, connection: Connection, batch_id: int) -> int:
        """Mark creates whose worker is gone as `unknown`; returns their number."""
        now = self._database.lease_now(connection)
        lost = (_ROW.batch_id == batch_id) & (_ROW.state == "sending") & self._is_free(now)
        return connection.execute(update(rows).where(lost).values(unknown_values(self._time()))).rowcount


def _is_due(now: float) -> ColumnElement[bool]:
    return or_(_ROW.due_at.is_(None), _ROW.due_at <= now, _ROW.due_at > now + MAX_HOLD)
