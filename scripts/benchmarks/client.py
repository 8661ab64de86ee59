"""What the client costs and what it keeps: `scripts/bench client`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from apikley import Apikley, ApikleyError, AsyncApikley, CreateOutcomeUnknown, Hailuo02ImageToVideoPro, WaitTimeout
from apikley._flows.clock import Clock
from apikley_client import AuthenticatedClient
from apikley_client.api.jobs import create_task, get_task_details
from apikley_client.models import Hailuo02ImageToVideoProRequest
from scripts.benchmarks.service import CREATED, LOOKED, Reply, answer, service
from scripts.benchmarks.table import Row

KEY = "bench-key"
HTML = b"<html>bad gateway</html>"
INPUT = Hailuo02ImageToVideoPro(prompt="a colossal starship " * 20, image_url="https://files.example.com/a.png")
LOST: dict[str, bytes | float | None] = {
    "answer lost": None,
    "answer late": 60.0,
    "HTTP 500": answer(HTML, 500, "text/html"),
    "HTTP 502": answer(HTML, 502, "text/html"),
    "HTTP 503": answer(HTML, 503, "text/html"),
    "broken body": answer(b'{"code": 200, "data": {"task'),
}
REFUSED = {
    f"{code} {how}": answer({"code": code, "msg": "later", "data": None}, status)
    for code in (429, 455)
    for how, status in (("in the body", 200), ("as status", code))
}
ROUNDS = 5


def run() -> list[Row]:
    """Measure everything."""
    return [*_posts(), _import_time(), _create_cost(), _width(), *_waits()]


def _posts() -> list[Row]:
    rows = []
    for name, said in LOST.items():
        counts, outcomes = [], set()
        for create in (_create_sync, _create_async):
            with service(_always(said)) as running:
                outcomes.add(create(running.url))
                counts.append(running.posts())
        known = outcomes == {CreateOutcomeUnknown.__name__}
        measured = f"{counts[0]} sync, {counts[1]} async, {' and '.join(sorted(outcomes))}"
        rows.append(Row(f"POSTs per create: {name}", measured, "1", counts == [1, 1] and known))
    for name, said in REFUSED.items():
        counts, outcomes = [], set()
        for create in (_create_sync, _create_async):
            with service(_after(2, said)) as running:
                outcomes.add(create(running.url))
                counts.append(running.posts())
        measured = f"{counts[0]} sync, {counts[1]} async, {' and '.join(sorted(outcomes))}"
        reached = counts == [3, 3] and outcomes == {"one task"}
        rows.append(Row(f"POSTs per create: {name}, twice, then accepted", measured, "3, one task", reached))
    return rows


def _always(said: bytes | float | None) -> Reply:
    return lambda _count, _head: said


def _after(refusals: int, said: bytes) -> Reply:
    return lambda count, _head: said if count <= refusals else CREATED


def _create_sync(url: str) -> str:
    with Apikley(KEY, base_url=url, timeout=0.3) as api:
        try:
            api.create(INPUT)
        except ApikleyError as error:
            return type(error).__name__
    return "one task"


def _create_async(url: str) -> str:
    async def main() -> str:
        async with AsyncApikley(KEY, base_url=url, timeout=0.3) as api:
            try:
                await api.create(INPUT)
            except ApikleyError as error:
                return type(error).__name__
        return "one task"

    return asyncio.run(main())


def _import_time() -> Row:
    best = dict.fromkeys(("pass", "import httpx2", "import apikley"), float("inf"))
    for _ in range(15):
        for code in best:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            best[code] = min(best[code], time.perf_counter() - start)
    httpx2, ours = (best[name] - best["pass"] for name in ("import httpx2", "import apikley"))
    measured = f"{ours / httpx2:.2f} x ({ours * 1000:.0f} ms; httpx2 {httpx2 * 1000:.0f} ms)"
    return Row("import apikley, net, against import httpx2", measured, "at most 0.4 x", ours / httpx2 <= 0.4)


def _create_cost() -> Row:
    with service(lambda _count, _head: CREATED, core=0) as running:
        generated = AuthenticatedClient(running.url, KEY)
        with Apikley(KEY, base_url=running.url) as api:

            def alone() -> None:
                create_task.sync_detailed(client=generated, body=Hailuo02ImageToVideoProRequest(input_=INPUT))

            def ours() -> None:
                api.create(INPUT)

            ratios = []
            for _ in range(ROUNDS):
                base, own = _cpu(alone, 1000), _cpu(ours, 1000)
                ratios.append((own / base, own, base))
    ratio, own, base = sorted(ratios)[ROUNDS // 2]
    measured = f"{ratio:.2f} x ({own:.0f} us; generated client {base:.0f} us)"
    return Row("CPU of create against the generated client alone", measured, "at most 1.25 x", ratio <= 1.25)


def _cpu(call: Callable[[], None], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times * 1e6


def _width() -> Row:
    async def main(url: str) -> tuple[float, float, float]:
        rounds = []
        async with AuthenticatedClient(url, KEY) as generated, AsyncApikley(KEY, base_url=url) as api:
            for _ in range(ROUNDS):
                base = await _in_flight(
                    lambda: get_task_details.asyncio_detailed(client=generated, task_id="task_1"), 500
                )
                own = await _in_flight(lambda: api.get_task("task_1"), 5000)
                rounds.append((own / base, own, base))
        return sorted(rounds)[ROUNDS // 2]

    with service(lambda _count, _head: LOOKED, core=0) as running:
        ratio, own, base = asyncio.run(main(running.url))
    measured = f"{ratio:.1f} x ({own:,.0f}/s; generated client {base:,.0f}/s)"
    return Row(
        "async task() at 50 in flight, against the generated client on httpx2", measured, "at least 10 x", ratio >= 10
    )


async def _in_flight(call: Callable[[], Awaitable[Any]], times: int, width: int = 50) -> float:
    async def worker() -> None:
        for _ in range(times // width):
            await call()

    await asyncio.gather(*(call() for _ in range(width)))
    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(width)))
    return times / (time.perf_counter() - start)


def _waits(number: int = 100, seconds: float = 2.0) -> list[Row]:
    with service(lambda _count, _head: LOOKED, core=0) as running:
        clock = Clock()

        def wait(api: Apikley) -> float:
            start = clock.monotonic()
            try:
                api.wait("task_1", seconds)
            except WaitTimeout:
                return clock.monotonic() - start - seconds
            return float("inf")

        threads = threading.active_count()
        with Apikley(KEY, base_url=running.url) as api, ThreadPoolExecutor(number) as pool:
            late_sync = max(pool.map(wait, [api] * number))
        left_sync = threading.active_count() - threads
        late_async, left_async = asyncio.run(_waits_async(running.url, number, seconds))
    rows = []
    for name, late, left in (("sync", late_sync, left_sync), ("async", late_async, left_async)):
        kind = "threads" if name == "sync" else "tasks"
        measured = f"{late * 1000:.0f} ms, {left} {kind} left"
        figure = f"wait deadline overshoot, {number} waits of {seconds:g} s at once, {name}: the largest"
        rows.append(Row(figure, measured, "50 ms, 0 left", late <= 0.05 and left == 0))
    return rows


async def _waits_async(url: str, number: int, seconds: float) -> tuple[float, int]:
    async def wait(api: AsyncApikley) -> float:
        start = time.monotonic()
        try:
            await api.wait("task_1", seconds)
        except WaitTimeout:
            return time.monotonic() - start - seconds
        return float("inf")

    async with AsyncApikley(KEY, base_url=url) as api:
        late = max(await asyncio.gather(*(wait(api) for _ in range(number))))
    return late, len(asyncio.all_tasks()) - 1
