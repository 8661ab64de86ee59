"""Holds requests to the contract before they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jsonschema_rs

import apikley_contract
from apikley._model.checks import is_web_address
from apikley.errors import RequestInvalid, Violation

_SHOWN = 120


def encode(request: dict[str, Any]) -> bytes:
    """A request's body as JSON text.

    Raises:
        RequestInvalid: It holds what JSON cannot: another type, NaN, half a character, itself.
    """
    try:
        return json.dumps(request, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestInvalid([Violation("", "type", "JSON", f"cannot be sent as JSON: {error}")]) from error


def validate_create(request: dict[str, Any], known: Sequence[Violation] = ()) -> bytes:
    """Hold a createTask request to what the contract says of its model.

    Args:
        request: The body.
        known: What has been found wrong with it already.

    Returns:
        The body as JSON text.

    Raises:
        RequestInvalid: With every finding, in the order of the request.
    """
    try:
        content = encode(request)
    except RequestInvalid as invalid:
        content, found = b"", [*known, *invalid.violations]
    else:
        found = [*known, *_create_findings(request)]
    _refuse(request, found)
    return content


def validate(request: dict[str, Any], schema: str) -> None:
    """Hold a request to a schema of the contract.

    Raises:
        RequestInvalid: With every finding.
    """
    _refuse(request, _findings(request, schema))


def _refuse(request: dict[str, Any], found: list[Violation]) -> None:
    if found:
        raise RequestInvalid(sorted(found, key=lambda finding: _place(finding.pointer, request)))


def _create_findings(request: dict[str, Any]) -> list[Violation]:
    models = apikley_contract.models()
    model = request.get("model")
    if isinstance(model, str) and model in models:
        return _findings(request, models[model].request)
    message = f"{_shown(model)}, expected {_either([*models])}" if "model" in request else "missing, but required"
    rule = "enum" if "model" in request else "required"
    return [Violation("/model", rule, [*models], message)]


def _findings(request: dict[str, Any], schema: str) -> list[Violation]:
    try:
        return _judged(request, schema)
    except ValueError:
        # Something in it is none of JSON's own types, for instance a template engine's kind of text.
        found = _names_that_are_no_text(request)
        request = json.loads(encode(request))
    try:
        return found + _judged(request, schema)
    except ValueError as error:
        return [*found, Violation("", "type", "JSON", f"cannot be held to the contract: {error}")]


def _judged(request: dict[str, Any], schema: str) -> list[Violation]:
    validator = _validator(schema)
    try:
        found = [] if validator.is_valid(request) else [_finding(error) for error in validator.iter_errors(request)]
    except ValueError as error:  # nested too deeply, for instance
        raise RequestInvalid([Violation("", "type", "JSON", f"cannot be held to the contract: {error}")]) from error
    found += _callback_url(request)
    return found


def _names_that_are_no_text(value: object, pointer: str = "") -> list[Violation]:
    """What JSON text would hold as another name than it is."""
    found = []
    for name, part in _parts(value):
        place = f"{pointer}/{_escaped(name)}"
        if isinstance(value, dict) and not isinstance(name, str):
            found.append(Violation(place, "type", "string", f"its name is {_kind(name)}, expected a string"))
        found += _names_that_are_no_text(part, place)
    return found


def _place(pointer: str, request: object) -> list[int]:
    """Where in a request a pointer points, to sort by; what is missing is at the end."""
    place = []
    for step in pointer.split("/")[1:]:
        parts = {_escaped(name): (number, part) for number, (name, part) in enumerate(_parts(request))}
        number, request = parts.get(step, (len(parts), None))
        place.append(number)
    return place


def _parts(value: object) -> list[tuple[object, object]]:
    """The parts of an object or an array, by name or number."""
    if isinstance(value, dict):
        return [*value.items()]
    return [*enumerate(value)] if isinstance(value, list | tuple) else []


@cache
def _validator(schema: str) -> jsonschema_rs.Draft4Validator:
    document = {"$ref": f"#/components/schemas/{schema}", **apikley_contract.schemas()}
    return jsonschema_rs.Draft4Validator(document, validate_formats=True)


def _callback_url(request: dict[str, Any]) -> list[Violation]:
    """The contract takes any URI; the service can only call an http one."""
    url = request.get("callBackUrl")
    if not isinstance(url, str) or is_web_address(url) or not _is_uri(url):
        return []
    return [
        Violation("/callBackUrl", "format", "http(s) URL", f"{_shown(url)} is not an http or https URL with a host")
    ]


def _is_uri(url: str) -> bool:
    """Whether the contract's own check lets it pass; otherwise that check has said so already."""
    return jsonschema_rs.Draft4Validator({"format": "uri"}, validate_formats=True).is_valid(url)


def _finding(error: jsonschema_rs.ValidationError) -> Violation:
    rule, facts = error.kind.name, error.kind.as_dict()
    pointer = "".join(f"/{_escaped(step)}" for step in error.instance_path)
    if rule == "required":
        return Violation(f"{pointer}/{_escaped(facts['property'])}", rule, True, "missing, but required")
    limit = next((facts[name] for name in _LIMITS if name in facts), None)
    describe = _WORDS.get(rule)
    return Violation(pointer, rule, limit, describe(error.instance, limit) if describe else _shorten(error.message))


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
