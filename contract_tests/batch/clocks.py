"""A clock for batches that run in real threads and processes."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from apikley._flows.clock import Clock


class ScaledClock(Clock):
    """The machine's monotonic clock, faster. All processes of the machine agree on it.

    Args:
        speed: Seconds of this clock in one real second.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed

    def monotonic(self) -> float:
        """Return seconds that never decrease."""
        return super().monotonic() * self._speed

    def now(self) -> datetime:
        """Return a time that all processes of the machine agree on."""
        return datetime.fromtimestamp(self.monotonic(), UTC)

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds / self._speed)

    async def async_sleep(self, seconds: float) -> None:
        """Sleep and let other tasks run."""
        await super().async_sleep(seconds / self._speed)
