"""Checks of plain arguments, before anything is done with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx2

from apikley.errors import RequestInvalid, Violation


class Check(NamedTuple):
    """What an argument has to be.

    Attributes:
        expected: In words.
        fits: Whether a value is that.
    """

    expected: str
    fits: Callable[[Any], bool]


def _is(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


# A time has an end, since everything ends, and it is one that the system can count to.
SECONDS = Check(
    "a number of seconds from 0 to 1,000,000,000",
    lambda value: _is(value, int, float) and 0 <= value <= 1_000_000_000,
)
COUNT = Check("a whole number, 0 or more", lambda value: _is(value, int) and value >= 0)
INDEX = Check("a whole number", lambda value: _is(value, int))


def demand(check: Check, name: str, value: object) -> None:
    """Refuse an argument that is something else.

    Raises:
        RequestInvalid: It is; nothing was sent.
    """
    if not check.fits(value):
        raise RequestInvalid([Violation(f"/{name}", "type", check.expected, f"{value!r}, expected {check.expected}")])


def is_text(value: str) -> bool:
    """Whether it can be sent: Python's strings may hold half a character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_task_id(value: object) -> bool:
    """Whether it can name a task: text, and not blank."""
    return isinstance(value, str) and bool(value.strip()) and is_text(value)


def is_web_address(url: str) -> bool:
    """Whether it is an http or https URL with a host that can be looked up."""
    try:
        address = httpx2.URL(url)
        # Looking up a name encodes it so, which fails for an empty or overlong label.
        address.raw_host.decode("ascii").encode("idna")
        port = 1 if address.port is None else address.port
        return address.scheme in ("http", "https") and bool(address.host) and 0 < port < 65536
    except (httpx2.InvalidURL, TypeError, ValueError):
        return False
