"""When to retry, and after which pause.

A create is retried only if it was certainly refused or never sent. All other requests change nothing, and are
also retried after a lost response and after a server error.
"""

from __future__ import annotations

import logging
import random

import apikley_contract
from apikley._flows.clock import Clock
from apikley._flows.effects import Sleep
from apikley.errors import ApiError, TransportError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
# No retry starts later than this after the first attempt, in seconds.
RETRY_BUDGET = 120.0
_MAX_DOUBLINGS = 10
_REFUSED = ("RATE_LIMITED", "MAINTENANCE")
_log = logging.getLogger("apikley")


class Retry:
    """The retries of one call.

    Args:
        max_retries: The number of retries allowed.
        clock: The clock.
    """

    def __init__(self, max_retries: int, clock: Clock) -> None:
        self._left = max_retries
        self._made = 0
        self._clock = clock
        self._start = clock.monotonic()

    def pause(self, failure: ApiError | TransportError, retry_after: float | None = None) -> Sleep:
        """Return the pause before the next attempt.

        Retry-After is honoured up to `LONGEST_PAUSE`. Without it, or if it is shorter than `FIRST_PAUSE`, the
        pause doubles from `FIRST_PAUSE`, with jitter.

        Args:
            failure: What went wrong.
            retry_after: The requested pause in seconds, if the failure is not an `ApiError`.

        Raises:
            ApiError: The failure, if no retry is left.
            TransportError: The failure, if no retry is left.
        """
        asked = (failure.retry_after if isinstance(failure, ApiError) else retry_after) or 0.0
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
        backoff = min(FIRST_PAUSE * 2 ** min(self._made, _MAX_DOUBLINGS), LONGEST_PAUSE) * jitter
        seconds = min(asked, LONGEST_PAUSE) if asked >= FIRST_PAUSE else max(asked, backoff)
        if self._left == 0 or self._clock.monotonic() - self._start + seconds > RETRY_BUDGET:
            raise failure
        self._left -= 1
        self._made += 1
        _log.info("retrying in %.1f s after: %s", seconds, failure)
        return Sleep(seconds)


def is_certain_refusal(failure: Exception) -> bool:
    """Whether the service refused the request for now and did nothing."""
    codes = apikley_contract.codes()
    return isinstance(failure, ApiError) and failure.code in {codes[name] for name in _REFUSED}


def is_transient(failure: Exception) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(failure, ApiError):
        return is_certain_refusal(failure) or max(failure.code, failure.status_code or 0) in range(500, 600)
    return isinstance(failure, TransportError) and failure.is_transient
