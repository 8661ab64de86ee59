"""Schema checks of input documents, so that later modules can rely on their shape."""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import Any

from jsonschema import Draft4Validator, ValidationError
from openapi_spec_validator.schemas import schema_v30

from scripts.pipeline.issues import Issue, SpecError

_SHOWN = 200

_OVERLAY = {
    "type": "object",
    "required": ["overlay", "actions"],
    "properties": {
        "overlay": {"type": "string", "pattern": r"^1\."},
        "actions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["target"],
                "properties": {"target": {"type": "string"}, "remove": {"type": "boolean"}, "update": {}},
                "anyOf": [
                    {"required": ["update"]},
                    {
                        "required": ["remove"],
                        "properties": {"remove": {"enum": [True]}, "target": {"not": {"enum": ["$"]}}},
                    },
                ],
            },
        },
    },
}
_RECORD = ("source", "date", "sha256")
_SOURCES = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": [*_RECORD],
        "properties": {name: {"type": "string"} for name in (*_RECORD, "address")},
    },
}


def check_openapi(name: str, document: Any) -> list[Issue]:
    """Return why a published document is not OpenAPI 3.0, except for `info`, which the overlay repairs."""
    return [_issue(name, each) for each in _openapi().iter_errors(document) if _place(each)[:5] != "/info"]


def check_companion(name: str, document: Any) -> list[Issue]:
    """Return why a document is not part of an OpenAPI document; required members may be elsewhere."""
    return [_issue(name, each) for each in _openapi().iter_errors(document) if each.validator != "required"]


def check_overlay(name: str, document: Any) -> list[Issue]:
    """Return why a document is not an Overlay 1.0."""
    return [_issue(name, each) for each in Draft4Validator(_OVERLAY).iter_errors(document)]


def check_sources(name: str, document: Any) -> list[Issue]:
    """Return why a document is not a valid `sources.json`."""
    return [_issue(name, each) for each in Draft4Validator(_SOURCES).iter_errors(document)]


def refuse(issues: list[Issue]) -> None:
    """Raise SpecError if there is an issue."""
    if issues:
        raise SpecError(*issues)


@functools.cache
def _openapi() -> Draft4Validator:
    return Draft4Validator(dict(schema_v30))


def _issue(name: str, error: ValidationError) -> Issue:
    cause = _cause(error)
    place, words = _place(cause), cause.message.replace("\n", " ")
    return Issue(f"{name}, {place}" if place else name, words[:_SHOWN] + "…" * (len(words) > _SHOWN))


def _place(error: ValidationError) -> str:
    """Return the JSON pointer of an error."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)


def _cause(error: ValidationError) -> ValidationError:
    """Return the error in the closest alternative, which says more than "matches none of them"."""
    branches = defaultdict(list)
    for each in error.context or ():
        branches[each.schema_path[0]].append(each)
    # Most alternatives are "this, or a reference"; a value without $ref is not the reference.
    meant = [branch for branch in branches.values() if not any(each.validator_value == ["$ref"] for each in branch)]
    if not meant:
        return error
    return _cause(min(meant, key=lambda branch: (len(branch), -len(branch[0].absolute_path)))[0])
