"""The two clients: one set of flows, driven sync or async."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx

import apikley_contract
from apikley._clock import Clock
from apikley._drivers import AsyncDriver, Connection, SyncDriver
from apikley._flows import Flows
from apikley._task import TaskSnapshot
from apikley.errors import ConfigurationError

if TYPE_CHECKING:
    from apikley_client.models import TaskDetails

API_KEY, BASE_URL = "APIKLEY_API_KEY", "APIKLEY_BASE_URL"
WAIT = 900.0
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
RETRIES = 2

OnProgress = Callable[["TaskDetails"], Any]
OnProgressAsync = Callable[["TaskDetails"], Awaitable[Any] | Any]


class Task(TaskSnapshot):
    """A task of an `Apikley` client, as it was last seen."""

    _api: Apikley

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

    _api: AsyncApikley

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
        total = timeout if isinstance(timeout, int | float) else self.timeout.read
        key = _api_key(api_key)
        self.connection = Connection(_base_url(base_url), key, _user_agent(), total, self.clock)
        if retries < 0:
            raise ConfigurationError(f"retries is {retries}, expected 0 or more")
        self.flows = Flows(retries, self.clock)


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
        http_client: Your own httpx client, for proxies, certificates or transports; you close it.

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
        http_client: httpx.Client | None = None,
    ) -> None:
        self._settings = _Settings(api_key, base_url, timeout, retries)
        self._flows = self._settings.flows
        self._owned = http_client is None
        client = httpx.Client(timeout=self._settings.timeout) if http_client is None else http_client
        self._driver = SyncDriver(client, self._settings.connection)

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

    def create(self, input: object, *, callback_url: str | None = None) -> Task:  # noqa: A002 - the API's word
        """Start one generation task, which is charged for.

        Args:
            input: The input of a model, for instance `Hailuo02ImageToVideoPro(…)`, or a whole request
                body as a dict.
            callback_url: Where the service shall report the end of the task.

        Returns:
            The new task. It has not finished.

        Raises:
            RequestInvalid: The request breaks the contract; nothing was sent.
            ApiError: The service refused it; no task was made.
            CreateOutcomeUnknown: It is not known whether a task was made.
            TransportError: It was never sent.
        """
        return self._bound(self._driver.run(self._flows.create(input, callback_url)))

    def task(self, task_id: str) -> Task:
        """Look at a task, for instance one that another process created.

        Raises:
            NotFound: The service does not know it.
            ApiError: The service answered with another error.
            TransportError: No usable answer came.
        """
        return self._bound(self._driver.run(self._flows.look(task_id)))

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
        snapshot = task if isinstance(task, TaskSnapshot) else TaskSnapshot(task)
        return self._bound(self._driver.run(self._flows.wait(snapshot, timeout, on_progress)))

    def download(self, task: TaskSnapshot | str, path: str | os.PathLike[str], *, index: int = 0) -> Path:
        """Save a result of a finished task. The file appears when it is complete.

        Args:
            task: A task or its id.
            path: The file to write.
            index: Which of several results.

        Raises:
            NoResult: There is none.
            TransportError: It could not be fetched.
            OSError: It could not be written.
        """
        snapshot = self.task(task) if isinstance(task, str) else task
        return self._driver.run(self._flows.download(snapshot, Path(path), index))

    def credits(self) -> float | int:
        """What the account has left."""
        return self._driver.run(self._flows.credits())

    def download_url(self, url: str) -> str:
        """A fresh link for a file that the service made; it lives 20 minutes."""
        return self._driver.run(self._flows.download_url(url))

    def _bound(self, snapshot: TaskSnapshot) -> Task:
        task = Task(snapshot.id, snapshot.raw, visible_after=snapshot._visible_after)  # noqa: SLF001
        task._api = self  # noqa: SLF001
        return task


class AsyncApikley:
    """The Apikley API, for asyncio. The same methods as `Apikley`, awaited; see there.

    Args:
        api_key: As for `Apikley`.
        base_url: As for `Apikley`.
        timeout: As for `Apikley`.
        retries: As for `Apikley`.
        http_client: Your own `httpx.AsyncClient`; you close it.

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
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._settings = _Settings(api_key, base_url, timeout, retries)
        self._flows = self._settings.flows
        self._owned = http_client is None
        client = httpx.AsyncClient(timeout=self._settings.timeout) if http_client is None else http_client
        self._driver = AsyncDriver(client, self._settings.connection)

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
            await self._driver.client.aclose()

    async def create(self, input: object, *, callback_url: str | None = None) -> AsyncTask:  # noqa: A002 - the API's word
        """Start one generation task, which is charged for; see `Apikley.create`."""
        return self._bound(await self._driver.run(self._flows.create(input, callback_url)))

    async def task(self, task_id: str) -> AsyncTask:
        """Look at a task; see `Apikley.task`."""
        return self._bound(await self._driver.run(self._flows.look(task_id)))

    async def wait(
        self,
        task: TaskSnapshot | str,
        timeout: float = WAIT,
        *,
        on_progress: OnProgressAsync | None = None,
    ) -> AsyncTask:
        """Look at a task until it has ended; see `Apikley.wait`."""
        snapshot = task if isinstance(task, TaskSnapshot) else TaskSnapshot(task)
        return self._bound(await self._driver.run(self._flows.wait(snapshot, timeout, on_progress)))

    async def download(self, task: TaskSnapshot | str, path: str | os.PathLike[str], *, index: int = 0) -> Path:
        """Save a result of a finished task; see `Apikley.download`."""
        snapshot = await self.task(task) if isinstance(task, str) else task
        return await self._driver.run(self._flows.download(snapshot, Path(path), index))

    async def credits(self) -> float | int:
        """What the account has left."""
        return await self._driver.run(self._flows.credits())

    async def download_url(self, url: str) -> str:
        """A fresh link for a file that the service made; it lives 20 minutes."""
        return await self._driver.run(self._flows.download_url(url))

    def _bound(self, snapshot: TaskSnapshot) -> AsyncTask:
        task = AsyncTask(snapshot.id, snapshot.raw, visible_after=snapshot._visible_after)  # noqa: SLF001
        task._api = self  # noqa: SLF001
        return task


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
