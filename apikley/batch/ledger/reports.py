"""Reports: counts, prices, durations and the status of a batch."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, func, select

from apikley._database.transactions import transaction
from apikley.batch.ledger import admission
from apikley.batch.ledger.admission import IN_FLIGHT
from apikley.batch.ledger.base import LedgerBase
from apikley.batch.ledger.rows import (
    OPEN,
    State,
    Status,
)
from apikley.batch.ledger.schema import batches, rows
from apikley.errors import ConfigurationError

_ROW, _BATCH = rows.c, batches.c
_MAX_ERRORS = 5
_LAST = 201  # durations that the median is taken of


class Reports(LedgerBase):
    """The reports."""

    @transaction
    def count(self, connection: Connection, batch_id: int, states: Sequence[State], since: float = 0.0) -> int:
        """Return how many rows are in these states, of those whose create was sent after a time."""
        chosen = (_ROW.batch_id == batch_id) & _ROW.state.in_(states)
        chosen = chosen & (_ROW.sent_at > since) if since else chosen
        return connection.scalar(select(func.count()).where(chosen)) or 0

    @transaction
    def count_left(self, connection: Connection, batch_id: int, unknown_since: float | None) -> int:
        """Return how many rows are open, or unknown and sent after a time.

        In one query, because a callback may take a row from `unknown` to `running` meanwhile.
        """
        left: ColumnElement[bool] = _ROW.state.in_(OPEN)
        if unknown_since is not None:
            left |= (_ROW.state == "unknown") & (_ROW.sent_at > unknown_since)
        return connection.scalar(select(func.count()).where(_ROW.batch_id == batch_id, left)) or 0

    @transaction
    def count_unfinished(self, connection: Connection, batch_id: int) -> int:
        """Return how many creates and tasks of a batch have not ended."""
        unfinished = (_ROW.batch_id == batch_id) & IN_FLIGHT & (_ROW.state != "unknown")
        return connection.scalar(select(func.count()).where(unfinished)) or 0

    @transaction
    def status(self, connection: Connection, name: str) -> Status:
        """Return the state of a batch.

        Raises:
            ConfigurationError: There is no batch with this name.
        """
        batch = connection.execute(select(batches).where(_BATCH.name == name)).first()
        if batch is None:
            known = ", ".join(map(repr, connection.scalars(select(_BATCH.name)))) or "none"
            raise ConfigurationError(f"there is no batch {name!r} in {self.place}; known batches: {known}")
        in_batch = _ROW.batch_id == batch.id
        counts = connection.execute(select(_ROW.state, func.count()).where(in_batch).group_by(_ROW.state)).all()
        saving = select(func.count()).where(in_batch, _ROW.state == "running", _ROW.task_state.is_not(None))
        open_price = and_(IN_FLIGHT, _ROW.state != "unknown")
        reserved = select(func.sum(func.coalesce(_ROW.price, 0.0))).where(in_batch, open_price)
        now = self._database.lease_now(connection)
        held = in_batch & _ROW.claim.is_not(None) & ~self._is_free(now)
        recent = select(func.count()).where(in_batch, _ROW.sent_at > self._time() - 60.0)
        failed = select(_ROW.key, _ROW.error_code, _ROW.error).where(in_batch, _ROW.error.is_not(None))
        failed = failed.order_by(_ROW.settled_at.desc().nulls_last()).limit(_MAX_ERRORS)
        ended = in_batch & (_ROW.task_state == "success")
        price = connection.scalar(select(func.max(_ROW.price)).where(ended))
        total, waiting = connection.scalar(admission.cost(batch.id)), connection.scalar(reserved) or 0.0
        return Status(
            name=name,
            rows={state: count for state, count in counts},  # noqa: C416 - rows are not pairs
            saving=connection.scalar(saving) or 0,
            spent=total - waiting,
            reserved=waiting,
            max_credits=batch.max_credits,
            price=batch.price if price is None else price,
            paused=batch.paused,
            workers=connection.scalar(select(func.count(_ROW.worker.distinct())).where(held)) or 0,
            seconds_per_video=_median(connection, ended),
            creates_per_minute=connection.scalar(recent) or 0,
            errors=[(row.key, row.error_code or "", row.error) for row in connection.execute(failed)],
        )

    @transaction
    def price(self, connection: Connection, batch_id: int, model: str) -> float | None:
        """Return the price of a create: the given one, or the highest that the service has stated if that is higher."""
        batch = connection.execute(select(batches).where(_BATCH.id == batch_id)).one()
        return admission.price_of(connection, batch, model)

    @transaction
    def medians(self, connection: Connection, batch_id: int) -> tuple[float | None, float | None]:
        """Return the median duration in seconds and the median price of successful tasks, if there are any."""
        ended = (_ROW.batch_id == batch_id) & (_ROW.task_state == "success")
        stated = select(_ROW.price).where(ended, _ROW.price.is_not(None))
        prices = connection.scalars(stated.order_by(_ROW.ended_at.desc()).limit(_LAST)).all()
        return _median(connection, ended), statistics.median(prices) if prices else None


def _median(connection: Connection, ended: ColumnElement[bool]) -> float | None:
    last = select(_ROW.seconds).where(ended, _ROW.seconds.is_not(None)).order_by(_ROW.ended_at.desc()).limit(_LAST)
    values = connection.scalars(last).all()
    return statistics.median(values) if values else None
