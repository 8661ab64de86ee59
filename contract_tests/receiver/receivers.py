"""A service to poll, callbacks to send, and receivers."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from apikley._model.task import TaskInfo
from apikley.callbacks import sign
from apikley.errors import NotFound
from apikley.receiver import Event, Receiver
from apikley.testing import ManualClock

WEBHOOK_KEY = "whsec_test"
START = 1_765_185_400.0
HANG = 600  # seconds; only a hanging test waits that long


class Service:
    """The records of tasks by their ids, behind the methods of a client."""

    def __init__(self, **states: str) -> None:
        self.records = {task_id: {"taskId": task_id, "state": state} for task_id, state in states.items()}
        self.polled: list[str] = []

    def get_task(self, task_id: str) -> Any:
        self.polled.append(task_id)
        if task_id not in self.records:
            raise NotFound(404, "Task not found", task_id=task_id)
        return TaskInfo(task_id, dict(self.records[task_id]))

    def download(self, task: Any, path: str | os.PathLike[str], *, index: int = 0) -> Any:
        Path(path).write_text(task.result_urls[index], encoding="utf-8")
        return Path(path)


class AsyncService(Service):
    async def get_task(self, task_id: str) -> Any:
        await asyncio.sleep(0)
        return super().get_task(task_id)

    async def download(self, task: Any, path: str | os.PathLike[str], *, index: int = 0) -> Any:
        await asyncio.sleep(0)
        return super().download(task, path, index=index)


def body_of(task_id: str, state: str = "success", **fields: Any) -> bytes:
    code = {"success": 200, "fail": 501}.get(state, 200)
    return json.dumps({"code": code, "msg": "m", "data": {"taskId": task_id, "state": state, **fields}}).encode()


def signed(task_id: str, now: float = START) -> dict[str, str]:
    return {"Content-Type": "application/json", **sign(task_id, WEBHOOK_KEY, int(now))}


def post(app: Any, body: bytes, headers: dict[str, str], path: str = "/", method: str = "POST") -> httpx2.Response:
    """Send one request to an ASGI application."""

    async def send() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://receiver.test") as client:
            return await client.request(method, path, content=body, headers=headers)

    return asyncio.run(send())


def asgi(receiver: Receiver, *messages: dict[str, Any], headers: dict[str, str] | None = None) -> list[Any]:
    """Serve one ASGI request of these messages, or one whose body never ends; returns what the receiver sent."""
    sent: list[Any] = []
    remaining = iter(messages)
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()
        return next(remaining)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": raw, "query_string": b""}
    asyncio.run(receiver(scope, receive, send))
    return sent


def deliver(
    receiver: Receiver, task_id: str, state: str = "success", query: str = "", **fields: Any
) -> httpx2.Response:
    """Send a genuine callback."""
    now = receiver._clock.now().timestamp()
    return post(receiver, body_of(task_id, state, **fields), signed(task_id, now), f"/{query}")


def collect(receiver: Receiver) -> list[Event]:
    """Register a handler that collects events."""
    events: list[Event] = []
    receiver.on_any(events.append)
    return events


def configure_django() -> None:
    """Configure a project with one page that corrects slashes, as a new project does."""
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    if not settings.configured:
        pages = (path("page/", lambda _: HttpResponse("a page")),)
        middleware = ["django.middleware.common.CommonMiddleware"]
        settings.configure(ROOT_URLCONF=pages, ALLOWED_HOSTS=["*"], SECRET_KEY="x", MIDDLEWARE=middleware)


MakeReceiver = Callable[..., Receiver]


@contextmanager
def closing_receivers(clock: ManualClock) -> Iterator[MakeReceiver]:
    """Make receivers in memory that handle events only in `work()`, and close them at the end."""
    receivers: list[Receiver] = []

    def make(**options: Any) -> Receiver:
        settings = {"inbox": ":memory:", "workers": 0, "clock": clock, **options}
        receivers.append(Receiver(settings.pop("webhook_key", WEBHOOK_KEY), **settings))
        return receivers[-1]

    yield make
    for receiver in receivers:
        receiver.stop()
        receiver.inbox.close()
