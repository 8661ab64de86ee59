"""What the ledger stores and returns. Times are Unix seconds, durations are seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

State = Literal["planned", "sending", "running", "done", "failed", "refused", "unknown"]
# Not settled: the batch goes on.
OPEN: tuple[State, ...] = ("planned", "sending", "running")


class NewRow(NamedTuple):
    """A row to add.

    Attributes:
        key: Its name in the batch.
        number: Its number in its table.
        model: The model.
        body: The request body as JSON, see `apikley.batch.table.jobs.pack`.
        content_hash: Changes with the request.
    """

    key: str
    number: int
    model: str
    body: str
    content_hash: str


class Added(NamedTuple):
    """What became of the rows of a table.

    Attributes:
        new: The number of rows that were added.
        known: The number of rows that were there already.
        changed: The number of planned rows whose request was replaced.
        removed: The number of planned rows that are no longer in the table.
    """

    new: int = 0
    known: int = 0
    changed: int = 0
    removed: int = 0

    def plus(self, other: Added) -> Added:
        """Return what became of both sets of rows."""
        return Added(*map(sum, zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A batch as the ledger stores it."""

    id: int
    name: str
    base_url: str | None
    options: dict[str, Any]
    price: float | None
    max_credits: float | None
    max_running: int | None
    stop_after: int | None
    paused: str | None  # the reason
    paused_by_user: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that one worker alone may work on while it renews the claim."""

    row_id: int
    batch_id: int
    claim: str
    key: str
    number: int
    state: State
    model: str
    body: str
    account: str | None
    token: str | None
    task_id: str | None
    task_state: str | None
    sent_at: float | None
    attempts: int


class Wait(NamedTuple):
    """Why a row or a create must wait.

    Attributes:
        seconds: When to try again.
        reason: The reason in a few words.
        of_model: Whether only creates of the same model must wait.
    """

    seconds: float
    reason: str
    of_model: bool = False


class Stop(NamedTuple):
    """Why no create is admitted any more.

    Attributes:
        kind: `paused`, `cap`, `limit` of this run, `interrupted`, or `lost` if the claim was lost.
        reason: The reason in words.
    """

    kind: Literal["paused", "cap", "limit", "interrupted", "lost"]
    reason: str


class Budget(NamedTuple):
    """A limit on what creates may cost.

    Attributes:
        credits: The limit.
        since: Only creates sent after this time count.
    """

    credits: float
    since: float = 0.0


class SavedFile(NamedTuple):
    """A file that a row has produced."""

    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a batch.

    Attributes:
        key: Its name in the batch.
        number: Its number in its table.
        model: The model.
        state: Its state.
        task_id: Its task, if one is known.
        credits: What it has cost, or what is reserved for it; None if it is not known.
        seconds: How long its task took.
        sent_at: When its create was sent.
        ended_at: When its task ended.
        error_code: Why it failed: a number or a word.
        error: Why it failed, in words.
        files: Its results.
    """

    key: str
    number: int
    model: str
    state: State
    task_id: str | None
    credits: float | None
    seconds: float | None
    sent_at: float | None
    ended_at: float | None
    error_code: str | None
    error: str | None
    files: Sequence[SavedFile] = field(default=())


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a batch.

    Attributes:
        name: The batch.
        rows: The number of rows by state.
        saving: How many of the running rows have a finished task, whose file is not saved yet.
        spent: The credits that ended tasks have cost, and unknown rows may have cost.
        reserved: The credits that unfinished tasks will cost.
        max_credits: The cap.
        price: The price of one row, as far as it is known.
        paused: Why the batch is paused.
        workers: The number of workers that hold claims.
        seconds_per_video: The median duration of a task.
        creates_per_minute: The creates of the last minute.
        errors: The latest errors: key, code and text.
    """

    name: str
    rows: dict[State, int]
    saving: int
    spent: float
    reserved: float
    max_credits: float | None
    price: float | None
    paused: str | None
    workers: int
    seconds_per_video: float | None
    creates_per_minute: int
    errors: Sequence[tuple[str, str, str]]

    @property
    def total(self) -> int:
        """The number of rows."""
        return sum(self.rows.values())

    @property
    def open(self) -> int:
        """The number of rows that are not settled."""
        return sum(self.rows.get(state, 0) for state in OPEN)
