"""Claims events from the inbox and processes them, in threads or in the caller's."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from apikley.receiver.inbox.group_commit import GroupCommit
from apikley.receiver.inbox.rows import Claim, Result
from apikley.receiver.inbox.store import Inbox
from apikley.receiver.work.overdue import OVERDUE_INTERVAL, OverduePoller
from apikley.receiver.work.processing import EventProcessor

logger = logging.getLogger("apikley.receiver")

# Seconds.
_POLL_INTERVAL, _STOP_TIMEOUT, _PRUNE_INTERVAL = 1.0, 10.0, 3600.0


@dataclass(eq=False)
class Workers:
    """Handles the events of an inbox.

    One idle worker at a time claims events, for itself and for the other idle workers. No event is claimed without
    being started, so a killed process costs an attempt only of the events that it was handling.
    """

    inbox: Inbox
    commit: GroupCommit
    processor: EventProcessor
    overdue: OverduePoller | None  # None without a client
    now: Callable[[], float]  # Unix time in seconds
    count: int
    lease: float  # seconds; renewed while an event is handled
    keep: float  # seconds

    def __post_init__(self) -> None:
        self._pruned_at = -math.inf
        self._has_warned = False
        self._claiming = threading.Lock()  # held by the worker that claims
        self._claimed: deque[Claim] = deque()  # for idle workers; changed under the lock
        self._running: dict[str, Claim] = {}  # claimed and without a result, by event id
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._renewal = ExitStack()

    def start(self) -> None:
        """Start the threads, if there are any workers."""
        if not self.count:
            return
        self._stopping.clear()
        self._renewal.enter_context(self._renewing())
        loops = [self._work_loop] * self.count + [self._overdue_loop] * (self.overdue is not None)
        self._threads = [threading.Thread(target=loop, name="apikley-receiver", daemon=True) for loop in loops]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Claim new events now."""
        self._wake.set()

    def stop(self) -> None:
        """Stop claiming, and wait up to 10 s for running handlers. After that their leases lapse."""
        self._stopping.set()
        self._wake.set()
        deadline = time.monotonic() + _STOP_TIMEOUT
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._renewal.close()

    def work(self) -> int:
        """Handle everything that is due, in this thread; returns the number of handled events."""
        if self.overdue is not None:
            self.overdue.poll_overdue()
        count = 0
        with self._renewing():
            while claims := self._claim(1):
                try:
                    result = self.processor.process(claims[0])
                    self.inbox.write([result])
                finally:
                    self._running.pop(claims[0].event_id)
                if result.raised is not None:
                    raise result.raised
                count += 1
        self._prune()
        return count

    def _claim(self, limit: int) -> list[Claim]:
        if not self.processor.handlers:
            if not self._has_warned:
                logger.warning("no handler is registered; events wait in the inbox")
                self._has_warned = True
            return []
        # A running event is due again if this process stood still.
        claims = self.inbox.claim(self.now(), self.lease, limit, list(self._running))
        self._running.update((claim.event_id, claim) for claim in claims)
        return claims

    def _work_loop(self) -> None:
        while (claim := self._next_claim()) is not None:
            try:
                self._write(self.processor.process(claim))
            except BaseException:
                logger.exception("%s has no result; it is handled again when its lease ends", claim.event_id)
            del self._running[claim.event_id]
            self._wake.set()

    def _next_claim(self) -> Claim | None:
        """Wait for an event; return None when the receiver stops."""
        with self._claiming:
            while not self._claimed:
                self._wake.clear()  # before the check, so that a stop cannot be missed
                if self._stopping.is_set():
                    return None
                try:
                    self._claimed.extend(self._claim(max(1, self.count - len(self._running))))
                    self._prune()
                except Exception:
                    logger.exception("cannot read the inbox; next try in %g s", _POLL_INTERVAL)
                    self._stopping.wait(_POLL_INTERVAL)
                else:
                    if not self._claimed:
                        self._wake.wait(_POLL_INTERVAL)
            return self._claimed.popleft()

    def _write(self, result: Result) -> None:
        while True:
            try:
                return self.commit.submit(result).result()
            except Exception:
                event_id = result.claim.event_id
                logger.exception("cannot write the result of %s; next try in %g s", event_id, _POLL_INTERVAL)
                if self._stopping.wait(_POLL_INTERVAL):
                    return None

    @contextmanager
    def _renewing(self) -> Iterator[None]:
        """Renew the leases of running events."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(self.lease / 3):
                try:
                    self.inbox.renew(list(self._running.values()))
                except Exception:
                    logger.exception("cannot renew a lease; next try in %g s", self.lease / 3)

        thread = threading.Thread(target=renew, name="apikley-receiver-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _overdue_loop(self) -> None:
        while self.overdue is not None and not self._stopping.wait(OVERDUE_INTERVAL):
            try:
                if self.overdue.poll_overdue():
                    self._wake.set()
            except Exception:
                logger.exception("cannot poll overdue tasks; next try in %g s", OVERDUE_INTERVAL)

    def _prune(self) -> None:
        now = self.now()
        if now - self._pruned_at > _PRUNE_INTERVAL:
            self.inbox.prune(now - self.keep)
            self._pruned_at = now
