"""A minimal HTTP server in its own process, so that measurements do not include it."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from scripts.benchmarks.processes import SERVER_CORE, pin

# Gets the number of POSTs so far, this one included. Returns the response, or None to close the connection, or
# SILENT to send nothing.
Respond = Callable[[int], bytes | None]
SILENT = b""


def response(body: Any, status: int = 200, content_type: str = "application/json") -> bytes:
    """Encode an HTTP response; a body that is not bytes becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


_TASK = {"taskId": "task_hailuo_1765185328412"}
_RECORD = {**_TASK, "model": "hailuo/02-image-to-video-pro", "state": "generating", "createTime": 1765185328412}
CREATED = response({"code": 200, "msg": "success", "data": _TASK})
POLLED = response({"code": 200, "msg": "success", "data": _RECORD})


@dataclass(frozen=True)
class FakeService:
    """A running service."""

    url: str
    pipe: Connection

    def count_posts(self) -> int:
        """The number of POSTs so far."""
        self.pipe.send("count")
        return int(self.pipe.recv())


@contextmanager
def fake_service(respond: Respond, core: int = SERVER_CORE) -> Iterator[FakeService]:
    """Run a service whose responses come from `respond`, on one core."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(respond, theirs, core), daemon=True)
    process.start()
    try:
        yield FakeService(f"http://127.0.0.1:{ours.recv()}", ours)
    finally:
        process.terminate()
        process.join()


def _serve(respond: Respond, pipe: Connection, core: int) -> None:
    pin(core)
    posts = 0

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.buffer = b""

        def data_received(self, data: bytes) -> None:
            nonlocal posts
            self.buffer += data
            while b"\r\n\r\n" in self.buffer:
                head, _, rest = self.buffer.partition(b"\r\n\r\n")
                _, found, value = head.lower().partition(b"\r\ncontent-length:")
                length = int(value.partition(b"\r\n")[0]) if found else 0
                if len(rest) < length:
                    return
                self.buffer = rest[length:]
                posts += head.startswith(b"POST")
                sent = respond(posts)
                if sent is None:
                    self.transport.abort()
                else:
                    self.transport.write(sent)

    def send_count() -> None:
        pipe.recv()
        pipe.send(posts)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Protocol, "127.0.0.1", 0)
        loop.add_reader(pipe.fileno(), send_count)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())
