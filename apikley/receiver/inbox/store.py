"""The inbox: one event for each completion, stored before it is acknowledged and handled under a lease.

Each call is one transaction of plain SQL, the same on SQLite and PostgreSQL. Times are Unix seconds and come from the
caller. Statements on several rows go in the order of their ids, so that two processes never deadlock.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, bindparam, delete, false, func, or_, select, update

from apikley.receiver.inbox.database import Database
from apikley.receiver.inbox.rows import Claim, Completion, InboxRow, Operation, PendingCallback, Result, Status
from apikley.receiver.inbox.schema import events, pending_callbacks, tokens

_EVENT, _PENDING = events.c, pending_callbacks.c
_ROW = [_EVENT[name] for name in InboxRow.__slots__]
_PENDING_ROW = [_PENDING[name] for name in PendingCallback.__slots__]
_OWN = (_EVENT.event_id == bindparam("own_event_id")) & (_EVENT.claim_id == bindparam("own_claim_id"))
_UNFINISHED = ("pending", "processing", "failed")
# Not polled: the task id is unknown, or polling was given up.
_NOT_POLLED = _PENDING.task_id.is_(None) | _PENDING.due_at.is_(None)


class Inbox:
    """The events of a receiver.

    Usable from several threads and, except in memory, from several processes.

    Args:
        where: The path of a SQLite file; `:memory:` for tests; or the URL of a PostgreSQL database,
            `postgresql://user:password@host/name`, which receivers on several machines can share.
        create: Whether to create a missing inbox on first use.

    Raises:
        ConfigurationError: The location is invalid. Every method raises `InboxUnavailable` if the database
            cannot be reached.
    """

    def __init__(self, where: str | os.PathLike[str], *, create: bool = True) -> None:
        self._database = Database(where, create=create)

    def __repr__(self) -> str:
        return f"<Inbox {self._database.place}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. This deletes an inbox in memory."""
        self._database.close()

    def write(self, operations: Sequence[Operation]) -> None:
        """Store completions and results, all or none. They are on the disk when this returns.

        A stored event does not change. A result counts only while its claim holds.
        """
        with self._database.begin() as connection:
            self._store(connection, [each for each in operations if isinstance(each, Completion)])
            self._settle(connection, [each for each in operations if isinstance(each, Result)])

    def claim(self, now: float, lease: float, limit: int, exclude: Iterable[str] = ()) -> list[Claim]:
        """Claim due events, except some, until the lease ends. This counts an attempt of each."""
        due = select(_EVENT.event_id).where(_EVENT.status.in_(_UNFINISHED), _EVENT.due_at <= now)
        due = due.where(_EVENT.event_id.not_in([*exclude]))
        due = due.order_by(_EVENT.due_at, _EVENT.event_id).limit(limit).with_for_update(skip_locked=True)
        with self._database.begin() as connection:
            ids = connection.scalars(due).all()
            if not ids:
                return []
            claim_id = uuid.uuid4().hex
            claimed = update(events).where(_EVENT.event_id.in_(ids)).returning(*events.c)
            claimed = claimed.values(claim_id=claim_id, status="processing", due_at=now + lease)
            rows = connection.execute(claimed.values(attempts=_EVENT.attempts + 1)).all()
            known = self._tokens(connection, [row.task_id for row in rows])
        return [
            Claim(
                *(row.task_id, row.state, bytes(row.body), row.received_at, known.get(row.task_id), row.source),
                claim_id=claim_id,
                attempt=row.attempts,
                handled_by=tuple(row.handled_by.split()),
            )
            for row in sorted(rows, key=lambda row: ids.index(row.event_id))
        ]

    def renew(self, claims: Iterable[Claim], until: float) -> None:
        """Extend the leases of claims."""
        if rows := [_key(claim) for claim in sorted(claims, key=_event_id)]:
            with self._database.begin() as connection:
                connection.execute(update(events).where(_OWN).values(due_at=until), rows)

    def rows(self, status: Status | None = None, *, limit: int = 1_000) -> list[InboxRow]:
        """Return the events, newest first."""
        query = select(*_ROW).order_by(_EVENT.received_at.desc(), _EVENT.event_id).limit(limit)
        with self._database.begin() as connection:
            rows = connection.execute(query if status is None else query.where(_EVENT.status == status))
            return [InboxRow(*row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Return the number of events of each status."""
        query = select(_EVENT.status, func.count()).group_by(_EVENT.status)
        with self._database.begin() as connection:
            return {status: count for status, count in connection.execute(query)}  # noqa: C416 - rows are not pairs

    def replay(self, now: float, event_ids: Sequence[str] | None = None) -> list[str]:
        """Handle dead events again, all of them or some, starting with the handler that failed.

        Returns:
            The ids of the events that were dead and are pending now.
        """
        dead: ColumnElement[bool] = _EVENT.status == "dead"
        if event_ids is not None:
            dead &= _EVENT.event_id.in_(event_ids)
        again = update(events).where(dead).values(status="pending", due_at=now, attempts=0, claim_id=None)
        with self._database.begin() as connection:
            return sorted(connection.scalars(again.returning(_EVENT.event_id)).all())

    def prune(self, before: float) -> None:
        """Delete events that were done before a time, and pending callbacks from before it that are not polled."""
        with self._database.begin() as connection:
            connection.execute(delete(events).where(_EVENT.status == "done", _EVENT.due_at < before))
            connection.execute(delete(pending_callbacks).where(_NOT_POLLED, _PENDING.noted_at < before))
            used = select(_EVENT.task_id).union(select(_PENDING.task_id).where(_PENDING.task_id.is_not(None)))
            connection.execute(delete(tokens).where(tokens.c.task_id.not_in(used)))

    def expect(self, task_id: str | None, token: str | None, due_at: float, now: float) -> None:
        """Note a task whose callback is expected, by its id, its token, or both.

        A task that was handled already is not noted. A known one does not change, unless it can be polled only now.
        """
        row = {"task_id": task_id, "token": token, "due_at": due_at, "noted_at": now}
        named = select(tokens.c.task_id).where(tokens.c.token == token)
        same_task = (_EVENT.task_id == task_id) | _EVENT.task_id.in_(named)
        with self._database.begin() as connection:
            if connection.scalar(select(_EVENT.event_id).where(same_task, _EVENT.status == "done").limit(1)):
                return
            if task_id:
                same = (_PENDING.task_id == task_id) | (_PENDING.token == token if token else false())
                connection.execute(delete(pending_callbacks).where(_NOT_POLLED, same))
            connection.execute(self._database.insert(pending_callbacks).values(row).on_conflict_do_nothing())

    def pending_callbacks(self) -> list[PendingCallback]:
        """Return the tasks whose callback is expected."""
        query = select(*_PENDING_ROW).order_by(_PENDING.id)
        with self._database.begin() as connection:
            return [PendingCallback(*row) for row in connection.execute(query)]

    def claim_overdue(self, now: float, lease: float, limit: int) -> list[PendingCallback]:
        """Claim tasks whose callback is overdue for this caller until the lease ends. This counts a poll of each."""
        late = select(_PENDING.id).where(_PENDING.due_at <= now, _PENDING.task_id.is_not(None))
        late = late.order_by(_PENDING.due_at).limit(limit).with_for_update(skip_locked=True)
        with self._database.begin() as connection:
            ids = connection.scalars(late).all()
            if not ids:
                return []
            claimed = update(pending_callbacks).where(_PENDING.id.in_(ids)).returning(*_PENDING_ROW)
            claimed = claimed.values(due_at=now + lease, attempts=_PENDING.attempts + 1)
            return [PendingCallback(*row) for row in connection.execute(claimed)]

    def reschedule(self, pending: PendingCallback, due_at: float | None) -> None:
        """Set the time of the next poll; None gives up polling."""
        with self._database.begin() as connection:
            connection.execute(update(pending_callbacks).where(_PENDING.id == pending.id).values(due_at=due_at))

    def resolve(self, pending: PendingCallback) -> None:
        """Stop expecting a callback."""
        with self._database.begin() as connection:
            connection.execute(delete(pending_callbacks).where(_PENDING.id == pending.id))

    def task_of(self, token: str) -> str | None:
        """Return the id of the task whose callback carried this token."""
        with self._database.begin() as connection:
            return connection.scalar(select(tokens.c.task_id).where(tokens.c.token == token))

    def _store(self, connection: Connection, completions: Sequence[Completion]) -> None:
        names = ("event_id", "task_id", "state", "body", "source", "received_at")
        rows = [
            {**{name: getattr(each, name) for name in names}, "status": "pending", "due_at": each.received_at}
            for each in sorted(completions, key=_event_id)
        ]
        pairs = sorted({(each.token, each.task_id) for each in completions if each.token})
        if rows:
            connection.execute(self._database.insert(events).on_conflict_do_nothing(), rows)
        if pairs:
            named: list[dict[str, Any]] = [{"token": token, "task_id": task_id} for token, task_id in pairs]
            connection.execute(self._database.insert(tokens).on_conflict_do_nothing(), named)

    def _settle(self, connection: Connection, results: Sequence[Result]) -> None:
        if not results:
            return
        names = ("status", "due_at", "error")
        rows = [
            {
                **_key(each.claim),
                **{name: getattr(each, name) for name in names},
                "attempts": each.claim.attempt,
                "handled_by": " ".join(each.handled_by),
            }
            for each in sorted(results, key=lambda each: each.claim.event_id)
        ]
        values: dict[str, Any] = {name: bindparam(name) for name in (*names, "attempts", "handled_by")}
        connection.execute(update(events).where(_OWN).values(**values, claim_id=None), rows)
        done = sorted({each.claim.task_id for each in results if each.status == "done"})
        if done:
            theirs = select(tokens.c.token).where(tokens.c.task_id.in_(done))
            resolved = or_(_PENDING.task_id.in_(done), _PENDING.token.in_(theirs))
            connection.execute(delete(pending_callbacks).where(resolved))
        self._store(connection, [each.replacement for each in results if each.replacement])

    def _tokens(self, connection: Connection, task_ids: Sequence[str]) -> dict[str, str]:
        query = select(tokens.c.task_id, tokens.c.token, _PENDING.id.is_not(None).label("is_expected"))
        query = query.join(pending_callbacks, _PENDING.token == tokens.c.token, isouter=True)
        rows = connection.execute(query.where(tokens.c.task_id.in_(task_ids))).all()
        return {row.task_id: row.token for row in sorted(rows, key=lambda row: row.is_expected)}


def _event_id(completion: Completion) -> str:
    return completion.event_id


def _key(claim: Claim) -> dict[str, Any]:
    return {"own_event_id": claim.event_id, "own_claim_id": claim.claim_id}
