"""One change between two contracts or two generated clients, and its severity."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Any

from scripts.pipeline.page_shape import METHODS

_MAX_LENGTH = 80
# Steps that a reader of a place need not see.
_STRUCTURE = ("content", "application/json", "schema", "allOf", "properties")


class Severity(IntEnum):
    """The effect of a change on users, as in semantic versioning: MAJOR breaks, MINOR adds, PATCH does neither."""

    PATCH = 1
    MINOR = 2
    MAJOR = 3


class Direction(Enum):
    """Whether a value is part of a request or of a response."""

    REQUEST = "request"
    RESPONSE = "response"

    @property
    def narrowed(self) -> Severity:
        """The severity of allowing fewer values: a caller may send one of them, and a reader loses nothing."""
        return Severity.MAJOR if self is Direction.REQUEST else Severity.PATCH

    @property
    def widened(self) -> Severity:
        """The severity of allowing more values: a caller need not send them, but a reader may receive them."""
        return Severity.MINOR if self is Direction.REQUEST else Severity.MAJOR

    @property
    def reversed(self) -> Direction:
        """The other direction; the service sends the request of a callback."""
        return Direction.RESPONSE if self is Direction.REQUEST else Direction.REQUEST


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        severity: Its effect on users.
        where: A JSON pointer into the contract, or a Python path.
        what: What changed, in one line.
    """

    severity: Severity
    where: str
    what: str

    def __str__(self) -> str:
        return f"`{readable_place(self.where)}`: {self.what}"


def strongest(changes: Iterable[Change]) -> list[Change]:
    """Return each change once, with its highest severity; major ones first, else in the given order."""
    found: dict[tuple[str, str], Change] = {}
    for change in changes:
        before = found.setdefault((change.where, change.what), change)
        if change.severity > before.severity:
            found[change.where, change.what] = replace(before, severity=change.severity)
    return sorted(found.values(), key=lambda change: -change.severity)


def together(changes: list[Change]) -> list[Change]:
    """Return changes with one line for the same change of the same response in several operations."""
    found: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        operation, separator, response = change.where.partition("/responses/")
        key = (separator + response, change.what) if operation.startswith("#/paths/") else (change.where, change.what)
        found.setdefault(key, []).append(change)
    return [
        same[0] if len(same) == 1 else replace(same[0], what=f"{same[0].what} (and in {len(same) - 1} more operations)")
        for same in found.values()
    ]


def readable_place(where: str) -> str:
    """Return a JSON pointer in readable form: `Hailuo02ImageToVideoPro.prompt`, `POST /api/v1/… responses 200`."""
    if not where.startswith("#"):
        return where
    steps = [step.replace("~1", "/").replace("~0", "~") for step in where[1:].removeprefix("/").split("/")]
    if steps[:2] == ["components", "schemas"]:
        text = "".join(f".{step}" for step in steps[2:])
        return re.sub(r"\.properties\.", ".", re.sub(r"\.items(?=\.|$)", "[]", text)).lstrip(".")
    if steps[0] == "paths" and len(steps) > 2 and steps[2] in METHODS:
        inner = [
            s for s, before in zip(steps[3:], steps[2:], strict=False) if s not in _STRUCTURE and before != "allOf"
        ]
        return " ".join([steps[2].upper(), steps[1], *inner])
    return " ".join(steps) or "the document"


def place_in(where: str) -> str:
    """Return the part of a place that is inside its component: `prompt`, `shots[].duration`."""
    return readable_place(where).partition(".")[2]


def display(value: Any) -> str:
    """Return a value as short JSON text."""
    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"
