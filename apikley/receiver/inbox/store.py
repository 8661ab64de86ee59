"""The inbox: one event for each completion, stored before it is acknowledged and handled under a lease.

Each call is one transaction of plain SQL, the same on SQLite and PostgreSQL. Times are Unix seconds and come from the
caller, except the times of leases, which come from the database's clock. Statements on several rows go in the order of
their ids, so that two processes never deadlock.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, false, func, or_, select, update

from apikley._database.database import Content, Database
from apikley._database.transactions import transaction
from apikley._flows.clock import Clock
from apikley.errors import InboxUnavailable
from apikley.receiver.inbox.rows import Claim, Completion, InboxRow, Operation, PendingCallback, Result, Status
from apikley.receiver.inbox.schema import events, metadata, pending_callbacks, tokens

_EVENT, _PENDING = events.c, pending_callbacks.c
_ROW = [_EVENT[name] for name in InboxRow.__slots__]
_PENDING_ROW = [_PENDING[name] for name in PendingCallback.__slots__]
_OWN = (_EVENT.event_id == bindparam("own_event_id")) & (_EVENT.claim_id == bindparam("own_claim_id"))
_RESULT = ("claim_id", "status", "due_at", "error", "attempts", "handled_by")
# Not polled: the task id is unknown, or polling was given up.
_NOT_POLLED = _PENDING.task_id.is_(None) | _PENDING.due_at.is_(None)

_CONTENT = Content("inbox", "an", metadata, (events.c.leased_at, events.c.lease), InboxUnavailable)


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
        self._database = Database(where, _CONTENT, create=create)

    def __repr__(self) -> str:
        return f"<Inbox {self._database.place}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def use_clock(self, clock: Clock) -> None:
        """Measure leases by another clock, for tests."""
        self._database.lease_clock = clock.monotonic

    def close(self) -> None:
        """Close the connections. This deletes an inbox in memory."""
        self._database.close()

    @transaction
    def write(self, connection: Connection, operations: Sequence[Operation]) -> None:
        """Store completions and results, all or none. They are on the disk when this returns.

        A stored event does not change. A failure counts only while its claim holds; a success always counts.
        """
        self._store(connection, [each for each in operations if isinstance(each, Completion)])
        self._settle(connection, [each for each in operations if isinstance(each, Result)])

    @transaction
    def claim(
        self, connection: Connection, now: float, lease: float, limit: int, exclude: Iterable[str] = ()
    ) -> list[Claim]:
        """Claim due events, except some. This counts an attempt of each.

        Args:
            connection: The transaction.
            now: The time, for the retries of failed events.
            lease: Seconds that the claims hold without a renewal.
            limit: The maximum number of claims.
            exclude: The ids of events that are not claimed.
        """
        lease_time = self._database.lease_time()
        due = select(_EVENT.event_id).where(_is_due(now, lease_time, self._database.lease_clock is not None))
        due = due.where(_EVENT.event_id.not_in([*exclude]))
        due = due.order_by(_EVENT.due_at, _EVENT.event_id).limit(limit).with_for_update(skip_locked=True)
        ids = connection.scalars(due).all()
        if not ids:
            return []
        claim_id = uuid.uuid4().hex
        claimed = update(events).where(_EVENT.event_id.in_(ids)).returning(*events.c)
        claimed = claimed.values(claim_id=claim_id, status="processing", leased_at=lease_time, lease=lease)
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

    @transaction
    def renew(self, connection: Connection, claims: Iterable[Claim]) -> None:
        """Start the leases of claims again."""
        if rows := [_key(claim) for claim in sorted(claims, key=_event_id)]:
            connection.execute(update(events).where(_OWN).values(leased_at=self._database.lease_time()), rows)

    @transaction
    def begin(self, connection: Connection, claim: Claim) -> bool:
        """Whether a claim still holds, so that a handler may begin. Its lease starts again if much of it has passed.

        The process may have stood still since it claimed the event, and another one may have handled it meanwhile.
        """
        lease_time = self._database.lease_time()
        own = (_EVENT.event_id == claim.event_id) & (_EVENT.claim_id == claim.claim_id)
        held = connection.execute(select(lease_time - _EVENT.leased_at, _EVENT.lease).where(own)).first()
        if held is None:
            return False
        passed, lease = held
        if not 0 <= passed < lease / 4:
            renewed = connection.execute(update(events).where(own).values(leased_at=lease_time))
            return bool(renewed.rowcount)
        return True

    @transaction
    def rows(self, connection: Connection, status: Status | None = None, *, limit: int = 1_000) -> list[InboxRow]:
        """Return the events, newest first."""
        query = select(*_ROW).order_by(_EVENT.received_at.desc(), _EVENT.event_id).limit(limit)
        rows = connection.execute(query if status is None else query.where(_EVENT.status == status))
        return [InboxRow(*row) for row in rows]

    @transaction
    def counts(self, connection: Connection) -> dict[str, int]:
        """Return the number of events of each status."""
        query = select(_EVENT.status, func.count()).group_by(_EVENT.status)
        return {status: count for status, count in connection.execute(query)}  # noqa: C416 - rows are not pairs

    @transaction
    def replay(self, connection: Connection, now: float, event_ids: Sequence[str] | None = None) -> list[str]:
        """Handle dead events again, all of them or some, starting with the handler that failed.

        Returns:
            The ids of the events that were dead and are pending now.
        """
        dead: ColumnElement[bool] = _EVENT.status == "dead"
        if event_ids is not None:
            dead &= _EVENT.event_id.in_(event_ids)
        again = update(events).where(dead).values(status="pending", due_at=now, attempts=0, claim_id=None)
        return sorted(connection.scalars(again.returning(_EVENT.event_id)).all())

    @transaction
    def prune(self, connection: Connection, before: float) -> None:
        """Delete events that were done before a time, and pending callbacks from before it that are not polled."""
        connection.execute(delete(events).where(_EVENT.status == "done", _EVENT.due_at < before))
        connection.execute(delete(pending_callbacks).where(_NOT_POLLED, _PENDING.noted_at < before))
        used = select(_EVENT.task_id).union(select(_PENDING.task_id).where(_PENDING.task_id.is_not(None)))
        connection.execute(delete(tokens).where(tokens.c.task_id.not_in(used)))

    @transaction
    def expect(self, connection: Connection, task_id: str | None, token: str | None, due_at: float, now: float) -> None:
        """Note a task whose callback is expected, by its id, its token, or both.

        A task that was handled already is not noted. A known one does not change, unless it can be polled only now.
        """
        row = {"task_id": task_id, "token": token, "due_at": due_at, "noted_at": now}
        named = select(tokens.c.task_id).where(tokens.c.token == token)
        same_task = (_EVENT.task_id == task_id) | _EVENT.task_id.in_(named)
        if connection.scalar(select(_EVENT.event_id).where(same_task, _EVENT.status == "done").limit(1)):
            return
        if task_id:
            same = (_PENDING.task_id == task_id) | (_PENDING.token == token if token else false())
            connection.execute(delete(pending_callbacks).where(_NOT_POLLED, same))
        connection.execute(self._database.insert(pending_callbacks).values(row).on_conflict_do_nothing())

    @transaction
    def pending_callbacks(self, connection: Connection) -> list[PendingCallback]:
        """Return the tasks whose callback is expected."""
        query = select(*_PENDING_ROW).order_by(_PENDING.id)
        return [PendingCallback(*row) for row in connection.execute(query)]

    @transaction
    def claim_overdue(self, connection: Connection, now: float, lease: float, limit: int) -> list[PendingCallback]:
        """Claim tasks whose callback is overdue for this caller until the lease ends. This counts a poll of each."""
        late = select(_PENDING.id).where(_PENDING.due_at <= now, _PENDING.task_id.is_not(None))
        late = late.order_by(_PENDING.due_at).limit(limit).with_for_update(skip_locked=True)
        ids = connection.scalars(late).all()
        if not ids:
            return []
        claimed = update(pending_callbacks).where(_PENDING.id.in_(ids)).returning(*_PENDING_ROW)
        claimed = claimed.values(due_at=now + lease, attempts=_PENDING.attempts + 1)
        return [PendingCallback(*row) for row in connection.execute(claimed)]

    @transaction
    def reschedule(self, connection: Connection, pending: PendingCallback, due_at: float | None) -> None:
        """Set the time of the next poll; None gives up polling."""
        connection.execute(update(pending_callbacks).where(_PENDING.id == pending.id).values(due_at=due_at))

    @transaction
    def resolve(self, connection: Connection, pending: PendingCallback) -> None:
        """Stop expecting a callback."""
        connection.execute(delete(pending_callbacks).where(_PENDING.id == pending.id))

    @transaction
    def tasks_of(self, connection: Connection, values: Sequence[str]) -> dict[str, str]:
        """Return the ids of the tasks whose callbacks carried these tokens, by token."""
        query = select(tokens.c.token, tokens.c.task_id).where(tokens.c.token.in_(values))
        return {token: task_id for token, task_id in connection.execute(query)}  # noqa: C416 - rows are not pairs

    @transaction
    def ended(self, connection: Connection, task_ids: Sequence[str]) -> set[str]:
        """Return those of some tasks whose completion is stored."""
        return {*connection.scalars(select(_EVENT.task_id).where(_EVENT.task_id.in_(task_ids)))}

    @transaction
    def task_of(self, connection: Connection, token: str) -> str | None:
        """Return the id of the task whose callback carried this token."""
        return connection.scalar(select(tokens.c.task_id).where(tokens.c.token == token))

    def _store(self, connection: Connection, completions: Sequence[Completion]) -> None:
        names = ("event_id", "task_id", "state", "body", "source", "received_at")
        rows = [
            {**{name: getattr(each, name) for name in names}, "status": "pending", "due_at": each.received_at}
            for each in sorted(completions, key=_event_id)
        ]
        if rows:
            connection.execute(self._database.insert(events).on_conflict_do_nothing(), rows)
        pairs = [{"token": each.token, "task_id": each.task_id} for each in completions if each.token]
        if pairs:
            self._store_tokens(connection, pairs)

    def _store_tokens(self, connection: Connection, pairs: list[dict[str, str]]) -> None:
        """Store the token of each task: the first one, and any that is expected.

        A token is not signed, so a repeated callback could carry any number of others.
        """
        values = [pair["token"] for pair in pairs]
        expected = {*connection.scalars(select(_PENDING.token).where(_PENDING.token.in_(values)))}
        ids = [pair["task_id"] for pair in pairs]
        known = {*connection.scalars(select(tokens.c.task_id).where(tokens.c.task_id.in_(ids)))}
        new: dict[str, dict[str, str]] = {}
        for pair in pairs:
            if pair["token"] in expected or pair["task_id"] not in known:
                known.add(pair["task_id"])
                new.setdefault(pair["token"], pair)
        if new:
            connection.execute(
                self._database.insert(tokens).on_conflict_do_nothing(), [new[each] for each in sorted(new)]
            )

    def _settle(self, connection: Connection, results: Sequence[Result]) -> None:
        if not results:
            return
        ids = sorted(each.claim.event_id for each in results)
        stored = select(_EVENT.event_id, *(_EVENT[name] for name in _RESULT))
        stored = stored.where(_EVENT.event_id.in_(ids)).order_by(_EVENT.event_id).with_for_update()
        rows = {row.event_id: row for row in connection.execute(stored)}
        changes = [_change(each, rows[each.claim.event_id]) for each in results if each.claim.event_id in rows]
        settled = sorted((change for change in changes if change), key=lambda change: str(change["own_event_id"]))
        if settled:
            same = _EVENT.event_id == bindparam("own_event_id")
            values: dict[str, Any] = {name: bindparam(name) for name in _RESULT}
            connection.execute(update(events).where(same).values(values), settled)
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


def _is_due(now: float, lease_time: Any, may_restart: bool) -> ColumnElement[bool]:
    """Whether an event is to be handled.

    Args:
        now: The time, for the retries of failed events.
        lease_time: The time by the clock of leases.
        may_restart: Whether that clock starts again with the machine, which ends all leases.
    """
    lapsed = _EVENT.leased_at + _EVENT.lease <= lease_time
    if may_restart:
        lapsed |= _EVENT.leased_at > lease_time
    # A version that had no leases of this kind made the claim, or nobody did.
    lapsed |= _EVENT.leased_at.is_(None) & (_EVENT.due_at <= now)
    # A new event is due at once, because the clock may have been set back since it was stored.
    return or_(
        _EVENT.status == "pending",
        and_(_EVENT.status == "failed", _EVENT.due_at <= now),
        and_(_EVENT.status == "processing", lapsed),
    )


def _change(result: Result, row: Any) -> dict[str, Any] | None:
    """Return the new values of an event, or None if a result changes nothing.

    A result without its claim comes from a process that stood still, while another one handled the event. It adds the
    handlers that succeeded, so that they are not called again.
    """
    claim, is_own = result.claim, row.claim_id == result.claim.claim_id
    handled_by = " ".join(dict.fromkeys([*row.handled_by.split(), *result.handled_by]))
    change = {name: getattr(row, name) for name in _RESULT} | {"own_event_id": row.event_id, "handled_by": handled_by}
    if is_own or (result.status == "done" and row.status != "done"):
        attempts = claim.attempt if is_own else row.attempts
        new = {"claim_id": None, "status": result.status, "due_at": result.due_at, "error": result.error}
        return change | new | {"attempts": attempts}
    return change if handled_by != row.handled_by else None


def _event_id(completion: Completion) -> str:
    return completion.event_id


def _key(claim: Claim) -> dict[str, Any]:
    return {"own_event_id": claim.event_id, "own_claim_id": claim.claim_id}
