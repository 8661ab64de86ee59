"""Pages that describe no model: the other operations of this API, guides, and the publisher's other APIs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from scripts.pipeline.envelope import flat
from scripts.pipeline.normalize import inlined
from scripts.pipeline.page_shape import operations

Document = dict[str, Any]

# The APIs of the publisher by a part of their paths.
_OTHER_APIS = {
    "veo": "Veo",
    "suno": "Suno",
    "generate": "Suno",
    "runway": "Runway",
    "aleph": "Runway Aleph",
    "chat": "chat",
    "messages": "chat",
    "gpt4o-image": "GPT-4o image",
    "flux": "Flux Kontext",
    "luma": "Luma",
    "mj": "Midjourney",
    "jobs": "jobs",
}
_VERSION = re.compile(r"v\d+|api", re.IGNORECASE)


def describe_other_page(document: Any, contract: Document, name: str) -> tuple[str, list[str]]:
    """Say what a document without createTask describes.

    Args:
        document: The published document.
        contract: The contract.
        name: The name of the page in errors.

    Returns:
        The name of what it describes, and the facts in which it differs from the contract.
    """
    facts: list[str] = []
    names = []
    for path, method in operations(document):
        known = _operation(contract, path, method)
        if known is None:
            return f"a page of the {_api(path)} API ({method.upper()} {path}), which is not part of this project", []
        names.append(f"{method.upper()} {path}")
        page = inlined(document, document["paths"][path][method], name)
        facts += [f"{method.upper()} {path}: {fact}" for fact in _differences(page, inlined(contract, known, name))]
    return f"the page of {', '.join(names)}", facts


def describe_guide(text: str, contract: Document) -> str:
    """Say what a page without a document describes."""
    headers = sorted(set(re.findall(r"\bX-Webhook-[A-Z][A-Za-z-]+", json.dumps(contract["paths"]))))
    missing = [header for header in headers if header.lower() not in text.lower()]
    if headers and len(missing) < len(headers):
        return "a guide to callbacks" + (f"; it does not name {', '.join(missing)}" if missing else "")
    return "a guide without an OpenAPI document"


def _operation(contract: Document, path: str, method: str) -> Document | None:
    """Return the operation of a published path; uploads are published without their folder."""
    found = (item[method] for known, item in contract["paths"].items() if known.endswith(path) and method in item)
    return next(found, None)


def _differences(page: Document, ours: Document) -> Iterator[str]:
    yield from _names("parameter", _parameters(page), _parameters(ours))
    yield from _fields("request", _request(page), _request(ours))
    yield from _names("status", {*page.get("responses", {})}, {*ours.get("responses", {})})
    yield from _fields("response", _response(page), _response(ours))


def _names(kind: str, published: set[str], ours: set[str]) -> Iterator[str]:
    for name in sorted(published - ours):
        yield f"the {kind} {name} is published, but not in the contract"


def _fields(kind: str, published: Document, ours: Document, at: str = "") -> Iterator[str]:
    fields, known = published.get("properties", {}), ours.get("properties", {})
    for name, field in fields.items():
        place = f"{at}{name}"
        if name not in known:
            yield f"the {kind} field {place} is published, but not in the contract"
            continue
        types = field.get("type"), known[name].get("type")
        if all(types) and types[0] != types[1]:
            yield f"the {kind} field {place} is published as {types[0]}, the contract says {types[1]}"
        new = [value for value in field.get("enum", []) if value not in known[name].get("enum", field["enum"])]
        if new:
            yield f"the {kind} field {place} has the published values {new}, which are not in the contract"
        yield from _fields(kind, field, known[name], f"{place}.")
    for name in sorted({*published.get("required", [])} - {*ours.get("required", [])}):
        if name in known:
            yield f"the {kind} field {at}{name} is published as required"


def _parameters(operation: Document) -> set[str]:
    return {str(each.get("name")) for each in operation.get("parameters", [])}


def _request(operation: Document) -> Document:
    return _schema(operation.get("requestBody", {}))


def _response(operation: Document) -> Document:
    return _schema(operation.get("responses", {}).get("200", {}))


def _schema(node: Document) -> Document:
    for media in node.get("content", {}).values():
        schema = media.get("schema", {})
        for key in ("anyOf", "oneOf"):
            schema = schema[key][0] if schema.get(key) else schema
        return flat(schema)
    return {}


def _api(path: str) -> str:
    steps = [step for step in path.split("/") if step and not _VERSION.fullmatch(step)]
    return next((_OTHER_APIS[step] for step in steps if step in _OTHER_APIS), steps[0] if steps else "another")
