"""Batches: kills, lost responses, limits and budgets, and what a row costs in processor time and memory."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from apikley.batch import Ledger
from apikley.batch.ledger.limits import create_limit, running_limit
from apikley.receiver import Receiver
from contract_tests.batch.batch_process import NAME, open_batch, table
from contract_tests.batch.clocks import ScaledClock
from contract_tests.receiver import postgres
from scripts.benchmarks.processes import resident_megabytes
from scripts.benchmarks.table import Row, count_row
from scripts.pipeline.io import ROOT

ROWS, WORKERS, KILLS, SEEDS, SPEED = 200, 3, 20, 5, 10.0
RATED, RATED_SPEED = 100, 2.0
BUDGET, SPENDERS = 60, 8
MANY, PLANNED = 10_000, 100_000
_WEBHOOK_KEY = "whsec_measured"
_HANG = 600.0  # seconds
_SCENARIO = """
documented_limits = true
speed = {speed}
seed = {seed}
max_tasks = 200000
webhook_key = "{webhook_key}"
durations = [[2, 10], [2, 10], [10, 60]]
[[faults]]
fault = "reset"
stage = "after"
times = 1000000
share = {lost}
when = {{operation = "createTask"}}
[[faults]]
fault = "error"
code = 429
times = 1000000
share = {refused}
when = {{operation = "createTask"}}
"""


def run() -> list[Row]:
    """Measure."""
    return [*kills(), *budget(), *processor_time(), memory()]


@dataclass
class Counts:
    """What the service and the ledger say of the rows of several batches."""

    paid_twice: int = 0
    lost: int = 0  # the service has a task that the ledger neither knows nor calls unknown
    unsettled: int = 0
    unknown: int = 0
    unknown_with_callback: int = 0
    kills: int = 0
    most_creates: int = 0
    most_running: int = 0
    rates: list[float] = field(default_factory=list)  # creates in ten seconds while rows wait


@contextlib.contextmanager
def _simulator(seed: int = 0, lost: float = 0.0, refused: float = 0.0, speed: float = SPEED) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder) / "scenario.toml"
        faults = {"lost": lost, "refused": refused}
        scenario.write_text(
            _SCENARIO.format(seed=seed, webhook_key=_WEBHOOK_KEY, speed=speed, **faults), encoding="utf-8"
        )
        command = [sys.executable, "-m", "apikley_mock", "serve", "--port", "0", "--quiet", "--scenario", str(scenario)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                yield process.stdout.readline().split("listening on ", 1)[1].split()[0]
            finally:
                process.terminate()


@contextlib.contextmanager
def _receiver(inbox: str) -> Iterator[str]:
    """Receive callbacks into an inbox; yields the URL for them."""
    receiver = Receiver(_WEBHOOK_KEY, inbox=inbox, workers=0)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(uvicorn.Config(receiver, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}/callback"
        finally:
            server.should_exit = True
            thread.join()


def kills() -> list[Row]:
    """Kill workers at random, in three settings, with lost and refused responses."""
    rows = []
    settings = [
        ("3 workers on PostgreSQL", WORKERS, True, SEEDS, KILLS, 0),
        ("1 worker on SQLite", 1, False, 1, KILLS, 0),
        ("3 workers on PostgreSQL, 2 of them killed for good", WORKERS, True, 1, 0, 2),
    ]
    total = Counts()
    for what, workers, is_shared, seeds, number, for_good in settings:
        counts = Counts()
        for seed in range(seeds):
            with _database(is_shared=is_shared) as database, _receiver(database) as callback_url:
                _kill_run(counts, database, callback_url, workers, seed, number, for_good)
        done = f"{what}, {ROWS * seeds} rows, {counts.kills} kills, 4 % lost and 4 % refused responses"
        rows += [
            count_row(f"rows paid twice ({done})", counts.paid_twice),
            count_row("rows lost", counts.lost),
            count_row(
                f"rows not settled ({counts.unknown} are unknown: killed or lost before the task existed)",
                counts.unsettled,
            ),
        ]
        for name in ("unknown_with_callback", "most_creates", "most_running"):
            combine = sum if name == "unknown_with_callback" else max
            setattr(total, name, combine((getattr(total, name), getattr(counts, name))))
    requests, _ = create_limit()
    rate = _rate()
    return [
        *rows,
        count_row("rows unknown at the end whose callback came", total.unknown_with_callback),
        _at_most("creates in any 10 s, over all workers", total.most_creates, requests),
        _at_most("tasks running at once, over all workers", total.most_running, running_limit()),
        Row(
            "creates in 10 s while rows wait, without kills",
            f"{rate:.1f}",
            f"{requests} allowed",
            f"{rate / requests:.2f}x",
            "0.90x",
            rate >= 0.9 * requests,
        ),
    ]


@contextlib.contextmanager
def _database(*, is_shared: bool) -> Iterator[str]:
    if is_shared:
        with postgres.running() as url:
            yield url
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield str(Path(folder) / "batch.db")


def _kill_run(
    counts: Counts, database: str, callback_url: str, workers: int, seed: int, kills: int, for_good: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - not a secret
    with _simulator(seed, lost=0.04, refused=0.04) as url, tempfile.TemporaryDirectory() as out:
        settings = {
            "url": url,
            "database": database,
            "out": out,
            "speed": SPEED,
            "rows": ROWS,
            "callback_url": callback_url,
        }
        processes = [_start(settings) for _ in range(workers)]
        try:
            _wait(lambda: bool(_tasks(url)), processes)
            for _ in range(kills):
                time.sleep(chance.uniform(0.1, 1.5))
                index = chance.randrange(workers)
                if processes[index].poll() is not None:
                    continue  # the batch is settled
                _kill(processes[index])
                counts.kills += 1
                processes[index] = _start(settings)
            for process in processes[:for_good]:
                _kill(process)
                counts.kills += 1
            for process in processes[for_good:]:
                process.wait(_HANG)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        _count(counts, _tasks(url), database)


def _count(counts: Counts, tasks: list[dict[str, Any]], database: str) -> None:
    by_row = Counter(task["prompt"] for task in tasks)
    with Ledger(database) as ledger:
        batch = ledger.batch(NAME)
        assert batch is not None
        rows = {row.key: row for row in ledger.rows(batch.id)}
    counts.paid_twice += sum(number > 1 for number in by_row.values())
    for key, row in rows.items():
        ids = {task["id"] for task in tasks if task["prompt"] == key}
        counts.lost += bool(ids) and row.task_id not in ids and row.state != "unknown"
        counts.lost += not ids and row.task_id is not None
        counts.unsettled += row.state in ("planned", "sending", "running")
        counts.unknown += row.state == "unknown"
        # Each task of these batches has a callback URL, and the simulator delivers.
        counts.unknown_with_callback += row.state == "unknown" and bool(ids)
    counts.lost += ROWS - len(rows)
    counts.most_creates = max(
        counts.most_creates, _most_in_window([task["created"] for task in tasks], create_limit()[1])
    )
    counts.most_running = max(counts.most_running, _most_at_once(tasks))


def _rate() -> float:
    """Return the creates in ten seconds that one worker reaches while rows wait."""
    with _simulator(speed=RATED_SPEED) as url, tempfile.TemporaryDirectory() as out:
        settings = {
            "url": url,
            "database": str(Path(out) / "batch.db"),
            "out": out,
            "speed": RATED_SPEED,
            "rows": RATED,
        }
        process = _start(settings)
        process.wait(_HANG)
        created = sorted(task["created"] for task in _tasks(url))
    requests, seconds = create_limit()
    # From each create to the one that takes its slot, because creates come in bursts.
    periods = [later - earlier for earlier, later in zip(created, created[requests:], strict=False)]
    return float(requests * seconds / statistics.mean(periods))


def budget() -> list[Row]:
    """Let several processes spend one budget at full speed."""
    with _simulator(speed=SPEED) as url, postgres.running() as database, tempfile.TemporaryDirectory() as out:
        settings = {"url": url, "database": database, "out": out, "speed": SPEED, "rows": ROWS, "max_credits": BUDGET}
        processes = [_start(settings) for _ in range(SPENDERS)]
        for process in processes:
            process.wait(_HANG)
        paid = len(_tasks(url))
    what = f"credits over the budget of {BUDGET}, {SPENDERS} processes, {paid} paid"
    return [count_row(what, max(0, paid - BUDGET)), count_row("credits of the budget left unspent", BUDGET - paid)]


def processor_time() -> list[Row]:
    """Measure what a row costs in the ledger, the dispatch and the files, with a service that costs nothing."""
    from scripts.benchmarks.batch_virtual import run_virtually  # noqa: PLC0415 - replaces the client

    with tempfile.TemporaryDirectory() as out:
        seconds, settled = run_virtually(out, MANY)
    assert settled == MANY, settled
    per_row = seconds / MANY * 1_000
    return [
        Row(
            f"processor time of a row, {MANY:,} rows on a virtual clock",
            f"{per_row:.1f} ms",
            bar="15 ms",
            reached=per_row <= 15,
        )
    ]


def memory() -> Row:
    """Measure the memory of a worker whose batch has many planned rows."""
    with _simulator() as url, tempfile.TemporaryDirectory() as out:
        settings = {"url": url, "database": str(Path(out) / "batch.db"), "out": out, "speed": SPEED, "rows": PLANNED}
        with open_batch(settings, ScaledClock(SPEED)) as batch:
            batch.add(table(PLANNED))
        process = _start({**settings, "rows": 0})
        try:
            _wait(lambda: len(_tasks(url)) >= 2 * create_limit()[0], [process])
            used = resident_megabytes(process.pid)
        finally:
            process.kill()
            process.wait()
    return Row(f"memory of a worker with {PLANNED:,} planned rows", f"{used:.0f} MB", bar="200 MB", reached=used < 200)


def _start(settings: dict[str, Any]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "contract_tests.batch.batch_process", json.dumps(settings)]
    return subprocess.Popen(command, cwd=ROOT, stderr=None if os.environ.get("BATCH_LOG") else subprocess.DEVNULL)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _wait(condition: Any, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + _HANG
    while not condition():
        if time.monotonic() > deadline or all(process.poll() is not None for process in processes):
            raise RuntimeError("the workers do not work")
        time.sleep(0.02)


def _tasks(url: str) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = []
    with httpx2.Client(base_url=url, timeout=60) as http:
        while page := http.get("/__mock__/tasks", params={"limit": 1000, "skip": len(tasks)}).json():
            tasks += page
    return tasks


def _most_in_window(times: list[float], seconds: float) -> int:
    times = sorted(times)
    most = start = 0
    for end, moment in enumerate(times):
        while times[start] <= moment - seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


def _most_at_once(tasks: list[dict[str, Any]]) -> int:
    changes = [(task["created"], 1) for task in tasks] + [(max(task["moments"]), -1) for task in tasks]
    running = most = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most


def _at_most(what: str, measured: int, bar: int) -> Row:
    return Row(what, f"{measured}", bar=f"{bar}", reached=measured <= bar)
