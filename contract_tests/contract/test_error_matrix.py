"""Every code raises its own exception, in every form of an error and from every call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, NamedTuple

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apikley
import apikley_contract
from apikley import errors
from apikley.errors import ApiError, CreateOutcomeUnknown
from contract_tests.client.fake_service import BOTH, Service, call_create, envelope
from contract_tests.contract.report import Subject

CODES = apikley_contract.codes()
SUCCESS = CODES["SUCCESS"]
LISTED = {code: name for name, code in CODES.items() if code != SUCCESS}
# Codes that the contract does not list and a later version of the service may send.
UNLISTED = sorted({418, 451, 466, 502, 503, 504, 599, 999, 0, -1} - {*LISTED})
PIXEL = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
CALLS = {
    "create": call_create,
    "task": lambda api: api.get_task("task_1"),
    "credits": lambda api: api.get_credits(),
    "download link": lambda api: api.get_download_url("https://files.example.com/a.mp4"),
    "upload": lambda api: api.upload(PIXEL, name="a.png"),
}
ABSENT = object()
ERRORS = Subject("error codes")


class Form(NamedTuple):
    """A form in which the service reports an error."""

    as_status: bool
    data: Any
    text: str | None

    def response(self, code: int, call: str) -> httpx2.Response:
        """Build the response with a code; an upload's also has `success`."""
        body: dict[str, Any] = {"code": code}
        if self.text is not None:
            body[self.text] = "the reason"
        if self.data is not ABSENT:
            body["data"] = self.data
        if call == "upload":
            body["success"] = False
        return httpx2.Response(code if self.as_status else 200, json=body)

    def __str__(self) -> str:
        data = "absent" if self.data is ABSENT else json.dumps(self.data)
        return f"{'HTTP status' if self.as_status else 'HTTP 200'}, data {data}, text in {self.text or 'nothing'}"


FORMS = [
    Form(as_status, data, text)
    for as_status, data, text in product((False, True), (None, ABSENT, {"taskId": "task_1"}), ("msg", "message", None))
]


def _class_of(code: int) -> type[ApiError]:
    """The class named after the contract's name of a code."""
    name = "".join(word.title() for word in LISTED[code].split("_"))
    name = {"GenerationFailed": "GenerationError"}.get(name, name)  # GenerationFailed is about a task
    cls: type[ApiError] | None = getattr(errors, name, None)
    assert cls is not None, f"code {code}: add `class {name}(ApiError)` to apikley/errors.py and export it"
    return cls


def _error(run: Any, call: str, response: httpx2.Response) -> BaseException | None:
    try:
        run(Service(response), CALLS[call], max_retries=0)
    except apikley.ApikleyError as error:
        return error
    return None


def _cases(codes: Iterable[int]) -> Iterator[tuple[int, Form]]:
    for code, form in product(codes, FORMS):
        if not form.as_status or 100 <= code <= 599:
            yield code, form


@pytest.mark.parametrize("run", BOTH, ids=["sync", "async"])
@pytest.mark.parametrize("call", CALLS)
def test_a_listed_code_raises_its_exception(call: str, run: Any) -> None:
    for code, form in _cases(LISTED):
        error = _error(run, call, form.response(code, call))
        text = "the reason" if form.text else ""
        if isinstance(error, apikley.Unauthorized):  # its message names the source of the key, too
            assert "api_key=" in error.message
            text = error.message if error.message.startswith(text) else text
        details = (error.code, error.message, error.status_code) if isinstance(error, ApiError) else None
        good = type(error) is _class_of(code) and details == (code, text, code if form.as_status else 200)
        if call == "create" and LISTED[code] == "PROVIDER_TIMEOUT":  # a task may exist
            good = type(error) is CreateOutcomeUnknown
        _require(good, run, call, code, form, error)


@pytest.mark.parametrize("run", BOTH, ids=["sync", "async"])
@pytest.mark.parametrize("call", CALLS)
def test_an_unlisted_code_raises_unknown_code(call: str, run: Any) -> None:
    for code, form in _cases(UNLISTED):
        error = _error(run, call, form.response(code, call))
        # Only a client error means that no task was created.
        expected = apikley.UnknownCode if 400 <= code < 500 or call != "create" else CreateOutcomeUnknown
        _require(type(error) is expected, run, call, code, form, error)


@settings(max_examples=200)
@given(st.integers(-(2**31), 2**31).filter(lambda code: code not in CODES.values()), st.sampled_from(FORMS))
def test_any_other_code_raises_unknown_code(code: int, form: Form) -> None:
    error = _error(BOTH[0], "task", form._replace(as_status=False).response(code, "task"))
    good = type(error) is apikley.UnknownCode and error.code == code
    ERRORS.case("any other code", "sync task")
    ERRORS.require(good, "any other code", "sync task", f"{code}, {form}: {error!r}")


@pytest.mark.parametrize("run", BOTH, ids=["sync", "async"])
def test_only_a_certainly_refused_create_is_resent(run: Any) -> None:
    resent = {CODES["RATE_LIMITED"], CODES["MAINTENANCE"]}
    for code, form in _cases([*LISTED, *UNLISTED]):
        service = Service(form.response(code, "create"))
        with pytest.raises(apikley.ApikleyError):
            run(service, call_create, max_retries=2)
        sent, rule = len(service.requests), f"{code} {LISTED.get(code, 'not listed')} of a create"
        good = sent == (3 if code in resent else 1)
        ERRORS.require(good, rule, _witness(run, "create"), f"{form}: sent {sent} times")


def test_a_new_code_of_the_contract_needs_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LISTED, 418, "OUT_OF_TEA")
    with pytest.raises(AssertionError, match=r"code 418: add `class OutOfTea\(ApiError\)` to apikley/errors.py"):
        _class_of(418)


@pytest.mark.parametrize("run", BOTH)
@pytest.mark.parametrize("code", LISTED)
def test_a_bare_http_status_raises_the_exception_of_its_code(run: Any, code: int) -> None:
    assert type(_error(run, "task", httpx2.Response(code))) is _class_of(code)


def test_the_code_in_the_body_takes_precedence_over_the_http_status() -> None:
    assert type(_error(BOTH[0], "task", envelope(402, status=500))) is apikley.InsufficientCredits


def test_a_success_code_with_an_error_status_is_an_error() -> None:
    response = envelope(200, data={"taskId": "t", "state": "success"}, status=500)
    assert type(_error(BOTH[0], "task", response)) is apikley.ServerError


def test_a_code_in_a_string_is_accepted() -> None:
    assert type(_error(BOTH[0], "task", httpx2.Response(200, json={"code": "402"}))) is apikley.InsufficientCredits


@pytest.mark.parametrize(
    "response",
    [
        httpx2.Response(200, text=""),
        httpx2.Response(200, text="<html>login</html>", headers={"content-type": "text/html"}),
        httpx2.Response(200, json=[]),
        httpx2.Response(200, json=None),
        httpx2.Response(200, content=b"\xff\xfe\x00"),
        httpx2.Response(200, text='{"code": 200, "da'),
        httpx2.Response(200, json={"code": True, "data": {}}),
        httpx2.Response(200, text="[" * 100_000),
        envelope(data=None),
        envelope(data=[]),
        envelope(data="not json"),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("run", BOTH)
def test_a_response_that_is_not_the_apis_raises_transport_error(run: Any, response: httpx2.Response) -> None:
    assert isinstance(_error(run, "task", response), apikley.TransportError)


def test_a_poll_is_retried_after_a_lost_response_and_a_server_error() -> None:
    good = envelope(data={"taskId": "task_1", "state": "waiting"})
    service = Service(httpx2.ReadTimeout("late"), httpx2.Response(503), good)
    task, _ = BOTH[0](service, CALLS["task"])
    assert task.state == "waiting"


def _require(good: bool, run: Any, call: str, code: int, form: Form, error: object) -> None:
    rule, witness = f"{code} {LISTED.get(code, 'not listed')}", _witness(run, call)
    ERRORS.case(rule, witness)
    ERRORS.require(good, rule, witness, f"{form}: {error!r}")


def _witness(run: Any, call: str) -> str:
    return f"{run.__name__.removeprefix('call_')} {call}"
