"""How the simulated service is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import apikley_contract
from apikley_mock.control.plan import Durations, Plan

ErrorStyle = Literal["envelope", "http"]

MIB = 1024 * 1024


class Limit(NamedTuple):
    """At most so many requests in any so many seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True)
class AccountSettings:
    """One key and what it may do.

    Attributes:
        key: The API key.
        name: What the account is called where the key must not be shown.
        credits: What it has at the start; None never runs out.
        webhook_key: What its callbacks are signed with; unsigned without one.
    """

    key: str
    name: str
    credits: float | None = None
    webhook_key: str | None = None


@dataclass(frozen=True)
class Settings:
    """How the simulated service is set up.

    Attributes:
        api_key: The key of the account `default`.
        webhook_key: What that account's callbacks are signed with; unsigned without one.
        credits: What that account has at the start; None never runs out.
        accounts: Further accounts.
        durations: How long tasks stay in each state.
        model_durations: The same for single models.
        plan: What becomes of a task that nothing else is said about.
        prices: Credits for one task, by model.
        price: Credits for one task of any other model.
        limits: How many requests an operation takes, by its id; see `documented_limits`.
        error_style: `envelope` (HTTP 200 with the code in the body) or `http` (the code as status too).
        lenient: Whether to accept what real clients send although the contract refuses it.
        callback_hosts: Hosts beside the loopback ones that may be called or fetched from.
        seed: Decides all that is left to chance.
        largest_body: Bytes that a JSON request may have.
        largest_upload: Bytes that an upload may have.
        storage: Bytes that all stored uploads may have together.
        tasks_kept: How many tasks are remembered; older ones are forgotten, and so are their callbacks.
        bodies_kept: Bytes that the createTask bodies of all remembered tasks may have together.
    """

    api_key: str = "mock-key"
    webhook_key: str | None = None
    credits: float | None = None
    accounts: tuple[AccountSettings, ...] = ()
    durations: Durations = field(default_factory=Durations)
    model_durations: Mapping[str, Durations] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    prices: Mapping[str, float] = field(default_factory=dict)
    price: float = 1.0
    limits: Mapping[str, Limit] = field(default_factory=dict)
    error_style: ErrorStyle = "envelope"
    lenient: bool = False
    callback_hosts: frozenset[str] = frozenset()
    seed: int = 0
    largest_body: int = MIB
    largest_upload: int = 32 * MIB
    storage: int = 128 * MIB
    tasks_kept: int = 250_000
    bodies_kept: int = 128 * MIB

    def all_accounts(self) -> list[AccountSettings]:
        """The account `default`, and the further ones."""
        return [AccountSettings(self.api_key, "default", self.credits, self.webhook_key), *self.accounts]

    def plan_for(self, model: str) -> Plan:
        """What becomes of a task of a model that nothing else is said about."""
        durations = self.model_durations.get(model, self.durations)
        return self.plan if durations is self.plan.durations else self.plan.changed({"durations": durations})


def documented_limits() -> dict[str, Limit]:
    """The limits that the contract names, by operation id."""
    described: list[dict[str, Any]] = [
        description
        for item in apikley_contract.openapi()["paths"].values()
        for description in item.values()
        if isinstance(description, dict) and "x-rate-limit" in description
    ]
    return {
        each["operationId"]: Limit(each["x-rate-limit"]["requests"], each["x-rate-limit"]["seconds"])
        for each in described
    }
