"""Reads a response's body, bounded in size and time, and parses its envelope."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic

import httpx2

from apikley._flows.effects import Envelope, Lost, Response, SendRequest
from apikley._http.connection import Connection
from apikley._model.fields import parse_json, text
from apikley._model.gzip_stream import GzipStream, gzip_stream

MAX_BODY = 16 * 1024 * 1024
_MAX_CODE_DIGITS = 9
_NOT_GZIP = "the response is not compressed as it says"
_log = logging.getLogger("apikley")


class BodyReader:
    """Collects the body of one response.

    Args:
        connection: The client's connection.
        effect: The request.

    Attributes:
        deadline: The deadline of the exchange.
    """

    def __init__(self, connection: Connection, effect: SendRequest) -> None:
        self.deadline = connection.deadline(effect.timeout)
        self._connection = connection
        self._request = effect.request
        self._start = monotonic()
        self._gzip: GzipStream | None = None
        self._chunks: list[bytes] = []
        self._size = 0

    def begin(self, response: httpx2.Response) -> None:
        """Start the time of the body's section.

        One layer of gzip is unpacked. A body in another encoding stays as it is, so it has no envelope.
        """
        self.deadline.start_section()
        self._gzip = gzip_stream(response_headers(response).get("content-encoding", ""))

    def add(self, chunk: bytes) -> None:
        """Add a chunk.

        Raises:
            Lost: The body is too large, takes too long, or is not compressed as it says.
        """
        try:
            for piece in [chunk] if self._gzip is None else self._gzip.unpack(chunk):
                self._add(piece)
        except zlib.error as error:
            raise Lost(_NOT_GZIP) from error

    def end(self) -> None:
        """Check that the body is complete.

        Raises:
            Lost: The gzip stream is cut.
        """
        try:
            if self._gzip is not None and self._size:
                self._gzip.end()
        except zlib.error as error:
            raise Lost(_NOT_GZIP) from error

    def _add(self, piece: bytes) -> None:
        self._chunks.append(piece)
        self._size += len(piece)
        if self._size > MAX_BODY:
            raise Lost(f"the response is larger than {MAX_BODY:,} bytes")
        if self.deadline.remaining() < 0:
            raise Lost("the response did not end in time")

    def of_hook(self, response: httpx2.Response) -> Response:
        """Return a response that a response hook has refused; its body is empty unless the hook has read it."""
        with suppress(httpx2.ResponseNotRead):
            self._chunks = [response.content]
        return self.response(response.status_code, response.headers)

    def response(self, status: int, headers: Mapping[str, str]) -> Response:
        """Return the complete response, with the key redacted."""
        if _log.isEnabledFor(logging.DEBUG):
            milliseconds = (monotonic() - self._start) * 1000
            method, path = self._request.method, self._request.path
            _log.debug("%s %s: HTTP %d, %d bytes in %.0f ms", method, path, status, self._size, milliseconds)
        redacted = self._connection.redact(Response(status, headers, b"".join(self._chunks), None))
        return redacted._replace(envelope=parse_envelope(redacted.body))


def response_headers(response: httpx2.Response) -> Mapping[str, str]:
    """Return a response's headers; of a body that was read already, such as a mock's, without its encoding."""
    if not response.is_stream_consumed:
        return response.headers
    return {name: value for name, value in response.headers.items() if name != "content-encoding"}


def parse_envelope(body: bytes) -> Envelope | None:
    """Return the envelope of a body, or None if the body has none."""
    document = parse_json(body)
    if not isinstance(document, dict):
        return None
    code = _code(document.get("code"))
    if code is None:
        return None
    message = text(document.get("msg")) or text(document.get("message")) or ""
    return Envelope(code, message, document.get("data"), document)


def _code(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_CODE_DIGITS:
        return int(value)
    return None
