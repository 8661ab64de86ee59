"""Magic prompts: how a client that can only create tasks asks for what should happen to one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from apikley_mock.control import admin_document
from apikley_mock.control import conflicts as contradictions
from apikley_mock.web.faults import Fault

_SPELL = re.compile(r"\[\s*mock\s*:([^\[\]]*)(\]?)", re.IGNORECASE)


@dataclass
class Wish:
    """What a prompt asks for.

    Attributes:
        plan: Changes to the task's plan, by the admin API's schema `Plan`.
        fault: What goes wrong with the request, if anything.
        wrong: What is wrong with the prompt itself, if anything.
    """

    plan: dict[str, Any] = field(default_factory=dict)
    fault: Fault | None = None
    wrong: str | None = None


@dataclass(frozen=True)
class Word:
    """One word that a prompt may hold.

    Attributes:
        example: How it is written.
        meaning: What it brings about.
        described: Describes that; gets what follows the word, and raises ValueError where that makes no sense.
        schema: By which schema of the admin API's document.
    """

    example: str
    meaning: str
    described: Callable[[str], dict[str, Any]]
    schema: Literal["Plan", "Fault"] = "Plan"


def wish_of(prompt: Any) -> Wish | None:
    """What a prompt asks for; None if it asks for nothing."""
    spells = _SPELL.findall(prompt) if isinstance(prompt, str) else []
    if not spells:
        return None
    for text, end in spells:
        if not end:
            return Wish(wrong=f"magic prompt: '[mock:{text[:60].rstrip()}' is not closed; end it with a ]")
    asked: dict[str, dict[str, Any]] = {"Plan": {}, "Fault": {}}
    for part in (each.strip() for each in ",".join(text for text, _ in spells).split(",")):
        word, _, rest = part.partition(" ")
        known = WORDS.get(word)
        if known is None:
            return Wish(wrong=f"magic prompt: {word!r} is unknown; known: {', '.join(WORDS)}")
        try:
            described = known.described(rest.strip())
        except ValueError:
            described = None
        if described is None or admin_document.findings(known.schema, described):
            return Wish(wrong=f"magic prompt: {part!r} makes no sense; write it as [mock: {known.example}]")
        if not _added(asked[known.schema], described) or contradictions.of_both(asked["Plan"], asked["Fault"]):
            return Wish(wrong=f"magic prompt: {part!r} contradicts what stands before it; leave out one of them")
    return Wish(contradictions.whole(asked["Plan"]), Fault(**asked["Fault"]) if asked["Fault"] else None)


def _added(asked: dict[str, Any], described: dict[str, Any]) -> bool:
    """Add a description to what is asked already; False where both say something of the same."""
    for name, value in described.items():
        if name not in asked:
            asked[name] = value
        elif not (isinstance(value, dict) and _added(asked[name], value)):
            return False
    return True


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError(text)
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
        raise ValueError(text)
    return float(text)


def _always(**described: Any) -> Callable[[str], dict[str, Any]]:
    def of(rest: str) -> dict[str, Any]:
        if rest:
            raise ValueError(rest)
        return described

    return of


def _fail(rest: str) -> dict[str, Any]:
    code, _, message = rest.partition(" ")
    return {"outcome": "fail", "fail_code": code, **({"fail_msg": message.strip()} if message else {})}


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
    "fail": Word("fail 422", "the task fails with this `failCode`; words after it are its `failMsg`", _fail),
    "error": Word(
        "error 402",
        "createTask answers this code, and there is no task",
        lambda rest: {"fault": "error", "code": _number(rest)},
        "Fault",
    ),
    "never": Word("never", "the task never ends", _always(outcome="never")),
    "vanish": Word("vanish", "the task is unknown from when it would have ended", _always(outcome="vanish")),
    "take": Word("take 300", "the task takes these seconds", lambda rest: {"durations": [0, 0, _seconds(rest)]}),
    "polls": Word(
        "polls 2",
        "each state lasts so many look-ups, whatever the time",
        lambda rest: {"progress": "polls", "polls": _number(rest)},
    ),
    "hand": Word("hand", "only the page or the admin API takes the task on", _always(progress="hand")),
    "hidden": Word(
        "hidden 3",
        "for these seconds, look-ups say that there is no such task",
        lambda rest: {"hidden": _seconds(rest)},
    ),
    "expire": Word(
        "expire 60",
        "the result's link works for these seconds after the end",
        lambda rest: {"result_ttl": _seconds(rest)},
    ),
    "latency": Word(
        "latency 10",
        "the answer comes these real seconds late",
        lambda rest: {"fault": "latency", "stage": "after", "latency": _seconds(rest)},
        "Fault",
    ),
    "reset": Word(
        "reset", "the task exists, and the connection breaks; `reset before`: no task", _lost("reset"), "Fault"
    ),
    "cut": Word("cut", "the same, in the middle of the answer", _lost("cut"), "Fault"),
    "broken-json": Word("broken-json", "the same, with an answer that is cut JSON", _lost("broken-json"), "Fault"),
    "html": Word("html", "the same, with a proxy's error page as HTTP 502", _lost("html"), "Fault"),
    "callback": Word(
        "callback twice",
        "also `lost`, `early` (before createTask's answer), `late 60`, `corrupt`, `forged`, `unsigned`, `stale`, "
        "`form 2025`, `form late-2025`, `form 2026`",
        _callback,
    ),
}
