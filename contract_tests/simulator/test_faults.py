"""Faults before and after a request is accepted."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import Any

import httpx2
import pytest

import apikley_contract
from apikley_mock.control.rules import Rules
from apikley_mock.control.vocabulary import FaultMatch, FaultRule, Settings
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.web.app import Simulator
from apikley_mock.world.accounts import AccountSettings
from contract_tests.simulator.simulators import (
    CREATE,
    CREDITS,
    DETAILS,
    RUNNING,
    assert_fits,
    create,
    in_process,
    poll,
    request_for,
)

BASE64 = apikley_contract.operation("uploadFileBase64").path
CODES = [code for name, code in apikley_contract.codes().items() if name != "SUCCESS"]
DAMAGE = {"reset": httpx2.ReadError, "cut": httpx2.RemoteProtocolError, "broken-json": None, "html": None}


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_the_contracts_text(http: httpx2.Client, apikley_mock: MockService, code: int) -> None:
    apikley_mock.fail_next(code)
    response = http.post(CREATE, json=request_for())
    assert_fits("ErrorResponse", response.json())
    assert (response.status_code, response.json()["code"], response.json().get("data")) == (200, code, None)
    assert response.headers.get("retry-after") == ("1" if code == 429 else None)
    assert http.post(CREATE, json=request_for()).json()["code"] == 200, "only the next one"
    assert len(apikley_mock.journal.created()) == 1


def test_an_unlisted_code_can_be_sent(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(466, message="Sub-key limit")
    apikley_mock.fail_next(466)
    assert http.get(CREDITS).json() == {"code": 466, "msg": "Sub-key limit", "data": None}
    assert http.get(CREDITS).json() == {"code": 466, "msg": "Error 466", "data": None}
    assert http.get(CREDITS).json()["code"] == 200


def test_an_upload_fails_in_the_uploads_own_form(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(500, when={"operation": "uploadFileBase64"})
    response = http.post(BASE64, json={"base64Data": "AAAA", "uploadPath": "a"})
    assert_fits("UploadErrorResponse", response.json())
    assert (response.status_code, response.json()["code"]) == (500, 500)
    apikley_mock.fail_next(fault="html", when={"operation": "uploadFileBase64"})
    assert http.post(BASE64, json={"base64Data": "AAAA", "uploadPath": "a"}).status_code == 502


def test_an_error_after_acceptance_leaves_a_task(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(500, stage="after")
    assert http.post(CREATE, json=request_for()).json()["code"] == 500
    (entry,) = apikley_mock.journal.created()
    assert poll(http, str(entry.task_id))["state"] in RUNNING


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("options", [{"fault": "reset"}, {"code": 402}])
def test_a_fault_after_acceptance_is_used_by_an_accepted_request(
    http: httpx2.Client, apikley_mock: MockService, options: Any, times: int
) -> None:
    apikley_mock.fail_next(**options, stage="after", times=times)
    apikley_mock.fail_next(455, times=None)  # for the requests after the first
    response = http.post(CREATE, json={"model": "nope"}).json()
    assert (response["code"], response["msg"][:20]) == (422, "The model name you s")
    assert apikley_mock.journal.requests()[0].note == response["msg"]
    for _ in range(times):
        try:
            assert http.post(CREATE, json=request_for()).json()["code"] == 402
        except httpx2.ReadError:
            assert options == {"fault": "reset"}
    assert len(apikley_mock.journal.created()) == times
    assert http.post(CREATE, json=request_for()).json()["code"] == 455


def test_a_disarmed_rule_is_not_given_back() -> None:
    rules = Rules(Random(1), [FaultRule(fault="reset")])  # noqa: S311 - repeatable
    used = rules.take({})
    assert used
    rules.disarm()
    rules.give_back(used)
    assert list(rules) == []


@pytest.mark.parametrize(
    ("options", "status", "code", "note"),
    [
        ({"code": 402, "message": "no"}, 200, 402, "fault error before acceptance: no"),
        ({"code": 402, "message": "no", "stage": "after"}, 200, 402, "fault error after acceptance: no"),
        ({"fault": "reset"}, None, None, "fault reset before acceptance"),
        ({"fault": "html"}, 502, None, "fault html before acceptance"),
        ({"fault": "broken-json"}, 200, None, "fault broken-json before acceptance"),
        ({"fault": "reset", "stage": "after"}, None, 200, "fault reset after acceptance"),
    ],
)
def test_the_journal_names_the_fault_and_the_verdict(
    http: httpx2.Client, apikley_mock: MockService, options: Any, status: int | None, code: int | None, note: str
) -> None:
    apikley_mock.fail_next(**options)
    with contextlib.suppress(httpx2.ReadError):
        http.post(CREATE, json=request_for())
    (entry,) = apikley_mock.journal
    assert (entry.status, entry.code, entry.note) == (status, code, note)


def test_a_delayed_refusal_is_recorded_with_its_reason(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(fault="latency", latency=0.01)
    msg = http.post(CREATE, json={}).json()["msg"]
    assert apikley_mock.journal.requests()[0].note == f"fault latency before acceptance: {msg}"


@pytest.mark.parametrize("stage", ["before", "after"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_response_is_lost_or_broken(http: httpx2.Client, apikley_mock: MockService, kind: Any, stage: Any) -> None:
    apikley_mock.fail_next(fault=kind, stage=stage)
    expected = DAMAGE[kind]
    if expected:
        with pytest.raises(expected):
            http.post(CREATE, json=request_for())
    else:
        response = http.post(CREATE, json=request_for())
        assert response.status_code == (502 if kind == "html" else 200)
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid"):
            response.json()
    assert len(apikley_mock.journal.created()) == (1 if stage == "after" else 0)
    assert http.post(CREATE, json=request_for()).json()["code"] == 200


@pytest.mark.parametrize("stage", ["before", "after"])
def test_latency_exceeds_the_clients_timeout(http: httpx2.Client, apikley_mock: MockService, stage: Any) -> None:
    apikley_mock.fail_next(fault="latency", latency=600, stage=stage)
    with pytest.raises(httpx2.ReadTimeout):
        http.post(CREATE, json=request_for(), timeout=httpx2.Timeout(600, read=0.1))
    while stage == "after" and not apikley_mock.journal.created():
        apikley_mock.advance(0)  # a busy machine has not read the request yet
    assert len(apikley_mock.journal.created()) == (1 if stage == "after" else 0)


@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_patient_client_gets_the_delayed_response(http: httpx2.Client, apikley_mock: MockService, stage: Any) -> None:
    apikley_mock.fail_next(fault="latency", latency=0.01, stage=stage)
    task_id = create(http)
    assert apikley_mock.assert_created_once().task_id == task_id
    assert apikley_mock.journal.requests()[0].note == f"fault latency {stage} acceptance"


def test_a_fault_is_for_its_operation(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(455, when={"operation": "getTaskDetails"})
    task_id = create(http)
    assert http.get(DETAILS, params={"taskId": task_id}).json()["code"] == 455


def test_an_unknown_fault_is_refused(apikley_mock: MockService) -> None:
    with pytest.raises(ValueError, match=r"fault: .*explode"):
        apikley_mock.fail_next(fault="explode")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="code: "):
        apikley_mock.fail_next(200)


async def _codes(service: Service, count: int, key: str = "mock-key") -> list[int]:
    async with in_process(service, key) as http:
        return [(await http.get(CREDITS)).json()["code"] for _ in range(count)]


@pytest.mark.anyio
async def test_the_same_seed_fails_the_same_requests() -> None:
    def service(seed: int) -> Service:
        return Service(Settings(faults=[FaultRule(fault="error", code=500, times=None, share=0.3)], seed=seed))

    first = await _codes(service(1), 200)
    assert 30 < first.count(500) < 90
    assert await _codes(service(1), 200) == first
    assert await _codes(service(2), 200) != first


@pytest.mark.anyio
async def test_a_fault_is_for_its_account() -> None:
    fault = FaultRule(fault="error", code=402, when=FaultMatch(account="other"), times=None)
    service = Service(Settings(faults=[fault], accounts=[AccountSettings(key="other-key", name="other")]))
    assert await _codes(service, 2) == [200, 200]
    assert await _codes(service, 2, "other-key") == [402, 402]


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["reset", "cut"])
async def test_in_process_a_broken_connection_raises_httpx2s_error(kind: Any) -> None:
    service = Service(Settings(faults=[FaultRule(fault=kind, stage="after")]))
    with pytest.raises(httpx2.ReadError):
        await in_process(service).post(CREATE, json=request_for())
    assert len(service.journal.created()) == 1


@pytest.mark.anyio
async def test_a_request_during_a_reset_leaves_no_entry() -> None:
    service = Service(Settings(faults=[FaultRule(fault="latency", latency=0.05)]))
    waiting = asyncio.create_task(in_process(service).post(CREATE, json=request_for()))
    while service.faults:  # noqa: ASYNC110 - the loop is what is waited for
        await asyncio.sleep(0)
    service.reset()
    service.faults.disarm()
    response = await waiting
    assert (response.status_code, response.json()["code"]) == (200, 455)
    assert (len(service.journal), len(service.engine.tasks)) == (0, 0)


@pytest.mark.anyio
async def test_a_broken_connection_ends_with_the_servers_disconnect() -> None:
    simulator = Simulator(Settings(faults=[FaultRule(fault="reset")]))
    pieces = [{"type": "http.request", "body": body} for body in (b"{}", b"more", b"and more")]
    pieces.append({"type": "http.disconnect"})
    sent_messages: list[Any] = []

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(message: Any) -> None:
        sent_messages.append(message)

    headers = [(b"authorization", b"Bearer mock-key")]
    scope = {"type": "http", "method": "POST", "path": CREATE, "query_string": b"", "scheme": "http"}
    state = {"reset": lambda: sent_messages.append("reset")}
    await simulator({**scope, "headers": headers, "state": state}, receive, send)
    assert (sent_messages, pieces) == (["reset"], [])
