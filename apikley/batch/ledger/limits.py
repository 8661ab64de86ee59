"""The limits of creates, from the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import apikley_contract


class Limit(NamedTuple):
    """A limit on creates.

    Attributes:
        scope: What it counts: the creates of an account, or of one model of it.
        model: The model, if it is for one.
        requests: Creates in any `seconds`.
        seconds: The window.
        running: Unfinished tasks at a time.
    """

    scope: str
    model: str | None
    requests: int
    seconds: float
    running: int


def running_limit() -> int:
    """Return how many tasks of an account may run at a time."""
    return int(_operation()["x-running-limit"]["tasks"])


def create_limit() -> tuple[int, float]:
    """Return how many creates an account may send in how many seconds."""
    limit = _operation()["x-rate-limit"]
    return int(limit["requests"]), float(limit["seconds"])


def poll_interval() -> float:
    """Return the seconds between two polls of an account."""
    limit = apikley_contract.operation("getTaskDetails").description["x-rate-limit"]
    return float(limit["seconds"]) / int(limit["requests"])


def limits_of(account: str, model: str) -> list[Limit]:
    """Return the limits of a create of a model: the account's, then the model's if it has one."""
    limits = [Limit(account, None, *create_limit(), running_limit())]
    own = _operation().get("x-model-limits", {}).get(model)
    if own:
        numbers = int(own["requests"]), float(own["seconds"]), int(own["concurrent"])
        limits.append(Limit(f"{account} {model}", model, *numbers))
    return limits


def _operation() -> Mapping[str, Any]:
    return apikley_contract.operation("createTask").description
