"""The receiver mounts in real frameworks, as its README shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from apikley.callbacks import sign
from apikley.receiver import Event, Receiver
from apikley.receiver.web import request_check
from apikley.testing import ManualClock
from contract_tests.receiver.receivers import (
    HANG,
    WEBHOOK_KEY,
    MakeReceiver,
    asgi,
    body_of,
    collect,
    configure_django,
    post,
    signed,
    wsgi,
)
from scripts.pipeline.io import ROOT

TASK = "task_1"
BODY = body_of(TASK)
README = (ROOT / "apikley" / "receiver" / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def receiver(make_receiver: MakeReceiver) -> Receiver:
    return make_receiver()


def documented_code(framework: str) -> str:
    """The README's code for a framework."""
    blocks = re.findall(r"^```python\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    (code,) = [block for block in blocks if f"from {'fastapi' if framework == 'starlette' else framework}" in block]
    if framework == "starlette":
        code = code.replace("from fastapi import FastAPI", "from starlette.applications import Starlette as FastAPI")
    return str(code)


def documented_path() -> str:
    """The path of the README's callback URL."""
    (url,) = set(re.findall(r'callback_url="(.*?)"', README))
    return str(urlsplit(url).path)


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Runs the README's code for a framework, with a receiver that handles nothing."""
    receivers: list[Receiver] = []

    def receiver(webhook_key: str, *, inbox: str, **_: Any) -> Receiver:
        receivers.append(Receiver(webhook_key, inbox=tmp_path / inbox, workers=0))
        return receivers[-1]

    def run(framework: str) -> Any:
        monkeypatch.setattr("apikley.receiver.Receiver", receiver)
        if framework == "django":
            configure_django()
        names: dict[str, Any] = {"__name__": "project"}
        exec(compile(documented_code(framework), "README.md", "exec"), names)  # noqa: S102 - our own text
        return SimpleNamespace(**names)

    yield run
    for each in receivers:
        each.stop()
        each.inbox.close()


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("framework", ["fastapi", "starlette", "django", "flask"])
def test_the_documented_code_receives_callbacks(project: Callable[[str], Any], framework: str, end: str) -> None:
    names = project(framework)
    genuine = {"Content-Type": "application/json", **sign(TASK, "your-webhook-key")}
    requests = [
        (documented_path() + end, genuine),
        (documented_path() + end, {**genuine, "X-Webhook-Signature": "no"}),
        ("/other", genuine),
        (f"{documented_path()}s", genuine),
    ]
    if framework == "flask":
        client = names.app.test_client()
        responses = [client.post(path, data=BODY, headers=headers) for path, headers in requests]
        page = client.get("/page/")
    else:
        app = getattr(names, "app", None) or names.application
        responses = [post(app, BODY, headers, path) for path, headers in requests]
        page = post(app, b"", {}, "/page/", "GET")
    assert [response.status_code for response in responses] == [200, 401, 404, 404]
    assert page.status_code == (200 if framework == "django" else 404), "the project serves the other paths"
    assert names.receiver.inbox.counts() == {"pending": 1}


def test_flask_gets_every_response_of_the_receiver(receiver: Receiver) -> None:
    from flask import Flask
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    events = collect(receiver)
    app = Flask("project")
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/hook": receiver.wsgi})  # type: ignore[method-assign]
    client = app.test_client()
    statuses = [
        client.post("/hook", data=BODY, headers=signed(TASK)).status_code,
        client.post("/hook", data=BODY, headers={**signed(TASK), "X-Webhook-Signature": "no"}).status_code,
        client.post("/hook", data=b"{}", headers=signed(TASK)).status_code,
        client.post("/hook", data=BODY, headers={**signed(TASK), "Content-Type": "text/plain"}).status_code,
        client.post("/hook", data=b" " * (request_check.MAX_BODY + 1), headers=signed(TASK)).status_code,
        client.get("/hook").status_code,
        client.post("/other").status_code,
    ]
    assert statuses == [200, 401, 400, 415, 413, 405, 404]
    receiver.work()
    assert [event.event_id for event in events] == ["task_1:success"]


TERMINATED = {"wsgi.input_terminated": True}


def test_a_wsgi_body_without_length_needs_a_server_that_ends_it(receiver: Receiver) -> None:
    assert wsgi(receiver, signed(TASK), BODY, **TERMINATED) == "200 OK"
    assert wsgi(receiver, signed(TASK), b" " * (request_check.MAX_BODY + 1), **TERMINATED).startswith("413 ")
    assert wsgi(receiver, signed(TASK), BODY) == "400 Bad Request"


def test_a_malformed_wsgi_length_is_ignored(receiver: Receiver) -> None:
    assert wsgi(receiver, signed(TASK), BODY, CONTENT_LENGTH="²", **TERMINATED) == "200 OK"
    assert wsgi(receiver, signed(TASK), BODY, CONTENT_LENGTH="²") == "400 Bad Request"


def test_a_wsgi_callback_that_cannot_be_stored_is_not_acknowledged(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver.inbox, "write", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    assert wsgi(receiver, signed(TASK), BODY, CONTENT_LENGTH=str(len(BODY))) == "503 Service Unavailable"


def test_a_receiver_starts_and_stops_with_the_applications_lifespan(clock: ManualClock) -> None:
    from fastapi import FastAPI
    from starlette.routing import Route

    receiver = Receiver(WEBHOOK_KEY, inbox=":memory:", clock=clock)

    async def main() -> None:
        handled = asyncio.Event()

        @receiver.on_any
        async def handle(event: Event) -> None:
            handled.set()

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            async with receiver:
                yield

        app = FastAPI(lifespan=lifespan)
        app.router.routes.append(Route("/hook", receiver))
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://t") as client:
                await client.post("/hook", content=BODY, headers=signed(TASK))
            await asyncio.wait_for(handled.wait(), HANG)
        assert receiver.inbox.counts() == {"done": 1}

    asyncio.run(main())
    receiver.inbox.close()


STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}


def test_a_receiver_is_an_application_of_its_own(receiver: Receiver) -> None:
    types = [message["type"] for message in asgi(receiver, STARTUP, SHUTDOWN, kind="lifespan")]
    assert types == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_failed_start_tells_the_server_why(tmp_path: Path) -> None:
    (message,) = asgi(Receiver(WEBHOOK_KEY, inbox=tmp_path / "none" / "inbox.db"), STARTUP, kind="lifespan")
    assert message["type"] == "lifespan.startup.failed"
    assert "cannot be opened" in message["message"]


def test_a_websocket_is_closed(receiver: Receiver) -> None:
    assert asgi(receiver, kind="websocket") == [{"type": "websocket.close", "code": 1003}]
