"""Values that tests put into inboxes."""

from __future__ import annotations

from typing import Any

from apikley.receiver.inbox.rows import Claim, Completion, Result

NOW = 1_000.0
LEASE = 60.0


def completion(task_id: str, state: str = "success", **fields: Any) -> Completion:
    """A completion with a body that only a binary column can store."""
    return Completion(task_id, state, b'{"x":"\\u0000"}\x00\xff', fields.pop("at", NOW), **fields)


def done(claim: Claim) -> Result:
    return Result(claim, "done", NOW)
