"""Where the API is, how requests introduce themselves, and how an answer is gathered."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import monotonic
from typing import Any

import httpx2

from apikley._flows.effects import Fetch, Lost, Send
from apikley._http.deadlines import Deadline
from apikley._http.envelope import Answer
from apikley._http.redaction import Secret
from apikley._model.key_hash import fingerprint

# No answer of the API comes near this size.
LARGEST_ANSWER = 16 * 1024 * 1024
_log = logging.getLogger("apikley")


class Connection:
    """Where the API is, and how requests introduce themselves."""

    def __init__(self, base_url: str, api_key: str, user_agent: str, timeout: httpx2.Timeout) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self.user_agent = user_agent
        self.account = fingerprint(api_key)
        self._secret = Secret(api_key)
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "User-Agent": user_agent,
            "Accept": "application/json",
        }

    def headers(self, request: Mapping[str, Any]) -> dict[str, str]:
        """The headers of a request to the API, with the key."""
        return {**request.get("headers", {}), **self._headers}

    def prepared(self, effect: Send) -> dict[str, Any]:
        """A request for httpx2, with the key, which is why no redirect is to be followed."""
        request = effect.request
        return {
            **request,
            "url": self.base_url + request["url"],
            "headers": self.headers(request),
            "timeout": self.timeout if effect.timeout is None else self.within(effect.timeout),
        }

    def fetching(self, effect: Fetch) -> dict[str, Any]:
        """A request for a file, without the key; identity, so that sizes are those of the file itself."""
        headers = {"User-Agent": self.user_agent, "Accept-Encoding": "identity", **effect.headers}
        return {
            "method": "GET",
            "url": effect.url,
            "headers": headers,
            "timeout": self.timeout,
        }

    def within(self, seconds: float) -> httpx2.Timeout:
        """The client's time-outs, none of them longer than this."""
        limits = {name: min(seconds, limit or seconds) for name, limit in self.timeout.as_dict().items()}
        return httpx2.Timeout(**limits)

    def deadline(self, whole: float | None) -> Deadline:
        """The time that one request has, `whole` seconds at most."""
        return Deadline(whole, self.timeout.read)

    def collector(self, effect: Send) -> Collector:
        """What gathers one answer."""
        return Collector(self.deadline(effect.timeout), self._secret)


class Collector:
    """Gathers an answer's body, bounded in size and in time.

    Args:
        secret: What no answer may show.

    Attributes:
        deadline: The time that the request has.
    """

    def __init__(self, deadline: Deadline, secret: Secret) -> None:
        self.deadline = deadline
        self._secret = secret
        self._start = monotonic()
        self._pieces: list[bytes] = []
        self._size = 0

    def begin(self) -> None:
        """Say that the body begins."""
        self.deadline.restart()

    def add(self, chunk: bytes) -> None:
        """Take one piece."""
        self._pieces.append(chunk)
        self._size += len(chunk)
        if self._size > LARGEST_ANSWER:
            raise Lost(f"the answer is larger than {LARGEST_ANSWER:,} bytes")
        if self.deadline.left() < 0:
            raise Lost("the answer did not end in time")

    def answer(self, effect: Send, status: int, headers: Mapping[str, str]) -> Answer:
        """The whole."""
        if _log.isEnabledFor(logging.DEBUG):
            took = (monotonic() - self._start) * 1000
            method, path = str(effect.request["method"]).upper(), effect.request["url"]
            _log.debug("%s %s: HTTP %d, %d bytes in %.0f ms", method, path, status, self._size, took)
        return self._secret.blotted(Answer(status, headers, b"".join(self._pieces)))
