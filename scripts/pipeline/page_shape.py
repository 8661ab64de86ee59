"""Preconditions that every published page must meet, so that later steps can rely on them."""

from __future__ import annotations

from typing import Any

from scripts.pipeline.issues import Issue
from scripts.pipeline.schema_checks import check_openapi

CREATE_TASK = "/api/v1/jobs/createTask"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_METHOD = "post"
_BODY = ("paths", CREATE_TASK, _METHOD, "requestBody", "content", "application/json")


def check_page(name: str, document: Any) -> list[Issue]:
    """Return why a normalized document, `name` in errors, is not one model's page of createTask."""
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        return [Issue(name, "is not an OpenAPI document: it has no paths")]
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith("3.0"):
        return [Issue(name, f"is OpenAPI {version!r}, expected 3.0")]
    issues = [*_unknown_operations(name, document["paths"])]
    return issues or check_openapi(name, document) or _request(name, document)


def operations(document: Any) -> list[tuple[str, str]]:
    """Return path and method of each operation of a document that may have any form."""
    paths = document.get("paths") if isinstance(document, dict) else None
    items = paths.items() if isinstance(paths, dict) else ()
    return [(path, key) for path, item in items if isinstance(item, dict) for key in item if key in METHODS]


def _unknown_operations(name: str, paths: dict[str, Any]) -> list[Issue]:
    known = (CREATE_TASK, _METHOD)
    found = operations({"paths": paths})
    remedy = f"only {_METHOD.upper()} {CREATE_TASK} is shared by all models"
    unknown = [f"{method.upper()} {path} is unknown" for path, method in found if (path, method) != known]
    missing = [] if known in found else [f"{_METHOD.upper()} {CREATE_TASK} is missing"]
    return [Issue(f"{name}, /paths", what, remedy) for what in unknown or missing]


def _request(name: str, document: dict[str, Any]) -> list[Issue]:
    place, node = f"{name}, {_METHOD.upper()} {CREATE_TASK}", document
    for step in (*_BODY, "schema", "properties"):
        node = node.get(step, {}) if isinstance(node, dict) else {}
        if step not in _BODY[:3]:
            place = f"{place} {step}"
        if not isinstance(node, dict) or not node:
            return [Issue(place, "is missing or not an object")]
    issues = []
    model = node.get("model")
    models = model.get("enum") if isinstance(model, dict) else None
    if not isinstance(models, list) or len(models) != 1 or not isinstance(models[0], str):
        issues.append(Issue(f"{place} model", f"has the enum {models!r}, expected one model"))
    input_ = node.get("input")
    if not isinstance(input_, dict) or not isinstance(input_.get("properties"), dict):
        issues.append(Issue(f"{place} input", "must be an object with properties"))
    return issues


def request_content(document: dict[str, Any]) -> dict[str, Any]:
    """Return schema and example of the request of a checked document."""
    node: dict[str, Any] = document
    for step in _BODY:
        node = node[step]
    return node


def request_schema(document: dict[str, Any]) -> dict[str, Any]:
    """Return the request schema of a checked document."""
    found: dict[str, Any] = request_content(document)["schema"]
    return found


def model_of(document: Any) -> str | None:
    """Return the model of a document that may have any form."""
    node = document
    for step in (*_BODY, "schema", "properties", "model", "enum", 0):
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return None
    return node if isinstance(node, str) else None
