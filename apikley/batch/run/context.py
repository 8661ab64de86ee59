"""What all parts of one worker share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from apikley import AsyncApikley
from apikley._flows.clock import Clock
from apikley.batch.ledger.rows import BatchRecord, Stop
from apikley.batch.ledger.store import Ledger
from apikley.errors import LedgerUnavailable

logger = logging.getLogger("apikley.batch")

P = ParamSpec("P")
T = TypeVar("T")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds between two tries to reach the ledger


@dataclass
class Context:
    """What all parts of one worker share.

    Attributes:
        ledger: The ledger.
        batch: The batch.
        api: Uploads, polls and downloads.
        creates: Sends creates, each at most once.
        account: A hash of the API key.
        clock: The clock.
        worker: The name of this worker, for the status.
        callback_url: Where the service reports completions.
        limit: How many creates this worker may still send; None for any number.
        stopped: Set when no create is to be begun any more.
        stop: Why.
    """

    ledger: Ledger
    batch: BatchRecord
    api: AsyncApikley
    creates: AsyncApikley
    account: str
    clock: Clock
    worker: str
    callback_url: str | None = None
    limit: int | None = None
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    stop: Stop | None = None

    def halt(self, stop: Stop) -> None:
        """Begin no create any more."""
        if self.stop is None:
            self.stop = stop
            if stop.reason:
                logger.warning("no more creates: %s", stop.reason)
        self.stopped.set()

    def count_create(self) -> None:
        """Count a create that is sent now."""
        if self.limit is not None:
            self.limit -= 1
            if self.limit <= 0:
                self.halt(Stop("limit", ""))

    async def pause(self, reason: str) -> None:
        """Pause the batch for all workers."""
        await self.write(self.ledger.pause, self.batch.id, reason)
        self.halt(Stop("paused", reason))

    async def write(self, method: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Call a method of the ledger in a thread; again until its database can be reached."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await asyncio.to_thread(partial(method, *arguments, **options))
            except LedgerUnavailable as error:
                logger.warning("%s; next try in %g s", error, pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def sleep(self, seconds: float) -> None:
        """Sleep by the clock."""
        await self.clock.async_sleep(seconds)

    async def sleep_unless_stopped(self, seconds: float) -> None:
        """Sleep by the clock until creates are stopped."""
        await self.sleep_unless(self.stopped, seconds)

    async def sleep_unless(self, event: asyncio.Event, seconds: float) -> None:
        """Sleep by the clock until an event is set."""
        waits = [asyncio.ensure_future(self.clock.async_sleep(seconds)), asyncio.ensure_future(event.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
