"""Merges the published pages and the companion documents into one OpenAPI document.

All published models share `POST /api/v1/jobs/createTask`; they differ in `model` and `input`. The request
of the merged operation is a `oneOf` with a schema and a discriminator value for each model. Each input
becomes a component named after its model.
"""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from scripts.pipeline.envelope import contradictions, request_example, shared_document
from scripts.pipeline.file_rules import add_file_rules
from scripts.pipeline.issues import Issue, error, pointer, refuse
from scripts.pipeline.naming import check_class_name, check_field_names, class_name
from scripts.pipeline.output_kind import output_kind
from scripts.pipeline.page_shape import CREATE_TASK, request_schema
from scripts.pipeline.prepared import Prepared

Document = dict[str, Any]
Names = dict[str, str]

REQUEST = "CreateTaskRequest"
_COMPONENTS = "#/components/schemas/"
_COMPONENT = re.compile(r"/components/[^/]+/[^/]+$")


def merge(pages: list[Prepared], companions: dict[str, Document]) -> Document:
    """Merge all documents into one.

    Args:
        pages: The published documents.
        companions: Our own documents by name, which add paths and components.

    Raises:
        SpecError: Pages contradict each other, or have names that are taken.
    """
    if not pages:
        raise error("openapi/vendored", "no published document found")
    issues = [*_same_models(pages), *contradictions({page.name: page.document for page in pages})]
    refuse(issues)
    merged = shared_document({page.name: page.document for page in pages})
    schemas = merged["components"]["schemas"]
    mapping: Names = {}
    examples: dict[str, Any] = {}
    taken = {REQUEST: "the merged request", **dict.fromkeys(schemas, "the published pages")}
    for name, companion in companions.items():
        taken |= dict.fromkeys(companion.get("components", {}).get("schemas", {}), name)
    callbacks = _common_fields(pages)
    for page in pages:
        issues += _add_model(page, schemas, taken, mapping, examples, callbacks)
    schemas[REQUEST] = {
        "description": "The body of createTask: the model, and the input of this model.",
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "model", "mapping": mapping},
    }
    content = {"schema": {"$ref": _COMPONENTS + REQUEST}, **({"examples": examples} if examples else {})}
    merged["paths"][CREATE_TASK]["post"]["requestBody"]["content"]["application/json"] = content
    for name, companion in companions.items():
        _add_companion(name, companion, merged, issues)
    refuse(issues)
    return merged


def _common_fields(pages: list[Prepared]) -> dict[str, Document]:
    """Return type and format of the fields beside `model` and `input`, such as `callBackUrl`."""
    found: dict[str, Document] = {}
    for page in pages:
        for name, field in request_schema(page.document)["properties"].items():
            statements = {key: field[key] for key in ("type", "format") if key in field}
            found[name] = {**statements, **found.get(name, {})}
    return found


def _add_model(
    page: Prepared,
    schemas: Document,
    taken: Names,
    mapping: Names,
    examples: Document,
    common: dict[str, Document],
) -> list[Issue]:
    operation = page.document["paths"][CREATE_TASK]["post"]
    request = copy.deepcopy(request_schema(page.document))
    name_of_input = class_name(page.model)
    name_of_request = f"{name_of_input}Request"
    issues = [*check_class_name(page.name, page.model, taken)]
    for field, schema in request["properties"].items():
        issues += check_field_names(schema, f"{page.name}, {field}")
    if issues:
        return issues
    taken |= dict.fromkeys((name_of_input, name_of_request), page.name)
    # A title would name the generated class, and two pages may have the same title.
    title = operation.get("summary") or f"Create a task of {page.model}"
    schemas[name_of_input] = _without_titles(add_file_rules(request["properties"]["input"]))
    fields = {
        name: field if name in ("model", "input") else {**field, **common[name]}
        for name, field in request["properties"].items()
    }
    fields["input"] = {"$ref": _COMPONENTS + name_of_input}
    kind = output_kind(page.model, operation, schemas[name_of_input])
    schemas[name_of_request] = _without_titles(
        {"description": title, **request, "properties": fields, "x-output": kind}
    )
    mapping[page.model] = _COMPONENTS + name_of_request
    example = request_example(page.document)
    if example is not None:
        examples[page.model] = {"summary": title, "value": copy.deepcopy(example)}
    return []


def _without_titles(schema: Any, *, is_named: bool = False) -> Any:
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: item if key in ("enum", "default", "example") else _without_titles(item, is_named=key == "properties")
        for key, item in schema.items()
        if is_named or key != "title"
    }


def _same_models(pages: list[Prepared]) -> Iterator[Issue]:
    """Yield each model that is described by several pages, and say which of them fits the model."""
    by_model: dict[str, list[Prepared]] = defaultdict(list)
    for page in pages:
        by_model[page.model].append(page)
    for same in by_model.values():
        ranked = sorted(same, key=lambda page: page.fit, reverse=True)
        for other in ranked[1:]:
            yield same_model(ranked[0], other)


def same_model(best: Prepared, other: Prepared) -> Issue:
    """Return the issue that two pages describe one model, with the page that fits it first."""
    what = f"describes the model {other.model!r}, and so does {best.name}"
    if best.fit > other.fit:
        what += f"; operation id and example of {best.name} fit this model, those of this page do not"
    remedy = (
        "correct the model of the other page under x-page-repairs in openapi/overlay.yaml, or, if the page has "
        "moved, delete the old .json and .published.txt and its entry in openapi/vendored/sources.json"
    )
    return Issue(other.name, what, remedy, (other.name,))


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
