"""Decides in one transaction whether a create may be sent: rate, running tasks, budget, and the intent itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from apikley._database.database import Database
from apikley.batch.ledger.limits import Limit, limits_of
from apikley.batch.ledger.rows import Budget, Claim, Stop, Wait
from apikley.batch.ledger.schema import accounts, batches, rows, slots

# A create without a response frees its slot after this time in seconds, or after its window if that is longer.
_NO_RESPONSE = 60.0
# How soon to ask again when tasks must end first, in seconds.
_RUNNING_PAUSE = 1.0
# The longest pause that the service can ask for, in seconds.
MAX_HOLD = 300.0
NO_PRICE = "the service states no price of a task, so the cap needs one: name a price"

_ROW, _SLOT, _BATCH = rows.c, slots.c, batches.c
# A create whose task may be running.
IN_FLIGHT = or_(
    _ROW.state.in_(("sending", "unknown")),
    and_(_ROW.state == "running", _ROW.task_state.is_(None)),
)


class Intent(NamedTuple):
    """A create that is to be sent.

    Attributes:
        account: A hash of the API key.
        token: The correlation token of this attempt.
        sent_at: The time, in Unix seconds.
        budgets: Limits on the cost, besides the batch's own.
    """

    account: str
    token: str
    sent_at: float
    budgets: Sequence[Budget] = ()


def admit(database: Database, connection: Connection, claim: Claim, intent: Intent) -> Wait | Stop | None:
    """Note the intent to send a create, unless it must wait or may not be sent. None means that it may be sent now."""
    lock_account(database, connection, intent.account)
    batch = connection.execute(select(batches).where(_BATCH.id == claim.batch_id).with_for_update()).one()
    now = database.lease_now(connection)
    own = (_ROW.id == claim.row_id) & (_ROW.claim == claim.claim) & (_ROW.state == "planned")
    # Locked, because a lapsed claim may be taken over at any moment.
    if connection.scalar(select(_ROW.id).where(own).with_for_update()) is None:
        return Stop("lost", "another worker has claimed the row")
    if batch.paused is not None:
        return Stop("paused", batch.paused)
    limits = limits_of(intent.account, claim.model)
    if wait := wait_for(connection, claim.batch_id, limits, now):
        return wait
    price = price_of(connection, batch, claim.model)
    reserved = _reserve(connection, batch, price, intent.budgets)
    if isinstance(reserved, Stop | Wait):
        return reserved
    values = {"state": "sending", "account": intent.account, "token": intent.token, "price": reserved}
    values |= {"sent_at": intent.sent_at, "error": None, "error_code": None}
    connection.execute(update(rows).where(own).values(attempts=_ROW.attempts + 1, **values))
    taken = [{"scope": each.scope, "token": intent.token, "until": now + _no_response(each)} for each in limits]
    connection.execute(insert(slots), taken)
    return None


def lock_account(database: Database, connection: Connection, account: str) -> None:
    """Let one process at a time admit creates or polls of an account."""
    connection.execute(database.insert(accounts).values(account=account).on_conflict_do_nothing())
    connection.execute(select(accounts.c.account).where(accounts.c.account == account).with_for_update())


def wait_for(connection: Connection, batch_id: int, limits: Sequence[Limit], now: float) -> Wait | None:
    """Return how long a create must wait for its rate and for running tasks, or None."""
    account = limits[0].scope
    hold_until = connection.scalar(select(accounts.c.hold_until).where(accounts.c.account == account)) or 0.0
    # A clock that starts again with the machine leaves times behind that are too late.
    if now < hold_until <= now + MAX_HOLD:
        return Wait(hold_until - now, "the service asked for a pause")
    waits: list[Wait] = []
    for limit in limits:
        lapsed = (_SLOT.until <= now) | (_SLOT.until > now + _no_response(limit))
        connection.execute(delete(slots).where(_SLOT.scope == limit.scope, lapsed))
        used = connection.scalars(select(_SLOT.until).where(_SLOT.scope == limit.scope).order_by(_SLOT.until)).all()
        if len(used) >= limit.requests:
            waits.append(Wait(used[len(used) - limit.requests] - now, "rate", limit.model is not None))
        running = select(func.count()).where(_ROW.account == account, IN_FLIGHT)
        running = running.where(_ROW.model == limit.model) if limit.model else running
        if (connection.scalar(running) or 0) >= limit.running:
            waits.append(Wait(_RUNNING_PAUSE, "running tasks", limit.model is not None))
    most = connection.scalar(select(_BATCH.max_running).where(_BATCH.id == batch_id))
    in_batch = select(func.count()).where(_ROW.batch_id == batch_id, IN_FLIGHT)
    if most is not None and (connection.scalar(in_batch) or 0) >= most:
        waits.append(Wait(_RUNNING_PAUSE, "running tasks"))
    # What all creates wait for comes first.
    return max(waits, key=lambda wait: (not wait.of_model, wait.seconds), default=None)


def _no_response(limit: Limit) -> float:
    """Return the seconds in which a create without a response keeps its slot."""
    return max(_NO_RESPONSE, limit.seconds)


def cost(batch_id: int, *conditions: Any) -> Any:
    """Return a query of what the rows of a batch have cost and may cost."""
    total = func.coalesce(func.sum(func.coalesce(_ROW.price, 0.0) + _ROW.paid_before), 0.0)
    return select(total).where(_ROW.batch_id == batch_id, *conditions)


def price_of(connection: Connection, batch: Any, model: str) -> float | None:
    """Return the price of a create: the given one, or the highest that the service has stated if that is higher."""
    ended = (_ROW.batch_id == batch.id) & (_ROW.model == model) & (_ROW.task_state == "success")
    known = [batch.price, connection.scalar(select(func.max(_ROW.price)).where(ended))]
    return max((each for each in known if each is not None), default=None)


def _reserve(
    connection: Connection, batch: Any, price: float | None, budgets: Sequence[Budget]
) -> float | Stop | Wait | None:
    """Return what to reserve for a create, or why none of the budgets has enough left."""
    if batch.max_credits is not None:
        budgets = [Budget(batch.max_credits), *budgets]
        unpriced = (_ROW.batch_id == batch.id) & _ROW.task_state.is_not(None) & _ROW.price.is_(None)
        if price is None and connection.scalar(select(func.count()).where(unpriced)):
            return Stop("paused", NO_PRICE)
    reserved = price
    for budget in budgets:
        sent = () if not budget.since else (_ROW.sent_at >= budget.since,)
        left = budget.credits - connection.scalar(cost(batch.id, *sent))
        if left < (price or 0.0) or left <= 0:
            in_flight = select(func.count()).where(_ROW.batch_id == batch.id, IN_FLIGHT, _ROW.state != "unknown")
            if connection.scalar(in_flight):  # a task may turn out to be cheaper
                return Wait(_RUNNING_PAUSE, "budget")
            needed = f"; the next create costs {price:g}" if price else ""
            return Stop("cap", f"{budget.credits - left:g} of {budget.credits:g} credits are spent{needed}")
        if price is None:  # one create at a time, until its price is known
            reserved = left if reserved is None else min(left, reserved)
    return reserved
