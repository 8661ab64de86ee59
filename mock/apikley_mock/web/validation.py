"""Validates requests against the contract."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from functools import cache
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs

import apikley_contract
from apikley_mock.control.vocabulary import not_json

_MAX_VIOLATIONS = 10
_MAX_NAME, _MAX_NAMES = 100, 20
_LENGTHS = {"maxLength": "at most", "minLength": "at least"}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Created once: `json.loads` with options creates one each time.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_body(content: bytes) -> tuple[Any, str | None]:
    """Return a JSON body, or why it is malformed."""
    try:
        return _DECODER.decode(content.decode()), None
    except UnicodeDecodeError:
        return None, "The request body is not UTF-8 text"
    except json.JSONDecodeError as error:
        return None, f"The request body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError):
        return None, "The request body is not JSON"


def create_task(body: Any) -> str | None:
    """Return the violations of a createTask request in one line; None if it is valid."""
    if not isinstance(body, dict):
        return "The request body is not a JSON object"
    models = apikley_contract.models()
    name = body.get("model")
    if not isinstance(name, str) or name not in models:
        near = difflib.get_close_matches(str(name)[:_MAX_NAME], models, 3)
        text = f"did you mean {', '.join(near)}?" if near else f"Supported: {_some(models)}"
        return f"The model name you specified is not supported. {text}"
    return violations(models[name].request, body)


def _some(names: Iterable[str]) -> str:
    first = [*islice(names, _MAX_NAMES + 1)]
    return ", ".join([*first[:_MAX_NAMES], *("…" for _ in first[_MAX_NAMES:])])


def unknown_fields(body: dict[str, Any]) -> tuple[str, ...]:
    """Return a warning for each field of a valid createTask request that the contract does not know."""
    schemas = apikley_contract.openapi()["components"]["schemas"]
    request = schemas[apikley_contract.models()[body["model"]].request]["properties"]
    known_input = schemas[request["input"]["$ref"].rsplit("/", 1)[1]].get("properties", {})
    given_input = body.get("input")
    trimmed = {name.strip() for name in known_input}
    unknown = [("", name, request) for name in body if name not in request]
    if isinstance(given_input, dict):
        unknown += [("input.", name, known_input) for name in given_input if name.strip() not in trimmed]
    return tuple(_warning(place, name, [*known]) for place, name, known in unknown[:_MAX_VIOLATIONS])


def without_tolerated(body: Any) -> Any:
    """Return the body without what real clients send although the contract refuses it: null and empty options."""
    if not isinstance(body, dict):
        return body
    kept = {name: value for name, value in body.items() if not (name == "callBackUrl" and value in ("", None))}
    if isinstance(kept.get("input"), dict):
        kept["input"] = {name: value for name, value in kept["input"].items() if value is not None}
    return kept


def without_empty_callback(body: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the body without an empty callback URL, which a published client always sends, and a warning of it."""
    if not isinstance(body, dict) or body.get("callBackUrl") != "":
        return body, ()
    kept = {name: value for name, value in body.items() if name != "callBackUrl"}
    return kept, ("callBackUrl is empty: no callback will be sent",)


def request_schema(operation_id: str, content_type: str = "application/json") -> str:
    """Return the name of the schema of an operation's body."""
    body = apikley_contract.operation(operation_id).description["requestBody"]
    return str(body["content"][content_type]["schema"]["$ref"]).rsplit("/", 1)[1]


def violations(schema: str, value: Any) -> str | None:
    """Return the violations of one of the contract's schemas in one line; None if the value is valid."""
    validator = _validator(schema)
    try:
        if validator.is_valid(value):
            return None
        found = [f"{_place(error)}: {_text(error)}" for error in validator.iter_errors(value)]
    except (ValueError, OverflowError):
        return next(not_json(value), "request: nested too deeply")
    return "; ".join(found[:_MAX_VIOLATIONS])


def _warning(place: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1) if len(name) < 100 else []  # long names take long
    return f"unknown field {place}{name}" + (f"; did you mean {near[0]}?" if near else "")


def _place(error: jsonschema_rs.ValidationError) -> str:
    missing = [error.kind.as_dict()["property"]] if error.kind.name == "required" else []
    return ".".join(map(str, [*error.instance_path, *missing])) or "request"


def _text(error: jsonschema_rs.ValidationError) -> str:
    if error.kind.name == "required":
        return "missing"
    if error.kind.name in _LENGTHS:
        return f"{len(str(error.instance)):,} characters, {_LENGTHS[error.kind.name]} {error.kind.as_dict()['limit']:,}"
    return error.message if len(error.message) <= 200 else f"{error.kind.name} {error.kind.as_dict()}"[:200]


@cache
def _validator(schema: str) -> jsonschema_rs.Draft4Validator:
    document = {"$ref": f"#/components/schemas/{schema}", **apikley_contract.schemas()}
    return jsonschema_rs.Draft4Validator(document, validate_formats=True)
