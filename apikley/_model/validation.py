"""Validates requests against the contract before they are sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import jsonschema_rs

import apikley_contract
from apikley._model.checks import is_http_url
from apikley._model.names import nearest_names
from apikley.errors import RequestInvalid, Violation

_MAX_MESSAGE = 160
_MAX_MODELS_NAMED = 4


def encode(body: Mapping[str, Any]) -> bytes:
    """Encode a request body as JSON.

    Raises:
        RequestInvalid: The body holds a value that JSON or UTF-8 cannot encode.
    """
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except RecursionError as error:
        raise RequestInvalid([_not_json("", error)]) from error
    except (TypeError, ValueError) as error:
        raise RequestInvalid([*_unencodable(body, "")] or [_not_json("", error)]) from error


def _unencodable(value: object, pointer: str) -> Iterator[Violation]:
    """Yield each value that JSON or UTF-8 cannot encode."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _unencodable(item, f"{pointer}/{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _unencodable(item, f"{pointer}/{index}")
    else:
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError as error:
            where = f"{error.object[error.start]!r} at character {error.start}"
            yield Violation(pointer, "format", "UTF-8", f"is not UTF-8 text: {where}")
        except (TypeError, ValueError) as error:
            yield _not_json(pointer, error)


def _not_json(pointer: str, error: Exception) -> Violation:
    return Violation(pointer, "type", "JSON", f"cannot be encoded as JSON: {error}")


def validate_create(
    body: Mapping[str, Any], known: Sequence[Violation] = (), *, allow_unknown_fields: bool = False
) -> bytes:
    """Validate a createTask request.

    Args:
        body: The request body.
        known: Violations that were found before.
        allow_unknown_fields: Whether fields that the contract does not list may be sent.

    Returns:
        The body as JSON.

    Raises:
        RequestInvalid: With every violation, in the order of the request.
    """
    try:
        content = encode(body)
    except RequestInvalid as error:
        raise RequestInvalid([*known, *error.violations]) from error.__cause__
    sent = json.loads(content)
    _raise_for(sent, [*known, *_create_violations(sent, allow_unknown_fields)])
    return content


def with_published_names(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request with the published names of the input's fields, of which some have white space at an end."""
    model = apikley_contract.models().get(str(body.get("model")))
    if model is None or not _names_with_space(model.input):
        return body
    schema = apikley_contract.openapi()["components"]["schemas"][model.input]
    return {**body, "input": _renamed(body.get("input"), schema)}


@cache
def _names_with_space(schema: str) -> bool:
    text = json.dumps(apikley_contract.openapi()["components"]["schemas"][schema])
    return any(name != name.strip() for name in re.findall(r'"([^"]*)": \{', text))


def _renamed(value: Any, schema: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, schema.get("items", {})) for item in value]
    properties = schema.get("properties", {})
    if not isinstance(value, Mapping) or not properties:
        return value
    published = {name.strip(): name for name in properties}
    names = {name: name if name in properties else published.get(name, name) for name in value}
    return {names[name]: _renamed(item, properties.get(names[name], {})) for name, item in value.items()}


def validate(body: Mapping[str, Any], schema: str) -> None:
    """Validate a request body against a schema of the contract.

    Raises:
        RequestInvalid: With every violation.
    """
    sent = json.loads(encode(body))
    _raise_for(sent, list(_violations(sent, schema)))


def _raise_for(body: object, violations: list[Violation]) -> None:
    if violations:
        raise RequestInvalid(sorted(violations, key=lambda violation: _position(violation.pointer, body)))


def _create_violations(body: dict[str, Any], allow_unknown_fields: bool) -> Iterator[Violation]:
    models = apikley_contract.models()
    if "model" not in body:
        yield Violation("/model", "required", True, "missing, but required")
        return
    name = body["model"]
    if not isinstance(name, str) or name not in models:
        names = ", ".join([*models][:_MAX_MODELS_NAMED]) + (", …" if len(models) > _MAX_MODELS_NAMED else "")
        near = nearest_names(name, models)
        hint = f"; did you mean {near}?" if near else f", expected {names}"
        yield Violation("/model", "enum", [*models], _shorten(f"{_json(name)} is not a known model{hint}"))
        return
    model = models[name]
    yield from _violations(body, model.request)
    if not allow_unknown_fields:
        yield from _unknown_fields(body, model.request, "")
        yield from _unknown_fields(body.get("input"), model.input, "/input")
    url = body.get("callBackUrl")
    # The contract accepts any URI, but the service can call http and https only.
    if isinstance(url, str) and not is_http_url(url) and _is_uri(url):
        message = _shorten(f"{_json(url)} is not an http or https URL with a host")
        yield Violation("/callBackUrl", "format", "http(s) URL", message)


def _violations(body: object, schema: str) -> Iterator[Violation]:
    validator = _validator(schema)
    try:
        if not validator.is_valid(body):
            yield from map(_violation, validator.iter_errors(body))
    except ValueError as error:  # for instance nested too deeply
        yield Violation("", "type", "JSON", f"cannot be validated: {error}")


def _unknown_fields(value: object, schema: str, pointer: str) -> Iterator[Violation]:
    known = apikley_contract.openapi()["components"]["schemas"][schema].get("properties", {})
    for name in value if isinstance(value, dict) else ():
        if name not in known:
            message = f"unknown field{_did_you_mean(name, known) or '; allow_unknown_fields=True sends it'}"
            yield Violation(f"{pointer}/{_escape(name)}", "unknown-field", [*known], message)


def _did_you_mean(given: object, known: Mapping[str, object]) -> str:
    near = nearest_names(given, known, 1)
    return f"; did you mean {near}?" if near else ""


@cache
def _validator(schema: str) -> jsonschema_rs.Draft4Validator:
    document = {"$ref": f"#/components/schemas/{schema}", **apikley_contract.schemas()}
    return jsonschema_rs.Draft4Validator(document, validate_formats=True)


def _is_uri(url: str) -> bool:
    return jsonschema_rs.Draft4Validator({"format": "uri"}, validate_formats=True).is_valid(url)


def _violation(error: jsonschema_rs.ValidationError) -> Violation:
    rule, facts = error.kind.name, error.kind.as_dict()
    pointer = "".join(f"/{_escape(step)}" for step in error.instance_path)
    if rule == "required":
        return Violation(f"{pointer}/{_escape(facts['property'])}", rule, True, "missing, but required")
    limit = next((facts[name] for name in _LIMITS if name in facts), None)
    message = _MESSAGES.get(rule)
    return Violation(pointer, rule, limit, _shorten(message(error.instance, limit) if message else error.message))


def _position(pointer: str, body: object) -> list[int]:
    """Return where in a request a pointer points, to sort by. A missing field comes last."""
    position = []
    for step in pointer.split("/")[1:]:
        items: list[tuple[object, object]] = []
        if isinstance(body, dict | list):
            items = [*body.items()] if isinstance(body, dict) else [*enumerate(body)]
        names = [_escape(name) for name, _ in items]
        index = names.index(step) if step in names else len(names)
        body = items[index][1] if index < len(items) else None
        position.append(index)
    return position


def _escape(step: object) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…"


def _not_a_url(value: Any, pattern: Any) -> str:
    if "[Hh][Tt][Tt][Pp]" not in str(pattern):
        return f"{_json(value)} does not match {pattern}"
    if not value:
        return "empty, expected an http or https URL"
    local = "" if value.startswith("data:") else f"; did you mean LocalFile({value!r})?"
    return f"{_json(value)} is not an http or https URL{local}"


# The names under which the validator gives the limit of a keyword.
_LIMITS = ("limit", "options", "format", "types", "pattern")
# Only where they say more than the validator's own messages.
_MESSAGES: dict[str, Callable[[Any, Any], str]] = {
    "maxLength": lambda value, limit: f"{len(value):,} characters, at most {limit:,}",
    "minLength": lambda value, limit: f"{len(value):,} characters, at least {limit:,}",
    "pattern": _not_a_url,
}
