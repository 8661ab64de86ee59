"""One change between two contracts or two generated clients, and how bad it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Any

from scripts.pipeline.page_shape import METHODS

_SHOWN = 80


class Severity(IntEnum):
    """What a change asks of those who use the API, in the words of semantic versioning.

    MAJOR breaks what worked, or does something else without being asked; MINOR adds; PATCH does neither.
    """

    PATCH = 1
    MINOR = 2
    MAJOR = 3


class Direction(Enum):
    """Who sends the value."""

    REQUEST = "request"
    RESPONSE = "response"

    @property
    def narrowed(self) -> Severity:
        """Fewer values than before."""
        return Severity.MAJOR if self is Direction.REQUEST else Severity.PATCH

    @property
    def widened(self) -> Severity:
        """More values than before."""
        return Severity.MINOR if self is Direction.REQUEST else Severity.MAJOR

    @property
    def reversed(self) -> Direction:
        """The same in a callback, where the service is the caller."""
        return Direction.RESPONSE if self is Direction.REQUEST else Direction.REQUEST


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        severity: How bad it is.
        where: A JSON pointer into the contract, or a Python path.
        what: What changed, in one line.
    """

    severity: Severity
    where: str
    what: str

    def __str__(self) -> str:
        return f"`{place(self.where)}`: {self.what}"


def strongest(changes: Iterable[Change]) -> list[Change]:
    """Each change once, with its highest severity; the worst first, else in the given order."""
    found: dict[tuple[str, str], Change] = {}
    for change in changes:
        before = found.setdefault((change.where, change.what), change)
        if change.severity > before.severity:
            found[change.where, change.what] = replace(before, severity=change.severity)
    return sorted(found.values(), key=lambda change: -change.severity)


def place(where: str) -> str:
    """A JSON pointer as people write it: `Hailuo02ImageToVideoPro.prompt`, `POST /api/v1/… responses 200`."""
    if not where.startswith("#"):
        return where
    steps = [step.replace("~1", "/").replace("~0", "~") for step in where[1:].removeprefix("/").split("/")]
    if steps[:2] == ["components", "schemas"]:
        text = "".join(f".{step}" for step in steps[2:])
        return re.sub(r"\.properties\.", ".", re.sub(r"\.items(?=\.|$)", "[]", text)).lstrip(".")
    if steps[0] == "paths" and len(steps) > 2 and steps[2] in METHODS:
        return " ".join([steps[2].upper(), steps[1], *steps[3:]])
    return " ".join(steps) or "the document"


def shown(value: Any) -> str:
    """A value in one line."""
    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
