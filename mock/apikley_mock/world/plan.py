"""The plan of a task: how long it takes, how it ends, and how its completion is called back."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

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
FailCode = Annotated[str, Meta(pattern="^[0-9A-Za-z_]{1,40}$", description="A number or a word.")]
Message = Annotated[str, Meta(max_length=500)]
Form = Literal["2025", "late-2025", "2026"]


class CallbackPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a completion is called back.

    Attributes:
        form: Which of the three published payloads is sent.
        delay: Seconds between the completion and the first attempt.
        times: How often the callback is sent: 0 loses it, 2 repeats it.
        early: Whether the task ends at once, with the callback before the response of createTask.
        corrupt: Whether the body is cut in half.
        signature: `wrong` signs with another key, `none` leaves the signature out.
        age: The age of the signed timestamp, in seconds.
        clock: The clock of the signed timestamp: the machine's, which receivers check against, or the simulator's.
    """

    form: Form = "late-2025"
    delay: Seconds = 0.0
    times: Annotated[int, Meta(ge=0, le=100)] = 1
    early: bool = False
    corrupt: bool = False
    signature: Literal["valid", "wrong", "none"] = "valid"
    age: Seconds = 0.0
    clock: Literal["machine", "simulated"] = "machine"

    def __post_init__(self) -> None:
        if self.early and (self.delay or not self.times):
            raise ValueError("early excludes a delay and times 0")


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of a task.

    `fail_code` and `fail_message` imply the outcome `fail`, and `per_poll` implies the progress `per_poll`.

    Attributes:
        outcome: `never` does not end; `disappear` makes the task unknown when it would have ended.
        fail_code: The `failCode` of a failure.
        fail_message: The `failMsg` of a failure; by default the contract's text for the code.
        durations: How long the task stays in each state.
        progress: What moves the task to its next state: time, polls, or only the page and the admin API.
        per_poll: With progress `per_poll`, the number of polls in each state.
        hidden: Seconds after the creation in which polls do not find the task.
        result_ttl: Seconds after the completion for which the result's link works; null for ever.
        callback: How the completion is called back.
    """

    outcome: Literal["success", "fail", "never", "disappear"] = "success"
    fail_code: FailCode = "500"
    fail_message: Message | None = None
    durations: Durations = (0.5, 0.5, 2.0)
    progress: Literal["time", "per_poll", "manual"] = "time"
    per_poll: Annotated[int, Meta(ge=1, le=1000)] = 1
    hidden: Seconds = 0.0
    result_ttl: Seconds | None = None
    callback: CallbackPlan = CallbackPlan()

    @property
    def ends_at_once(self) -> bool:
        """Whether the task ends, and is called back, before the response of createTask."""
        return self.callback.early and self.outcome != "never" and self.progress == "time"

    def changed(self, changes: Mapping[str, Any]) -> Plan:
        """Return this plan with changes by field; those of `callback` are a mapping of their own."""
        values = dict(changes)
        if "callback" in values:
            values["callback"] = replace(self.callback, **values["callback"])
        return replace(self, **values)

    def draw_durations(self, random: Random) -> list[float]:
        """Return one duration for each state."""
        return [random.uniform(span[0], span[1]) if isinstance(span, tuple) else span for span in self.durations]
