"""What both clients are made from: arguments, then the environment, then the contract."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

import httpx2

import apikley_contract
from apikley._flows.clock import Clock
from apikley._flows.state import Core
from apikley._http.connection import Connection
from apikley._model.checks import COUNT, SECONDS, is_web_address
from apikley.errors import ConfigurationError

API_KEY, BASE_URL = "APIKLEY_API_KEY", "APIKLEY_BASE_URL"
WAIT = 900.0  # seconds
TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
RETRIES = 2
# Shorter than the idle time-outs of common servers: a create that goes out on a connection which the
# server is just closing has an unknown outcome.
LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)


class Settings:
    """What both clients are made from.

    Args:
        api_key: As for the clients.
        base_url: As for the clients.
        timeout: As for the clients.
        retries: As for the clients.
        clock: As for the clients.
        theirs: The time-outs of the user's own httpx2 client, if there is one.
    """

    def __init__(
        self,
        api_key: str | None,
        base_url: str | None,
        timeout: float | httpx2.Timeout | None,
        retries: int,
        clock: Clock | None = None,
        theirs: httpx2.Timeout | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.timeout = (theirs or TIMEOUT) if timeout is None else _timeout(timeout)
        key = _api_key(api_key)
        self.connection = Connection(_base_url(base_url), key, _user_agent(), self.timeout)
        if not COUNT.fits(retries):
            raise ConfigurationError(f"max_retries is {retries!r}, expected {COUNT.expected}")
        self.core = Core(retries, self.clock)


def check_transport(given: object, kind: type, client: str) -> None:
    """Refuse what is no `http_client` for this client, for instance one of the other kind."""
    if given is not None and not isinstance(given, kind):
        raise ConfigurationError(
            f"http_client is of type {type(given).__name__}, expected {client} or httpx2.{kind.__name__}"
        )


def _timeout(given: float | httpx2.Timeout) -> httpx2.Timeout:
    limits = given.as_dict().values() if isinstance(given, httpx2.Timeout) else [given]
    for limit in limits:
        # None is httpx2's way to ask for no limit, and only its own type can.
        if limit is not None and (not SECONDS.fits(limit) or limit == 0):
            raise ConfigurationError(f"timeout is {limit!r}, expected {SECONDS.expected}, but not 0")
    return given if isinstance(given, httpx2.Timeout) else httpx2.Timeout(given)


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
    # Said without the URL where that may hold a secret.
    if "@" in url:
        raise ConfigurationError("the base URL holds a user name or an @; the key is given as api_key=…")
    if "?" in url or "#" in url:
        raise ConfigurationError("the base URL holds a query or a fragment; leave it out, with its ? or #")
    if " " in url or not is_web_address(url):
        raise ConfigurationError(f"the base URL {url!r} is not an http or https URL with a host")
    return str(url)


def _user_agent() -> str:
    try:
        return f"apikley/{version('apikley')}"
    except PackageNotFoundError:
        return "apikley"
