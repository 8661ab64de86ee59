"""Takes endings from the inbox and has them handled, in threads or in the caller's own."""

from __future__ import annotations

import logging
import math
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from apikley._flows.clock import Clock
from apikley.receiver.inbox.group_commit import GroupCommit
from apikley.receiver.inbox.rows import Begun, Claimed, Outcome
from apikley.receiver.inbox.store import Inbox
from apikley.receiver.work.overdue import Overdue
from apikley.receiver.work.processing import Handling

logger = logging.getLogger("apikley.receiver")

# In seconds: how often the inbox is looked into unasked; how long a few deliveries may gather before
# one claim takes them all; how often overdue tasks are looked for; how long stopping may take.
_POLL, _GATHER, _ASK, _STOP = 1.0, 0.02, 10.0, 10.0
_PRUNE = 3600.0
# Claimed at a time for each thread.
_AHEAD = 8
# After so many attempts in a row that the process ended in, an ending may well be what ends it. Such are
# handled one at a time, so that the one that is takes none of the others with it.
_SUSPECT = 2


class Workers:
    """Handles what is in an inbox.

    Args:
        inbox: Where the endings are.
        commit: What writes the outcomes.
        handling: What is done with one ending.
        overdue: What asks for overdue tasks, if anything does.
        clock: What tells the time.
        count: How many endings may be handled at a time.
        lease: For how long an ending is ours before another process may take it, in seconds; renewed
            while it is being handled.
        keep: For how long what was handled is remembered, in seconds.
    """

    def __init__(
        self,
        inbox: Inbox,
        commit: GroupCommit,
        handling: Handling,
        overdue: Overdue | None,
        clock: Clock,
        *,
        count: int,
        lease: float,
        keep: float,
    ) -> None:
        self._inbox = inbox
        self._commit = commit
        self._handling = handling
        self._overdue = overdue
        self._clock = clock
        self._count = count
        self._lease = lease
        self._keep = keep
        self._pruned = -math.inf
        self._warned = False
        self._held: dict[str, Claimed] = {}  # by key, with the newest claim; taken and let go under the lock
        self._holding = threading.Lock()
        self._queue: queue.SimpleQueue[Claimed | None] = queue.SimpleQueue()
        self._suspect: str | None = None  # the key of the one that is in the queue or being handled; under the lock
        self._suspects: deque[Claimed] = deque()  # those that wait for their turn; under the lock
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to handle, in threads."""
        self._stopping.clear()
        self._queue = queue.SimpleQueue()
        self._suspect = None
        jobs = [self._claim_on, *([self._ask_on] if self._overdue else []), *[self._handle_on] * self._count]
        self._threads = [
            threading.Thread(target=job, name=f"apikley-receiver-{number}", daemon=True)
            for number, job in enumerate(jobs)
        ]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Say that there is something new."""
        self._wake.set()

    def stop(self) -> None:
        """Give back what was not begun, and wait a little for what was; what stays comes up again later."""
        self._stopping.set()
        self._wake.set()
        deadline = self._clock.monotonic() + _STOP
        self._threads[0].join(_STOP)  # the one that claims, so that nothing is claimed after this
        with self._holding:
            waiting, self._suspects = list(self._suspects), deque()
        for _ in range(self._count + 1):
            self._queue.put(None)  # an end for each thread, and one for here: all of them take from the queue
        waiting += iter(self._queue.get, None)
        waiting = [self._held.pop(item.key, item) for item in waiting]
        try:
            self._inbox.release(waiting, self._now())
        except Exception:
            logger.exception("what was not begun cannot be given back; it comes up again when its lease is over")
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        self._threads = []

    def work(self) -> int:
        """Handle everything that is due now, in this thread; returns how many endings were."""
        if self._overdue is not None:
            self._overdue.ask()
        count = 0
        while items := self._claim(1):
            with self._renewed(items):
                outcome = self._handled(items[0], lambda begun: self._inbox.write([begun]))
            self._inbox.write([outcome])
            if outcome.raised is not None:
                raise outcome.raised
            count += 1
        self._prune()
        return count

    @contextmanager
    def _renewed(self, items: list[Claimed]) -> Iterator[None]:
        """Have leases renewed beside a thread that has no time for it."""
        over = threading.Event()

        def renew_on() -> None:
            while not over.wait(self._lease / 3):
                try:
                    self._renew(items)
                except Exception:
                    logger.exception("a lease cannot be renewed; tried again in %g s", self._lease / 3)

        thread = threading.Thread(target=renew_on, name="apikley-receiver-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _claim_on(self) -> None:
        renewed = self._clock.monotonic()
        pause = min(_POLL, self._lease / 6)  # so that a short lease is renewed in time as well
        capacity = self._count * _AHEAD
        while not self._stopping.is_set():
            self._wake.wait(pause)
            self._wake.clear()
            self._stopping.wait(_GATHER)
            try:
                now = self._clock.monotonic()
                if now - renewed > self._lease / 3:
                    self._renew(list(self._held.values()))
                    renewed = now
                if len(self._held) <= capacity // 2:
                    self._take(capacity - len(self._held))
                self._prune()
            except Exception:
                logger.exception("the inbox cannot be read; tried again in %g s", _POLL)

    def _claim(self, limit: int) -> list[Claimed]:
        if self._handling.is_of_use:
            return self._inbox.claim(self._now(), self._lease, limit)
        if not self._warned:
            logger.warning("there is no handler, so nothing is handled; what comes waits in the inbox for one")
            self._warned = True
        return []

    def _take(self, limit: int) -> None:
        for item in self._claim(limit):
            # Where the clock was set, or the machine slept, our own may come up again: it is ours by the new claim.
            with self._holding:
                is_new = item.key not in self._held
                self._held[item.key] = item
                if is_new:
                    self._hand_out(item)

    def _hand_out(self, item: Claimed) -> None:
        """Have an ending handled: at once, or when it is its turn. Called under the lock."""
        if item.interrupted >= _SUSPECT:
            if self._suspect is not None:
                self._suspects.append(item)
                return
            self._suspect = item.key
        self._queue.put(item)

    def _prune(self) -> None:
        now = self._clock.monotonic()
        if now - self._pruned > _PRUNE:
            self._inbox.forget(self._now() - self._keep)
            self._pruned = now

    def _renew(self, items: list[Claimed]) -> None:
        self._inbox.renew(items, self._now() + self._lease)

    def _handle_on(self) -> None:
        begun: Claimed | None = None
        while (item := begun or self._queue.get()) is not None:
            held = item
            try:
                if begun is not None:
                    outcome = self._handling.handle(item)
                else:
                    outcome = self._handled(item, lambda begin: self._commit.submit(begin).result())
                begun = None
                held = self._held.get(item.key, item)
                begun = self._settle(replace(outcome, item=held))
            except BaseException:
                begun = None
                logger.exception("%s is left; it comes up again when its lease is over", item.key)
            self._let_go(held)
            if len(self._held) <= self._count * _AHEAD // 2:
                self._wake.set()

    def _let_go(self, settled: Claimed) -> None:
        with self._holding:
            newest = self._held.pop(settled.key, settled)
            if self._suspect == settled.key:
                self._suspect = None
                if self._suspects:
                    self._hand_out(self._suspects.popleft())
            if newest.claim != settled.claim:  # due again, and claimed again, since its outcome was written
                self._held[settled.key] = newest
                self._hand_out(newest)

    def _handled(self, item: Claimed, write: Callable[[Begun], object]) -> Outcome:
        """Handle an ending; that this was begun is on the disk before anybody is called."""
        outcome = self._handling.given_up(item)
        if outcome is None:
            write(Begun(self._held.get(item.key, item)))
            outcome = self._handling.handle(item)
        return outcome

    def _settle(self, outcome: Outcome) -> Claimed | None:
        """Write an outcome; returns the ending that comes next, if one was begun in the same transaction."""
        following = self._following()
        while True:
            try:
                self._commit.submit(outcome, *([Begun(following)] if following else [])).result()
            except Exception:
                logger.exception("the outcome of %s cannot be written; tried again in %g s", outcome.item.key, _POLL)
                if following is not None:
                    self._queue.put(following)
                    following = None
                if self._stopping.wait(_POLL):
                    return None
            else:
                return following

    def _following(self) -> Claimed | None:
        """The next ending, if one waits that no process has ended in."""
        if self._stopping.is_set():
            return None
        try:
            item = self._queue.get_nowait()
        except queue.Empty:
            return None
        if item is None or item.interrupted:
            self._queue.put(item)
            return None
        return self._held.get(item.key, item)

    def _ask_on(self) -> None:
        while self._overdue is not None and not self._stopping.wait(_ASK):
            try:
                if self._overdue.ask():
                    self._wake.set()
            except Exception:
                logger.exception("overdue tasks cannot be asked for; tried again in %g s", _ASK)

    def _now(self) -> float:
        return self._clock.now().timestamp()
