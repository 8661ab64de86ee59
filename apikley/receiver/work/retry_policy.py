"""When a failed attempt is repeated."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from apikley._model.checks import COUNT, SECONDS, Constraint
from apikley.errors import ConfigurationError

# Exceptions by which user code fails. Any other, such as Ctrl-C or a timeout of gevent, also concerns the thread.
FAILURES = (Exception, SystemExit, asyncio.CancelledError)


@dataclass(frozen=True)
class RetryPolicy:
    """When a failed event is handled again.

    Attributes:
        attempts: The maximum number of attempts; then the event is dead.
        first: Seconds before the second attempt. Each further pause is twice as long.
        longest: The longest pause, in seconds.

    Raises:
        ConfigurationError: A value is out of range.
    """

    attempts: int = 12
    first: float = 5.0
    longest: float = 3600.0

    def __post_init__(self) -> None:
        require_option(COUNT, "attempts", self.attempts, minimum=1)
        require_option(SECONDS, "first", self.first)
        require_option(SECONDS, "longest", self.longest)

    def pause(self, attempts: int) -> float | None:
        """Return the seconds until the next attempt after this many; None if there is none."""
        if attempts >= self.attempts:
            return None
        length = min(self.first * 2.0 ** min(attempts - 1, 100), self.longest)  # 2.0 ** 1024 overflows
        return length * random.uniform(0.8, 1.0)  # noqa: S311 - jitter, not a secret


def require_option(constraint: Constraint, name: str, value: object, *, minimum: float = 0) -> None:
    """Raise a ConfigurationError if the value does not satisfy the constraint or is below the minimum."""
    if not constraint.accepts(value) or not (isinstance(value, int | float) and value >= minimum):
        least = f", at least {minimum:g}" if minimum else ""
        raise ConfigurationError(f"{name} is {value!r}, expected {constraint.expected}{least}")
