"""The receiver mounts in the frameworks that people use, for real."""

from __future__ import annotations

import asyncio
import io
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
from apikley.receiver.web import request_check as gate
from contract_tests.receiver.receivers import START, WEBHOOK_KEY, DrivenClock, body_of, post, signed
from scripts.pipeline.io import ROOT

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
        heard.append(event.event_id)

    yield made
    made.stop()
    made.inbox.close()


def django() -> None:
    """Settings of a project with a page of its own, which corrects slashes as a new project does."""
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    if not settings.configured:
        pages = (path("page/", lambda _: HttpResponse("a page")),)
        middleware = ["django.middleware.common.CommonMiddleware"]
        settings.configure(ROOT_URLCONF=pages, ALLOWED_HOSTS=["*"], SECRET_KEY="x", MIDDLEWARE=middleware)


def read_of(framework: str) -> tuple[str, str]:
    """The code by which the README mounts a receiver there, and the path of the callback URL that it creates with."""
    text = (ROOT / "apikley" / "receiver" / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    (code,) = [block for block in blocks if f"from {'fastapi' if framework == 'starlette' else framework}" in block]
    if framework == "starlette":  # which is told to take the place of FastAPI there
        code = code.replace("from fastapi import FastAPI", "from starlette.applications import Starlette as FastAPI")
    (url,) = re.findall(r'callback_url="(.*?)"', text)
    return code, urlsplit(url).path


@pytest.fixture
def documented(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Runs the code that the README has for a framework; its receiver handles only when it is told to."""
    made: list[Receiver] = []

    def receiver(key: str, *, inbox: str) -> Receiver:
        made.append(Receiver(key, inbox=tmp_path / inbox, workers=0))
        return made[-1]

    def run(framework: str) -> Any:
        monkeypatch.setattr("apikley.receiver.Receiver", receiver)
        if framework == "django":
            django()
        names: dict[str, Any] = {"__name__": "project"}
        exec(compile(read_of(framework)[0], "README.md", "exec"), names)  # noqa: S102 - our own text
        return SimpleNamespace(**names)

    yield run
    for each in made:
        each.stop()
        each.inbox.close()


def genuine(task_id: str) -> dict[str, str]:
    return {"Content-Type": "application/json", **sign(task_id, "your-webhook-key")}


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("framework", ["fastapi", "starlette", "django", "flask"])
def test_it_takes_what_is_sent_to_the_documented_url(
    documented: Callable[[str], Any], framework: str, end: str
) -> None:
    project = documented(framework)
    place = read_of(framework)[1] + end
    forged = {**genuine(TASK), "X-Webhook-Signature": "no"}
    if framework == "flask":
        client = project.app.test_client()
        answers = [client.post(path, data=BODY, headers=headers) for path, headers in to_and_beside(place, forged)]
        page = client.get("/page/")
    else:
        app = getattr(project, "app", None) or project.application
        answers = [post(app, BODY, headers, path) for path, headers in to_and_beside(place, forged)]
        page = post(app, b"", {}, "/page/", "GET")
    assert [answer.status_code for answer in answers] == [200, 401, 404, 404]
    assert page.status_code == (200 if framework == "django" else 404), "the rest is the project's own"
    assert project.receiver.inbox.counts() == {"pending": 1}


def to_and_beside(place: str, forged: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    return [(place, genuine(TASK)), (place, forged), ("/other", genuine(TASK)), ("/apikleys", genuine(TASK))]


def test_it_answers_all_that_is_sent_to_it_in_flask(receiver: Receiver, heard: list[str]) -> None:
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
        client.post("/hook", data=b" " * (gate.MAX_BODY + 1), headers=signed(TASK)).status_code,
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
    assert wsgi(receiver, b" " * (gate.MAX_BODY + 1), **{"wsgi.input_terminated": True}).startswith("413 ")
    assert wsgi(receiver, BODY) == "400 Bad Request"


def test_a_wsgi_request_that_cannot_be_stored_is_not_acknowledged(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver.inbox, "write", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    assert wsgi(receiver, BODY, CONTENT_LENGTH=str(len(BODY))) == "503 Service Unavailable"


def test_it_starts_and_stops_with_the_applications_lifespan() -> None:
    from fastapi import FastAPI
    from starlette.routing import Route

    receiver = Receiver(WEBHOOK_KEY, inbox=":memory:", clock=DrivenClock())

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
        app.router.routes.append(Route("/hook", receiver))
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://t") as client:
                await client.post("/hook", content=BODY, headers=signed(TASK, START))
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
