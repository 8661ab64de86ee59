"""The simulator: what a create costs beside Prism and bare uvicorn, memory, readiness, callbacks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx2

import apikley_contract
from scripts.benchmarks.load import LOAD_CORE, SERVER_CORE, Load, load, megabytes, pin, python_server, request
from scripts.benchmarks.table import Row
from scripts.pipeline import node, prism
from scripts.pipeline.io import ROOT
from scripts.pipeline.issues import SpecError

KEY = "bench-key"
ROUNDS, REQUESTS = 7, 6_000
LONG = ("--durations", "0,0,3600")
CREATE, LOOK = (apikley_contract.operation(name) for name in ("createTask", "getTaskDetails"))
BARE = """
import uvicorn
from apikley_mock.web.server import bind, url_of

BODY = b'{"code":200,"msg":"success","data":{"taskId":"task_hailuo_1765185328412"}}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})

bound = bind("127.0.0.1", 0)
print("listening on", url_of(bound), flush=True)
config = uvicorn.Config(app, http="httptools", loop="uvloop", lifespan="off", access_log=False, log_level="critical")
uvicorn.Server(config).run([bound])
"""


def run() -> list[Row]:
    """Measure."""
    pin(LOAD_CORE)
    return [*_creates(), _ready(), *_many(), _callbacks(), _virtual()]


def example() -> dict[str, Any]:
    """The published page's example request, without a callback."""
    content = CREATE.description["requestBody"]["content"]["application/json"]
    (found,) = content["examples"].values()
    return {name: value for name, value in found["value"].items() if name != "callBackUrl"}


def _create(**more: str) -> bytes:
    return request("POST", CREATE.path, KEY, json.dumps({**example(), **more}).encode())


def _simulator(*options: str) -> Any:
    return python_server("-m", "apikley_mock", "serve", "--port", "0", "--api-key", KEY, *options)


@contextlib.contextmanager
def _prism(*options: str) -> Iterator[tuple[int, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pin(SERVER_CORE)  # what is started now stays there
    node.install()
    command = node.tool("prism", "mock", str(prism.CONTRACT), "--port", str(port), *options)
    started = subprocess.Popen(
        command, cwd=ROOT, env=node.environment(), start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        pin(LOAD_CORE)
        url = f"http://127.0.0.1:{port}"
        for _ in range(400):
            with contextlib.suppress(httpx2.ConnectError):
                httpx2.get(f"{url}/api/v1/chat/credit", timeout=20)
                break
            time.sleep(0.1)
        yield started.pid, url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM)
        started.wait()


def _creates() -> list[Row]:
    """Rounds interleaved, so that what else the machine does falls on all alike."""
    runs: dict[str, list[Load]] = {"simulator": [], "bare": [], "quiet": [], "default": []}
    with contextlib.ExitStack() as stack:
        ours, url = stack.enter_context(_simulator(*LONG))
        bare, bare_url = stack.enter_context(python_server("-c", BARE))
        servers = {"simulator": (ours.pid, url, REQUESTS), "bare": (bare.pid, bare_url, REQUESTS)}
        try:
            servers["quiet"] = (*stack.enter_context(_prism("-v", "error")), REQUESTS // 6)
            servers["default"] = (*stack.enter_context(_prism()), REQUESTS // 6)
        except SpecError as error:
            return [Row("CPU per create against Prism", f"not measured: {error}", "", None)]
        for _ in range(ROUNDS + 1):
            for name, (pid, address, count) in servers.items():
                runs[name].append(load(address, pid, [_create()], count))
        made = httpx2.get(f"{url}/__mock__/state").json()["tasks"]
    assert made == REQUESTS * (ROUNDS + 1), "every request was accepted and made a task"
    # The first round warms up. What else the machine does falls on a whole round: so ratios are taken within each.
    rounds = [dict(zip(runs, each, strict=True)) for each in list(zip(*runs.values(), strict=True))[1:]]
    cpu = {name: statistics.median(each[name].microseconds for each in rounds) for name in runs}
    rate = {name: statistics.median(each[name].rate for each in rounds) for name in runs}
    to_prism = statistics.median(each["quiet"].microseconds / each["simulator"].microseconds for each in rounds)
    to_bare = statistics.median(each["simulator"].microseconds / each["bare"].microseconds for each in rounds)
    faster = statistics.median(each["simulator"].rate / each["default"].rate for each in rounds)
    return [
        Row(
            "CPU per create, against Prism -v error",
            f"1/{to_prism:.1f} ({cpu['simulator']:.0f} us to {cpu['quiet']:.0f} us)",
            "at most 1/5",
            to_prism >= 5,
        ),
        Row(
            "CPU per create, against bare uvicorn",
            f"{to_bare:.2f} times ({cpu['bare']:.0f} us)",
            "at most 2.5 times",
            to_bare <= 2.5,
        ),
        Row(
            "requests per second, against Prism with default logging",
            f"{faster:.1f} times ({rate['simulator']:,.0f} to {rate['default']:,.0f})",
            "at least 12 times",
            faster >= 12,
        ),
    ]


def _ready() -> Row:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        with _simulator() as (_, url):
            httpx2.get(f"{url}/nope")
            times.append(time.perf_counter() - start)
    took = statistics.median(times)
    return Row("ready to answer", f"{took:.2f} s", "under 0.5 s", took < 0.5)


def _many() -> list[Row]:
    with _simulator(*LONG) as (process, url):
        few = _create_and_poll(process.pid, url, 1_000)
        many = _create_and_poll(process.pid, url, 100_000)
        memory = megabytes(process.pid)
    rows = [Row("memory with 100,000 tasks in flight", f"{memory:.0f} MB", "under 300 MB", memory < 300)]
    for name, before, after in zip(("create", "poll"), few, many, strict=True):
        ratio = after / before
        text = f"{ratio:.2f} times ({before:.0f} to {after:.0f} us)"
        rows.append(Row(f"CPU per {name} with 100,000 tasks, against 1,000", text, "at most 1.3 times", ratio <= 1.3))
    return rows


def _create_and_poll(pid: int, url: str, tasks: int) -> tuple[float, float]:
    """Processor time per create and per poll beside so many tasks: medians of five."""
    creates, polls = [], []
    present = httpx2.get(f"{url}/__mock__/state").json()["tasks"]
    load(url, pid, [_create()], tasks - present)
    ids = [task["id"] for task in httpx2.get(f"{url}/__mock__/tasks", params={"limit": 1000}).json()]
    looks = [request("GET", f"{LOOK.path}?taskId={task_id}", KEY) for task_id in ids]
    for _ in range(5):
        polls.append(load(url, pid, looks, 2_000).microseconds)
        creates.append(load(url, pid, [_create()], 1_000).microseconds)
    return statistics.median(creates), statistics.median(polls)


class _Receiver(asyncio.Protocol):
    """Answers every request with HTTP 200, and counts them all together in `count`."""

    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, body = self._buffer.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(body) < length:
                return
            self._buffer = body[length:]
            _Receiver.count += 1
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")  # type: ignore[attr-defined]


def _called_back(count: int, durations: str) -> tuple[float, float]:
    """Seconds from the first create, and from the end of the tasks, until so many callbacks came."""
    options = ("--virtual-clock", "--durations", durations, "--webhook-key", "bench")

    async def measure(process: Any, url: str) -> tuple[float, float]:
        _Receiver.count = 0
        server = await asyncio.get_running_loop().create_server(_Receiver, "127.0.0.1", 0)
        callback = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callback"
        start = time.perf_counter()
        await asyncio.to_thread(load, url, process.pid, [_create(callBackUrl=callback)], count)
        created = time.perf_counter()
        async with httpx2.AsyncClient(timeout=60) as client:
            await client.post(f"{url}/__mock__/advance", json={"seconds": 330})
        ended = time.perf_counter()
        assert _Receiver.count == count, f"{_Receiver.count} of {count} callbacks came"
        server.close()
        return ended - start, ended - created

    with _simulator(*options) as (process, url):
        # The first call loads the client's library.
        httpx2.post(f"{url}/__mock__/advance", json={"seconds": 0})
        return asyncio.run(measure(process, url))


def _callbacks() -> Row:
    count = 5_000
    _, seconds = _called_back(count, "0,0,300")
    rate = count / seconds
    return Row("callbacks to one loopback receiver", f"{rate:,.0f} per s", "at least 1,000 per s", rate >= 1000)


def _virtual() -> Row:
    seconds, _ = _called_back(1_000, "0,0,270-330")
    text = f"{seconds:.2f} s"
    return Row("1,000 jobs of about five minutes with callbacks, virtual clock", text, "under 5 s", seconds < 5)
