"""The hook `before_send`: it runs when the connection is open, and nothing is sent without it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from apikley import Apikley, AsyncApikley, RateLimited, TransportError
from contract_tests.client.fake_service import BOTH, Service, call_create, created, envelope
from contract_tests.conftest import KEY

BODY = {
    "model": "hailuo/02-image-to-video-pro",
    "input": {"prompt": "a ship", "image_url": "https://files.example.com/a.png"},
}


class Stopped(Exception):
    """What a hook raises."""


def create(hook: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda api: api.create_raw(BODY, before_send=hook)


def create_sync(url: str, hook: Callable[[], Any]) -> Any:
    with Apikley(KEY, base_url=url, max_retries=0) as api:
        return api.create_raw(BODY, before_send=hook)


def create_async(url: str, hook: Callable[[], Any]) -> Any:
    async def main() -> Any:
        async def awaited() -> None:
            hook()

        async with AsyncApikley(KEY, base_url=url, max_retries=0) as api:
            return await api.create_raw(BODY, before_send=awaited)

    return asyncio.run(main())


CREATES = [create_sync, create_async]


@pytest.mark.parametrize("run", BOTH)
def test_the_hook_is_called_before_the_request_is_sent(run: Any) -> None:
    order: list[str] = []
    service = Service(lambda _: order.append("sent") or created())  # type: ignore[func-returns-value]
    run(service, create(lambda: order.append("hook")))
    assert order == ["hook", "sent"]


@pytest.mark.parametrize("run", BOTH)
def test_the_hook_is_called_before_each_attempt(run: Any) -> None:
    calls: list[str] = []
    service = Service(envelope(429, "slow down"), created())
    run(service, create(lambda: calls.append("hook")), max_retries=1)
    assert len(calls) == len(service.requests) == 2


@pytest.mark.parametrize("run", BOTH)
def test_an_exception_of_the_hook_is_raised_and_nothing_is_sent(run: Any) -> None:
    def stop() -> None:
        raise Stopped

    service = Service(created())
    with pytest.raises(Stopped):
        run(service, create(stop))
    assert not service.requests


@pytest.mark.parametrize("run", BOTH)
def test_a_create_without_a_hook_is_sent(run: Any) -> None:
    task, _ = run(Service(created()), call_create)
    assert task.id


@pytest.mark.parametrize("create_at", CREATES)
def test_the_connection_is_open_and_empty_when_the_hook_runs(create_at: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        seen: list[bytes] = []

        def hook() -> None:
            connection, _ = server.accept()  # returns because the client has connected
            with connection:
                connection.setblocking(False)
                try:
                    seen.append(connection.recv(1))
                except BlockingIOError:
                    seen.append(b"nothing")
            raise Stopped

        with pytest.raises(Stopped):
            create_at(f"http://127.0.0.1:{server.getsockname()[1]}", hook)
        assert seen == [b"nothing"]


@pytest.mark.parametrize("create_at", CREATES)
def test_the_hook_is_not_called_without_a_connection(create_at: Any) -> None:
    calls: list[str] = []
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # not listening, so it refuses connections
        with pytest.raises(TransportError, match="not sent: "):
            create_at(f"http://127.0.0.1:{unused.getsockname()[1]}", lambda: calls.append("hook"))
    assert not calls


@pytest.mark.parametrize("run", BOTH)
def test_a_refusal_after_the_hook_is_reported(run: Any) -> None:
    with pytest.raises(RateLimited):
        run(Service(envelope(429, "slow down")), create(lambda: None), max_retries=0)
