"""How often one client may look: first come, first served."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from threading import Lock

# Slept at least, in seconds: a place is never asked for again at the very moment that rounding gives.
_LEAST = 0.001


class Limiter:
    """Never more than so many in any window of so many seconds, over all threads.

    Places are not booked ahead: one is taken when its time has come, by the first in line. So whoever
    leaves the line (an ended wait, a cancelled one) leaves nothing behind that others would wait for.

    Args:
        most: How many.
        window: In how many seconds.

    Attributes:
        gap: Seconds from one to the next, where they are spread evenly.
    """

    def __init__(self, most: int, window: float) -> None:
        self.gap = window / most
        self._most = most
        self._window = window
        self._taken: deque[float] = deque(maxlen=most)
        self._line: dict[object, None] = {}
        self._lock = Lock()

    @contextmanager
    def line(self) -> Iterator[Callable[[float], float]]:
        """Stand in line, until a place is taken or this is left.

        Yields:
            What asks for a place: called with the time, it returns 0 if it took one, otherwise after
            how many seconds to ask again.
        """
        ticket = object()
        with self._lock:
            self._line[ticket] = None
        try:
            yield partial(self._ask, ticket)
        finally:
            with self._lock:
                self._line.pop(ticket, None)

    def _ask(self, ticket: object, now: float) -> float:
        with self._lock:
            # When the turn of the first ones comes is known; the others ask again a window later, when
            # the line may have become shorter than it looks now. That costs each one question a window.
            first = enumerate(islice(self._line, self._most))
            ahead = next((place for place, other in first if other is ticket), None)
            if ahead is None:
                return self._window
            index = ahead - (self._most - len(self._taken))
            due = self._taken[index] + self._window if index >= 0 else now
            if due > now:
                return max(due - now, _LEAST)
            self._taken.append(now)
            del self._line[ticket]
            return 0.0
