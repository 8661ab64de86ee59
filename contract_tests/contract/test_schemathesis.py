"""Schemathesis draws requests from the contract and finds no unknown violation in the simulator or in Prism."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterator
from itertools import product
from typing import Any, get_args

import httpx2
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.schemas import OpenApiSchema

import apikley_contract
from apikley._model.checks import is_http_url
from apikley_mock.control.vocabulary import ErrorStyle, Settings
from apikley_mock.service import Service
from apikley_mock.web.app import Simulator
from apikley_mock.web.server import ThreadedServer
from apikley_mock.world.clock import VirtualClock
from apikley_mock.world.plan import Shapes
from contract_tests.conftest import KEY
from contract_tests.contract.conftest import prism_on
from contract_tests.contract.excluded_checks import (
    EXCLUDED,
    FORM_WITHOUT_TYPE,
    NOT_FOR_PRISM,
    REJECTS,
    ExcludedCheck,
    excluded_checks,
)
from contract_tests.contract.report import RECORD, Subject
from contract_tests.contract.strict_schemas import response_validator, violations
from scripts.pipeline.prism import CONTRACT

DRAWN = Subject("schemathesis")
HEADERS = {"Authorization": f"Bearer {KEY}"}
SUCCESS = apikley_contract.codes()["SUCCESS"]
STATEFUL = "simulator, stateful"
STYLES: list[ErrorStyle] = ["http", "envelope"]
QUIET = list(HealthCheck)


class CodeAsStatus:
    """An ASGI wrapper that repeats the envelope's code as the HTTP status, so that every check applies to it.

    It validates the original response first: HTTP 200, and an error as the contract writes one.
    """

    def __init__(self, app: Simulator) -> None:
        self.service = app.service
        self._app = app
        self._error = jsonschema.Draft4Validator(
            {"$ref": "#/components/schemas/ErrorResponse", **apikley_contract.schemas()}
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        starts: list[Any] = []

        async def send_translated(message: Any) -> None:
            if message["type"] == "http.response.start":
                starts.append(message)
                return
            while starts:
                await send(self._translate(starts.pop(), message["body"]))
            await send(message)

        await self._app(scope, receive, send_translated)

    def _translate(self, start: Any, body: bytes) -> Any:
        compressed = (b"content-encoding", b"gzip") in start["headers"]
        envelope = json.loads(gzip.decompress(body) if compressed else body)
        if start["status"] != 200 or envelope["code"] == SUCCESS:
            return start
        self._error.validate(envelope)
        return {**start, "status": envelope["code"]}


def _simulator(style: ErrorStyle, shapes: Shapes) -> Any:
    simulator = Simulator(Service(Settings(api_key=KEY, error_style=style, shapes=shapes), VirtualClock()))
    return simulator if style == "http" else CodeAsStatus(simulator)


def _schema(app: Any = None) -> OpenApiSchema:
    # The contract says nothing about methods that it does not document.
    config = SchemathesisConfig.from_dict({"phases": {"coverage": {"unexpected-methods": []}}})
    schema: OpenApiSchema = schemathesis.openapi.from_dict(copy.deepcopy(apikley_contract.openapi()), config=config)
    schema.app = app
    return schema


ANY = _schema()
HTTP_RECORDED, HTTP_DOCUMENTED, ENVELOPE_RECORDED, ENVELOPE_DOCUMENTED = (
    _schema(_simulator(style, shapes)) for style in STYLES for shapes in get_args(Shapes)
)
FOR_PRISM = ANY.exclude(operation_id=NOT_FOR_PRISM)


@HTTP_RECORDED.parametrize()
@settings(max_examples=20, suppress_health_check=QUIET)
def test_the_simulator_keeps_the_contract_with_http_errors(case: Case[Any]) -> None:
    check_simulator(case, "http", "recorded")


@HTTP_DOCUMENTED.parametrize()
@settings(max_examples=20, suppress_health_check=QUIET)
def test_the_simulator_keeps_the_contract_in_documented_shapes_with_http_errors(case: Case[Any]) -> None:
    check_simulator(case, "http", "documented")


@ENVELOPE_RECORDED.parametrize()
@settings(max_examples=20, suppress_health_check=QUIET)
def test_the_simulator_keeps_the_contract_with_envelope_errors(case: Case[Any]) -> None:
    check_simulator(case, "envelope", "recorded")


@ENVELOPE_DOCUMENTED.parametrize()
@settings(max_examples=20, suppress_health_check=QUIET)
def test_the_simulator_keeps_the_contract_in_documented_shapes_with_envelope_errors(case: Case[Any]) -> None:
    check_simulator(case, "envelope", "documented")


@FOR_PRISM.parametrize()
@settings(max_examples=16, suppress_health_check=QUIET)
def test_prism_keeps_the_contract(case: Case[Any], prism: httpx2.Client) -> None:
    redirect_callback(case)  # Prism sends a real callback
    DRAWN.case(operation_id(case), "prism")
    response = case.call(base_url=str(prism.base_url), headers=HEADERS)
    excluded = excluded_checks("prism", operation_id(case))
    case.validate_response(response, headers=HEADERS, excluded_checks=excluded)


def check_simulator(case: Case[Any], style: ErrorStyle, shapes: Shapes) -> None:
    """Call the simulator and apply every check that is not excluded, and the closed schemas."""
    DRAWN.case(operation_id(case), f"simulator, {style}, {shapes}")
    response = case.call(headers=HEADERS)
    excluded = excluded_checks("simulator", operation_id(case))
    if shapes == "recorded" and isinstance(case.body, dict) and case.body.get("callBackUrl") == "":
        excluded += CHECKS.get_by_names([REJECTS])  # see EMPTY_CALLBACK_URL in differences.py
    case.validate_response(response, headers=HEADERS, excluded_checks=excluded)
    require_known_fields(case, response, f"simulator, {style}, {shapes}")


def require_known_fields(case: Case[Any], response: Any, witness: str) -> None:
    """Require that the simulator sends no field that the contract does not know."""
    found = violations(response_validator(operation_id(case), response.status_code), response.json())
    DRAWN.require(not found, operation_id(case), witness, f"sends unknown fields: {'; '.join(found)}")


def operation_id(case: Case[Any]) -> str:
    return str(case.operation.definition.raw["operationId"])


def redirect_callback(case: Case[Any]) -> None:
    """Replace the host of a drawn callback URL, so that no callback leaves the machine."""
    body: Any = case.body
    url = body.get("callBackUrl") if isinstance(body, dict) else None
    if isinstance(url, str) and is_http_url(url):
        case.body = {**body, "callBackUrl": "http://127.0.0.1:9/callback"}


@pytest.mark.parametrize("excluded", EXCLUDED, ids=str)
def test_an_excluded_check_is_still_violated(
    excluded: ExcludedCheck, prism: httpx2.Client, http: httpx2.Client
) -> None:
    client = {"simulator": http, "prism": prism}[excluded.witness]
    operation = apikley_contract.operation(excluded.operation)
    response = client.request(operation.method, operation.path, **excluded.request)
    RECORD.known.append((f"{excluded.operation}, {excluded.check}", excluded.witness, excluded.reason))
    message = f"sends HTTP {response.status_code} {response.text[:300]}: remove it from contract/excluded_checks.py"
    DRAWN.require(excluded.still_shown(response), f"excluded: {excluded.reason}", excluded.witness, message)


def test_prism_still_crashes_on_a_form_whose_file_has_no_content_type() -> None:
    with prism_on(CONTRACT) as prism, pytest.raises(httpx2.TransportError):
        prism.post(apikley_contract.operation(NOT_FOR_PRISM).path, **FORM_WITHOUT_TYPE)


@pytest.fixture(params=product(STYLES, get_args(Shapes)), ids="-".join)
def served(request: pytest.FixtureRequest) -> Iterator[ThreadedServer]:
    server = ThreadedServer(_simulator(*request.param))
    server.start()
    yield server
    server.stop()


def test_the_link_from_a_create_to_its_task_holds_over_http(served: ThreadedServer) -> None:
    states: set[str] = set()
    schema = _schema().include(operation_id=["createTask", "getTaskDetails"])

    class Linked(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            redirect_callback(case)  # every task completes, and nothing listens at the URL
            return {"base_url": served.url, "headers": HEADERS}

        def validate_response(self, response: Any, case: Case[Any], **_: Any) -> None:
            DRAWN.case(operation_id(case), STATEFUL)
            excluded = excluded_checks("simulator", operation_id(case))
            case.validate_response(response, headers=HEADERS, excluded_checks=excluded)
            require_known_fields(case, response, STATEFUL)
            envelope = response.json()
            if operation_id(case) == "getTaskDetails" and envelope["code"] == SUCCESS:
                states.add(envelope["data"]["state"])
                polled, got = case.query["taskId"], envelope["data"]["taskId"]
                DRAWN.require(got == polled, "getTaskDetails", STATEFUL, f"polled {polled}, got {got}")
            # A record has the most fields once its task has completed.
            served.call(served.simulator.service.advance(10))

    schemathesis.stateful.run_state_machine_as_test(
        Linked,
        settings=settings(
            max_examples=12,
            stateful_step_count=6,
            suppress_health_check=QUIET,
            phases=[Phase.generate],  # shrinking takes minutes
        ),
    )
    DRAWN.require("success" in states, "getTaskDetails", STATEFUL, "no created task was polled: the link is broken")


def _example_requests() -> Iterator[tuple[str, Any]]:
    for item in apikley_contract.openapi()["paths"].values():
        for operation in filter(lambda each: "operationId" in each, item.values()):
            for media in operation.get("requestBody", {}).get("content", {}).values():
                examples = [{"value": media["example"]}] if "example" in media else media.get("examples", {}).values()
                yield from ((operation["operationId"], example["value"]) for example in examples)


@pytest.mark.parametrize(("operation_id", "body"), list(_example_requests()))
def test_simulator_and_prism_accept_the_published_example_requests(
    prism: httpx2.Client, served: ThreadedServer, operation_id: str, body: dict[str, Any]
) -> None:
    if "callBackUrl" in body:
        body = {**body, "callBackUrl": "http://127.0.0.1:9/callback"}
    path = apikley_contract.operation(operation_id).path
    simulated = httpx2.post(served.url + path, json=body, headers=HEADERS).json()
    # The example's URL is no result of this simulator.
    foreign = operation_id == "getDownloadUrl" and "not a result of this service" in simulated["msg"]
    rule, response = f"published example of {operation_id}", prism.post(path, json=body).json()
    DRAWN.require(foreign or simulated["code"] == SUCCESS, rule, "simulator", f"sends {simulated}")
    DRAWN.require(response["code"] == SUCCESS, rule, "prism", f"sends {response}")
