"""Holds what was read to the schema of its kind, and names the place of whatever breaks it.

So the modules after it may take an object for an object: a document of another shape never gets there.
"""

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
    """What keeps a published document from being OpenAPI 3.0, but for its `info`.

    That holds texts alone, of which the overlay repairs one; it is judged in the built contract.
    """
    return [_problem(name, each) for each in _openapi().iter_errors(document) if _place(each)[:5] != "/info"]


def check_companion(name: str, document: Any) -> list[Issue]:
    """What keeps a document from being a part of an OpenAPI document; what it leaves out stands in another."""
    return [_problem(name, each) for each in _openapi().iter_errors(document) if each.validator != "required"]


def check_overlay(name: str, document: Any) -> list[Issue]:
    """What keeps a document from being an Overlay 1.0."""
    return [_problem(name, each) for each in Draft4Validator(_OVERLAY).iter_errors(document)]


def check_sources(name: str, document: Any) -> list[Issue]:
    """What keeps a document from being the record of where the published documents came from."""
    return [_problem(name, each) for each in Draft4Validator(_SOURCES).iter_errors(document)]


def refuse(issues: list[Issue]) -> None:
    """Go on only where there is no issue.

    Raises:
        SpecError: There is one.
    """
    if issues:
        raise SpecError(*issues)


@functools.cache
def _openapi() -> Draft4Validator:
    return Draft4Validator(dict(schema_v30))


def _problem(name: str, error: ValidationError) -> Issue:
    cause = _cause(error)
    place, words = _place(cause), cause.message.replace("\n", " ")
    return Issue(f"{name}, {place}" if place else name, words[:_SHOWN] + "…" * (len(words) > _SHOWN))


def _place(error: ValidationError) -> str:
    """A JSON pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)


def _cause(error: ValidationError) -> ValidationError:
    """What is wrong in the alternative that was meant, since "matches none of them" says nothing."""
    branches = defaultdict(list)
    for each in error.context or ():
        branches[each.schema_path[0]].append(each)
    # Nearly all alternatives are "this, or a reference", and what has no $ref is none.
    meant = [branch for branch in branches.values() if not any(each.validator_value == ["$ref"] for each in branch)]
    if not meant:
        return error
    return _cause(min(meant, key=lambda branch: (len(branch), -len(branch[0].absolute_path)))[0])
