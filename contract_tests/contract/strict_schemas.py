"""The contract's schemas, closed: an object whose fields the contract knows may have no other.

The contract itself leaves its objects open, since the service may say more at any time. The simulator may
not: a field that only it sends would be taken for a fact about the service.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema_rs

import apikley_contract

_COMPONENTS: dict[str, Any] = apikley_contract.schemas()["components"]["schemas"]
_COMBINED = ("allOf", "anyOf", "oneOf")


@cache
def component(name: str) -> jsonschema_rs.Draft202012Validator:
    """The validator of a closed component schema."""
    return _validator({"$ref": f"#/components/schemas/{name}"})


@cache
def answer(operation_id: str, status: int) -> jsonschema_rs.Draft202012Validator | None:
    """The validator of an operation's answer with an HTTP status; None where the contract has no JSON for it."""
    response = apikley_contract.operation(operation_id).description["responses"].get(str(status), {})
    if "$ref" in response:
        response = apikley_contract.openapi()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response.get("content", {}).get("application/json", {}).get("schema")
    return None if schema is None else _validator(apikley_contract.draft4(schema))


def findings(validator: jsonschema_rs.Draft202012Validator | None, value: Any) -> list[str]:
    """What is wrong with a value, and where."""
    found = {
        tuple(error.instance_path): error.message
        for error in ([] if validator is None else validator.iter_errors(value))
    }
    # Around what is wrong nothing counts as known: only the innermost says what is.
    inner = [path for path in found if not any(other[: len(path)] == path for other in found if other != path)]
    return [f"{'/'.join(map(str, path)) or 'the whole'}: {found[path]}" for path in inner]


def _validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    # `unevaluatedProperties` sees the fields of all that is combined, which Draft 4's
    # `additionalProperties` does not; the contract's schemas mean the same in both drafts.
    components = {name: _open(each) for name, each in _COMPONENTS.items()}
    return jsonschema_rs.Draft202012Validator({**_closed(schema), "components": {"schemas": components}})


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema where a value stands."""
    return {**_open(schema), "unevaluatedProperties": False} if _knows_fields(schema) else _open(schema)


def _open(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that may be a part of others: it is open itself, and the values in it are closed."""
    changed = dict(schema)
    if "properties" in schema:
        changed["properties"] = {name: _closed(each) for name, each in schema["properties"].items()}
    if "items" in schema:
        changed["items"] = _closed(schema["items"])
    return changed | {key: [_open(each) for each in schema[key]] for key in _COMBINED if key in schema}


def _knows_fields(schema: dict[str, Any]) -> bool:
    if "$ref" in schema:
        return _knows_fields(_COMPONENTS[schema["$ref"].rpartition("/")[2]])
    return "properties" in schema or any(_knows_fields(each) for key in _COMBINED for each in schema.get(key, ()))
