"""Carries out what flows ask for, on httpx: once sync, once async, with no protocol in either."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

import httpx

from apikley._clock import Clock
from apikley._effects import Effect, Fetch, Fetched, Flow, Lost, NotSent, Send, Sleep, Tell
from apikley._envelope import Answer, answered_well

T = TypeVar("T")

# No answer of the API comes near this size.
LARGEST_ANSWER = 16 * 1024 * 1024
# What happens before a request's first byte is on its way.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.ProxyError,
    httpx.InvalidURL,
)


class Connection:
    """Where the API is, and how requests introduce themselves."""

    def __init__(self, base_url: str, api_key: str, user_agent: str, total_timeout: float | None, clock: Clock) -> None:
        self.base_url = base_url.rstrip("/")
        self.user_agent = user_agent
        self.total_timeout = total_timeout
        self.clock = clock
        self._api_key = api_key

    def prepared(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A request to the API, with the key. Redirects are not followed: the key stays here."""
        headers = {
            **request.get("headers", {}),
            "Authorization": f"Bearer {self._api_key}",
            "User-Agent": self.user_agent,
            "Accept": "application/json",
        }
        url = self.base_url + request["url"]
        return {**request, "url": url, "headers": headers, "follow_redirects": False}

    def collector(self) -> Collector:
        """What gathers one answer."""
        deadline = None if self.total_timeout is None else self.clock.monotonic() + self.total_timeout
        return Collector(self.clock, deadline)


class Collector:
    """Gathers an answer's body, bounded in size and, since a server may dribble, in time."""

    def __init__(self, clock: Clock, deadline: float | None) -> None:
        self._clock = clock
        self._deadline = deadline
        self._body = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take one piece."""
        self._body += chunk
        if len(self._body) > LARGEST_ANSWER:
            raise Lost(f"the answer is larger than {LARGEST_ANSWER:,} bytes")
        if self._deadline is not None and self._clock.monotonic() > self._deadline:
            raise Lost("the answer did not end in time")

    def answer(self, response: httpx.Response) -> Answer:
        """The whole."""
        return Answer(response.status_code, response.headers, bytes(self._body))


class SyncDriver:
    """Runs flows to their end on an `httpx.Client`."""

    def __init__(self, client: httpx.Client, connection: Connection) -> None:
        self.client = client
        self.connection = connection

    def run(self, flow: Flow[T]) -> T:
        """Carry out the flow's effects one after another."""
        step, argument = flow.send, None
        try:
            while True:
                effect = step(argument)
                try:
                    step, argument = flow.send, self._perform(effect)
                except (NotSent, Lost) as error:
                    step, argument = flow.throw, error
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            flow.close()

    def _perform(self, effect: Effect) -> Any:
        try:
            match effect:
                case Send():
                    collector = self.connection.collector()
                    with self.client.stream(**self.connection.prepared(effect.request)) as response:
                        for chunk in response.iter_bytes():
                            collector.add(chunk)
                    return collector.answer(response)
                case Fetch():
                    with self.client.stream("GET", effect.url, **_fetch(self.connection, effect)) as response:
                        if answered_well(response.status_code):
                            for chunk in response.iter_bytes():
                                effect.sink.write(chunk)
                    return Fetched(response.status_code, response.headers)
                case Sleep():
                    return self.connection.clock.sleep(effect.seconds)
                case Tell():
                    return effect.function(effect.argument)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _translated(error) from error


class AsyncDriver:
    """Runs flows to their end on an `httpx.AsyncClient`."""

    def __init__(self, client: httpx.AsyncClient, connection: Connection) -> None:
        self.client = client
        self.connection = connection

    async def run(self, flow: Flow[T]) -> T:
        """Carry out the flow's effects one after another."""
        step, argument = flow.send, None
        try:
            while True:
                effect = step(argument)
                try:
                    step, argument = flow.send, await self._perform(effect)
                except (NotSent, Lost) as error:
                    step, argument = flow.throw, error
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            flow.close()

    async def _perform(self, effect: Effect) -> Any:
        try:
            match effect:
                case Send():
                    collector = self.connection.collector()
                    async with self.client.stream(**self.connection.prepared(effect.request)) as response:
                        async for chunk in response.aiter_bytes():
                            collector.add(chunk)
                    return collector.answer(response)
                case Fetch():
                    async with self.client.stream("GET", effect.url, **_fetch(self.connection, effect)) as response:
                        if answered_well(response.status_code):
                            async for chunk in response.aiter_bytes():
                                effect.sink.write(chunk)
                    return Fetched(response.status_code, response.headers)
                case Sleep():
                    return await self.connection.clock.async_sleep(effect.seconds)
                case Tell():
                    told = effect.function(effect.argument)
                    return await told if inspect.isawaitable(told) else told
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _translated(error) from error


def _fetch(connection: Connection, effect: Fetch) -> dict[str, Any]:
    # Identity, so that sizes and ranges are those of the file itself.
    headers = {"User-Agent": connection.user_agent, "Accept-Encoding": "identity", **effect.headers}
    return {"headers": headers, "follow_redirects": True}


def _translated(error: httpx.HTTPError | httpx.InvalidURL) -> NotSent | Lost:
    kind = NotSent if isinstance(error, _NEVER_SENT) else Lost
    words: dict[type[Exception], str] = {
        httpx.ConnectError: "no connection",
        httpx.ConnectTimeout: "no connection in time",
        httpx.ReadTimeout: "no answer in time",
        httpx.WriteTimeout: "the request could not be written in time",
        httpx.RemoteProtocolError: "the connection was cut",
    }
    detail = str(error)
    summary = words.get(type(error), type(error).__name__)
    return kind(f"{summary}: {detail}" if detail and detail != summary else summary)
