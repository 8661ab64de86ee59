"""A database that accepts connections and never answers delays only its own callbacks."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from apikley.errors import InboxUnavailable
from apikley.receiver import Inbox, Receiver
from apikley.receiver.inbox import database
from apikley.receiver.inbox.group_commit import GroupCommit
from apikley.receiver.inbox.rows import Completion
from apikley.receiver.web import request_check
from contract_tests.receiver.receivers import HANG, WEBHOOK_KEY, body_of, signed

TASK = "task_1"
BODY = body_of(TASK)


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def url(silent: socket.socket, query: str = "") -> str:
    return f"postgresql://user:secret@127.0.0.1:{silent.getsockname()[1]}/inbox{query}"


@pytest.fixture
def receiver(silent: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that gives up on a callback long before it gives up on the database."""
    monkeypatch.setattr(request_check, "STORE_TIMEOUT", 0.1)
    made = Receiver(WEBHOOK_KEY, inbox=url(silent), workers=1)
    yield made
    silent.close()  # ends the waiting
    made.stop()
    made.inbox.close()


async def serve(receiver: Receiver, scope: dict[str, Any], message: dict[str, Any], record: str) -> list[str]:
    """Serve one ASGI message; returns the loop's events: that it was free, and a field of what the receiver sent."""
    seen: list[str] = []
    asyncio.get_running_loop().call_soon(seen.append, "the loop is free")

    async def receive() -> Any:
        return message

    async def send(message: Any) -> None:
        seen.append(str(message.get(record, "")))

    await receiver(scope, receive, send)
    return seen


def test_the_first_asgi_callback_is_refused_and_the_loop_stays_free(receiver: Receiver) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in signed(TASK, time.time()).items()]
    scope = {"type": "http", "method": "POST", "headers": headers, "query_string": b""}
    seen = asyncio.run(serve(receiver, scope, {"type": "http.request", "body": BODY}, "status"))
    assert seen[:2] == ["the loop is free", "503"]


def test_the_first_wsgi_callback_is_refused(receiver: Receiver) -> None:
    statuses: list[str] = []
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in signed(TASK, time.time()).items()}
    environ = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(BODY), "CONTENT_LENGTH": str(len(BODY)), **headers}
    receiver.wsgi(environ, lambda status, _: statuses.append(status))
    assert statuses == ["503 Service Unavailable"]


def test_the_loop_stays_free_while_the_receiver_starts(receiver: Receiver, silent: socket.socket) -> None:
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(seen.append, "the loop is free")
        loop.call_later(0.1, silent.close)
        try:
            async with receiver:
                pass
        except InboxUnavailable as error:
            seen.append(str(error))

    asyncio.run(main())
    assert seen[0] == "the loop is free"
    assert "cannot be opened" in seen[1]


def test_the_servers_loop_stays_free_while_the_receiver_starts(receiver: Receiver, silent: socket.socket) -> None:
    async def main() -> list[str]:
        asyncio.get_running_loop().call_later(0.1, silent.close)
        return await serve(receiver, {"type": "lifespan"}, {"type": "lifespan.startup"}, "type")

    assert asyncio.run(main()) == ["the loop is free", "lifespan.startup.failed"]


@pytest.mark.parametrize(("limit", "query"), [(2, ""), (600, "?connect_timeout=2")], ids=["default", "in the URL"])
def test_a_silent_server_is_given_up_after_the_connect_timeout(
    silent: socket.socket, monkeypatch: pytest.MonkeyPatch, limit: int, query: str
) -> None:
    monkeypatch.setitem(database._POSTGRESQL_LIMITS, "connect_timeout", limit)
    with pytest.raises(InboxUnavailable, match=r"cannot be opened: .*timeout"):
        Inbox(url(silent, query)).counts()


def test_writes_that_wait_for_an_unavailable_inbox_fail_together(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox(":memory:")
    sizes: list[int] = []
    entered, go_on = threading.Event(), threading.Event()

    def write(operations: Any) -> None:
        sizes.append(len(operations))
        entered.set()
        assert go_on.wait(HANG)
        raise InboxUnavailable("the inbox cannot be opened")

    monkeypatch.setattr(inbox, "write", write)
    commit = GroupCommit(inbox)
    futures = [commit.submit(Completion("task_0", "success", b"", 0))]
    assert entered.wait(HANG)
    futures += [commit.submit(Completion(f"task_{n}", "success", b"", 0)) for n in range(1, 50)]
    go_on.set()
    commit.close()
    assert [str(future.exception()) for future in futures] == ["the inbox cannot be opened"] * 50
    assert sizes == [1, 49]
