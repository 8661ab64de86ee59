"""Ids that are remembered for a short time."""

from __future__ import annotations

import threading
from collections import OrderedDict

from apikley._flows.clock import Clock

_MAX_IDS = 1_000


class RecentIds:
    """The ids of the last creates. Usable from several threads.

    Args:
        clock: The clock.
        seconds: How long an id is remembered.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, id_: str) -> None:
        """Remember an id, and forget old ones."""
        now = self._clock.monotonic()
        with self._lock:
            self._until[id_] = now + self._seconds
            while len(self._until) > _MAX_IDS or next(iter(self._until.values())) < now:
                self._until.popitem(last=False)

    def __contains__(self, id_: str) -> bool:
        with self._lock:
            until = self._until.get(id_)
        return until is not None and self._clock.monotonic() <= until

    def __len__(self) -> int:
        return len(self._until)
