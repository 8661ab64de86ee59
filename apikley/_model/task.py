"""A task as the service described it: one class for every place that shows a task.

Standard library only, so that a callback can be parsed without the network stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Self

import apikley_contract
from apikley._model.fields import json_object, number, text, timestamp
from apikley.errors import GenerationFailed

SUCCESS, FAIL = FINISHED = ("success", "fail")


class TaskInfo:
    """What is known of a task.

    `create`, `get_task`, `wait`, `on_progress`, callbacks and receiver events all give this class or one
    of its subclasses. A field that is missing or malformed in the response reads as None or as empty. A
    pickled task leaves its client behind and is restored as a plain `TaskInfo`.

    Args:
        task_id: The task's id.
        record: The task's record, as recordInfo or a callback gives it.
        token: The correlation token of the create, if there was one.
        account: A hash of the API key that created the task, if known.

    Attributes:
        id: The task's id.
        token: The correlation token of the create, if there was one.
        account: A hash of the API key that created the task, if known.
    """

    def __init__(
        self,
        task_id: str,
        record: Mapping[str, Any] | None = None,
        token: str | None = None,
        account: str | None = None,
    ) -> None:
        self.id = task_id
        self.token = token
        self.account = account
        self._record: Mapping[str, Any] = {} if record is None else record

    def __reduce__(self) -> tuple[Any, ...]:
        return TaskInfo, (self.id, self.raw, self.token, self.account)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __repr__(self) -> str:
        parts = [type(self).__name__, self.id, self.state or "not polled yet"]
        if self.created_at:
            parts.append(f"created {self.created_at:%Y-%m-%d %H:%M:%S} UTC")
        if self.duration is not None:
            parts.append(f"took {self.duration.total_seconds():g} s")
        return f"<{' '.join(parts)}>"

    @property
    def state(self) -> str | None:
        """The state, for instance `generating`; None before the first poll."""
        return known_state(text(self._record.get("state")))

    @property
    def finished(self) -> bool:
        """Whether the task has ended, successful or failed. An unknown state counts as not finished."""
        return self.state in FINISHED

    @property
    def succeeded(self) -> bool:
        """Whether the task ended with a result."""
        return self.state == SUCCESS

    @property
    def failed(self) -> bool:
        """Whether the task ended without a result."""
        return self.state == FAIL

    @property
    def model(self) -> str | None:
        """The model's name."""
        return text(self._record.get("model"))

    @property
    def result_urls(self) -> list[str]:
        """The URLs of the results; empty before success."""
        result = json_object(self._record.get("resultJson")) or {}
        urls = result.get("resultUrls")
        return [url for url in urls if isinstance(url, str)] if isinstance(urls, list) else []

    @property
    def fail_code(self) -> str | None:
        """Why the task failed, as text; a number or a word."""
        return text(self._record.get("failCode"))

    @property
    def fail_message(self) -> str | None:
        """Why the task failed, in words."""
        return text(self._record.get("failMsg"))

    @property
    def credits(self) -> float | int | None:
        """The price of the task in credits, if the service states it."""
        cost = number(self._record.get("creditsConsumed"))
        return number(self._record.get("consumeCredits")) if cost is None else cost

    @property
    def created_at(self) -> datetime | None:
        """When the task was created (aware, UTC)."""
        return timestamp(self._record.get("createTime"))

    @property
    def completed_at(self) -> datetime | None:
        """When the task ended (aware, UTC)."""
        return timestamp(self._record.get("completeTime"))

    @property
    def duration(self) -> timedelta | None:
        """The time from creation to completion. `costTime` is not used, because its unit differs between forms."""
        start, end = self.created_at, self.completed_at
        return end - start if start and end and end >= start else None

    @property
    def request(self) -> dict[str, Any] | None:
        """The createTask request that the service stored, with its input parsed."""
        request = json_object(self._record.get("param"))
        if request is not None and isinstance(request.get("input"), str):
            request["input"] = json_object(request["input"]) or request["input"]
        return request

    @property
    def raw(self) -> dict[str, Any]:
        """The record as it arrived."""
        return dict(self._record)

    def raise_for_failure(self) -> None:
        """Raise if the task failed.

        Raises:
            GenerationFailed: The task ended without a result.
        """
        if self.failed:
            raise GenerationFailed(self)

    def update(self, record: Mapping[str, Any]) -> Self:
        """Replace the record by a newer one, and return the task."""
        self._record = record
        return self


def known_state(word: str | None) -> str | None:
    """Return the contract's spelling of a state in any case, such as `SUCCESS`. Another word stays as it is."""
    lower = (word or "").casefold()
    return lower if lower in _states() else word


@cache
def _states() -> frozenset[str]:
    return frozenset(apikley_contract.openapi()["components"]["schemas"]["TaskState"]["enum"])


def record_of(data: object) -> dict[str, Any]:
    """Return the record in a response's data; empty if there is none."""
    return json_object(data) or {}


def task_info(task: TaskInfo | str) -> TaskInfo:
    """Return the task, or a task of which only the id is known."""
    return task if isinstance(task, TaskInfo) else TaskInfo(task)
