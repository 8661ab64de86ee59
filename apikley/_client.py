"""The two clients: one set of flows, driven sync or async."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx

import apikley_contract
from apikley import _create, _download, _upload, _wait
from apikley._account import credits_left
from apikley._clock import Clock
from apikley._core import Core
from apikley._drivers import AsyncDriver, Connection, Sender, SyncDriver
from apikley._task import TaskSnapshot
from apikley.errors import ConfigurationError

if TYPE_CHECKING:
    from apikley_client.models import TaskDetails

API_KEY, BASE_URL = "APIKLEY_API_KEY", "APIKLEY_BASE_URL"
WAIT = 900.0
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
RETRIES = 2
# Shorter than the idle time-outs of common servers: a create that goes out on a connection which the
# server is just closing has an unknown outcome.
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)

OnProgress = Callable[["TaskDetails"], Any]
OnProgressAsync = Callable[["TaskDetails"], Awaitable[Any] | Any]


class Task(TaskSnapshot):
    """A task of an `Apikley` client, as it was last seen."""

    def __init__(self, seen: TaskSnapshot, api: Apikley) -> None:
        super().__init__(seen.id, seen.raw, token=seen.token, visible_after=seen.visible_after)
        self._api = api

    def wait(self, timeout: float = WAIT, *, on_progress: OnProgress | None = None) -> Task:
        """Look until the task has ended; see `Apikley.wait`."""
        return self._api.wait(self, timeout, on_progress=on_progress)

    def refresh(self) -> Task:
        """Look once."""
        return self._api.task(self.id)

    def download(self, path: str | os.PathLike[str], *, index: int = 0) -> Path:
        """Save a result; see `Apikley.download`."""
        return self._api.download(self, path, index=index)


class AsyncTask(TaskSnapshot):
    """A task of an `AsyncApikley` client, as it was last seen."""

    def __init__(self, seen: TaskSnapshot, api: AsyncApikley) -> None:
        super().__init__(seen.id, seen.raw, token=seen.token, visible_after=seen.visible_after)
        self._api = api

    async def wait(self, timeout: float = WAIT, *, on_progress: OnProgressAsync | None = None) -> AsyncTask:
        """Look until the task has ended; see `Apikley.wait`."""
        return await self._api.wait(self, timeout, on_progress=on_progress)

    async def refresh(self) -> AsyncTask:
        """Look once."""
        return await self._api.task(self.id)

    async def download(self, path: str | os.PathLike[str], *, index: int = 0) -> Path:
        """Save a result; see `Apikley.download`."""
        return await self._api.download(self, path, index=index)


class _Settings:
    """What both clients are made from."""

    def __init__(self, api_key: str | None, base_url: str | None, timeout: float | httpx.Timeout, retries: int) -> None:
        self.clock = Clock()
        self.timeout = timeout if isinstance(timeout, httpx.Timeout) else httpx.Timeout(timeout)
        key = _api_key(api_key)
        self.connection = Connection(_base_url(base_url), key, _user_agent(), self.timeout, self.clock)
        if retries < 0:
            raise ConfigurationError(f"retries is {retries}, expected 0 or more")
        self.core = Core(retries, self.clock)


class Apikley:
    """The Apikley API, for code that waits.

    Usable from several threads, and as a context manager that closes its connections.

    Args:
        api_key: Your key; otherwise the environment variable APIKLEY_API_KEY.
        base_url: Another place to find the API, for instance a simulator; otherwise the environment
            variable APIKLEY_BASE_URL, otherwise the contract's server.
        timeout: For one request, in seconds, or httpx's own type.
        retries: The number of resends allowed (0: none). A create is only ever sent again when it was
            certainly refused or never sent.
        http_client: Your own httpx client, for proxies or certificates, which you close yourself; or
            an httpx transport.

    Raises:
        ConfigurationError: There is no key, or the base URL is none.

    Example:
        with Apikley() as api:
            task = api.create(Hailuo02ImageToVideoPro(prompt="…", image_url="https://…"))
            task.wait().download("clip.mp4")
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx.Timeout = TIMEOUT,
        retries: int = RETRIES,
        http_client: httpx.Client | httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = _Settings(api_key, base_url, timeout, retries)
        self._core = self._settings.core
        self._owned = not isinstance(http_client, httpx.Client)
        if not isinstance(http_client, httpx.Client):
            http_client = httpx.Client(timeout=self._settings.timeout, transport=http_client, limits=LIMITS)
        self._driver = SyncDriver(http_client, self._settings.connection)

    def __repr__(self) -> str:
        return f"<Apikley {self._settings.connection.base_url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; those of a client of yours stay open."""
        if self._owned:
            self._driver.client.close()

    def create(self, input: object, *, callback_url: str | None = None, correlate: bool = False) -> Task:  # noqa: A002
        """Start one generation task, which is charged for.

        Args:
            input: The input of a model, for instance `Hailuo02ImageToVideoPro(…)`, or a whole request
                body as a dict. A `LocalFile` or a `pathlib.Path` in it is uploaded first.
            callback_url: Where the service shall report the end of the task.
            correlate: Add an unguessable token to the query of `callback_url`, so that the callback
                names this create even if its answer is lost. That the service keeps the query is an
                assumption.

        Returns:
            The new task. It has not finished.

        Raises:
            RequestInvalid: The request breaks the contract; nothing was sent.
            ApiError: The service refused it; no task was made.
            CreateOutcomeUnknown: It is not known whether a task was made.
            TransportError: It was never sent.
        """
        return self._bound(self._driver.run(_create.create(self._core, input, callback_url, correlate)))

    def task(self, task_id: str) -> Task:
        """Look at a task, for instance one that another process created.

        Raises:
            NotFound: The service does not know it.
            ApiError: The service answered with another error.
            TransportError: No usable answer came.
        """
        return self._bound(self._driver.run(_wait.look(self._core, task_id)))

    def wait(self, task: TaskSnapshot | str, timeout: float = WAIT, *, on_progress: OnProgress | None = None) -> Task:
        """Look at a task, by the documented schedule, until it has ended.

        Args:
            task: A task or its id.
            timeout: Seconds; overshot by one request at most.
            on_progress: Called after each look.

        Raises:
            GenerationFailed: The task ended without a result.
            WaitTimeout: It had not ended in time. It goes on.
            ApiError: The service answered with an error.
            TransportError: No usable answer came.
        """
        return self._bound(self._driver.run(_wait.wait(self._core, _snapshot(task), timeout, on_progress)))

    def wait_many(
        self, tasks: Iterable[TaskSnapshot | str], timeout: float = WAIT, *, on_progress: OnProgress | None = None
    ) -> Iterator[Task]:
        """Look at many tasks in turn, and yield each as it ends, failed ones too.

        Args:
            tasks: Tasks or their ids.
            timeout: Seconds for all of them together.
            on_progress: Called after each look.

        Raises:
            WaitTimeout: Some had not ended in time; `task_ids` names them.
            ApiError: The service answered with an error about one of them.
            TransportError: No usable answer came.

        Example:
            for task in api.wait_many(tasks):
                if task.state == "success":
                    task.download(f"{task.id}.mp4")
        """
        flow = _wait.wait_many(self._core, map(_snapshot, tasks), timeout, on_progress)
        return map(self._bound, self._driver.iterate(flow))

    def download(
        self,
        task: TaskSnapshot | str,
        path: str | os.PathLike[str],
        *,
        index: int = 0,
        max_bytes: int = _download.MAX_BYTES,
        timeout: float = _download.TIMEOUT,
        on_progress: _download.OnBytes | None = None,
    ) -> Path:
        """Save a result of a finished task. The file appears when it is complete.

        A broken connection is resumed where it broke; a link that has expired is exchanged once for a
        fresh one.

        Args:
            task: A task or its id.
            path: The file to write.
            index: Which of several results.
            max_bytes: Give up on anything larger.
            timeout: Seconds for the whole download.
            on_progress: Called after each piece with the bytes that have come, and how many there are
                in all, if the server says so.

        Raises:
            NoResult: There is none.
            TransportError: It could not be fetched.
            OSError: It could not be written.
        """
        snapshot = self.task(task) if isinstance(task, str) else task
        return self._driver.run(
            _download.download(
                self._core,
                snapshot,
                Path(path),
                index=index,
                max_bytes=max_bytes,
                timeout=timeout,
                on_progress=on_progress,
            )
        )

    def upload(
        self, file: _upload.Uploadable, *, name: str | None = None, folder: str = _upload.FOLDER, checked: bool = True
    ) -> str:
        """Upload a file; files live three days.

        Args:
            file: A path, the bytes themselves, or a file open for reading in binary mode.
            name: The file name to give it; the path's own, if not given.
            folder: The folder to put it in.
            checked: Whether it has to be what the contract's models take, by type and size.

        Returns:
            The URL under which a model finds it.

        Raises:
            RequestInvalid: It is not what any model takes; nothing was sent.
            ApiError: The service refused it.
            TransportError: No usable answer came.
            OSError: It could not be read.
        """
        return self._driver.run(_upload.upload(self._core, file, name=name, folder=folder, checked=checked))

    def credits(self) -> float | int:
        """What the account has left."""
        return self._driver.run(credits_left(self._core))

    def download_url(self, url: str) -> str:
        """A fresh link for a file that the service made; it lives 20 minutes."""
        return self._driver.run(_download.download_url(self._core, url))

    def _bound(self, snapshot: TaskSnapshot) -> Task:
        return Task(snapshot, self)


class AsyncApikley:
    """The Apikley API, for asyncio. The same methods as `Apikley`, awaited; see there.

    Args:
        api_key: As for `Apikley`.
        base_url: As for `Apikley`.
        timeout: As for `Apikley`.
        retries: As for `Apikley`.
        http_client: Your own `httpx.AsyncClient`, or an async transport. Without one, and with the
            extra `aio` installed, requests go over aiohttp, which stays fast with many in flight.

    Raises:
        ConfigurationError: There is no key, or the base URL is none.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx.Timeout = TIMEOUT,
        retries: int = RETRIES,
        http_client: httpx.AsyncClient | httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = _Settings(api_key, base_url, timeout, retries)
        self._core = self._settings.core
        self._owned = not isinstance(http_client, httpx.AsyncClient)
        sender = _sender(self._settings.connection) if http_client is None else None
        if not isinstance(http_client, httpx.AsyncClient):
            http_client = httpx.AsyncClient(timeout=self._settings.timeout, transport=http_client, limits=LIMITS)
        self._driver = AsyncDriver(http_client, self._settings.connection, sender)

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

    async def task(self, task_id: str) -> AsyncTask:
        """Look at a task; see `Apikley.task`."""
        return self._bound(await self._driver.run(_wait.look(self._core, task_id)))

    async def wait(
        self,
        task: TaskSnapshot | str,
        timeout: float = WAIT,
        *,
        on_progress: OnProgressAsync | None = None,
    ) -> AsyncTask:
        """Look at a task until it has ended; see `Apikley.wait`."""
        return self._bound(await self._driver.run(_wait.wait(self._core, _snapshot(task), timeout, on_progress)))

    async def wait_many(
        self, tasks: Iterable[TaskSnapshot | str], timeout: float = WAIT, *, on_progress: OnProgressAsync | None = None
    ) -> AsyncIterator[AsyncTask]:
        """Look at many tasks in turn, and yield each as it ends; see `Apikley.wait_many`."""
        flow = _wait.wait_many(self._core, map(_snapshot, tasks), timeout, on_progress)
        async with contextlib.aclosing(self._driver.iterate(flow)) as ended:
            async for snapshot in ended:
                yield self._bound(snapshot)

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
        """Save a result of a finished task; see `Apikley.download`."""
        snapshot = await self.task(task) if isinstance(task, str) else task
        return await self._driver.run(
            _download.download(
                self._core,
                snapshot,
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

    async def credits(self) -> float | int:
        """What the account has left."""
        return await self._driver.run(credits_left(self._core))

    async def download_url(self, url: str) -> str:
        """A fresh link for a file that the service made; it lives 20 minutes."""
        return await self._driver.run(_download.download_url(self._core, url))

    def _bound(self, snapshot: TaskSnapshot) -> AsyncTask:
        return AsyncTask(snapshot, self)


def _snapshot(task: TaskSnapshot | str) -> TaskSnapshot:
    return task if isinstance(task, TaskSnapshot) else TaskSnapshot(task)


def _sender(connection: Connection) -> Sender | None:
    """aiohttp, where it is installed and no proxy is set."""
    try:
        from apikley._aiohttp import AiohttpSender, wanted  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return None
    return AiohttpSender(connection, LIMITS) if wanted() else None


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
