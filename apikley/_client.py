"""The synchronous client."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

import httpx2

from apikley._flows.account import get_credits
from apikley._flows.clock import Clock
from apikley._flows.create import CreateCall, CreateOptions, body_of, check, create
from apikley._flows.download import MAX_BYTES, OnBytes, download, get_download_url
from apikley._flows.download import TIMEOUT as DOWNLOAD_TIMEOUT
from apikley._flows.effects import BeforeSend
from apikley._flows.state import ClientState
from apikley._flows.upload import DEFAULT_FOLDER, Uploadable, upload
from apikley._flows.wait import get_task, wait, wait_many
from apikley._http.connection import Connection, check_http_client
from apikley._http.drivers import SyncDriver
from apikley._model.checks import COUNT, is_loopback_url
from apikley._model.secrets import hidden
from apikley._model.task import TaskInfo
from apikley.errors import ConfigurationError

if TYPE_CHECKING:
    from apikley_client.inputs import CallbackInput, ModelInput

OnProgress = Callable[["Task"], Any]
WAIT_TIMEOUT = 900.0  # seconds
MAX_RETRIES = 2


class Task(TaskInfo):
    """A task of an `Apikley` client. `wait` and `refresh` update it in place."""

    def __init__(self, task: TaskInfo, api: Apikley, account: str) -> None:
        super().__init__(task.id, task.raw, task.token, account)
        self._api = api

    def wait(self, timeout: float = WAIT_TIMEOUT, *, on_progress: OnProgress | None = None) -> Self:
        """Poll until the task has ended; see `Apikley.wait`."""
        self._api.wait(self, timeout, on_progress=on_progress)
        return self

    def refresh(self) -> Self:
        """Poll once; see `Apikley.get_task`."""
        self._api._driver.run(get_task(self._api._state, self))  # noqa: SLF001 - this client's own task
        return self

    def download(self, path: str | os.PathLike[str], *, index: int = 0) -> Path:
        """Save a result; see `Apikley.download`."""
        return self._api.download(self, path, index=index)


class Apikley:
    """The client of the Apikley API.

    Usable from several threads. As a context manager it closes its connections at the end.

    Args:
        api_key: Your API key; by default the environment variable APIKLEY_API_KEY.
        base_url: The URL of the API or of a simulator; by default the environment variable
            APIKLEY_BASE_URL, otherwise the contract's server.
        timeout: The timeout of one request, in seconds or as `httpx2.Timeout`. The default is the timeout of
            your `http_client`, otherwise 10 s to connect and 60 s for a response.
        max_retries: The number of retries of one call. A create is retried only if it was certainly refused
            or never sent.
        http_client: Your own `httpx2.Client`, which you close yourself, or an httpx2 transport.
        clock: The clock, for tests; by default the machine's.

    Raises:
        ConfigurationError: The key is missing, or an argument is invalid.

    Example:
        with Apikley() as api:
            task = api.create(Hailuo02ImageToVideoPro(prompt="A cat surfs", image_url=LocalFile("cat.png")))
            task.wait().download("clip.mp4")
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx2.Timeout | None = None,
        max_retries: int = MAX_RETRIES,
        http_client: httpx2.Client | httpx2.BaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        api_key = hidden(api_key)  # first, so that no frame shows it
        from apikley._http.clients import Clients  # noqa: PLC0415 - slow to import

        client_timeout = http_client.timeout if isinstance(http_client, httpx2.Client) else None
        connection = Connection(api_key, base_url, timeout, client_timeout)
        self._account = connection.account
        self._state = new_state(max_retries, clock, connection)
        check_http_client(http_client, httpx2.Client, httpx2.BaseTransport)
        is_local = is_loopback_url(connection.base_url)
        clients = Clients(httpx2.Client, connection.timeout, http_client, is_local=is_local)
        self._driver = SyncDriver(clients, connection, self._state.clock)

    def __repr__(self) -> str:
        return f"<Apikley {self._driver.connection.base_url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Your own `http_client` stays open."""
        self._driver.close()

    @overload
    def create(
        self,
        input: CallbackInput,
        *,
        callback_url: str,
        correlation_token: str | None = None,
        progress_callback_url: str | None = None,
        before_send: BeforeSend | None = None,
        validate: bool = True,
        allow_unknown_fields: bool = False,
    ) -> Task: ...
    @overload
    def create(
        self,
        input: ModelInput,
        *,
        callback_url: str | None = None,
        correlation_token: str | None = None,
        progress_callback_url: str | None = None,
        before_send: BeforeSend | None = None,
        validate: bool = True,
        allow_unknown_fields: bool = False,
    ) -> Task: ...
    def create(
        self,
        input: ModelInput | CallbackInput,  # noqa: A002
        *,
        callback_url: str | None = None,
        correlation_token: str | None = None,
        progress_callback_url: str | None = None,
        before_send: BeforeSend | None = None,
        validate: bool = True,
        allow_unknown_fields: bool = False,
    ) -> Task:
        """Create one task, which costs credits.

        Args:
            input: The input of a model, for instance `Hailuo02ImageToVideoPro(…)`. A `LocalFile` or a path
                in it is uploaded first.
            callback_url: Where the service reports the completion. Some models require it.
            correlation_token: A token to add to the query of `callback_url`, so that the callback names this
                create even if its response is lost. Use `secrets.token_urlsafe()`.
            progress_callback_url: Where the service reports progress. Only some models have this field.
            before_send: Called before each attempt, when the connection is open and nothing has been sent, for
                instance to note the create in a database. An exception cancels the create and is raised.
            validate: Whether to validate the request against the contract.
            allow_unknown_fields: Whether to send fields that the contract does not list.

        Returns:
            The new task. It has not finished.

        Raises:
            RequestInvalid: The request breaks the contract; nothing was sent.
            ApiError: The service refused the request; no task was created.
            CreateOutcomeUnknown: The response was lost; a task may exist and be paid.
            TransportError: The request was never sent.
        """
        options = CreateOptions(
            callback_url, correlation_token, validate, allow_unknown_fields, progress_callback_url, before_send
        )
        call = CreateCall()
        try:
            return self._task(self._driver.run(create(self._state, body_of(input), options, call)))
        except BaseException as error:
            call.note(error)
            raise

    def create_raw(
        self,
        body: Mapping[str, Any],
        *,
        callback_url: str | None = None,
        correlation_token: str | None = None,
        progress_callback_url: str | None = None,
        before_send: BeforeSend | None = None,
        validate: bool = True,
        allow_unknown_fields: bool = False,
    ) -> Task:
        """Create one task from a whole request body; otherwise like `create`.

        Args:
            body: The request body, for instance `{"model": …, "input": {…}}`.
            callback_url: As for `create`.
            correlation_token: As for `create`.
            progress_callback_url: As for `create`.
            before_send: As for `create`.
            validate: As for `create`.
            allow_unknown_fields: As for `create`.
        """
        options = CreateOptions(
            callback_url, correlation_token, validate, allow_unknown_fields, progress_callback_url, before_send
        )
        call = CreateCall()
        try:
            return self._task(self._driver.run(create(self._state, body, options, call)))
        except BaseException as error:
            call.note(error)
            raise

    def check(
        self,
        input: ModelInput | CallbackInput | Mapping[str, Any],  # noqa: A002
        *,
        allow_unknown_fields: bool = False,
    ) -> None:
        """Validate a request without sending it.

        Args:
            input: The input of a model, or a whole request body.
            allow_unknown_fields: Whether fields that the contract does not list are accepted.

        Raises:
            RequestInvalid: The request breaks the contract.
        """
        body = input if isinstance(input, Mapping) else body_of(input)
        check(body, CreateOptions(allow_unknown_fields=allow_unknown_fields))

    def get_task(self, task_id: str) -> Task:
        """Poll a task once, for instance one that another process created.

        A task that this client created a moment ago is polled again until the service knows it.

        Raises:
            NotFound: The service does not know the task.
            ApiError: The service answered with another error code.
            TransportError: No usable response arrived.
        """
        return self._driver.run(get_task(self._state, self._task(task_id)))

    def wait(
        self, task: TaskInfo | str, timeout: float = WAIT_TIMEOUT, *, on_progress: OnProgress | None = None
    ) -> Task:
        """Poll a task by the documented schedule until it has ended.

        Args:
            task: A task or its id.
            timeout: Seconds; exceeded by one request at most.
            on_progress: Called with the task after each successful poll.

        Returns:
            The given task, updated, if it belongs to this client; otherwise a new one.

        Raises:
            GenerationFailed: The task ended without a result.
            WaitTimeout: The task had not ended in time. It goes on.
            ApiError: The service answered with an error code.
            TransportError: No usable response arrived.
        """
        return self._driver.run(wait(self._state, self._task(task), timeout, on_progress))

    def wait_many(
        self, tasks: Iterable[TaskInfo | str], timeout: float = WAIT_TIMEOUT, *, on_progress: OnProgress | None = None
    ) -> Iterator[Task]:
        """Poll many tasks and yield each as it ends, failed tasks too.

        A task that cannot be polled does not stop the others.

        Args:
            tasks: Tasks or their ids.
            timeout: Seconds for all tasks together, without the time that your loop spends. 0 polls each
                task once.
            on_progress: Called with a task after each successful poll.

        Raises:
            RequestInvalid: A task id or `timeout` is invalid; nothing was polled.
            WaitTimeout: Some tasks had not ended in time; see `task_ids`.
            ApiError: The other tasks have ended, but one could not be polled; see `task_id` and the notes.
            TransportError: The same, because no usable response arrived.

        Example:
            for task in api.wait_many(tasks):
                if task.succeeded:
                    task.download(f"{task.id}.mp4")
        """
        return self._driver.iterate(wait_many(self._state, map(self._task, tasks), timeout, on_progress))

    def download(
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
        """Save a result of a finished task. The file appears when it is complete.

        A broken connection is resumed. An expired link is replaced once by a new one. A task that was never
        polled is polled once first.

        Args:
            task: A task or its id.
            path: The file to write.
            index: Which of several results.
            max_bytes: The maximum size of the file.
            timeout: Seconds for the whole download.
            on_progress: Called after each chunk with the number of bytes received and the total, if known.
            overwrite: Whether to replace an existing file, even one that appears during the download.

        Raises:
            NoResult: The task has no such result.
            TransportError: The file could not be fetched.
            OSError: The file could not be written; `FileExistsError` if it exists and is not replaced.
        """
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
        return self._driver.run(flow)

    def upload(
        self, file: Uploadable, *, name: str | None = None, folder: str = DEFAULT_FOLDER, validate: bool = True
    ) -> str:
        """Upload a file, and return its URL. The service keeps files for three days.

        Args:
            file: A path, bytes, or a file open for reading in binary mode.
            name: The file name; by default the path's.
            folder: The folder on the service. Each upload gets a new folder in it, so none replaces another.
            validate: Whether the file must have a type and size that a model accepts.

        Raises:
            RequestInvalid: No model accepts the file; nothing was sent.
            ApiError: The service refused the file.
            TransportError: No usable response arrived.
            OSError: The file could not be read.
        """
        return self._driver.run(upload(self._state, file, name=name, folder=folder, validate_file=validate))

    def get_credits(self) -> float | int:
        """Return the credits that the account has left."""
        return self._driver.run(get_credits(self._state))

    def get_download_url(self, url: str) -> str:
        """Return a new link for a file that the service made. It is valid for 20 minutes."""
        return self._driver.run(get_download_url(self._state, url))

    def _task(self, task: TaskInfo | str) -> Task:
        """Return this client's handle of a task."""
        if isinstance(task, Task) and task._api is self:  # noqa: SLF001 - this client's own task
            return task
        return Task(task if isinstance(task, TaskInfo) else TaskInfo(task), self, self._account)


def new_state(max_retries: int, clock: Clock | None, connection: Connection) -> ClientState:
    """Return the state of a new client."""
    if not COUNT.accepts(max_retries):
        raise ConfigurationError(f"max_retries is {max_retries!r}, expected {COUNT.expected}")
    return ClientState(max_retries, clock or Clock(), connection.key_source)
