"""What a flow asks its driver to do.

A flow is a generator that holds the whole protocol of one call (validation, retries, envelope,
polling) and does no I/O: it yields an effect and is sent the result, or is thrown `NotSent` or
`Lost`. The sync and the async driver differ only in how they carry out these few effects.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

T = TypeVar("T")
Flow = Generator["Effect", Any, T]


@dataclass(slots=True)
class Send:
    """Send a request of the generated client to the API. Result: an `Answer`.

    Attributes:
        request: Keyword arguments of an httpx request, with the path as `url`.
    """

    request: Mapping[str, Any]


@dataclass(slots=True)
class Fetch:
    """Stream a file into `sink`, without the key, following redirects. Result: a `Fetched`."""

    url: str
    sink: BinaryIO
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Fetched:
    """What became of a `Fetch`; nothing was written unless the status is 2xx."""

    status: int
    headers: Mapping[str, str]


@dataclass(slots=True)
class Sleep:
    """Wait so many seconds."""

    seconds: float


@dataclass(slots=True)
class Tell:
    """Call a function of the user's; the async driver awaits what it returns."""

    function: Callable[[Any], Any]
    argument: Any


Effect = Send | Fetch | Sleep | Tell


class NotSent(Exception):
    """The request certainly never reached a server."""


class Lost(Exception):
    """The request may have reached the server; no whole answer came back."""
