"""The tasks that were just created: the service may not know them yet."""

from __future__ import annotations

import threading
from collections import OrderedDict

from apikley._flows.clock import Clock

# How long a task that was just created may be answered as unknown, in seconds.
GRACE = 15.0
# No client creates so many within that time; and an id kept too short costs no more than a look.
_KEPT = 1_000


class Recent:
    """The ids of one client's last creates, for as long as that matters; usable from several threads.

    Args:
        clock: What tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, task_id: str) -> None:
        """Take note of a create."""
        now = self._clock.monotonic()
        with self._lock:
            self._until[task_id] = now + GRACE
            while len(self._until) > _KEPT or next(iter(self._until.values())) < now:
                self._until.popitem(last=False)

    def __contains__(self, task_id: str) -> bool:
        """Whether it was created so lately that the service may not know it yet."""
        with self._lock:
            until = self._until.get(task_id)
        return until is not None and self._clock.monotonic() <= until

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._until)
