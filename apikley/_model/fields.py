"""Read single values of a JSON document, whatever their type.

Nothing here raises: a missing value or a value of another type reads as None. Standard library only, so
that a callback can be parsed without the network stack.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import isfinite
from typing import Any, TypeGuard


def text(value: object) -> str | None:
    """Return a non-empty string, or a finite number as a string, else None."""
    if isinstance(value, str):
        return value or None
    return str(value) if is_number(value) and isfinite(value) else None


def number(value: object) -> float | int | None:
    """Return a finite number, also one written as a string, else None."""
    try:
        if isinstance(value, str):
            value = int(value) if value.isascii() and value.isdigit() else float(value)
        return value if is_number(value) and isfinite(value) else None
    except (ValueError, OverflowError):
        return None


def timestamp(value: object) -> datetime | None:
    """Return Unix milliseconds as an aware datetime in UTC, else None."""
    milliseconds = number(value)
    if not milliseconds:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_number(value: object) -> TypeGuard[float | int]:
    """Whether the value is an int or a float, but not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_digits(value: str) -> bool:
    """Whether `int` can read the text; `str.isdigit` alone also accepts `²`."""
    return value.isascii() and value.isdigit()


def json_object(value: object) -> dict[str, Any] | None:
    """Return an object, also one encoded as JSON text once or twice, else None."""
    for _ in range(2):
        if not isinstance(value, str):
            break
        value = parse_json(value)
    return value if isinstance(value, dict) else None


def parse_json(value: str | bytes) -> Any:
    """Parse JSON; return None if the text is not JSON."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
