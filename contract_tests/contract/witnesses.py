"""Four independent validators of a createTask body.

A verdict is the set of JSON pointers that the witness objects to; it is empty if the witness accepts the body.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any, get_args

import httpx2
import jsonschema

import apikley_contract
from apikley._model import validation
from apikley.errors import RequestInvalid
from apikley_mock.control.vocabulary import Settings
from apikley_mock.web.app import Simulator
from apikley_mock.world.plan import Shapes
from contract_tests.conftest import KEY
from contract_tests.simulator.simulators import MODEL

Verdict = frozenset[str]
# A body, and the name of the request schema that it was drawn from.
Witness = Callable[[Any, str], Verdict]
CREATE = apikley_contract.operation("createTask")
CODES = apikley_contract.codes()


def client(body: Any, _: str) -> Verdict:
    """The library's own check before it sends anything."""
    if not isinstance(body, dict):
        # `create` takes only an object; there is no body to point into.
        return frozenset({""})
    try:
        validation.encode(body)
        validation.validate_create(body)
    except RequestInvalid as error:
        return frozenset(
            violation.pointer.rpartition("/")[0]
            if violation.rule in ("required", "unknown-field")
            else violation.pointer
            for violation in error.violations
        )
    return frozenset()


class Independent:
    """The package `jsonschema` with format checks, which shares no code with the other three."""

    def __init__(self) -> None:
        formats = jsonschema.Draft4Validator.FORMAT_CHECKER
        assert not formats.conforms("no uri", "uri"), "install rfc3986-validator; without it every string is a URI"
        self._validators = {
            model.request: jsonschema.Draft4Validator(
                {"$ref": f"#/components/schemas/{model.request}", **apikley_contract.schemas()}, format_checker=formats
            )
            for model in apikley_contract.models().values()
        }

    def __call__(self, body: Any, schema: str) -> Verdict:
        """Validate against a schema."""
        return frozenset(_pointer(error.absolute_path) for error in self._validators[schema].iter_errors(body))


class Simulated:
    """The simulator, called over ASGI; its `msg` names the places.

    In recorded shapes it accepts an empty callback URL; otherwise both shapes must have the same verdict.
    """

    def __init__(self) -> None:
        self._simulators = [Simulator(Settings(api_key=KEY, max_tasks=100, shapes=each)) for each in get_args(Shapes)]
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Stop its background tasks."""
        for simulator in self._simulators:
            self._runner.run(simulator.service.close())
        self._runner.close()

    def __call__(self, body: Any, _: str) -> Verdict:
        """Send a create in both shapes and read the places from the response in documented ones."""
        recorded, documented = (self.verdict(simulator, body) for simulator in self._simulators)
        tolerated = {"/callBackUrl"} if isinstance(body, dict) and body.get("callBackUrl") == "" else set()
        assert recorded == documented - tolerated, f"the shapes differ: {recorded} and {documented}"
        return documented

    def verdict(self, simulator: Simulator, body: Any) -> Verdict:
        """Send a create and read the places from the response."""
        response = self._runner.run(self._post(simulator, json.dumps(body).encode()))
        if response["code"] == CODES["SUCCESS"]:
            return frozenset()
        assert response["code"] == CODES["VALIDATION_FAILED"], f"simulator: a wrong request got {response}"
        return frozenset(_places(str(response["msg"])))

    async def _post(self, simulator: Simulator, content: bytes) -> dict[str, Any]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"authorization", f"Bearer {KEY}".encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": CREATE.method, "path": CREATE.path, "headers": headers}
        await simulator({**scope, "query_string": b"", "scheme": "http"}, receive, send)
        return dict(json.loads(sent[1]["body"]))


class Prism:
    """Prism, called over HTTP; its header `sl-violations` names the places.

    With several models, Prism names the places that any of them refuses, and cuts the header after 8 kB. So it serves
    each model on a path of its own here: see `contract_by_model`.
    """

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http

    def __call__(self, body: Any, schema: str) -> Verdict:
        """Send a create and read the places from the response."""
        content = json.dumps(body).encode()
        response = self._http.post(f"/{schema}", content=content, headers={"Content-Type": "application/json"})
        if response.status_code == CODES["SUCCESS"]:
            return frozenset()
        assert response.status_code == CODES["VALIDATION_FAILED"], f"prism: a wrong request got {response.text}"
        found = json.loads(response.headers["sl-violations"])
        places = {_pointer(each["location"][2:]) for each in found if each["code"] != "oneOf"}
        return frozenset(places or {""})


def contract_by_model() -> dict[str, Any]:
    """The contract, with one path for the create of each model."""
    # Read from the file, so that Prism does not share what the library makes of it.
    contract: dict[str, Any] = json.loads((files(apikley_contract) / "openapi.json").read_text(encoding="utf-8"))
    create = contract["paths"][CREATE.path]["post"]
    contract["paths"] = {}
    for model in apikley_contract.models().values():
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.request}"}}}
        operation = {**create, "operationId": model.request, "requestBody": {"required": True, "content": content}}
        contract["paths"][f"/{model.request}"] = {"post": operation}
    return contract


def schema_of(body: Any) -> str:
    """The request schema of the model that a body names, or of the model of the examples."""
    models = apikley_contract.models()
    name = body.get("model") if isinstance(body, dict) else None
    return models[name if isinstance(name, str) and name in models else MODEL].request


def _places(msg: str) -> set[str]:
    if msg.startswith("The model name"):
        return {"/model"}
    found = re.findall(r"(?:^|; )(request|[\w. -]+?): (missing)?", msg)
    places = {"" if place == "request" else f"/{place.replace('.', '/')}": missing for place, missing in found}
    # The others name the object that lacks a field.
    return {place.rpartition("/")[0] if missing else place for place, missing in places.items()} or {""}


def _pointer(path: Any) -> str:
    return "".join(f"/{step}" for step in path)
