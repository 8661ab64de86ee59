"""Limits the rate of calls, in order of arrival."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from threading import Lock

# The shortest pause in seconds, so that rounding never makes a caller ask again at the same moment.
_MIN_PAUSE = 0.001


class RateLimiter:
    """At most `limit` calls in any `window` seconds, across threads.

    A caller takes a slot when its time has come; slots are not booked ahead. So a wait that ends early or is
    cancelled leaves nothing behind.

    Args:
        limit: The number of calls.
        window: The window in seconds.

    Attributes:
        interval: Seconds between two calls if they are spread evenly.
    """

    def __init__(self, limit: int, window: float) -> None:
        self.interval = window / limit
        self._limit = limit
        self._window = window
        self._taken: deque[float] = deque(maxlen=limit)
        self._queue: dict[object, None] = {}
        self._lock = Lock()

    @contextmanager
    def queued(self) -> Iterator[Callable[[float], float]]:
        """Queue for a slot until one is taken or the context ends.

        Yields:
            A function of the current time. It returns 0 if it took a slot, otherwise the seconds after which
            to call it again.
        """
        ticket = object()
        with self._lock:
            self._queue[ticket] = None
        try:
            yield partial(self._try_take, ticket)
        finally:
            with self._lock:
                self._queue.pop(ticket, None)

    def _try_take(self, ticket: object, now: float) -> float:
        with self._lock:
            # The first `limit` callers know when their slot is free. The others ask again one window later.
            first = enumerate(islice(self._queue, self._limit))
            position = next((place for place, other in first if other is ticket), None)
            if position is None:
                return self._window
            index = position - (self._limit - len(self._taken))
            due = self._taken[index] + self._window if index >= 0 else now
            if due > now:
                return max(due - now, _MIN_PAUSE)
            self._taken.append(now)
            del self._queue[ticket]
            return 0.0
