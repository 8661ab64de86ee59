"""Who may ask, how often, and what is left to spend."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping

from apikley_mock.control.settings import AccountSettings, Limit


class Account:
    """One account while the simulator runs.

    Attributes:
        name: What it is called; the key is never shown.
        credits: What is left; None never runs out.
        webhook_key: What its callbacks are signed with, if with anything.
    """

    def __init__(self, settings: AccountSettings, limits: Mapping[str, Limit]) -> None:
        self.name = settings.name
        self.credits = settings.credits
        self.webhook_key = settings.webhook_key
        self._windows = {operation: _Window(limit) for operation, limit in limits.items()}

    def admit(self, operation: str, now: float) -> int | None:
        """Count a request; None if it may pass, or the seconds after which the next one may."""
        window = self._windows.get(operation)
        return window.admit(now) if window else None

    def pay(self, price: float) -> bool:
        """Take credits; whether there were enough."""
        if self.credits is None:
            return True
        if self.credits <= 0 or self.credits < price:
            return False
        self.credits -= price
        return True

    def refund(self, price: float) -> None:
        """Give credits back."""
        if self.credits is not None:
            self.credits += price


class Accounts:
    """All accounts, by key.

    Args:
        settings: Who there is.
        limits: How many requests each may send, by operation id.
    """

    def __init__(self, settings: list[AccountSettings], limits: Mapping[str, Limit]) -> None:
        self._by_header = {f"Bearer {each.key}".encode(): Account(each, limits) for each in settings}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_header.values())

    def of(self, authorization: bytes) -> Account | None:
        """Whose the header `Authorization` is; the scheme's letters may be of any case."""
        found = self._by_header.get(authorization)
        if found is None:
            scheme, _, key = authorization.partition(b" ")
            if scheme.lower() == b"bearer":
                found = self._by_header.get(b"Bearer " + key)
        return found

    def names(self) -> list[str]:
        """What they are called."""
        return [account.name for account in self]

    def named(self, name: str) -> Account | None:
        """The account of a name."""
        return next((account for account in self if account.name == name), None)


class _Window:
    """Counts the admitted requests of the last seconds; refused ones do not count."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._admitted: deque[float] = deque()

    def admit(self, now: float) -> int | None:
        admitted = self._admitted
        while admitted and admitted[0] <= now - self._limit.seconds:
            admitted.popleft()
        if len(admitted) < self._limit.requests:
            admitted.append(now)
            return None
        oldest = admitted[0] if admitted else now
        return max(1, math.ceil(oldest + self._limit.seconds - now))
