"""The simulator: processor time per create against Prism and bare uvicorn, start, memory and callbacks."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from math import inf

import httpx2

import apikley_contract
from contract_tests.conftest import free_port, published_example
from scripts.benchmarks import processes
from scripts.benchmarks.fake_service import fake_service, response
from scripts.benchmarks.processes import LOAD_CORE, SERVER_CORE, Load, pin, python_server, request, send_load
from scripts.benchmarks.table import Row
from scripts.pipeline import prism
from scripts.pipeline.issues import SpecError

API_KEY = "bench-key"
ROUNDS, REQUESTS = 7, 6_000
START_ROUNDS = 9
FEW_TASKS, MANY_TASKS = 1_000, 100_000
CALLBACKS, JOBS = 5_000, 1_000
_VALUES = {"us": "microseconds", "per s": "rate"}
LONG = ("--durations", "0,0,3600")
CREATE, POLL = (apikley_contract.operation(name) for name in ("createTask", "getTaskDetails"))
BARE_UVICORN = """
import socket, uvicorn

BODY = b'{"code":200,"msg":"success","data":{"taskId":"task_hailuo_1765185328412"}}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})

bound = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(f"listening on http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
config = uvicorn.Config(app, http="httptools", loop="uvloop", lifespan="off", access_log=False, log_level="critical")
uvicorn.Server(config).run([bound])
"""


def run() -> list[Row]:
    """Measure."""
    pin(LOAD_CORE)
    return [*_creates(), _start(), *_many_tasks(), *_callbacks()]


def _create_request(**changes: str) -> bytes:
    body = {name: value for name, value in published_example().items() if name != "callBackUrl"}
    return request("POST", CREATE.path, API_KEY, json.dumps({**body, **changes}).encode())


def _simulator(*options: str) -> contextlib.AbstractContextManager[tuple[int, str]]:
    return python_server("-m", "apikley_mock", "serve", "--quiet", "--port", "0", "--api-key", API_KEY, *options)


@contextlib.contextmanager
def _prism(*options: str) -> Iterator[tuple[int, str]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    pin(SERVER_CORE)  # Prism inherits this
    with prism.running("--port", str(port), *options, stdout=subprocess.DEVNULL) as process:
        pin(LOAD_CORE)
        while process.poll() is None:
            with contextlib.suppress(httpx2.ConnectError):
                httpx2.get(f"{url}/api/v1/chat/credit", timeout=600)
                break
            time.sleep(0.1)
        yield process.pid, url


def _creates() -> list[Row]:
    """Load the servers in turn, because other work on the machine then slows all of them alike."""
    with contextlib.ExitStack() as stack:
        servers = {
            "simulator": (*stack.enter_context(_simulator(*LONG)), REQUESTS),
            "uvicorn": (*stack.enter_context(python_server("-c", BARE_UVICORN)), REQUESTS),
        }
        try:
            servers["quiet"] = (*stack.enter_context(_prism("-v", "error")), REQUESTS // 6)
            servers["default"] = (*stack.enter_context(_prism()), REQUESTS // 6)
        except SpecError as error:
            return [Row("CPU per create", f"not measured: {error}")]
        rounds = [
            {name: send_load(url, pid, [_create_request()], count) for name, (pid, url, count) in servers.items()}
            for _ in range(ROUNDS + 1)
        ][1:]  # the first round warms up
    return [
        _compare(rounds, "CPU per create", "us", "quiet", "Prism -v error", most=1 / 5),
        _compare(rounds, "CPU per create", "us", "uvicorn", "uvicorn with a fixed response", most=2.5),
        _compare(rounds, "creates per second", "per s", "default", "Prism with its default log", least=12),
    ]


def _compare(
    rounds: list[dict[str, Load]], what: str, unit: str, other: str, label: str, most: float = inf, least: float = 0
) -> Row:
    pairs = [[getattr(each[name], _VALUES[unit]) for name in ("simulator", other)] for each in rounds]
    ours, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    bar = f">= {least:g}x" if least else f"<= {most:g}x"
    baseline = f"{label}: {theirs:,.0f} {unit}"
    return Row(what, f"{ours:,.0f} {unit}", baseline, f"{ratio:.2f}x", bar, least <= ratio <= most)


def _start() -> Row:
    times = []
    for _ in range(START_ROUNDS):
        start = time.perf_counter()
        with _simulator() as (_, url):
            httpx2.get(f"{url}/nope")
            times.append(time.perf_counter() - start)
    seconds = statistics.median(times)
    return Row("start to first response", f"{seconds:.2f} s", bar="< 0.5 s", reached=seconds < 0.5)


def _many_tasks() -> list[Row]:
    with _simulator(*LONG) as (pid, url):
        few = _create_and_poll(pid, url, FEW_TASKS)
        many = _create_and_poll(pid, url, MANY_TASKS)
        memory = processes.resident_megabytes(pid)
    rows = [
        Row(f"memory with {MANY_TASKS:,} unfinished tasks", f"{memory:.0f} MB", bar="< 300 MB", reached=memory < 300)
    ]
    for name, before, after in zip(("create", "poll"), few, many, strict=True):
        ratio = after / before
        what = f"CPU per {name} with {MANY_TASKS:,} tasks"
        baseline = f"with {FEW_TASKS:,} tasks: {before:.0f} us"
        rows.append(Row(what, f"{after:.0f} us", baseline, f"{ratio:.2f}x", "<= 1.3x", ratio <= 1.3))
    return rows


def _create_and_poll(pid: int, url: str, tasks: int) -> tuple[float, float]:
    """Create tasks until so many exist; returns the median CPU microseconds of a further create and of a poll."""
    present = httpx2.get(f"{url}/__mock__/state").json()["tasks"]
    send_load(url, pid, [_create_request()], tasks - present)
    listed = httpx2.get(f"{url}/__mock__/tasks", params={"limit": 1000}).json()
    polls = [request("GET", f"{POLL.path}?taskId={task['id']}", API_KEY) for task in listed]
    creates = [send_load(url, pid, [_create_request()], 1_000).microseconds for _ in range(5)]
    return statistics.median(creates), statistics.median(
        send_load(url, pid, polls, 2_000).microseconds for _ in creates
    )


def _callbacks() -> list[Row]:
    _, seconds = _complete(CALLBACKS, "0,0,300")
    rate = CALLBACKS / seconds
    total, _ = _complete(JOBS, "0,0,270-330")
    what = f"{JOBS:,} tasks of 270 to 330 s with callbacks, virtual clock"
    return [
        Row("callbacks to one loopback receiver", f"{rate:,.0f} per s", bar=">= 1,000 per s", reached=rate >= 1_000),
        Row(what, f"{total:.2f} s", bar="< 5 s", reached=total < 5),
    ]


def _complete(count: int, durations: str) -> tuple[float, float]:
    """Create tasks and complete them on a virtual clock.

    Returns:
        The seconds from the first create, and from the last create, to the last callback.
    """
    options = ("--virtual-clock", "--durations", durations, "--webhook-key", "bench")
    with fake_service(lambda _: response(b""), LOAD_CORE) as receiver, _simulator(*options) as (pid, url):
        httpx2.post(f"{url}/__mock__/advance", json={"seconds": 0})  # loads the simulator's HTTP client
        start = time.perf_counter()
        send_load(url, pid, [_create_request(callBackUrl=f"{receiver.url}/callback")], count)
        created = time.perf_counter()
        httpx2.post(f"{url}/__mock__/advance", json={"seconds": 330}, timeout=600)
        end = time.perf_counter()
        received = receiver.count_posts()
    if received != count:
        raise RuntimeError(f"the receiver got {received} of {count} callbacks")
    return end - start, end - created
