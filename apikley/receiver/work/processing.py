"""Processes one claimed event: confirmation, handlers, result."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from apikley._flows.clock import Clock
from apikley._model.task import TaskInfo
from apikley.receiver.events import Client, Event, Handlers
from apikley.receiver.inbox.rows import Claim, Result, Status
from apikley.receiver.work.async_calls import AsyncCalls
from apikley.receiver.work.confirmation import completion_of, contradiction, stored_task
from apikley.receiver.work.retry_policy import FAILURES, RetryPolicy

logger = logging.getLogger("apikley.receiver")

_MAX_ERROR = 500  # characters


class EventProcessor:
    """Processes claimed events.

    Args:
        handlers: The handlers to call.
        client: Polls and downloads tasks; None if the receiver has no client.
        confirm: Whether to confirm each event with the client.
        call: Calls sync and async functions.
        retries: When a failed event is handled again.
        clock: The clock.
    """

    def __init__(
        self,
        handlers: Handlers,
        client: Client | None,
        call: AsyncCalls,
        retries: RetryPolicy,
        clock: Clock,
        *,
        confirm: bool,
    ) -> None:
        self._handlers = handlers
        self._client = client
        self._confirming = client if confirm else None
        self._call = call
        self._retries = retries
        self._clock = clock

    @property
    def has_handlers(self) -> bool:
        """Whether any handler is registered."""
        return len(self._handlers) > 0

    def process(self, claim: Claim) -> Result:
        """Confirm an event and call its handlers. The result holds whatever they raise."""
        if claim.attempt > self._retries.attempts:
            # The process ended during the last attempt, so no result was written.
            reason = f"the process ended during attempt {claim.attempt - 1}"
            logger.error("%s is dead after %d attempts: %s", claim.event_id, claim.attempt - 1, reason)
            return Result(claim, "dead", self._now(), reason, claim.handled_by)
        done = list(claim.handled_by)
        try:
            event = self._event(claim)
            if isinstance(event, Result):
                return event
            for name, handler in self._handlers.of(event.state):
                if name not in done:
                    self._call(handler, event)
                    done.append(name)
        except BaseException as error:  # noqa: BLE001 - a handler may raise anything
            return self._failure(claim, done, error)
        return Result(claim, "done", self._now(), handled_by=tuple(done))

    def _event(self, claim: Claim) -> Event | Result:
        task, confirmed = stored_task(claim), claim.source == "poll"
        if self._confirming is not None:
            polled: TaskInfo = self._call(self._confirming.get_task, claim.task_id)
            error = contradiction(task, claim.state, polled)
            if error is not None:
                logger.error("callback contradicted: %s", error)
                if not polled.finished:
                    raise error  # the service may lag behind its own callback
                if error.field == "state":
                    reason, now = f"{type(error).__name__}: {error}", self._now()
                    return Result(claim, "dead", now, reason, replacement=completion_of(polled, now))
            task, confirmed = polled, True
        return Event(
            claim.event_id,
            claim.task_id,
            claim.state,
            task,
            confirmed,
            claim.token,
            claim.attempt,
            datetime.fromtimestamp(claim.received_at, UTC),
            claim.source,
            self._client,
            self._call,
        )

    def _failure(self, claim: Claim, done: list[str], error: BaseException) -> Result:
        pause = self._retries.pause(claim.attempt)
        status: Status = "dead" if pause is None else "failed"
        next_step = "it is dead" if pause is None else f"next attempt in {pause:.0f} s"
        reason = _describe(error)
        logger.error(
            "%s failed at attempt %d (%s): %s", claim.event_id, claim.attempt, next_step, reason, exc_info=error
        )
        one_line = " ".join(reason.split())[:_MAX_ERROR].encode("utf-8", "replace").decode().replace("\0", "")
        raised = None if isinstance(error, FAILURES) else error
        return Result(claim, status, self._now() + (pause or 0.0), one_line, tuple(done), raised=raised)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - the error's own __str__ failed
        return type(error).__name__
