"""Task records and callback bodies, in the forms of recorded traffic."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import apikley_contract
from apikley_mock.world.accounts import Account
from apikley_mock.world.plan import Form, Shapes
from apikley_mock.world.tasks import FAIL, SUCCESS, Task

RESULTS = "/results"
SUFFIXES = {"video": "mp4", "image": "png", "audio": "mp3", "text": "txt"}


def record(task: Task, now: float) -> dict[str, Any]:
    """Return the data of Get Task Details."""
    return _recorded(task, now) if task.recorded else _documented(task, now)


def _recorded(task: Task, now: float) -> dict[str, Any]:
    """Return ten keys in every state; what is not known yet is null."""
    state, _ = task.state(now)
    ended = state in (SUCCESS, FAIL)
    created, completed = _milliseconds(task.created), _milliseconds(task.completed) if ended else None
    return {
        "taskId": task.id,
        "model": task.model,
        "state": state,
        "param": _recorded_param(task),
        "resultJson": _compact(_result(task)) if state == SUCCESS else "",
        "failCode": task.plan.fail_code if state == FAIL else None,
        "failMsg": fail_message(task) if state == FAIL else None,
        "costTime": None if completed is None else (completed - created) // 1000,
        "completeTime": completed,
        "createTime": created,
    }


def _recorded_param(task: Task) -> str:
    """Return the request as the service writes it: the input as text, with the model's defaults."""
    request = json.loads(task.body)
    given = request.get("input", {})
    missing = {name: value for name, value in _defaults(task.model) if name not in given}
    return _compact({**request, "input": _compact({**given, **missing})})


@cache
def _defaults(model: str) -> list[tuple[str, Any]]:
    schema = apikley_contract.openapi()["components"]["schemas"][apikley_contract.models()[model].input]
    fields = schema.get("properties", {}).items()
    return [(name, field["default"]) for name, field in fields if "default" in field]


def _documented(task: Task, now: float) -> dict[str, Any]:
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
    """Return the body of a callback in one of its published forms."""
    data = _documented(task, task.completed)
    failed = data["state"] == FAIL
    example = _examples()[data["state"]]
    data.pop("creditsConsumed", None)
    cost = _cost(task)
    if form == "2025":
        for name in ("failCode", "failMsg") if not failed else ("resultJson",):
            del data[name]
        data["consumeCredits"] = cost
        data["remainedCredits"] = balance(task.account, recorded=task.recorded)
    else:
        del data["updateTime"]
        data["resultJson"] = data["resultJson"] or None
    if form == "2026":
        data["creditsConsumed"] = cost
        data["param"] = _with_input_as_text(task.param)
    if task.recorded:
        _round(data)
    elif form == "2026":
        data["costTime"] = data["costTime"] // 1000
    if form == "2026" and failed:
        del data["createTime"], data["completeTime"]
    if form == "verification":
        data = {"task_id": task.id, "taskId": task.id}
        if not task.plan.callback.both_ids:
            del data["taskId"]
    elif task.plan.callback.both_ids:
        data["task_id"] = task.id
    return {"code": example["code"], "msg": example["msg"], "data": data}


def _round(data: dict[str, Any]) -> None:
    """Write times in whole seconds, the duration in seconds, and whole credits as integers."""
    for name in ("createTime", "updateTime", "completeTime"):
        if name in data:
            data[name] = data[name] // 1000 * 1000
    data["costTime"] = (data["completeTime"] - data["createTime"]) // 1000
    for name in ("consumeCredits", "remainedCredits", "creditsConsumed"):
        if name in data:
            data[name] = whole(data[name])


def balance(account: Account, *, recorded: bool) -> float:
    """Return the credits to show. Credits that never run out begin with the contract's example."""
    if account.credits is not None:
        return account.credits
    content = apikley_contract.operation("getCredits").description["responses"]["200"]["content"]
    examples = content["application/json"]["examples"]
    if not recorded:
        return float(examples["documented"]["value"]["data"])
    start = float(examples["recorded"]["value"]["data"])
    return max(start - account.spent, start % 1)


def whole(amount: float) -> float | int:
    """Return an amount as an integer if it is whole."""
    return int(amount) if amount == int(amount) else amount


def result_urls(task: Task) -> list[str]:
    """Return the URLs of a task's results."""
    place, suffix = f"{task.base_url}{RESULTS}/{task.id}", SUFFIXES[output_of(task.model)]
    return [f"{place}{f'-{number}' if number > 1 else ''}.{suffix}" for number in range(1, task.plan.results + 1)]


def output_of(model: str) -> str:
    """Return what a model makes: `video`, `image`, `audio` or `text`."""
    return apikley_contract.models()[model].output


def _result(task: Task) -> dict[str, Any]:
    if output_of(task.model) == "text":
        return {"resultObject": {"text": f"The result of {task.id}."}}
    result: dict[str, Any] = {"resultUrls": result_urls(task)}
    if b'"return_last_frame"' in task.body and json.loads(task.body).get("input", {}).get("return_last_frame") is True:
        frame = f"{task.base_url}{RESULTS}/{task.id}.{SUFFIXES['image']}"
        result |= {"firstFrameUrl": [frame], "lastFrameUrl": [frame]}
    return result


def fail_message(task: Task) -> str:
    """Return the text of a failure: the plan's, or the contract's for the code."""
    if task.plan.fail_message is not None:
        return task.plan.fail_message
    code = task.plan.fail_code
    for example in (*([_record_example("recordedFail")] if task.recorded else []), _examples()[FAIL]["data"]):
        if code == example["failCode"]:
            return str(example["failMsg"])
    return error_text(int(code)) if code.isdecimal() and len(code) <= 4 else f"Generation failed: {code}"


@cache
def _record_example(name: str) -> dict[str, Any]:
    content = apikley_contract.operation("getTaskDetails").description["responses"]["200"]["content"]
    example: dict[str, Any] = content["application/json"]["examples"][name]["value"]["data"]
    return example


def error_text(code: int, operation: str = "getTaskDetails") -> str:
    """Return the text of the contract's example of an error code, in the responses of an operation."""
    return str(error_body(code, operation)["msg"])


@cache
def error_body(code: int, operation: str = "getTaskDetails", shapes: Shapes = "recorded") -> dict[str, Any]:
    """Return the contract's example of an error code, in the responses of an operation."""
    responses = apikley_contract.operation(operation).description["responses"]
    if code == apikley_contract.codes()["SUCCESS"] or str(code) not in responses:
        return {"code": code, "msg": f"Error {code}", "data": None}
    return error_example(responses[str(code)], shapes)


def error_example(response: dict[str, Any], shapes: Shapes = "recorded") -> dict[str, Any]:
    """Return the example of an error response."""
    if "$ref" in response:
        response = apikley_contract.openapi()["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    content = response["content"]["application/json"]
    example: dict[str, Any] = content["example"] if "example" in content else content["examples"][shapes]["value"]
    return example


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
