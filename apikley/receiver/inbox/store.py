"""The inbox: every ending of a task once, stored before it is acknowledged, handled under a lease.

All of it is plain SQL in one transaction for each call, the same on SQLite and PostgreSQL. Times are
Unix seconds and come from the caller.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Update, bindparam, delete, false, func, or_, select, update

from apikley.receiver.inbox.database import Database
from apikley.receiver.inbox.rows import Begun, Claimed, Delivery, Entry, Expected, Operation, Outcome, Status
from apikley.receiver.inbox.schema import callbacks, expected, tokens

_COLUMN = callbacks.c
_ENTRY = [_COLUMN[name] for name in Entry.__slots__]
_EXPECTED = [expected.c[name] for name in Expected.__slots__]
# A claimed ending, for as long as the claim holds.
_OWN = (_COLUMN.key == bindparam("held_key")) & (_COLUMN.claim == bindparam("held_claim"))
_BEGIN = update(callbacks).where(_OWN).values(attempts=_COLUMN.attempts + 1, interrupted=_COLUMN.interrupted + 1)
# Nobody asks for these: their task is not known, or was asked for in vain.
_NOT_ASKED_FOR = expected.c.task_id.is_(None) | expected.c.due_at.is_(None)


class Inbox:
    """Endings of tasks, as they came, and what became of them.

    Usable from several threads, and, except for one in memory, from several processes.

    Args:
        where: A SQLite file's path; `:memory:` for one that ends with the process, for tests; or the URL
            of a PostgreSQL database, `postgresql://user:password@host/name`, which receivers on several
            machines can share.
        create: Whether it is made where there is none, when it is first used.

    Raises:
        ConfigurationError: No inbox can be kept there.
    """

    def __init__(self, where: str | os.PathLike[str], *, create: bool = True) -> None:
        self._database = Database(where, create=create)

    def __repr__(self) -> str:
        return f"<Inbox {self._database.url.render_as_string(hide_password=True)}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; an inbox in memory is gone then."""
        self._database.close()

    def write(self, operations: Sequence[Operation]) -> None:
        """Store deliveries, beginnings and outcomes, all or none; they are on the disk when this returns.

        An ending that is there already stays as it is. An attempt and its outcome count only while the claim holds.
        """
        begun = [each.item for each in operations if isinstance(each, Begun)]
        outcomes = [each for each in operations if isinstance(each, Outcome)]
        with self._database.begin() as connection:
            self._store(connection, [each for each in operations if isinstance(each, Delivery)])
            if begun and outcomes and not self._database.is_sqlite:
                # Two statements, so the rows of both are locked first, in the order of the keys.
                keys = [*(item.key for item in begun), *(each.item.key for each in outcomes)]
                connection.execute(
                    select(_COLUMN.key).where(_COLUMN.key.in_(keys)).order_by(_COLUMN.key).with_for_update()
                )
            if begun:
                connection.execute(_BEGIN, _held(begun))
            self._settle(connection, outcomes)

    def claim(self, now: float, lease: float, limit: int) -> list[Claimed]:
        """Take endings that are due, for this caller alone until the lease is over.

        Returns:
            Those that no process has ended in first.
        """
        with self._database.begin() as connection:
            due = select(_COLUMN.key).where(_COLUMN.status == "pending", _COLUMN.due_at <= now)
            due = due.order_by(_COLUMN.due_at, _COLUMN.key).limit(limit).with_for_update(skip_locked=True)
            keys = connection.scalars(due).all()
            if not keys:
                return []
            claim = uuid.uuid4().hex
            taken = update(callbacks).where(_COLUMN.key.in_(keys)).returning(*callbacks.c)
            taken = taken.values(claim=claim, due_at=now + lease)
            rows = sorted(connection.execute(taken).all(), key=lambda row: (row.interrupted, keys.index(row.key)))
            named = self._tokens_of(connection, [row.task_id for row in rows])
        return [
            Claimed(
                row.key,
                claim,
                row.task_id,
                row.state,
                bytes(row.body),
                row.source,
                row.received_at,
                row.attempts,
                row.interrupted,
                tuple(row.handled_by.split()),
                named.get(row.task_id),
            )
            for row in rows
        ]

    def renew(self, items: Iterable[Claimed], until: float) -> None:
        """Make the leases of claimed endings last longer."""
        longer = update(callbacks).where(_OWN).values(due_at=until)
        self._change(longer, items)

    def release(self, items: Iterable[Claimed], now: float) -> None:
        """Give back claimed endings that nobody has begun to handle."""
        back = update(callbacks).where(_OWN).values(claim=None, due_at=now)
        self._change(back, items)

    def entries(self, status: Status | None = None, *, limit: int = 1_000) -> list[Entry]:
        """What is stored, latest first."""
        query = select(*_ENTRY).order_by(_COLUMN.received_at.desc(), _COLUMN.key).limit(limit)
        with self._database.begin() as connection:
            rows = connection.execute(query if status is None else query.where(_COLUMN.status == status))
            return [Entry(*row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many endings there are of each status."""
        query = select(_COLUMN.status, func.count()).group_by(_COLUMN.status)
        with self._database.begin() as connection:
            return {status: count for status, count in connection.execute(query)}  # noqa: C416 - rows are not pairs

    def replay(self, now: float, keys: Sequence[str] | None = None) -> list[str]:
        """Have dead endings handled again, from the handler that failed on.

        Args:
            now: Unix time in seconds.
            keys: Which ones; all of them, if not given.

        Returns:
            The keys of those that were dead and are pending now.
        """
        dead: ColumnElement[bool] = _COLUMN.status == "dead"
        if keys is not None:
            dead &= _COLUMN.key.in_(keys)
        again = update(callbacks).where(dead).values(status="pending", due_at=now, attempts=0, claim=None)
        with self._database.begin() as connection:
            return sorted(connection.scalars(again.returning(_COLUMN.key)).all())

    def forget(self, before: float) -> int:
        """Delete endings that were done with before a time, and returns how many.

        So are jobs that were noted before it and that nobody asks for.
        """
        old = delete(callbacks).where(_COLUMN.status.in_(["done", "refused"]), _COLUMN.due_at < before)
        with self._database.begin() as connection:
            count = connection.execute(old).rowcount
            connection.execute(delete(expected).where(_NOT_ASKED_FOR, expected.c.noted_at < before))
            left = select(_COLUMN.task_id).union(select(expected.c.task_id).where(expected.c.task_id.is_not(None)))
            connection.execute(delete(tokens).where(tokens.c.task_id.not_in(left)))
            return int(count)

    def expect(self, task_id: str | None, token: str | None, due_at: float, now: float) -> None:
        """Note a job whose callback is waited for, by its id, its token, or both.

        One that is noted already stays as it is, unless nobody asks for it and now somebody can. One whose task
        was handled already is not noted.
        """
        row = {"task_id": task_id, "token": token, "due_at": due_at, "noted_at": now}
        named = select(tokens.c.task_id).where(tokens.c.token == token)
        theirs = (_COLUMN.task_id == task_id) | _COLUMN.task_id.in_(named)
        with self._database.begin() as connection:
            if connection.scalar(select(_COLUMN.key).where(theirs, _COLUMN.status == "done").limit(1)):
                return
            if task_id:
                same = (expected.c.task_id == task_id) | (expected.c.token == token if token else false())
                connection.execute(delete(expected).where(_NOT_ASKED_FOR, same))
            connection.execute(self._database.insert(expected).values(row).on_conflict_do_nothing())

    def expectations(self) -> list[Expected]:
        """The jobs whose callback is waited for."""
        with self._database.begin() as connection:
            return [Expected(*row) for row in connection.execute(select(*_EXPECTED).order_by(expected.c.id))]

    def overdue(self, now: float, lease: float, limit: int) -> list[Expected]:
        """Take jobs whose callback is overdue, for this caller alone until the lease is over."""
        with self._database.begin() as connection:
            late = select(expected.c.id).where(expected.c.due_at <= now, expected.c.task_id.is_not(None))
            late = late.order_by(expected.c.due_at).limit(limit).with_for_update(skip_locked=True)
            ids = connection.scalars(late).all()
            if not ids:
                return []
            taken = update(expected).where(expected.c.id.in_(ids)).returning(*_EXPECTED)
            taken = taken.values(due_at=now + lease, attempts=expected.c.attempts + 1)
            return [Expected(*row) for row in connection.execute(taken)]

    def postpone(self, expectation: Expected, due_at: float | None) -> None:
        """Ask again later, or no more."""
        with self._database.begin() as connection:
            connection.execute(update(expected).where(expected.c.id == expectation.id).values(due_at=due_at))

    def met(self, expectation: Expected) -> None:
        """Wait no longer for a job."""
        with self._database.begin() as connection:
            connection.execute(delete(expected).where(expected.c.id == expectation.id))

    def task_of(self, token: str) -> str | None:
        """The task that a callback with this token has named."""
        with self._database.begin() as connection:
            return connection.scalar(select(tokens.c.task_id).where(tokens.c.token == token))

    def _change(self, change: Update, items: Iterable[Claimed]) -> None:
        if rows := _held(items):
            with self._database.begin() as connection:
                connection.execute(change, rows)

    def _store(self, connection: Connection, deliveries: Sequence[Delivery]) -> None:
        # In the order of the keys, so that two processes that store the same ones never wait for each other.
        rows = [
            {
                "key": each.key,
                "task_id": each.task_id,
                "state": each.state,
                "body": each.body,
                "source": each.source,
                "received_at": each.received_at,
                "status": "pending",
                "due_at": each.received_at,
            }
            for each in sorted(deliveries, key=lambda each: each.key)
        ]
        pairs = sorted({(each.token, each.task_id) for each in deliveries if each.token})
        if rows:
            connection.execute(self._database.insert(callbacks).on_conflict_do_nothing(), rows)
        if pairs:
            named: list[dict[str, Any]] = [{"token": token, "task_id": task_id} for token, task_id in pairs]
            connection.execute(self._database.insert(tokens).on_conflict_do_nothing(), named)

    def _settle(self, connection: Connection, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            return
        rows = [
            {
                "held_key": each.item.key,
                "held_claim": each.item.claim,
                "new_status": each.status,
                "new_due_at": each.due_at,
                "new_error": each.error,
                "new_handled_by": " ".join(each.handled_by),
            }
            for each in sorted(outcomes, key=lambda each: each.item.key)
        ]
        settled = (
            update(callbacks)
            .where(_OWN)
            .values(
                status=bindparam("new_status"),
                due_at=bindparam("new_due_at"),
                error=bindparam("new_error"),
                handled_by=bindparam("new_handled_by"),
                interrupted=0,
                claim=None,
            )
        )
        connection.execute(settled, rows)
        done = sorted({each.item.task_id for each in outcomes if each.status == "done"})
        if done:
            theirs = select(tokens.c.token).where(tokens.c.task_id.in_(done))
            connection.execute(delete(expected).where(or_(expected.c.task_id.in_(done), expected.c.token.in_(theirs))))
        self._store(connection, [each.instead for each in outcomes if each.instead])

    def _tokens_of(self, connection: Connection, task_ids: Sequence[str]) -> dict[str, str]:
        query = select(tokens.c.task_id, tokens.c.token, expected.c.id.is_not(None).label("is_expected"))
        query = query.join(expected, expected.c.token == tokens.c.token, isouter=True)
        rows = connection.execute(query.where(tokens.c.task_id.in_(task_ids))).all()
        return {row.task_id: row.token for row in sorted(rows, key=lambda row: row.is_expected)}


def _held(items: Iterable[Claimed]) -> list[dict[str, Any]]:
    # In the order of the keys, as everywhere, so that two who change the same ones never wait for each other.
    return [{"held_key": item.key, "held_claim": item.claim} for item in sorted(items, key=lambda item: item.key)]
