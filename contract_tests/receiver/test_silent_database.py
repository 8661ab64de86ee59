"""A database that accepts connections and never responds delays only its own callbacks."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from apikley._database import database
from apikley.errors import InboxUnavailable
from apikley.receiver import Inbox, Receiver
from apikley.receiver.web import request_check
from contract_tests.receiver.receivers import (
    LOOP_IS_FREE,
    body_of,
    closing_receivers,
    exchange,
    signed,
    wsgi,
)

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
    with closing_receivers(inbox=url(silent), workers=1) as make:
        yield make()
        silent.close()  # ends the waiting


def test_the_first_asgi_callback_is_refused_and_the_loop_stays_free(receiver: Receiver) -> None:
    message = {"type": "http.request", "body": BODY}
    sent = asyncio.run(exchange(receiver, message, headers=signed(TASK, time.time())))
    assert [sent[0], sent[1]["status"]] == [LOOP_IS_FREE, 503]


def test_the_first_wsgi_callback_is_refused(receiver: Receiver) -> None:
    status = wsgi(receiver, signed(TASK, time.time()), BODY, CONTENT_LENGTH=str(len(BODY)))
    assert status == "503 Service Unavailable"


def test_the_loop_stays_free_while_the_receiver_starts(receiver: Receiver, silent: socket.socket) -> None:
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(seen.append, LOOP_IS_FREE)
        loop.call_later(0.1, silent.close)
        with pytest.raises(InboxUnavailable, match="is unavailable"):
            await receiver.__aenter__()
        seen.append("started")

    asyncio.run(main())
    assert seen == [LOOP_IS_FREE, "started"]


def test_the_servers_loop_stays_free_while_the_receiver_starts(receiver: Receiver, silent: socket.socket) -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_later(0.1, silent.close)
        sent = await exchange(receiver, {"type": "lifespan.startup"}, kind="lifespan")
        assert [sent[0], sent[1]["type"]] == [LOOP_IS_FREE, "lifespan.startup.failed"]

    asyncio.run(main())


@pytest.mark.parametrize(("limit", "query"), [(2, ""), (600, "?connect_timeout=2")], ids=["default", "in the URL"])
def test_a_silent_server_is_given_up_after_the_connect_timeout(
    silent: socket.socket, monkeypatch: pytest.MonkeyPatch, limit: int, query: str
) -> None:
    monkeypatch.setitem(database._POSTGRESQL_LIMITS, "connect_timeout", limit)
    with pytest.raises(InboxUnavailable, match=r"is unavailable: .*timeout"):
        Inbox(url(silent, query)).counts()
