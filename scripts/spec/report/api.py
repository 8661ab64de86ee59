"""Compares two contracts: operations, parameters, answers, security, servers and the code table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.spec.report.changes import Change, Severity, shown
from scripts.spec.report.nodes import both, deprecated, pointer, resolve
from scripts.spec.report.schemas import Direction, SchemaComparison

Node = dict[str, Any]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_TEXTS = ("summary", "description", "tags", "externalDocs", "example", "examples")
# What we know of limits is data of ours, but callers plan by it.
_PLANNED_BY = ("x-rate-limit", "x-poll-schedule", "x-delivery")
_READ = ("operationId", "deprecated", "security", "servers", "parameters", "requestBody", "responses", "callbacks")


def compare_api(old: Node, new: Node) -> Iterator[Change]:
    """What changed from one contract to the other, by what it means to a caller."""
    yield from _Comparison(old, new).all()


class _Comparison:
    def __init__(self, old: Node, new: Node) -> None:
        self._old, self._new = old, new
        self._schemas = SchemaComparison(old, new)

    def all(self) -> Iterator[Change]:
        yield from _servers(self._old, self._new, "#/servers")
        for path, before, after in both(self._old.get("paths"), self._new.get("paths")):
            yield from self._path(before or {}, after or {}, pointer("#/paths", path))
        yield from self._security_schemes()
        yield from self._codes()
        for key in ("info", "tags", "externalDocs"):
            if self._old.get(key) != self._new.get(key):
                yield Change(Severity.PATCH, pointer("#", key), "changed")

    def _path(self, old: Node, new: Node, at: str) -> Iterator[Change]:
        yield from _servers(old, new, pointer(at, "servers"))
        for method in _METHODS:
            before, after = old.get(method), new.get(method)
            place = pointer(at, method)
            if before is None and after is not None:
                yield Change(Severity.MINOR, place, "new operation")
            elif before is not None and after is None:
                yield Change(Severity.MAJOR, place, "operation removed")
            elif before is not None and after is not None:
                common = [item.get("parameters", []) for item in (old, new)]
                before = {**before, "parameters": [*common[0], *before.get("parameters", [])]}
                after = {**after, "parameters": [*common[1], *after.get("parameters", [])]}
                yield from self._operation(before, after, place, Direction.REQUEST)

    def _operation(self, old: Node, new: Node, at: str, sent: Direction) -> Iterator[Change]:
        """Compare one operation; `sent` is the direction of its requests, which a callback reverses."""
        if old.get("operationId") != new.get("operationId"):
            what = f"operationId {shown(old.get('operationId'))} → {shown(new.get('operationId'))}"
            yield Change(Severity.MAJOR, at, what)
        yield from deprecated(old, new, at)
        yield from self._security(old, new, at)
        yield from _servers(old, new, pointer(at, "servers"))
        yield from self._parameters(old["parameters"], new["parameters"], pointer(at, "parameters"), sent)
        yield from self._body(old.get("requestBody"), new.get("requestBody"), pointer(at, "requestBody"), sent)
        for status, before, after in both(old.get("responses"), new.get("responses")):
            yield from self._response(before, after, pointer(at, "responses", status), sent.reversed)
        for name, before, after in both(old.get("callbacks"), new.get("callbacks")):
            yield from self._callback(before, after, pointer(at, "callbacks", name), sent)
        yield from _others(old, new, at, _READ)

    def _security(self, old: Node, new: Node, at: str) -> Iterator[Change]:
        before, after = (_ways_in(node, document) for node, document in ((old, self._old), (new, self._new)))
        if before == after:
            return
        place = pointer(at, "security")
        if frozenset() in after and frozenset() not in before:
            yield Change(Severity.MAJOR, place, "security dropped: no key is asked for any more")
        elif before - after:
            yield Change(Severity.MAJOR, place, f"security {_schemes(before)} → {_schemes(after)}")
        else:
            yield Change(Severity.MINOR, place, f"one more way in: {_schemes(after - before)}")

    def _parameters(self, old: list[Node], new: list[Node], at: str, sent: Direction) -> Iterator[Change]:
        sides = [
            {(each["in"], each["name"]): each for each in (resolve(document, node) for node in nodes)}
            for document, nodes in ((self._old, old), (self._new, new))
        ]
        places = [{key: pointer(at, index) for index, key in enumerate(side)} for side in sides]
        for key, before, after in both(*sides):
            name, place = " parameter ".join(key), places[after is not None][key]
            if after is None:
                yield Change(Severity.MAJOR, place, f"{name} removed")
            elif before is None:
                required = bool(after.get("required"))
                severity = sent.narrowed if required else Severity.MINOR
                yield Change(severity, place, f"new {'required' if required else 'optional'} {name}")
            else:
                if bool(before.get("required")) != bool(after.get("required")):
                    now = bool(after.get("required"))
                    what = f"{name} {'now' if now else 'no longer'} required"
                    yield Change(sent.narrowed if now else sent.widened, place, what)
                yield from deprecated(before, after, place)
                yield from self._schemas.compare(before.get("schema", {}), after.get("schema", {}), place, sent)
                yield from _others(before, after, place, ("required", "deprecated", "schema", "in", "name"))

    def _body(self, old: Node | None, new: Node | None, at: str, sent: Direction) -> Iterator[Change]:
        if old is None or new is None:
            if old is not new:
                required = bool((new or {}).get("required"))
                severity = Severity.MINOR if old is None and not required else Severity.MAJOR
                yield Change(severity, at, "request body added" if old is None else "request body removed")
            return
        old, new = resolve(self._old, old), resolve(self._new, new)
        if bool(old.get("required")) != bool(new.get("required")):
            now = bool(new.get("required"))
            what = f"the request body is {'now' if now else 'no longer'} required"
            yield Change(sent.narrowed if now else sent.widened, at, what)
        yield from self._content(old, new, at, sent)
        yield from _others(old, new, at, ("required", "content"))

    def _response(self, old: Node | None, new: Node | None, at: str, read: Direction) -> Iterator[Change]:
        if old is None or new is None:
            severity = Severity.MINOR if old is None else Severity.MAJOR
            yield Change(severity, at, "answer added" if old is None else "answer removed")
            return
        old, new = resolve(self._old, old), resolve(self._new, new)
        yield from self._content(old, new, at, read)
        for name, before, after in both(old.get("headers"), new.get("headers")):
            place = pointer(at, "headers", name)
            if before is None or after is None:
                severity = Severity.MINOR if before is None else Severity.MAJOR
                yield Change(severity, place, "header added" if before is None else "header removed")
            else:
                yield from self._schemas.compare(before.get("schema", {}), after.get("schema", {}), place, read)
                yield from _others(before, after, place, ("schema",))
        for name, before, after in both(old.get("links"), new.get("links")):
            if before != after:
                severity = Severity.MINOR if before is not None and after is None else Severity.PATCH
                yield Change(severity, pointer(at, "links", name), "link changed")
        yield from _others(old, new, at, ("content", "headers", "links"))

    def _content(self, old: Node, new: Node, at: str, direction: Direction) -> Iterator[Change]:
        for media, before, after in both(old.get("content"), new.get("content")):
            place = pointer(at, "content", media)
            if before is None or after is None:
                severity = Severity.MINOR if before is None else Severity.MAJOR
                yield Change(severity, place, f"media type {'added' if before is None else 'removed'}")
                continue
            schemas = before.get("schema", {}), after.get("schema", {})
            yield from self._schemas.compare(*schemas, pointer(place, "schema"), direction)
            yield from _others(before, after, place, ("schema",))

    def _callback(self, old: Node | None, new: Node | None, at: str, sent: Direction) -> Iterator[Change]:
        if old is None or new is None:
            severity = Severity.MINOR if old is None else Severity.MAJOR
            yield Change(severity, at, "callback added" if old is None else "callback removed")
            return
        for expression, before, after in both(old, new):
            if before is None or after is None:
                what = "is sent to another address" if before is None else "is no longer sent to this address"
                yield Change(Severity.MAJOR, pointer(at, expression), what)
                continue
            for method in _METHODS:
                one, other = before.get(method), after.get(method)
                place = pointer(at, expression, method)
                if (one is None) != (other is None):
                    yield Change(Severity.MAJOR, place, "callback removed" if other is None else "another method")
                elif one is not None and other is not None:
                    one, other = ({"parameters": [], "security": [], **node} for node in (one, other))
                    yield from self._operation(one, other, place, sent.reversed)

    def _security_schemes(self) -> Iterator[Change]:
        schemes = [document.get("components", {}).get("securitySchemes") for document in (self._old, self._new)]
        for name, before, after in both(*schemes):
            place = pointer("#/components/securitySchemes", name)
            if before is None or after is None:
                severity = Severity.MINOR if before is None else Severity.MAJOR
                yield Change(severity, place, "scheme added" if before is None else "scheme removed")
                continue
            changes = {
                key: f"{key} {shown(one)} → {shown(other)}" for key, one, other in both(before, after) if one != other
            }
            worded = [key for key in changes if key == "description" or key.startswith("x-")]
            if changes:
                severity = Severity.PATCH if len(worded) == len(changes) else Severity.MAJOR
                yield Change(severity, place, ", ".join(changes.values()))

    def _codes(self) -> Iterator[Change]:
        """The envelope's code table: its values are compared with the schemas; its words mean something, too."""
        tables = []
        for document in (self._old, self._new):
            envelope = document.get("components", {}).get("schemas", {}).get("ApiResponse", {})
            tables.append(envelope.get("properties", {}).get("code", {}))
        if tables[0].get("description") != tables[1].get("description"):
            place = "#/components/schemas/ApiResponse/properties/code"
            yield Change(Severity.MINOR, place, "the code table's text changed: does every code still mean the same?")


def _servers(old: Node, new: Node, at: str) -> Iterator[Change]:
    before, after = ([server.get("url") for server in node.get("servers", [])] for node in (old, new))
    for url in (url for url in before if url not in after):
        yield Change(Severity.MAJOR, at, f"server {url} removed")
    for url in (url for url in after if url not in before):
        yield Change(Severity.MINOR, at, f"server {url} added")


def _others(old: Node, new: Node, at: str, read: tuple[str, ...]) -> Iterator[Change]:
    """What no rule above reads: words are harmless, limits are planned by, and the unknown may break."""
    for key, before, after in both(old, new):
        if key in read or before == after:
            continue
        severity = Severity.MAJOR
        if key in _PLANNED_BY:
            severity = Severity.MINOR
        elif key in _TEXTS or key.startswith("x-"):
            severity = Severity.PATCH
        yield Change(severity, at, f"{key} changed")


def _ways_in(operation: Node, document: Node) -> set[frozenset[str]]:
    asked: list[Node] = operation["security"] if "security" in operation else document.get("security", [])
    return {frozenset(each) for each in asked} or {frozenset()}


def _schemes(ways: set[frozenset[str]]) -> str:
    return " or ".join(sorted("+".join(sorted(way)) or "none" for way in ways))
