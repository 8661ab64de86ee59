"""Asks for tasks whose callback is overdue, so that a lost one only costs time."""

from __future__ import annotations

import logging

from apikley._flows.clock import Clock
from apikley._model.task import TaskInfo
from apikley.receiver.inbox.rows import Expected
from apikley.receiver.inbox.store import Inbox
from apikley.receiver.work.confirmation import Client, ending
from apikley.receiver.work.event_loop import Loop
from apikley.receiver.work.processing import FAILURES, Retries

logger = logging.getLogger("apikley.receiver")

# The pauses are 1, 2, 4 and 8 minutes, then a quarter of an hour; given up after a day.
PATIENCE = Retries(attempts=100, first=60.0, longest=900.0)
# As many as are asked for at a time, and for how long they are ours.
_AT_ONCE, _LEASE = 20, 300.0


class Overdue:
    """Looks at overdue tasks, and puts those that have ended into the inbox.

    Args:
        inbox: Where they are noted.
        client: Whom to ask.
        loop: Where coroutines run.
        clock: What tells the time.
    """

    def __init__(self, inbox: Inbox, client: Client, loop: Loop, clock: Clock) -> None:
        self._inbox = inbox
        self._client = client
        self._loop = loop
        self._clock = clock

    def ask(self) -> int:
        """Look at the tasks that are due for it; returns how many have ended."""
        ended = 0
        for job in self._inbox.overdue(self._now(), _LEASE, _AT_ONCE):
            try:
                seen: TaskInfo = self._loop.call(self._client.get_task, job.task_id, in_app=True)
            except FAILURES as error:  # whatever it is, the jobs after this one are asked for
                self._later(job, f"{type(error).__name__}: {error}")
                continue
            if seen.finished:
                # First stored, then no longer expected: a crash in between costs one more look.
                self._inbox.write([ending(seen, self._now())])
                self._inbox.met(job)
                ended += 1
            else:
                self._later(job, f"state {seen.raw.get('state')}")
        return ended

    def _later(self, job: Expected, why: str) -> None:
        pause = PATIENCE.pause(job.attempts)
        if pause is None:
            logger.error("task %s is no longer asked for after %d looks: %s", job.task_id, job.attempts, why)
        else:
            logger.info("task %s is overdue (%s); asked again in %.0f s", job.task_id, why, pause)
        self._inbox.postpone(job, None if pause is None else self._now() + pause)

    def _now(self) -> float:
        return self._clock.now().timestamp()
