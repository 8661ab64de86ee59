"""Holds requests to the contract before they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema_rs

import apikley_contract
from apikley._checks import is_web_address
from apikley.errors import Finding, RequestInvalid

_SHOWN = 120


def encode(request: dict[str, Any]) -> bytes:
    """A request's body as JSON text.

    Raises:
        RequestInvalid: It holds what JSON cannot: another type, NaN, half a character, itself.
    """
    try:
        return json.dumps(request, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestInvalid([Finding("", "type", "JSON", f"cannot be sent as JSON: {error}")]) from error


def validate_create(request: dict[str, Any]) -> None:
    """Hold a createTask request to what the contract says of its model.

    Raises:
        RequestInvalid: With every finding.
    """
    models = apikley_contract.models()
    model = request.get("model")
    if isinstance(model, str) and model in models:
        validate(request, models[model].request)
        return
    message = f"{_shown(model)}, expected {_either([*models])}" if "model" in request else "missing, but required"
    rule = "enum" if "model" in request else "required"
    raise RequestInvalid([Finding("/model", rule, [*models], message)])


def validate(request: dict[str, Any], schema: str) -> None:
    """Hold a request to a schema of the contract.

    Raises:
        RequestInvalid: With every finding.
    """
    validator = _validator(schema)
    try:
        found = [] if validator.is_valid(request) else [_finding(error) for error in validator.iter_errors(request)]
    except ValueError as error:  # nested too deeply, for instance
        raise RequestInvalid([Finding("", "type", "JSON", f"cannot be held to the contract: {error}")]) from error
    found += _callback_url(request)
    if found:
        raise RequestInvalid(found)


@cache
def _validator(schema: str) -> jsonschema_rs.Draft4Validator:
    document = {"$ref": f"#/components/schemas/{schema}", **apikley_contract.schemas()}
    return jsonschema_rs.Draft4Validator(document, validate_formats=True)


def _callback_url(request: dict[str, Any]) -> list[Finding]:
    """The contract takes any URI; the service can only call an http one."""
    url = request.get("callBackUrl")
    if not isinstance(url, str) or is_web_address(url) or not _is_uri(url):
        return []
    return [Finding("/callBackUrl", "format", "http(s) URL", f"{_shown(url)} is not an http or https URL with a host")]


def _is_uri(url: str) -> bool:
    """Whether the contract's own check lets it pass; otherwise that check has said so already."""
    return jsonschema_rs.Draft4Validator({"format": "uri"}, validate_formats=True).is_valid(url)


def _finding(error: jsonschema_rs.ValidationError) -> Finding:
    rule, facts = error.kind.name, error.kind.as_dict()
    pointer = "".join(f"/{_escaped(step)}" for step in error.instance_path)
    if rule == "required":
        return Finding(f"{pointer}/{_escaped(facts['property'])}", rule, True, "missing, but required")
    limit = next((facts[name] for name in _LIMITS if name in facts), None)
    describe = _WORDS.get(rule)
    return Finding(pointer, rule, limit, describe(error.instance, limit) if describe else _shorten(error.message))


def _escaped(step: object) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


def _shown(value: object) -> str:
    if value is None:
        return "null"
    return _shorten(repr(value))


def _shorten(words: str) -> str:
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"


def _either(options: list[Any]) -> str:
    return (" or " if len(options) < 4 else ", ").join(map(_shown, options))


def _kind(value: object) -> str:
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)


# Under which name the validator gives what the broken keyword allows.
_LIMITS = ("limit", "options", "format", "types", "pattern")
_WORDS: dict[str, Callable[[Any, Any], str]] = {
    "maxLength": lambda value, limit: f"{len(value):,} characters, at most {limit:,}",
    "minLength": lambda value, limit: f"{len(value):,} characters, at least {limit:,}",
    "maximum": lambda value, limit: f"{value}, at most {limit}",
    "minimum": lambda value, limit: f"{value}, at least {limit}",
    "type": lambda value, limit: f"{_kind(value)}, expected {' or '.join(limit)}",
    "enum": lambda value, limit: f"{_shown(value)}, expected {_either(limit)}",
    "format": lambda value, limit: f"{_shown(value)} is not a {limit}",
}
