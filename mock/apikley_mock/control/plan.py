"""What becomes of one task: how long it takes, how it ends, and how that is called back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal

Span = float | tuple[float, float]
Outcome = Literal["success", "fail", "never", "vanish"]
Progress = Literal["time", "polls", "hand"]
Form = Literal["2025", "late-2025", "2026"]
Signature = Literal["valid", "wrong", "none"]
SignedTime = Literal["machine", "simulated"]


@dataclass(frozen=True)
class Durations:
    """How long a task stays in each state, in seconds: a number, or the shortest and the longest."""

    waiting: Span = 0.5
    queuing: Span = 0.5
    generating: Span = 2.0

    def draw(self, random: Random) -> list[float]:
        """One length for each state."""
        spans = (self.waiting, self.queuing, self.generating)
        return [random.uniform(*span) if isinstance(span, tuple) else span for span in spans]


@dataclass(frozen=True)
class CallbackPlan:
    """How the end of a task is called back.

    Attributes:
        form: Which of the three published payloads is sent.
        delay: Seconds between the task's end and the first attempt.
        times: How often the callback is sent: 0 loses it, 2 repeats it.
        early: Whether the task ends at once, with the callback sent before createTask's answer.
        corrupt: Whether the body is cut in half.
        signature: `wrong` signs with another key, `none` leaves the signature out.
        age: How old the signed timestamp is, in seconds.
        clock: Whose time is signed: the machine's, which receivers check against, or the simulator's.
    """

    form: Form = "late-2025"
    delay: float = 0.0
    times: int = 1
    early: bool = False
    corrupt: bool = False
    signature: Signature = "valid"
    age: float = 0.0
    clock: SignedTime = "machine"


@dataclass(frozen=True)
class Plan:
    """What becomes of one task.

    Attributes:
        outcome: How it ends; `never` does not, `vanish` makes it unknown when it would have ended.
        fail_code: The `failCode` of a failure, a number or a word.
        fail_msg: The `failMsg` of a failure; the contract's text for the code, if not given.
        durations: How long it stays in each state.
        progress: What takes it from state to state: time, being polled, or only a hand.
        polls: With progress by polls, how many look-ups each state lasts.
        hidden: Seconds after creation in which look-ups say that there is no such task.
        result_ttl: Seconds after the end for which the result's link works; None for ever.
        callback: How the end is called back.
    """

    outcome: Outcome = "success"
    fail_code: str = "500"
    fail_msg: str | None = None
    durations: Durations = field(default_factory=Durations)
    progress: Progress = "time"
    polls: int = 1
    hidden: float = 0.0
    result_ttl: float | None = None
    callback: CallbackPlan = field(default_factory=CallbackPlan)

    @property
    def ends_at_once(self) -> bool:
        """Whether the task ends, and is called back, before createTask has answered."""
        return self.callback.early and self.outcome != "never" and self.progress == "time"

    def changed(self, changes: Mapping[str, Any]) -> Plan:
        """This plan with changes, named as the attributes; those of `callback` in a mapping of their own."""
        values = dict(changes)
        if isinstance(values.get("callback"), Mapping):
            values["callback"] = replace(self.callback, **values["callback"])
        if isinstance(values.get("durations"), list | tuple):
            values["durations"] = durations_of(values["durations"])
        return replace(self, **values)


def durations_of(spans: Sequence[Any]) -> Durations:
    """Durations from three entries, each a number of seconds or a pair of them."""
    return Durations(*(tuple(span) if isinstance(span, list | tuple) else float(span) for span in spans))
