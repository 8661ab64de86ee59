"""Compares two contracts: operations, parameters, bodies, answers, callbacks and the code table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.pipeline.page_shape import METHODS
from scripts.pipeline.report.access import compare_security, compare_security_schemes, compare_servers
from scripts.pipeline.report.changes import Change, Direction, Severity, shown
from scripts.pipeline.report.nodes import both, deprecated, others, pointer, resolve
from scripts.pipeline.report.schemas import SchemaComparison

Node = dict[str, Any]

_READ = ("operationId", "deprecated", "security", "servers", "parameters", "requestBody", "responses", "callbacks")


def compare_api(old: Node, new: Node) -> Iterator[Change]:
    """What changed from one contract to the other, by what it means to a caller."""
    changes = list(_Comparison(old, new).all())
    yield from changes
    if old != new and not changes:
        yield Change(Severity.PATCH, "#", "says the same in another way")


class _Comparison:
    def __init__(self, old: Node, new: Node) -> None:
        self._old, self._new = old, new
        self._schemas = SchemaComparison(old, new)

    def all(self) -> Iterator[Change]:
        yield from compare_servers([self._old], [self._new], "#/servers")
        for path, before, after in both(self._old.get("paths"), self._new.get("paths")):
            yield from self._path(before or {}, after or {}, pointer("#/paths", path), Direction.REQUEST)
        yield from compare_security_schemes(self._old, self._new)
        yield from self._codes()
        for key, before, after in both(self._old, self._new):
            if key not in ("servers", "security", "paths", "components") and before != after:
                yield Change(Severity.PATCH, pointer("#", key), "changed")

    def _path(self, old: Node, new: Node, at: str, sent: Direction) -> Iterator[Change]:
        """Compare what can be sent to one path; `sent` is the direction of its requests, which a callback reverses."""
        # Nothing of the document holds for a callback, which goes to a server that is the caller's.
        roots = ({}, {}) if sent is Direction.RESPONSE else (self._old, self._new)
        yield from compare_servers([old, roots[0]], [new, roots[1]], pointer(at, "servers"))
        for method in METHODS:
            before, after = old.get(method), new.get(method)
            place = pointer(at, method)
            if before is None and after is not None:
                yield Change(sent.widened, place, "new operation")
            elif before is not None and after is None:
                yield Change(Severity.MAJOR, place, "operation removed")
            elif before is not None and after is not None:
                levels = [before, old, roots[0]], [after, new, roots[1]]
                yield from compare_servers(*levels, pointer(place, "servers"))
                yield from compare_security(before, after, roots, pointer(place, "security"))
                named = [path.get("parameters", []) + node.get("parameters", []) for node, path, _ in levels]
                yield from self._parameters(named[0], named[1], pointer(place, "parameters"), sent)
                yield from self._operation(before, after, place, sent)
        yield from others(old, new, at, (*METHODS, "servers", "parameters"))

    def _operation(self, old: Node, new: Node, at: str, sent: Direction) -> Iterator[Change]:
        if old.get("operationId") != new.get("operationId"):
            what = f"operationId {shown(old.get('operationId'))} → {shown(new.get('operationId'))}"
            yield Change(Severity.MAJOR, at, what)
        yield from deprecated(old, new, at)
        yield from self._body(old.get("requestBody"), new.get("requestBody"), pointer(at, "requestBody"), sent)
        for status, before, after in both(old.get("responses"), new.get("responses")):
            yield from self._response(before, after, pointer(at, "responses", status), sent.reversed)
        for name, before, after in both(old.get("callbacks"), new.get("callbacks")):
            yield from self._callback(before, after, pointer(at, "callbacks", name), sent)
        yield from others(old, new, at, _READ)

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
                severity = max(sent.narrowed, Severity.MINOR) if required else Severity.MINOR
                yield Change(severity, place, f"new {'required' if required else 'optional'} {name}")
            else:
                yield from self._value(before, after, f"{name} ", place, sent)

    def _value(self, old: Node, new: Node, name: str, at: str, direction: Direction) -> Iterator[Change]:
        """Compare a parameter or a header."""
        now = bool(new.get("required"))
        if bool(old.get("required")) != now:
            what = f"{name}{'now' if now else 'no longer'} required"
            yield Change(direction.narrowed if now else direction.widened, at, what)
        yield from deprecated(old, new, at)
        yield from self._schemas.compare(old.get("schema", {}), new.get("schema", {}), at, direction)
        yield from others(old, new, at, ("required", "deprecated", "schema", "in", "name"))

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
        yield from self._content(old, new, at, sent, added=sent.widened)
        yield from others(old, new, at, ("required", "content"))

    def _response(self, old: Node | None, new: Node | None, at: str, read: Direction) -> Iterator[Change]:
        if old is None or new is None:
            severity = Severity.MINOR if old is None else Severity.MAJOR
            yield Change(severity, at, "answer added" if old is None else "answer removed")
            return
        old, new = resolve(self._old, old), resolve(self._new, new)
        # Which of them comes, the caller says.
        yield from self._content(old, new, at, read, added=Severity.MINOR)
        for name, before, after in both(old.get("headers"), new.get("headers")):
            place = pointer(at, "headers", name)
            if before is None or after is None:
                severity = Severity.MINOR if before is None else Severity.MAJOR
                yield Change(severity, place, "header added" if before is None else "header removed")
            else:
                place = after.get("$ref", place)
                yield from self._value(resolve(self._old, before), resolve(self._new, after), "", place, read)
        for name, before, after in both(old.get("links"), new.get("links")):
            if before != after:
                severity = Severity.MINOR if before is not None and after is None else Severity.PATCH
                yield Change(severity, pointer(at, "links", name), "link changed")
        yield from others(old, new, at, ("content", "headers", "links"))

    def _content(self, old: Node, new: Node, at: str, direction: Direction, *, added: Severity) -> Iterator[Change]:
        for media, before, after in both(old.get("content"), new.get("content")):
            place = pointer(at, "content", media)
            if before is None or after is None:
                severity = added if before is None else Severity.MAJOR
                yield Change(severity, place, f"media type {'added' if before is None else 'removed'}")
                continue
            schemas = before.get("schema", {}), after.get("schema", {})
            yield from self._schemas.compare(*schemas, pointer(place, "schema"), direction)
            yield from others(before, after, place, ("schema",))

    def _callback(self, old: Node | None, new: Node | None, at: str, sent: Direction) -> Iterator[Change]:
        if old is None or new is None:
            severity = Severity.MINOR if old is None else Severity.MAJOR
            yield Change(severity, at, "callback added" if old is None else "callback removed")
            return
        for expression, before, after in both(resolve(self._old, old), resolve(self._new, new)):
            place = pointer(at, expression)
            if before is None or after is None:
                what = "is sent to another address" if before is None else "is no longer sent to this address"
                yield Change(Severity.MAJOR, place, what)
            else:
                yield from self._path(before, after, place, sent.reversed)

    def _codes(self) -> Iterator[Change]:
        """The envelope's code table: its values are compared with the schemas; its words mean something, too."""
        tables = []
        for document in (self._old, self._new):
            envelope = document.get("components", {}).get("schemas", {}).get("ApiResponse", {})
            tables.append(envelope.get("properties", {}).get("code", {}))
        if tables[0].get("description") != tables[1].get("description"):
            place = "#/components/schemas/ApiResponse/properties/code"
            yield Change(Severity.MINOR, place, "the code table's text changed: does every code still mean the same?")
