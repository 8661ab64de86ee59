"""Runs a batch in the right thread, with work beside it, and lets Ctrl-C end it in order."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from apikley.batch.run.context import Context, logger
from apikley.errors import LedgerUnavailable

T = TypeVar("T")


def in_thread(function: Callable[[], T]) -> T:
    """Call a function here or, if an event loop runs in this thread, in another one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return function()
    results: list[T] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    thread = threading.Thread(target=call, name="apikley-batch")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


@contextmanager
def interruptible(stop: Callable[[], bool]) -> Iterator[None]:
    """Call `stop` on the first Ctrl-C or SIGTERM; the second one, or one that stops nothing, interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, Any] = {}

    def restore() -> None:
        while before:
            number, handler = before.popitem()
            signal.signal(number, handler)

    def interrupt(*_: object) -> None:
        restore()
        if not stop():
            raise KeyboardInterrupt

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, interrupt)
        yield
    finally:
        restore()


async def repeated(context: Context, seconds: float, function: Callable[[], object]) -> None:
    """Call a function in a thread again and again. One that takes long is called less often."""
    while True:
        start = context.clock.monotonic()
        try:
            await asyncio.to_thread(function)
        except (OSError, LedgerUnavailable) as error:  # the next time may be better
            logger.warning("%s", error)
        took = context.clock.monotonic() - start
        await context.sleep(max(seconds, 20 * took))


@asynccontextmanager
async def background(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines during a block. An error of one of them ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in coroutines]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
