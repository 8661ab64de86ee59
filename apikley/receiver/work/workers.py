"""Claims events from the inbox and processes them, in threads or in the caller's."""

from __future__ import annotations

import logging
import math
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from apikley._flows.clock import Clock
from apikley.receiver.inbox.group_commit import GroupCommit
from apikley.receiver.inbox.rows import Claim, Result
from apikley.receiver.inbox.store import Inbox
from apikley.receiver.work.overdue import OVERDUE_INTERVAL, OverduePoller
from apikley.receiver.work.processing import EventProcessor

logger = logging.getLogger("apikley.receiver")

# Seconds.
_POLL_INTERVAL, _STOP_TIMEOUT, _PRUNE_INTERVAL = 1.0, 10.0, 3600.0


class Workers:
    """Handles the events of an inbox.

    One thread claims events, never more than there are idle workers, so that a killed process costs only the events
    that it was handling an attempt.

    Args:
        inbox: The inbox.
        commit: Writes the results.
        processor: Processes one event.
        overdue: Polls overdue tasks; None without a client.
        clock: The clock.
        count: The number of workers.
        lease: How long a claim holds, in seconds. It is renewed while an event is processed.
        keep: How long done events are kept, in seconds.
    """

    def __init__(
        self,
        inbox: Inbox,
        commit: GroupCommit,
        processor: EventProcessor,
        overdue: OverduePoller | None,
        clock: Clock,
        *,
        count: int,
        lease: float,
        keep: float,
    ) -> None:
        self._inbox = inbox
        self._commit = commit
        self._processor = processor
        self._overdue = overdue
        self._clock = clock
        self._count = count
        self._lease = lease
        self._keep = keep
        self._pruned_at = -math.inf
        self._has_warned = False
        self._processing: dict[str, Claim] = {}  # the newest claim by event id; changed under the lock
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads."""
        self._stopping.clear()
        self._queue = queue.SimpleQueue()
        loops = [self._claim_loop, self._renew_loop, *[self._work_loop] * self._count]
        if self._overdue is not None:
            loops.append(self._overdue_loop)
        self._threads = [
            threading.Thread(target=loop, name=f"apikley-receiver-{number}", daemon=True)
            for number, loop in enumerate(loops)
        ]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look for new events now."""
        self._wake.set()

    def stop(self) -> None:
        """Stop claiming, and wait up to 10 s for running handlers. After that their leases lapse."""
        self._stopping.set()
        self._wake.set()
        deadline = self._clock.monotonic() + _STOP_TIMEOUT
        self._threads[0].join(_STOP_TIMEOUT)  # the claiming thread, so that no claim follows the end marks
        for _ in range(self._count):
            self._queue.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        self._threads = []

    def work(self) -> int:
        """Handle everything that is due, in this thread; returns the number of handled events."""
        if self._overdue is not None:
            self._overdue.poll_overdue()
        count = 0
        with self._renewing():
            while claims := self._claim(1):
                with self._lock:
                    self._processing = {claims[0].event_id: claims[0]}
                result = self._processor.process(claims[0])
                self._inbox.write([result])
                if result.raised is not None:
                    raise result.raised
                count += 1
        self._processing = {}
        self._prune()
        return count

    def _claim(self, limit: int) -> list[Claim]:
        if self._processor.has_handlers:
            return self._inbox.claim(self._now(), self._lease, limit)
        if not self._has_warned:
            logger.warning("no handler is registered; events wait in the inbox")
            self._has_warned = True
        return []

    def _finish(self, claim: Claim) -> None:
        with self._lock:
            newest = self._processing.pop(claim.event_id)
            if newest.claim_id != claim.claim_id:  # due and claimed again since its result was written
                self._processing[claim.event_id] = newest
                self._queue.put(newest)

    def _claim_loop(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(_POLL_INTERVAL)
            self._wake.clear()
            try:
                self._claim_for_idle_workers()
                self._prune()
            except Exception:
                logger.exception("cannot read the inbox; next try in %g s", _POLL_INTERVAL)
                self._stopping.wait(_POLL_INTERVAL)

    def _claim_for_idle_workers(self) -> None:
        with self._lock:
            idle = self._count - len(self._processing)
        if idle <= 0 or self._stopping.is_set():
            return
        for claim in self._claim(idle):
            # After a clock jump, an event that is processed here can be due again: then only its claim is new.
            with self._lock:
                is_new = claim.event_id not in self._processing
                self._processing[claim.event_id] = claim
            if is_new:
                self._queue.put(claim)

    def _work_loop(self) -> None:
        while (claim := self._queue.get()) is not None:
            try:
                result = self._processor.process(claim)
                claim = self._processing[claim.event_id]
                self._write(replace(result, claim=claim))
            except BaseException:
                logger.exception("%s has no result; it is handled again when its lease ends", claim.event_id)
            self._finish(claim)
            self._wake.set()

    def _write(self, result: Result) -> None:
        while True:
            try:
                self._commit.submit(result).result()
            except Exception:
                event_id = result.claim.event_id
                logger.exception("cannot write the result of %s; next try in %g s", event_id, _POLL_INTERVAL)
                if self._stopping.wait(_POLL_INTERVAL):
                    return
            else:
                return

    def _renew_loop(self, stop: threading.Event | None = None) -> None:
        stop = stop or self._stopping
        while not stop.wait(self._lease / 3):
            with self._lock:
                claims = list(self._processing.values())
            try:
                self._inbox.renew(claims, self._now() + self._lease)
            except Exception:
                logger.exception("cannot renew a lease; next try in %g s", self._lease / 3)

    @contextmanager
    def _renewing(self) -> Iterator[None]:
        """Renew leases while the caller's thread handles events."""
        done = threading.Event()
        thread = threading.Thread(target=self._renew_loop, args=[done], name="apikley-receiver-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _overdue_loop(self) -> None:
        while self._overdue is not None and not self._stopping.wait(OVERDUE_INTERVAL):
            try:
                if self._overdue.poll_overdue():
                    self._wake.set()
            except Exception:
                logger.exception("cannot poll overdue tasks; next try in %g s", OVERDUE_INTERVAL)

    def _prune(self) -> None:
        now = self._clock.monotonic()
        if now - self._pruned_at > _PRUNE_INTERVAL:
            self._inbox.prune(self._now() - self._keep)
            self._pruned_at = now

    def _now(self) -> float:
        return self._clock.now().timestamp()
