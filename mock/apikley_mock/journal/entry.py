"""One entry of the journal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return headers as one text. A list would make the garbage collector visit each entry again and again."""
    return b"\n".join([b"%s: %s" % header for header in headers])


class Entry(NamedTuple):
    """One received request, or one sent callback.

    Attributes:
        at: Unix seconds of the simulator's clock.
        kind: `request` or `callback`.
        method: The HTTP method.
        target: The path of a request without its query, or the URL of a callback.
        status: The HTTP status; None without a response.
        code: The code in the envelope, if there was one.
        note: The verdict or the error.
        task_id: The task, if there is one.
        account: The name of the account, if there is one.
        body: The body, cut after 64 KiB.
        warnings: Unknown fields of a createTask request, which the service accepts.
        number: Its number, from 1.
        took: Real seconds from the request to its response.
        query: The query of a request.
        headers: The headers of the request or callback, one a line, without the key.
        response_headers: The headers of the response, one a line.
        response: The body of the response, cut after 64 KiB.
    """

    at: float
    kind: Literal["request", "callback"]
    method: str
    target: str
    status: int | None
    code: int | None = None
    note: str = ""
    task_id: str | None = None
    account: str | None = None
    body: bytes = b""
    warnings: tuple[str, ...] = ()
    number: int = 0
    took: float = 0.0
    query: bytes = b""
    headers: bytes = b""
    response_headers: bytes = b""
    response: bytes = b""

    def json(self) -> Any:
        """Return the parsed body; None if it is not JSON or was cut."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None
