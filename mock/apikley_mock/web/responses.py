"""What the service answers: the envelope, and the uploads' own form; texts are the contract's examples."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import apikley_contract
from apikley_mock.control.settings import ErrorStyle
from apikley_mock.web.http import Answer, json_answer

UPLOADS = ("uploadFileStream", "uploadFileBase64", "uploadFileUrl")
CODES = apikley_contract.codes()
SUCCESS = CODES["SUCCESS"]


def success(data: Any) -> Answer:
    """HTTP 200 with the success code."""
    answer = json_answer(200, {"code": SUCCESS, "msg": "success", "data": data})
    answer.code = SUCCESS
    return answer


def created(task_id: str) -> Answer:
    """The answer of createTask; the same as `success`, written without an encoder, which takes its time."""
    answer = Answer(200, b'{"code":%d,"msg":"success","data":{"taskId":%s}}' % (SUCCESS, json.dumps(task_id).encode()))
    answer.code = SUCCESS
    answer.task_id = task_id
    return answer


def error(code: int, msg: str | None = None, style: ErrorStyle = "envelope") -> Answer:
    """An error.

    Args:
        code: The envelope's code, one of the contract's or any other.
        msg: The text; the contract's example, if not given.
        style: `envelope` answers HTTP 200 with the code in the body, as real traffic does; `http`
            answers the code as the HTTP status too.
    """
    text = recorded(code) if msg is None else msg
    answer = json_answer(200 if style == "envelope" else _status(code), {"code": code, "msg": text, "data": None})
    answer.code = code
    answer.note = text
    return answer


def upload_error(code: int, msg: str | None = None) -> Answer:
    """An error of an upload: always a real HTTP status."""
    text = upload_text(code) if msg is None else msg
    answer = json_answer(_status(code), {"success": False, "code": code, "msg": text})
    answer.code = code
    answer.note = text
    return answer


def plain_error(code: int, msg: str | None = None) -> Answer:
    """An error of a file that is served: always a real HTTP status, in plain text."""
    text = recorded(code) if msg is None else msg
    answer = Answer(_status(code), f"{text}\n".encode(), b"text/plain")
    answer.note = text
    return answer


def documented(operation_id: str) -> Answer:
    """The contract's example of an operation's success, the first where it has several."""
    content = apikley_contract.operation(operation_id).description["responses"][str(SUCCESS)]["content"]
    described = content["application/json"]
    example = described["example"] if "example" in described else next(iter(described["examples"].values()))["value"]
    answer = json_answer(SUCCESS, example)
    answer.code = SUCCESS
    return answer


def refuses(answer: Answer) -> bool:
    """Whether an answer says that nothing was done, by its code or its status."""
    return answer.status >= 400 or answer.code not in (None, SUCCESS)


@cache
def recorded(code: int) -> str:
    """The text of the contract's example of an error; the code itself where it has none."""
    responses = apikley_contract.operation("getTaskDetails").description["responses"]
    if code == SUCCESS or str(code) not in responses:
        return f"Error {code}"
    return str(_example(responses[str(code)])["msg"])


def upload_text(code: int) -> str:
    """The text of the contract's example of an upload's error."""
    return _upload_texts().get(code) or recorded(code)


def _status(code: int) -> int:
    # The envelope's codes are free; HTTP has no status above 599.
    return code if 400 <= code <= 599 else 500


@cache
def _upload_texts() -> dict[int, str]:
    responses = apikley_contract.operation(UPLOADS[0]).description["responses"]
    return {int(code): str(_example(found)["msg"]) for code, found in responses.items() if int(code) != SUCCESS}


def _example(response: dict[str, Any]) -> dict[str, Any]:
    name = response["$ref"].rsplit("/", 1)[1]
    found: dict[str, Any] = apikley_contract.openapi()["components"]["responses"][name]["content"]["application/json"]
    return dict(found["example"])
