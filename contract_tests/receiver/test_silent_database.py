"""A database that takes connections and says nothing holds up nobody but the callbacks that it is to keep."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from apikley.errors import ConfigurationError
from apikley.receiver import Inbox, Receiver
from apikley.receiver.inbox import database
from apikley.receiver.inbox.group_commit import GroupCommit
from apikley.receiver.inbox.rows import Delivery
from apikley.receiver.web import request_check as gate
from contract_tests.receiver.receivers import WEBHOOK_KEY, body_of, signed

TASK = "task_1"
BODY = body_of(TASK)


@pytest.fixture
def silence() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def url(silence: socket.socket, query: str = "") -> str:
    return f"postgresql://user:secret@127.0.0.1:{silence.getsockname()[1]}/inbox{query}"


@pytest.fixture
def receiver(silence: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that gives a callback up long before it gives the database up."""
    monkeypatch.setattr(gate, "STORE_TIMEOUT", 0.1)
    made = Receiver(WEBHOOK_KEY, inbox=url(silence), workers=1)
    yield made
    silence.close()  # which ends the waiting
    made.stop()
    made.inbox.close()


def told(said: list[str], what: str) -> Any:
    """An ASGI `send` that notes what it is told, and a loop that notes when it had time for something else."""
    asyncio.get_running_loop().call_soon(said.append, "something else")

    async def send(message: Any) -> None:
        said.append(str(message.get(what, "")))

    return send


def test_the_first_callback_is_refused_in_time_and_the_application_goes_on(receiver: Receiver) -> None:
    said: list[str] = []
    headers = [(name.lower().encode(), value.encode()) for name, value in signed(TASK, time.time()).items()]

    async def receive() -> Any:
        return {"type": "http.request", "body": BODY}

    async def main() -> None:
        scope = {"type": "http", "method": "POST", "headers": headers, "query_string": b""}
        await receiver(scope, receive, told(said, "status"))

    asyncio.run(main())
    assert said[:2] == ["something else", "503"]


def test_under_wsgi_the_first_callback_is_refused_in_time_too(receiver: Receiver) -> None:
    said: list[str] = []
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in signed(TASK, time.time()).items()}
    environ = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(BODY), "CONTENT_LENGTH": str(len(BODY)), **headers}
    begun = time.monotonic()
    receiver.wsgi(environ, lambda status, _: said.append(status))
    assert said == ["503 Service Unavailable"]
    assert time.monotonic() - begun < 4, "before the database is given up"


def test_the_application_goes_on_while_the_receiver_starts(receiver: Receiver, silence: socket.socket) -> None:
    said: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(said.append, "something else")
        loop.call_later(0.1, silence.close)
        try:
            async with receiver:
                pass
        except ConfigurationError as error:
            said.append(str(error))

    asyncio.run(main())
    assert said[0] == "something else"
    assert "cannot be opened" in said[1]


def test_a_servers_loop_goes_on_while_the_receiver_starts_with_it(receiver: Receiver, silence: socket.socket) -> None:
    said: list[str] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def main() -> None:
        asyncio.get_running_loop().call_later(0.1, silence.close)
        await receiver({"type": "lifespan"}, receive, told(said, "type"))

    asyncio.run(main())
    assert said == ["something else", "lifespan.startup.failed"]


@pytest.mark.parametrize(("limit", "query"), [(2, ""), (600, "?connect_timeout=2")], ids=["ours", "the user's"])
def test_a_server_that_lets_nobody_in_is_given_up(
    silence: socket.socket, monkeypatch: pytest.MonkeyPatch, limit: int, query: str
) -> None:
    monkeypatch.setitem(database._LIMITS, "connect_timeout", limit)
    with pytest.raises(ConfigurationError, match=r"cannot be opened: .*timeout"):
        Inbox(url(silence, query)).counts()


def test_those_that_wait_for_an_inbox_that_does_not_open_are_refused_together(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox(":memory:")
    sizes: list[int] = []
    entered, go_on = threading.Event(), threading.Event()

    def write(operations: Any) -> None:
        sizes.append(len(operations))
        entered.set()
        assert go_on.wait(10)
        raise ConfigurationError("the inbox cannot be opened")

    monkeypatch.setattr(inbox, "write", write)
    commit = GroupCommit(inbox)
    futures = [commit.submit(Completion("task_0", "success", b"", 0))]
    assert entered.wait(10)
    futures += [commit.submit(Completion(f"task_{n}", "success", b"", 0)) for n in range(1, 50)]
    go_on.set()
    commit.close()
    assert [str(future.exception()) for future in futures] == ["the inbox cannot be opened"] * 50
    assert sizes == [1, 49]
