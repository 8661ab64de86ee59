"""What the inbox stores and returns. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from apikley.callbacks import event_id

INBOX = "apikley-inbox.db"
Source = Literal["callback", "poll"]
Status = Literal["pending", "processing", "done", "failed", "dead"]


@dataclass(frozen=True, slots=True)
class Completion:
    """A task's completion, to be stored as an event."""

    task_id: str
    state: str
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
    """A task whose callback is expected.

    Attributes:
        id: The row's id.
        task_id: The task, if it is known.
        token: The correlation token of its create, if there was one.
        due_at: The time of the next poll, in Unix seconds; None if polling was given up.
        attempts: The number of polls.
        noted_at: Unix time in seconds.
    """

    id: int
    task_id: str | None
    token: str | None
    due_at: float | None
    attempts: int
    noted_at: float


@dataclass(frozen=True, slots=True)
class InboxRow:
    """An event as the inbox lists it.

    Attributes:
        event_id: The event.
        task_id: The task.
        state: The final state.
        status: `pending`, `processing`, `done`, `failed` (will be retried) or `dead` (given up; can be replayed).
        source: `callback` or `poll`.
        received_at: Unix time in seconds.
        attempts: The number of attempts.
        error: The last error in one line.
    """

    event_id: str
    task_id: str
    state: str
    status: Status
    source: Source
    received_at: float
    attempts: int
    error: str | None = None


Operation = Completion | Result
