"""Deadlines for whole responses.

httpx2 limits each read on its own, so a server that sends a byte now and then could block its caller for
hours. The streams of `apikley._http.streams` share one deadline between all reads of a response.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from apikley._flows.clock import Clock

monotonic = Clock().monotonic
_CURRENT: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """The time limits of one request, in real seconds.

    Args:
        total_seconds: For the whole exchange, from now on; None for no limit.
        section_seconds: For the response's head, from the end of the request, and again for its body.
    """

    def __init__(self, total_seconds: float | None, section_seconds: float | None) -> None:
        self._total = monotonic() + (math.inf if total_seconds is None else total_seconds)
        self._section_seconds = math.inf if section_seconds is None else section_seconds
        self._until = self._total

    def start_section(self) -> None:
        """Start the time of the next section."""
        self._until = min(self._total, monotonic() + self._section_seconds)

    def unlimit_sections(self) -> None:
        """Lift the limit of the section; only the total applies."""
        self._until = self._total

    def remaining(self) -> float:
        """Return the seconds that are left; 0 or less after the deadline."""
        return self._until - monotonic()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Apply the deadline to every read of a client with deadlines."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)


def current() -> Deadline | None:
    """Return the deadline that is active here."""
    return _CURRENT.get()
