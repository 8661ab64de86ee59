"""The admin API and its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import openapi_spec_validator
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, unsupported_method

from apikley_mock.control.vocabulary import Settings
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.web.admin_document import document
from apikley_mock.web.app import Simulator
from apikley_mock.world.clock import VirtualClock
from contract_tests.simulator.simulators import CREATE, MODEL, RUNNING, Received, create, in_process, poll, request_for

DOCUMENT = document()
# The events do not end.
schema = schemathesis.openapi.from_dict(DOCUMENT).exclude(path="/__mock__/events")
schema.app = Simulator(Service(Settings(), VirtualClock()))


@schema.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_admin_api_keeps_its_document(case: Any) -> None:
    # A valid body can still be refused, because some members exclude each other.
    case.call_and_validate(checks=[not_a_server_error, negative_data_rejection, unsupported_method])


def test_the_document_is_valid_and_is_served(admin: httpx2.Client) -> None:
    openapi_spec_validator.validate(DOCUMENT)
    assert admin.get("openapi.json").json() == DOCUMENT


def test_the_document_describes_the_vocabulary() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert {"FaultRule", "PlanRule", "Settings"} <= set(schemas)
    assert schemas["PlanRule"]["properties"]["outcome"]["enum"] == ["disappear", "fail", "never", "success"]


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_the_document_describes_every_field(name: str) -> None:
    described = DOCUMENT["components"]["schemas"][name]
    fields = [field for field, schema in described["properties"].items() if not schema.get("description")]
    assert (fields, "Attributes:" in described["description"]) == ([], False)


@pytest.fixture
def admin(apikley_mock: MockService) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"{apikley_mock.url}/__mock__/") as client:
        yield client


def test_tasks_are_listed_and_ended(admin: httpx2.Client, http: httpx2.Client) -> None:
    first, second = create(http, "one"), create(http, "two")
    assert [(task["id"], task["prompt"]) for task in admin.get("tasks").json()] == [(second, "two"), (first, "one")]
    admin.post(f"tasks/{first}/finish")
    admin.post(f"tasks/{second}/fail", json={"code": "422", "message": "no"})
    assert poll(http, first)["state"] == "success"
    assert (poll(http, second)["failCode"], poll(http, second)["failMsg"]) == ("422", "no")
    assert admin.post(f"tasks/{first}/fail").status_code == 409
    assert admin.post("tasks/nope/fail").status_code == 404


def test_a_task_without_a_prompt_is_listed(admin: httpx2.Client, http: httpx2.Client) -> None:
    assert http.post(CREATE, json={"model": MODEL}).json()["code"] == 200
    assert [task["prompt"] for task in admin.get("tasks").json()] == [""]


def test_a_task_that_was_ended_does_not_end_again(
    admin: httpx2.Client, http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    task_id = create(http, callBackUrl=receiver.url)
    admin.post(f"tasks/{task_id}/finish")
    apikley_mock.advance(100)
    assert len(receiver.calls) == 1


def test_a_callback_can_be_repeated(
    admin: httpx2.Client, http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    task_id = create(http, callBackUrl=receiver.url)
    assert admin.post(f"tasks/{task_id}/callback").status_code == 409
    apikley_mock.advance(10)
    admin.post(f"tasks/{task_id}/callback")
    apikley_mock.advance(0)
    assert len(receiver.calls) == 2


def test_the_journal_is_read_from_a_number(admin: httpx2.Client, http: httpx2.Client) -> None:
    for _ in range(3):
        create(http)
    numbers = [entry["number"] for entry in admin.get("journal").json()]
    after = admin.get("journal", params={"after": numbers[0], "limit": 1}).json()
    assert [entry["number"] for entry in after] == [numbers[1]]
    assert admin.get("journal", params={"kind": "callback"}).json() == []


def test_faults_and_plans_are_armed_listed_and_disarmed(admin: httpx2.Client, http: httpx2.Client) -> None:
    assert admin.post("faults", json={"fault": "error", "code": 402, "times": None}).json() == {"number": 1}
    assert admin.get("faults").json()[0]["code"] == 402
    assert http.post(CREATE, json=request_for()).json()["code"] == 402
    admin.delete("faults")
    admin.post("plans", json={"outcome": "fail", "callback": {"times": 2}})
    assert admin.get("plans").json()[0]["callback"] == {"times": 2}
    assert poll(http, create(http))["state"] in RUNNING
    assert admin.get("plans").json() == []
    assert admin.delete("plans").json() == {"ok": True}


def test_the_credits_of_an_account_are_set(admin: httpx2.Client, http: httpx2.Client) -> None:
    admin.put("accounts/default", json={"credits": 0})
    assert http.post(CREATE, json=request_for()).json()["code"] == 402
    assert admin.get("state").json()["accounts"] == [{"name": "default", "credits": 0}]
    assert admin.put("accounts/nobody", json={"credits": 0}).status_code == 404


def test_time_is_advanced_and_the_simulator_is_reset(admin: httpx2.Client, http: httpx2.Client) -> None:
    task_id = create(http)
    before = admin.get("state").json()["now"]
    admin.post("advance", json={"seconds": 300})
    assert admin.get("state").json()["now"] == before + 300
    assert poll(http, task_id)["state"] == "success"
    admin.post("reset")
    assert admin.get("tasks").json() == []


@pytest.mark.anyio
async def test_real_time_cannot_be_advanced() -> None:
    async with in_process(Service()) as client:
        response = await client.post("/__mock__/advance", json={"seconds": 1})
    assert (response.status_code, "virtual clock" in response.json()["error"]) == (409, True)


def test_a_page_of_another_origin_is_refused(admin: httpx2.Client) -> None:
    assert admin.post("reset", headers={"Origin": "https://elsewhere.test"}).status_code == 403
    assert admin.post("reset", headers={"Origin": str(admin.base_url).removesuffix("/__mock__/")}).status_code == 200
