"""Uvicorn's side of a connection, as the simulator needs it: one that can break, and that is bounded."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import socket
import struct
from typing import Any

from apikley_mock.web import responses as answers
from apikley_mock.web.http import LARGEST_HEAD

if importlib.util.find_spec("httptools"):
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Protocol
else:
    from uvicorn.protocols.http.h11_impl import H11Protocol as _Protocol  # type: ignore[assignment]


class Protocol(_Protocol):
    """Uvicorn's, with connections that the simulator can break, and with bounded heads of requests."""

    def connection_made(self, transport: Any) -> None:
        """Hand the means to break the connection to every request on it."""
        gathering = _Gathering(transport)
        super().connection_made(gathering)  # type: ignore[arg-type]
        breaks = {"reset": functools.partial(_reset, transport), "close": gathering.close}
        self.app_state = {**self.app_state, **breaks}
        self._head = 0

    def data_received(self, data: bytes) -> None:
        """Count what comes while a request's head is not complete."""
        super().data_received(data)
        scope: Any = self.scope
        if scope is None or "path" in scope:  # nothing has begun, or its head is complete
            self._head = 0
            return
        self._head += len(data)
        if self._head > 2 * LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response(f"The request's headers are larger than {LARGEST_HEAD:,} bytes")

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP request, in the envelope's words."""
        answer = answers.error(answers.CODES["VALIDATION_FAILED"], msg)
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(answer.body)}"
        self.transport.write(f"{head}\r\nconnection: close\r\n\r\n".encode() + answer.body)
        self.transport.close()


class _Gathering:
    """A transport that sends once in a pass of the loop: an answer's head and its body in one system call."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._gathered: list[bytes] = []
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        if not self._gathered:
            self._loop.call_soon(self._send)
        self._gathered.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._gathered and not self._transport.is_closing():
            self._transport.write(b"".join(self._gathered))
        self._gathered.clear()


def _reset(transport: asyncio.Transport) -> None:
    # Without lingering, the kernel sends a reset in place of an orderly end.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
