"""Carries out what flows ask for, on httpx: once sync, once async, with no protocol in either."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

import httpx

from apikley._clock import Clock
from apikley._effects import Effect, Emit, Fetch, Flow, Lost, NotSent, Send, Sleep, Tell
from apikley._envelope import Answer

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
_WORDS: dict[type[Exception], str] = {
    httpx.ConnectError: "no connection",
    httpx.ConnectTimeout: "no connection in time",
    httpx.ReadTimeout: "no answer in time",
    httpx.WriteTimeout: "the request could not be written in time",
    httpx.RemoteProtocolError: "the connection was cut",
}
_log = logging.getLogger("apikley")


class Connection:
    """Where the API is, and how requests introduce themselves."""

    def __init__(self, base_url: str, api_key: str, user_agent: str, timeout: httpx.Timeout, clock: Clock) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self.clock = clock
        self.user_agent = user_agent
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "User-Agent": user_agent,
            "Accept": "application/json",
        }

    def headers(self, request: Mapping[str, Any]) -> dict[str, str]:
        """The headers of a request to the API, with the key."""
        return {**request.get("headers", {}), **self._headers}

    def prepared(self, effect: Send) -> dict[str, Any]:
        """A request for httpx. Redirects are not followed: the key stays here."""
        request = effect.request
        prepared = {
            **request,
            "url": self.base_url + request["url"],
            "headers": self.headers(request),
            "follow_redirects": False,
        }
        if effect.timeout is not None:
            prepared["timeout"] = self.within(effect.timeout)
        return prepared

    def fetching(self, effect: Fetch) -> dict[str, Any]:
        """A request for a file, without the key; identity, so that sizes are those of the file itself."""
        headers = {"User-Agent": self.user_agent, "Accept-Encoding": "identity", **effect.headers}
        return {"method": "GET", "url": effect.url, "headers": headers, "follow_redirects": True}

    def within(self, seconds: float) -> httpx.Timeout:
        """The client's time-outs, none of them longer than this."""
        limits = {name: min(seconds, limit or seconds) for name, limit in self.timeout.as_dict().items()}
        return httpx.Timeout(**limits)

    def collector(self, effect: Send) -> Collector:
        """What gathers one answer."""
        limits = [limit for limit in (self.timeout.read, effect.timeout) if limit is not None]
        return Collector(self.clock, min(limits, default=float("inf")))


class Collector:
    """Gathers an answer's body, bounded in size and, since a server may dribble, in time."""

    def __init__(self, clock: Clock, timeout: float) -> None:
        self._clock = clock
        self._start = clock.monotonic()
        self._deadline = self._start + timeout
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Take one piece."""
        self._pieces.append(chunk)
        self._size += len(chunk)
        if self._size > LARGEST_ANSWER:
            raise Lost(f"the answer is larger than {LARGEST_ANSWER:,} bytes")
        if self._clock.monotonic() > self._deadline:
            raise Lost("the answer did not end in time")

    def answer(self, effect: Send, status: int, headers: Mapping[str, str]) -> Answer:
        """The whole."""
        if _log.isEnabledFor(logging.DEBUG):
            took = (self._clock.monotonic() - self._start) * 1000
            method, path = str(effect.request["method"]).upper(), effect.request["url"]
            _log.debug("%s %s: HTTP %d, %d bytes in %.0f ms", method, path, status, self._size, took)
        return Answer(status, headers, b"".join(self._pieces))


class SyncDriver:
    """Runs flows to their end on an `httpx.Client`."""

    def __init__(self, client: httpx.Client, connection: Connection) -> None:
        self.client = client
        self.connection = connection

    def run(self, flow: Flow[T]) -> T:
        """Carry out the flow's effects; returns what the flow returns."""
        runner = _Runner(flow)
        while (effect := runner.next()) is not None:
            try:
                runner.result = self._perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                runner.error = error
        return runner.returned

    def iterate(self, flow: Flow[None]) -> Iterator[Any]:
        """Carry out the flow's effects; yields what the flow emits."""
        runner = _Runner(flow)
        try:
            while (effect := runner.next()) is not None:
                if isinstance(effect, Emit):
                    yield effect.value
                    continue
                try:
                    runner.result = self._perform(effect)
                except BaseException as error:  # noqa: BLE001 - the flow decides
                    runner.error = error
        finally:
            flow.close()

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case Send():
                return self._send(effect)
            case Sleep():
                return self.connection.clock.sleep(effect.seconds)
            case Tell():
                return effect.function(effect.argument)
            case Fetch():
                return self._fetch(effect)

    def _send(self, effect: Send) -> Answer:
        collector = self.connection.collector(effect)
        try:
            with self.client.stream(**self.connection.prepared(effect)) as response:
                for chunk in response.iter_bytes():
                    collector.add(chunk)
            return collector.answer(effect, response.status_code, response.headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise translated(error) from error

    def _fetch(self, effect: Fetch) -> int:
        try:
            with self.client.stream(**self.connection.fetching(effect)) as response:
                write = effect.begin(response.status_code, response.headers)
                if write is not None:
                    for chunk in response.iter_bytes():
                        write(chunk)
                return response.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise translated(error) from error


class Sender(Protocol):
    """Another way than httpx to send a request to the API."""

    async def send(self, effect: Send, collector: Collector) -> Answer:
        """Send it; raises `NotSent` or `Lost`."""

    async def aclose(self) -> None:
        """Close its connections."""


class AsyncDriver:
    """Runs flows to their end on an `httpx.AsyncClient`, and on a faster sender where there is one."""

    def __init__(self, client: httpx.AsyncClient, connection: Connection, sender: Sender | None = None) -> None:
        self.client = client
        self.connection = connection
        self.sender = sender

    async def run(self, flow: Flow[T]) -> T:
        """Carry out the flow's effects; returns what the flow returns."""
        runner = _Runner(flow)
        while (effect := runner.next()) is not None:
            try:
                runner.result = await self._perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                runner.error = error
        return runner.returned

    async def iterate(self, flow: Flow[None]) -> AsyncGenerator[Any, None]:
        """Carry out the flow's effects; yields what the flow emits."""
        runner = _Runner(flow)
        try:
            while (effect := runner.next()) is not None:
                if isinstance(effect, Emit):
                    yield effect.value
                    continue
                try:
                    runner.result = await self._perform(effect)
                except BaseException as error:  # noqa: BLE001 - the flow decides
                    runner.error = error
        finally:
            flow.close()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()
        if self.sender is not None:
            await self.sender.aclose()

    async def _perform(self, effect: Effect) -> Any:
        match effect:
            case Send():
                return await self._send(effect)
            case Sleep():
                return await self.connection.clock.async_sleep(effect.seconds)
            case Tell():
                told = effect.function(effect.argument)
                return await told if inspect.isawaitable(told) else told
            case Fetch():
                return await self._fetch(effect)

    async def _send(self, effect: Send) -> Answer:
        collector = self.connection.collector(effect)
        if self.sender is not None and "files" not in effect.request:
            return await self.sender.send(effect, collector)
        try:
            async with self.client.stream(**self.connection.prepared(effect)) as response:
                async for chunk in response.aiter_bytes():
                    collector.add(chunk)
            return collector.answer(effect, response.status_code, response.headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise translated(error) from error

    async def _fetch(self, effect: Fetch) -> int:
        try:
            async with self.client.stream(**self.connection.fetching(effect)) as response:
                write = effect.begin(response.status_code, response.headers)
                if write is not None:
                    async for chunk in response.aiter_bytes():
                        write(chunk)
                return response.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise translated(error) from error


class _Runner(Generic[T]):
    """Steps a flow: what is the same for every driver.

    Attributes:
        result: What the last effect gave.
        error: Or what went wrong with it.
    """

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self.result: Any = None
        self.error: BaseException | None = None
        self._returned: list[T] = []

    def next(self) -> Effect | None:
        """The next effect, or None at the flow's end."""
        result, error, self.result, self.error = self.result, self.error, None, None
        try:
            return self._flow.send(result) if error is None else self._flow.throw(error)
        except StopIteration as stop:
            self._returned.append(stop.value)
            return None

    @property
    def returned(self) -> T:
        """What the flow returned."""
        return self._returned[0]


def translated(error: httpx.HTTPError | httpx.InvalidURL) -> NotSent | Lost:
    """What a failure of httpx means for a request."""
    return (NotSent if isinstance(error, _NEVER_SENT) else Lost)(words_for(error, _WORDS))


def words_for(error: Exception, words: Mapping[type[Exception], str]) -> str:
    """A failure in words."""
    summary = next((said for kind, said in words.items() if isinstance(error, kind)), type(error).__name__)
    detail = str(error)
    return f"{summary}: {detail}" if detail and detail != summary else summary
