"""Compares a callback with recordInfo, because the signature does not cover the body."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from apikley._model.fields import json_object
from apikley._model.task import TaskInfo
from apikley.callbacks import parse
from apikley.errors import CallbackContradicted
from apikley.receiver.inbox.rows import Claim, Completion


def completion_of(task: TaskInfo, now: float) -> Completion:
    """Return the completion of a polled task."""
    return Completion(task.id, task.state or "", json.dumps(task.raw).encode(), now, source="poll")


def stored_task(claim: Claim) -> TaskInfo:
    """Return the task that an event's stored body shows."""
    if claim.source == "poll":
        return TaskInfo(claim.task_id, json_object(claim.body.decode()))
    return parse(claim.body).task


def contradiction(stored: TaskInfo, state: str, polled: TaskInfo) -> CallbackContradicted | None:
    """Return how an event's stored task or final state contradicts the polled task, or None."""
    if state != polled.state:
        return CallbackContradicted(polled.id, "state", state, polled.state or "")
    claimed, confirmed = _places(stored), _places(polled)
    if claimed and claimed != confirmed:
        return CallbackContradicted(polled.id, "result_urls", claimed, confirmed)
    return None


def _places(task: TaskInfo) -> list[str]:
    # Without the query: the service signs each link anew.
    return [_place(url) for url in task.result_urls]


def _place(url: str) -> str:
    try:
        return urlsplit(url)._replace(query="", fragment="").geturl()
    except ValueError:
        return url
