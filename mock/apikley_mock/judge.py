"""Judges requests by the contract."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs

import apikley_contract


def body_of(content: bytes) -> tuple[Any, str | None]:
    """A JSON body, or what is wrong with it."""
    try:
        return json.loads(content), None
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
    return _findings(models[name].request, body)


def _findings(schema: str, value: Any) -> str | None:
    found = [
        f"{'.'.join(map(str, error.instance_path)) or 'request'}: {_words(error)}"
        for error in _validator(schema).iter_errors(value)
    ]
    return "; ".join(found) or None


def _words(error: jsonschema_rs.ValidationError) -> str:
    return error.message if len(error.message) <= 200 else f"{error.kind.name} {error.kind.as_dict()}"


@cache
def _validator(schema: str) -> jsonschema_rs.Draft4Validator:
    document = {"$ref": f"#/components/schemas/{schema}", **apikley_contract.schemas()}
    return jsonschema_rs.Draft4Validator(document, validate_formats=True)
