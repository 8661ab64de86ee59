"""The contract of the Apikley API, as data.

Everything that needs a path, a field, a limit or a code asks here. Generated from `openapi/`; it
needs nothing outside the standard library.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

__all__ = ["Model", "Operation", "codes", "models", "openapi", "operation", "poll_schedule", "schemas"]

_SCHEMAS = "#/components/schemas/"


class Model(NamedTuple):
    """A model that createTask takes, and the names of its schemas (which are its class names)."""

    name: str
    request: str
    input: str


class Operation(NamedTuple):
    """Where an operation is, and how the contract describes it."""

    method: str
    path: str
    description: dict[str, Any]


@cache
def openapi() -> dict[str, Any]:
    """The built OpenAPI 3.0 document. Shared by all callers: not to be changed."""
    return _load("openapi.json")


@cache
def schemas() -> dict[str, Any]:
    """The component schemas as JSON Schema Draft 4, under `components/schemas`.

    A validator for one of them: `{"$ref": "#/components/schemas/NAME", **schemas()}`.
    """
    return _load("schemas.json")


@cache
def codes() -> dict[str, int]:
    """The envelope's codes by name, for instance `{"SUCCESS": 200, …}`."""
    code = openapi()["components"]["schemas"]["ApiResponse"]["properties"]["code"]
    return dict(zip(code["x-enum-varnames"], code["enum"], strict=True))


@cache
def models() -> dict[str, Model]:
    """The models by name."""
    components = openapi()["components"]["schemas"]
    found = {}
    for name, reference in components["CreateTaskRequest"]["discriminator"]["mapping"].items():
        request = reference.removeprefix(_SCHEMAS)
        input_ = components[request]["properties"]["input"]["$ref"].removeprefix(_SCHEMAS)
        found[name] = Model(name, request, input_)
    return found


@cache
def operation(operation_id: str) -> Operation:
    """An operation by its id, for instance `createTask`.

    Raises:
        KeyError: The contract has none of this id.
    """
    for path, item in openapi()["paths"].items():
        for method, description in item.items():
            if isinstance(description, dict) and description.get("operationId") == operation_id:
                return Operation(method.upper(), path, description)
    raise KeyError(operation_id)


def poll_schedule() -> list[tuple[float, float, float]]:
    """The documented polling advice: (until, shortest, longest) in seconds, the last without end."""
    steps = operation("getTaskDetails").description["x-poll-schedule"]
    return [(step.get("until", float("inf")), *step["every"]) for step in steps]


def _load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files(__name__).joinpath(name).read_text(encoding="utf-8"))
    return document
