"""The client for code that waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
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
from apikley._http.drivers import SyncDriver
from apikley._model.task import TaskSnapshot, snapshot

if TYPE_CHECKING:
    from apikley._flows.clock import Clock
    from apikley_client.models import TaskDetails

OnProgress = Callable[["TaskDetails"], Any]


class Task(TaskSnapshot):
    """A task of an `Apikley` client, as it was last seen."""

    def __init__(self, seen: TaskSnapshot, api: Apikley, account: str) -> None:
        super().__init__(seen.id, seen.raw, seen.token, account)
        self._api = api

    def wait(self, timeout: float = WAIT, *, on_progress: OnProgress | None = None) -> Task:
        """Look until the task has ended; see `Apikley.wait`."""
        return self._api.wait(self, timeout, on_progress=on_progress)

    def refresh(self) -> Task:
        """Look once; see `Apikley.task`."""
        seen = self._api.get_task(self.id)
        seen.token = self.token
        return seen

    def download(self, path: str | os.PathLike[str], *, index: int = 0) -> Path:
        """Save a result; see `Apikley.download`."""
        return self._api.download(self, path, index=index)


class Apikley:
    """The Apikley API, for code that waits.

    Usable from several threads, and as a context manager that closes its connections.

    Args:
        api_key: Your key; otherwise the environment variable APIKLEY_API_KEY.
        base_url: Another place to find the API, for instance a simulator; otherwise the environment
            variable APIKLEY_BASE_URL, otherwise the contract's server.
        timeout: For one request, in seconds, or httpx2's own type; if not given, that of your own httpx2
            client, otherwise 10 s to connect and 60 s for an answer.
        max_retries: The number of resends allowed (0: none). A create is only ever sent again when it was
            certainly refused or never sent.
        http_client: Your own httpx2 client, for proxies or certificates, which you close yourself; or
            an httpx2 transport.
        clock: What the time is taken from; for tests that drive it. The machine's own, if not given.

    Raises:
        ConfigurationError: There is no key, or what else was given cannot be used.

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
        timeout: float | httpx2.Timeout | None = None,
        max_retries: int = RETRIES,
        http_client: httpx2.Client | httpx2.BaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        theirs = http_client.timeout if isinstance(http_client, httpx2.Client) else None
        self._settings = Settings(api_key, base_url, timeout, max_retries, clock, theirs)
        self._core = self._settings.core
        self._owned = not isinstance(http_client, httpx2.Client)
        if not isinstance(http_client, httpx2.Client):
            check_transport(http_client, httpx2.BaseTransport, "httpx2.Client")
            http_client = httpx2.Client(timeout=self._settings.timeout, transport=http_client, limits=LIMITS)
            punctual(http_client)
        self._driver = SyncDriver(http_client, self._settings.connection, self._settings.clock)

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

    def get_task(self, task_id: str) -> Task:
        """Look at a task, for instance one that another process created.

        One that this client has just created is looked at again while the service does not know it yet.

        Raises:
            NotFound: The service does not know it.
            ApiError: The service answered with another error.
            TransportError: No usable answer came.
        """
        return self._bound(self._driver.run(_wait.see(self._core, snapshot(task_id))))

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
        return self._bound(self._driver.run(_wait.wait(self._core, snapshot(task), timeout, on_progress)))

    def wait_many(
        self, tasks: Iterable[TaskSnapshot | str], timeout: float = WAIT, *, on_progress: OnProgress | None = None
    ) -> Iterator[Task]:
        """Look at many tasks in turn, and yield each as it ends, failed ones too.

        A task that cannot be looked at does not stop the others. Whatever was not yielded when an error
        is raised is still open, and goes on.

        Args:
            tasks: Tasks or their ids.
            timeout: Seconds for all of them together; what your loop does meanwhile does not count. 0: one
                look at each.
            on_progress: Called after each look.

        Raises:
            RequestInvalid: A task id or `timeout` is none; nothing was looked at.
            WaitTimeout: Some had not ended in time; `task_ids` names them.
            ApiError: The others have ended, but the service answered with an error about one, `task_id`;
                notes tell of further ones.
            TransportError: The same, where no usable answer came.

        Example:
            for task in api.wait_many(tasks):
                if task.state == "success":
                    task.download(f"{task.id}.mp4")
        """
        flow = _wait.wait_many(self._core, map(snapshot, tasks), timeout, on_progress)
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
        seen = self.get_task(task) if isinstance(task, str) else task
        return self._driver.run(
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

    def get_credits(self) -> float | int:
        """What the account has left."""
        return self._driver.run(credits_left(self._core))

    def get_download_url(self, url: str) -> str:
        """A fresh link for a file that the service made; it lives 20 minutes."""
        return self._driver.run(_download.download_url(self._core, url))

    def _bound(self, seen: TaskSnapshot) -> Task:
        return Task(seen, self, self._settings.connection.account)
