"""What a flow asks its driver to do.

A flow is a generator that holds the whole protocol of one call (validation, retries, envelope,
polling) and does no I/O of its own on the network: it yields an effect and is sent the result, or is
thrown what went wrong. The drivers differ only in how they carry out these few effects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
Flow = Generator["Effect", Any, T]
# Takes a piece of a file. What it returns, the async driver awaits.
Take = Callable[[bytes], Awaitable[object] | None]


@dataclass(slots=True)
class Send:
    """Send a request of the generated client to the API. Result: an `Answer`.

    Attributes:
        request: Keyword arguments of an httpx2 request, with the path as `url`.
        timeout: Seconds for the whole of it, where it has less than the client allows.
    """

    request: Mapping[str, Any]
    timeout: float | None = None


@dataclass(slots=True)
class Fetch:
    """Stream a file, without the key, following redirects. Result: the HTTP status.

    Attributes:
        url: Where the file is.
        headers: Headers to send.
        begin: Called with the status and the headers before the body; returns what takes each piece
            of it, or None if the body is not wanted.
        timeout: Seconds for all of it.
    """

    url: str
    headers: Mapping[str, str]
    begin: Callable[[int, Mapping[str, str]], Take | None]
    timeout: float | None = None


@dataclass(slots=True)
class Sleep:
    """Wait so many seconds."""

    seconds: float


@dataclass(slots=True)
class Tell:
    """Call a function of the user's; the async driver awaits what it returns."""

    function: Callable[[Any], Any]
    argument: Any


@dataclass(slots=True)
class Emit:
    """Hand a value to the user's loop, and go on when it asks for the next."""

    value: Any


Effect = Send | Fetch | Sleep | Tell | Emit


class NotSent(Exception):
    """The request certainly never reached a server."""


class Lost(Exception):
    """The request may have reached the server; no whole answer came back."""
