"""The client takes its configuration from arguments and from the environment."""

from __future__ import annotations

import asyncio
from importlib.metadata import PackageNotFoundError
from typing import Any

import httpx2
import pytest

from apikley import Apikley, AsyncApikley, ConfigurationError, TransportError, WaitTimeout
from apikley.testing import ManualClock
from contract_tests.client.fake_service import Service, call_create, envelope
from contract_tests.conftest import KEY


def test_a_missing_key_names_where_keys_are_made() -> None:
    with pytest.raises(ConfigurationError, match="set the environment variable APIKLEY_API_KEY or pass api_key="):
        Apikley()


def test_key_and_base_url_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIKLEY_API_KEY", KEY)
    monkeypatch.setenv("APIKLEY_BASE_URL", "http://mock.test:8080/")
    service = Service(envelope(data=7))
    with Apikley(http_client=httpx2.Client(transport=httpx2.MockTransport(service))) as api:
        assert api.get_credits() == 7
    assert str(service.requests[0].url) == "http://mock.test:8080/api/v1/chat/credit"
    assert service.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_arguments_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIKLEY_BASE_URL", "http://other.test")
    assert repr(Apikley(KEY, base_url="http://mine.test")) == "<Apikley http://mine.test>"


def test_the_contracts_server_is_the_default() -> None:
    assert repr(AsyncApikley(KEY)) == "<AsyncApikley https://api.apikley.ru>"


@pytest.mark.parametrize("url", ["api.apikley.ru", "ftp://x.test", "http://", "http://x:99999", "http://[::1"])
def test_a_malformed_base_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an http or https URL with a host"):
        Apikley(KEY, base_url=url)


def test_timeouts_are_finite_by_default() -> None:
    with Apikley(KEY) as api:
        timeout = api._driver.clients.get().timeout
    assert None not in (timeout.connect, timeout.read, timeout.write, timeout.pool)


@pytest.mark.parametrize("own", [True, False])
def test_only_its_own_connections_are_closed(own: bool) -> None:
    theirs = httpx2.Client()
    api = Apikley(KEY, http_client=None if own else theirs)
    with api:
        used = api._driver.clients.get()
    assert used.is_closed is own
    theirs.close()


def test_the_async_client_closes_too() -> None:
    async def main() -> Any:
        async with AsyncApikley(KEY) as api:
            return api._driver.clients.get()

    assert asyncio.run(main()).is_closed


def test_an_uninstalled_copy_works_without_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("apikley._http.connection.version", missing)
    service = Service(envelope(data=7))
    with Apikley(KEY, http_client=httpx2.MockTransport(service)) as api:
        assert api.get_credits() == 7
    assert service.requests[0].headers["user-agent"] == "apikley"


@pytest.mark.parametrize("retries", [-1, None, 0.5, "2", True, float("nan")])
def test_an_invalid_max_retries_is_refused(retries: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^max_retries is .*, expected a whole number, 0 or more$"):
        Apikley(KEY, max_retries=retries)


@pytest.mark.parametrize("make", [Apikley, AsyncApikley])
@pytest.mark.parametrize(
    "timeout", [-1, 0, float("nan"), float("inf"), 1e300, "5", True, httpx2.Timeout(5, read=float("nan"))], ids=repr
)
def test_an_invalid_timeout_is_refused(make: Any, timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^timeout is .*, expected a number of seconds from 0 to 1,0.*not 0$"):
        make(KEY, timeout=timeout)


@pytest.mark.parametrize(
    "url",
    [
        "http://h\n",
        "http://h\x00",
        "http://h /",
        " http://h",
        "http://\ud800",
        "http://a..b",
        "http:///x",
    ],
    ids=ascii,
)
def test_an_unusable_base_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^the base URL .* is not an http or https URL with a host$"
    ) as caught:
        Apikley(KEY, base_url=url)
    assert str(caught.value).isascii()


@pytest.mark.parametrize("url", ["https://user:hunter2@h", "http://h?key=hunter2", "http://h#hunter2", "//x:hunter2@"])
def test_a_base_url_with_a_password_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the base URL contains a") as caught:
        Apikley(KEY, base_url=url)
    assert "hunter2" not in str(caught.value)


def _timeouts(**options: Any) -> list[Any]:
    """The timeouts of each request of a poll and a download."""
    record = {"taskId": "task_1", "state": "success", "resultJson": '{"resultUrls":["http://files.test/a.mp4"]}'}
    service = Service(envelope(data=record), httpx2.Response(404), envelope(data="http://files.test/b.mp4"))
    transport = httpx2.MockTransport(service)
    with httpx2.Client(transport=transport, **options.pop("own", {})) as http:
        api = Apikley(KEY, base_url="http://service.test", http_client=http, max_retries=0, **options)
        with pytest.raises(TransportError):
            api.download("task_1", "never.mp4")
    return [request.extensions["timeout"]["read"] for request in service.requests]


def test_the_timeout_argument_overrides_the_http_clients() -> None:
    assert set(_timeouts(timeout=1.5, own={"timeout": 7})) == {1.5}


def test_the_http_clients_timeout_is_the_default() -> None:
    assert set(_timeouts(own={"timeout": 7})) == {7}


def test_waits_use_the_given_clock() -> None:
    record = {"taskId": "task_1", "state": "waiting"}
    service = Service(envelope(data=record))
    clocks = ManualClock(), ManualClock()
    with (
        Apikley(KEY, clock=clocks[0], http_client=httpx2.MockTransport(service)) as api,
        pytest.raises(WaitTimeout),
    ):
        api.wait("task_1", 3_600)

    async def main() -> None:
        transport = httpx2.MockTransport(service.respond_async)
        async with AsyncApikley(KEY, clock=clocks[1], http_client=transport) as api:
            with pytest.raises(WaitTimeout):
                await api.wait("task_1", 3_600)

    asyncio.run(main())
    assert [clock.monotonic() for clock in clocks] == [pytest.approx(3_600)] * 2


CLOSED = r"^this client is closed; make a new one$"


@pytest.mark.parametrize(
    "given",
    [httpx2.AsyncClient(), httpx2.AsyncHTTPTransport(), "http://proxy.test"],
    ids=lambda given: type(given).__name__,
)
def test_an_invalid_http_client_is_refused(given: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^http_client is of type \w+, expected httpx2\.Client or httpx2\.Base"
    ):
        Apikley(KEY, http_client=given)


@pytest.mark.parametrize(
    "given", [httpx2.Client(), httpx2.HTTPTransport(), httpx2.AsyncClient], ids=lambda given: type(given).__name__
)
def test_an_invalid_async_http_client_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^http_client is of type \w+, expected httpx2\.AsyncClient or "):
        AsyncApikley(KEY, http_client=given)


def test_a_closed_client_sends_nothing() -> None:
    api = Apikley(KEY)
    api.close()
    for call in (call_create, lambda api: api.get_task("task_1"), lambda api: list(api.wait_many(["task_1"]))):
        with pytest.raises(ConfigurationError, match=CLOSED) as caught:
            call(api)
        assert not hasattr(caught.value, "__notes__"), "nothing was being sent"


def test_a_closed_async_client_sends_nothing() -> None:
    async def main() -> None:
        api = AsyncApikley(KEY)
        await api.aclose()
        with pytest.raises(ConfigurationError, match=CLOSED):
            await call_create(api)

    asyncio.run(main())
