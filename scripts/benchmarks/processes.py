"""Starts processes to measure and sends them load: the server runs on one core, the load on another."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from scripts.pipeline.io import ROOT

SERVER_CORE, LOAD_CORE = 0, 1


def run_times(commands: Mapping[str, Sequence[str]], rounds: int, **variables: str) -> dict[str, list[float]]:
    """Run Python with each command line's arguments in turn, several times.

    Args:
        commands: The arguments of each command line, by name.
        rounds: How often to run each.
        variables: Environment variables to set.

    Returns:
        The seconds that each run took, without a first round that fills the caches of files and bytecode.
    """
    times: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        # Otherwise a machine that keeps no bytecode would measure the compiler.
        environment = {**os.environ, **variables, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
        for _ in range(rounds + 1):
            for name, arguments in commands.items():
                start = time.perf_counter()
                subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=True, capture_output=True)
                times[name].append(time.perf_counter() - start)
    return {name: seconds[1:] for name, seconds in times.items()}


@dataclass(frozen=True)
class Load:
    """Requests per second, and microseconds of the server's processor time per request."""

    rate: float
    microseconds: float


def pin(core: int) -> None:
    """Keep this process on one core, if the system can do that."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def python_server(*arguments: str) -> Iterator[tuple[int, str]]:
    """Run a Python server that prints `listening on URL`, on its own core; yields its process id and URL."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: pin(SERVER_CORE)) as process:  # noqa: PLW1509
        try:
            assert process.stdout
            yield process.pid, process.stdout.readline().strip().removeprefix("listening on ")
        finally:
            process.terminate()


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its children so far."""
    spent = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            spent += int((task / "schedstat").read_text().split()[0]) / 1e9
            spent += sum(cpu_seconds(int(child)) for child in (task / "children").read_text().split())
    return spent


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def request(method: str, path: str, api_key: str, body: bytes = b"") -> bytes:
    """Encode an HTTP request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api_key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def send_load(url: str, pid: int, requests: Sequence[bytes], count: int, *, connections: int = 32) -> Load:
    """Send `count` requests, in turn, as fast as the server `pid` responds.

    Raises:
        RuntimeError: A response does not report success.
    """
    host, _, port = url.removeprefix("http://").rpartition(":")
    cpu, start = cpu_seconds(pid), time.perf_counter()
    uvloop.run(_send(host, int(port), requests, count, connections))
    return Load(count / (time.perf_counter() - start), (cpu_seconds(pid) - cpu) / count * 1e6)


async def _send(host: str, port: int, requests: Sequence[bytes], count: int, connections: int) -> None:
    loop = asyncio.get_running_loop()
    run = _Run(requests, count, connections, loop.create_future())
    transports = [(await loop.create_connection(lambda: _Connection(run), host, port))[0] for _ in range(connections)]
    try:
        await run.done
    finally:
        for transport in transports:
            transport.close()


@dataclass
class _Run:
    requests: Sequence[bytes]
    left: int
    open: int
    done: asyncio.Future[None]

    def end(self, error: Exception | None = None) -> None:
        if not self.done.done():
            self.done.set_exception(error) if error else self.done.set_result(None)


class _Connection(asyncio.Protocol):
    """Sends one request after another; understands only responses with a Content-Length."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send_next()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            if not head.startswith(b"HTTP/1.1 200") or not body.replace(b" ", b"").startswith(b'{"code":200'):
                self._run.end(RuntimeError(f"not a success: {self._buffer[:300]!r}"))
            self._buffer = b""
            self._send_next()

    def connection_lost(self, error: Exception | None) -> None:
        self._run.end(error or ConnectionError("the server closed the connection"))

    def _send_next(self) -> None:
        run = self._run
        if run.left > 0:
            run.left -= 1
            self._transport.write(run.requests[run.left % len(run.requests)])  # type: ignore[attr-defined]
        else:
            run.open -= 1
            if not run.open:
                run.end()
