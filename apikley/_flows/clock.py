"""The clock that flows read and drivers sleep by; a test can put one that it drives in its place."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class Clock:
    """What a client takes the time from, and waits by: the machine's own.

    A test that does not want to wait gives `Apikley(clock=…)` a subclass that it drives.
    """

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def now(self) -> datetime:
        """The time of day (aware, UTC)."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait: what `Apikley` does."""
        time.sleep(seconds)

    async def async_sleep(self, seconds: float) -> None:
        """Wait, and let others work: what `AsyncApikley` does."""
        await asyncio.sleep(seconds)
