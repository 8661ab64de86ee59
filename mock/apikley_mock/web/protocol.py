"""Uvicorn's HTTP protocol with connections that can break, and with a limit for request heads."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import socket
import struct
from typing import Any

from apikley_mock.web import responses
from apikley_mock.web.http import MAX_HEAD

if importlib.util.find_spec("httptools"):
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Protocol
else:
    from uvicorn.protocols.http.h11_impl import H11Protocol as _Protocol  # type: ignore[assignment]


class Protocol(_Protocol):
    """Uvicorn's protocol; see the module."""

    def connection_made(self, transport: Any) -> None:
        """Give every request the functions that break its connection."""
        batching = _BatchingTransport(transport)
        super().connection_made(batching)  # type: ignore[arg-type]
        breaks = {"reset": functools.partial(_reset, transport), "close": batching.close}
        self.app_state = {**self.app_state, **breaks}
        self._head = 0

    def data_received(self, data: bytes) -> None:
        """Count the bytes of an incomplete request head."""
        super().data_received(data)
        scope: Any = self.scope
        if scope is None or "path" in scope:  # between requests, or the head is complete
            self._head = 0
            return
        self._head += len(data)
        if self._head > 2 * MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(f"The request's headers are larger than {MAX_HEAD:,} bytes")

    def send_400_response(self, msg: str) -> None:
        """Respond to a malformed request with an envelope."""
        response = responses.error(responses.CODES["VALIDATION_FAILED"], msg)
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(response.body)}"
        self.transport.write(f"{head}\r\nconnection: close\r\n\r\n".encode() + response.body)
        self.transport.close()


class _BatchingTransport:
    """Sends once in a pass of the loop: the head and the body of a response in one system call."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._pending: list[bytes] = []
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        if not self._pending:
            self._loop.call_soon(self._send)
        self._pending.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._pending and not self._transport.is_closing():
            self._transport.write(b"".join(self._pending))
        self._pending.clear()


def _reset(transport: asyncio.Transport) -> None:
    # With a linger time of 0, the kernel sends a reset.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
