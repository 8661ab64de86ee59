"""The client is made from arguments, then from the environment, or says what is missing."""

from __future__ import annotations

import asyncio
from importlib.metadata import PackageNotFoundError
from typing import Any

import httpx
import pytest

from apikley import Apikley, AsyncApikley, ConfigurationError
from contract_tests.conftest import KEY
from contract_tests.services import Service, envelope


def test_without_a_key_it_says_where_to_get_one() -> None:
    with pytest.raises(ConfigurationError, match="set the environment variable APIKLEY_API_KEY, or pass api_key="):
        Apikley()


def test_key_and_base_url_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIKLEY_API_KEY", KEY)
    monkeypatch.setenv("APIKLEY_BASE_URL", "http://mock.test:8080/")
    service = Service(envelope(data=7))
    with Apikley(http_client=httpx.Client(transport=httpx.MockTransport(service))) as api:
        assert api.credits() == 7
    assert str(service.requests[0].url) == "http://mock.test:8080/api/v1/chat/credit"
    assert service.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIKLEY_BASE_URL", "http://other.test")
    assert repr(Apikley(KEY, base_url="http://mine.test")) == "<Apikley http://mine.test>"


def test_the_contracts_server_is_the_default() -> None:
    assert repr(AsyncApikley(KEY)) == "<AsyncApikley https://api.apikley.ru>"


@pytest.mark.parametrize("url", ["api.apikley.ru", "ftp://x.test", "http://", "http://x:99999", "http://[::1"])
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an http or https URL with a host"):
        Apikley(KEY, base_url=url)


def test_fewer_than_no_resends_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="retries is -1"):
        Apikley(KEY, retries=-1)


def test_timeouts_are_finite_by_default() -> None:
    with Apikley(KEY) as api:
        timeout = api._driver.client.timeout
    assert None not in (timeout.connect, timeout.read, timeout.write, timeout.pool)


@pytest.mark.parametrize("own", [True, False])
def test_only_connections_of_its_own_are_closed(own: bool) -> None:
    theirs = httpx.Client()
    api = Apikley(KEY, http_client=None if own else theirs)
    with api:
        pass
    assert api._driver.client.is_closed is own
    theirs.close()


def test_the_async_client_closes_too() -> None:
    async def main() -> Any:
        async with AsyncApikley(KEY) as api:
            return api._driver.client

    assert asyncio.run(main()).is_closed


def test_a_copy_that_was_never_installed_works_without_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("apikley._settings.version", missing)
    service = Service(envelope(data=7))
    with Apikley(KEY, http_client=httpx.MockTransport(service)) as api:
        assert api.credits() == 7
    assert service.requests[0].headers["user-agent"] == "apikley"
