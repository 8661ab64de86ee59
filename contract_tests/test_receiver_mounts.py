"""The receiver mounts in the frameworks that people use, for real."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from apikley.receiver import Event, Receiver
from apikley.receiver import _gate as gate
from contract_tests.receivers import START, WEBHOOK_KEY, DrivenClock, body_of, post, signed

TASK = "task_1"
BODY = body_of(TASK)


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def receiver(heard: list[str]) -> Iterator[Receiver]:
    made = Receiver(WEBHOOK_KEY, inbox=":memory:", workers=0, clock=DrivenClock())

    @made.on_any
    def handle(event: Event) -> None:
        heard.append(event.key)

    yield made
    made.stop()
    made.inbox.close()


def starlette(receiver: Receiver) -> Any:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    return Starlette(routes=[Mount("/hook", app=receiver)])


def fastapi(receiver: Receiver) -> Any:
    from fastapi import FastAPI

    app = FastAPI()
    app.mount("/hook", receiver)
    return app


def django(receiver: Receiver) -> Any:
    from django.conf import settings
    from django.core.asgi import get_asgi_application

    if not settings.configured:
        settings.configure(ROOT_URLCONF=(), ALLOWED_HOSTS=["*"], SECRET_KEY="x")
    project = get_asgi_application()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        ours = scope["type"] == "http" and scope["path"].startswith("/hook")
        await (receiver if ours else project)(scope, receive, send)

    return application


@pytest.mark.parametrize("mount", [starlette, fastapi, django])
def test_it_is_mounted_in_an_asgi_application(receiver: Receiver, heard: list[str], mount: Any) -> None:
    app = mount(receiver)
    taken = post(app, BODY, signed(TASK), "/hook/")
    refused = post(app, BODY, {**signed(TASK), "X-Webhook-Signature": "no"}, "/hook/")
    elsewhere = post(app, BODY, signed(TASK), "/other")
    assert [taken.status_code, refused.status_code, elsewhere.status_code] == [200, 401, 404]
    receiver.work()
    assert heard == ["task_1:success"]


def test_it_is_mounted_in_flask(receiver: Receiver, heard: list[str]) -> None:
    from flask import Flask
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    app = Flask("project")
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/hook": receiver.wsgi})  # type: ignore[method-assign]
    client = app.test_client()
    statuses = [
        client.post("/hook", data=BODY, headers=signed(TASK)).status_code,
        client.post("/hook", data=BODY, headers={**signed(TASK), "X-Webhook-Signature": "no"}).status_code,
        client.post("/hook", data=b"{}", headers=signed(TASK)).status_code,
        client.post("/hook", data=BODY, headers={**signed(TASK), "Content-Type": "text/plain"}).status_code,
        client.post("/hook", data=b" " * (gate.LARGEST + 1), headers=signed(TASK)).status_code,
        client.get("/hook").status_code,
        client.post("/other").status_code,
    ]
    assert statuses == [200, 401, 400, 415, 413, 405, 404]
    receiver.work()
    assert heard == ["task_1:success"]


def wsgi(receiver: Receiver, body: bytes, **environ: Any) -> str:
    said: list[str] = []
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in signed(TASK).items()}
    base = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body), **headers}
    receiver.wsgi({**base, **environ}, lambda status, _: said.append(status))
    return said[0]


def test_a_wsgi_request_without_a_length_ends_where_the_server_says(receiver: Receiver) -> None:
    assert wsgi(receiver, BODY, **{"wsgi.input_terminated": True}) == "200 OK"
    assert wsgi(receiver, b" " * (gate.LARGEST + 1), **{"wsgi.input_terminated": True}).startswith("413 ")
    assert wsgi(receiver, BODY) == "400 Bad Request"


def test_a_wsgi_request_that_cannot_be_stored_is_not_acknowledged(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver.inbox, "write", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    assert wsgi(receiver, BODY, CONTENT_LENGTH=str(len(BODY))) == "503 Service Unavailable"


def test_it_starts_and_stops_with_the_applications_lifespan() -> None:
    from fastapi import FastAPI

    receiver = Receiver(WEBHOOK_KEY, inbox=":memory:", clock=DrivenClock(), in_app_loop=True)

    async def main() -> str:
        ended = asyncio.Event()
        loops: list[Any] = []

        @receiver.on_any
        async def handle(event: Event) -> None:
            loops.append(asyncio.get_running_loop())
            ended.set()

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            async with receiver:
                yield

        app = FastAPI(lifespan=lifespan)
        app.mount("/hook", receiver)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                await client.post("/hook/", content=BODY, headers=signed(TASK, START))
            await asyncio.wait_for(ended.wait(), 10)
        assert loops == [asyncio.get_running_loop()], "async handlers run in the application's own loop"
        return str(receiver.inbox.counts())

    assert asyncio.run(main()) == "{'done': 1}"
    receiver.inbox.close()


def lifespan(receiver: Receiver) -> list[dict[str, Any]]:
    async def main() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await receiver({"type": "lifespan"}, receive, send)
        return sent

    return asyncio.run(main())


def test_it_is_an_application_of_its_own(receiver: Receiver) -> None:
    said = [message["type"] for message in lifespan(receiver)]
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_server_is_told_why_it_cannot_start(tmp_path: Any) -> None:
    (said,) = lifespan(Receiver(WEBHOOK_KEY, inbox=tmp_path / "none" / "inbox.db"))
    assert said["type"] == "lifespan.startup.failed"
    assert "cannot be opened" in said["message"]


def test_a_websocket_is_closed(receiver: Receiver) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    asyncio.run(receiver({"type": "websocket"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1003}]


def test_a_wsgi_length_in_digits_that_are_no_number_is_none(receiver: Receiver) -> None:
    assert wsgi(receiver, BODY, CONTENT_LENGTH="²", **{"wsgi.input_terminated": True}) == "200 OK"
    assert wsgi(receiver, BODY, CONTENT_LENGTH="²") == "400 Bad Request"
