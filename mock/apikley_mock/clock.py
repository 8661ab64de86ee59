"""The simulator's time, in Unix seconds."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the engine lives by."""

    def now(self) -> float:
        """Unix seconds."""

    def until(self, moment: float) -> float | None:
        """Real seconds from now to a moment of this clock; None where only a hand brings it."""


class RealClock:
    """The machine's time, or a faster one.

    Args:
        speed: How many simulated seconds pass in one real second.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start = time.time()
        self._ticks = time.monotonic()

    def now(self) -> float:
        """Unix seconds, from when the simulator started."""
        return self._start + (time.monotonic() - self._ticks) * self.speed

    def until(self, moment: float) -> float:
        """Real seconds from now to a moment of this clock."""
        return max(0.0, (moment - self.now()) / self.speed)


class VirtualClock:
    """Time that stands still until somebody advances it."""

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def until(self, moment: float) -> None:
        """Only `advance` brings any moment."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if seconds < 0:
            raise ValueError(f"time cannot go back by {-seconds} s")
        self._now += seconds
