"""What the tests of the receiver share: a clock, a service to ask, and requests to send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2

from apikley._flows.clock import Clock
from apikley._model.task import TaskInfo
from apikley.callbacks import sign
from apikley.errors import NotFound
from apikley.receiver import Event, Receiver

WEBHOOK_KEY = "whsec_test"
START = 1_765_185_400.0


class DrivenClock(Clock):
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


class Service:
    """What the receiver asks: the records of tasks, by their ids."""

    def __init__(self, **states: str) -> None:
        self.records = {task_id: {"taskId": task_id, "state": state} for task_id, state in states.items()}
        self.asked: list[str] = []

    def get_task(self, task_id: str) -> TaskInfo:
        self.asked.append(task_id)
        if task_id not in self.records:
            raise NotFound(404, "Task not found", task_id=task_id)
        return TaskInfo(task_id, dict(self.records[task_id]))


class AsyncService(Service):
    async def get_task(self, task_id: str) -> TaskInfo:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().get_task(task_id)


def body_of(task_id: str, state: str = "success", **fields: Any) -> bytes:
    code = {"success": 200, "fail": 501}.get(state, 200)
    return json.dumps({"code": code, "msg": "m", "data": {"taskId": task_id, "state": state, **fields}}).encode()


def post(app: Any, body: bytes, headers: dict[str, str], path: str = "/", method: str = "POST") -> httpx2.Response:
    """Send one request to an ASGI application."""

    async def send() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://receiver.test") as client:
            return await client.request(method, path, content=body, headers=headers)

    return asyncio.run(send())


def signed(task_id: str, now: float = START) -> dict[str, str]:
    return {"Content-Type": "application/json", **sign(task_id, WEBHOOK_KEY, int(now))}


def deliver(
    receiver: Receiver, task_id: str, state: str = "success", query: str = "", **fields: Any
) -> httpx2.Response:
    """A genuine callback."""
    now = receiver._clock.now().timestamp()
    return post(receiver, body_of(task_id, state, **fields), signed(task_id, now), f"/{query}")


def collect(receiver: Receiver) -> list[Event]:
    """Hang a handler on a receiver; returns where it puts what it is told."""
    events: list[Event] = []
    receiver.on_any(events.append)
    return events


Make = Callable[..., Receiver]


@contextmanager
def made_receivers(clock: DrivenClock) -> Iterator[Make]:
    """Makes receivers that handle only when they are told to."""
    made: list[Receiver] = []

    def new(**options: Any) -> Receiver:
        settings = {"inbox": ":memory:", "workers": 0, "clock": clock, **options}
        made.append(Receiver(settings.pop("key", WEBHOOK_KEY), **settings))
        return made[-1]

    yield new
    for receiver in made:
        receiver.stop()
        receiver.inbox.close()
