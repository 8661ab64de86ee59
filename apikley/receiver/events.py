"""What a handler is given, and which handler is given what."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from apikley._model.task import FINISHED, TaskInfo
from apikley.errors import ConfigurationError
from apikley.receiver.inbox.rows import Source

SUCCESS, FAIL = FINISHED


@dataclass(frozen=True, slots=True)
class Event:
    """A task has ended.

    Attributes:
        key: The same each time that this ending is handled, for making a handler idempotent.
        task_id: The task.
        state: `success` or `fail`.
        task: Its fields: `result_urls`, `fail_message`, `credits` and so on.
        confirmed: Whether the fields are what the service itself says when asked. Otherwise they are
            what the callback says, whose body is not signed.
        token: The correlation token of its create, if one came with the callback.
        attempt: 1 the first time that this ending is handled.
        received_at: When it was first heard of (aware, UTC).
        source: `callback`, or `poll` where no callback had come.
    """

    key: str
    task_id: str
    state: str
    task: TaskInfo
    confirmed: bool
    token: str | None
    attempt: int
    received_at: datetime
    source: Source


Handler = Callable[[Event], Awaitable[Any] | Any]
H = TypeVar("H", bound=Handler)


class Handlers:
    """The functions to be called, by the state that they are for."""

    def __init__(self) -> None:
        self._handlers: dict[str, tuple[frozenset[str], Handler]] = {}

    def __len__(self) -> int:
        return len(self._handlers)

    def add(self, handler: H, *states: str) -> H:
        """Have a handler called for these states."""
        if not callable(handler):
            raise ConfigurationError(f"{handler!r} is no handler; expected a function of one event")
        name = _name(handler)
        # Called, they give something that has still to be run, and nobody would.
        if any(map(_is_generator, (handler, getattr(handler, "__call__", None)))):  # noqa: B004 - of an instance
            raise ConfigurationError(
                f"{name} is no handler: it yields; expected a function that returns when it is done"
            )
        if name in self._handlers:
            raise ConfigurationError(f"there is a handler named {name} already; give each its own name")
        self._handlers[name] = (frozenset(states), handler)
        return handler

    def of(self, state: str) -> Iterator[tuple[str, Handler]]:
        """The handlers for a state, in the order in which they were added, with their names."""
        for name, (states, handler) in self._handlers.items():
            if state in states:
                yield name, handler


def _is_generator(function: object) -> bool:
    return inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)


def _name(handler: Handler) -> str:
    # What a stored ending remembers of the handlers that are done with it, also in the next version.
    named = inspect.unwrap(handler)
    module = getattr(named, "__module__", None) or "builtins"
    name = getattr(named, "__qualname__", type(named).__qualname__)
    return f"{module}.{name}".replace(" ", "_")
