"""Creates: their intents and outcomes, and the uploads before them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, delete, select, update

from apikley._database.transactions import transaction
from apikley.batch.ledger import admission
from apikley.batch.ledger.admission import MAX_HOLD, Intent, lock_account, wait_for
from apikley.batch.ledger.base import FREE, MAX_ERROR, LedgerBase, unknown_values
from apikley.batch.ledger.limits import create_limit, limits_of
from apikley.batch.ledger.rows import (
    Claim,
    Stop,
    Wait,
)
from apikley.batch.ledger.schema import accounts, batches, rows, slots, uploads

_ROW, _BATCH = rows.c, batches.c


class Creates(LedgerBase):
    """The creates."""

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
        values = {"state": "refused", "price": 0.0, "error_code": code, "error": error[:MAX_ERROR]}
        connection.execute(update(rows).where(own).values(**values, **FREE, settled_at=self._time()))
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
        connection.execute(update(rows).where(_attempt(row_id, token)).values(unknown_values(self._time(), reason)))

    def _free_slot(self, connection: Connection, token: str) -> None:
        """Start the windows of a create at its response: at its admission, latency would make one create too many."""
        now = self._database.lease_now(connection)
        query = select(slots.c.id, slots.c.scope, _ROW.account, _ROW.model).join(rows, _ROW.token == slots.c.token)
        for slot in connection.execute(query.where(slots.c.token == token)).all():
            limits = {limit.scope: limit.seconds for limit in limits_of(slot.account, slot.model)}
            until = now + limits.get(slot.scope, create_limit()[1])
            connection.execute(update(slots).where(slots.c.id == slot.id).values(until=until))

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


def _attempt(row_id: int, token: str) -> ColumnElement[bool]:
    """Whether a row still waits for the outcome of a create. A late outcome corrects `unknown`."""
    return (_ROW.id == row_id) & (_ROW.token == token) & _ROW.state.in_(("sending", "unknown"))
