"""Codes and answers that are none end in one exception each; `test_error_matrix.py` tries every combination."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

import apikley
import apikley_contract
from apikley.errors import ApiError, error_class
from contract_tests.client.fake_service import BOTH, Service, envelope

ERRORS = {name: code for name, code in apikley_contract.codes().items() if name != "SUCCESS"}


def ask_task(api: Any) -> Any:
    return api.get_task("task_1")


def _class_of(name: str) -> type[ApiError]:
    cls: type[ApiError] = getattr(apikley, "".join(word.title() for word in name.split("_")))
    return cls


def test_every_code_of_the_contract_has_a_class_of_its_own() -> None:
    classes = {name: error_class(code) for name, code in ERRORS.items()}
    missing = [name for name, cls in classes.items() if cls is apikley.UnknownCode]
    assert not missing, f"add to apikley/errors.py a class for each of {missing}, named after it in CamelCase"
    assert len(set(classes.values())) == len(ERRORS)


@pytest.mark.parametrize("run", BOTH)
@pytest.mark.parametrize("name", ERRORS)
def test_a_bare_http_status_ends_in_the_exception_of_its_code(run: Any, name: str) -> None:
    with pytest.raises(ApiError) as caught:
        run(Service(httpx2.Response(ERRORS[name])), ask_task, max_retries=0)
    assert type(caught.value) is _class_of(name)


@pytest.mark.parametrize("code", [400, 408, 433, 451, 502, 503, 599, 999, 0, -1])
def test_a_code_that_the_contract_does_not_list_is_unknown(code: int) -> None:
    with pytest.raises(apikley.UnknownCode) as caught:
        BOTH[0](Service(envelope(code)), ask_task, max_retries=0)
    assert caught.value.code == code


def test_the_code_in_the_body_counts_before_the_http_status() -> None:
    with pytest.raises(apikley.InsufficientCredits):
        BOTH[0](Service(envelope(402, status=500)), ask_task, max_retries=0)


def test_a_success_code_under_an_error_status_is_no_success() -> None:
    with pytest.raises(apikley.ServerError):
        BOTH[0](Service(envelope(200, data={"taskId": "t", "state": "success"}, status=500)), ask_task, max_retries=0)


@pytest.mark.parametrize("body", [{"code": "402"}, {"code": 402, "message": "broke"}, {"code": 402}])
def test_a_code_is_read_from_every_form_it_comes_in(body: dict[str, Any]) -> None:
    with pytest.raises(apikley.InsufficientCredits) as caught:
        BOTH[0](Service(httpx2.Response(200, json=body)), ask_task, max_retries=0)
    assert caught.value.message == body.get("message", "")


@pytest.mark.parametrize(
    "answer",
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
def test_an_answer_that_is_not_the_apis_is_a_transport_error(run: Any, answer: httpx2.Response) -> None:
    with pytest.raises(apikley.TransportError):
        run(Service(answer), ask_task, max_retries=0)


def test_a_redirect_is_not_followed() -> None:
    service = Service(httpx2.Response(302, headers={"location": "http://elsewhere.test/"}))
    with pytest.raises(apikley.UnknownCode, match="a redirect, which is not followed"):
        BOTH[0](service, ask_task)
    assert {request.url.host for request in service.requests} == {"service.test"}


def test_a_look_up_is_sent_again_after_a_lost_answer_and_a_servers_error() -> None:
    good = envelope(data={"taskId": "task_1", "state": "waiting"})
    service = Service(httpx2.ReadTimeout("late"), httpx2.Response(503), good)
    task, _ = BOTH[0](service, ask_task)
    assert task.state == "waiting"
