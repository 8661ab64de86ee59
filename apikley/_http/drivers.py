"""Run flows on httpx2, sync and async. Neither driver knows the protocol."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx2

from apikley._flows.clock import Clock
from apikley._flows.effects import (
    CallUser,
    Effect,
    Flow,
    Response,
    SendRequest,
    Sleep,
    StreamFile,
    YieldItem,
)
from apikley._http.bodies import BodyReader, response_headers
from apikley._http.connection import Connection
from apikley._http.deadlines import Deadline
from apikley._http.failures import exchanging
from apikley._http.hooks import begin, begin_async, calling

if TYPE_CHECKING:
    from apikley._http.clients import Clients

T = TypeVar("T")


class SyncDriver:
    """Runs flows on an `httpx2.Client`."""

    def __init__(self, clients: Clients[httpx2.Client], connection: Connection, clock: Clock) -> None:
        self.clients = clients
        self.connection = connection
        self.clock = clock
        self._server = f"{connection.base_url} ({connection.base_url_source})"

    def run(self, flow: Flow[T]) -> T:
        """Carry out the effects of a flow, and return its result."""
        self.clients.get()
        runner = _Runner(flow)
        while (effect := runner.next()) is not None:
            try:
                runner.result = self._perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                runner.error = error
        return runner.returned

    def iterate(self, flow: Flow[None]) -> Iterator[Any]:
        """Carry out the effects of a flow, and yield its items."""
        self.clients.get()
        runner = _Runner(flow)
        try:
            while (effect := runner.next()) is not None:
                if isinstance(effect, YieldItem):
                    yield effect.value
                    continue
                try:
                    runner.result = self._perform(effect)
                except BaseException as error:  # noqa: BLE001 - the flow decides
                    runner.error = error
        finally:
            flow.close()

    def close(self) -> None:
        """Close the connections."""
        for client in self.clients.take():
            client.close()

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case SendRequest():
                return self._send(effect)
            case Sleep():
                return self.clock.sleep(effect.seconds)
            case CallUser():
                return effect.function(effect.argument)
            case StreamFile():
                return self._fetch(effect)

    def _send(self, effect: SendRequest) -> Response:
        reader = BodyReader(self.connection, effect)
        request = self.connection.api_request(effect)
        try:
            with self._open(effect, request, reader.deadline, self._server) as response:
                reader.begin(response)
                for chunk in _raw(response):
                    reader.add(chunk)
                reader.end()
                return reader.response(response.status_code, response.headers)
        except httpx2.HTTPStatusError as error:
            return reader.of_hook(error.response)

    def _fetch(self, effect: StreamFile) -> int:
        deadline, request = self.connection.deadline(effect.timeout), self.connection.file_request(effect)
        try:
            with self._open(effect, request, deadline) as response:
                deadline.unlimit_sections()
                with calling(effect):
                    write = effect.begin(response.status_code, response_headers(response))
                if write is not None:
                    for chunk in _raw(response):
                        with calling(effect):
                            write(chunk)
                return response.status_code
        except httpx2.HTTPStatusError as error:
            return _without_body(effect, error.response)

    @contextmanager
    def _open(
        self, effect: SendRequest | StreamFile, request: Mapping[str, Any], deadline: Deadline, server: str = ""
    ) -> Iterator[httpx2.Response]:
        client = self.clients.get(fresh=isinstance(effect, SendRequest) and effect.fresh)
        with exchanging(effect, server), deadline.active():
            built = client.build_request(**request)
            if not self.clients.observe(effect, client, built):
                begin(effect)
            response = client.send(built, stream=True, follow_redirects=isinstance(effect, StreamFile))
            try:
                yield response
            finally:
                response.close()


class AsyncDriver:
    """Runs flows on an `httpx2.AsyncClient`."""

    def __init__(self, clients: Clients[httpx2.AsyncClient], connection: Connection, clock: Clock) -> None:
        self.clients = clients
        self.connection = connection
        self.clock = clock
        self._server = f"{connection.base_url} ({connection.base_url_source})"

    async def run(self, flow: Flow[T]) -> T:
        """Carry out the effects of a flow, and return its result."""
        self.clients.get()
        runner = _Runner(flow)
        while (effect := runner.next()) is not None:
            try:
                runner.result = await self._perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                runner.error = error
        return runner.returned

    async def iterate(self, flow: Flow[None]) -> AsyncGenerator[Any, None]:
        """Carry out the effects of a flow, and yield its items."""
        self.clients.get()
        runner = _Runner(flow)
        try:
            while (effect := runner.next()) is not None:
                if isinstance(effect, YieldItem):
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
        for client in self.clients.take():
            await client.aclose()

    async def _perform(self, effect: Effect) -> Any:
        match effect:
            case SendRequest():
                return await self._send(effect)
            case Sleep():
                return await self.clock.async_sleep(effect.seconds)
            case CallUser():
                result = effect.function(effect.argument)
                return await result if inspect.isawaitable(result) else result
            case StreamFile():
                return await self._fetch(effect)

    async def _send(self, effect: SendRequest) -> Response:
        reader = BodyReader(self.connection, effect)
        request = self.connection.api_request(effect)
        try:
            async with self._open(effect, request, reader.deadline, self._server) as response:
                reader.begin(response)
                async for chunk in _araw(response):
                    reader.add(chunk)
                reader.end()
                return reader.response(response.status_code, response.headers)
        except httpx2.HTTPStatusError as error:
            return reader.of_hook(error.response)

    async def _fetch(self, effect: StreamFile) -> int:
        deadline, request = self.connection.deadline(effect.timeout), self.connection.file_request(effect)
        try:
            async with self._open(effect, request, deadline) as response:
                deadline.unlimit_sections()
                with calling(effect):
                    write = effect.begin(response.status_code, response_headers(response))
                if write is not None:
                    async for chunk in _araw(response):
                        with calling(effect):
                            if (awaitable := write(chunk)) is not None:
                                await awaitable
                return response.status_code
        except httpx2.HTTPStatusError as error:
            return _without_body(effect, error.response)

    @asynccontextmanager
    async def _open(
        self, effect: SendRequest | StreamFile, request: Mapping[str, Any], deadline: Deadline, server: str = ""
    ) -> AsyncIterator[httpx2.Response]:
        client = self.clients.get(fresh=isinstance(effect, SendRequest) and effect.fresh)
        with exchanging(effect, server), deadline.active():
            built = client.build_request(**request)
            if not self.clients.observe(effect, client, built):
                await begin_async(effect)
            response = await client.send(built, stream=True, follow_redirects=isinstance(effect, StreamFile))
            try:
                yield response
            finally:
                await response.aclose()


def _raw(response: httpx2.Response) -> Iterator[bytes]:
    # A mock or a hook may have read the body, and unpacked it.
    return response.iter_bytes() if response.is_stream_consumed else response.iter_raw()


def _araw(response: httpx2.Response) -> AsyncIterator[bytes]:
    return response.aiter_bytes() if response.is_stream_consumed else response.aiter_raw()


def _without_body(effect: StreamFile, response: httpx2.Response) -> int:
    """Report a response that a response hook has refused."""
    effect.begin(response.status_code, response.headers)
    return response.status_code


class _Runner(Generic[T]):
    """Steps through a flow.

    Attributes:
        result: The result of the last effect.
        error: The exception of the last effect.
    """

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self.result: Any = None
        self.error: BaseException | None = None
        self._returned: list[T] = []

    def next(self) -> Effect | None:
        """Return the next effect, or None at the end of the flow."""
        result, error, self.result, self.error = self.result, self.error, None, None
        try:
            return self._flow.send(result) if error is None else self._flow.throw(error)
        except StopIteration as stop:
            self._returned.append(stop.value)
            return None

    @property
    def returned(self) -> T:
        """The result of the flow."""
        return self._returned[0]
