"""Judges requests by the contract."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any, NoReturn

import jsonschema_rs

import apikley_contract


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Made once: with options, `json.loads` makes one every time.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def body_of(content: bytes) -> tuple[Any, str | None]:
    """A JSON body, or what is wrong with it."""
    try:
        return _DECODER.decode(content.decode()), None
    except UnicodeDecodeError:
        return None, "The request body is not UTF-8 text"
    except json.JSONDecodeError as error:
        return None, f"The request body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError):
        return None, "The request body is not JSON that can be read"


def create_task(body: Any) -> str | None:
    """What is wrong with a createTask request, in one line; None where nothing is."""
    if not isinstance(body, dict):
        return "The request body is not a JSON object"
    models = apikley_contract.models()
    name = body.get("model")
    if not isinstance(name, str) or name not in models:
        return f"The model name you specified is not supported. Supported: {', '.join(models)}"
    return findings(models[name].request, body)


def leniently(body: Any) -> Any:
    """The body without what real clients send although the contract refuses it: an empty callback URL, null options."""
    if not isinstance(body, dict):
        return body
    kept = {name: value for name, value in body.items() if not (name == "callBackUrl" and value in ("", None))}
    if isinstance(kept.get("input"), dict):
        kept["input"] = {name: value for name, value in kept["input"].items() if value is not None}
    return kept


def request_schema(operation_id: str, content_type: str = "application/json") -> str:
    """The name of the schema of an operation's body."""
    body = apikley_contract.operation(operation_id).description["requestBody"]
    return str(body["content"][content_type]["schema"]["$ref"]).rsplit("/", 1)[1]


def findings(schema: str, value: Any) -> str | None:
    """What is wrong with a value by one of the contract's schemas, in one line; None where nothing is."""
    return findings_of(_validator(schema), value)


def findings_of(validator: jsonschema_rs.Draft4Validator, value: Any) -> str | None:
    """What is wrong with a value, in one line; None where nothing is."""
    try:
        if validator.is_valid(value):
            return None
        if no_json := _no_json(value):
            return no_json
        found = [
            f"{'.'.join(map(str, error.instance_path)) or 'request'}: {_words(error)}"
            for error in validator.iter_errors(value)
        ]
    except (ValueError, OverflowError):
        return _no_json(value) or "request: nested too deeply"
    return "; ".join(found[:10])


def _no_json(value: Any) -> str | None:
    """Where a value holds what JSON has not, or cannot be sent as UTF-8; None where it does not."""
    left: list[tuple[str, Any]] = [("", value)]
    while left:
        path, each = left.pop()
        where = path or "request"
        if isinstance(each, dict):
            for name, inner in each.items():
                if not isinstance(name, str):
                    return f"{where}: the key {name!r} is no text; write it in quotes"
                left += [(f"{where}, a key", name), (f"{path}.{name}" if path else name, inner)]
        elif isinstance(each, list | tuple):
            left += [(f"{path}.{place}" if path else str(place), inner) for place, inner in enumerate(each)]
        elif isinstance(each, float) and not math.isfinite(each):
            return f"{where}: {each} is no finite number"
        elif isinstance(each, str):
            if any("\ud800" <= character <= "\udfff" for character in each):
                return f"{where}: holds half a surrogate pair, which is no text"
        elif each is not None and not isinstance(each, int | float):
            return f"{where}: {str(each)[:60]!r} is a {type(each).__name__}; write it in quotes, or as a number"
    return None


def _words(error: jsonschema_rs.ValidationError) -> str:
    return error.message if len(error.message) <= 200 else f"{error.kind.name} {error.kind.as_dict()}"[:200]


@cache
def _validator(schema: str) -> jsonschema_rs.Draft4Validator:
    document = {"$ref": f"#/components/schemas/{schema}", **apikley_contract.schemas()}
    return jsonschema_rs.Draft4Validator(document, validate_formats=True)
