"""Accounts: their keys, rate limits and credits."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Annotated, NamedTuple, Protocol

from msgspec import Meta, Struct

ApiKey = Annotated[str, Meta(pattern="^[!-~]{1,200}$", description="1 to 200 ASCII characters without spaces")]
WebhookKey = Annotated[str, Meta(pattern="^[ -~]{1,200}$", description="1 to 200 printable ASCII characters")]
Amount = Annotated[float, Meta(ge=0, le=1_000_000_000)]
_Positive = Annotated[int, Meta(ge=1, le=1_000_000)]
# Requests, and the seconds of the window.
Limit = tuple[_Positive, _Positive]


class ModelLimit(NamedTuple):
    """The limit of one model: unfinished tasks at a time, and creates in a number of seconds."""

    concurrent: int | None = None
    creates: Limit | None = None


class AccountSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one account.

    Attributes:
        key: The API key.
        name: The name that the journal shows instead of the key.
        credits: The credits at the start; null never runs out.
        webhook_key: Signs its callbacks; unsigned without it.
    """

    key: ApiKey
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    credits: Amount | None = None
    webhook_key: WebhookKey | None = None


class Unfinished(Protocol):
    """What an account needs to know about its tasks."""

    model: str

    @property
    def completed(self) -> float:
        """When the task ends, in Unix seconds; infinite if unknown."""


class Account:
    """One account while the simulator runs.

    Attributes:
        name: The name; the key is never shown.
        credits: What is left; None never runs out.
        spent: The credits that its tasks have cost.
        webhook_key: Signs its callbacks, if there is one.
    """

    def __init__(self, settings: AccountSettings, limits: Mapping[str, Limit]) -> None:
        self.name = settings.name
        self.credits = settings.credits
        self.spent = 0.0
        self.webhook_key = settings.webhook_key
        self._windows = {operation: _Window(*limit) for operation, limit in limits.items()}
        self._unfinished: dict[str, list[Unfinished]] = {}

    def admit(self, operation: str, now: float) -> int | None:
        """Count a request; returns None if it is admitted, otherwise the seconds until one would be."""
        window = self._windows.get(operation)
        return window.admit(now) if window else None

    def admit_model(self, model: str, limit: ModelLimit, now: float) -> int | None:
        """Count a create of a model; returns None if it is admitted, otherwise the seconds until one may be."""
        unfinished = [task for task in self._unfinished.get(model, ()) if task.completed > now]
        self._unfinished[model] = unfinished
        if limit.concurrent is not None and len(unfinished) >= limit.concurrent:
            return 1
        if limit.creates is None:
            return None
        return self._windows.setdefault(f"createTask {model}", _Window(*limit.creates)).admit(now)

    def started(self, task: Unfinished) -> None:
        """Count an admitted task until it has ended."""
        self._unfinished.setdefault(task.model, []).append(task)

    def pay(self, price: float) -> bool:
        """Take credits; returns whether there were enough."""
        if self.credits is not None:
            if self.credits <= 0 or self.credits < price:
                return False
            self.credits -= price
        self.spent += price
        return True

    def refund(self, price: float) -> None:
        """Return credits."""
        self.spent -= price
        if self.credits is not None:
            self.credits += price


class Accounts:
    """All accounts.

    Args:
        settings: The accounts.
        limits: The rate limits of each, by operation id.
    """

    def __init__(self, settings: list[AccountSettings], limits: Mapping[str, Limit]) -> None:
        self._by_header = {f"Bearer {each.key}".encode(): Account(each, limits) for each in settings}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_header.values())

    def of(self, authorization: bytes) -> Account | None:
        """Return the account of a header `Authorization`; the scheme may have any case."""
        found = self._by_header.get(authorization)
        if found is None:
            scheme, _, key = authorization.partition(b" ")
            if scheme.lower() == b"bearer":
                found = self._by_header.get(b"Bearer " + key)
        return found

    def names(self) -> list[str]:
        """Return the names."""
        return [account.name for account in self]

    def named(self, name: str) -> Account | None:
        """Return the account with a name."""
        return next((account for account in self if account.name == name), None)


class _Window:
    """Counts the admitted requests of the last seconds. Refused ones do not count."""

    def __init__(self, requests: int, seconds: float) -> None:
        self._requests = requests
        self._seconds = seconds
        self._admitted: deque[float] = deque()

    def admit(self, now: float) -> int | None:
        admitted = self._admitted
        while admitted and admitted[0] <= now - self._seconds:
            admitted.popleft()
        if len(admitted) < self._requests:
            admitted.append(now)
            return None
        oldest = admitted[0] if admitted else now
        return max(1, math.ceil(oldest + self._seconds - now))
