"""Carries out what flows ask for, on httpx2: once sync, once async, with no protocol in either."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Generic, TypeVar

import httpx2

from apikley._flows.clock import Clock
from apikley._flows.effects import Effect, Emit, Fetch, Flow, Send, Sleep, Tell
from apikley._http.connection import Connection
from apikley._http.deadlines import Deadline
from apikley._http.envelope import Answer
from apikley._http.failures import addressing, unsent, unsettled
from apikley.errors import ConfigurationError

T = TypeVar("T")


class SyncDriver:
    """Runs flows to their end on an `httpx2.Client`."""

    def __init__(self, client: httpx2.Client, connection: Connection, clock: Clock) -> None:
        self.client = client
        self.connection = connection
        self.clock = clock

    def run(self, flow: Flow[T]) -> T:
        """Carry out the flow's effects; returns what the flow returns."""
        _check_open(self.client)
        runner = _Runner(flow)
        while (effect := runner.next()) is not None:
            try:
                runner.result = self._perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                runner.error = error
        return runner.returned

    def iterate(self, flow: Flow[None]) -> Iterator[Any]:
        """Carry out the flow's effects; yields what the flow emits."""
        _check_open(self.client)
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
                return self.clock.sleep(effect.seconds)
            case Tell():
                return effect.function(effect.argument)
            case Fetch():
                return self._fetch(effect)

    def _send(self, effect: Send) -> Answer:
        collector = self.connection.collector(effect)
        with self._opened(self.connection.prepared(effect), collector.deadline) as response:
            collector.begin()
            for chunk in response.iter_bytes():
                collector.add(chunk)
            return collector.answer(effect, response.status_code, response.headers)

    def _fetch(self, effect: Fetch) -> int:
        deadline = self.connection.deadline(effect.timeout)
        with self._opened(self.connection.fetching(effect), deadline, follow_redirects=True) as response:
            deadline.only_whole()
            write = effect.begin(response.status_code, response.headers)
            if write is not None:
                for chunk in response.iter_bytes():
                    write(chunk)
            return response.status_code

    @contextmanager
    def _opened(
        self, request: Mapping[str, Any], deadline: Deadline, *, follow_redirects: bool = False
    ) -> Iterator[httpx2.Response]:
        with unsent():
            built = self.client.build_request(**request)
        with unsettled(), deadline.kept():
            with addressing():
                response = self.client.send(built, stream=True, follow_redirects=follow_redirects)
            try:
                yield response
            finally:
                response.close()


class AsyncDriver:
    """Runs flows to their end on an `httpx2.AsyncClient`."""

    def __init__(self, client: httpx2.AsyncClient, connection: Connection, clock: Clock) -> None:
        self.client = client
        self.connection = connection
        self.clock = clock

    async def run(self, flow: Flow[T]) -> T:
        """Carry out the flow's effects; returns what the flow returns."""
        _check_open(self.client)
        runner = _Runner(flow)
        while (effect := runner.next()) is not None:
            try:
                runner.result = await self._perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                runner.error = error
        return runner.returned

    async def iterate(self, flow: Flow[None]) -> AsyncGenerator[Any, None]:
        """Carry out the flow's effects; yields what the flow emits."""
        _check_open(self.client)
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

    async def _perform(self, effect: Effect) -> Any:
        match effect:
            case Send():
                return await self._send(effect)
            case Sleep():
                return await self.clock.async_sleep(effect.seconds)
            case Tell():
                told = effect.function(effect.argument)
                return await told if inspect.isawaitable(told) else told
            case Fetch():
                return await self._fetch(effect)

    async def _send(self, effect: Send) -> Answer:
        collector = self.connection.collector(effect)
        async with self._opened(self.connection.prepared(effect), collector.deadline) as response:
            collector.begin()
            async for chunk in response.aiter_bytes():
                collector.add(chunk)
            return collector.answer(effect, response.status_code, response.headers)

    async def _fetch(self, effect: Fetch) -> int:
        deadline = self.connection.deadline(effect.timeout)
        async with self._opened(self.connection.fetching(effect), deadline, follow_redirects=True) as response:
            deadline.only_whole()
            write = effect.begin(response.status_code, response.headers)
            if write is not None:
                async for chunk in response.aiter_bytes():
                    if (told := write(chunk)) is not None:
                        await told
            return response.status_code

    @asynccontextmanager
    async def _opened(
        self, request: Mapping[str, Any], deadline: Deadline, *, follow_redirects: bool = False
    ) -> AsyncIterator[httpx2.Response]:
        with unsent():
            built = self.client.build_request(**request)
        with unsettled(), deadline.kept():
            with addressing():
                response = await self.client.send(built, stream=True, follow_redirects=follow_redirects)
            try:
                yield response
            finally:
                await response.aclose()


def _check_open(client: httpx2.Client | httpx2.AsyncClient) -> None:
    if client.is_closed:
        raise ConfigurationError("this client has been closed; make another one")


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
