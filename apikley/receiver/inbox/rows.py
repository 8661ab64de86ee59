"""What the inbox stores and returns. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from apikley.callbacks import event_id

NO_STATE = ""  # of a completion whose callback says only that the task has ended
Source = Literal["callback", "poll"]
Status = Literal["pending", "processing", "done", "failed", "dead"]


@dataclass(frozen=True, slots=True)
class Completion:
    """A task's completion, to be stored as an event."""

    task_id: str
    state: str  # `success`, `fail` or NO_STATE
    body: bytes  # of the callback, or the polled task's record as JSON
    received_at: float
    token: str | None = None  # the correlation token
    source: Source = "callback"

    @property
    def event_id(self) -> str:
        """The id of the event, the same for every delivery of this completion."""
        return event_id(self.task_id, self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(Completion):
    """An event that one worker alone may handle until the lease ends."""

    claim_id: str
    attempt: int  # from 1
    handled_by: tuple[str, ...]  # the names of the handlers that have succeeded


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one attempt."""

    claim: Claim
    status: Status
    due_at: float  # when a failed event is handled again
    error: str | None = None  # in one line
    handled_by: tuple[str, ...] = ()
    replacement: Completion | None = None  # what the service confirmed instead of a contradicted callback
    raised: BaseException | None = None  # more than a failure, such as Ctrl-C; not stored


@dataclass(frozen=True, slots=True)
class PendingCallback:
    """A task whose callback is expected."""

    id: int
    task_id: str | None  # None if only the token is known
    token: str | None  # the correlation token of its create
    due_at: float | None  # the time of the next poll; None if polling was given up
    attempts: int  # polls
    noted_at: float


@dataclass(frozen=True, slots=True)
class InboxRow:
    """An event as the inbox lists it."""

    event_id: str
    task_id: str
    state: str  # of the task: `success`, `fail` or NO_STATE
    status: Status  # `failed` will be retried; `dead` is given up and can be replayed
    source: Source
    received_at: float
    attempts: int
    error: str | None = None  # the last one, in one line


Operation = Completion | Result
