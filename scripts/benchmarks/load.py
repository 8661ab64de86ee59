"""Processes to measure, and load to measure them under: one core for the server, one for the load."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

SERVER_CORE, LOAD_CORE = 0, 1


@dataclass(frozen=True)
class Load:
    """What a server was under.

    Attributes:
        requests: How many were answered.
        seconds: How long that took.
        cpu: Processor seconds that the server used for it.
        sizes: How many bytes each distinct answer's first line had, to see that all were alike.
    """

    requests: int
    seconds: float
    cpu: float
    sizes: frozenset[bytes]

    @property
    def microseconds(self) -> float:
        """Processor time per request."""
        return self.cpu / self.requests * 1e6

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def pin(core: int) -> None:
    """Keep this process on one core, where the machine has several and lets us choose."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def python_server(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A Python process that prints `listening on URL`, on the server's core; its URL beside it."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: pin(SERVER_CORE)) as process:  # noqa: PLW1509
        try:
            assert process.stdout
            yield process, process.stdout.readline().strip().removeprefix("listening on ")
        finally:
            process.terminate()


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and all that it started, so far."""
    spent = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            spent += int((task / "schedstat").read_text().split()[0]) / 1e9
            spent += sum(cpu_seconds(int(child)) for child in (task / "children").read_text().split())
    return spent


def megabytes(pid: int) -> float:
    """Resident memory of a process."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    """One request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def load(url: str, pid: int, requests: Sequence[bytes], count: int, *, connections: int = 32) -> Load:
    """Send requests, over and over, as fast as they are answered.

    Args:
        url: The server.
        pid: Its process, whose processor time is counted.
        requests: What to send, in turn.
        count: How many in all.
        connections: How many at once.
    """
    host, _, port = url.removeprefix("http://").rpartition(":")
    before, start = cpu_seconds(pid), time.perf_counter()
    lines = uvloop.run(_send(host, int(port), requests, count, connections))
    return Load(count, time.perf_counter() - start, cpu_seconds(pid) - before, frozenset(lines))


async def _send(host: str, port: int, requests: Sequence[bytes], count: int, connections: int) -> set[bytes]:
    loop = asyncio.get_running_loop()
    run = _Run(requests, count, connections, loop.create_future())
    transports = [(await loop.create_connection(lambda: _Connection(run), host, port))[0] for _ in range(connections)]
    await run.done
    for transport in transports:
        transport.close()
    return run.lines


class _Run:
    def __init__(self, requests: Sequence[bytes], count: int, open_: int, done: asyncio.Future[None]) -> None:
        self.requests, self.left, self.open, self.done = requests, count, open_, done
        self.lines: set[bytes] = set()


class _Connection(asyncio.Protocol):
    """Sends one request after another; knows just enough HTTP for answers with a length."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._run.lines.add(head.partition(b"\r\n")[0] + b" " + body[:11])
            self._buffer = b""
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._run.done.done():
            self._run.done.set_exception(error or ConnectionError("the server closed the connection"))

    def _next(self) -> None:
        run = self._run
        if run.left > 0:
            run.left -= 1
            self._transport.write(run.requests[run.left % len(run.requests)])  # type: ignore[attr-defined]
        else:
            run.open -= 1
            if not run.open:
                run.done.set_result(None)
