"""A batch whose service costs no processor time, on a clock that runs fifty times as fast."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from pathlib import Path
from typing import Any

from apikley._model.task import TaskInfo
from apikley.batch.batch import Batch
from apikley.batch.run.context import Context
from apikley.batch.run.saving import DEFAULT_TEMPLATE, Output
from apikley.batch.run.worker import Worker
from apikley.errors import WaitTimeout
from contract_tests.batch.batch_process import NAME, PRICE, table
from contract_tests.batch.clocks import ScaledClock

_SPEED, _SECONDS_PER_VIDEO = 50.0, 45.0


class _Service:
    """The methods of a client that a worker calls."""

    def __init__(self, clock: ScaledClock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._ends: dict[str, float] = {}

    async def create_raw(self, _: object, *, before_send: Any, **_options: object) -> TaskInfo:
        await before_send()
        task_id = f"task-{next(self._numbers)}"
        self._ends[task_id] = self._clock.monotonic() + _SECONDS_PER_VIDEO
        return TaskInfo(task_id)

    async def wait(self, task_id: str, timeout: float) -> TaskInfo:
        if self._clock.monotonic() < self._ends.get(task_id, 0.0):
            raise WaitTimeout([task_id], timeout, TaskInfo(task_id))
        result = {"resultUrls": [f"https://files.example.com/{task_id}.mp4"]}
        return TaskInfo(task_id, {"state": "success", "creditsConsumed": PRICE, "resultJson": result})

    async def get_task(self, task_id: str) -> TaskInfo:
        return await self.wait(task_id, 0)

    async def download(self, _: TaskInfo, path: Path, **_options: object) -> Path:
        await asyncio.to_thread(path.write_bytes, b"video")
        return path


def run_virtually(out: str, rows: int) -> tuple[float, int]:
    """Work on a batch; returns the processor time in seconds, and the number of rows that are done."""
    clock = ScaledClock(_SPEED)
    with Batch(NAME, out=out, price=PRICE, api_key="unused", clock=clock) as batch:
        batch.add(table(rows))
        start = time.process_time()
        service: Any = _Service(clock)
        context_of = (batch.ledger, batch.record, service, service, "account", clock, "worker")

        async def work() -> None:
            await Worker(Context(*context_of), Output(out), DEFAULT_TEMPLATE).run()

        asyncio.run(work())
        return time.process_time() - start, batch.status().rows.get("done", 0)
