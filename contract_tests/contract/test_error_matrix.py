"""Every code, in every form it can arrive in, at every call, ends in its one exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
from contract_tests.client.fake_service import BOTH, Service, ask_create
from contract_tests.contract.report import Subject

CODES = apikley_contract.codes()
SUCCESS = CODES["SUCCESS"]
LISTED = {code: name for name, code in CODES.items() if code != SUCCESS}
# Neither listed nor a success: what a later version of the service may answer.
OTHERS = (400, 408, 418, 433, 502, 503, 504, 599, 999, 0, -1)
PIXEL = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
CALLS = {
    "create": ask_create,
    "task": lambda api: api.get_task("task_1"),
    "credits": lambda api: api.get_credits(),
    "download link": lambda api: api.get_download_url("https://files.example.com/a.mp4"),
    "upload": lambda api: api.upload(PIXEL, name="a.png"),
}
ABSENT = object()
ERRORS = Subject("error codes")


class Form(NamedTuple):
    """How an error is written."""

    as_status: bool
    data: Any
    text: str | None

    def answer(self, code: int, call: str) -> httpx2.Response:
        """The answer of the service; an upload's says `success` too."""
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


def _named(code: int) -> type[ApiError]:
    """The class that the contract's name of the code asks for: the rule of errors.py, written a second time."""
    name = "".join(word.title() for word in LISTED[code].split("_"))
    cls: type[ApiError] | None = getattr(errors, name, None)
    assert cls is not None, f"code {code}: add `class {name}(ApiError)` to apikley/errors.py and export it"
    return cls


def _raised(run: Any, call: str, answer: httpx2.Response) -> BaseException | None:
    try:
        run(Service(answer), CALLS[call], max_retries=0)
    except apikley.ApikleyError as error:
        return error
    return None


def _cases(codes: Any) -> Iterator[tuple[int, Form]]:
    for code, form in product(codes, FORMS):
        if not form.as_status or 100 <= code <= 599:
            yield code, form


@pytest.mark.parametrize("run", BOTH, ids=["sync", "async"])
@pytest.mark.parametrize("call", CALLS)
def test_a_listed_code_ends_in_its_exception(call: str, run: Any) -> None:
    for code, form in _cases(LISTED):
        error = _raised(run, call, form.answer(code, call))
        text = "the reason" if form.text else ""
        said = (error.code, error.message, error.status_code) if isinstance(error, ApiError) else None
        good = type(error) is _named(code) and said == (code, text, code if form.as_status else 200)
        _held(good, run, call, code, form, error)


@pytest.mark.parametrize("run", BOTH, ids=["sync", "async"])
@pytest.mark.parametrize("call", CALLS)
def test_a_code_that_is_not_listed_is_unknown(call: str, run: Any) -> None:
    for code, form in _cases(OTHERS):
        error = _raised(run, call, form.answer(code, call))
        # Only a client's error says that nothing was made, and of those not a time-out.
        refused = 400 <= code < 500 and code != 408
        expected = apikley.UnknownCode if refused or call != "create" else CreateOutcomeUnknown
        _held(type(error) is expected, run, call, code, form, error)


@settings(max_examples=400)
@given(st.integers(-(2**31), 2**31).filter(lambda code: code not in CODES.values()), st.sampled_from(FORMS))
def test_any_other_number_is_unknown(code: int, form: Form) -> None:
    error = _raised(BOTH[0], "task", form._replace(as_status=False).answer(code, "task"))
    good = type(error) is apikley.UnknownCode and error.code == code
    ERRORS.case("any other number", "sync task")
    ERRORS.demand(good, "any other number", "sync task", f"{code}, {form}: {error!r}")


@pytest.mark.parametrize("run", BOTH, ids=["sync", "async"])
def test_no_error_ever_creates_twice(run: Any) -> None:
    """Only what was certainly refused is sent again."""
    again = {CODES["RATE_LIMITED"], CODES["MAINTENANCE"]}
    for code, form in _cases([*LISTED, *OTHERS]):
        service = Service(form.answer(code, "create"))
        with pytest.raises(apikley.ApikleyError):
            run(service, ask_create, max_retries=2)
        sent, rule = len(service.requests), f"{code} {LISTED.get(code, 'not listed')} of a create"
        good = sent == (3 if code in again else 1)
        ERRORS.demand(good, rule, _witness(run, "create"), f"{form}: sent {sent} times")


def test_a_code_that_is_added_to_the_contract_needs_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LISTED, 418, "OUT_OF_TEA")
    with pytest.raises(AssertionError, match=r"code 418: add `class OutOfTea\(ApiError\)` to apikley/errors.py"):
        _named(418)


def _held(good: bool, run: Any, call: str, code: int, form: Form, error: object) -> None:
    rule, witness = f"{code} {LISTED.get(code, 'not listed')}", _witness(run, call)
    ERRORS.case(rule, witness)
    ERRORS.demand(good, rule, witness, f"{form}: {error!r}")


def _witness(run: Any, call: str) -> str:
    return f"{run.__name__.removeprefix('call_')} {call}"
