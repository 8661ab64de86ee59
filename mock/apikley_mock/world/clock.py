"""The simulator's time, in Unix seconds."""

from __future__ import annotations

import time
from typing import Protocol

# How long a receiver gets, in real seconds, at least, and where only a hand moves the clock.
_SHORTEST, _BY_HAND = 1.0, 2.0

# The end of the year 9999, in Unix seconds: later ones cannot be written as a date.
LAST_MOMENT = 253_402_300_799.0


class Clock(Protocol):
    """What the engine lives by."""

    def now(self) -> float:
        """Unix seconds."""

    def until(self, moment: float) -> float | None:
        """Real seconds from now to a moment of this clock; None where only a hand brings it."""

    def patience(self, seconds: float) -> float:
        """Real seconds to wait for somebody outside who is given so many simulated ones."""


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

    def patience(self, seconds: float) -> float:
        """Real seconds: scaled, but at least one, for the receiver's own work does not get faster."""
        return max(_SHORTEST, seconds / self.speed)


class VirtualClock:
    """Time that stands still until somebody advances it.

    Args:
        start: Unix seconds to begin with; the machine's time, if not given.
    """

    def __init__(self, start: float | None = None) -> None:
        self._start = start
        self.restart()

    def restart(self) -> None:
        """Begin again where it began, or at the machine's time."""
        self._now = time.time() if self._start is None else self._start

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def until(self, moment: float) -> None:
        """Only `advance` brings any moment."""

    def patience(self, seconds: float) -> float:
        """Two real seconds, or less: nobody who drives the clock wants to wait."""
        return min(seconds, _BY_HAND)

    def advance_to(self, moment: float) -> None:
        """Let time pass up to a moment, unless it is past."""
        self._now = max(self._now, moment)
