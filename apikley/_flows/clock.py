"""The clock that flows read and drivers sleep by."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial

# freezegun replaces `time.monotonic`, but timeouts end under a frozen clock too. Windows has no other one.
_monotonic = partial(time.clock_gettime, time.CLOCK_MONOTONIC) if hasattr(time, "clock_gettime") else time.monotonic


class Clock:
    """The machine's clock.

    For tests, pass a subclass to `Apikley(clock=…)`, for instance `apikley.testing.ManualClock`.
    """

    def monotonic(self) -> float:
        """Return seconds that never decrease."""
        return _monotonic()

    def now(self) -> datetime:
        """Return the time of day (aware, UTC)."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Sleep; used by `Apikley`."""
        time.sleep(seconds)

    async def async_sleep(self, seconds: float) -> None:
        """Sleep and let other tasks run; used by `AsyncApikley`."""
        import anyio  # noqa: PLC0415 - slow to import

        await anyio.sleep(seconds)
