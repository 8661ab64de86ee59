"""When to send a request again, and after how long.

A create is sent again only when it was certainly refused or never sent. Everything else changes
nothing and is sent again on a lost answer and on a server's failure too.
"""

from __future__ import annotations

import logging
import random

import apikley_contract
from apikley._flows.clock import Clock
from apikley._flows.effects import Sleep
from apikley.errors import ApiError, TransportError

FIRST, LONGEST = 0.5, 30.0  # seconds
_DOUBLINGS = 10  # after which the pause is the longest in any case
# No resend begins later than this after the first try, in seconds.
BUDGET = 120.0
_REFUSED = ("RATE_LIMITED", "MAINTENANCE")
_log = logging.getLogger("apikley")


class Retry:
    """The resends of one call.

    Args:
        resends: How many are allowed.
        clock: What tells the time.
    """

    def __init__(self, resends: int, clock: Clock) -> None:
        self._left = resends
        self._made = 0
        self._clock = clock
        self._start = clock.monotonic()

    def pause(self, failure: ApiError | TransportError, asked: float | None = None) -> Sleep:
        """The wait before the next try.

        What the service asks for in Retry-After is honoured up to half a minute; otherwise, and where it
        asks for no pause worth the name, the pause doubles from half a second, with jitter, so that many
        clients do not come back together.

        Args:
            failure: What went wrong.
            asked: The seconds that were asked for, where it was not the API that answered.

        Raises:
            ApiError: The failure, where no resend is left.
            TransportError: The same.
        """
        asked = (failure.retry_after if isinstance(failure, ApiError) else asked) or 0.0
        backoff = min(FIRST * 2 ** min(self._made, _DOUBLINGS), LONGEST) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        seconds = min(asked, LONGEST) if asked >= FIRST else max(asked, backoff)
        if self._left == 0 or self._clock.monotonic() - self._start + seconds > BUDGET:
            raise failure
        self._left -= 1
        self._made += 1
        _log.info("trying again in %.1f s after: %s", seconds, failure)
        return Sleep(seconds)


def certainly_refused(failure: Exception) -> bool:
    """Whether the service said that it did nothing, and that it may do it later."""
    codes = apikley_contract.codes()
    return isinstance(failure, ApiError) and failure.code in {codes[name] for name in _REFUSED}


def passing(failure: Exception) -> bool:
    """Whether the same look may well succeed in a moment."""
    if isinstance(failure, ApiError):
        return certainly_refused(failure) or max(failure.code, failure.status_code or 0) in range(500, 600)
    return isinstance(failure, TransportError)
