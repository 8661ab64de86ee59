"""What the inbox takes in and gives out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from apikley.callbacks import event_key

INBOX = "apikley-inbox.db"
Source = Literal["callback", "poll"]
Status = Literal["pending", "done", "dead", "refused"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One ending of a task, to be stored.

    Attributes:
        task_id: The task.
        state: The final state that it is said to have ended in.
        body: A callback's body, as it came, or as it would have come.
        received_at: Unix time in seconds.
        token: The correlation token that came with it.
        source: Who said so: a callback, or the service when it was asked.
    """

    task_id: str
    state: str
    body: bytes
    received_at: float
    token: str | None = None
    source: Source = "callback"

    @property
    def key(self) -> str:
        """The same for every delivery of this ending."""
        return event_key(self.task_id, self.state)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A stored ending that this process, and no other, is to handle now.

    Attributes:
        key: Names the ending.
        claim: Names this claim; it ends when the lease does.
        task_id: The task.
        state: The final state that it is said to have ended in.
        body: A callback's body.
        source: Who said so.
        received_at: Unix time in seconds.
        attempts: How often its handling was begun before.
        interrupted: How many of these, the last ones in a row, had no outcome: a process ended during each.
        handled_by: The handlers that have done their part.
        token: A correlation token that came with the task; one that is expected, if there are several.
    """

    key: str
    claim: str
    task_id: str
    state: str
    body: bytes
    source: Source
    received_at: float
    attempts: int
    interrupted: int = 0
    handled_by: tuple[str, ...] = ()
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The handling of a claimed ending begins: one more attempt, whatever becomes of it.

    Attributes:
        item: What was claimed.
    """

    item: Claimed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claimed ending.

    Attributes:
        item: What was claimed.
        status: `pending` to be tried again at `due_at`, or where it ends.
        due_at: Unix time in seconds.
        error: What went wrong, in one line.
        handled_by: The handlers that have done their part.
        instead: What is true of the task where the ending was refused; stored in the same moment.
        raised: What was raised that is no mere failure of a handler: Ctrl-C, or another's time-out. Not stored.
    """

    item: Claimed
    status: Status
    due_at: float
    error: str | None = None
    handled_by: tuple[str, ...] = ()
    instead: Delivery | None = None
    raised: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """A job whose callback is waited for.

    Attributes:
        id: Names the expectation.
        task_id: The task, where it is known.
        token: The correlation token of its create, if there was one.
        due_at: When the service is asked next, in Unix seconds; None when it is no longer.
        attempts: How often it was asked.
        noted_at: Unix time in seconds.
    """

    id: int
    task_id: str | None
    token: str | None
    due_at: float | None
    attempts: int
    noted_at: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored ending, as it is listed.

    Attributes:
        key: Names the ending.
        task_id: The task.
        state: The final state that it is said to have ended in.
        status: Where it stands.
        source: Who said so.
        received_at: Unix time in seconds.
        attempts: How often its handling was begun.
        error: What went wrong last, in one line.
    """

    key: str
    task_id: str
    state: str
    status: Status
    source: Source
    received_at: float
    attempts: int
    error: str | None = field(default=None)


Operation = Delivery | Begun | Outcome
