"""The asynchronous client: the same flows, awaited."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

import httpx2

from apikley._client import MAX_RETRIES, WAIT_TIMEOUT, new_state
from apikley._flows.account import get_credits
from apikley._flows.clock import Clock
from apikley._flows.create import CreateCall, CreateOptions, body_of, check, create
from apikley._flows.download import MAX_BYTES, OnBytes, download, get_download_url
from apikley._flows.download import TIMEOUT as DOWNLOAD_TIMEOUT
from apikley._flows.effects import BeforeSend
from apikley._flows.upload import DEFAULT_FOLDER, Uploadable, upload
from apikley._flows.wait import get_task, wait, wait_many
from apikley._http.connection import Connection, check_http_client
from apikley._http.drivers import AsyncDriver
from apikley._model.checks import is_loopback_url
from apikley._model.secrets import hidden
from apikley._model.task import TaskInfo

if TYPE_CHECKING:
    from apikley_client.inputs import CallbackInput, ModelInput

OnProgressAsync = Callable[["AsyncTask"], Awaitable[Any] | Any]


class AsyncTask(TaskInfo):
    """A task of an `AsyncApikley` client. `wait` and `refresh` update it in place."""

    def __init__(self, task: TaskInfo, api: AsyncApikley, account: str) -> None:
        super().__init__(task.id, task.raw, task.token, account)
        self._api = api

    async def wait(self, timeout: float = WAIT_TIMEOUT, *, on_progress: OnProgressAsync | None = None) -> Self:
        """Poll until the task has ended; see `Apikley.wait`."""
        await self._api.wait(self, timeout, on_progress=on_progress)
        return self

    async def refresh(self) -> Self:
        """Poll once; see `Apikley.get_task`."""
        await self._api._driver.run(get_task(self._api._state, self))  # noqa: SLF001 - this client's own task
        return self

    async def download(self, path: str | os.PathLike[str], *, index: int = 0) -> Path:
        """Save a result; see `Apikley.download`."""
        return await self._api.download(self, path, index=index)


class AsyncApikley:
    """The asynchronous client of the Apikley API: the methods of `Apikley`, awaited.

    The arguments are those of `Apikley`; `http_client` takes an `httpx2.AsyncClient` or an async transport.

    Raises:
        ConfigurationError: The key is missing, or an argument is invalid.

    Example:
        async with AsyncApikley() as api:
            task = await api.create(Hailuo02ImageToVideoPro(prompt="A cat surfs", image_url=LocalFile("cat.png")))
            await task.wait()
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx2.Timeout | None = None,
        max_retries: int = MAX_RETRIES,
        http_client: httpx2.AsyncClient | httpx2.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        api_key = hidden(api_key)  # first, so that no frame shows it
        from apikley._http.clients import Clients  # noqa: PLC0415 - slow to import

        client_timeout = http_client.timeout if isinstance(http_client, httpx2.AsyncClient) else None
        connection = Connection(api_key, base_url, timeout, client_timeout)
        self._account = connection.account
        self._state = new_state(max_retries, clock, connection)
        check_http_client(http_client, httpx2.AsyncClient, httpx2.AsyncBaseTransport)
        clients = Clients(
            httpx2.AsyncClient, connection.timeout, http_client, is_local=is_loopback_url(connection.base_url)
        )
        self._driver = AsyncDriver(clients, connection, self._state.clock)

    def __repr__(self) -> str:
        return f"<AsyncApikley {self._driver.connection.base_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Your own `http_client` stays open."""
        await self._driver.aclose()

    @overload
    async def create(
        self,
        input: CallbackInput,
        *,
        callback_url: str,
        correlation_token: str | None = None,
        progress_callback_url: str | None = None,
        before_send: BeforeSend | None = None,
        validate: bool = True,
        allow_unknown_fields: bool = False,
    ) -> AsyncTask: ...
    @overload
    async def create(
        self,
        input: ModelInput,
        *,
        callback_url: str | None = None,
        correlation_token: str | None = None,
        progress_callback_url: str | None = None,
        before_send: BeforeSend | None = None,
        validate: bool = True,
        allow_unknown_fields: bool = False,
    ) -> AsyncTask: ...
    async def create(
        self,
        input: ModelInput | CallbackInput,  # noqa: A002
        *,
        callback_url: str | None = None,
        correlation_token: str | None = None,
        progress_callback_url: str | None = None,
        before_send: BeforeSend | None = None,
        validate: bool = True,
        allow_unknown_fields: bool = False,
    ) -> AsyncTask:
        """Create one task, which costs credits; see `Apikley.create`."""
        options = CreateOptions(
            callback_url, correlation_token, validate, allow_unknown_fields, progress_callback_url, before_send
        )
        call = CreateCall()
        try:
            return self._task(await self._driver.run(create(self._state, body_of(input), options, call)))
        except BaseException as error:
            call.note(error)
            raise

    async def create_raw(
        self,
        body: Mapping[str, Any],
        *,
        callback_url: str | None = None,
        correlation_token: str | None = None,
        progress_callback_url: str | None = None,
        before_send: BeforeSend | None = None,
        validate: bool = True,
        allow_unknown_fields: bool = False,
    ) -> AsyncTask:
        """Create one task from a whole request body; see `Apikley.create_raw`."""
        options = CreateOptions(
            callback_url, correlation_token, validate, allow_unknown_fields, progress_callback_url, before_send
        )
        call = CreateCall()
        try:
            return self._task(await self._driver.run(create(self._state, body, options, call)))
        except BaseException as error:
            call.note(error)
            raise

    async def check(
        self,
        input: ModelInput | CallbackInput | Mapping[str, Any],  # noqa: A002
        *,
        allow_unknown_fields: bool = False,
    ) -> None:
        """Validate a request without sending it; see `Apikley.check`."""
        body = input if isinstance(input, Mapping) else body_of(input)
        check(body, CreateOptions(allow_unknown_fields=allow_unknown_fields))

    async def get_task(self, task_id: str) -> AsyncTask:
        """Poll a task once; see `Apikley.get_task`."""
        return await self._driver.run(get_task(self._state, self._task(task_id)))

    async def wait(
        self, task: TaskInfo | str, timeout: float = WAIT_TIMEOUT, *, on_progress: OnProgressAsync | None = None
    ) -> AsyncTask:
        """Poll a task until it has ended; see `Apikley.wait`. What `on_progress` returns is awaited."""
        return await self._driver.run(wait(self._state, self._task(task), timeout, on_progress))

    async def wait_many(
        self,
        tasks: Iterable[TaskInfo | str],
        timeout: float = WAIT_TIMEOUT,
        *,
        on_progress: OnProgressAsync | None = None,
    ) -> AsyncIterator[AsyncTask]:
        """Poll many tasks and yield each as it ends; see `Apikley.wait_many`."""
        flow = wait_many(self._state, map(self._task, tasks), timeout, on_progress)
        items: AsyncGenerator[AsyncTask, None] = self._driver.iterate(flow)
        async with aclosing(items):
            async for task in items:
                yield task

    async def download(
        self,
        task: TaskInfo | str,
        path: str | os.PathLike[str],
        *,
        index: int = 0,
        max_bytes: int = MAX_BYTES,
        timeout: float = DOWNLOAD_TIMEOUT,
        on_progress: OnBytes | None = None,
        overwrite: bool = True,
    ) -> Path:
        """Save a result of a finished task; see `Apikley.download`. What `on_progress` returns is awaited."""
        flow = download(
            self._state,
            self._task(task),
            Path(path),
            index=index,
            max_bytes=max_bytes,
            timeout=timeout,
            on_progress=on_progress,
            overwrite=overwrite,
        )
        return await self._driver.run(flow)

    async def upload(
        self, file: Uploadable, *, name: str | None = None, folder: str = DEFAULT_FOLDER, validate: bool = True
    ) -> str:
        """Upload a file, and return its URL; see `Apikley.upload`."""
        return await self._driver.run(upload(self._state, file, name=name, folder=folder, validate_file=validate))

    async def get_credits(self) -> float | int:
        """Return the credits that the account has left."""
        return await self._driver.run(get_credits(self._state))

    async def get_download_url(self, url: str) -> str:
        """Return a new link for a file that the service made; see `Apikley.get_download_url`."""
        return await self._driver.run(get_download_url(self._state, url))

    def _task(self, task: TaskInfo | str) -> AsyncTask:
        """Return this client's handle of a task."""
        if isinstance(task, AsyncTask) and task._api is self:  # noqa: SLF001 - this client's own task
            return task
        return AsyncTask(task if isinstance(task, TaskInfo) else TaskInfo(task), self, self._account)
