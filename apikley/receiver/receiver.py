"""The receiver: what users make, mount and hang their handlers on."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from apikley._flows.clock import Clock
from apikley.callbacks import Key, webhook_keys
from apikley.errors import ConfigurationError
from apikley.receiver.events import FAIL, SUCCESS, H, Handlers
from apikley.receiver.inbox.group_commit import GroupCommit
from apikley.receiver.inbox.rows import INBOX, Delivery
from apikley.receiver.inbox.store import Inbox
from apikley.receiver.options import END, NONE_OR_MORE, SECONDS, SOME_SECONDS, demand
from apikley.receiver.web import asgi as _asgi
from apikley.receiver.web import wsgi as _wsgi
from apikley.receiver.web.request_check import Gate
from apikley.receiver.work.confirmation import Client
from apikley.receiver.work.event_loop import Loop
from apikley.receiver.work.overdue import Overdue
from apikley.receiver.work.processing import Handling, Retries
from apikley.receiver.work.workers import Workers

# In seconds. A callback is due when a task would be given up by polling; the sender tries for 21 minutes.
DUE, LEASE, KEEP = 900.0, 60.0, 30 * 24 * 3600.0


class Receiver:
    """Takes completion callbacks: verified, stored, acknowledged, and then handled, once.

    An instance is an ASGI application; `wsgi` is the same for WSGI. Threads of its own handle what is in
    the inbox; they start with the server's lifespan, with `start`, or else with the first request.

    Args:
        webhook_key: The account's webhook key, or several while one replaces another.
        inbox: A SQLite file, `:memory:`, a PostgreSQL URL, or an `Inbox`.
        client: An `Apikley` or `AsyncApikley` that asks the service about each task before its handlers
            are called, and about overdue ones.
        confirm: Whether handlers see only what the service itself says when asked; needs a client.
        tolerance: How far a callback's time may be from now, in seconds.
        in_app_loop: Whether async handlers run in the application's event loop, for what is bound to it, instead
            of one of the receiver's own. One that blocks it holds up the answers to the sender as well.
        workers: How many endings are handled at a time; 0 to receive only, where other processes handle.
        retries: When a handler that failed is called again.
        lease: Seconds after which another process takes over what a killed one has left.
        keep: Seconds for which what was handled is remembered, and what is expected in vain.
        clock: What tells the time.

    Raises:
        ConfigurationError: There is no key or one that is no text, no inbox can be kept there, or another
            option is none.

    Example:
        receiver = Receiver("your-webhook-key", client=Apikley())

        @receiver.on_success
        def save(event):
            download(event.task.result_urls[0], event.key)
    """

    def __init__(
        self,
        webhook_key: Key | Iterable[Key],
        *,
        inbox: Inbox | str | os.PathLike[str] = INBOX,
        client: Client | None = None,
        confirm: bool = True,
        tolerance: float = 300,
        in_app_loop: bool = False,
        workers: int = 8,
        retries: Retries | None = None,
        lease: float = LEASE,
        keep: float = KEEP,
        clock: Clock | None = None,
    ) -> None:
        keys = webhook_keys(webhook_key)
        if client is not None and not callable(getattr(client, "get_task", None)):
            raise ConfigurationError(f"client is a {type(client).__name__}, expected an Apikley or an AsyncApikley")
        if not isinstance(retries, Retries | None):
            raise ConfigurationError(f"retries is {retries!r}, expected Retries(…)")
        demand(NONE_OR_MORE, "workers", workers)
        demand(SECONDS, "tolerance", tolerance)
        demand(END, "lease", lease)
        demand(SOME_SECONDS, "keep", keep)
        self._clock = clock or Clock()
        self.inbox = inbox if isinstance(inbox, Inbox) else Inbox(inbox)
        self._client = client
        self._gate = Gate(keys, tolerance, self._clock)
        self._loop = Loop()
        self._handlers = Handlers()
        self._commit = GroupCommit(self.inbox)
        handling = Handling(
            self._handlers,
            client if confirm else None,
            self._loop,
            retries or Retries(),
            self._clock,
            in_app_loop=in_app_loop,
        )
        overdue = Overdue(self.inbox, client, self._loop, self._clock) if client is not None else None
        self._workers = Workers(
            self.inbox, self._commit, handling, overdue, self._clock, count=workers, lease=lease, keep=keep
        )
        self._threaded = workers > 0
        self._started = False
        self._starting = threading.Lock()

    def __repr__(self) -> str:
        return f"<Receiver {self.inbox!r}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self._loop.adopt()
        # Elsewhere, since the inbox may be slow to open, and the application has more to do.
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Elsewhere, since this loop may have to run the handlers that are waited for.
        await asyncio.to_thread(self.stop)

    def on_success(self, handler: H) -> H:
        """Have a function called for each task that succeeded."""
        return self._handlers.add(handler, SUCCESS)

    def on_failure(self, handler: H) -> H:
        """Have a function called for each task that failed."""
        return self._handlers.add(handler, FAIL)

    def on_any(self, handler: H) -> H:
        """Have a function called for each task that has ended, well or badly."""
        return self._handlers.add(handler, SUCCESS, FAIL)

    def start(self) -> None:
        """Begin to handle what is in the inbox. The event loop that this is called in, if any, is the application's.

        Raises:
            ConfigurationError: The inbox cannot be opened.
        """
        if not self._started:
            self.inbox.counts()  # opened now, so that what is wrong with it is said here
        self._begin()

    def stop(self) -> None:
        """Stop handling. What is being handled gets ten seconds; what is left stays in the inbox."""
        with self._starting:
            if self._started and self._threaded:
                self._workers.stop()
            self._started = False
        self._commit.close()
        self._loop.close()

    def work(self) -> int:
        """Handle everything that is due now, in this thread, for instance from a scheduled job.

        Returns:
            How many endings were handled.

        Raises:
            BaseException: What a handler raised that is more than its failure: Ctrl-C, or a time-out of the
                caller's own. Its ending is put off like any that failed.
        """
        return self._workers.work()

    def expect(self, task: object, *, due: float = DUE) -> None:
        """Note a job whose callback is due, so that the service is asked for it if none comes.

        Args:
            task: A task, its id, or a `CreateOutcomeUnknown`: anything with an `id` or `task_id`, a `token`,
                or both.
            due: Seconds from now until it is overdue.

        Raises:
            ConfigurationError: There is neither an id nor a token, no client to ask with, or no inbox where
                one was to be; or `due` is no number of seconds. What is raised names the task.
        """
        task_id = task if isinstance(task, str) else _text(task, "id") or _text(task, "task_id")
        token = _text(task, "token")
        if not task_id and not token:
            raise ConfigurationError(f"{task!r} has neither a task id nor a token to expect a callback by")
        # Said with the id: where the task was created in the same expression, it stands nowhere else.
        refusal = (f"task {task_id}" if task_id else "the create") + " is not expected"
        if task_id and self._client is None:
            raise ConfigurationError(f"{refusal}: only with a client can it be asked for; pass client=Apikley()")
        if not SECONDS.fits(due):
            raise ConfigurationError(f"{refusal}: due is {due!r}, expected {SECONDS.expected}")
        now = self._clock.now().timestamp()
        try:
            self.inbox.expect(task_id, token, now + due, now)
        except ConfigurationError as error:
            raise ConfigurationError(f"{refusal}: {error}") from None
        except Exception as error:
            error.add_note(refusal)
            raise

    def resolve(self, unknown: object) -> str | None:
        """The id of the task that a create has made whose answer was lost, once its callback has come.

        Args:
            unknown: The `CreateOutcomeUnknown`, or its token.
        """
        token = unknown if isinstance(unknown, str) else _text(unknown, "token")
        return self.inbox.task_of(token) if token else None

    async def __call__(self, scope: _asgi.Message, receive: _asgi.Receive, send: _asgi.Send) -> None:
        """Serve one ASGI connection."""
        self._loop.adopt()
        if scope["type"] == "lifespan":
            await _asgi.lifespan(receive, send, self.start, self.stop)
        elif scope["type"] == "http":
            await _asgi.serve(self._gate, self._store, scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """Serve one WSGI request."""
        return _wsgi.serve(self._gate, self._store, environ, start_response)

    def _begin(self) -> None:
        """Start the threads, which open the inbox if nobody has; so it is done at once."""
        with self._starting:
            self._loop.adopt()
            if not self._started and self._threaded:
                self._workers.start()
            self._started = True

    def _store(self, delivery: Delivery) -> Future[None]:
        if not self._started:
            self._begin()
        stored = self._commit.submit(delivery)
        stored.add_done_callback(lambda _: self._workers.wake())
        return stored


def _text(thing: object, name: str) -> str | None:
    value = getattr(thing, name, None)
    return value if isinstance(value, str) and value else None
