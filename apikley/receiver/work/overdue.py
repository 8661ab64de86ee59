"""Polls tasks whose callback is overdue, so that a lost callback only costs time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from apikley._model.task import TaskInfo
from apikley.receiver.inbox.rows import PendingCallback
from apikley.receiver.inbox.store import Inbox
from apikley.receiver.work.confirmation import completion_of
from apikley.receiver.work.retry_policy import FAILURES, RetryPolicy

logger = logging.getLogger("apikley.receiver")

OVERDUE_INTERVAL = 10.0  # seconds between two rounds
# The pauses are 1, 2, 4 and 8 minutes, then 15 minutes. Polling is given up after a day.
OVERDUE_POLLS = RetryPolicy(attempts=100, first=60.0, longest=900.0)
_BATCH, _LEASE = 20, 300.0


@dataclass(frozen=True, eq=False)
class OverduePoller:
    """Polls overdue tasks and stores the completions that it finds."""

    inbox: Inbox
    poll: Callable[[str | None], TaskInfo]
    now: Callable[[], float]  # Unix time in seconds

    def poll_overdue(self) -> int:
        """Poll the tasks that are due; returns the number of completions found."""
        found = 0
        for pending in self.inbox.claim_overdue(self.now(), _LEASE, _BATCH):
            try:
                task = self.poll(pending.task_id)
            except FAILURES as error:  # one task must not stop the others
                self._reschedule(pending, f"{type(error).__name__}: {error}")
                continue
            if task.finished:
                # Stored before it is resolved: a crash in between only costs another poll.
                self.inbox.write([completion_of(task, self.now())])
                self.inbox.resolve(pending)
                found += 1
            else:
                self._reschedule(pending, f"state {task.state}")
        return found

    def _reschedule(self, pending: PendingCallback, reason: str) -> None:
        pause = OVERDUE_POLLS.pause(pending.attempts)
        if pause is None:
            logger.error("polling task %s is given up after %d polls: %s", pending.task_id, pending.attempts, reason)
        else:
            logger.info("task %s is overdue (%s); next poll in %.0f s", pending.task_id, reason, pause)
        self.inbox.reschedule(pending, None if pause is None else self.now() + pause)
