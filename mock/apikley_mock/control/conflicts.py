"""What goes together in a plan or a fault, and what contradicts itself: one table for all ways to ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Described = Mapping[str, Any]

# What a plan says by the way: where it names the one, it means the other.
_IMPLIED = {
    "fail_code": ("outcome", "fail"),
    "fail_msg": ("outcome", "fail"),
    "polls": ("progress", "polls"),
    "durations": ("progress", "time"),
}


@dataclass(frozen=True)
class _Said:
    """What a description may say: a member by its path, with one value, or with any that is neither empty nor 0."""

    path: str
    value: Any = None

    def by(self, described: Described) -> bool:
        found: Any = described
        for step in self.path.split("."):
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, list | tuple):
                found = found[int(step)]
        return bool(found) if self.value is None else bool(found == self.value)

    def __str__(self) -> str:
        return self.path if self.value is None else f"{self.path} {self.value!r}"


_NEVER, _VANISH, _FAIL = (_Said("outcome", each) for each in ("never", "vanish", "fail"))
_POLLS, _HAND = (_Said("progress", each) for each in ("polls", "hand"))
_EARLY, _LATE, _LOST = _Said("callback.early"), _Said("callback.delay"), _Said("callback.times", 0)
_FORM, _CORRUPT, _AGE = _Said("callback.form"), _Said("callback.corrupt"), _Said("callback.age")
_FORGED, _UNSIGNED = (_Said("callback.signature", each) for each in ("wrong", "none"))
_CALLBACK, _LINK_LIFE, _DURATIONS = _Said("callback"), _Said("result_ttl"), _Said("durations")
_GENERATING = _Said("durations.2")

# Where a plan says the first, it can say none of the others.
_PLAN: dict[_Said, tuple[_Said, ...]] = {
    _NEVER: (_HAND, _GENERATING, _LINK_LIFE, _CALLBACK),
    _VANISH: (_LINK_LIFE, _CALLBACK),
    _FAIL: (_LINK_LIFE,),
    _EARLY: (_DURATIONS, _POLLS, _HAND, _LATE),
    _LOST: (_FORM, _LATE, _EARLY, _CORRUPT, _FORGED, _UNSIGNED, _AGE),
    _UNSIGNED: (_AGE,),
}

_OF_ERRORS = ("code", "msg", "retry_after")


def whole(plan: Described) -> dict[str, Any]:
    """A plan's description, with what it says by the way."""
    implied = dict(_IMPLIED[name] for name in plan if name in _IMPLIED)
    return {**implied, **plan}


def of_plan(plan: Described) -> str | None:
    """What contradicts itself in a plan's description, in words; None where nothing does."""
    meant = whole(plan)
    for name, (about, value) in _IMPLIED.items():
        if name in plan and meant[about] != value:
            return f"{name} contradicts {about} {meant[about]!r}; leave out one of them"
    for first, others in _PLAN.items():
        for other in others:
            if first.by(meant) and other.by(meant):
                return f"{first} contradicts {other}; leave out one of them"
    return None


def of_fault(fault: Described) -> str | None:
    """What contradicts itself in a fault's description, in words; None where nothing does."""
    kind = fault["fault"]
    for name in _OF_ERRORS:
        if name in fault and kind != "error":
            return f"{name} contradicts fault {kind!r}, which answers none; leave it out, or write fault 'error'"
    if kind == "latency" and "latency" not in fault:
        return "fault 'latency' needs latency, the seconds that it takes"
    return None


def of_both(plan: Described, fault: Described) -> bool:
    """Whether what is said of one task and of its request contradicts itself."""
    unborn = bool(fault) and fault.get("stage", "before") == "before"
    return bool((plan and unborn) or of_plan(plan) or (fault and of_fault(fault)))
