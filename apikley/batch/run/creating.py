"""Creates the tasks of rows: the intent is in the ledger before the first byte is sent."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Self

from apikley._flows.retry import is_transient
from apikley.batch.ledger.admission import Intent
from apikley.batch.ledger.rows import Budget, Claim, Stop, Wait
from apikley.batch.run.context import Context, logger
from apikley.batch.run.uploading import Uploader
from apikley.batch.table.jobs import unpack
from apikley.errors import (
    ApiError,
    CreateOutcomeUnknown,
    InsufficientCredits,
    LedgerUnavailable,
    Maintenance,
    RateLimited,
    RequestInvalid,
    SubKeyLimitExceeded,
    TransportError,
    Unauthorized,
)

# Creates that wait for a response at a time. Each may become unknown if the process is killed.
_MAX_SENDING = 8
# Seconds after a 429, after a 455, and between two tries without a connection; the last two double.
_RATE_PAUSE, _MAINTENANCE_PAUSE, _NO_CONNECTION_PAUSE, _LONGEST_PAUSE = 2.0, 30.0, 1.0, 60.0
# The shortest pause of a model that is at its own limit, in seconds.
_MODEL_PAUSE = 5.0
_MAX_DOUBLINGS = 10
# The account cannot create tasks: another row would fail, too.
_OF_THE_ACCOUNT = (Unauthorized, InsufficientCredits, SubKeyLimitExceeded)


class _NotAdmittedError(Exception):
    """The ledger does not let a create be sent now."""

    def __init__(self, outcome: Wait | Stop) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class Creator:
    """Creates tasks, one admission at a time.

    Args:
        context: The worker.
        budgets: Limits on the cost, besides the batch's own.
    """

    def __init__(self, context: Context, budgets: Sequence[Budget] = ()) -> None:
        self._context = context
        self._budgets = budgets
        self._uploader = Uploader(context)
        self._sending = asyncio.Semaphore(_MAX_SENDING)
        self._turn = asyncio.Lock()
        self._failures = 0  # in a row, without a connection or in maintenance
        self.skipped_models: dict[str, float] = {}  # models at their own limit, until a time by the clock

    async def create(self, claim: Claim) -> str | None:
        """Create the task of a planned row.

        Returns:
            The task's id; None if the row was settled otherwise, or creates were stopped.
        """
        context, body = self._context, unpack(claim.body)
        while not context.stopped.is_set():
            try:
                body = await self._uploader.with_links(body)
                async with self._sending:
                    return await self._create(claim, body)
            except _NotAdmittedError as error:
                if not await self._wait(claim, error.outcome):
                    return None
            except (RequestInvalid, OSError) as error:
                await context.write(context.ledger.refused, claim.row_id, None, "invalid", str(error))
                return None
            except _OF_THE_ACCOUNT as error:
                await context.pause(str(error))
            except (ApiError, TransportError, LedgerUnavailable) as error:
                if isinstance(error, LedgerUnavailable) or is_transient(error):
                    await self._pause(str(error))
                elif isinstance(error, TransportError):
                    await context.pause(str(error))
                else:  # of an upload
                    await context.write(context.ledger.refused, claim.row_id, None, str(error.code), error.message)
                    return None
        return None

    async def _create(self, claim: Claim, body: dict[str, Any]) -> str | None:
        """Send one create when its turn has come. Its outcome is in the ledger when this returns or raises."""
        context = self._context
        async with _Turn(self._turn) as turn:
            # Within the turn, so that one row at a time asks the ledger.
            while not context.stopped.is_set():
                wait = await context.write(context.ledger.wait_for, claim, context.account)
                if wait is None:
                    return await self._send(_Attempt(context, claim, self._budgets, turn), body)
                if wait.of_model:
                    raise _NotAdmittedError(wait)
                await context.sleep_unless_stopped(wait.seconds)
        return None

    async def _send(self, attempt: _Attempt, body: dict[str, Any]) -> str | None:
        context = self._context
        correlation = attempt.token if context.callback_url else None
        try:
            task = await context.creates.create_raw(
                body,
                callback_url=context.callback_url,
                correlation_token=correlation,
                before_send=attempt.begin,
                allow_unknown_fields=True,  # a row was checked by its own options when it was added
            )
        except CreateOutcomeUnknown as error:
            await attempt.unknown(error.reason)
        except (RateLimited, Maintenance) as error:
            await attempt.not_created(hold=self._hold(error))
            raise _NotAdmittedError(Wait(0.0, "the service asked for a pause")) from error
        except _OF_THE_ACCOUNT:
            await attempt.not_created()
            raise
        except ApiError as error:
            await attempt.refused(error)
        except asyncio.CancelledError:
            attempt.cancelled()
            raise
        else:
            self._failures = 0
            return await attempt.created(task.id)
        return None

    def _hold(self, error: RateLimited | Maintenance) -> float:
        """Return the seconds in which the account sends no create."""
        pause = _RATE_PAUSE
        if isinstance(error, Maintenance):
            pause = min(_MAINTENANCE_PAUSE * 2**self._failures, _LONGEST_PAUSE)
            self._failures = min(self._failures + 1, _MAX_DOUBLINGS)
            logger.warning("%s; next create in %g s", error, pause)
        return max(pause, error.retry_after or 0.0)

    async def _wait(self, claim: Claim, outcome: Wait | Stop) -> bool:
        """Wait as the ledger says; returns whether to try again."""
        context = self._context
        if isinstance(outcome, Stop):
            if outcome.kind != "lost":
                context.halt(outcome)
            return False
        if outcome.of_model:  # rows of other models go first
            self.skipped_models[claim.model] = context.clock.monotonic() + max(outcome.seconds, _MODEL_PAUSE)
            return False
        await context.sleep_unless_stopped(outcome.seconds)
        return True

    async def _pause(self, reason: str) -> None:
        seconds = min(_NO_CONNECTION_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures = min(self._failures + 1, _MAX_DOUBLINGS)
        logger.warning("%s; next try in %g s", reason, seconds)
        await self._context.sleep_unless_stopped(seconds)


class _Attempt:
    """One create of a row, and its records in the ledger."""

    def __init__(self, context: Context, claim: Claim, budgets: Sequence[Budget], turn: _Turn) -> None:
        self.token = secrets.token_urlsafe(24)
        self._context = context
        self._claim = claim
        self._budgets = budgets
        self._turn = turn
        self._is_admitted = False

    async def begin(self) -> None:
        """Note the intent. The connection is open, and the request follows at once."""
        context, ledger = self._context, self._context.ledger
        intent = Intent(context.account, self.token, context.clock.now().timestamp(), self._budgets)
        admitting = asyncio.ensure_future(asyncio.to_thread(ledger.admit, self._claim, intent))
        try:
            outcome = await asyncio.shield(admitting)
        except (LedgerUnavailable, asyncio.CancelledError):
            # The intent may be in the ledger, but nothing is sent.
            await asyncio.wait({admitting})
            await context.write(ledger.not_created, self._claim.row_id, self.token, was_sent=False)
            raise
        if outcome is not None:
            raise _NotAdmittedError(outcome)
        self._is_admitted = True
        context.count_create()
        self._turn.end()

    async def created(self, task_id: str) -> str:
        """Note the task, and return its id."""
        ledger = self._context.ledger
        try:
            await self._context.write(ledger.created, self._claim.row_id, self.token, task_id)
        except asyncio.CancelledError:
            ledger.created(self._claim.row_id, self.token, task_id)
            raise
        return task_id

    async def refused(self, error: ApiError) -> None:
        """Note that the service refused the row."""
        ledger = self._context.ledger
        await self._context.write(ledger.refused, self._claim.row_id, self.token, str(error.code), error.message)

    async def not_created(self, hold: float = 0.0) -> None:
        """Note that the service refused the create for a reason of its own."""
        ledger = self._context.ledger
        await self._context.write(ledger.not_created, self._claim.row_id, self.token, hold=hold)

    async def unknown(self, reason: str) -> None:
        """Note that a task may exist."""
        await self._context.write(self._context.ledger.unknown, self._claim.row_id, self.token, reason)
        logger.error("the outcome of row %s is unknown: %s", self._claim.key, reason)

    def cancelled(self) -> None:
        """Note that the create was interrupted."""
        if self._is_admitted:
            self._context.ledger.unknown(self._claim.row_id, self.token, "interrupted while it was sent")


class _Turn:
    """A lock that can be released before its block ends."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._is_held = False

    async def __aenter__(self) -> Self:
        await self._lock.acquire()
        self._is_held = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Release the lock."""
        if self._is_held:
            self._is_held = False
            self._lock.release()
