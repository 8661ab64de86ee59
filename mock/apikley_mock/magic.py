"""Magic prompts: how a client that can only create tasks asks for what should happen to one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from apikley_mock.faults import Fault

_SPELL = re.compile(r"\[mock:([^\]]*)\]")


@dataclass
class Wish:
    """What a prompt asks for.

    Attributes:
        plan: Changes to the task's plan.
        callback: Changes to its callback plan.
        fault: What goes wrong with the request, if anything.
        wrong: What is wrong with the prompt itself, if anything.
    """

    plan: dict[str, Any] = field(default_factory=dict)
    callback: dict[str, Any] = field(default_factory=dict)
    fault: Fault | None = None
    wrong: str | None = None

    def changes(self) -> dict[str, Any]:
        """All changes to the plan."""
        return {**self.plan, **({"callback": self.callback} if self.callback else {})}


@dataclass(frozen=True)
class Word:
    """One word that a prompt may hold.

    Attributes:
        example: How it is written.
        meaning: What it brings about.
        apply: Does so; gets what follows the word, and raises ValueError where that makes no sense.
    """

    example: str
    meaning: str
    apply: Callable[[Wish, str], None]


def wish_of(prompt: Any) -> Wish | None:
    """What a prompt asks for; None if it asks for nothing."""
    spells = _SPELL.findall(prompt) if isinstance(prompt, str) else []
    if not spells:
        return None
    wish = Wish()
    for part in ",".join(spells).split(","):
        word, _, rest = part.strip().partition(" ")
        known = WORDS.get(word)
        if known is None:
            wish.wrong = f"magic prompt: {word!r} is unknown; known: {', '.join(WORDS)}"
            break
        try:
            known.apply(wish, rest.strip())
        except ValueError:
            wish.wrong = f"magic prompt: {part.strip()!r} makes no sense; write it as [mock: {known.example}]"
            break
    return wish


def _code(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{2}", text):
        raise ValueError(text)
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
        raise ValueError(text)
    return float(text)


def _nothing(text: str) -> None:
    if text:
        raise ValueError(text)


def _fail(wish: Wish, rest: str) -> None:
    code, _, message = rest.partition(" ")
    if not re.fullmatch(r"[0-9A-Za-z_]{1,40}", code):
        raise ValueError(rest)
    wish.plan |= {"outcome": "fail", "fail_code": code, "fail_msg": message.strip() or None}


def _error(wish: Wish, rest: str) -> None:
    wish.fault = Fault("error", code=_code(rest))


def _latency(wish: Wish, rest: str) -> None:
    wish.fault = Fault("latency", stage="after", latency=min(_seconds(rest), 3600))


def _lost(kind: Any) -> Callable[[Wish, str], None]:
    def apply(wish: Wish, rest: str) -> None:
        if rest not in ("", "before", "after"):
            raise ValueError(rest)
        wish.fault = Fault(kind, stage="before" if rest == "before" else "after")

    return apply


def _outcome(name: str) -> Callable[[Wish, str], None]:
    def apply(wish: Wish, rest: str) -> None:
        _nothing(rest)
        wish.plan["outcome"] = name

    return apply


def _timed(name: str) -> Callable[[Wish, str], None]:
    def apply(wish: Wish, rest: str) -> None:
        wish.plan[name] = _seconds(rest)

    return apply


def _take(wish: Wish, rest: str) -> None:
    wish.plan["durations"] = [0.0, 0.0, _seconds(rest)]


def _polls(wish: Wish, rest: str) -> None:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", rest):
        raise ValueError(rest)
    wish.plan |= {"progress": "polls", "polls": int(rest)}


def _hand(wish: Wish, rest: str) -> None:
    _nothing(rest)
    wish.plan["progress"] = "hand"


_CALLBACKS: dict[str, dict[str, Any]] = {
    "lost": {"times": 0},
    "twice": {"times": 2},
    "early": {"early": True},
    "corrupt": {"corrupt": True},
    "forged": {"signature": "wrong"},
    "unsigned": {"signature": "none"},
    "stale": {"age": 3600.0},
}


def _callback(wish: Wish, rest: str) -> None:
    word, _, value = rest.partition(" ")
    if word == "late":
        wish.callback["delay"] = _seconds(value)
    elif word == "form" and value in ("2025", "late-2025", "2026"):
        wish.callback["form"] = value
    elif word in _CALLBACKS and not value:
        wish.callback |= _CALLBACKS[word]
    else:
        raise ValueError(rest)


WORDS: dict[str, Word] = {
    "fail": Word("fail 422", "the task fails with this `failCode`; words after it are its `failMsg`", _fail),
    "error": Word("error 402", "createTask answers this code, and there is no task", _error),
    "never": Word("never", "the task never ends", _outcome("never")),
    "vanish": Word("vanish", "the task is unknown from when it would have ended", _outcome("vanish")),
    "take": Word("take 300", "the task takes these seconds", _take),
    "polls": Word("polls 2", "each state lasts so many look-ups, whatever the time", _polls),
    "hand": Word("hand", "only the page or the admin API takes the task on", _hand),
    "hidden": Word("hidden 3", "for these seconds, look-ups say that there is no such task", _timed("hidden")),
    "expire": Word("expire 60", "the result's link works for these seconds after the end", _timed("result_ttl")),
    "latency": Word("latency 10", "the answer comes these real seconds late", _latency),
    "reset": Word("reset", "the task exists, and the connection breaks; `reset before`: no task", _lost("reset")),
    "cut": Word("cut", "the same, in the middle of the answer", _lost("cut")),
    "broken-json": Word("broken-json", "the same, with an answer that is cut JSON", _lost("broken-json")),
    "html": Word("html", "the same, with a proxy's error page as HTTP 502", _lost("html")),
    "callback": Word(
        "callback twice",
        "also `lost`, `early` (before createTask's answer), `late 60`, `corrupt`, `forged`, `unsigned`, `stale`, "
        "`form 2025`, `form late-2025`, `form 2026`",
        _callback,
    ),
}
