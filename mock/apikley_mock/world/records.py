"""Task records and callback bodies, in the forms of recorded traffic."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import apikley_contract
from apikley_mock.world.plan import Form
from apikley_mock.world.tasks import FAIL, SUCCESS, Task

RESULTS = "/results"
SUFFIXES = {"video": "mp4", "image": "png", "audio": "mp3", "text": "txt"}


def record(task: Task, now: float) -> dict[str, Any]:
    """Return the data of Get Task Details."""
    state, since = task.state(now)
    failed = state == FAIL
    data: dict[str, Any] = {
        "taskId": task.id,
        "model": task.model,
        "state": state,
        "param": task.param,
        "resultJson": _compact(_result(task)) if state == SUCCESS else "",
        "failCode": task.plan.fail_code if failed else None,
        "failMsg": fail_message(task) if failed else None,
        "createTime": _milliseconds(task.created),
        "updateTime": _milliseconds(since),
    }
    if state in (SUCCESS, FAIL):
        data["completeTime"] = _milliseconds(task.completed)
        data["costTime"] = data["completeTime"] - data["createTime"]
        if task.paid:
            data["creditsConsumed"] = _cost(task)
    return data


def callback(task: Task, form: Form) -> dict[str, Any]:
    """Return the body of a callback in one of its three published forms."""
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
    """Return the credits to show; the contract's example if they never run out."""
    if credits_left is None:
        content = apikley_contract.operation("getCredits").description["responses"]["200"]["content"]
        return float(content["application/json"]["example"]["data"])
    return credits_left


def result_url(task: Task) -> str:
    """Return the URL of a task's result."""
    return f"{task.base_url}{RESULTS}/{task.id}.{SUFFIXES[output_of(task.model)]}"


def output_of(model: str) -> str:
    """Return what a model makes: `video`, `image`, `audio` or `text`."""
    return apikley_contract.models()[model].output


def _result(task: Task) -> dict[str, Any]:
    if output_of(task.model) == "text":
        return {"resultObject": {"text": f"The result of {task.id}."}}
    result: dict[str, Any] = {"resultUrls": [result_url(task)]}
    if b'"return_last_frame"' in task.body and json.loads(task.body).get("input", {}).get("return_last_frame") is True:
        frame = f"{task.base_url}{RESULTS}/{task.id}.{SUFFIXES['image']}"
        result |= {"firstFrameUrl": [frame], "lastFrameUrl": [frame]}
    return result


def fail_message(task: Task) -> str:
    """Return the text of a failure: the plan's, or the contract's for the code."""
    if task.plan.fail_message is not None:
        return task.plan.fail_message
    code, example = task.plan.fail_code, _examples()[FAIL]["data"]
    if code == example["failCode"]:
        return str(example["failMsg"])
    return error_text(int(code)) if code.isdecimal() and len(code) <= 4 else f"Generation failed: {code}"


@cache
def error_text(code: int, operation: str = "getTaskDetails") -> str:
    """Return the text of the contract's example of an error code, in the responses of an operation."""
    responses = apikley_contract.operation(operation).description["responses"]
    if code == apikley_contract.codes()["SUCCESS"] or str(code) not in responses:
        return f"Error {code}"
    return error_example(responses[str(code)])


def error_example(response: dict[str, Any]) -> str:
    """Return the text of the example of an error response."""
    if "$ref" in response:
        response = apikley_contract.openapi()["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    return str(response["content"]["application/json"]["example"]["msg"])


def _cost(task: Task) -> float:
    """Return the cost of a task that has ended; a failed one costs nothing."""
    return 0 if task.plan.outcome == "fail" else task.price


@cache
def _examples() -> dict[str, Any]:
    (item,) = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"].values()
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
