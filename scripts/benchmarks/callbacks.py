"""The receiver: hostile and forged callbacks, speed, kills, and two processes on one database."""

from __future__ import annotations

import json
import logging
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from apikley.callbacks import parse, sign, verify
from apikley.errors import CallbackError
from apikley.receiver import Inbox, Receiver
from contract_tests.receiver import postgres
from contract_tests.receiver.kills import kill_repeatedly
from contract_tests.receiver.load import callbacks, send
from contract_tests.receiver.receiver_process import KEY, log_lines, running
from contract_tests.receiver.receivers import Service, body_of, collect, post
from scripts.benchmarks.hostile import hostile_body, hostile_headers
from scripts.benchmarks.table import Row, count_row

HOSTILE, CALLBACKS, KILLS, FORGED, SHARED = 100_000, 10_000, 200, 10_000, 2_000
CONNECTIONS, ROUNDS = 16, 5
DRAIN_SECONDS = 600


def run() -> list[Row]:
    """Measure."""
    return [hostile_inputs(), *speed(), *kills(), *forgeries(), two_processes()]


def hostile_inputs() -> Row:
    """Count the exceptions that are not a CallbackError."""
    chance = random.Random(1)  # noqa: S311 - not a secret
    unexpected: Counter[str] = Counter()
    for _ in range(HOSTILE):
        headers, body = hostile_headers(chance, KEY), hostile_body(chance)
        for call in (lambda h=headers, b=body: verify(h, b, KEY), lambda b=body: parse(b)):
            try:
                call()
            except CallbackError:
                pass
            except Exception as error:  # noqa: BLE001 - counted
                unexpected[type(error).__name__] += 1
    names = f" ({', '.join(sorted(unexpected))})" if unexpected else ""
    return count_row(f"unexpected exceptions in {HOSTILE:,} hostile inputs{names}", unexpected.total())


def speed() -> list[Row]:
    """Measure one receiver process with its inbox on disk and its handlers running."""
    rates, delays, syncs = (sorted(each) for each in zip(*(_round() for _ in range(ROUNDS)), strict=True))
    rate, delay, sync = (statistics.median(each) for each in (rates, delays, syncs))
    what = f"callbacks acknowledged, SQLite, {CONNECTIONS} connections, median of {ROUNDS} x {CALLBACKS:,}"
    return [
        Row(
            what,
            f"{rate:,.0f} per s ({rates[0]:,.0f} to {rates[-1]:,.0f})",
            f"one 4 KiB fsync at a time: {1_000 / sync:,.0f} per s",
            f"{rate * sync / 1_000:.1f}x",
            ">= 1,000 per s",
            rate >= 1_000,
        ),
        Row(
            "99th percentile of an acknowledgement",
            f"{delay:.1f} ms ({delays[0]:.1f} to {delays[-1]:.1f})",
            f"one 4 KiB fsync: {sync:.2f} ms",
            f"{delay / sync:.1f}x",
            "< 50 ms",
            delay < 50,
        ),
    ]


def _round() -> tuple[float, float, float]:
    """Callbacks acknowledged per second, 99th percentile of an acknowledgement and one fsync in milliseconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sync = _fsync_milliseconds(folder)
        acknowledged: list[str] = []
        with running(str(folder / "inbox.db"), folder / "log") as (_, port):
            requests = list(callbacks(f"task_{number}" for number in range(CALLBACKS)))
            start = time.perf_counter()
            times = send(port, requests, connections=CONNECTIONS, acknowledged=acknowledged.append)
            seconds = time.perf_counter() - start
        with Inbox(folder / "inbox.db") as inbox:
            stored = sum(inbox.counts().values())
    if not len(acknowledged) == stored == CALLBACKS:
        raise RuntimeError(f"sent {CALLBACKS} callbacks: {len(acknowledged)} acknowledged, {stored} stored")
    return CALLBACKS / seconds, statistics.quantiles(times, n=100)[98] * 1_000, sync


def _fsync_milliseconds(folder: Path) -> float:
    times = []
    with (folder / "probe").open("wb") as file:
        for _ in range(50):
            start = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1_000


def kills() -> list[Row]:
    """Kill a receiver under load at random moments."""
    with tempfile.TemporaryDirectory() as name:
        result = kill_repeatedly(Path(name), KILLS, seed=2)
    what = f"{result.kills} kills, {len(result.acknowledged):,} callbacks acknowledged"
    return [
        count_row(f"events lost after their acknowledgement ({what})", len(result.lost)),
        count_row("events handled again after success", len(result.twice_after_success)),
        count_row("events handled twice by one process", len(result.twice_without_crash)),
        Row(f"events handled again after a kill ({result.interrupted} handlers interrupted)", str(result.repeated)),
    ]


def forgeries() -> list[Row]:
    """Send forged, altered, stale and repeated callbacks, and valid signatures with an altered body."""
    quarter, service = FORGED // 4, Service()
    receiver = Receiver(KEY, inbox=":memory:", client=service, workers=0)
    events = collect(receiver)
    statuses: Counter[int] = Counter()
    for number in range(quarter):
        genuine, forged, altered, stale = (f"{kind}_{number}" for kind in ("genuine", "forged", "altered", "stale"))
        service.records[genuine] = _record(genuine)
        post(receiver, body_of(genuine), sign(genuine, KEY))
        statuses[post(receiver, body_of(forged), sign(forged, "another-key")).status_code] += 1
        statuses[post(receiver, body_of(altered), sign(genuine, KEY)).status_code] += 1
        statuses[post(receiver, body_of(stale), sign(stale, KEY, int(time.time()) - 310)).status_code] += 1
        # A repeat looks like a redelivery: it is acknowledged, and handled once.
        post(receiver, body_of(genuine), sign(genuine, KEY))
    receiver.work()
    accepted = statuses.total() - statuses[401] + len(events) - quarter
    events.clear()
    logging.disable(logging.ERROR)  # the receiver logs each contradiction
    for number in range(quarter):
        task_id = f"changed_{number}"
        service.records[task_id] = _record(task_id)
        state, forged_result = ("success", "fail")[number % 2], _record(task_id, "forged")["resultJson"]
        post(receiver, body_of(task_id, state, resultJson=forged_result), sign(task_id, KEY))
    receiver.work()
    logging.disable(logging.NOTSET)
    believed = sum(event.state != "success" or "forged" in event.task.result_urls[0] for event in events)
    if len(events) != quarter:
        raise RuntimeError(f"{len(events)} of {quarter} signed callbacks were handled")
    receiver.stop()
    receiver.inbox.close()
    return [
        count_row(f"accepted callbacks of {FORGED:,} that were forged, altered, stale or repeated", accepted),
        count_row(f"altered results that reached a handler, of {quarter:,} with a valid signature", believed),
    ]


def _record(task_id: str, host: str = "real") -> dict[str, str]:
    result = json.dumps({"resultUrls": [f"https://{host}.example.com/1.mp4"]})
    return {"taskId": task_id, "state": "success", "resultJson": result}


def two_processes() -> Row:
    """Send every callback to two processes that share one PostgreSQL database."""
    task_ids = [f"task_{number}" for number in range(SHARED)]
    with tempfile.TemporaryDirectory() as name, postgres.running() as url:
        logs = [Path(name) / "a.log", Path(name) / "b.log"]
        with running(url, logs[0]) as (_, first), running(url, logs[1]) as (_, second), Inbox(url) as inbox:

            def deliver(port: int) -> int:
                return len(send(port, callbacks(task_ids), connections=8, acknowledged=lambda _: None))

            with ThreadPoolExecutor(2) as pool:
                sent = sum(pool.map(deliver, (first, second)))
            deadline = time.monotonic() + DRAIN_SECONDS
            while inbox.counts() != {"done": SHARED} and time.monotonic() < deadline:
                time.sleep(0.1)
        handled = [Counter(event_id for what, event_id in log_lines(log) if what == "end") for log in logs]
    once = handled[0] + handled[1] == Counter(f"{task_id}:success" for task_id in task_ids)
    what = f"two processes, one PostgreSQL: {sent:,} callbacks of {SHARED:,} events sent"
    shares = f"{handled[0].total():,} + {handled[1].total():,} handled"
    return Row(what, f"{shares}, {'each once' if once else 'NOT each once'}", bar="each once", reached=once)
