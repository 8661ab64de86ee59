"""Values that tests put into inboxes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apikley.receiver import Inbox
from apikley.receiver.inbox.rows import Claim, Completion, Result

NOW = 1_000.0
LEASE = 60.0


class DrivenInbox(Inbox):
    """An inbox whose leases are measured by the time of the last claim."""

    def claim(self, now: float, lease: float, limit: int, exclude: Iterable[str] = ()) -> list[Claim]:
        self.at(now)
        return super().claim(now, lease, limit, exclude)

    def at(self, now: float) -> None:
        """Set the time."""
        self._database.lease_clock = lambda: now


def completion(task_id: str, state: str = "success", **fields: Any) -> Completion:
    """A completion with a body that only a binary column can store."""
    return Completion(task_id, state, b'{"x":"\\u0000"}\x00\xff', fields.pop("at", NOW), **fields)


def done(claim: Claim) -> Result:
    return Result(claim, "done", NOW)
