"""Reads what recordInfo and the callback say of a task, in every form it has been seen in.

Nothing here raises: a field that is missing or of another type than documented reads as absent. The
names are the contract's; a test holds the two together. Standard library only, so that a callback
can be read without the network stack.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, TypeGuard


def text(value: object) -> str | None:
    """A string, or a number as a string; None for anything else, and for the empty string."""
    if isinstance(value, str):
        return value or None
    return str(value) if is_number(value) else None


def number(value: object) -> float | int | None:
    """A number, or one written as a string; None for what no float can hold."""
    try:
        if isinstance(value, str):
            value = int(value) if value.isascii() and value.isdigit() else float(value)
        return value if is_number(value) and isfinite(value) else None
    except (ValueError, OverflowError):
        return None


def moment(value: object) -> datetime | None:
    """Unix milliseconds as an aware datetime in UTC."""
    milliseconds = number(value)
    if not milliseconds:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_number(value: object) -> TypeGuard[float | int]:
    """An int or a float, but no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_digits(value: str) -> bool:
    """Whether it is a number that `int` reads: `isdigit` alone is true of `²`, too."""
    return value.isascii() and value.isdigit()


def nested(value: object) -> dict[str, Any] | None:
    """An object, or one written as JSON text, once or twice."""
    for _ in range(2):
        if not isinstance(value, str):
            break
        value = parsed(value)
    return value if isinstance(value, dict) else None


def parsed(value: str | bytes) -> Any:
    """JSON, or None where it is none."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


class TaskFields:
    """The fields of a task, over its record as it came."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record

    @property
    def raw(self) -> dict[str, Any]:
        """The record as it came."""
        return dict(self._record)

    @property
    def model(self) -> str | None:
        """The model that was asked for."""
        return text(self._record.get("model"))

    @property
    def result_urls(self) -> list[str]:
        """Where the results are; empty before success."""
        result = nested(self._record.get("resultJson")) or {}
        urls = result.get("resultUrls")
        return [url for url in urls if isinstance(url, str)] if isinstance(urls, list) else []

    @property
    def fail_code(self) -> str | None:
        """Why the task failed: a number or a word, as text."""
        return text(self._record.get("failCode"))

    @property
    def fail_message(self) -> str | None:
        """The same in words."""
        return text(self._record.get("failMsg"))

    @property
    def credits(self) -> float | int | None:
        """What the task cost, where the service says so."""
        cost = number(self._record.get("creditsConsumed"))
        return number(self._record.get("consumeCredits")) if cost is None else cost

    @property
    def created_at(self) -> datetime | None:
        """When the task was created (aware, UTC)."""
        return moment(self._record.get("createTime"))

    @property
    def completed_at(self) -> datetime | None:
        """When the task ended (aware, UTC)."""
        return moment(self._record.get("completeTime"))

    @property
    def duration(self) -> timedelta | None:
        """From creation to end. Not from costTime, whose unit differs from form to form."""
        start, end = self.created_at, self.completed_at
        return end - start if start and end and end >= start else None

    @property
    def request(self) -> dict[str, Any] | None:
        """The createTask request that the service remembers, its input parsed too."""
        request = nested(self._record.get("param"))
        if request is not None and isinstance(request.get("input"), str):
            request["input"] = nested(request["input"]) or request["input"]
        return request
