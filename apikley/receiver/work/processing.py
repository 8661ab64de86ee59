"""What is done with one claimed ending: confirmed, handed to the handlers, and settled."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime

from apikley._flows.clock import Clock
from apikley._model.task import TaskInfo
from apikley.callbacks import parse
from apikley.errors import CallbackContradicted
from apikley.receiver.events import Event, Handlers
from apikley.receiver.inbox.rows import Claimed, Outcome, Status
from apikley.receiver.options import ONE_OR_MORE, SECONDS, demand
from apikley.receiver.work.confirmation import Client, contradiction, ending, payload
from apikley.receiver.work.event_loop import Loop

logger = logging.getLogger("apikley.receiver")

# What user code may raise and only fails by. Whatever else there is (Ctrl-C, gevent's time-outs) is meant for
# whoever the thread belongs to as well.
FAILURES = (Exception, SystemExit, asyncio.CancelledError)
_ERROR_KEPT = 500
# For how long what a look has found is as good as another look, in seconds: links are signed at each, and expire.
_FRESH = 60.0


@dataclass(frozen=True)
class Retries:
    """When something that failed is tried again.

    Attributes:
        attempts: How often in all.
        first: Seconds before the second attempt; each further pause is twice as long.
        longest: Seconds; no pause is longer.

    Raises:
        ConfigurationError: There is not one attempt, or a pause is no number of seconds.
    """

    attempts: int = 12
    first: float = 5.0
    longest: float = 3600.0

    def __post_init__(self) -> None:
        demand(ONE_OR_MORE, "attempts", self.attempts)
        demand(SECONDS, "first", self.first)
        demand(SECONDS, "longest", self.longest)

    def pause(self, attempts: int) -> float | None:
        """Seconds until the next attempt after so many; None when there is none."""
        if attempts >= self.attempts:
            return None
        length = min(self.first * 2.0 ** min(attempts - 1, 100), self.longest)  # 2.0 ** 1024 is no number
        return length * random.uniform(0.8, 1.0)  # noqa: S311 - jitter, no secret


class Handling:
    """Handles claimed endings, one call for each.

    Args:
        handlers: Whom to tell.
        client: Whom to ask for confirmation; nobody, if None.
        loop: Where coroutines run.
        retries: What becomes of a failure.
        clock: What tells the time.
        in_app_loop: Whether async handlers run in the application's event loop.
    """

    def __init__(
        self,
        handlers: Handlers,
        client: Client | None,
        loop: Loop,
        retries: Retries,
        clock: Clock,
        *,
        in_app_loop: bool = False,
    ) -> None:
        self._handlers = handlers
        self._client = client
        self._loop = loop
        self._retries = retries
        self._clock = clock
        self._in_app_loop = in_app_loop

    @property
    def is_of_use(self) -> bool:
        """Whether there is anybody to tell."""
        return len(self._handlers) > 0

    def given_up(self, item: Claimed) -> Outcome | None:
        """What becomes of an ending if a process ended in the last attempt that it had; nobody is told of it then."""
        if not item.interrupted or item.attempts < self._retries.attempts:
            return None
        reason = f"the process ended during {item.interrupted} attempts in a row"
        logger.error("%s is given up after %d attempts: %s", item.key, item.attempts, reason)
        return Outcome(item, "dead", self._now(), reason, item.handled_by)

    def handle(self, item: Claimed) -> Outcome:
        """Confirm an ending and call its handlers. Whatever they raise becomes part of the outcome."""
        done = list(item.handled_by)
        try:
            event = self._event(item)
            if isinstance(event, Outcome):
                return event
            for name, handler in self._handlers.of(event.state):
                if name not in done:
                    self._loop.call(handler, event, in_app=self._in_app_loop)
                    done.append(name)
        except BaseException as error:  # noqa: BLE001 - a handler may raise anything
            return self._failed(item, done, _described(error), error)
        return Outcome(item, "done", self._now(), handled_by=tuple(done))

    def _event(self, item: Claimed) -> Event | Outcome:
        callback = parse(item.body)
        confirmed = item.source == "poll" and item.attempts == 0 and self._now() - item.received_at <= _FRESH
        if self._client is not None and not confirmed:
            seen: TaskInfo = self._loop.call(self._client.get_task, item.task_id, in_app=True)
            contradicted = contradiction(callback, item.state, seen)
            if contradicted is not None:
                logger.error("callback contradicted: %s", contradicted)
                if not seen.finished:
                    raise contradicted  # the service may be a little behind its own callback
                if contradicted.field == "state":
                    return self._refused(item, contradicted, seen)
            # What the handlers see is what the service says, in the same form.
            callback, confirmed = parse(payload(seen)), True
        confirmed = confirmed or item.source == "poll"
        received_at = datetime.fromtimestamp(item.received_at, UTC)
        return Event(
            item.key,
            item.task_id,
            item.state,
            callback.task,
            confirmed,
            item.token,
            item.attempts + 1,
            received_at,
            item.source,
        )

    def _refused(self, item: Claimed, error: CallbackContradicted, seen: TaskInfo) -> Outcome:
        now = self._now()
        return Outcome(item, "refused", now, f"{type(error).__name__}: {error}", instead=ending(seen, now))

    def _failed(self, item: Claimed, done: list[str], reason: str, error: BaseException | None = None) -> Outcome:
        attempt = item.attempts + 1
        pause = self._retries.pause(attempt)
        status: Status = "dead" if pause is None else "pending"
        what = "given up" if pause is None else f"again in {pause:.0f} s"
        logger.error("%s failed, attempt %d, %s: %s", item.key, attempt, what, reason, exc_info=error)
        one_line = " ".join(reason.split())[:_ERROR_KEPT].encode("utf-8", "replace").decode().replace("\0", "")
        raised = None if isinstance(error, FAILURES) else error
        return Outcome(item, status, self._now() + (pause or 0.0), one_line, tuple(done), raised=raised)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _described(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an error that fails to say what it is
        return type(error).__name__
