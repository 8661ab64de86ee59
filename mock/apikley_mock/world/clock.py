"""The simulator's time, in Unix seconds."""

from __future__ import annotations

import time
from typing import Protocol

# Real seconds that a receiver gets: at least, and on a virtual clock.
_MIN_TIMEOUT, _VIRTUAL_TIMEOUT = 1.0, 10.0

# The end of the year 9999: later times cannot be written as a date.
LAST_MOMENT = 253_402_300_799.0


class Clock(Protocol):
    """The time of a simulator."""

    def now(self) -> float:
        """Return Unix seconds."""

    def until(self, moment: float) -> float | None:
        """Return the real seconds until a moment; None if only `advance` reaches it."""

    def real_timeout(self, seconds: float) -> float:
        """Return the real seconds for a timeout of simulated seconds."""


class RealClock:
    """The machine's time, or a faster one.

    Args:
        speed: Simulated seconds in one real second.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start = time.time()
        self._ticks = time.monotonic()

    def now(self) -> float:
        """Return Unix seconds, from the start of the simulator."""
        return self._start + (time.monotonic() - self._ticks) * self.speed

    def until(self, moment: float) -> float:
        """Return the real seconds until a moment."""
        return max(0.0, (moment - self.now()) / self.speed)

    def real_timeout(self, seconds: float) -> float:
        """Return the scaled timeout, at least one second, because receivers do not get faster."""
        return max(_MIN_TIMEOUT, seconds / self.speed)


class VirtualClock:
    """Time that stands still until it is advanced.

    Args:
        start: Unix seconds at the start; by default the machine's time.
    """

    def __init__(self, start: float | None = None) -> None:
        self._start = start
        self.restart()

    def restart(self) -> None:
        """Return to the start, or to the machine's time."""
        self._now = time.time() if self._start is None else self._start

    def now(self) -> float:
        """Return Unix seconds."""
        return self._now

    def until(self, moment: float) -> None:
        """Return None: only `advance_to` reaches a moment."""

    def real_timeout(self, seconds: float) -> float:
        """Return ten real seconds, or less."""
        return min(seconds, _VIRTUAL_TIMEOUT)

    def advance_to(self, moment: float) -> None:
        """Let time pass until a moment, unless it is past."""
        self._now = max(self._now, moment)
