"""The Schemathesis checks that are excluded for an operation of the simulator or of Prism, and why.

`test_schemathesis.py` fails on every other violation, and on an entry whose request no longer shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx2
from schemathesis.checks import CHECKS, load_all_checks

import apikley_contract

SUCCESS = apikley_contract.codes()["SUCCESS"]
Check = Callable[..., Any]


class ExcludedCheck(NamedTuple):
    """One excluded check.

    Attributes:
        witness: `simulator` or `prism`.
        operation: The operation's id; the one that shows it, if the check is excluded everywhere.
        check: The check's name in Schemathesis.
        reason: Why the violation is acceptable, or a fault of Prism.
        request: Arguments of `httpx2.Client.request` that show it.
        everywhere: Whether the check is excluded for every operation.
    """

    witness: str
    operation: str
    check: str
    reason: str
    request: dict[str, Any]
    everywhere: bool = False

    def __str__(self) -> str:
        return f"{self.witness} {self.operation} {self.check}"

    def still_shown(self, response: httpx2.Response) -> bool:
        """Whether the response to `request` still violates the check."""
        return _SHOWN[self.check](apikley_contract.operation(self.operation), response)


def excluded_checks(witness: str, operation_id: str) -> list[Check]:
    """The checks to exclude, as `Case.validate_response` takes them."""
    known = [
        each for each in EXCLUDED if each.witness == witness and (each.everywhere or each.operation == operation_id)
    ]
    load_all_checks()
    return CHECKS.get_by_names(sorted({each.check for each in known}))


ACCEPTS, REJECTS, AUTH = "positive_data_acceptance", "negative_data_rejection", "ignored_auth"
STATUS, SCHEMA, TYPE = "status_code_conformance", "response_schema_conformance", "content_type_conformance"
_EMPTY_ID: dict[str, Any] = {"params": {"taskId": ""}}
_FOREIGN_URL: dict[str, Any] = {"json": {"url": "https://files.example.com/a.mp4"}}
_NO_BASE64: dict[str, Any] = {"json": {"base64Data": "no base64!", "uploadPath": "images"}}
_WRONG_TYPE: dict[str, Any] = {"files": {"file": ("a.png", b"a", "image/png")}, "data": {"uploadPath": 7}}
_OTHER_KEY: dict[str, Any] = {"params": {"taskId": "task_1"}, "headers": {"Authorization": "Bearer another"}}
_NO_JSON: dict[str, Any] = {"content": b"{", "headers": {"Content-Type": "application/json"}}
EXCLUDED = (
    ExcludedCheck("simulator", "getTaskDetails", ACCEPTS, "no task has an empty id", _EMPTY_ID),
    ExcludedCheck("simulator", "getDownloadUrl", ACCEPTS, "only the service's own URLs get a link", _FOREIGN_URL),
    ExcludedCheck("simulator", "uploadFileBase64", ACCEPTS, "the contract has no format for base64", _NO_BASE64),
    ExcludedCheck("simulator", "uploadFileStream", REJECTS, "a form carries only text, no types", _WRONG_TYPE),
    ExcludedCheck("prism", "getTaskDetails", AUTH, "Prism accepts every bearer token", _OTHER_KEY, everywhere=True),
    ExcludedCheck("prism", "createTask", SCHEMA, "the body of that 400 is Prism's own", _NO_JSON, everywhere=True),
    ExcludedCheck(
        "prism", "createTask", TYPE, "the content type of that 400 is Prism's own", _NO_JSON, everywhere=True
    ),
    ExcludedCheck("prism", "getTaskDetails", ACCEPTS, "Prism takes an empty parameter for missing", _EMPTY_ID),
    ExcludedCheck("prism", "getTaskDetails", REJECTS, "Prism ignores the case", {"params": {"TASKID": "task_1"}}),
)
# Prism 5.14 crashes on a form whose file has no content type, and Schemathesis sends such forms.
NOT_FOR_PRISM = "uploadFileStream"
FORM_WITHOUT_TYPE: dict[str, Any] = {
    "content": b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\na\r\n--x--\r\n',
    "headers": {"Content-Type": "multipart/form-data; boundary=x"},
}


def _content_types(operation: apikley_contract.Operation, response: httpx2.Response) -> list[str]:
    responses: dict[str, Any] = operation.description["responses"]
    return list(responses.get(str(response.status_code), {}).get("content", {}))


# Whether a response to `ExcludedCheck.request` violates the check.
_SHOWN: dict[str, Callable[[apikley_contract.Operation, httpx2.Response], bool]] = {
    ACCEPTS: lambda _, response: response.json()["code"] != SUCCESS,
    REJECTS: lambda _, response: response.json()["code"] == SUCCESS,
    AUTH: lambda _, response: response.json()["code"] == SUCCESS,
    STATUS: lambda operation, response: str(response.status_code) not in operation.description["responses"],
    SCHEMA: lambda _, response: "code" not in response.json(),
    TYPE: lambda operation, response: response.headers["content-type"] not in _content_types(operation, response),
}
