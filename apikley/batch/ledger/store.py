"""The ledger that owns the money: no row is paid twice, and none is lost."""

from __future__ import annotations

import json
import os
import secrets
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy import Row as SqlRow

from apikley._database.database import Content, Database
from apikley._database.transactions import transaction
from apikley._flows.clock import Clock
from apikley._model.names import nearest_names
from apikley._model.task import FAIL, TaskInfo
from apikley.batch.ledger import admission
from apikley.batch.ledger.admission import IN_FLIGHT, MAX_HOLD, NO_PRICE, Intent, lock_account, price_of, wait_for
from apikley.batch.ledger.limits import create_limit, limits_of, poll_interval
from apikley.batch.ledger.rows import (
    OPEN,
    Added,
    BatchRecord,
    Claim,
    NewRow,
    Row,
    SavedFile,
    State,
    Status,
    Stop,
    Wait,
)
from apikley.batch.ledger.schema import VERSION, accounts, batches, metadata, rows, slots, uploads, versions
from apikley.errors import ConfigurationError, LedgerUnavailable
from apikley.receiver import Inbox

_ROW, _BATCH = rows.c, batches.c
_CONTENT = Content("ledger", "a", metadata, (), LedgerUnavailable)
_CLAIM = [_ROW.id.label("row_id"), *(_ROW[name] for name in Claim.__slots__ if name != "row_id")]
_PAGE = 1_000
_MAX_ERRORS, _MAX_ERROR = 5, 500
_LAST = 201  # durations that the median is taken of


class Ledger:
    """The ledger of batches. Usable from several threads, processes and, with PostgreSQL, machines.

    Every method is one transaction. It raises `LedgerUnavailable` if the database cannot be reached.

    Args:
        where: The path of a SQLite file, or the URL of a PostgreSQL database.
        create: Whether to create a missing ledger on first use.
        clock: The clock, for tests. By default PostgreSQL's, or the monotonic clock of the machine for SQLite.

    Raises:
        ConfigurationError: The location is invalid.
    """

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

    # Batches

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

    def _pause(self, connection: Connection, batch_id: int, reason: str, *, by_user: bool = False) -> None:
        values = {"paused": reason, "paused_by_user": int(by_user)}
        connection.execute(update(batches).where(_BATCH.id == batch_id, _BATCH.paused_by_user == 0).values(values))

    @transaction
    def resume(self, connection: Connection, batch_id: int, *, by_user: bool = False) -> bool:
        """Admit creates again, unless a user has paused the batch and no user resumes it."""
        paused = (_BATCH.id == batch_id) & _BATCH.paused.is_not(None)
        paused = paused if by_user else paused & (_BATCH.paused_by_user == 0)
        return bool(connection.execute(update(batches).where(paused).values(paused=None, paused_by_user=0)).rowcount)

    # Rows

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
        for start in range(0, len(new_rows), _PAGE):
            added = added.plus(self._add_page(connection, batch_id, source, new_rows[start : start + _PAGE]))
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
            connection.execute(update(rows).where(same).values(source=source, **row._asdict(), **_FREE))
        return Added(len(new), len(page) - len(new), len(changed))

    @transaction
    def remove_planned(self, connection: Connection, batch_id: int, source: str, kept: Iterable[str]) -> int:
        """Remove planned rows of a table that it no longer has and no worker has claimed; returns their number."""
        same = (_ROW.batch_id == batch_id) & (_ROW.source == source) & (_ROW.state == "planned") & (_ROW.attempts == 0)
        same &= self._is_free(self._database.lease_now(connection))
        gone = sorted({*connection.scalars(select(_ROW.key).where(same))} - {*kept})
        pages = (gone[start : start + _PAGE] for start in range(0, len(gone), _PAGE))
        return sum(connection.execute(delete(rows).where(same, _ROW.key.in_(page))).rowcount for page in pages)

    @transaction
    def page(
        self, connection: Connection, batch_id: int, after: int = 0, states: Sequence[State] | None = None
    ) -> list[tuple[int, Row]]:
        """Return up to 1,000 rows of a batch whose ids come after one, with their ids."""
        query = select(rows).where(_ROW.batch_id == batch_id, _ROW.id > after).order_by(_ROW.id).limit(_PAGE)
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
        return [*connection.scalars(select(_ROW.id).where(free).order_by(_ROW.id).limit(_PAGE))]

    # Claims

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
            connection.execute(update(rows).where(_ROW.id == row_id).values(_unknown(self._time())))
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
        connection.execute(update(rows).where(held, _ROW.state != "sending").values(_FREE))

    @transaction
    def sweep(self, connection: Connection, batch_id: int) -> int:
        """Mark creates whose worker is gone as `unknown`; returns their number."""
        now = self._database.lease_now(connection)
        lost = (_ROW.batch_id == batch_id) & (_ROW.state == "sending") & self._is_free(now)
        return connection.execute(update(rows).where(lost).values(_unknown(self._time()))).rowcount

    # Creates

    @transaction
    def wait_for(self, connection: Connection, claim: Claim, account: str) -> Wait | None:
        """Return how long a create would have to wait now, without noting it."""
        now = self._database.lease_now(connection)
        return wait_for(connection, claim.batch_id, limits_of(account, claim.model), now)

    @transaction
    def admit(self, connection: Connection, claim: Claim, intent: Intent) -> Wait | Stop | None:
        """Note the intent to send a create; None if it may be sent now. See `apikley.batch.ledger.admission`."""
        return admission.admit(self._database, connection, claim, intent)

    @transaction
    def created(self, connection: Connection, row_id: int, token: str, task_id: str) -> None:
        """Note the task of a create."""
        self._free_slot(connection, token)
        values = {"state": "running", "task_id": task_id, "error": None, "error_code": None, "settled_at": None}
        connection.execute(update(rows).where(_attempt(row_id, token)).values(values))

    @transaction
    def refused(self, connection: Connection, row_id: int, token: str | None, code: str, error: str) -> None:
        """Note that a create was refused, or that its request is invalid. It costs nothing."""
        if token is not None:
            self._free_slot(connection, token)
        own = _attempt(row_id, token) if token else (_ROW.id == row_id) & (_ROW.state == "planned")
        values = {"state": "refused", "price": 0.0, "error_code": code, "error": error[:_MAX_ERROR]}
        connection.execute(update(rows).where(own).values(**values, **_FREE, settled_at=self._time()))
        self._stop_after_failures(connection, row_id)

    @transaction
    def not_created(
        self, connection: Connection, row_id: int, token: str, *, hold: float = 0.0, was_sent: bool = True
    ) -> None:
        """Note that a create certainly made no task and can be sent again.

        Args:
            connection: The transaction.
            row_id: The row.
            token: The correlation token of the create.
            hold: Seconds in which no create of the account is sent.
            was_sent: Whether the service has seen the request.
        """
        if was_sent:
            self._free_slot(connection, token)
        else:
            connection.execute(delete(slots).where(slots.c.token == token))
        account = connection.scalar(select(_ROW.account).where(_ROW.id == row_id))
        connection.execute(update(rows).where(_attempt(row_id, token)).values(state="planned", price=None))
        if hold and account:
            lock_account(self._database, connection, account)
            now, same = self._database.lease_now(connection), accounts.c.account == account
            earlier = connection.scalar(select(accounts.c.hold_until).where(same)) or 0.0
            until = now + min(hold, MAX_HOLD)
            # A shorter pause does not end a longer one.
            if not until < earlier <= now + MAX_HOLD:
                connection.execute(update(accounts).where(same).values(hold_until=until))

    @transaction
    def unknown(self, connection: Connection, row_id: int, token: str, reason: str) -> None:
        """Note that the outcome of a create is unknown. It counts as spent, and is never sent again by itself."""
        self._free_slot(connection, token)
        connection.execute(update(rows).where(_attempt(row_id, token)).values(_unknown(self._time(), reason)))

    def _free_slot(self, connection: Connection, token: str) -> None:
        """Start the windows of a create at its response: at its admission, latency would make one create too many."""
        now = self._database.lease_now(connection)
        query = select(slots.c.id, slots.c.scope, _ROW.account, _ROW.model).join(rows, _ROW.token == slots.c.token)
        for slot in connection.execute(query.where(slots.c.token == token)).all():
            limits = {limit.scope: limit.seconds for limit in limits_of(slot.account, slot.model)}
            until = now + limits.get(slot.scope, create_limit()[1])
            connection.execute(update(slots).where(slots.c.id == slot.id).values(until=until))

    # Tasks

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
            error = (task.fail_message or "the service gave no reason")[:_MAX_ERROR]
            values |= {"state": "failed", "error_code": task.fail_code or "fail", "error": error, "settled_at": now}
            values |= _FREE
        own = (_ROW.id == row_id) & (_ROW.task_id == task.id) & (_ROW.state == "running")
        if connection.execute(update(rows).where(own).values(values)).rowcount and task.state == FAIL:
            self._stop_after_failures(connection, row_id)

    @transaction
    def saved(self, connection: Connection, row_id: int, files: Sequence[SavedFile]) -> None:
        """Note the files of a task. The row is done."""
        values = {"state": "done", "files": json.dumps(files), "error": None, "error_code": None, **_FREE}
        own = (_ROW.id == row_id) & (_ROW.state == "running")
        connection.execute(update(rows).where(own).values(**values, settled_at=self._time()))

    @transaction
    def failed(self, connection: Connection, row_id: int, code: str, error: str) -> None:
        """Note that a row with a task cannot be completed, for instance because the task is not known any more."""
        values = {"state": "failed", "error_code": code, "error": error[:_MAX_ERROR], "settled_at": self._time()}
        own = (_ROW.id == row_id) & (_ROW.state == "running")
        if connection.execute(update(rows).where(own).values(**values, **_FREE)).rowcount:
            self._stop_after_failures(connection, row_id)

    @transaction
    def delay(self, connection: Connection, claim: Claim, seconds: float, error: str) -> None:
        """Release a row, and work on it again later."""
        due_at = self._database.lease_now(connection) + min(seconds, MAX_HOLD)
        held = (_ROW.id == claim.row_id) & (_ROW.claim == claim.claim)
        connection.execute(update(rows).where(held).values(**_FREE | {"due_at": due_at, "error": error[:_MAX_ERROR]}))

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

    # Unknown rows

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
    def unknown_tokens(self, connection: Connection, batch_id: int) -> dict[str, int]:
        """Return the correlation tokens of unknown rows, with the ids of their rows."""
        query = select(_ROW.token, _ROW.id).where(_ROW.batch_id == batch_id, _ROW.state == "unknown")
        return {token: row_id for token, row_id in connection.execute(query)}  # noqa: C416 - rows are not pairs

    @transaction
    def resolve(self, connection: Connection, batch_id: int, key: str, task_id: str | None) -> None:
        """Settle an unknown row: by its task, or by the statement that no task was made, so that it is planned again.

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
        cleared = {"error": None, "error_code": None, "settled_at": None, "due_at": None, **_FREE}
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
        cleared = {"error": None, "error_code": None, "settled_at": None, "due_at": None, **_FREE}
        has_result = _ROW.task_state == "success"
        saving = connection.execute(update(rows).where(chosen, has_result).values(state="running", **cleared))
        paid = {"paid_before": _ROW.paid_before + func.coalesce(_ROW.price, 0.0), "price": None}
        forgotten = {"task_id": None, "task_state": None, "token": None, "seconds": None, "ended_at": None}
        planned = {"state": "planned", **paid, **forgotten, **cleared}
        return saving.rowcount + connection.execute(update(rows).where(chosen).values(planned)).rowcount

    # Uploads

    @transaction
    def upload_of(self, connection: Connection, account: str, content_hash: str, since: float) -> str | None:
        """Return the URL of a file that was uploaded after a time."""
        same = (uploads.c.account == account) & (uploads.c.content_hash == content_hash)
        return connection.scalar(select(uploads.c.url).where(same, uploads.c.uploaded_at > since))

    @transaction
    def uploaded(self, connection: Connection, account: str, content_hash: str, url: str) -> None:
        """Note the URL of an uploaded file."""
        new = {"url": url, "uploaded_at": self._time()}
        statement = self._database.insert(uploads).values(account=account, content_hash=content_hash, **new)
        connection.execute(statement.on_conflict_do_update(index_elements=["account", "content_hash"], set_=new))

    # Reports

    @transaction
    def status(self, connection: Connection, name: str) -> Status:
        """Return the state of a batch.

        Raises:
            ConfigurationError: There is no batch with this name.
        """
        found = connection.execute(select(batches).where(_BATCH.name == name)).first()
        if found is None:
            known = ", ".join(map(repr, connection.scalars(select(_BATCH.name)))) or "none"
            raise ConfigurationError(f"there is no batch {name!r} in {self.place}; known batches: {known}")
        batch = _batch(found)
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

    def _time(self) -> float:
        return self._clock.now().timestamp()

    def _is_free(self, now: float) -> ColumnElement[bool]:
        """Whether no live worker has claimed a row."""
        lapsed = _ROW.leased_at + _ROW.lease <= now
        # The clock of a machine starts again with the machine.
        return or_(_ROW.claim.is_(None), lapsed, _ROW.leased_at > now)


_FREE: dict[str, Any] = {"claim": None, "worker": None, "leased_at": None, "lease": None}


def _is_due(now: float) -> ColumnElement[bool]:
    return or_(_ROW.due_at.is_(None), _ROW.due_at <= now, _ROW.due_at > now + MAX_HOLD)


def _attempt(row_id: int, token: str) -> ColumnElement[bool]:
    """Whether a row still waits for the outcome of a create. A late outcome corrects `unknown`."""
    return (_ROW.id == row_id) & (_ROW.token == token) & _ROW.state.in_(("sending", "unknown"))


def _unknown(now: float, reason: str = "the worker ended while the create was sent") -> dict[str, Any]:
    error = f"a task may exist and be paid: {reason}"[:_MAX_ERROR]
    return {"state": "unknown", "error_code": "unknown", "error": error, "settled_at": now, **_FREE}


def _median(connection: Connection, ended: ColumnElement[bool]) -> float | None:
    last = select(_ROW.seconds).where(ended, _ROW.seconds.is_not(None)).order_by(_ROW.ended_at.desc()).limit(_LAST)
    values = connection.scalars(last).all()
    return statistics.median(values) if values else None


def _batch(row: SqlRow[Any]) -> BatchRecord:
    names = (name for name in BatchRecord.__slots__ if name not in ("options", "paused_by_user"))
    values = {name: getattr(row, name) for name in names}
    return BatchRecord(**values, options=json.loads(row.options), paused_by_user=bool(row.paused_by_user))


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
