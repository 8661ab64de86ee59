"""What Schemathesis reports of the simulator or of Prism and is no fault, and why. Nothing else may be reported.

`test_schemathesis.py` fails on a finding that does not stand here, and on an entry whose request no longer shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx2

import apikley_contract

SUCCESS = apikley_contract.codes()["SUCCESS"]


class Violation(NamedTuple):
    """Something that is reported.

    Attributes:
        witness: Of whom: `simulator` or `prism`.
        operation: In which operation; the first one that shows it, if it is `everywhere`.
        name: The failure's name in Schemathesis.
        reason: Why it is no fault, or not ours.
        request: A request that shows it, as `httpx2.Client.request` takes it.
        everywhere: Whether it is to be expected in every operation.
    """

    witness: str
    operation: str
    name: str
    reason: str
    request: dict[str, Any]
    everywhere: bool = False

    def __str__(self) -> str:
        return f"{self.witness} {self.operation} {self.name}"

    def shown(self, answer: httpx2.Response) -> bool:
        """Whether the answer to `request` still is what is reported."""
        return _SHOWN[self.name](apikley_contract.operation(self.operation), answer)


def known(witness: str, operation: str) -> set[str]:
    """The names of the failures that are no fault there."""
    return {
        each.name for each in FINDINGS if each.witness == witness and (each.everywhere or each.operation == operation)
    }


_JSON = {"Content-Type": "application/json"}
_NO_JSON: dict[str, Any] = {"content": b"{", "headers": _JSON}
FINDINGS = (
    Violation(
        "simulator",
        "getTaskDetails",
        "RejectedPositiveData",
        "an empty id is a string, but the id of no task",
        {"params": {"taskId": ""}},
    ),
    Violation(
        "simulator",
        "getDownloadUrl",
        "RejectedPositiveData",
        "only a URL of the service itself gets a link; the rest is 422",
        {"json": {"url": "https://files.example.com/a.mp4"}},
    ),
    Violation(
        "simulator",
        "uploadFileBase64",
        "RejectedPositiveData",
        "the contract has no format for base64, and the text is none",
        {"json": {"base64Data": "no base64!", "uploadPath": "images"}},
    ),
    Violation(
        "simulator",
        "uploadFileStream",
        "AcceptedNegativeData",
        "in a form everything is text: a wrong type cannot be told",
        {"files": {"file": ("a.png", b"a", "image/png")}, "data": {"uploadPath": 7}},
    ),
    Violation(
        "prism",
        "getTaskDetails",
        "IgnoredAuth",
        "Prism accepts every bearer token",
        {"params": {"taskId": "task_1"}, "headers": {"Authorization": "Bearer of another"}},
        everywhere=True,
    ),
    Violation(
        "prism",
        "createTask",
        "UndefinedStatusCode",
        "Prism answers a body that is no JSON with 400, the contract does not",
        _NO_JSON,
        everywhere=True,
    ),
    Violation(
        "prism", "createTask", "JsonSchemaError", "the body of that 400 is Prism's own", _NO_JSON, everywhere=True
    ),
    Violation("prism", "createTask", "UndefinedContentType", "and so is its content type", _NO_JSON, everywhere=True),
    Violation(
        "prism",
        "getTaskDetails",
        "RejectedPositiveData",
        "Prism takes an empty query parameter for a missing one",
        {"params": {"taskId": ""}},
    ),
    Violation(
        "prism",
        "getTaskDetails",
        "AcceptedNegativeData",
        "Prism compares the names of query parameters without their case",
        {"params": {"TASKID": "task_1"}},
    ),
)
# Prism 5.14 takes for granted that a file in a form has a content type, and ends where one has none, as those have
# that Schemathesis sends.
NOT_FOR_PRISM = "uploadFileStream"
FORM_WITHOUT_TYPE: dict[str, Any] = {
    "content": b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\na\r\n--x--\r\n',
    "headers": {"Content-Type": "multipart/form-data; boundary=x"},
}


def _content_types(operation: apikley_contract.Operation, answer: httpx2.Response) -> list[str]:
    responses: dict[str, Any] = operation.description["responses"]
    return list(responses.get(str(answer.status_code), {}).get("content", {}))


# When an answer is what a failure's name says, the request being what `Violation.request` is.
_SHOWN: dict[str, Callable[[apikley_contract.Operation, httpx2.Response], bool]] = {
    "RejectedPositiveData": lambda _, answer: answer.json()["code"] != SUCCESS,
    "AcceptedNegativeData": lambda _, answer: answer.json()["code"] == SUCCESS,
    "IgnoredAuth": lambda _, answer: answer.json()["code"] == SUCCESS,
    "UndefinedStatusCode": lambda operation, answer: str(answer.status_code) not in operation.description["responses"],
    "JsonSchemaError": lambda _, answer: "code" not in answer.json(),
    "UndefinedContentType": lambda operation, answer: (
        answer.headers["content-type"] not in _content_types(operation, answer)
    ),
}
