"""Checks of plain arguments."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from apikley.errors import RequestInvalid, Violation


class Constraint(NamedTuple):
    """What an argument must be.

    Attributes:
        expected: The constraint in words.
        accepts: Whether a value satisfies it.
    """

    expected: str
    accepts: Callable[[Any], bool]


def _is(value: object, *types: type) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


# Finite, and small enough for `time.sleep`.
SECONDS = Constraint(
    "a number of seconds from 0 to 1,000,000,000",
    lambda value: _is(value, int, float) and 0 <= value <= 1_000_000_000,
)
COUNT = Constraint("a whole number, 0 or more", lambda value: _is(value, int) and value >= 0)
INDEX = Constraint("a whole number", lambda value: _is(value, int))


def require(constraint: Constraint, name: str, value: object) -> None:
    """Check an argument.

    Raises:
        RequestInvalid: The argument does not satisfy the constraint.
    """
    if not constraint.accepts(value):
        message = f"{value!r}, expected {constraint.expected}"
        raise RequestInvalid([Violation(f"/{name}", "type", constraint.expected, message)])


def is_encodable(value: str) -> bool:
    """Whether UTF-8 can encode the text, which may contain lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_task_id(value: object) -> bool:
    """Whether the value can be a task id: non-blank text that UTF-8 can encode."""
    return isinstance(value, str) and bool(value.strip()) and is_encodable(value)


def is_loopback_url(url: str) -> bool:
    """Whether a URL names this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_http_url(url: object) -> bool:
    """Whether the value is an http or https URL whose host can be looked up."""
    if not isinstance(url, str) or any(character <= " " or character == "\x7f" for character in url):
        return False
    try:
        parts = urlsplit(url)
        port = 1 if parts.port is None else parts.port
        host = parts.hostname or ""
        # Name lookup uses this encoding; it fails for an empty or overlong label.
        host.encode("idna")
        return parts.scheme in ("http", "https") and bool(host) and 0 < port < 65536
    except (ValueError, UnicodeError):
        return False
