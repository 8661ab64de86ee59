"""The contract of the Apikley API, as data.

Client, simulator and tests read every path, field, limit and code from here. This module is written by
hand; `openapi.json` beside it is generated from `openapi/`. Only the standard library is needed.

All functions return shared, cached objects: do not change them.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

__all__ = ["Model", "Operation", "codes", "draft4", "models", "openapi", "operation", "poll_schedule", "schemas"]

_SCHEMAS = "#/components/schemas/"
# Keywords that say nothing about validity.
_ANNOTATIONS = {"example", "examples", "discriminator", "externalDocs", "xml", "deprecated", "readOnly", "writeOnly"}


class Model(NamedTuple):
    """A model that createTask accepts.

    Attributes:
        name: The published name, for instance `hailuo/02-image-to-video-pro`.
        request: The schema of its whole request body.
        input: The schema of its input, which is also the name of its class.
        output: What it makes: `video`, `image`, `audio` or `text`.
    """

    name: str
    request: str
    input: str
    output: str = "video"


class Operation(NamedTuple):
    """An operation of the API.

    Attributes:
        method: The HTTP method in capitals.
        path: The path, without the server.
        description: The operation object of the contract.
    """

    method: str
    path: str
    description: dict[str, Any]


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.0 document."""
    document: dict[str, Any] = json.loads(files(__name__).joinpath("openapi.json").read_text(encoding="utf-8"))
    return document


@cache
def schemas() -> dict[str, Any]:
    """Return the component schemas as JSON Schema Draft 4, under `components/schemas`.

    Example:
        validator = jsonschema_rs.Draft4Validator({"$ref": "#/components/schemas/TaskDetails", **schemas()})
    """
    components = openapi()["components"]["schemas"]
    return {"components": {"schemas": {name: draft4(schema) for name, schema in components.items()}}}


def draft4(schema: Any) -> Any:
    """Convert an OpenAPI 3.0 schema, which differs from JSON Schema Draft 4 only by `nullable` and annotations."""
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _ANNOTATIONS or key == "nullable" or key.startswith("x-"):
            continue
        if key == "properties":
            result[key] = {name: draft4(item) for name, item in value.items()}
        elif key in ("allOf", "anyOf", "oneOf"):
            result[key] = [draft4(item) for item in value]
        elif key in ("items", "not", "additionalProperties"):
            result[key] = draft4(value)
        else:
            result[key] = value
    return _or_null(result) if schema.get("nullable") else result


@cache
def codes() -> dict[str, int]:
    """Return the envelope's codes by name, for instance `{"SUCCESS": 200, …}`."""
    code = openapi()["components"]["schemas"]["ApiResponse"]["properties"]["code"]
    return dict(zip(code["x-enum-varnames"], code["enum"], strict=True))


@cache
def models() -> dict[str, Model]:
    """Return the models by name."""
    components = openapi()["components"]["schemas"]
    found = {}
    for name, reference in components["CreateTaskRequest"]["discriminator"]["mapping"].items():
        request = reference.removeprefix(_SCHEMAS)
        input_ = components[request]["properties"]["input"]["$ref"].removeprefix(_SCHEMAS)
        found[name] = Model(name, request, input_, components[request].get("x-output", "video"))
    return found


@cache
def operation(operation_id: str) -> Operation:
    """Return an operation by its id, for instance `createTask`.

    Raises:
        KeyError: The contract has no operation with this id.
    """
    for path, item in openapi()["paths"].items():
        for method, description in item.items():
            if isinstance(description, dict) and description.get("operationId") == operation_id:
                return Operation(method.upper(), path, description)
    raise KeyError(operation_id)


def poll_schedule() -> list[tuple[float, float, float]]:
    """Return the documented polling advice.

    Returns:
        Steps of (until, shortest interval, longest interval), in seconds. The last step has no end.
    """
    steps = operation("getTaskDetails").description["x-poll-schedule"]
    return [(step.get("until", float("inf")), *step["every"]) for step in steps]


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "type" in schema and not any(key in schema for key in ("allOf", "anyOf", "oneOf", "$ref")):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    return {"anyOf": [schema, {"type": "null"}]}
