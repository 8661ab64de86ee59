"""Planted changes of the way to an operation: servers, security, parameters, bodies, headers and callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_tests.pipeline.planting import MAJOR, MINOR, PATCH, Document, Planted, create, look, put
from scripts.pipeline.page_shape import CREATE_TASK

_OURS, _THEIRS = "https://api.apikley.ru", "https://eu.apikley.ru"
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}


def _path(document: Document) -> Document:
    found: Document = document["paths"][CREATE_TASK]
    return found


def _servers(find: Callable[[Document], Document], *urls: str) -> Callable[[Document], object]:
    return put(find, servers=[{"url": url} for url in urls])


def _root(document: Document) -> Document:
    return document


def _regional(default: str, *regions: str) -> Callable[[Document], object]:
    region = {"default": default, "enum": list(regions)}
    return put(_root, servers=[{"url": "https://{region}.apikley.ru", "variables": {"region": region}}])


def _scopes(*scopes: str) -> Callable[[Document], object]:
    return put(create, security=[{"BearerAuth": list(scopes)}])


def _callback_item(document: Document) -> Document:
    (item,) = create(document)["callbacks"]["taskFinished"].values()
    found: Document = item
    return found


def _callback(document: Document) -> Document:
    found: Document = _callback_item(document)["post"]
    return found


def _header(**values: Any) -> Callable[[Document], object]:
    return lambda document: look(document)["responses"]["200"].setdefault("headers", {}).update({"X-Left": values})


def _header_behind_reference(kind: str) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        document["components"]["headers"] = {"Left": {"schema": {"type": kind}}}
        _header(**{"$ref": "#/components/headers/Left"})(document)

    return change


def _moved(document: Document) -> None:
    look(document)["parameters"][0]["in"] = "header"


def _callback_behind_reference(document: Document) -> None:
    callbacks = create(document)["callbacks"]
    document["components"]["callbacks"] = {"Finished": callbacks["taskFinished"]}
    callbacks["taskFinished"] = {"$ref": "#/components/callbacks/Finished"}


def _callback_elsewhere(document: Document) -> None:
    callbacks = create(document)["callbacks"]
    callbacks["taskFinished"] = {"{$request.body#/input/hook}": next(iter(callbacks["taskFinished"].values()))}


SERVERS = [
    Planted("a path elsewhere", _servers(_path, _THEIRS), MAJOR, f"server {_OURS} removed"),
    Planted("an operation elsewhere", _servers(create, _THEIRS), MAJOR, f"server {_OURS} removed"),
    Planted("a path where it was", _servers(_path, _OURS), None),
    Planted("a path in two places", _servers(_path, _OURS, _THEIRS), MINOR, f"server {_THEIRS} added"),
    Planted(
        "a path back at the common server",
        lambda d: _path(d).pop("servers"),
        MAJOR,
        f"server {_THEIRS} removed",
        _servers(_path, _THEIRS),
    ),
    Planted("an operation where its path is", _servers(create, _THEIRS), None, before=_servers(_path, _THEIRS)),
    Planted("another server first", _servers(_root, _THEIRS, _OURS), MAJOR, "the first server"),
    Planted(
        "another default region",
        _regional("us", "eu", "us"),
        MAJOR,
        "eu.apikley.ru removed",
        _regional("eu", "eu", "us"),
    ),
    Planted("a region gone", _regional("eu", "eu"), MAJOR, "variables changed", _regional("eu", "eu", "us")),
    Planted("another text of a server", lambda d: d["servers"][0].update(description="Europe"), PATCH, "description"),
]

SECURITY = [
    Planted("a scope more", _scopes("read", "write"), MAJOR, "security BearerAuth[read] →", _scopes("read")),
    Planted(
        "one scheme more for the same way in",
        put(create, security=[{"BearerAuth": [], "Cookie": []}]),
        MAJOR,
        "security",
    ),
    Planted(
        "a key where none was asked for",
        put(create, security=[{"BearerAuth": []}]),
        MAJOR,
        "security",
        put(create, security=[]),
    ),
    Planted(
        "one way in gone", _scopes(), MAJOR, "security", put(create, security=[{"BearerAuth": []}, {"Cookie": []}])
    ),
]

PARAMETERS = [
    Planted("a parameter moved", _moved, MAJOR, "query parameter taskId removed"),
    Planted("a parameter renamed", lambda d: look(d)["parameters"][0].update(name="id"), MAJOR, "parameter"),
    Planted(
        "a parameter that may be left out",
        lambda d: look(d)["parameters"][0].update(required=False),
        MINOR,
        "no longer",
    ),
    Planted(
        "a parameter written otherwise",
        lambda d: look(d)["parameters"][0].update(style="spaceDelimited"),
        MAJOR,
        "style",
    ),
    Planted("a parameter deprecated", lambda d: look(d)["parameters"][0].update(deprecated=True), MINOR, "deprecated"),
    Planted("another text of a path", put(_path, description="Tasks"), PATCH, "description changed"),
    Planted("a member of the document that nobody knows", put(_root, **{"x-status": "beta"}), PATCH, "x-status"),
]

BODIES = [
    Planted(
        "a kind of body refused",
        lambda d: create(d)["requestBody"]["content"].pop("text/plain"),
        MAJOR,
        "media type removed",
        lambda d: create(d)["requestBody"]["content"].update({"text/plain": _TEXT}),
    ),
    Planted(
        "a kind of body more",
        lambda d: create(d)["requestBody"]["content"].update({"text/plain": _TEXT}),
        MINOR,
        "media type added",
    ),
    Planted(
        "a kind of answer more",
        lambda d: look(d)["responses"]["200"]["content"].update({"text/plain": _TEXT}),
        MINOR,
        "media type added",
    ),
    Planted("a header", _header(**_TEXT), MINOR, "header added"),
    Planted("a header gone", lambda d: look(d)["responses"]["200"].pop("headers"), MAJOR, "removed", _header(**_TEXT)),
    Planted("a header always there", _header(required=True, **_TEXT), PATCH, "now required", _header(**_TEXT)),
    Planted("a header that may be missing", _header(**_TEXT), MAJOR, "no longer", _header(required=True, **_TEXT)),
    Planted("a header deprecated", _header(deprecated=True, **_TEXT), MINOR, "deprecated", _header(**_TEXT)),
    Planted(
        "a header changed behind a reference",
        _header_behind_reference("string"),
        MAJOR,
        "type integer → string",
        _header_behind_reference("integer"),
    ),
]

CALLED_BACK = [
    Planted("callbacks to another address", _callback_elsewhere, MAJOR, "another address"),
    Planted(
        "callbacks by another method",
        lambda d: _callback_item(d).update(put=_callback_item(d).pop("post")),
        MAJOR,
        "operation",
    ),
    Planted("a signature gone from a callback", lambda d: _callback(d)["parameters"].pop(), MAJOR, "Signature removed"),
    Planted(
        "a signature in each callback",
        lambda d: _callback(d)["parameters"][1].update(required=True),
        PATCH,
        "X-Webhook-Signature now required",
    ),
    Planted(
        "one more header in each callback",
        lambda d: _callback(d)["parameters"].append({"name": "X-Id", "in": "header", "required": True, **_TEXT}),
        MINOR,
        "new required header parameter X-Id",
    ),
    Planted(
        "one more header for all methods of a callback",
        put(_callback_item, parameters=[{"name": "X-Id", "in": "header", **_TEXT}]),
        MINOR,
        "new optional header parameter X-Id",
    ),
    Planted(
        "callbacks of another kind, too",
        lambda d: _callback(d)["requestBody"]["content"].update({"text/plain": _TEXT}),
        MAJOR,
        "media type added",
    ),
    Planted("callbacks behind a reference", _callback_behind_reference, None),
    Planted(
        "other times between callbacks", lambda d: _callback(d)["x-delivery"].update(timeout=5), MINOR, "x-delivery"
    ),
    Planted("other times between looks", lambda d: look(d)["x-poll-schedule"].append({}), MINOR, "x-poll-schedule"),
]

ACCESS = [*SERVERS, *SECURITY, *PARAMETERS, *BODIES, *CALLED_BACK]
