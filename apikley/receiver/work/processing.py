"""Processes one claimed event: confirmation, handlers, result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from apikley._model.task import TaskInfo
from apikley.receiver.events import Event, Handlers
from apikley.receiver.inbox.rows import NO_STATE, Claim, Result
from apikley.receiver.work.async_calls import AsyncCalls
from apikley.receiver.work.confirmation import completion_of, contradiction, stored_task
from apikley.receiver.work.retry_policy import FAILURES, RetryPolicy

logger = logging.getLogger("apikley.receiver")

_MAX_ERROR = 500  # characters


@dataclass(frozen=True, eq=False)
class EventProcessor:
    """Processes claimed events."""

    handlers: Handlers
    poll: Callable[[str], TaskInfo] | None  # confirms a task; None without confirmation
    download: Callable[..., Any] | None  # None without a client
    call: AsyncCalls
    begin: Callable[[Claim], bool]  # whether a claim still holds
    retries: RetryPolicy
    now: Callable[[], float]  # Unix time in seconds

    def process(self, claim: Claim) -> Result:
        """Confirm an event and call its handlers. The result holds whatever they raise."""
        if claim.attempt > self.retries.attempts:
            # The process ended during the last attempt, so no result was written. This claim is no attempt.
            claim = replace(claim, attempt=claim.attempt - 1)
            reason = f"the process ended during attempt {claim.attempt}"
            logger.error("%s is dead after %d attempts: %s", claim.event_id, claim.attempt, reason)
            return Result(claim, "dead", self.now(), reason, claim.handled_by)
        done = list(claim.handled_by)
        try:
            event = self._event(claim)
            if isinstance(event, Result):
                return event
            for name, handler in self.handlers.of(event.state):
                if name in done:
                    continue
                if not self.begin(claim):
                    return self._lost(claim, done)
                self.call(handler, event)
                done.append(name)
        except BaseException as error:  # noqa: BLE001 - a handler may raise anything
            return self._failure(claim, done, error)
        return Result(claim, "done", self.now(), handled_by=tuple(done))

    def _event(self, claim: Claim) -> Event | Result:
        """Return the event for the handlers, or the result if the service confirms another final state."""
        task, confirmed = stored_task(claim), claim.source == "poll"
        if self.poll is not None:
            polled = self.poll(claim.task_id)
            if claim.state == NO_STATE and polled.finished:
                now = self.now()
                return Result(claim, "done", now, replacement=completion_of(polled, now))
            if error := contradiction(task, claim.state, polled):
                logger.error("callback contradicted: %s", error)
                if not polled.finished:
                    raise error  # the service may lag behind its own callback
                if error.field == "state":
                    now = self.now()
                    return Result(claim, "dead", now, _describe(error), replacement=completion_of(polled, now))
            task, confirmed = polled, True
        return Event(
            event_id=claim.event_id,
            task_id=claim.task_id,
            state=claim.state or None,
            task=task,
            confirmed=confirmed,
            token=claim.token,
            attempt=claim.attempt,
            received_at=datetime.fromtimestamp(claim.received_at, UTC),
            source=claim.source,
            _download=self.download,
        )

    def _lost(self, claim: Claim, done: list[str]) -> Result:
        """Return the result of an event that another worker has claimed meanwhile: only its successes count."""
        reason = "its claim was lost, because this process stood still for longer than the lease"
        logger.warning("%s is left to another worker: %s", claim.event_id, reason)
        return Result(claim, "failed", self.now(), reason, tuple(done))

    def _failure(self, claim: Claim, done: list[str], error: BaseException) -> Result:
        pause = self.retries.pause(claim.attempt)
        next_step = "it is dead" if pause is None else f"next attempt in {pause:.0f} s"
        reason = _describe(error)
        logger.error(
            "%s failed at attempt %d (%s): %s", claim.event_id, claim.attempt, next_step, reason, exc_info=error
        )
        one_line = " ".join(reason.split())[:_MAX_ERROR].encode("utf-8", "replace").decode().replace("\0", "")
        raised = None if isinstance(error, FAILURES) else error
        due_at = self.now() + (pause or 0.0)
        return Result(claim, "dead" if pause is None else "failed", due_at, one_line, tuple(done), raised=raised)


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - the error's own __str__ failed
        return type(error).__name__
