"""The effects that a flow asks its driver to carry out.

A flow is a generator that holds the protocol of one call: validation, retries, polling. It does no network
I/O. It yields an effect and receives the result, or the exception, of that effect. The sync and the async
driver differ only in how they carry out these effects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Flow = Generator["Effect", Any, T]
# Writes one chunk of a file. The async driver awaits what it returns.
ChunkWriter = Callable[[bytes], Awaitable[object] | None]
BeforeSend = Callable[[], Awaitable[Any] | Any]


class Envelope(NamedTuple):
    """The JSON around a response's data."""

    code: int
    message: str
    data: Any
    raw: dict[str, Any]


class Response(NamedTuple):
    """A complete response, with its envelope if the body has one."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    envelope: Envelope | None


@dataclass(slots=True)
class Request:
    """A request to the API. The driver adds the base URL, the key and the user agent.

    Attributes:
        method: The HTTP method.
        path: The path below the base URL.
        params: The query.
        content: A JSON body, encoded.
        files: The parts of a multipart body.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    files: list[tuple[str, Any]] | None = None


@dataclass(slots=True)
class SendRequest:
    """Send a request to the API. Result: a `Response`.

    Attributes:
        request: The request.
        timeout: Seconds for the whole exchange, if less than the client allows.
        fresh: Whether it needs a connection that has carried no other request.
        before_send: Called when the connection is open, before the first byte is written. The async driver awaits
            what it returns. An exception cancels the request.
        written: Set by the driver: whether a byte of the request may have been written.
        raised: Set by the driver: what `before_send` has raised.
    """

    request: Request
    timeout: float | None = None
    fresh: bool = False
    before_send: BeforeSend | None = None
    written: bool = False
    raised: Exception | None = None


@dataclass(slots=True)
class StreamFile:
    """Stream a file without the key, following redirects. Result: the HTTP status.

    Attributes:
        url: The file's URL.
        headers: Headers to send.
        begin: Called with status and headers before the body. Returns the writer of the chunks, or None to
            discard the body.
        timeout: Seconds for the whole exchange.
        written: Set by the driver: whether a byte of the request may have been written.
        raised: Set by the driver: what `begin` or the writer has raised.
    """

    url: str
    headers: Mapping[str, str]
    begin: Callable[[int, Mapping[str, str]], ChunkWriter | None]
    timeout: float | None = None
    written: bool = False
    raised: Exception | None = None


@dataclass(slots=True)
class Sleep:
    """Sleep for some seconds."""

    seconds: float


@dataclass(slots=True)
class CallUser:
    """Call a function of the user. The async driver awaits what it returns."""

    function: Callable[[Any], Any]
    argument: Any


@dataclass(slots=True)
class YieldItem:
    """Yield a value to the user's loop."""

    value: Any


Effect = SendRequest | StreamFile | Sleep | CallUser | YieldItem


class NoResponse(Exception):
    """A request got no complete response.

    Attributes:
        is_transient: Whether the same request may succeed in a moment.
    """

    is_transient = True


class NotSent(NoResponse):
    """The request never reached a server."""


class Lost(NoResponse):
    """The request may have reached the server, but no complete response came back."""
