"""What the service says of a task, in the shapes recorded from real traffic."""

from __future__ import annotations

import json
from typing import Any

import apikley_contract
from apikley_mock.engine import SUCCESS, Task

RESULTS = "/results"


def record(task: Task, now: float) -> dict[str, Any]:
    """The data of Get Task Details."""
    state, since = task.change(now)
    done = state == SUCCESS
    shape: dict[str, Any] = {
        "taskId": task.id,
        "model": task.request["model"],
        "state": state,
        "param": json.dumps(task.request, ensure_ascii=False, separators=(",", ":")),
        "resultJson": json.dumps({"resultUrls": [result_url(task)]}, separators=(",", ":")) if done else "",
        "failCode": None,
        "failMsg": None,
        "createTime": _milliseconds(task.created),
        "updateTime": _milliseconds(since),
    }
    if done:
        shape["completeTime"] = _milliseconds(task.completed)
        shape["costTime"] = shape["completeTime"] - shape["createTime"]
    return shape


def callback(task: Task, now: float) -> dict[str, Any]:
    """The body of the completion callback, in its form of the end of 2025."""
    data = record(task, now)
    del data["updateTime"]
    code = apikley_contract.codes()["SUCCESS"]
    return {"code": code, "msg": "Playground task completed successfully.", "data": data}


def result_url(task: Task) -> str:
    """Where the task's video is served."""
    return f"{task.base_url}{RESULTS}/{task.id}.mp4"


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
