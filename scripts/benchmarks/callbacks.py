"""Measures the receiver: hostile input, speed, kills, forgeries, and two processes on one database."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from apikley.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, parse, sign, verify
from apikley.errors import CallbackError
from apikley.receiver import Event, Inbox, Receiver
from contract_tests.receiver import postgres
from contract_tests.receiver.kills import kill_repeatedly
from contract_tests.receiver.load import callbacks, send
from contract_tests.receiver.receiver_process import KEY, log_lines, running
from scripts.benchmarks.table import Row

HOSTILE, LOADED, KILLS, FORGED, SHARED = 100_000, 10_000, 200, 10_000, 2_000
CONNECTIONS, ROUNDS = 16, 5


def run() -> list[Row]:
    """Measure."""
    return [hostile(), *speed(), *kills(), *forgeries(), shared()]


def hostile() -> Row:
    """Inputs made to break a verifier, from parts that are each odd in their own way."""
    chance = random.Random(1)  # noqa: S311 - no secret
    foreign: Counter[str] = Counter()
    for _ in range(HOSTILE):
        headers, body = _hostile_headers(chance), _hostile_body(chance)
        for call in (lambda h=headers, b=body: verify(h, b, KEY), lambda b=body: parse(b)):
            try:
                call()
            except CallbackError:
                pass
            except Exception as error:  # noqa: BLE001 - what is counted
                foreign[type(error).__name__] += 1
    found = sum(foreign.values())
    named = f" ({', '.join(sorted(foreign))})" if foreign else ""
    return Row(f"foreign exceptions in {HOSTILE:,} hostile inputs", f"{found}{named}", "0", found == 0)


def speed() -> list[Row]:
    """One process, its inbox on the disk, handlers running, as many callbacks as it takes; the median round."""
    rounds = [_round() for _ in range(ROUNDS)]
    rates, lates, syncs = (sorted(each) for each in zip(*rounds, strict=True))
    rate, late, sync = (statistics.median(each) for each in (rates, lates, syncs))
    what = f"{ROUNDS} rounds of {LOADED:,}, {CONNECTIONS} connections, {rates[0]:,.0f} to {rates[-1]:,.0f}"
    return [
        Row(f"acknowledged per s, SQLite, one process ({what})", f"{rate:,.0f}", "1,000", rate >= 1_000),
        Row(
            f"the same, 99th percentile ({lates[0]:.0f} to {lates[-1]:.0f})", f"{late:.1f} ms", "under 50 ms", late < 50
        ),
        Row("for comparison: one synced write of 4 KiB there", f"{sync:.2f} ms"),
    ]


def _round() -> tuple[float, float, float]:
    """Acknowledged per second, the 99th percentile and the time of one synced write, both in milliseconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sync = _sync_time(folder)
        with running(str(folder / "inbox.db"), folder / "log") as (_, port):
            requests = list(callbacks(f"task_{number}" for number in range(LOADED)))
            acknowledged: list[str] = []
            start = time.perf_counter()
            times = send(port, requests, connections=CONNECTIONS, acknowledged=acknowledged.append)
            took = time.perf_counter() - start
        with Inbox(folder / "inbox.db") as inbox:
            stored = sum(inbox.counts().values())
    if not len(acknowledged) == stored == LOADED:
        raise RuntimeError(f"{len(acknowledged)} acknowledged and {stored} stored, of {LOADED}")
    return len(acknowledged) / took, statistics.quantiles(times, n=100)[98] * 1_000, sync * 1_000


def kills() -> list[Row]:
    """Killed under load, at random moments, on one inbox."""
    with tempfile.TemporaryDirectory() as name:
        found = kill_repeatedly(Path(name), KILLS, seed=2)
    what = f"{found.kills} kills, {len(found.acknowledged):,} acknowledged"
    return [
        Row(f"acknowledged and lost ({what})", str(len(found.lost)), "0", not found.lost),
        Row("handled twice after success", str(len(found.twice_after_success)), "0", not found.twice_after_success),
        Row(
            "handled twice within the life of one process",
            str(len(found.twice_without_crash)),
            "0",
            not found.twice_without_crash,
        ),
        Row(f"handled again after a kill ({found.interrupted} fell into a handler)", str(found.repeated)),
    ]


class _Service:
    """Says of every task that it succeeded."""

    def get_task(self, task_id: str) -> Any:
        from apikley._model.task import TaskInfo  # noqa: PLC0415

        return TaskInfo(task_id, {"taskId": task_id, "state": "success", "resultJson": _result("real")})

    def download(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def forgeries() -> list[Row]:
    """Deliveries that must not reach a handler, and what a handler sees of altered ones."""
    quarter = FORGED // 4
    receiver = Receiver(KEY, inbox=":memory:", client=_Service(), workers=0)
    heard: list[Event] = []
    receiver.on_any(heard.append)

    async def deliver() -> Counter[int]:
        answers: Counter[int] = Counter()
        now = int(time.time())
        for number in range(quarter):
            genuine = f"genuine_{number}"
            await _post(receiver, genuine, sign(genuine, KEY))
            forged, altered, stale = (f"{kind}_{number}" for kind in ("forged", "altered", "stale"))
            answers[await _post(receiver, forged, sign(forged, "guessed key"))] += 1
            answers[await _post(receiver, altered, sign(genuine, KEY))] += 1
            answers[await _post(receiver, stale, sign(stale, KEY, now - 310))] += 1
            # The same again: acknowledged, since a genuine repeat looks no different.
            await _post(receiver, genuine, sign(genuine, KEY))
        return answers

    async def alter() -> None:
        for number in range(quarter):
            task_id = f"changed_{number}"
            state = ("success", "fail")[number % 2]
            await _post(receiver, task_id, sign(task_id, KEY), state, _result("forged"))

    answers = asyncio.run(deliver())
    receiver.work()
    accepted = len(heard) - quarter + sum(count for status, count in answers.items() if status != 401)
    heard.clear()
    logging.disable(logging.ERROR)  # each of them is logged, which is as it should be
    asyncio.run(alter())
    receiver.work()
    logging.disable(logging.NOTSET)
    believed = sum(event.state != "success" or "forged" in event.task.result_urls[0] for event in heard)
    receiver.stop()
    receiver.inbox.close()
    return [
        Row(f"forged, altered, stale and replayed accepted, of {quarter * 4:,}", str(accepted), "0", accepted == 0),
        Row(
            f"altered contents under a good signature that a handler saw, of {quarter:,}",
            str(believed),
            "0",
            believed == 0 and len(heard) == quarter,
        ),
    ]


def shared() -> Row:
    """Two processes on one PostgreSQL, and every delivery sent to both at once."""
    task_ids = [f"task_{number}" for number in range(SHARED)]
    with tempfile.TemporaryDirectory() as name, postgres.running() as url:
        logs = [Path(name) / "a.log", Path(name) / "b.log"]
        with running(url, logs[0]) as (_, first), running(url, logs[1]) as (_, second), Inbox(url) as inbox:

            def deliver(port: int) -> int:
                return len(send(port, callbacks(task_ids), connections=8, acknowledged=lambda _: None))

            with ThreadPoolExecutor(2) as pool:
                sent = sum(pool.map(deliver, (first, second)))
            deadline = time.monotonic() + 60
            while inbox.counts() != {"done": SHARED} and time.monotonic() < deadline:
                time.sleep(0.1)
        shares = [Counter(key for what, key in log_lines(log) if what == "end") for log in logs]
    once = shares[0] + shares[1] == Counter(f"{task_id}:success" for task_id in task_ids)
    what = f"{sent:,} sent, handled {shares[0].total():,} + {shares[1].total():,}"
    return Row(f"two processes on one PostgreSQL ({what})", "each once" if once else "NOT each once", "each once", once)


def _result(host: str) -> str:
    return json.dumps({"resultUrls": [f"https://{host}.example.com/1.mp4"]})


async def _post(
    receiver: Receiver, task_id: str, headers: dict[str, str], state: str = "success", result: str | None = None
) -> int:
    """One request, without a network; returns the status."""
    data = {"taskId": task_id, "state": state, "resultJson": result or _result("real")}
    messages = [{"type": "http.request", "body": json.dumps({"code": 200, "msg": "", "data": data}).encode()}]
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    statuses: list[int] = []

    async def receive() -> Any:
        return messages.pop()

    async def answer(message: Any) -> None:
        if "status" in message:
            statuses.append(message["status"])

    await receiver({"type": "http", "method": "POST", "headers": pairs, "query_string": b""}, receive, answer)
    return statuses[0]


def _sync_time(folder: Path) -> float:
    times = []
    with (folder / "probe").open("wb") as file:
        for _ in range(50):
            start = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - start)
    return statistics.median(times)


_ODD_TEXT = [
    "",
    " ",
    "v1",
    "v1,a,b",
    "inf",
    "nan",
    "-1",
    "1e9",
    "9" * 400,
    "١٧٦٥",
    "\ud800",
    "\0",
    "é",
    "{",
    "[[",
    "null",
]


def _odd(chance: random.Random, depth: int = 2) -> Any:
    """A value as JSON or a framework might give one."""
    kinds: list[Any] = [
        None,
        True,
        0,
        -1,
        200,
        501,
        10**400,
        1.5,
        float("nan"),
        float("inf"),
        "success",
        "fail",
        "task_1",
    ]
    pick = chance.random()
    if depth and pick < 0.15:
        return [_odd(chance, depth - 1) for _ in range(chance.randrange(3))]
    if depth and pick < 0.4:
        names = ["taskId", "task_id", "state", "code", "data", "msg", "resultJson", "param", "\ud800"]
        return {chance.choice(names): _odd(chance, depth - 1) for _ in range(chance.randrange(5))}
    return chance.choice([*kinds, *_ODD_TEXT])


def _hostile_body(chance: random.Random) -> Any:
    good = json.dumps({"code": 200, "data": {"taskId": "task_1", "state": "success"}}).encode()
    pick = chance.random()
    if pick < 0.4:
        return json.dumps({"code": _odd(chance), "taskId": _odd(chance), "data": _odd(chance, 3)}).encode()
    if pick < 0.6:  # a good one with some bytes changed
        body = bytearray(good)
        for _ in range(chance.randrange(1, 5)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        return bytes(body)
    if pick < 0.7:
        return good[: chance.randrange(len(good))]
    if pick < 0.8:
        return chance.randbytes(chance.randrange(60))
    if pick < 0.9:
        return chance.choice(
            [b"[" * 5_000, b'{"data":' * 5_000, b"1" * 5_000, b"\xff\xfe{\0}\0", good.decode(), bytearray(good)]
        )
    return chance.choice([None, 7, [good], {"code": 200}, object(), good])


def _hostile_headers(chance: random.Random) -> Any:
    def value() -> Any:
        return chance.choice(
            [str(int(time.time())), sign("task_1", KEY)[SIGNATURE_HEADER], *_ODD_TEXT, b"\xff", None, 7, ["x"]]
        )

    names: Iterator[Any] = iter(
        chance.choice([TIMESTAMP_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER.lower().encode(), "Host", None, 7])
        for _ in range(chance.randrange(2, 6))
    )
    pairs = [(name, value()) for name in names]
    return chance.choice(
        [pairs, pairs, dict(pairs), dict(pairs), [*pairs, ("one",)], iter(pairs), None, 7, "text", [1]]
    )
