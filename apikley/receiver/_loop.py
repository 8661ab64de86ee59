"""Runs what users write, sync or async, from the receiver's threads."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any


class Loop:
    """Where coroutines are run: the application's event loop, or one of our own where there is none."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._own: threading.Thread | None = None

    def adopt(self) -> None:
        """Use the loop that is running here, if one is, from now on."""
        running = _current()
        if running is not None and running is not self._loop:
            with self._lock:
                if self._own is None:
                    self._loop = running

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function and, where it gives a coroutine or the like, wait for what that gives.

        Raises:
            RuntimeError: It is called from the very loop that would have to run the coroutine.
        """
        given = function(*arguments)
        if not inspect.isawaitable(given):
            return given
        loop = self._running()
        if loop is _current():
            if asyncio.iscoroutine(given):
                given.close()
            raise RuntimeError("async handlers cannot be waited for from their own event loop; use asyncio.to_thread")
        value, error = asyncio.run_coroutine_threadsafe(_awaited(given), loop).result()
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End a loop of our own; forget the application's."""
        with self._lock:
            loop, own = self._loop, self._own
            self._loop = self._own = None
        if loop is not None and own is not None:
            loop.call_soon_threadsafe(loop.stop)
            own.join()
            loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                self._loop = asyncio.new_event_loop()
                self._own = threading.Thread(target=self._loop.run_forever, name="apikley-receiver-loop", daemon=True)
                self._own.start()
            return self._loop


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
