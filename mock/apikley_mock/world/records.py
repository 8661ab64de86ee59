"""What the service says of a task, in the shapes recorded from real traffic."""

from __future__ import annotations

import json
from typing import Any

import apikley_contract
from apikley_mock.control.plan import Form
from apikley_mock.web import responses as answers
from apikley_mock.world.tasks import FAIL, SUCCESS, Task

RESULTS = "/results"


def record(task: Task, now: float) -> dict[str, Any]:
    """The data of Get Task Details."""
    state, since = task.state(now)
    failed = state == FAIL
    shape: dict[str, Any] = {
        "taskId": task.id,
        "model": task.model,
        "state": state,
        "param": task.param,
        "resultJson": _compact({"resultUrls": [result_url(task)]}) if state == SUCCESS else "",
        "failCode": task.plan.fail_code if failed else None,
        "failMsg": fail_msg(task) if failed else None,
        "createTime": _milliseconds(task.created),
        "updateTime": _milliseconds(since),
    }
    if state in (SUCCESS, FAIL):
        shape["completeTime"] = _milliseconds(task.completed)
        shape["costTime"] = shape["completeTime"] - shape["createTime"]
        if task.paid:
            shape["creditsConsumed"] = _cost(task)
    return shape


def callback(task: Task, form: Form) -> dict[str, Any]:
    """The body of the completion callback, in one of its three published forms."""
    data = record(task, task.completed)
    failed = data["state"] == FAIL
    data.pop("creditsConsumed", None)
    cost = _cost(task)
    if form == "2025":
        for name in ("failCode", "failMsg") if not failed else ("resultJson",):
            del data[name]
        data["consumeCredits"] = cost
        data["remainedCredits"] = balance(task.account.credits)
    else:
        del data["updateTime"]
        data["resultJson"] = data["resultJson"] or None
    if form == "2026":
        data["creditsConsumed"] = cost
        data["costTime"] = data["costTime"] // 1000
        data["param"] = _with_input_as_text(task.param)
        if failed:
            del data["createTime"], data["completeTime"]
    example = _examples()[data["state"]]
    return {"code": example["code"], "msg": example["msg"], "data": data}


def balance(credits_left: float | None) -> float:
    """What the credits are answered as; the contract's example where they never run out."""
    if credits_left is None:
        content = apikley_contract.operation("getCredits").description["responses"]["200"]["content"]
        return float(content["application/json"]["example"]["data"])
    return credits_left


def result_url(task: Task) -> str:
    """Where the task's video is served."""
    return f"{task.base_url}{RESULTS}/{task.id}.mp4"


def fail_msg(task: Task) -> str:
    """Why a task failed, in words: the plan's, or the contract's for the code."""
    if task.plan.fail_msg is not None:
        return task.plan.fail_msg
    example = _examples()[FAIL]["data"]
    if task.plan.fail_code == example["failCode"]:
        return str(example["failMsg"])
    code = task.plan.fail_code
    return answers.recorded(int(code)) if code.isdecimal() and len(code) <= 4 else f"Generation failed: {code}"


def _cost(task: Task) -> float:
    """What a task that has ended cost: nothing where it failed."""
    return 0 if task.plan.outcome == "fail" else task.price


def _examples() -> dict[str, Any]:
    expressions = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"]
    (item,) = expressions.values()
    examples = item["post"]["requestBody"]["content"]["application/json"]["examples"]
    return {example["value"]["data"]["state"]: example["value"] for example in examples.values()}


def _with_input_as_text(param: str) -> str:
    request = json.loads(param)
    if "input" in request:
        request["input"] = _compact(request["input"])
    return _compact(request)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
