"""A service to poll, callbacks to send, and receivers."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from apikley._model.task import TaskInfo
from apikley.callbacks import sign
from apikley.errors import NotFound
from apikley.receiver import Event, Receiver
from apikley.receiver.inbox.rows import Completion

WEBHOOK_KEY = "whsec_test"
START = 1_765_185_400.0
HANG = 600  # seconds; only a hanging test waits that long
LOOP_IS_FREE = "the loop is free"


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


def post(
    app: Any, body: bytes, headers: dict[str, str], path: str = "/", method: str = "POST", *, root: str = ""
) -> httpx2.Response:
    """Send one request to an ASGI application, on a server with this root path."""

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(app, root_path=root)
        async with httpx2.AsyncClient(transport=transport, base_url="http://receiver.test") as client:
            return await client.request(method, root + path, content=body, headers=headers)

    return asyncio.run(send())


async def exchange(
    receiver: Receiver, *messages: dict[str, Any], kind: str = "http", headers: dict[str, str] | None = None
) -> list[Any]:
    """Serve one ASGI connection of these messages, or a body that never ends; returns what the receiver sent."""
    sent: list[Any] = []
    remaining = iter(messages)
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    asyncio.get_running_loop().call_soon(sent.append, LOOP_IS_FREE)

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()
        return next(remaining)

    async def send(message: Any) -> None:
        sent.append(message)

    await receiver({"type": kind, "method": "POST", "headers": raw, "query_string": b""}, receive, send)
    return sent


def asgi(receiver: Receiver, *messages: dict[str, Any], **options: Any) -> list[Any]:
    """Serve one ASGI connection, as `exchange` does, in a loop of its own."""
    return [message for message in asyncio.run(exchange(receiver, *messages, **options)) if message != LOOP_IS_FREE]


def wsgi(receiver: Receiver, headers: dict[str, str], body: bytes, **environ: Any) -> str:
    """Serve one WSGI request; returns the status."""
    statuses: list[str] = []
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    environ = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body), **environ}
    receiver.wsgi(environ, lambda status, _: statuses.append(status))
    return statuses[0]


def deliver(
    receiver: Receiver, task_id: str, state: str = "success", query: str = "", **fields: Any
) -> httpx2.Response:
    """Send a genuine callback."""
    now = receiver._now()
    return post(receiver, body_of(task_id, state, **fields), signed(task_id, now), f"/{query}")


def store(receiver: Receiver, task_id: str = "task_1") -> None:
    """Store a callback without a request."""
    receiver.inbox.write([Completion(task_id, "success", body_of(task_id), 0)])


class BlockingHandler:
    """A handler that blocks until `go_on` is set."""

    def __init__(self) -> None:
        self._entered, self.go_on = threading.Semaphore(0), threading.Event()

    def __call__(self, event: Event) -> None:
        self._entered.release()
        assert self.go_on.wait(HANG)

    def wait_until_entered(self) -> None:
        """Wait until it is called, once more if this was called before."""
        assert self._entered.acquire(timeout=HANG)


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
def closing_receivers(**defaults: Any) -> Iterator[MakeReceiver]:
    """Make receivers, and close them at the end."""
    with ExitStack() as stack:

        def make(**options: Any) -> Receiver:
            receiver = Receiver(**{"webhook_key": WEBHOOK_KEY, **defaults, **options})
            stack.callback(receiver.inbox.close)
            stack.callback(receiver.stop)
            return receiver

        yield make
