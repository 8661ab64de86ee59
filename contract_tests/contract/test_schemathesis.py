"""Schemathesis, which draws requests from the contract by itself, finds nothing new in the simulator or in Prism."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.schemas import OpenApiSchema

import apikley_contract
from apikley_mock.control.settings import ErrorStyle, Settings
from apikley_mock.service import Service
from apikley_mock.web.app import Simulator
from apikley_mock.web.server import ThreadedServer
from apikley_mock.world.clock import VirtualClock
from contract_tests.conftest import KEY, prism_on
from contract_tests.contract import strict_schemas as closed
from contract_tests.contract.findings import FINDINGS, FORM_WITHOUT_TYPE, NOT_FOR_PRISM, Violation, known
from contract_tests.contract.report import RECORD, Subject
from scripts.pipeline.prism import CONTRACT

DRAWN = Subject("schemathesis")
HEADERS = {"Authorization": f"Bearer {KEY}"}
SUCCESS = apikley_contract.codes()["SUCCESS"]
LINK, STATEFUL = "createTask, then getTaskDetails", "simulator, stateful"
OPERATIONS = [
    description["operationId"]
    for item in apikley_contract.openapi()["paths"].values()
    for description in item.values()
    if isinstance(description, dict) and "operationId" in description
]
STYLES: list[ErrorStyle] = ["http", "envelope"]


class InStatus:
    """An ASGI wrapper that repeats the envelope's code as the HTTP status, so that every check applies to it.

    What really came is held to the contract here: HTTP 200, and an error as the contract writes one.
    """

    def __init__(self, app: Any) -> None:
        self.service = app.service
        self._app = app
        self._error = jsonschema.Draft4Validator(
            {"$ref": "#/components/schemas/ErrorResponse", **apikley_contract.schemas()}
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        held: list[Any] = []

        async def translating(message: Any) -> None:
            if message["type"] == "http.response.start":
                held.append(message)
                return
            while held:
                await send(self._translated(held.pop(), message["body"]))
            await send(message)

        await self._app(scope, receive, translating)

    def _translated(self, start: Any, body: bytes) -> Any:
        answer = json.loads(body)
        if start["status"] != 200 or answer["code"] == SUCCESS:
            return start
        self._error.validate(answer)
        return {**start, "status": answer["code"]}


def _simulator(style: ErrorStyle) -> Any:
    simulator = Simulator(Service(Settings(api_key=KEY, error_style=style), VirtualClock()))
    return simulator if style == "http" else InStatus(simulator)


def _schema() -> OpenApiSchema:
    schema: OpenApiSchema = schemathesis.openapi.from_dict(copy.deepcopy(apikley_contract.openapi()))
    return schema


def _found(case: Case[Any], response: Any) -> dict[str, str]:
    """What is wrong with an answer, by the name of the failure."""
    try:
        case.validate_response(response, headers=HEADERS)
    except FailureGroup as group:
        return {type(each).__name__: str(each) for each in group.exceptions}
    except Failure as failure:
        return {type(failure).__name__: str(failure)}
    return {}


def _without_callback(case: Case[Any]) -> set[str]:
    """Leave the callback URL out of a request; returns what may be reported for that: it may be valid without it."""
    if not isinstance(case.body, dict) or "callBackUrl" not in case.body:
        return set()
    case.body = {name: value for name, value in case.body.items() if name != "callBackUrl"}
    return {"AcceptedNegativeData"}


def _demand_known_fields(operation_id: str, response: Any, rule: str, witness: str) -> None:
    """The simulator says nothing of its own."""
    found = closed.findings(closed.answer(operation_id, response.status_code), response.json())
    DRAWN.demand(not found, rule, witness, f"says what the contract does not: {'; '.join(found)}")


def _demand_nothing_new(case: Case[Any], response: Any, rule: str, witness: str, expected: set[str]) -> None:
    new = {name: text for name, text in _found(case, response).items() if name not in expected}
    DRAWN.demand(not new, rule, witness, f"{new}: {case.as_curl_command(headers=HEADERS)[:2000]}")


def _tried(operation: Any, mode: GenerationMode, examples: int, judge: Any) -> None:
    quiet = settings(max_examples=examples, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    decorate: Any = given(operation.as_strategy(generation_mode=mode))
    quiet(decorate(judge))()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation_id", OPERATIONS)
@pytest.mark.parametrize("style", STYLES)
def test_the_simulator_answers_as_the_contract_says(style: ErrorStyle, operation_id: str, mode: GenerationMode) -> None:
    schema = _schema()
    schema.app = _simulator(style)
    rule, witness = f"{operation_id}, {mode.value} data", f"simulator, {style}"

    def judge(case: Case[Any]) -> None:
        DRAWN.case(rule, witness)
        answer = case.call(headers=HEADERS)
        _demand_nothing_new(case, answer, rule, witness, known("simulator", operation_id))
        _demand_known_fields(operation_id, answer, rule, witness)

    _tried(schema.find_operation_by_id(operation_id), mode, 24, judge)


@pytest.mark.parametrize("operation_id", [each for each in OPERATIONS if each != NOT_FOR_PRISM])
def test_prism_answers_as_the_contract_says(prism: httpx2.Client, operation_id: str) -> None:
    schema, base_url = _schema(), str(prism.base_url)
    rule, witness = f"{operation_id}, all data", "prism"

    def judge(case: Case[Any]) -> None:
        changed = _without_callback(case)  # Prism really calls back
        DRAWN.case(rule, witness)
        answer = case.call(base_url=base_url, headers=HEADERS)
        _demand_nothing_new(case, answer, rule, witness, known("prism", operation_id) | changed)

    for mode in GenerationMode:
        _tried(schema.find_operation_by_id(operation_id), mode, 8, judge)


@pytest.mark.parametrize("finding", FINDINGS, ids=str)
def test_a_known_finding_is_still_one(finding: Violation, prism: httpx2.Client, http: httpx2.Client) -> None:
    client, operation = (
        {"simulator": http, "prism": prism}[finding.witness],
        apikley_contract.operation(finding.operation),
    )
    answer = client.request(operation.method, operation.path, **finding.request)
    RECORD.known.append((f"reported: {finding.operation}, {finding.name}", finding.witness, finding.reason))
    said = f"answers HTTP {answer.status_code} {answer.text[:300]}: take the entry out of contract_tests/findings.py"
    DRAWN.demand(finding.shown(answer), f"known finding: {finding.reason}", finding.witness, said)


def test_prism_still_ends_on_a_form_whose_file_has_no_content_type() -> None:
    with prism_on(CONTRACT) as prism, pytest.raises(httpx2.TransportError):
        prism.post(apikley_contract.operation(NOT_FOR_PRISM).path, **FORM_WITHOUT_TYPE)


@pytest.fixture(params=STYLES)
def served(request: pytest.FixtureRequest) -> Iterator[ThreadedServer]:
    server = ThreadedServer(_simulator(request.param))
    server.start()
    yield server
    server.stop()


def test_the_link_from_a_create_to_its_task_holds_over_http(served: ThreadedServer) -> None:
    states: set[str] = set()
    schema = _schema().include(operation_id=["createTask", "getTaskDetails"])

    class Linked(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            self.changed = _without_callback(case)  # every task ends here, and nobody is there to be told
            return {"base_url": served.url, "headers": HEADERS}

        def validate_response(self, response: Any, case: Case[Any], **_: Any) -> None:
            operation_id, answer = case.operation.definition.raw["operationId"], response.json()
            DRAWN.case(LINK, STATEFUL)
            _demand_nothing_new(case, response, LINK, STATEFUL, known("simulator", operation_id) | self.changed)
            _demand_known_fields(operation_id, response, LINK, STATEFUL)
            if operation_id == "getTaskDetails" and answer["code"] == SUCCESS:
                states.add(answer["data"]["state"])
                asked, seen = case.query["taskId"], answer["data"]["taskId"]
                DRAWN.demand(seen == asked, LINK, STATEFUL, f"asked about {asked}, it answers about {seen}")
            # A record holds most once its task has ended, as each has before the next request.
            served.call(served.simulator.service.advance(10))

    schemathesis.stateful.run_state_machine_as_test(
        Linked,
        settings=settings(
            max_examples=12,
            stateful_step_count=6,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # to find a shorter way to what is wrong takes minutes
        ),
    )
    followed = "no task that was created was ever looked at after its end: the link is not followed"
    DRAWN.demand("success" in states, LINK, STATEFUL, followed)


def _example_requests() -> Iterator[tuple[str, Any]]:
    for operation_id in OPERATIONS:
        content = apikley_contract.operation(operation_id).description.get("requestBody", {}).get("content", {})
        for media in content.values():
            for example in [{"value": media["example"]}] if "example" in media else media.get("examples", {}).values():
                yield operation_id, example["value"]


@pytest.mark.parametrize(("operation_id", "body"), list(_example_requests()))
def test_the_published_example_requests_are_taken_everywhere(
    prism: httpx2.Client, served: ThreadedServer, operation_id: str, body: dict[str, Any]
) -> None:
    if "callBackUrl" in body:
        body = {**body, "callBackUrl": "http://127.0.0.1:9/callback"}
    path = apikley_contract.operation(operation_id).path
    simulated = httpx2.post(served.url + path, json=body, headers=HEADERS).json()
    # The example's URL is no result of this simulator: the contract's 422, in words of its own.
    foreign = operation_id == "getDownloadUrl" and "not a result of this service" in simulated["msg"]
    rule, judged = f"published example of {operation_id}", prism.post(path, json=body).json()
    DRAWN.demand(foreign or simulated["code"] == SUCCESS, rule, "simulator", f"answers {simulated}")
    DRAWN.demand(judged["code"] == SUCCESS, rule, "prism", f"answers {judged}")
