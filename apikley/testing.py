"""Helpers for tests of code that uses this library."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel

from apikley._flows.clock import Clock

__all__ = ["ManualClock"]


class ManualClock(Clock):
    """A clock that the test drives. Sleeping advances it at once. Usable from several threads.

    Args:
        start: The time at which it starts.

    Attributes:
        slept: The length of each sleep, in seconds.

    Example:
        clock = ManualClock()
        with Apikley(clock=clock) as api:
            api.wait("task_…", timeout=900)  # takes no real time between polls
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.slept: list[float] = []
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._elapsed += seconds

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self._elapsed

    def now(self) -> datetime:
        """Return the start time plus the seconds that have passed."""
        return self._start + timedelta(seconds=self._elapsed)

    def sleep(self, seconds: float) -> None:
        """Advance the clock by `seconds`."""
        self.slept.append(seconds)
        self.advance(seconds)

    async def async_sleep(self, seconds: float) -> None:
        """Advance the clock by `seconds`, and let other tasks run."""
        self.sleep(seconds)
        await anyio.lowlevel.checkpoint()
