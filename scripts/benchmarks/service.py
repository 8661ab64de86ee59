"""A bare HTTP service in a process of its own, so that what is measured is the client."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

# Gets the number of POSTs so far (this one included) and the request line; returns the bytes to
# answer, None to hang up, or a number of seconds to stay silent.
Reply = Callable[[int, bytes], bytes | float | None]

RECORD = {
    "taskId": "task_hailuo_1765185328412",
    "model": "hailuo/02-image-to-video-pro",
    "state": "generating",
    "param": "{}",
    "resultJson": "",
    "failCode": None,
    "failMsg": None,
    "createTime": 1765185328412,
    "updateTime": 1765185340000,
}


def answer(body: Any, status: int = 200, kind: str = "application/json") -> bytes:
    """An HTTP answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


CREATED = answer({"code": 200, "msg": "success", "data": {"taskId": RECORD["taskId"]}})
LOOKED = answer({"code": 200, "msg": "success", "data": RECORD})


class Running:
    """A running service.

    Attributes:
        url: Where it is.
    """

    def __init__(self, url: str, pipe: Connection) -> None:
        self.url = url
        self._pipe = pipe

    def posts(self) -> int:
        """How many POSTs have come."""
        self._pipe.send("posts")
        return int(self._pipe.recv())


@contextmanager
def service(reply: Reply, core: int | None = None) -> Iterator[Running]:
    """A service that answers by `reply`, on a processor of its own where one is named."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(reply, theirs, core), daemon=True)
    process.start()
    try:
        yield Running(f"http://127.0.0.1:{ours.recv()}", ours)
    finally:
        process.terminate()
        process.join()


def _serve(reply: Reply, pipe: Connection, core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})
    asyncio.run(_main(reply, pipe))


async def _main(reply: Reply, pipe: Connection) -> None:
    count = 0

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.buffer = b""

        def data_received(self, data: bytes) -> None:
            nonlocal count
            self.buffer += data
            while b"\r\n\r\n" in self.buffer:
                head, _, rest = self.buffer.partition(b"\r\n\r\n")
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                length = int(lengths[0].partition(b":")[2]) if lengths else 0
                if len(rest) < length:
                    return
                self.buffer = rest[length:]
                count += head.startswith(b"POST")
                said = reply(count, head)
                if isinstance(said, bytes):
                    self.transport.write(said)
                elif said is None:
                    self.transport.abort()

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Protocol, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])

    def asked() -> None:
        pipe.recv()
        pipe.send(count)

    loop.add_reader(pipe.fileno(), asked)
    await server.serve_forever()
