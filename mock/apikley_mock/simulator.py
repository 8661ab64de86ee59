"""The simulator as an ASGI application: request → journal → auth → contract → engine → answer."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

import apikley_contract
from apikley_mock import answers, judge, shapes
from apikley_mock.callbacks import CallbackSender
from apikley_mock.clock import Clock, RealClock, VirtualClock
from apikley_mock.engine import Durations, Engine
from apikley_mock.journal import Entry, Journal

LARGEST_BODY = 1024 * 1024
_VIDEO = Path(str(files("apikley_mock").joinpath("media/result.mp4")))

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Settings:
    """How the simulated service is set up.

    Attributes:
        api_key: The one key that is accepted.
        webhook_key: What callbacks are signed with; unsigned without one.
        durations: How long tasks stay in each state.
        error_style: `envelope` (HTTP 200 with the code in the body) or `http` (the code as status too).
        callback_hosts: Hosts beside the loopback ones that callbacks may be sent to.
    """

    api_key: str = "mock-key"
    webhook_key: str | None = None
    durations: Durations = field(default_factory=Durations)
    error_style: answers.ErrorStyle = "envelope"
    callback_hosts: frozenset[str] = frozenset()


class Simulator:
    """The Apikley API, simulated.

    Args:
        settings: How it is set up.
        clock: What time it lives by; the machine's, if not given.
    """

    def __init__(self, settings: Settings | None = None, clock: Clock | None = None) -> None:
        self.settings = settings or Settings()
        self.clock: Clock = clock or RealClock()
        self.journal = Journal()
        self.engine = Engine(self.settings.durations)
        self._sender = CallbackSender(self.settings.webhook_key, self.settings.callback_hosts)
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._deliveries: set[asyncio.Task[None]] = set()
        handlers: dict[str, Handler] = {"createTask": self._create_task, "getTaskDetails": self._get_task_details}
        self._routes: dict[str, dict[str, Handler]] = {}
        for operation_id, handler in handlers.items():
            operation = apikley_contract.operation(operation_id)
            self._routes.setdefault(operation.path, {})[operation.method] = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def advance(self, seconds: float) -> None:
        """Let time pass on a virtual clock, and wait until the callbacks then due have been answered.

        Raises:
            TypeError: The simulator lives by the machine's time, which nobody can advance.
        """
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("only a simulator on a virtual clock can be advanced")
        self.clock.advance(seconds)
        self._deliver_due()
        while self._deliveries:
            await asyncio.gather(*self._deliveries)

    def reset(self) -> None:
        """Forget all tasks and all that happened."""
        self.engine = Engine(self.settings.durations)
        self.journal.clear()

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        if path.startswith(shapes.RESULTS + "/"):
            return self._result(request)
        methods = self._routes.get(path)
        if methods is None:
            return self._noted(request, self._error("NOT_FOUND", f"No such endpoint: {path}"))
        handler = methods.get(request.method)
        if handler is None:
            response = self._error("NOT_FOUND", f"{path} does not take {request.method}")
            response.status_code = 405
            response.headers["Allow"] = ", ".join(methods)
            return self._noted(request, response)
        if not self._authorized(request):
            return self._noted(request, self._error("UNAUTHORIZED"))
        return await handler(request)

    async def _create_task(self, request: Request) -> Response:
        content = await _read(request)
        if content is None:
            message = f"The request body is larger than {LARGEST_BODY:,} bytes"
            return self._noted(request, self._error("VALIDATION_FAILED", message))
        body, broken = judge.body_of(content)
        broken = broken or judge.create_task(body)
        if broken:
            return self._noted(request, self._error("VALIDATION_FAILED", broken))
        base_url = str(request.base_url).rstrip("/")
        task = self.engine.create(body, base_url, self.clock.now())
        self._wake.set()
        return self._noted(request, answers.success({"taskId": task.id}), task.id)

    async def _get_task_details(self, request: Request) -> Response:
        task_id = request.query_params.get("taskId")
        if not task_id:
            return self._noted(request, self._error("VALIDATION_FAILED", "taskId: missing, but required"))
        task = self.engine.tasks.get(task_id)
        if task is None:
            return self._noted(request, self._error("NOT_FOUND"), task_id)
        return self._noted(request, answers.success(shapes.record(task, self.clock.now())), task_id)

    def _result(self, request: Request) -> Response:
        task = self.engine.tasks.get(Path(request.url.path).stem)
        done = task is not None and task.completed <= self.clock.now()
        if request.method not in ("GET", "HEAD") or not done:
            return self._noted(request, Response(status_code=404))
        return self._noted(request, FileResponse(_VIDEO, media_type="video/mp4"), task.id if task else None)

    def _authorized(self, request: Request) -> bool:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(key.encode(), self.settings.api_key.encode())

    def _error(self, name: str, msg: str | None = None) -> Response:
        return answers.error(name, msg, self.settings.error_style)

    def _noted(self, request: Request, response: Response, task_id: str | None = None) -> Response:
        entry = Entry(
            self.clock.now(), "request", request.method, request.url.path, response.status_code, task_id=task_id
        )
        self.journal.add(entry)
        return response

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._pump = asyncio.create_task(self._run())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._pump.cancel()
        for delivery in self._deliveries:
            delivery.cancel()
        await asyncio.gather(self._pump, *self._deliveries, return_exceptions=True)
        await self._sender.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _run(self) -> None:
        """Send callbacks as tasks end."""
        while True:
            self._wake.clear()
            self._deliver_due()
            ending = self.engine.next_ending()
            pause = None if ending is None else self.clock.until(ending)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    def _deliver_due(self) -> None:
        for task in self.engine.ended(self.clock.now()):
            url = task.request.get("callBackUrl")
            if url:
                delivery = asyncio.create_task(self._deliver(str(url), task.id, shapes.callback(task, task.completed)))
                self._deliveries.add(delivery)
                delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, url: str, task_id: str, payload: dict[str, Any]) -> None:
        now = self.clock.now()
        status, trouble = await self._sender.send(url, task_id, payload, now)
        self.journal.add(Entry(now, "callback", "POST", url, status, trouble, task_id))


async def _read(request: Request) -> bytes | None:
    """The body, or None where it is too large; then the rest is not kept."""
    content = bytearray()
    async for chunk in request.stream():
        if len(content) <= LARGEST_BODY:
            content += chunk
    return bytes(content) if len(content) <= LARGEST_BODY else None
