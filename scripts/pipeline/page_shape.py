"""Preconditions that every published page must meet, so that later steps can rely on them."""

from __future__ import annotations

from typing import Any

from scripts.pipeline.issues import Issue
from scripts.pipeline.schema_checks import check_openapi

CREATE_TASK = "/api/v1/jobs/createTask"
_METHOD = "post"
_BODY = ("requestBody", "content", "application/json", "schema")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def check_page(name: str, document: Any) -> list[Issue]:
    """Return why a document, `name` in errors, is not one model's page of `POST /api/v1/jobs/createTask`."""
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        return [Issue(name, "is not an OpenAPI document: it has no paths")]
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith("3.0"):
        return [Issue(name, f"is OpenAPI {version!r}, expected 3.0")]
    issues = [*_unknown_operations(name, document["paths"])]
    if not isinstance(document.get("info"), dict):
        issues.append(Issue(f"{name}, /info", "is missing"))
    return issues or check_openapi(name, document) or _request(name, document["paths"])


def _unknown_operations(name: str, paths: dict[str, Any]) -> list[Issue]:
    known = (CREATE_TASK, _METHOD)
    found = [(path, key) for path, item in paths.items() if isinstance(item, dict) for key in item if key in METHODS]
    remedy = f"only {_METHOD.upper()} {CREATE_TASK} is shared by all models"
    unknown = [f"{method.upper()} {path} is unknown" for path, method in found if (path, method) != known]
    missing = [] if known in found else [f"{_METHOD.upper()} {CREATE_TASK} is missing"]
    return [Issue(f"{name}, /paths", what, remedy) for what in unknown or missing]


def _request(name: str, paths: dict[str, Any]) -> list[Issue]:
    place, node = f"{name}, {_METHOD.upper()} {CREATE_TASK}", paths[CREATE_TASK][_METHOD]
    for step in (*_BODY, "properties"):
        node = node.get(step) if isinstance(node, dict) else None
        place = f"{place} {step}"
        if not isinstance(node, dict):
            return [Issue(place, "is missing or not an object")]
    issues = []
    model = node.get("model")
    models = model.get("enum") if isinstance(model, dict) else None
    if not isinstance(models, list) or len(models) != 1 or not isinstance(models[0], str):
        issues.append(Issue(f"{place} model", f"has the enum {models!r}, expected one model"))
    input_ = node.get("input")
    if not isinstance(input_, dict) or not isinstance(input_.get("properties"), dict):
        issues.append(Issue(f"{place} input", "must be an object with inline properties"))
    return issues


def request_schema(document: dict[str, Any]) -> dict[str, Any]:
    """Return the request schema of a checked document."""
    node: dict[str, Any] = document["paths"][CREATE_TASK][_METHOD]
    for step in _BODY:
        node = node[step]
    return node
