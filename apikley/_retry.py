"""When to send a request again, and after how long.

A create is sent again only when it was certainly refused or never sent. Everything else is read
only, and is sent again on a lost answer and on a server's 5xx too.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import apikley_contract

_FIRST, _LONGEST = 0.5, 30.0  # seconds
_REFUSED = ("RATE_LIMITED", "MAINTENANCE")


def certainly_refused(code: int) -> bool:
    """Whether this code means that nothing was done."""
    codes = apikley_contract.codes()
    return code in {codes[name] for name in _REFUSED}


def pause(attempt: int, headers: Mapping[str, str], now: datetime) -> float:
    """Seconds to wait before the resend after attempt number `attempt` (from 0).

    What the server asks for in Retry-After is honoured up to half a minute; otherwise the pause
    doubles from half a second, with jitter, so that many clients do not come back together.
    """
    asked = retry_after(headers.get("retry-after"), now)
    if asked is not None:
        return min(asked, _LONGEST)
    return min(_FIRST * float(2**attempt), _LONGEST) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret


def retry_after(value: str | None, now: datetime) -> float | None:
    """A Retry-After header in seconds from now: a number, or an HTTP date; None for neither."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
