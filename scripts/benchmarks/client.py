"""The client: paid requests per create, import time, processor time, throughput and wait deadlines."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from apikley import Apikley, ApikleyError, AsyncApikley, CreateOutcomeUnknown, Hailuo02ImageToVideoPro, WaitTimeout
from apikley_client import AuthenticatedClient
from apikley_client.api.jobs import create_task, get_task_details
from apikley_client.models import Hailuo02ImageToVideoProRequest
from scripts.benchmarks.fake_service import CREATED, POLLED, SILENT, Respond, fake_service, response
from scripts.benchmarks.processes import run_times
from scripts.benchmarks.table import Row

API_KEY = "bench-key"
INPUT = Hailuo02ImageToVideoPro(prompt="a colossal starship " * 20, image_url="https://files.example.com/a.png")
_HTML = b"<html>bad gateway</html>"
# Responses that leave open whether the service created a task: the client must not send the request again.
UNKNOWN: dict[str, bytes | None] = {
    "connection closed": None,
    "no response": SILENT,
    "HTTP 500": response(_HTML, 500, "text/html"),
    "HTTP 502": response(_HTML, 502, "text/html"),
    "HTTP 503": response(_HTML, 503, "text/html"),
    "broken JSON": response(b'{"code": 200, "data": {"task'),
}
# Responses that prove that no task was created: the client may send the request again.
REFUSED = {
    f"code {code} {where}": response({"code": code, "msg": "later", "data": None}, status)
    for code in (429, 455)
    for where, status in (("in the body", 200), ("as status", code))
}
IMPORTS = {
    "pass": "pass",
    "httpx": "import httpx",
    "httpx2": "import httpx2",
    "apikley": "import apikley",
    "names": "from apikley import Apikley, Hailuo02ImageToVideoPro",
}
ROUNDS, IMPORT_ROUNDS = 5, 15
WIDTH = 50
WAITS, WAIT_SECONDS = 100, 2.0


def run() -> list[Row]:
    """Measure."""
    return [*_posts_per_create(), *_imports(), _create_cpu(), _async_throughput(), *_deadlines()]


def _posts_per_create() -> list[Row]:
    unknown = CreateOutcomeUnknown.__name__
    rows = [_posts_row(name, _respond(sent, 9), 1, unknown) for name, sent in UNKNOWN.items()]
    return rows + [
        _posts_row(f"{name} twice, then success", _respond(sent, 2), 3, "one task") for name, sent in REFUSED.items()
    ]


def _respond(sent: bytes | None, times: int) -> Respond:
    return lambda count: sent if count <= times else CREATED


def _posts_row(name: str, respond: Respond, expected: int, outcome: str) -> Row:
    posts, outcomes = _create_with_both(respond)
    measured = f"{posts[0]} sync, {posts[1]} async, {' and '.join(sorted(outcomes))}"
    reached = posts == [expected, expected] and outcomes == {outcome}
    return Row(f"POSTs per create: {name}", measured, bar=f"{expected}, {outcome}", reached=reached)


def _create_with_both(respond: Respond) -> tuple[list[int], set[str]]:
    """Create one task with each client; returns the POSTs of each and the outcomes."""
    posts, outcomes = [], set()
    for create in (_create, lambda url: asyncio.run(_create_async(url))):
        with fake_service(respond) as service:
            try:
                create(service.url)
                outcomes.add("one task")
            except ApikleyError as error:
                outcomes.add(type(error).__name__)
            posts.append(service.count_posts())
    return posts, outcomes


def _create(url: str) -> None:
    with Apikley(API_KEY, base_url=url, timeout=0.3) as api:
        api.create(INPUT)


async def _create_async(url: str) -> None:
    async with AsyncApikley(API_KEY, base_url=url, timeout=0.3) as api:
        await api.create(INPUT)


def _imports() -> list[Row]:
    times = run_times({name: ("-c", code) for name, code in IMPORTS.items()}, IMPORT_ROUNDS)
    best = {name: min(seconds) for name, seconds in times.items()}
    rows = []
    for name, baseline, bar in (("apikley", "httpx2", 0.4), ("names", "httpx", 1.3), ("names", "httpx2", None)):
        # Without the start of Python itself, which would bring every ratio closer to 1.
        ours, theirs = (best[each] - best["pass"] for each in (name, baseline))
        what = f"{IMPORTS[name]} (best of {IMPORT_ROUNDS}, net of Python's start)"
        other = f"{IMPORTS[baseline]}: {theirs * 1000:.0f} ms"
        rows.append(_ratio_row(what, f"{ours * 1000:.0f} ms", other, ours / theirs, bar))
    return rows


def _ratio_row(what: str, measured: str, baseline: str, ratio: float, most: float | None) -> Row:
    if most is None:
        return Row(what, measured, baseline, f"{ratio:.2f}x")
    return Row(what, measured, baseline, f"{ratio:.2f}x", f"<= {most:g}x", ratio <= most)


def _create_cpu() -> Row:
    with fake_service(lambda _: CREATED) as service, Apikley(API_KEY, base_url=service.url) as api:
        generated = AuthenticatedClient(service.url, API_KEY)
        body = Hailuo02ImageToVideoProRequest(input_=INPUT)
        rounds = []
        for _ in range(ROUNDS):
            theirs = _cpu_microseconds(lambda: create_task.sync_detailed(client=generated, body=body))
            ours = _cpu_microseconds(lambda: api.create(INPUT))
            rounds.append((ours / theirs, ours, theirs))
    ratio, ours, theirs = sorted(rounds)[ROUNDS // 2]
    return _ratio_row("CPU per create", f"{ours:.0f} us", f"generated client alone: {theirs:.0f} us", ratio, 1.25)


def _cpu_microseconds(call: Callable[[], object], times: int = 1000) -> float:
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times * 1e6


def _async_throughput() -> Row:
    async def measure(url: str) -> tuple[float, float, float]:
        rounds = []
        async with AuthenticatedClient(url, API_KEY) as generated, AsyncApikley(API_KEY, base_url=url) as api:
            for _ in range(ROUNDS):
                theirs = await _rate(lambda: get_task_details.asyncio_detailed(client=generated, task_id="task_1"), 500)
                ours = await _rate(lambda: api.get_task("task_hailuo_1765185328412"), 2000)
                rounds.append((ours / theirs, ours, theirs))
        return sorted(rounds)[ROUNDS // 2]

    with fake_service(lambda _: POLLED) as service:
        ratio, ours, theirs = asyncio.run(measure(service.url))
    baseline = f"generated client alone: {theirs:,.0f} per s"
    return Row(f"async polls, {WIDTH} at a time", f"{ours:,.0f} per s", baseline, f"{ratio:.2f}x")


async def _rate(call: Callable[[], Awaitable[Any]], times: int) -> float:
    """Calls per second, `WIDTH` at a time."""

    async def worker() -> None:
        for _ in range(times // WIDTH):
            await call()

    await asyncio.gather(*(call() for _ in range(WIDTH)))  # opens the connections
    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(WIDTH)))
    return times / (time.perf_counter() - start)


def _deadlines() -> list[Row]:
    with fake_service(lambda _: POLLED) as service:
        threads = threading.active_count()
        with Apikley(API_KEY, base_url=service.url) as api, ThreadPoolExecutor(WAITS) as pool:
            late = max(pool.map(_overshoot, [api] * WAITS))
        left = threading.active_count() - threads
        async_late, async_left = asyncio.run(_deadlines_async(service.url))
    return [_deadline_row("sync", late, left, "threads"), _deadline_row("async", async_late, async_left, "tasks")]


def _overshoot(api: Apikley) -> float:
    start = time.monotonic()
    with suppress(WaitTimeout):
        api.wait("task_1", timeout=WAIT_SECONDS)
    return time.monotonic() - start - WAIT_SECONDS


async def _deadlines_async(url: str) -> tuple[float, int]:
    async def overshoot() -> float:
        start = time.monotonic()
        with suppress(WaitTimeout):
            await api.wait("task_1", timeout=WAIT_SECONDS)
        return time.monotonic() - start - WAIT_SECONDS

    async with AsyncApikley(API_KEY, base_url=url) as api:
        late = max(await asyncio.gather(*(overshoot() for _ in range(WAITS))))
    return late, len(asyncio.all_tasks()) - 1


def _deadline_row(name: str, late: float, left: int, kind: str) -> Row:
    what = f"largest deadline overshoot of {WAITS} {name} waits of {WAIT_SECONDS:g} s"
    measured, reached = f"{late * 1000:.0f} ms, {left} {kind} left", late <= 0.05 and left == 0
    return Row(what, measured, bar="<= 50 ms, 0 left", reached=reached)
