"""Checks that all published pages agree, except for their own model and texts."""

from __future__ import annotations

import re
from typing import Any

from scripts.pipeline.issues import Issue, pointer
from scripts.pipeline.page_shape import CREATE_TASK, request_schema

Document = dict[str, Any]

_MAX_LENGTH = 160  # of two values in a message
_TEXTS = ("title", "summary", "description", "contact", "externalDocs", "example", "examples", "tags")
# Objects whose keys are names, so a key such as `title` is not a text there.
_NAMED = {"paths", "schemas", "properties", "responses", "headers", "parameters", "requestBodies", "securitySchemes"}
_NAMED |= {"links", "callbacks", "content", "encoding", "variables", "mapping", "scopes"}
# Members whose values may contain such keys.
_VALUES = ("enum", "default")
# Objects that may have additional keys on some pages.
_OPTIONAL = re.compile(r"/info(/license)?$|/components(/[^/]+)?$|.*/application~1json/schema/properties$")
_REMEDY = "update all pages in one run: scripts/update-spec --write SOURCE SOURCE"


def security_of(page: Document) -> list[Document]:
    """Return the security of createTask, which may be defined for all operations."""
    found: list[Document] = page["paths"][CREATE_TASK]["post"].get("security", page.get("security", []))
    return found


def shared_part(page: Document) -> Document:
    """Return a page without its own model, texts and examples."""
    shared: Document = _without_texts(page)
    shared["openapi"] = ".".join(page["openapi"].split(".")[:2])
    shared["info"].pop("version", None)
    operation = shared["paths"][CREATE_TASK]["post"]
    operation.pop("operationId", None)
    operation["security"] = security_of(page)
    shared.pop("security", None)
    schema = request_schema(shared)
    # Each model keeps its own request schema, so only common fields must agree.
    schema.pop("required", None)
    for key in ("model", "input"):
        schema["properties"].pop(key, None)
    return shared


def _without_texts(value: Any, *, named: bool = False) -> Any:
    if isinstance(value, list):
        return [_without_texts(item) for item in value]
    if not isinstance(value, dict):
        return value
    if named:
        return {key: _without_texts(item) for key, item in value.items()}
    return {
        key: item if key in _VALUES or key.startswith("x-") else _without_texts(item, named=key in _NAMED)
        for key, item in value.items()
        if key not in _TEXTS
    }


def check_agreement(name: str, part: Document, shared: Document, issues: list[Issue]) -> None:
    """Compare a page with all pages before it.

    Args:
        name: The name of the page in errors.
        part: Its shared part.
        shared: The first page and value of each place; it is extended.
        issues: Receives the contradictions.
    """

    def visit(value: Any, at: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                visit(item, pointer(at, key))
            if not _OPTIONAL.match(at):
                compare(sorted(value), at)
            return
        if isinstance(value, list):
            objects = {index: item for index, item in enumerate(value) if isinstance(item, dict)}
            for index, item in objects.items():
                visit(item, pointer(at, index))
            value = ["{…}" if index in objects else item for index, item in enumerate(value)]
        compare(value, at)

    def compare(value: Any, at: str) -> None:
        other, known = shared.setdefault(at, (name, value))
        if known == value:
            return
        texts = repr(known), repr(value)
        if isinstance(known, list) and isinstance(value, list) and len("".join(texts)) > _MAX_LENGTH:
            left, right = ([item for item in a if item not in b] for a, b in ((known, value), (value, known)))
            texts = f"only {left}", f"only {right}"
        issues.append(Issue(f"{other} and {name}", f"disagree at {at or '/'}: {' and '.join(texts)}", _REMEDY))

    visit(part, "")
