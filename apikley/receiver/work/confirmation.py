"""Asks the service itself, because the signature of a callback does not cover what it says."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlsplit

import apikley_contract
from apikley._model.task import TaskInfo
from apikley.callbacks import Callback
from apikley.errors import CallbackContradicted
from apikley.receiver.inbox.rows import Delivery


class Client(Protocol):
    """An `Apikley` or an `AsyncApikley`, as far as the receiver needs one."""

    def get_task(self, task_id: str, /) -> Any:
        """Look at a task."""


def contradiction(callback: Callback, ended: str, seen: TaskInfo) -> CallbackContradicted | None:
    """Where a callback says something else than the service, if it does.

    Args:
        callback: What it says.
        ended: The final state that it was read to mean.
        seen: What the service says.
    """
    state = _state(seen)
    if ended != state:
        return CallbackContradicted(callback.task_id, "state", ended, state)
    claimed, confirmed = _places(callback.task), _places(seen)
    if claimed and claimed != confirmed:
        return CallbackContradicted(callback.task_id, "result_urls", claimed, confirmed)
    return None


def ending(seen: TaskInfo, now: float) -> Delivery:
    """A finished task as the callback that it should have caused."""
    return Delivery(seen.id, _state(seen), payload(seen), now, source="poll")


def payload(seen: TaskInfo) -> bytes:
    """The body of the callback that the service sends about a finished task."""
    state = _state(seen)
    return json.dumps({**_envelopes()[state], "data": {**seen.raw, "taskId": seen.id, "state": state}}).encode()


def published() -> dict[str, Any]:
    """The service's delivery of a callback, as the contract describes it."""
    (item,) = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"].values()
    delivery: dict[str, Any] = item["post"]
    return delivery


@cache
def _envelopes() -> dict[str, dict[str, Any]]:
    """What a callback says around its data, by the task's final state, from the contract's examples."""
    examples = [
        each["value"] for each in published()["requestBody"]["content"]["application/json"]["examples"].values()
    ]
    return {each["data"]["state"]: {"code": each["code"], "msg": each["msg"]} for each in examples}


def _state(seen: TaskInfo) -> str:
    return str(seen.raw.get("state") or "")


def _places(task: TaskInfo) -> list[str]:
    # Without the query: links are signed anew each time that they are given out.
    return [_place(url) for url in task.result_urls]


def _place(url: str) -> str:
    try:
        return urlsplit(url)._replace(query="", fragment="").geturl()
    except ValueError:
        return url
