"""Events, and the handlers that get them."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from apikley._model.task import TaskInfo
from apikley.errors import ConfigurationError
from apikley.receiver.inbox.rows import NO_STATE, Source


class Client(Protocol):
    """The methods of `Apikley` and `AsyncApikley` that a receiver uses."""

    def get_task(self, task_id: str, /) -> Any:
        """Poll a task."""

    def download(self, task: Any, path: str | os.PathLike[str], /, *, index: int = 0) -> Any:
        """Save a result."""


@dataclass(frozen=True, slots=True)
class Event:
    """A completion, as a handler gets it.

    Attributes:
        event_id: The same at each attempt. Use it to make a handler idempotent.
        task_id: The task.
        state: `success` or `fail`; None if the callback names no state and the receiver has no client to ask.
        task: The task; a `Task` or an `AsyncTask` of the receiver's client if the client confirmed it.
        confirmed: Whether the service confirmed the task. Otherwise `task` shows the callback's unsigned body.
        token: The correlation token of the create, if the callback carried one.
        attempt: The number of this attempt, from 1.
        received_at: When the completion was first known (aware, UTC).
        source: `callback`, or `poll` if no callback had arrived.
    """

    event_id: str
    task_id: str
    state: str | None
    task: TaskInfo
    confirmed: bool
    token: str | None
    attempt: int
    received_at: datetime
    source: Source
    _download: Callable[..., Any] | None = field(default=None, repr=False, compare=False)

    def download(self, path: str | os.PathLike[str], *, index: int = 0) -> Path:
        """Save a result with the receiver's client. In an async handler, use `download_async`.

        Args:
            path: The file to write.
            index: Which of several results.

        Raises:
            ConfigurationError: The receiver has no client.
            NoResult: The task has no such result.
            TransportError: The file could not be fetched.
            OSError: The file could not be written.
        """
        if self._download is None:
            raise ConfigurationError("this receiver has no client to download with; pass client=Apikley() to Receiver")
        return Path(self._download(self.task, path, index=index))

    async def download_async(self, path: str | os.PathLike[str], *, index: int = 0) -> Path:
        """Save a result without blocking the event loop; see `download`."""
        return await asyncio.to_thread(self.download, path, index=index)


Handler = Callable[[Event], Awaitable[Any] | Any]
H = TypeVar("H", bound=Handler)


class Handlers:
    """The registered handlers and the states that they handle."""

    def __init__(self) -> None:
        self._handlers: dict[str, tuple[frozenset[str], Handler]] = {}

    def __len__(self) -> int:
        return len(self._handlers)

    def add(self, handler: H, *states: str) -> H:
        """Register a handler for states."""
        if not callable(handler):
            raise ConfigurationError(f"the handler {handler!r} is not callable; expected a function of one event")
        name = _name(handler)
        # Calling a generator function runs none of its code.
        functions = (handler, getattr(handler, "__call__", None))  # noqa: B004 - of an instance
        if any(inspect.isasyncgenfunction(each) or inspect.isgeneratorfunction(each) for each in functions):
            raise ConfigurationError(f"the handler {name} is a generator; expected a function that returns when done")
        if name in self._handlers:
            raise ConfigurationError(f"there is already a handler named {name}; rename one of them")
        self._handlers[name] = (frozenset(states), handler)
        return handler

    def of(self, state: str | None) -> Iterator[tuple[str, Handler]]:
        """Yield the names and handlers for a state, in the order of registration."""
        for name, (states, handler) in self._handlers.items():
            if (state or NO_STATE) in states:
                yield name, handler


def _name(handler: Handler) -> str:
    # The inbox stores the names of the handlers that succeeded, so they must not change between processes.
    named = inspect.unwrap(handler)
    module = getattr(named, "__module__", None) or "builtins"
    name = getattr(named, "__qualname__", type(named).__qualname__)
    return f"{module}.{name}".replace(" ", "_")
