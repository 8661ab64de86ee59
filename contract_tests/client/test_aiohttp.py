"""aiohttp is used only where it changes nothing but the speed."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import httpx
import pytest

from apikley import AsyncApikley
from contract_tests.conftest import KEY


def _uses_aiohttp(**options: object) -> bool:
    async def main() -> bool:
        async with AsyncApikley(KEY, **options) as api:  # type: ignore[arg-type]
            return api._driver.sender is not None

    return asyncio.run(main())


def test_it_is_used_where_it_is_installed() -> None:
    assert _uses_aiohttp()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_proxies_of_the_environment_are_httpxs_to_use(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert not _uses_aiohttp()


def test_a_client_of_ones_own_is_used_for_everything() -> None:
    assert not _uses_aiohttp(http_client=httpx.AsyncClient())
    assert not _uses_aiohttp(http_client=httpx.AsyncHTTPTransport())


def test_without_it_httpx_does_all() -> None:
    code = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "import asyncio; from apikley import AsyncApikley\n"
        "async def main():\n"
        "    async with AsyncApikley('k') as api: print(api._driver.sender)\n"
        "asyncio.run(main())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "None\n"


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_a_list_of_exceptions_is_no_proxy(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "localhost")
    assert _uses_aiohttp()
