"""A small request and a small response, on any ASGI server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apikley_mock.control.vocabulary import Fault

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_HEAD = 32 * 1024
BODY_TIMEOUT = 60.0  # real seconds
SMALL_BODY = 64 * 1024  # smaller bodies do not count


class DisconnectedError(Exception):
    """The client disconnected before its request was complete."""


class BodyRefusedError(Exception):
    """A body is not read any further."""


class Bodies:
    """The memory of all large bodies that are read and handled at a time.

    Args:
        max_bytes: The maximum number of bytes.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used = 0

    def hold(self, size: int) -> None:
        """Count bytes, until they are released.

        Raises:
            BodyRefusedError: There are too many.
        """
        if self._used + size > self._max_bytes:
            raise BodyRefusedError(f"The simulator holds at most {self._max_bytes:,} bytes of requests at a time")
        self._used += size

    def release(self, size: int) -> None:
        """Forget the bytes of a body, if it is large."""
        if size > SMALL_BODY:
            self._used -= size


class Request:
    """One request.

    Attributes:
        method: The HTTP method.
        path: The decoded path.
        headers: The headers by lower-case name.
        query_string: The query.
        body: The body, once it has been read.
        warnings: Unknown fields of the body.
    """

    __slots__ = ("_scheme", "body", "headers", "method", "path", "query_string", "warnings")

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.query_string: bytes = scope["query_string"]
        self._scheme: str = scope["scheme"]
        self.body = b""
        self.warnings: tuple[str, ...] = ()

    @property
    def base_url(self) -> str:
        """The base URL that the client used; cut, because every task keeps it."""
        return f"{self._scheme}://{self.headers.get(b'host', b'localhost')[:260].decode('latin-1')}"

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query, the last of each name."""
        from urllib.parse import parse_qsl  # noqa: PLC0415 - most requests have none

        try:
            return dict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=100))
        except ValueError:
            return {}

    def head_size(self) -> int:
        """Return the bytes of headers and query."""
        return sum(map(len, self.headers)) + sum(map(len, self.headers.values())) + len(self.query_string)


@dataclass(slots=True)
class Response:
    """One response.

    Attributes:
        status: The HTTP status.
        body: The body.
        content_type: The media type.
        headers: Further headers.
        code: The code in the envelope, if there is one.
        note: The journal's note.
        task_id: The task, if there is one.
        fault: What goes wrong with it, if anything.
    """

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    code: int | None = None
    note: str = ""
    task_id: str | None = None
    fault: Fault | None = None

    def start(self) -> Message:
        """Return the ASGI message that starts the response."""
        headers = [(b"content-type", self.content_type), *self.headers, (b"content-length", b"%d" % len(self.body))]
        return {"type": "http.response.start", "status": self.status, "headers": headers}


def json_response(status: int, value: Any, code: int | None = None, note: str = "") -> Response:
    """Return a JSON response."""
    return Response(status, json.dumps(value, separators=(",", ":")).encode(), code=code, note=note)


async def read(receive: Receive, max_bytes: int, bodies: Bodies | None = None) -> bytes | None:
    """Read the body; returns None if it is larger, and leaves the rest to the server.

    Args:
        receive: Receives the parts of the body.
        max_bytes: The maximum size of the body.
        bodies: Counts a large body, which the caller releases.

    Raises:
        DisconnectedError: The client disconnected.
        BodyRefusedError: The body did not arrive in time, or too many are held.
    """
    task, late = asyncio.current_task(), []

    def expire() -> None:
        late.append(True)
        if task is not None:
            task.cancel()

    # `asyncio.timeout` takes three times as long.
    timer = asyncio.get_running_loop().call_later(BODY_TIMEOUT, expire)
    chunks: list[bytes] = []
    size = held = 0
    whole = False
    try:
        while not whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise DisconnectedError
            chunk = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            if size > max_bytes:
                return None
            if size > SMALL_BODY and bodies is not None:
                bodies.hold(size - held)
                held = size
            whole = not message.get("more_body", False)
        return b"".join(chunks) if len(chunks) > 1 else chunk
    except asyncio.CancelledError:
        if not late or task is None or task.uncancel():
            raise
        raise BodyRefusedError(f"The request body did not arrive within {BODY_TIMEOUT:g} s") from None
    finally:
        timer.cancel()
        if bodies is not None and not whole:
            bodies.release(held)


async def write(response: Response, send: Send) -> None:
    """Send a response."""
    await send(response.start())
    await send({"type": "http.response.body", "body": response.body})
