"""Base URL, headers, timeouts and the key: the settings of one client's requests."""

from __future__ import annotations

import os
import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx2

import apikley_contract
from apikley._flows.effects import Response, SendRequest, StreamFile
from apikley._flows.responses import KEYS_URL
from apikley._http.deadlines import Deadline
from apikley._model.checks import SECONDS, is_http_url
from apikley._model.key_hash import key_hash
from apikley._model.secrets import SecretText, hidden
from apikley.errors import ConfigurationError

API_KEY_VARIABLE, BASE_URL_VARIABLE = "APIKLEY_API_KEY", "APIKLEY_BASE_URL"
DEFAULT_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
REDACTED = "***"
# A shorter key is not redacted: it may be part of ordinary words.
_MIN_SECRET = 8


class Connection:
    """How requests reach the API.

    Args:
        api_key: The key, or None for the environment's.
        base_url: The base URL, or None for the environment's or the contract's.
        timeout: Seconds or httpx2's type, or None for the default.
        client_timeout: The timeouts of the user's own httpx2 client, if there is one.

    Attributes:
        base_url: The base URL, without a slash at the end.
        base_url_source: Where it came from, for messages.
        key_source: Where the key came from, for messages.
        account: A hash of the key.
        timeout: The timeouts of a request.
        user_agent: The User-Agent header.

    Raises:
        ConfigurationError: The key, the URL or the timeout is missing or invalid.
    """

    def __init__(
        self,
        api_key: str | None,
        base_url: str | None,
        timeout: float | httpx2.Timeout | None,
        client_timeout: httpx2.Timeout | None,
    ) -> None:
        self.timeout = (client_timeout or DEFAULT_TIMEOUT) if timeout is None else _checked_timeout(timeout)
        self.key_source = f"the environment variable {API_KEY_VARIABLE}" if api_key is None else "api_key="
        key = _checked_key(hidden(os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key))
        url, self.base_url_source = _choose_base_url(base_url)
        self.base_url = _checked_base_url(url).rstrip("/")
        self.account = key_hash(key)
        self.user_agent = _user_agent()
        self._headers = {
            "Authorization": SecretText(f"Bearer {key}"),
            "User-Agent": self.user_agent,
            "Accept": "application/json",
            # A compressed response could be a thousand times larger than what arrives.
            "Accept-Encoding": "identity",
        }
        pattern = "".join(map(_spellings, key)) if len(key) >= _MIN_SECRET else r"(?!)"
        self._key_in_text = re.compile(pattern)
        self._key_in_bytes = re.compile(pattern.encode())

    def api_request(self, effect: SendRequest) -> dict[str, Any]:
        """Return httpx2's arguments for a request with the key. Its redirects must not be followed."""
        request = effect.request
        headers = dict(self._headers)
        if request.content is not None:
            headers["Content-Type"] = "application/json"
        return {
            "method": request.method,
            "url": self.base_url + request.path,
            "params": request.params or None,
            "content": request.content,
            "files": request.files,
            "headers": headers,
            "timeout": self.timeout if effect.timeout is None else self.at_most(effect.timeout),
        }

    def file_request(self, effect: StreamFile) -> dict[str, Any]:
        """Return httpx2's arguments for a download without the key."""
        # identity, so that sizes are the sizes of the file itself.
        headers = {"User-Agent": self.user_agent, "Accept-Encoding": "identity", **effect.headers}
        return {"method": "GET", "url": effect.url, "headers": headers, "timeout": self.timeout}

    def at_most(self, seconds: float) -> httpx2.Timeout:
        """Return the client's timeouts, none longer than `seconds`."""
        limits = {name: min(seconds, limit or seconds) for name, limit in self.timeout.as_dict().items()}
        return httpx2.Timeout(**limits)

    def deadline(self, seconds: float | None) -> Deadline:
        """Return the deadline of one request."""
        return Deadline(seconds, self.timeout.read)

    def redact(self, response: Response) -> Response:
        """Replace the key in a response, because error messages quote responses."""
        headers = {name: self._key_in_text.sub(REDACTED, value) for name, value in response.headers.items()}
        return response._replace(headers=headers, body=self._key_in_bytes.sub(REDACTED.encode(), response.body))


def check_http_client(given: object, client: type, transport: type) -> None:
    """Refuse an `http_client` of the wrong kind, for instance an async one for the sync client."""
    if given is not None and not isinstance(given, client | transport):
        expected = f"httpx2.{client.__name__} or httpx2.{transport.__name__}"
        raise ConfigurationError(f"http_client is of type {type(given).__name__}, expected {expected}")


def _checked_timeout(timeout: float | httpx2.Timeout) -> httpx2.Timeout:
    limits = timeout.as_dict().values() if isinstance(timeout, httpx2.Timeout) else [timeout]
    for limit in limits:
        # httpx2's own type may switch a limit off with None.
        if limit is not None and (not SECONDS.accepts(limit) or limit == 0):
            raise ConfigurationError(f"timeout is {limit!r}, expected {SECONDS.expected}, but not 0")
    return timeout if isinstance(timeout, httpx2.Timeout) else httpx2.Timeout(timeout)


def _checked_key(key: str) -> str:
    # The messages do not quote the key: even a malformed key is a secret.
    if not isinstance(key, str):
        raise ConfigurationError("the API key is not a text; pass a str")
    if not key.strip():
        raise ConfigurationError(
            f"no API key: set the environment variable {API_KEY_VARIABLE} or pass api_key=…; make keys at {KEYS_URL}"
        )
    if not all("!" <= character <= "~" for character in key):
        raise ConfigurationError(
            "the API key contains a space, a line break or a character outside ASCII; copy it again"
        )
    return key


def _choose_base_url(given: str | None) -> tuple[str, str]:
    if given:
        return given, "from base_url="
    if url := os.environ.get(BASE_URL_VARIABLE):
        return url, f"from {BASE_URL_VARIABLE}"
    return str(apikley_contract.openapi()["servers"][0]["url"]), "the default"


def _checked_base_url(url: str) -> str:
    # The messages quote the URL only if it cannot contain a secret.
    if "@" in url:
        raise ConfigurationError("the base URL contains a user name or an @; pass the key as api_key=…")
    if "?" in url or "#" in url:
        raise ConfigurationError("the base URL contains a query or a fragment; remove it")
    if not is_http_url(url):
        raise ConfigurationError(f"the base URL {url!r} is not an http or https URL with a host")
    return url


def _user_agent() -> str:
    try:
        return f"apikley/{version('apikley')}"
    except PackageNotFoundError:
        return "apikley"


def _spellings(character: str) -> str:
    """Match a character as it is, or escaped as in JSON, in JSON inside JSON, or in a URL."""
    if character.isalnum() or character in "-._~":
        return re.escape(character)
    return rf"(?:\\*(?:{re.escape(character)}|u00(?i:{ord(character):02x}))|%(?i:{ord(character):02x}))"
