"""Runs sync and async functions of users from the receiver's threads.

Coroutines run in the event loop of the ASGI application if there is one, otherwise in a loop of the receiver's own.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import ExitStack
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

_CLOSED_CHECK = 1.0  # seconds


class AsyncCalls:
    """Calls functions and waits for what they return."""

    def __init__(self) -> None:
        self._application: asyncio.AbstractEventLoop | None = None
        self._portal: BlockingPortal | None = None
        self._own_loop = ExitStack()
        self._lock = threading.Lock()

    def use_running_loop(self) -> None:
        """Use the loop that runs in this thread, if any, as the application's."""
        self._application = _running_loop() or self._application

    def __call__(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function and, if it returns an awaitable, wait for its result.

        Raises:
            RuntimeError: The caller runs in the very loop that would run the coroutine, or that loop was closed.
        """
        returned = function(*arguments, **options)
        if not inspect.isawaitable(returned):
            return returned
        loop = self._application
        if loop is None or loop.is_closed():
            value, error = self._start_portal().call(_result_of, returned)
        elif loop is _running_loop():
            raise _not_run(returned, "cannot wait for a coroutine in its own event loop; use asyncio.to_thread")
        else:
            result = _result_of(returned)
            future = asyncio.run_coroutine_threadsafe(result, loop)
            while not wait([future], _CLOSED_CHECK).done:
                if loop.is_closed():  # then nothing completes the future
                    result.close()
                    raise _not_run(returned, "the application's event loop was closed")
            value, error = future.result()
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End the receiver's own loop, with what still runs in it, and forget the application's."""
        with self._lock:
            portal, self._portal, self._application = self._portal, None, None
            if portal is not None:
                portal.call(portal.stop, True)  # cancels what still runs
            self._own_loop.close()

    def _start_portal(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None:
                self._portal = self._own_loop.enter_context(start_blocking_portal())
            return self._portal


async def _result_of(awaitable: Any) -> tuple[Any, BaseException | None]:
    try:
        return await awaitable, None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # Ctrl-C ends the application's loop
        return None, error


def _not_run(awaitable: object, reason: str) -> RuntimeError:
    if asyncio.iscoroutine(awaitable):
        awaitable.close()
    return RuntimeError(reason)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
