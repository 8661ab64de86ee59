"""Compares two contracts: operations, parameters, bodies, responses, callbacks and the code table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.pipeline.issues import pointer
from scripts.pipeline.page_shape import METHODS
from scripts.pipeline.report.access import compare_security, compare_security_schemes, compare_servers
from scripts.pipeline.report.changes import Change, Direction, Severity, display
from scripts.pipeline.report.nodes import (
    compare_deprecated,
    compare_flag,
    compare_remaining,
    presence,
    resolve,
    zip_keys,
)
from scripts.pipeline.report.schemas import SchemaComparison

Node = dict[str, Any]

_OPERATION = ("operationId", "deprecated", "security", "servers", "parameters", "requestBody", "responses", "callbacks")
CODE = "#/components/schemas/ApiResponse/properties/code"


def compare_api(old: Node, new: Node) -> Iterator[Change]:
    """Yield the changes from one contract to the other, with their severity for callers."""
    changes = list(_Comparison(old, new).all())
    yield from changes
    if old != new and not changes:
        yield Change(Severity.PATCH, "#", "written differently, with the same meaning")


class _Comparison:
    def __init__(self, old: Node, new: Node) -> None:
        self._old, self._new = old, new
        self._schemas = SchemaComparison(old, new)

    def all(self) -> Iterator[Change]:
        yield from compare_servers([self._old], [self._new], "#/servers")
        for path, before, after in zip_keys(self._old.get("paths"), self._new.get("paths")):
            yield from self._path(before or {}, after or {}, pointer("#/paths", path), Direction.REQUEST)
        yield from compare_security_schemes(self._old, self._new)
        yield from self._code_table()
        for key, before, after in zip_keys(self._old, self._new):
            if key not in ("servers", "security", "paths", "components") and before != after:
                yield Change(Severity.PATCH, pointer("#", key), "changed")

    def _path(self, old: Node, new: Node, at: str, sent: Direction) -> Iterator[Change]:
        """Compare the operations of a path; `sent` is the direction of its requests, which a callback reverses."""
        # A callback goes to the caller's server, so it inherits nothing from the document.
        roots = ({}, {}) if sent is Direction.RESPONSE else (self._old, self._new)
        yield from compare_servers([old, roots[0]], [new, roots[1]], pointer(at, "servers"))
        for method in METHODS:
            before, after = old.get(method), new.get(method)
            place = pointer(at, method)
            if before is None or after is None:
                if before is not after:
                    yield presence("operation", place, added=before is None, severity=sent.widened)
                continue
            levels = [before, old, roots[0]], [after, new, roots[1]]
            yield from compare_servers(*levels, pointer(place, "servers"))
            yield from compare_security(before, after, roots, pointer(place, "security"))
            parameters = [path.get("parameters", []) + node.get("parameters", []) for node, path, _ in levels]
            yield from self._parameters(parameters[0], parameters[1], pointer(place, "parameters"), sent)
            yield from self._operation(before, after, place, sent)
        yield from compare_remaining(old, new, at, (*METHODS, "servers", "parameters"))

    def _operation(self, old: Node, new: Node, at: str, sent: Direction) -> Iterator[Change]:
        names = old.get("operationId"), new.get("operationId")
        if names[0] != names[1]:
            yield Change(Severity.MAJOR, at, f"operationId {display(names[0])} → {display(names[1])}")
        yield from compare_deprecated(old, new, at)
        yield from self._body(old.get("requestBody"), new.get("requestBody"), pointer(at, "requestBody"), sent)
        for status, before, after in zip_keys(old.get("responses"), new.get("responses")):
            yield from self._response(before, after, pointer(at, "responses", status), sent.reversed)
        for name, before, after in zip_keys(old.get("callbacks"), new.get("callbacks")):
            yield from self._callback(before, after, pointer(at, "callbacks", name), sent)
        yield from compare_remaining(old, new, at, _OPERATION)

    def _parameters(self, old: list[Node], new: list[Node], at: str, sent: Direction) -> Iterator[Change]:
        sides = [
            {(each["in"], each["name"]): each for each in (resolve(document, node) for node in nodes)}
            for document, nodes in ((self._old, old), (self._new, new))
        ]
        places = [{key: pointer(at, index) for index, key in enumerate(side)} for side in sides]
        for key, before, after in zip_keys(*sides):
            name, place = " parameter ".join(key), places[after is not None][key]
            if after is None:
                yield presence(name, place, added=False)
            elif before is None:
                required = bool(after.get("required"))
                severity = max(sent.narrowed, Severity.MINOR) if required else Severity.MINOR
                yield Change(severity, place, f"new {'required' if required else 'optional'} {name}")
            else:
                yield from self._value(before, after, f"{name} ", place, sent)

    def _value(self, old: Node, new: Node, name: str, at: str, direction: Direction) -> Iterator[Change]:
        """Compare a parameter or a header."""
        yield from compare_flag(old, new, "required", at, (direction.narrowed, direction.widened), f"{name}{{}}")
        yield from compare_deprecated(old, new, at)
        yield from self._schemas.compare(old.get("schema", {}), new.get("schema", {}), at, direction)
        yield from compare_remaining(old, new, at, ("required", "deprecated", "schema", "in", "name"))

    def _body(self, old: Node | None, new: Node | None, at: str, sent: Direction) -> Iterator[Change]:
        if old is None or new is None:
            if old is not new:
                severity = Severity.MAJOR if (new or {}).get("required") else Severity.MINOR
                yield presence("request body", at, added=old is None, severity=severity)
            return
        old, new = resolve(self._old, old), resolve(self._new, new)
        yield from compare_flag(old, new, "required", at, (sent.narrowed, sent.widened), "the request body is {}")
        yield from self._content(old, new, at, sent, added=sent.widened)
        yield from compare_remaining(old, new, at, ("required", "content"))

    def _response(self, old: Node | None, new: Node | None, at: str, received: Direction) -> Iterator[Change]:
        if old is None or new is None:
            yield presence("response", at, added=old is None)
            return
        old, new = resolve(self._old, old), resolve(self._new, new)
        # A new media type is minor, because the caller chooses among them.
        yield from self._content(old, new, at, received, added=Severity.MINOR)
        for name, before, after in zip_keys(old.get("headers"), new.get("headers")):
            place = pointer(at, "headers", name)
            if before is None or after is None:
                yield presence("header", place, added=before is None)
            else:
                place = after.get("$ref", place)
                yield from self._value(resolve(self._old, before), resolve(self._new, after), "", place, received)
        for name, before, after in zip_keys(old.get("links"), new.get("links")):
            if before != after:
                severity = Severity.MINOR if after is None else Severity.PATCH
                yield Change(severity, pointer(at, "links", name), "link changed")
        yield from compare_remaining(old, new, at, ("content", "headers", "links"))

    def _content(self, old: Node, new: Node, at: str, direction: Direction, *, added: Severity) -> Iterator[Change]:
        for media, before, after in zip_keys(old.get("content"), new.get("content")):
            place = pointer(at, "content", media)
            if before is None or after is None:
                yield presence("media type", place, added=before is None, severity=added)
                continue
            schemas = before.get("schema", {}), after.get("schema", {})
            yield from self._schemas.compare(*schemas, pointer(place, "schema"), direction)
            yield from compare_remaining(before, after, place, ("schema",))

    def _callback(self, old: Node | None, new: Node | None, at: str, sent: Direction) -> Iterator[Change]:
        if old is None or new is None:
            yield presence("callback", at, added=old is None)
            return
        for expression, before, after in zip_keys(resolve(self._old, old), resolve(self._new, new)):
            place = pointer(at, expression)
            if before is None or after is None:
                what = "now sent to this address" if before is None else "no longer sent to this address"
                yield Change(Severity.MAJOR, place, what)
            else:
                yield from self._path(before, after, place, sent.reversed)

    def _code_table(self) -> Iterator[Change]:
        """Compare the description of the code table; schemas are compared elsewhere, but without texts."""
        tables = []
        for document in (self._old, self._new):
            envelope = document.get("components", {}).get("schemas", {}).get("ApiResponse", {})
            tables.append(envelope.get("properties", {}).get("code", {}).get("description"))
        if tables[0] != tables[1]:
            yield Change(Severity.MINOR, CODE, "the code table's text changed: does every code still mean the same?")
