"""Merges the published pages and the companion documents into one OpenAPI document.

All published models share `POST /api/v1/jobs/createTask`; they differ in `model` and `input`. The request
of the merged operation is a `oneOf` with a schema and a discriminator value for each model. Each input
becomes a component named after its model.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from scripts.pipeline.consistency import check_agreement, security_of, shared_part
from scripts.pipeline.file_rules import add_file_rules
from scripts.pipeline.issues import Issue, error, pointer, refuse
from scripts.pipeline.naming import check_class_name, class_name, name_members
from scripts.pipeline.page_shape import CREATE_TASK, check_page, request_schema

Document = dict[str, Any]
Names = dict[str, str]

REQUEST = "CreateTaskRequest"
_COMPONENTS = "#/components/schemas/"
_REMOVAL = (
    "if it has moved, remove the page that is no longer published: delete its .json and .published.txt "
    "and its entry in openapi/vendored/sources.json, then run again"
)
_COMPONENT = re.compile(r"/components/[^/]+/[^/]+$")


def merge(pages: dict[str, Document], companions: dict[str, Document]) -> Document:
    """Merge all documents into one.

    Args:
        pages: Published documents by name, each with one createTask operation.
        companions: Our own documents by name, which add paths and components.
    """
    if not pages:
        raise error("openapi/vendored", "no published document found")
    refuse(issue for name, page in pages.items() for issue in check_page(name, page))
    issues: list[Issue] = []
    merged: Document = {}
    shared: Document = {}
    for name, page in pages.items():
        check_agreement(name, shared_part(page), shared, issues)
        _fill(merged, page)
    operation = merged["paths"][CREATE_TASK]["post"]
    # At the operation, where the client generator reads it.
    operation["security"] = security_of(merged)
    # The overlay sets the tags, which become the client's modules.
    for node in (merged, operation):
        node.pop("tags", None)
    schemas = merged.setdefault("components", {}).setdefault("schemas", {})
    mapping: Names = {}
    examples: dict[str, Any] = {}
    taken = {REQUEST: "the merged request", **dict.fromkeys(schemas, "the published pages")}
    for name, companion in companions.items():
        taken |= dict.fromkeys(companion.get("components", {}).get("schemas", {}), name)
    for key, schema in schemas.items():
        issues += name_members(schema, f"published pages, /components/schemas/{key}")
    for name, page in pages.items():
        _add_model(name, page, schemas, taken, mapping, examples, issues)
    schemas[REQUEST] = {
        "description": "The body of createTask: the model, and the input of this model.",
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "model", "mapping": mapping},
    }
    operation["requestBody"]["content"]["application/json"] = {
        "schema": {"$ref": _COMPONENTS + REQUEST},
        "examples": examples,
    }
    for name, companion in companions.items():
        _add_companion(name, companion, merged, issues)
    refuse(issues)
    return merged


def _add_model(
    name: str, page: Document, schemas: Document, taken: Names, mapping: Names, examples: Document, issues: list[Issue]
) -> None:
    operation = page["paths"][CREATE_TASK]["post"]
    request = copy.deepcopy(request_schema(page))
    model = request["properties"]["model"]["enum"][0]
    name_of_input = class_name(model)
    name_of_request = f"{name_of_input}Request"
    if model in mapping:
        issues.append(Issue(f"{taken[name_of_input]} and {name}", f"are both the page of {model!r}", _REMOVAL))
        return
    unusable = list(check_class_name(name, model, taken))
    if unusable:
        issues += unusable
        return
    taken |= dict.fromkeys((name_of_input, name_of_request), name)
    for field, schema in request["properties"].items():
        issues += name_members(schema, f"{name}, {field}")
    title = operation.get("summary", f"Create a task of {model}")
    schemas[name_of_input] = add_file_rules(request["properties"]["input"])
    request["properties"]["input"] = {"$ref": _COMPONENTS + name_of_input}
    schemas[name_of_request] = {"description": title, **request}
    mapping[model] = _COMPONENTS + name_of_request
    content = operation["requestBody"]["content"]["application/json"]
    if "example" in content:
        examples[model] = {"summary": title, "value": copy.deepcopy(content["example"])}


def _add_companion(name: str, companion: Document, merged: Document, issues: list[Issue]) -> None:
    """Add a companion document, which may only add; the overlay changes."""

    def add(target: Document, addition: Document, at: str) -> None:
        for key, value in addition.items():
            place = pointer(at, key)
            if key not in target:
                target[key] = value
            elif isinstance(value, dict) and isinstance(target[key], dict) and not _COMPONENT.match(place):
                add(target[key], value, place)
            else:
                issues.append(Issue(name, f"{place} is already defined"))

    for part in ("paths", "components"):
        add(merged.setdefault(part, {}), copy.deepcopy(companion.get(part, {})), f"/{part}")


def _fill(target: Document, page: Document) -> None:
    """Add values that earlier pages do not have."""
    for key, value in page.items():
        if key not in target:
            target[key] = copy.deepcopy(value)
            continue
        mergeable = key not in ("example", "examples") and not key.startswith("x-")
        if mergeable and isinstance(value, dict) and isinstance(target[key], dict):
            _fill(target[key], value)
