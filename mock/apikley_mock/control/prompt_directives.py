"""Prompt directives: a client that can only create tasks asks in the prompt for what should happen to one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from apikley_mock.control.vocabulary import Fault, VocabularyError, convert
from apikley_mock.world.plan import PlanChanges

_DIRECTIVE = re.compile(r"\[\s*mock\s*:([^\[\]]*)(\]?)", re.IGNORECASE)


@dataclass
class Directives:
    """What a prompt asks for.

    Attributes:
        plan: Changes to the task's plan, if any.
        fault: What goes wrong with the request, if anything.
        error: What is wrong with the prompt, if anything.
    """

    plan: PlanChanges | None = None
    fault: Fault | None = None
    error: str | None = None


@dataclass(frozen=True)
class Word:
    """One directive.

    Attributes:
        example: How it is written.
        meaning: What it does.
        describe: Returns the members of a plan or a fault for the text after the word; raises ValueError.
        kind: What it describes.
    """

    example: str
    meaning: str
    describe: Callable[[str], dict[str, Any]]
    kind: Literal["plan", "fault"] = "plan"


def parse(prompt: Any) -> Directives | None:
    """Return what a prompt asks for; None without directives."""
    found = _DIRECTIVE.findall(prompt) if isinstance(prompt, str) else []
    if not found:
        return None
    for text, end in found:
        if not end:
            return Directives(error=f"prompt directive: '[mock:{text.rstrip()}' is not closed; end it with ]")
    plan: dict[str, Any] = {}
    fault: dict[str, Any] = {}
    for part in (each.strip() for each in ",".join(text for text, _ in found).split(",")):
        name, _, rest = part.partition(" ")
        word = WORDS.get(name)
        if word is None:
            return Directives(error=f"prompt directive: {name!r} is unknown; known: {', '.join(WORDS)}")
        try:
            members = word.describe(rest.strip())
            convert(members, PlanChanges if word.kind == "plan" else Fault)
        except ValueError:
            return Directives(error=f"prompt directive: {part!r} is malformed; write it as [mock: {word.example}]")
        try:
            _merge(plan if word.kind == "plan" else fault, members)
            convert(plan, PlanChanges)
            if plan and fault.get("stage") == "before":
                raise VocabularyError("without a task there is no plan")
        except ValueError:
            return Directives(error=f"prompt directive: {part!r} contradicts an earlier one; leave out one of them")
    return Directives(convert(plan, PlanChanges) if plan else None, convert(fault, Fault) if fault else None)


def _merge(described: dict[str, Any], members: dict[str, Any]) -> None:
    for name, value in members.items():
        if name not in described:
            described[name] = value
        elif isinstance(value, dict):
            _merge(described[name], value)
        else:
            raise VocabularyError(f"{name} is given twice")


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError(text)
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
        raise ValueError(text)
    return float(text)


def _fixed(**members: Any) -> Callable[[str], dict[str, Any]]:
    def describe(rest: str) -> dict[str, Any]:
        if rest:
            raise ValueError(rest)
        return members

    return describe


def _fail(rest: str) -> dict[str, Any]:
    code, _, message = rest.partition(" ")
    return {"outcome": "fail", "fail_code": code, **({"fail_message": message.strip()} if message else {})}


def _lost(kind: str) -> Callable[[str], dict[str, Any]]:
    return lambda rest: {"fault": kind, "stage": rest or "after"}


_CALLBACKS: dict[str, dict[str, Any]] = {
    "lost": {"times": 0},
    "twice": {"times": 2},
    "early": {"early": True},
    "corrupt": {"corrupt": True},
    "forged": {"signature": "wrong"},
    "unsigned": {"signature": "none"},
    "stale": {"age": 3600.0},
}


def _callback(rest: str) -> dict[str, Any]:
    word, _, value = rest.partition(" ")
    if word == "late":
        return {"callback": {"delay": _seconds(value)}}
    if word == "form":
        return {"callback": {"form": value}}
    if word not in _CALLBACKS or value:
        raise ValueError(rest)
    return {"callback": dict(_CALLBACKS[word])}


WORDS: dict[str, Word] = {
    "fail": Word("fail 422", "the task fails with this `failCode`; text after it is the `failMsg`", _fail),
    "error": Word(
        "error 402",
        "createTask responds with this code and creates no task",
        lambda rest: {"fault": "error", "stage": "before", "code": _number(rest)},
        "fault",
    ),
    "never": Word("never", "the task never ends", _fixed(outcome="never")),
    "disappear": Word("disappear", "the task is unknown from when it would have ended", _fixed(outcome="disappear")),
    "take": Word("take 300", "the task takes this many seconds", lambda rest: {"durations": [0, 0, _seconds(rest)]}),
    "per_poll": Word(
        "per_poll 2",
        "each state lasts this many polls, whatever the time",
        lambda rest: {"progress": "per_poll", "per_poll": _number(rest)},
    ),
    "manual": Word("manual", "only the page or the admin API advances the task", _fixed(progress="manual")),
    "hidden": Word(
        "hidden 3", "for this many seconds, polls do not find the task", lambda rest: {"hidden": _seconds(rest)}
    ),
    "expire": Word(
        "expire 60",
        "the result's link works for this many seconds after the completion",
        lambda rest: {"result_ttl": _seconds(rest)},
    ),
    "latency": Word(
        "latency 10",
        "the response takes this many real seconds",
        lambda rest: {"fault": "latency", "stage": "after", "latency": _seconds(rest)},
        "fault",
    ),
    "reset": Word(
        "reset",
        "the task exists, and the connection breaks; `reset before`: no task",
        _lost("reset"),
        "fault",
    ),
    "cut": Word("cut", "the same, in the middle of the response", _lost("cut"), "fault"),
    "broken-json": Word("broken-json", "the same, with JSON that is cut", _lost("broken-json"), "fault"),
    "html": Word("html", "the same, with a proxy's error page, HTTP 502", _lost("html"), "fault"),
    "callback": Word(
        "callback twice",
        "also `lost`, `early` (before the response of createTask), `late 60`, `corrupt`, `forged`, `unsigned`, "
        "`stale`, `form 2025`, `form late-2025`, `form 2026`, `form verification`",
        _callback,
    ),
}
