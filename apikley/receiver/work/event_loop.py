"""Runs what users write, sync or async, from the receiver's threads."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any


class Loop:
    """Where coroutines are run: an event loop of our own, or the application's, where there is one.

    A loop of our own is what a handler may block without holding up the application, which answers the sender.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._application: asyncio.AbstractEventLoop | None = None
        self._own: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def adopt(self) -> None:
        """Take the loop that is running here, if one is, for the application's."""
        running = _current()
        if running is not None:
            self._application = running

    def call(self, function: Callable[..., Any], *arguments: Any, in_app: bool) -> Any:
        """Call a function and, where it gives a coroutine or the like, wait for what that gives.

        Args:
            function: What to call.
            arguments: What with.
            in_app: Whether a coroutine is for the application's loop; where there is none, it runs in our own.

        Raises:
            RuntimeError: It is called from the very loop that would have to run the coroutine.
        """
        given = function(*arguments)
        if not inspect.isawaitable(given):
            return given
        loop = self._running(in_app)
        if loop is _current():
            if asyncio.iscoroutine(given):
                given.close()
            raise RuntimeError("a coroutine cannot be waited for in its own event loop; use asyncio.to_thread")
        value, error = asyncio.run_coroutine_threadsafe(_awaited(given), loop).result()
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End a loop of our own; forget the application's."""
        with self._lock:
            loop, thread = self._own, self._thread
            self._application = self._own = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _running(self, in_app: bool) -> asyncio.AbstractEventLoop:
        application = self._application
        if in_app and application is not None and not application.is_closed():
            return application
        with self._lock:
            if self._own is None:
                self._own = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._own.run_forever, name="apikley-receiver-loop", daemon=True)
                self._thread.start()
            return self._own


async def _awaited(given: Any) -> tuple[Any, BaseException | None]:
    try:
        return await given, None
    except (SystemExit, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # Ctrl-C, which is to end the application's loop
        return None, error  # raised here, these two would end the loop, and whoever waits would wait for ever


def _current() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
