"""Whatever interrupts a create says whether a task may exist, and nothing claims so before the first byte."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any

import httpcore2
import httpx2
import pytest

from apikley import Apikley, AsyncApikley, CreateOutcomeUnknown, TransportError
from apikley._flows.create import NOT_SENT_NOTE
from apikley._http import bodies
from contract_tests.client.fake_service import BASE, BOTH, TASK, Service, call_create, created
from contract_tests.client.test_connections import Server
from contract_tests.conftest import KEY


class Interruption(BaseException):
    """Comes from outside, like Ctrl-C."""


class TimeLimit(Exception):
    """Thrown into a thread, like the soft time limit of a task queue."""


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


def _notes(error: BaseException) -> str:
    return "; ".join(getattr(error, "__notes__", ()))


def _create_sync(url: str, **options: Any) -> Any:
    with Apikley(KEY, base_url=url, **options) as api:
        return call_create(api)


def _create_async(url: str, **options: Any) -> Any:
    async def main() -> Any:
        async with AsyncApikley(KEY, base_url=url, **options) as api:
            return await call_create(api)

    return asyncio.run(main())


CREATES = pytest.mark.parametrize("create", [_create_sync, _create_async])


def _raise_at(monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException) -> None:
    """Raise an error where the network stack reaches a step."""

    def raising(*_: Any, **__: Any) -> Any:
        raise error

    connections = (httpcore2.HTTP11Connection, httpcore2.AsyncHTTP11Connection)
    for kind in (*connections, httpcore2.SyncBackend, httpcore2.AnyIOBackend):
        if hasattr(kind, step):
            monkeypatch.setattr(kind, step, raising)


@CREATES
@pytest.mark.parametrize("kind", [Interruption, TimeLimit])
def test_an_interruption_after_the_first_byte_carries_a_note(
    server: Server, create: Any, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    _raise_at(monkeypatch, "_receive_response_headers", kind())
    with pytest.raises((kind, CreateOutcomeUnknown)) as caught:
        create(server.url)
    assert isinstance(caught.value, CreateOutcomeUnknown) or "may have been created and paid" in _notes(caught.value)


@CREATES
def test_an_interruption_before_the_first_byte_says_that_nothing_was_sent(
    server: Server, create: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _raise_at(monkeypatch, "connect_tcp", Interruption())
    with pytest.raises(Interruption) as caught:
        create(server.url)
    assert _notes(caught.value) == NOT_SENT_NOTE


@CREATES
def test_a_failure_before_the_first_byte_leaves_no_doubt(
    server: Server, create: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _raise_at(monkeypatch, "connect_tcp", ssl.SSLError("handshake failed"))
    with pytest.raises(TransportError, match=r"not sent: .*handshake failed"):
        create(server.url, max_retries=0)
    assert server.used == []


@CREATES
@pytest.mark.parametrize("place", ["reading", "returning"])
def test_an_interruption_between_the_steps_of_a_create_carries_a_note(
    server: Server, create: Any, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> Any:
        raise Interruption

    if place == "reading":
        monkeypatch.setattr(bodies, "parse_envelope", interrupt)
    else:
        monkeypatch.setattr(Apikley, "_task", interrupt)
        monkeypatch.setattr(AsyncApikley, "_task", interrupt)
    with pytest.raises(Interruption) as caught:
        create(server.url)
    if place == "reading":
        assert "may have been created and paid" in _notes(caught.value)
    else:
        assert caught.value.task_id.startswith("task-1-")  # type: ignore[attr-defined]
        assert f"task {caught.value.task_id} was created and paid" in _notes(caught.value)  # type: ignore[attr-defined]


@pytest.mark.parametrize("run", BOTH)
def test_an_error_of_the_library_carries_no_note(run: Any) -> None:
    with pytest.raises(CreateOutcomeUnknown) as caught:
        run(Service(httpx2.ReadTimeout("late")), call_create)
    assert _notes(caught.value) == ""


def test_a_request_hook_that_raises_has_sent_nothing_and_is_not_repeated(server: Server) -> None:
    calls = []

    def hook(request: httpx2.Request) -> None:
        calls.append(request)
        raise TimeLimit("refused by a hook")

    with httpx2.Client(event_hooks={"request": [hook]}) as http, pytest.raises(TransportError) as caught:
        call_create(Apikley(KEY, base_url=server.url, http_client=http))
    assert str(caught.value) == "not sent: TimeLimit: refused by a hook"
    assert isinstance(caught.value.__cause__, TimeLimit)
    assert (len(calls), server.used) == (1, [])


def test_an_error_from_outside_is_not_repeated_by_a_poll() -> None:
    calls = []

    def transport(request: httpx2.Request) -> httpx2.Response:
        calls.append(request)
        raise TimeLimit

    with httpx2.Client(transport=httpx2.MockTransport(transport)) as http:
        api = Apikley(KEY, base_url=BASE, http_client=http)
        for call in (api.get_credits, lambda: api.wait("task_1", 60)):
            calls.clear()
            with pytest.raises(TransportError) as caught:
                call()
            assert isinstance(caught.value.__cause__, TimeLimit)
            assert len(calls) == 1


def test_a_create_through_an_unobservable_transport_may_have_been_sent() -> None:
    def transport(_: httpx2.Request) -> httpx2.Response:
        raise TimeLimit

    with httpx2.Client(transport=httpx2.MockTransport(transport)) as http, pytest.raises(CreateOutcomeUnknown):
        call_create(Apikley(KEY, base_url=BASE, http_client=http))


def test_a_create_through_a_proxy_that_refuses_is_not_sent() -> None:
    transport = httpx2.MockTransport(lambda _: (_ for _ in ()).throw(httpx2.ProxyError("403 Forbidden")))
    with httpx2.Client(transport=transport) as http, pytest.raises(TransportError, match="not sent"):
        call_create(Apikley(KEY, base_url=BASE, http_client=http, max_retries=0))


def test_a_successful_create_has_no_note() -> None:
    with httpx2.Client(transport=httpx2.MockTransport(Service(created()))) as http:
        assert call_create(Apikley(KEY, base_url=BASE, http_client=http)).id == TASK
