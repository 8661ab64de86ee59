"""The plan of a task: how long it takes, how it ends, and how its completion is called back."""

from __future__ import annotations

from random import Random
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import force_setattr, replace

Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
# Variable tuples with fixed lengths: msgspec 0.22 crashes on a union with a tuple of fixed types.
Span = Seconds | Annotated[tuple[Seconds, ...], Meta(min_length=2, max_length=2)]
Durations = Annotated[
    tuple[Span, ...],
    Meta(
        min_length=3,
        max_length=3,
        description="Seconds in waiting, queuing and generating: each a number, or the shortest and the longest.",
    ),
]
FailCode = Annotated[str, Meta(pattern="^[0-9A-Za-z_]{1,40}$", description="a number or a word up to 40 characters")]
Message = Annotated[str, Meta(max_length=500)]
Outcome = Literal["success", "fail", "never", "disappear"]
Progress = Literal["time", "per_poll", "manual"]
Polls = Annotated[int, Meta(ge=1, le=1000)]
Form = Literal["2025", "late-2025", "2026", "verification"]
Shapes = Literal["recorded", "documented"]
Results = Annotated[int, Meta(ge=1, le=20)]
Repeats = Annotated[int, Meta(ge=0, le=100)]
Signature = Literal["valid", "wrong", "none"]
SignatureClock = Literal["machine", "simulated"]

DEFAULT_DURATIONS: Durations = (0.5, 0.5, 2.0)

_IMPLIED = {
    "fail_code": ("outcome", "fail"),
    "fail_message": ("outcome", "fail"),
    "per_poll": ("progress", "per_poll"),
    "durations": ("progress", "time"),
}


class CallbackChanges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to how a completion is called back.

    Attributes:
        form: Which of the published payloads is sent; `verification` names only the task.
        both_ids: Whether the payload has `task_id` beside `taskId`.
        delay: Seconds between the completion and the first attempt.
        times: How often the callback is sent: 0 loses it, 2 repeats it.
        early: Whether the task ends at once, with the callback before the response of createTask.
        corrupt: Whether the body is cut in half.
        signature: `wrong` signs with another key, `none` leaves the signature out.
        age: The age of the signed timestamp, in seconds.
        clock: The clock of the signed timestamp: the machine's, which receivers check against, or the simulator's.
    """

    form: Form | UnsetType = UNSET
    both_ids: bool | UnsetType = UNSET
    delay: Seconds | UnsetType = UNSET
    times: Repeats | UnsetType = UNSET
    early: bool | UnsetType = UNSET
    corrupt: bool | UnsetType = UNSET
    signature: Signature | UnsetType = UNSET
    age: Seconds | UnsetType = UNSET
    clock: SignatureClock | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.early and (self.delay or self.times == 0):
            raise ValueError("early excludes a delay and times 0")


class PlanChanges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to what becomes of a task.

    `fail_code` and `fail_message` imply the outcome `fail`, `per_poll` and `durations` the progress.

    Attributes:
        outcome: `never` does not end; `disappear` makes the task unknown when it would have ended.
        fail_code: The `failCode` of a failure.
        fail_message: The `failMsg` of a failure; by default the contract's text for the code.
        durations: How long the task stays in each state.
        progress: What moves the task to its next state: time, polls, or only the page and the admin API.
        per_poll: With progress `per_poll`, the number of polls in each state.
        hidden: Seconds after the creation in which polls do not find the task.
        results: The number of results.
        result_ttl: Seconds after the completion for which the result's link works; null for ever.
        callback: How the completion is called back.
    """

    outcome: Outcome | UnsetType = UNSET
    fail_code: FailCode | UnsetType = UNSET
    fail_message: Message | UnsetType | None = UNSET
    durations: Durations | UnsetType = UNSET
    progress: Progress | UnsetType = UNSET
    per_poll: Polls | UnsetType = UNSET
    hidden: Seconds | UnsetType = UNSET
    results: Results | UnsetType = UNSET
    result_ttl: Seconds | UnsetType | None = UNSET
    callback: CallbackChanges | UnsetType = UNSET

    def __post_init__(self) -> None:
        for name, (field, implied) in _IMPLIED.items():
            if getattr(self, name) is UNSET:
                continue
            if getattr(self, field) is UNSET:
                force_setattr(self, field, implied)
            elif getattr(self, field) != implied:
                raise ValueError(f"{name} needs {field} {implied!r}, not {getattr(self, field)!r}")


class CallbackPlan(Struct, frozen=True, kw_only=True):
    """How a completion is called back; see `CallbackChanges`."""

    form: Form = "late-2025"
    both_ids: bool = False
    delay: float = 0.0
    times: int = 1
    early: bool = False
    corrupt: bool = False
    signature: Signature = "valid"
    age: float = 0.0
    clock: SignatureClock = "machine"


class Plan(Struct, frozen=True, kw_only=True):
    """What becomes of a task; see `PlanChanges`."""

    outcome: Outcome = "success"
    fail_code: str = "500"
    fail_message: str | None = None
    durations: Durations | None = None
    progress: Progress = "time"
    per_poll: int = 1
    hidden: float = 0.0
    results: int = 1
    result_ttl: float | None = None
    callback: CallbackPlan = CallbackPlan()

    @property
    def ends_at_once(self) -> bool:
        """Whether the task ends, and is called back, before the response of createTask."""
        return self.callback.early and self.outcome != "never" and self.progress == "time"

    def changed(self, changes: PlanChanges) -> Plan:
        """Return this plan with changes."""
        given = _given(changes, PlanChanges)
        if changes.callback is not UNSET:
            given["callback"] = replace(self.callback, **_given(changes.callback, CallbackChanges))
        return replace(self, **given)

    def draw_durations(self, random: Random) -> list[float]:
        """Return one duration for each state."""
        spans = self.durations or DEFAULT_DURATIONS
        return [random.uniform(span[0], span[1]) if isinstance(span, tuple) else span for span in spans]


def _given(changes: Struct, of: type[Struct]) -> dict[str, Any]:
    return {name: value for name in of.__struct_fields__ if (value := getattr(changes, name)) is not UNSET}
