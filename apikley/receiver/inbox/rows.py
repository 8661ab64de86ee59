"""What the inbox stores and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from apikley.callbacks import event_id

INBOX = "apikley-inbox.db"
Source = Literal["callback", "poll"]
Status = Literal["pending", "processing", "done", "failed", "dead"]


@dataclass(frozen=True, slots=True)
class Completion:
    """A task's completion, to be stored as an event.

    Attributes:
        task_id: The task.
        state: The final state, `success` or `fail`.
        body: The callback's body or, for a poll, the task's record as JSON.
        received_at: Unix time in seconds.
        token: The correlation token of the callback URL, if there was one.
        source: `callback` or `poll`.
    """

    task_id: str
    state: str
    body: bytes
    received_at: float
    token: str | None = None
    source: Source = "callback"

    @property
    def event_id(self) -> str:
        """The id of the event, the same for every delivery of this completion."""
        return event_id(self.task_id, self.state)


@dataclass(frozen=True, slots=True)
class Claim:
    """An event that this process alone may handle until the lease ends.

    Attributes:
        event_id: The event.
        claim_id: The id of this claim.
        task_id: The task.
        state: The final state.
        body: See `Completion.body`.
        source: `callback` or `poll`.
        received_at: Unix time in seconds.
        attempt: The number of this attempt, from 1.
        handled_by: The names of the handlers that have succeeded.
        token: The correlation token of the task; the expected one, if there are several.
    """

    event_id: str
    claim_id: str
    task_id: str
    state: str
    body: bytes
    source: Source
    received_at: float
    attempt: int
    handled_by: tuple[str, ...] = ()
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one attempt.

    Attributes:
        claim: The claim.
        status: `done`, `failed` or `dead`.
        due_at: When a failed event is handled again, in Unix seconds; otherwise now.
        error: The error in one line.
        handled_by: The names of the handlers that have succeeded.
        replacement: The completion that the service confirmed in place of a contradicted one.
        raised: An exception that is more than a failed handler, such as Ctrl-C. Not stored.
    """

    claim: Claim
    status: Status
    due_at: float
    error: str | None = None
    handled_by: tuple[str, ...] = ()
    replacement: Completion | None = None
    raised: BaseException | None = None


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
