"""Schema checks of input documents, so that later modules can rely on their shape."""

from __future__ import annotations

import functools
from typing import Any

from jsonschema import Draft4Validator, ValidationError
from jsonschema.exceptions import best_match
from openapi_spec_validator.schemas import schema_v30

from scripts.pipeline.issues import Issue, pointer

_MAX_LENGTH = 200


def check_openapi(name: str, document: Any) -> list[Issue]:
    """Return why a published document is not OpenAPI 3.0, except for `info`, which the overlay repairs."""
    return [_issue(name, each) for each in _openapi().iter_errors(document) if _place(each)[:5] != "/info"]


def check_companion(name: str, document: Any) -> list[Issue]:
    """Return why a document is not part of an OpenAPI document; required members may be elsewhere."""
    return [_issue(name, each) for each in _openapi().iter_errors(document) if each.validator != "required"]


@functools.cache
def _openapi() -> Draft4Validator:
    return Draft4Validator(dict(schema_v30))


def _issue(name: str, error: ValidationError) -> Issue:
    cause = best_match([error]) or error
    place, text = _place(cause), cause.message.replace("\n", " ")
    return Issue(f"{name}, {place}" if place else name, text[:_MAX_LENGTH] + "…" * (len(text) > _MAX_LENGTH))


def _place(error: ValidationError) -> str:
    """Return the JSON pointer of an error."""
    return pointer("", *error.absolute_path)
