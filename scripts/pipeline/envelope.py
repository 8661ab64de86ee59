"""The parts that all pages share: server, security, callback address and the envelope of the response.

Pages of different generations describe the same envelope in different forms. Each page's statements are compared
by meaning: what one page adds is kept, every code is kept, and a contradiction is refused with the pages on
each side.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from scripts.pipeline.issues import Issue
from scripts.pipeline.page_shape import CREATE_TASK, request_content, request_schema

Document = dict[str, Any]
Fact = tuple[str, Any]

_REMEDY = "settle it with a repair of one page under x-page-repairs in openapi/overlay.yaml"
_MAX_NAMES = 3
_DATA = "data"


def envelope(page: Document) -> Document:
    """Return the schema of a successful response with all parts of its `allOf` in one."""
    responses = page["paths"][CREATE_TASK]["post"]["responses"]
    content = responses.get("200", responses.get("default", {})).get("content", {})
    return flat(content.get("application/json", {}).get("schema", {}))


def flat(schema: Document) -> Document:
    """Return a schema with the properties of all parts of its `allOf`, and of the parts of each property."""
    found: Document = {key: value for key, value in schema.items() if key not in ("allOf", "properties")}
    properties: Document = {}
    for part in [*map(flat, schema.get("allOf", [])), {"properties": schema.get("properties", {})}]:
        for name, value in part["properties"].items():
            properties[name] = {**properties.get(name, {}), **value}
    for name, value in properties.items():
        if isinstance(value, dict) and ("allOf" in value or "properties" in value):
            properties[name] = flat(value)
    return {**found, "properties": properties}


def fields_of_data(page: Document) -> Document:
    """Return the described fields of the response's `data`, except for those of the envelope itself."""
    properties = envelope(page)["properties"]
    fields: Document = properties.get(_DATA, {}).get("properties", {})
    return {name: field for name, field in fields.items() if name not in ("code", "msg")}


def codes_of(page: Document) -> list[int]:
    """Return the code table of a page."""
    code = envelope(page)["properties"].get("code", {})
    return [each for each in code.get("enum", []) if type(each) is int]


def _facts(page: Document) -> Iterator[Fact]:
    """Yield what a page states, and what other pages may not contradict."""
    operation = page["paths"][CREATE_TASK]["post"]
    item = page["paths"][CREATE_TASK]
    servers = operation.get("servers") or item.get("servers") or page.get("servers") or []
    yield "the server", [str(server.get("url", "")).rstrip("/") for server in servers] or None
    yield "the security", security_of(page) or None
    for name, scheme in page.get("components", {}).get("securitySchemes", {}).items():
        if isinstance(scheme, dict):
            yield f"the security scheme {name}", {key: scheme.get(key) for key in ("type", "scheme", "in", "name")}
    for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
        place = f"the {parameter.get('in')} parameter {parameter.get('name')}"
        yield place, [bool(parameter.get("required")), parameter.get("schema", {}).get("type")]
    for name, field in request_schema(page)["properties"].items():
        if name not in ("model", "input"):
            yield f"the type of {name}", field.get("type")
    properties = envelope(page)["properties"]
    for name, field in [*properties.items(), *((f"data.{key}", each) for key, each in fields_of_data(page).items())]:
        if isinstance(field, dict):
            yield f"the type of the response's {name}", field.get("type")
    for code in properties.get("code", {}).get("enum", []):
        if type(code) is not int:
            yield f"the code {code!r}", "no number"


def security_of(page: Document) -> list[Document]:
    """Return the security of createTask, which may be defined for all operations."""
    found: list[Document] = page["paths"][CREATE_TASK]["post"].get("security", page.get("security", []))
    return found


def contradictions(pages: dict[str, Document]) -> Iterator[Issue]:
    """Yield each place where pages state different values, with the pages of each value.

    The pages of every value but the most frequent one are blamed; on a tie, the pages after the first.
    """
    stated: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, page in pages.items():
        for place, value in _facts(page):
            if value is not None:
                stated[place][json.dumps(value, sort_keys=True)].append(name)
    for place, values in stated.items():
        if len(values) > 1:
            ranked = sorted(values.items(), key=lambda item: -len(item[1]))
            blamed = tuple(name for _, names in ranked[1:] for name in names)
            sides = [f"{_pages(names)} {value}" for value, names in reversed(ranked)]
            yield Issue(blamed[0], f"{place} differs: {', '.join(sides)}", _REMEDY, blamed)
        elif place.startswith("the code "):
            (names,) = values.values()
            yield Issue(names[0], f"{place} of the code table is no number", _REMEDY, tuple(names))


def _pages(names: list[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMES]) + (", …" if len(names) > _MAX_NAMES else "")
    return f"{len(names)} {'page says' if len(names) == 1 else 'pages say'} ({shown})"


def shared_document(pages: dict[str, Document]) -> Document:
    """Return the document that all pages share, in the form of the first generation of pages, without requests."""
    documents = [*pages.values()]
    best = max(documents, key=lambda page: len(codes_of(page)))
    properties: Document = {}
    data: Document = {}
    for page in documents:
        for name, field in envelope(page)["properties"].items():
            if name != _DATA and isinstance(field, dict):
                properties.setdefault(name, field)
        for name, field in fields_of_data(page).items():
            data.setdefault(name, field)
    table = dict(envelope(best)["properties"].get("code", {}))
    if codes := sorted({code for page in documents for code in codes_of(page)}):
        table["enum"] = codes
    described = {"code": {"type": "integer"}, "msg": {"type": "string"}, **properties}
    described["code"] = {**described["code"], **table}
    operation = {
        "requestBody": {"required": True, "content": {}},
        "responses": {
            "200": {
                "description": "Request successful",
                "content": {"application/json": _response(documents, data)},
            },
            "500": {"$ref": "#/components/responses/Error"},
            **_other_responses(documents),
        },
        # At the operation, where the client generator reads it.
        "security": next(filter(None, map(security_of, documents)), []),
    }
    parameters = {
        (each.get("in"), each.get("name")): each
        for page in documents
        for node in (page["paths"][CREATE_TASK], page["paths"][CREATE_TASK]["post"])
        for each in node.get("parameters", [])
    }
    if parameters:
        operation["parameters"] = [*parameters.values()]
    return {
        "openapi": "3.0.0",
        "info": {"version": "1.0.0"},
        "servers": _servers(documents),
        "security": operation["security"],
        "paths": {CREATE_TASK: {"post": operation}},
        "components": {
            "schemas": {"ApiResponse": {"type": "object", "properties": described}},
            "responses": {"Error": {"description": "Server Error"}},
            "securitySchemes": _schemes(documents),
        },
    }


def _other_responses(documents: list[Document]) -> Document:
    """Return the errors that only some pages describe. All errors have one form, whatever a page says."""
    found: Document = {}
    for page in documents:
        for status, response in page["paths"][CREATE_TASK]["post"]["responses"].items():
            if status not in ("200", "500", "default"):
                schema = {"$ref": "#/components/schemas/ErrorResponse"}
                text = response.get("description") or f"HTTP {status}"
                found.setdefault(status, {"description": text, "content": {"application/json": {"schema": schema}}})
    return found


def _response(documents: list[Document], data: Document) -> Document:
    described = {"type": "object", "properties": {_DATA: {"type": "object", "properties": data}}}
    found: Document = {"schema": {"allOf": [{"$ref": "#/components/schemas/ApiResponse"}, described]}}
    for page in documents:
        responses = page["paths"][CREATE_TASK]["post"]["responses"]
        example = responses.get("200", {}).get("content", {}).get("application/json", {}).get("example")
        task = example.get(_DATA) if isinstance(example, dict) else None
        if isinstance(task, dict) and isinstance(task.get("taskId"), str) and example.get("code") in codes_of(page):
            return {**found, "example": example}
    return found


def _servers(documents: list[Document]) -> list[Document]:
    for page in documents:
        item = page["paths"][CREATE_TASK]
        for servers in (item["post"].get("servers"), item.get("servers"), page.get("servers")):
            if servers:
                texts = {key: value for key, value in servers[0].items() if key == "description" and value}
                return [{"url": servers[0]["url"].rstrip("/"), "description": "API Server", **texts}]
    return []


def _schemes(documents: list[Document]) -> Document:
    found: Document = {}
    for page in documents:
        for name, scheme in page.get("components", {}).get("securitySchemes", {}).items():
            found.setdefault(name, scheme)
    return found


def request_example(page: Document) -> Any:
    """Return the example of a page's request, or None."""
    return request_content(page).get("example")
