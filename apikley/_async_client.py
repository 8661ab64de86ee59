"""The same client for asyncio: the same flows, awaited."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx2

from apikley._flows import create as _create
from apikley._flows import download as _download
from apikley._flows import upload as _upload
from apikley._flows import wait as _wait
from apikley._flows.account import credits_left
from apikley._http.config import LIMITS, RETRIES, WAIT, Settings, check_transport
from apikley._http.deadlines import punctual
from apikley._http.drivers import AsyncDriver
from apikley._model.task import TaskSnapshot, snapshot

if TYPE_CHECKING:
    from apikley._flows.clock import Clock
    from apikley_client.models import TaskDetails

OnProgressAsync = Callable[["TaskDetails"], Awaitable[Any] | Any]


class AsyncTask(TaskSnapshot):
    """A task of an `AsyncApikley` client, as it was last seen."""

    def __init__(self, seen: TaskSnapshot, api: AsyncApikley, account: str) -> None:
        super().__init__(seen.id, seen.raw, seen.token, account)
        self._api = api

    async def wait(self, timeout: float = WAIT, *, on_progress: OnProgressAsync | None = None) -> AsyncTask:
        """Look until the task has ended; see `Apikley.wait`."""
        return await self._api.wait(self, timeout, on_progress=on_progress)

    async def refresh(self) -> AsyncTask:
        """Look once; see `Apikley.task`."""
        seen = await self._api.get_task(self.id)
        seen.token = self.token
        return seen

    async def download(self, path: str | os.PathLike[str], *, index: int = 0) -> Path:
        """Save a result; see `Apikley.download`."""
        return await self._api.download(self, path, index=index)


class AsyncApikley:
    """The Apikley API, for asyncio. The same methods as `Apikley`, awaited; see there.

    Args:
        api_key: As for `Apikley`.
        base_url: As for `Apikley`.
        timeout: As for `Apikley`.
        max_retries: As for `Apikley`.
        http_client: Your own `httpx2.AsyncClient`, or an async transport.
        clock: As for `Apikley`.

    Raises:
        ConfigurationError: There is no key, or what else was given cannot be used.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx2.Timeout | None = None,
        max_retries: int = RETRIES,
        http_client: httpx2.AsyncClient | httpx2.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        theirs = http_client.timeout if isinstance(http_client, httpx2.AsyncClient) else None
        self._settings = Settings(api_key, base_url, timeout, max_retries, clock, theirs)
        self._core = self._settings.core
        self._owned = not isinstance(http_client, httpx2.AsyncClient)
        if not isinstance(http_client, httpx2.AsyncClient):
            check_transport(http_client, httpx2.AsyncBaseTransport, "httpx2.AsyncClient")
            http_client = httpx2.AsyncClient(timeout=self._settings.timeout, transport=http_client, limits=LIMITS)
            punctual(http_client)
        self._driver = AsyncDriver(http_client, self._settings.connection, self._settings.clock)

    def __repr__(self) -> str:
        return f"<AsyncApikley {self._settings.connection.base_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; those of a client of yours stay open."""
        if self._owned:
            await self._driver.aclose()

    async def create(self, input: object, *, callback_url: str | None = None, correlate: bool = False) -> AsyncTask:  # noqa: A002
        """Start one generation task, which is charged for; see `Apikley.create`."""
        return self._bound(await self._driver.run(_create.create(self._core, input, callback_url, correlate)))

    async def get_task(self, task_id: str) -> AsyncTask:
        """Look at a task; see `Apikley.task`."""
        return self._bound(await self._driver.run(_wait.see(self._core, snapshot(task_id))))

    async def wait(
        self,
        task: TaskSnapshot | str,
        timeout: float = WAIT,
        *,
        on_progress: OnProgressAsync | None = None,
    ) -> AsyncTask:
        """Look at a task until it has ended; see `Apikley.wait`."""
        return self._bound(await self._driver.run(_wait.wait(self._core, snapshot(task), timeout, on_progress)))

    async def wait_many(
        self, tasks: Iterable[TaskSnapshot | str], timeout: float = WAIT, *, on_progress: OnProgressAsync | None = None
    ) -> AsyncIterator[AsyncTask]:
        """Look at many tasks in turn, and yield each as it ends; see `Apikley.wait_many`."""
        flow = _wait.wait_many(self._core, map(snapshot, tasks), timeout, on_progress)
        async with contextlib.aclosing(self._driver.iterate(flow)) as ended:
            async for seen in ended:
                yield self._bound(seen)

    async def download(
        self,
        task: TaskSnapshot | str,
        path: str | os.PathLike[str],
        *,
        index: int = 0,
        max_bytes: int = _download.MAX_BYTES,
        timeout: float = _download.TIMEOUT,
        on_progress: _download.OnBytes | None = None,
    ) -> Path:
        """Save a result of a finished task; see `Apikley.download`. What `on_progress` returns is awaited."""
        seen = await self.get_task(task) if isinstance(task, str) else task
        return await self._driver.run(
            _download.download(
                self._core,
                seen,
                Path(path),
                index=index,
                max_bytes=max_bytes,
                timeout=timeout,
                on_progress=on_progress,
            )
        )

    async def upload(
        self, file: _upload.Uploadable, *, name: str | None = None, folder: str = _upload.FOLDER, checked: bool = True
    ) -> str:
        """Upload a file; see `Apikley.upload`."""
        return await self._driver.run(_upload.upload(self._core, file, name=name, folder=folder, checked=checked))

    async def get_credits(self) -> float | int:
        """What the account has left."""
        return await self._driver.run(credits_left(self._core))

    async def get_download_url(self, url: str) -> str:
        """A fresh link for a file that the service made; it lives 20 minutes."""
        return await self._driver.run(_download.download_url(self._core, url))

    def _bound(self, seen: TaskSnapshot) -> AsyncTask:
        return AsyncTask(seen, self, self._settings.connection.account)
