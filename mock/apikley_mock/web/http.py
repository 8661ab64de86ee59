"""HTTP as the simulator sees it: a small request and a small answer, on any ASGI server."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apikley_mock.web.faults import Fault

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_HEAD = 32 * 1024
_JSON = b"application/json"


class ClientGoneError(Exception):
    """The client went away before its request was complete."""


class Request:
    """One request.

    Attributes:
        method: The HTTP method.
        path: The path, decoded.
        headers: The headers by name, in lower case.
        query_string: What follows the question mark.
        body: What was sent, once it has been read.
    """

    __slots__ = ("_scheme", "body", "headers", "method", "path", "query_string")

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.query_string: bytes = scope["query_string"]
        self._scheme: str = scope["scheme"]
        self.body = b""

    @property
    def base_url(self) -> str:
        """Where the client reaches the simulator; every task keeps it, and no host's name is longer."""
        return f"{self._scheme}://{self.headers.get(b'host', b'localhost')[:260].decode('latin-1')}"

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, the last of each name."""
        from urllib.parse import parse_qsl  # noqa: PLC0415 - most requests have none

        try:
            return dict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=100))
        except ValueError:
            return {}

    def head_size(self) -> int:
        """Bytes of the headers, and of what was asked for."""
        return sum(map(len, self.headers)) + sum(map(len, self.headers.values())) + len(self.query_string)


class Answer:
    """One answer.

    Attributes:
        status: The HTTP status.
        body: What is sent.
        headers: The headers beside the content's length.
        code: The code in the envelope, if there is one.
        note: What the journal says about it.
        task_id: The task that it is about, if any.
        fault: What goes wrong with it, if anything.
    """

    __slots__ = ("body", "code", "fault", "headers", "note", "status", "task_id")

    def __init__(self, status: int, body: bytes, content_type: bytes = _JSON) -> None:
        self.status = status
        self.body = body
        self.headers = [(b"content-type", content_type)]
        self.code: int | None = None
        self.note = ""
        self.task_id: str | None = None
        self.fault: Fault | None = None


def json_answer(status: int, value: Any) -> Answer:
    """An answer in JSON."""
    return Answer(status, json.dumps(value, separators=(",", ":")).encode())


async def read(receive: Receive, largest: int) -> bytes | None:
    """The body, or None where it is larger; the rest of it is then left to the server to drop.

    Raises:
        ClientGoneError: The client went away.
    """
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > largest:
            return None
        if not message.get("more_body", False):
            return b"".join([*chunks, chunk]) if chunks else chunk
        chunks.append(chunk)


async def write(answer: Answer, send: Send) -> None:
    """Send an answer."""
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
