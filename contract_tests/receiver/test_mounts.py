"""The receiver mounts in real frameworks, as its guide shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from apikley.callbacks import sign
from apikley.receiver import Event, Receiver
from apikley.receiver.web import request_check
from contract_tests.project.documents import blocks
from contract_tests.receiver.receivers import (
    HANG,
    WEBHOOK_KEY,
    MakeReceiver,
    asgi,
    body_of,
    configure_django,
    post,
    signed,
    store,
    wsgi,
)
from scripts.pipeline.io import ROOT

TASK = "task_1"
BODY = body_of(TASK)
GUIDE = ROOT / "docs" / "how-to" / "receive-callbacks.md"
BLOCKS = [block.code for block in blocks(GUIDE) if block.language == "python"]
PATH = "/apikley"


@pytest.fixture
def receiver(make_receiver: MakeReceiver) -> Receiver:
    return make_receiver()


FRAMEWORKS = {"fastapi": "fastapi", "starlette": "fastapi", "django": "django.core.asgi", "flask": "flask"}


@pytest.fixture(params=FRAMEWORKS)
def project(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The names that the guide's code for a framework defines."""
    code = next(block for block in BLOCKS if f"from {FRAMEWORKS[request.param]}" in block)
    if request.param == "starlette":
        code = code.replace("from fastapi import FastAPI", "from starlette.applications import Starlette as FastAPI")
    configure_django()
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "project"}
    exec(compile(code, GUIDE.name, "exec"), names)  # noqa: S102 - our own text
    yield SimpleNamespace(**names)
    names["receiver"].stop()
    names["receiver"].inbox.close()


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("root", ["", "/api"])
def test_the_documented_code_receives_callbacks(project: Any, end: str, root: str) -> None:
    genuine = {"Content-Type": "application/json", **sign(TASK, "your-webhook-key")}
    forged = {**genuine, "X-Webhook-Signature": "no"}
    requests = [(PATH + end, genuine), (PATH + end, forged), ("/other", genuine), (f"{PATH}s", genuine)]
    if hasattr(project, "DispatcherMiddleware"):
        client = project.app.test_client()
        responses = [
            client.post(path, data=BODY, headers=headers, environ_overrides={"SCRIPT_NAME": root})
            for path, headers in requests
        ]
        page = client.get("/page/")
    else:
        app = getattr(project, "app", None) or project.application
        responses = [post(app, BODY, headers, path, root=root) for path, headers in requests]
        page = post(app, b"", {}, "/page/", "GET", root=root)
    assert [response.status_code for response in responses] == [200, 401, 404, 404]
    is_django = hasattr(project, "project")
    assert page.status_code == (200 if is_django else 404), "the project serves the other paths"
    assert project.receiver.inbox.counts() == {"pending": 1}


WSGI = {
    "200": (BODY, signed(TASK), {}),
    "401": (BODY, {}, {}),
    "400": (b"{}", signed(TASK), {}),
    "415": (BODY, signed(TASK), {"CONTENT_TYPE": "text/plain"}),
    "413": (b" " * (request_check.MAX_BODY + 1), signed(TASK), {}),
    "405": (b"", {}, {"REQUEST_METHOD": "GET"}),
}


@pytest.mark.parametrize(("status", "request_of"), WSGI.items(), ids=WSGI)
def test_a_wsgi_server_gets_every_response(receiver: Receiver, status: str, request_of: Any) -> None:
    body, headers, environ = request_of
    assert wsgi(receiver, headers, body, **{"CONTENT_LENGTH": str(len(body)), **environ})[:3] == status


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


def test_a_receiver_starts_and_stops_with_the_applications_lifespan(threaded: MakeReceiver) -> None:
    from fastapi import FastAPI

    receiver = threaded()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with receiver:
            yield

    async def main() -> None:
        handled = asyncio.Event()

        @receiver.on_any
        async def handle(event: Event) -> None:
            handled.set()

        store(receiver)
        app = FastAPI(lifespan=lifespan)
        async with app.router.lifespan_context(app):
            await asyncio.wait_for(handled.wait(), HANG)
        assert receiver.inbox.counts() == {"done": 1}

    asyncio.run(main())


STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}


def test_a_receiver_is_an_application_of_its_own(receiver: Receiver) -> None:
    types = [message["type"] for message in asgi(receiver, STARTUP, SHUTDOWN, kind="lifespan")]
    assert types == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_failed_start_tells_the_server_why(tmp_path: Path) -> None:
    (message,) = asgi(Receiver(WEBHOOK_KEY, inbox=tmp_path / "none" / "inbox.db"), STARTUP, kind="lifespan")
    assert message["type"] == "lifespan.startup.failed"
    assert "is unavailable" in message["message"]


def test_a_websocket_is_closed(receiver: Receiver) -> None:
    assert asgi(receiver, kind="websocket") == [{"type": "websocket.close", "code": 1003}]


def test_a_receiver_is_a_django_view(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from django.test import RequestFactory
    from django.urls import resolve

    configure_django()
    monkeypatch.chdir(tmp_path)
    urls = ModuleType("urls")
    code = next(block for block in BLOCKS if "django_view" in block)
    exec(compile(code, GUIDE.name, "exec"), vars(urls))  # noqa: S102 - our own text
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sign(TASK, "your-webhook-key").items()
    }
    requests = RequestFactory()
    for place in ("/apikley", "/apikley/"):
        view = resolve(place, urls).func
        assert view.csrf_exempt
        send: Any = partial(requests.post, place, BODY, content_type="application/json")
        assert [view(send(**headers)).status_code, view(send()).status_code] == [200, 401]
        assert view(requests.get(place)).status_code == 405
        assert view(send(**headers)).headers["Content-Type"] == "application/json"
    receiver: Receiver = urls.receiver
    assert receiver.inbox.counts() == {"pending": 1}
    receiver.stop()
    receiver.inbox.close()
