"""The service's responses: the envelope, and the uploads' own form. Texts are the contract's examples."""

from __future__ import annotations

import json
from functools import cache

import apikley_contract
from apikley_mock.control.vocabulary import FILE_OPERATIONS, ErrorStyle
from apikley_mock.web.http import Response, json_response
from apikley_mock.world.plan import Shapes
from apikley_mock.world.records import error_body, error_example, error_text

UPLOADS = ("uploadFileStream", "uploadFileBase64", "uploadFileUrl")
CODES = apikley_contract.codes()
SUCCESS = CODES["SUCCESS"]


def success(data: object) -> Response:
    """Return HTTP 200 with the success code."""
    return json_response(200, {"code": SUCCESS, "msg": "success", "data": data}, SUCCESS)


def created(task_id: str, shapes: Shapes) -> Response:
    """Return the response of createTask: the same as `success`, formatted directly because it is frequent."""
    text = json.dumps(task_id).encode()
    record = b',"recordId":' + text if shapes == "recorded" else b""
    body = b'{"code":%d,"msg":"success","data":{"taskId":%s%s}}' % (SUCCESS, text, record)
    return Response(200, body, code=SUCCESS, task_id=task_id)


def error(
    code: int,
    message: str | None = None,
    style: ErrorStyle = "envelope",
    operation: str = "getTaskDetails",
    shapes: Shapes = "recorded",
) -> Response:
    """Return an error.

    Args:
        code: The envelope's code, of the contract or any other.
        message: The text; by default the contract's example.
        style: `envelope` responds with HTTP 200 as recorded traffic does; `http` with the code as the HTTP status.
        operation: The operation that was asked; the text fits it.
        shapes: Which example of the contract it is.
    """
    body = error_body(code, operation, shapes)
    if message is not None:
        body = {**body, "msg": message}
    status = 200 if style == "envelope" else _status(code)
    return json_response(status, body, code, body["msg"])


def upload_error(code: int, message: str | None = None) -> Response:
    """Return an error of an upload, which has a real HTTP status."""
    text = upload_text(code) if message is None else message
    return json_response(_status(code), {"success": False, "code": code, "msg": text}, code, text)


def plain_error(code: int, message: str | None = None) -> Response:
    """Return an error of a download: a real HTTP status and plain text."""
    text = error_text(code) if message is None else message
    return Response(_status(code), f"{text}\n".encode(), b"text/plain", note=text)


def error_of(
    operation: str, code: int, message: str | None, style: ErrorStyle, shapes: Shapes = "recorded"
) -> Response:
    """Return an error in the form of an operation: of an upload, of a download, or an envelope."""
    if operation in UPLOADS:
        return upload_error(code, message)
    if operation in FILE_OPERATIONS:
        return plain_error(code, message)
    return error(code, message, style, operation, shapes)


def documented(operation_id: str) -> Response:
    """Return the contract's first example of an operation's success."""
    content = apikley_contract.operation(operation_id).description["responses"][str(SUCCESS)]["content"]
    described = content["application/json"]
    example = described["example"] if "example" in described else next(iter(described["examples"].values()))["value"]
    return json_response(SUCCESS, example, SUCCESS)


def is_refusal(response: Response) -> bool:
    """Whether a response says that nothing was done."""
    return response.status >= 400 or response.code not in (None, SUCCESS)


def upload_text(code: int) -> str:
    """Return the text of the contract's example of an upload's error."""
    return _upload_texts().get(code) or error_text(code)


def _status(code: int) -> int:
    # An envelope's code can be any number; HTTP has no status above 599.
    return code if 400 <= code <= 599 else 500


@cache
def _upload_texts() -> dict[int, str]:
    responses = apikley_contract.operation(UPLOADS[0]).description["responses"]
    return {int(code): str(error_example(found)["msg"]) for code, found in responses.items() if int(code) != SUCCESS}
