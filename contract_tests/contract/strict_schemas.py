"""The contract's schemas with every object closed: fields that the contract does not know are violations.

The contract leaves its objects open because the service may add fields at any time. The simulator must not:
users would take a field that only it sends for a fact about the service.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema_rs

import apikley_contract

_COMPONENTS: dict[str, Any] = apikley_contract.schemas()["components"]["schemas"]
_COMBINED = ("allOf", "anyOf", "oneOf")


@cache
def component_validator(name: str) -> jsonschema_rs.Draft202012Validator:
    """The validator of a closed component schema."""
    return _validator({"$ref": f"#/components/schemas/{name}"})


@cache
def response_validator(operation_id: str, status: int) -> jsonschema_rs.Draft202012Validator | None:
    """The validator of an operation's response with an HTTP status; None if the contract has no JSON for it."""
    response = apikley_contract.operation(operation_id).description["responses"].get(str(status), {})
    if "$ref" in response:
        response = apikley_contract.openapi()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response.get("content", {}).get("application/json", {}).get("schema")
    return None if schema is None else _validator(apikley_contract.draft4(schema))


def violations(validator: jsonschema_rs.Draft202012Validator | None, value: Any) -> list[str]:
    """The violations of a value, each with its place; only the innermost, because outer ones follow from it."""
    errors = [] if validator is None else validator.iter_errors(value)
    found = {tuple(error.instance_path): error.message for error in errors}
    inner = [path for path in found if not any(other[: len(path)] == path for other in found if other != path)]
    return [f"{'/'.join(map(str, path)) or 'the whole'}: {found[path]}" for path in inner]


def _validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    # `unevaluatedProperties` sees the fields of combined schemas, which Draft 4's `additionalProperties` does not;
    # the contract's schemas mean the same in both drafts.
    components = {name: _open(each) for name, each in _COMPONENTS.items()}
    return jsonschema_rs.Draft202012Validator({**_closed(schema), "components": {"schemas": components}})


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Close the schema of a value and of the values in it."""
    return {**_open(schema), "unevaluatedProperties": False} if _has_fields(schema) else _open(schema)


def _open(schema: dict[str, Any]) -> dict[str, Any]:
    """Close only the values in a schema: it may be part of a combined one."""
    changed = dict(schema)
    if "properties" in schema:
        changed["properties"] = {name: _closed(each) for name, each in schema["properties"].items()}
    if "items" in schema:
        changed["items"] = _closed(schema["items"])
    return changed | {key: [_open(each) for each in schema[key]] for key in _COMBINED if key in schema}


def _has_fields(schema: dict[str, Any]) -> bool:
    if "$ref" in schema:
        return _has_fields(_COMPONENTS[schema["$ref"].rpartition("/")[2]])
    return "properties" in schema or any(_has_fields(each) for key in _COMBINED for each in schema.get(key, ()))
