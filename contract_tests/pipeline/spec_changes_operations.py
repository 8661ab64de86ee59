"""Changes of servers, security, parameters, bodies, headers and callbacks, each with its severity."""

from __future__ import annotations

from typing import Any

from contract_tests.pipeline.contract_edits import (
    MAJOR,
    MINOR,
    PATCH,
    RECORD_INFO,
    Document,
    Edit,
    Finder,
    SpecChange,
    append,
    at,
    create,
    create_path,
    drop,
    get_task,
    put,
    root,
)
from scripts.pipeline.page_shape import CREATE_TASK

_URL, _OTHER_URL = "https://api.apikley.ru", "https://eu.apikley.ru"
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_HEADER = {"name": "X-Id", "in": "header", **_TEXT}
_PARAMETER = at("paths", RECORD_INFO, "get", "parameters", 0)
_RESPONSE = at("paths", RECORD_INFO, "get", "responses", "200")
_CONTENT = at("paths", CREATE_TASK, "post", "requestBody", "content")
_BEARER, _COOKIE = {"BearerAuth": list[str]()}, {"Cookie": list[str]()}


def _servers(find: Finder, *urls: str) -> Edit:
    return put(find, servers=[{"url": url} for url in urls])


def _callback_path(document: Document) -> Document:
    (item,) = create(document)["callbacks"]["taskFinished"].values()
    found: Document = item
    return found


def _callback(document: Document) -> Document:
    found: Document = _callback_path(document)["post"]
    return found


def _header(**values: Any) -> Edit:
    return put(_RESPONSE, headers={"X-Left": values})


def _header_component(type_: str) -> Edit:
    def edit(document: Document) -> None:
        document["components"]["headers"] = {"Left": {"schema": {"type": type_}}}
        _header(**{"$ref": "#/components/headers/Left"})(document)

    return edit


def _move_callback(document: Document) -> None:
    callbacks = create(document)["callbacks"]
    document["components"]["callbacks"] = {"Finished": callbacks["taskFinished"]}
    callbacks["taskFinished"] = {"$ref": "#/components/callbacks/Finished"}


def _change_callback_url(document: Document) -> None:
    callbacks = create(document)["callbacks"]
    callbacks["taskFinished"] = {"{$request.body#/input/hook}": next(iter(callbacks["taskFinished"].values()))}


def _change_callback_method(document: Document) -> None:
    _callback_path(document)["put"] = _callback_path(document).pop("post")


SERVERS = [
    SpecChange("another server of a path", _servers(create_path, _OTHER_URL), MAJOR, f"server {_URL} removed"),
    SpecChange("another server of an operation", _servers(create, _OTHER_URL), MAJOR, f"server {_URL} removed"),
    SpecChange("the same server of a path", _servers(create_path, _URL), None),
    SpecChange("a second server of a path", _servers(create_path, _URL, _OTHER_URL), MINOR, f"{_OTHER_URL} added"),
    SpecChange(
        "a path returns to the common server",
        drop(create_path, "servers"),
        MAJOR,
        f"server {_OTHER_URL} removed",
        _servers(create_path, _OTHER_URL),
    ),
    SpecChange("another first server", _servers(root, _OTHER_URL, _URL), MAJOR, "the first server"),
    SpecChange("another text of a server", put(at("servers", 0), description="Europe"), PATCH, "description"),
]

SECURITY = [
    SpecChange(
        "an additional scope",
        put(create, security=[{"BearerAuth": ["read", "write"]}]),
        MAJOR,
        "security BearerAuth[read] →",
        put(create, security=[{"BearerAuth": ["read"]}]),
    ),
    SpecChange("two schemes at once", put(create, security=[{**_BEARER, **_COOKIE}]), MAJOR, "→ BearerAuth+Cookie"),
    SpecChange("new security", put(create, security=[_BEARER]), MAJOR, "security", put(create, security=[])),
    SpecChange(
        "a removed scheme", put(create, security=[_BEARER]), MAJOR, "security", put(create, security=[_BEARER, _COOKIE])
    ),
]

PARAMETERS = [
    SpecChange("a moved parameter", put(_PARAMETER, **{"in": "header"}), MAJOR, "query parameter taskId removed"),
    SpecChange("a parameter becomes optional", put(_PARAMETER, required=False), MINOR, "no longer required"),
    SpecChange("another style of a parameter", put(_PARAMETER, style="spaceDelimited"), MAJOR, "style"),
    SpecChange("a deprecated parameter", put(_PARAMETER, deprecated=True), MINOR, "deprecated"),
    SpecChange("another text of a path", put(create_path, description="Tasks"), PATCH, "description changed"),
    SpecChange("an unknown extension", put(root, **{"x-status": "beta"}), PATCH, "x-status"),
]

BODIES = [
    SpecChange(
        "a removed request media type",
        drop(_CONTENT, "text/plain"),
        MAJOR,
        "media type removed",
        put(_CONTENT, **{"text/plain": _TEXT}),
    ),
    SpecChange("a new request media type", put(_CONTENT, **{"text/plain": _TEXT}), MINOR, "media type added"),
    SpecChange(
        "a new response media type", lambda d: _RESPONSE(d)["content"].update({"text/plain": _TEXT}), MINOR, "added"
    ),
    SpecChange("a new header", _header(**_TEXT), MINOR, "header added"),
    SpecChange("a removed header", drop(_RESPONSE, "headers"), MAJOR, "header removed", _header(**_TEXT)),
    SpecChange("a header is always present", _header(required=True, **_TEXT), PATCH, "now", _header(**_TEXT)),
    SpecChange("a header becomes optional", _header(**_TEXT), MAJOR, "no longer", _header(required=True, **_TEXT)),
    SpecChange(
        "another type of a header component",
        _header_component("string"),
        MAJOR,
        "type integer → string",
        _header_component("integer"),
    ),
]

CALLBACKS = [
    SpecChange("another callback address", _change_callback_url, MAJOR, "no longer sent to this address"),
    SpecChange("another callback method", _change_callback_method, MAJOR, "operation"),
    SpecChange("a removed callback signature", lambda d: _callback(d)["parameters"].pop(), MAJOR, "Signature removed"),
    SpecChange(
        "a required callback signature", lambda d: _callback(d)["parameters"][1].update(required=True), PATCH, "now"
    ),
    SpecChange(
        "a new callback header",
        lambda d: _callback(d)["parameters"].append({**_HEADER, "required": True}),
        MINOR,
        "new required header parameter X-Id",
    ),
    SpecChange(
        "a new header of all callback methods", put(_callback_path, parameters=[_HEADER]), MINOR, "new optional header"
    ),
    SpecChange(
        "a new callback media type",
        lambda d: _callback(d)["requestBody"]["content"].update({"text/plain": _TEXT}),
        MAJOR,
        "media type added",
    ),
    SpecChange("a callback moved to a component", _move_callback, None),
    SpecChange("another callback timeout", lambda d: _callback(d)["x-delivery"].update(timeout=5), MINOR, "x-delivery"),
    SpecChange("another poll schedule", append(lambda d: get_task(d)["x-poll-schedule"], {}), MINOR, "x-poll-schedule"),
]

CHANGES = [*SERVERS, *SECURITY, *PARAMETERS, *BODIES, *CALLBACKS]
