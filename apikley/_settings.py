"""What both clients are made from: arguments, then the environment, then the contract."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

import httpx

import apikley_contract
from apikley._clock import Clock
from apikley._core import Core
from apikley._drivers import Connection
from apikley.errors import ConfigurationError

API_KEY, BASE_URL = "APIKLEY_API_KEY", "APIKLEY_BASE_URL"
WAIT = 900.0  # seconds
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
RETRIES = 2
# Shorter than the idle time-outs of common servers: a create that goes out on a connection which the
# server is just closing has an unknown outcome.
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)


class Settings:
    """What both clients are made from."""

    def __init__(self, api_key: str | None, base_url: str | None, timeout: float | httpx.Timeout, retries: int) -> None:
        self.clock = Clock()
        self.timeout = timeout if isinstance(timeout, httpx.Timeout) else httpx.Timeout(timeout)
        key = _api_key(api_key)
        self.connection = Connection(_base_url(base_url), key, _user_agent(), self.timeout, self.clock)
        if retries < 0:
            raise ConfigurationError(f"retries is {retries}, expected 0 or more")
        self.core = Core(retries, self.clock)


def _api_key(given: str | None) -> str:
    key = given if given is not None else os.environ.get(API_KEY, "")
    if not key.strip():
        raise ConfigurationError(
            f"no API key: set the environment variable {API_KEY}, or pass api_key=…; "
            "keys are made at https://app.apikley.ru/keys"
        )
    # Said without the key itself: it is a secret even when it is malformed.
    if not all("!" <= character <= "~" for character in key):
        raise ConfigurationError("the API key holds a space, a line break or a character outside ASCII; copy it again")
    return key


def _base_url(given: str | None) -> str:
    url = given or os.environ.get(BASE_URL) or apikley_contract.openapi()["servers"][0]["url"]
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError(f"the base URL {url!r} is not an http or https URL with a host")
    return str(url)


def _user_agent() -> str:
    try:
        return f"apikley/{version('apikley')}"
    except PackageNotFoundError:
        return "apikley"
