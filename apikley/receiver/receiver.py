"""The receiver that users mount and register handlers with."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from apikley._flows.clock import Clock
from apikley._model.checks import COUNT, SECONDS
from apikley._model.secrets import hidden
from apikley._model.task import FAIL, SUCCESS
from apikley.callbacks import Key, webhook_keys
from apikley.errors import ApikleyError, ConfigurationError
from apikley.receiver.events import Client, H, Handlers
from apikley.receiver.inbox.group_commit import GroupCommit
from apikley.receiver.inbox.places import default_inbox
from apikley.receiver.inbox.rows import NO_STATE, Completion
from apikley.receiver.inbox.store import Inbox
from apikley.receiver.web import asgi, wsgi
from apikley.receiver.web.request_check import RequestCheck
from apikley.receiver.work.async_calls import AsyncCalls
from apikley.receiver.work.overdue import OverduePoller
from apikley.receiver.work.processing import EventProcessor
from apikley.receiver.work.retry_policy import RetryPolicy, require_option
from apikley.receiver.work.workers import Workers

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from starlette.routing import Route

# Seconds. The sender tries for 21 minutes; a wait gives up after 15.
DUE, LEASE, KEEP = 900.0, 60.0, 30 * 24 * 3600.0
_MIN_LEASE = 0.001


class Receiver:
    """Receives callbacks: verifies, stores, acknowledges and then handles each completion once.

    An instance is an ASGI application; `wsgi` is the WSGI application. Handlers run in threads, which start with
    the server's lifespan, with `start`, or with the first request. Async handlers run in the event loop of the
    ASGI application if there is one, otherwise in a loop of the receiver's own.

    Args:
        webhook_key: The account's webhook key, or several during a rotation.
        inbox: A SQLite file, `:memory:`, a PostgreSQL URL, or an `Inbox`. By default the file `inbox.db` in this
            user's data folder, which is for one application: give each application an inbox of its own.
        client: An `Apikley` or `AsyncApikley`. It confirms tasks, polls overdue ones and downloads results.
        confirm: Whether the client polls each task before its handlers run, because the signature does not cover
            the callback's body.
        tolerance: How far a callback's time may be from now, in seconds.
        workers: The number of events handled at a time; 0 to receive only.
        retries: When a failed event is handled again.
        lease: Seconds after which another process takes over the events of a killed one.
        keep: Seconds that done events are kept.
        clock: The clock, for tests.

    Raises:
        ConfigurationError: Missing or invalid webhook key, inbox location or option.
    """

    def __init__(
        self,
        webhook_key: Key | Iterable[Key],
        *,
        inbox: Inbox | str | os.PathLike[str] | None = None,
        client: Client | None = None,
        confirm: bool = True,
        tolerance: float = 300,
        workers: int = 8,
        retries: RetryPolicy | None = None,
        lease: float = LEASE,
        keep: float = KEEP,
        clock: Clock | None = None,
    ) -> None:
        webhook_key = hidden(webhook_key)  # first, so that no frame shows it
        keys = webhook_keys(webhook_key)
        if client is not None and not callable(getattr(client, "get_task", None)):
            raise ConfigurationError(f"client is a {type(client).__name__}, expected an Apikley or an AsyncApikley")
        if not isinstance(retries, RetryPolicy | None):
            raise ConfigurationError(f"retries is {retries!r}, expected RetryPolicy(…)")
        require_option(COUNT, "workers", workers)
        require_option(SECONDS, "tolerance", tolerance)
        require_option(SECONDS, "lease", lease, minimum=_MIN_LEASE)
        require_option(SECONDS, "keep", keep)
        self._clock = clock or Clock()
        self.inbox = inbox if isinstance(inbox, Inbox) else Inbox(_place(inbox))
        if clock is not None:
            self.inbox.use_clock(clock)
        self._check = RequestCheck(keys, tolerance, self._now)
        self._call = call = AsyncCalls()
        self._handlers = Handlers()
        self._commit = GroupCommit(self.inbox)
        self._poll = None if client is None else partial(call, client.get_task)
        download = None if client is None else partial(call, client.download)
        confirming = self._poll if confirm else None
        policy = retries or RetryPolicy()
        processor = EventProcessor(self._handlers, confirming, download, call, self.inbox.begin, policy, self._now)
        overdue = None if self._poll is None else OverduePoller(self.inbox, self._poll, self._now)
        self._workers = Workers(self.inbox, self._commit, processor, overdue, self._now, workers, lease, keep)
        self._started = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Receiver {self.inbox!r}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self._call.use_running_loop()
        # In a thread, because the inbox may be slow to open.
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        # In a thread, because this loop runs the handlers that `stop` waits for.
        await asyncio.to_thread(self.stop)

    def on_success(self, handler: H) -> H:
        """Call a function for each task that succeeded. A decorator."""
        return self._handlers.add(handler, SUCCESS)

    def on_failure(self, handler: H) -> H:
        """Call a function for each task that failed. A decorator."""
        return self._handlers.add(handler, FAIL)

    def on_any(self, handler: H) -> H:
        """Call a function for each task that ended. A decorator."""
        return self._handlers.add(handler, SUCCESS, FAIL, NO_STATE)

    def start(self) -> None:
        """Start to handle events. If an event loop runs in this thread, async handlers run in it.

        Raises:
            ConfigurationError: The inbox's location or driver is invalid.
            InboxUnavailable: The inbox cannot be opened.
        """
        if not self._started:
            self.inbox.counts()  # opens the inbox
        self._start_threads()

    def stop(self) -> None:
        """Stop. Running handlers get ten seconds; other events stay in the inbox."""
        with self._lock:
            if self._started:
                self._workers.stop()
            self._started = False
        self._commit.close()
        self._call.close()

    def work(self) -> int:
        """Handle all due events in this thread, for instance in a scheduled job.

        Returns:
            The number of handled events.

        Raises:
            BaseException: A handler raised more than a failure, such as Ctrl-C. Its event is retried later.
        """
        return self._workers.work()

    def expect(self, task: object, *, due: float = DUE) -> None:
        """Expect a callback, so that the task is polled if none arrives.

        Args:
            task: A task, its id, or a `CreateOutcomeUnknown`: anything with an `id` or `task_id`, a `token`, or both.
            due: Seconds from now until the first poll.

        Raises:
            ConfigurationError: There is neither an id nor a token, or no client to poll with, or `due` is invalid.
            InboxUnavailable: The inbox cannot be written. The error names the task.
        """
        task_id = task if isinstance(task, str) else _text(task, "id") or _text(task, "task_id")
        token = _text(task, "token")
        if not task_id and not token:
            raise ConfigurationError(f"{task!r} has neither a task id nor a token to expect a callback by")
        # The error names the id, because the caller may have created the task in the same expression.
        subject = (f"task {task_id}" if task_id else "the create") + " is not expected"
        if task_id and self._poll is None:
            raise ConfigurationError(f"{subject}: there is no client to poll it with; pass client=Apikley()")
        if not SECONDS.accepts(due):
            raise ConfigurationError(f"{subject}: due is {due!r}, expected {SECONDS.expected}")
        now = self._now()
        try:
            self.inbox.expect(task_id, token, now + due, now)
        except ApikleyError as error:
            raise type(error)(f"{subject}: {error}") from error

    def resolve(self, unknown: object) -> str | None:
        """Return the id of the task that a create of unknown outcome made, once its callback has arrived.

        Args:
            unknown: The `CreateOutcomeUnknown`, or its token.
        """
        token = unknown if isinstance(unknown, str) else _text(unknown, "token")
        return self.inbox.task_of(token) if token else None

    async def __call__(self, scope: asgi.Message, receive: asgi.Receive, send: asgi.Send) -> None:
        """Serve one ASGI connection."""
        self._call.use_running_loop()
        if scope["type"] == "lifespan":
            await asgi.lifespan(receive, send, self.start, self.stop)
        elif scope["type"] == "http":
            await asgi.serve(self._check, self._store, scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """Serve one WSGI request."""
        return wsgi.serve(self._check, self._store, environ, start_response)

    def routes(self, path: str) -> list[Route]:
        """Return the routes for FastAPI and Starlette, with and without a slash at the end.

        Args:
            path: The path of the callbacks, for instance `/apikley`.

        Example:
            app.router.routes.extend(receiver.routes("/apikley"))
        """
        from starlette.routing import Route  # noqa: PLC0415 - of the application

        return [Route(f"/{path.strip('/')}{end}", self) for end in ("", "/")]

    def django_view(self, request: HttpRequest) -> HttpResponse:
        """Serve one request as a Django view.

        Example:
            urlpatterns = [path("apikley/", receiver.django_view), path("apikley", receiver.django_view)]
        """
        from django.http import HttpResponse  # noqa: PLC0415 - of the application

        body = io.BytesIO(request.body)
        response = HttpResponse()

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            response.status_code = int(status.partition(" ")[0])
            for name, value in headers:
                response[name] = value

        environ = {**request.META, "wsgi.input": body, "CONTENT_LENGTH": str(len(body.getvalue()))}
        environ["REQUEST_METHOD"] = request.method
        response.content = b"".join(self.wsgi(environ, start_response))
        return response

    django_view.csrf_exempt = True  # type: ignore[attr-defined]

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _start_threads(self) -> None:
        with self._lock:
            self._call.use_running_loop()
            if not self._started:
                self._workers.start()
            self._started = True

    def _store(self, completion: Completion) -> Future[None]:
        if not self._started:
            self._start_threads()
        stored = self._commit.submit(completion)
        stored.add_done_callback(lambda _: self._workers.wake())
        return stored


def _place(inbox: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    """Return a named inbox, or the default one in a folder that exists."""
    if inbox is not None:
        return inbox
    place = default_inbox()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder of the inbox {place} cannot be made: {error.strerror}; name a file with inbox="
        raise ConfigurationError(message) from error
    return place


def _text(value: object, name: str) -> str | None:
    attribute = getattr(value, name, None)
    return attribute if isinstance(attribute, str) and attribute else None
