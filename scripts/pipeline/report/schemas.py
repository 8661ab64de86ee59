"""Compares two schemas by the direction in which their values travel.

What a request may hold gets narrower: callers break. What a response may hold gets wider: readers do.
The other way round is safe.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scripts.pipeline.report import alternatives
from scripts.pipeline.report.changes import Change, Direction, Severity
from scripts.pipeline.report.nodes import both, pointer, resolve
from scripts.pipeline.report.values import compare_values

Schema = dict[str, Any]
_Pair = tuple[str, str, Direction]


class SchemaComparison:
    """Compares schemas of two documents; each pair of components once for each direction."""

    def __init__(self, old: dict[str, Any], new: dict[str, Any], judged: frozenset[_Pair] = frozenset()) -> None:
        self._old, self._new = old, new
        self._seen: set[_Pair] = set()
        self._judged = judged

    def compare(self, old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
        """What changed from one schema to the other, references followed."""
        old, new = alternatives.wrapped(old, new), alternatives.wrapped(new, old)
        names = old.get("$ref", ""), new.get("$ref", "")
        if any(names):
            pair = (_identity(old), _identity(new), direction)
            if pair in self._seen:
                return
            self._seen.add(pair)
            if all(names) and names[0] != names[1]:
                # It may well say the same, but its type has another name in Python.
                yield Change(Severity.MINOR, at, f"refers to {names[1]}, before to {names[0]}")
            old, new = resolve(self._old, old), resolve(self._new, new)
            at = names[1] or at
            yield from self.compare(old, new, at, direction)
            return
        yield from compare_values(old, new, at, direction)
        yield from self._object(old, new, at, direction)
        yield from self._parts(old, new, at, direction)

    def _object(self, old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            place = pointer(at, "properties", name)
            if name in after:
                yield from self.compare(before[name], after[name], place, direction)
            else:
                yield Change(Severity.MAJOR, place, f"removed from the {direction.value}")
        required = set(old.get("required", [])), set(new.get("required", []))
        for name in (name for name in after if name not in before):
            yield Change(Severity.MINOR, pointer(at, "properties", name), f"added to the {direction.value}")
        for name in sorted(required[1] - required[0]):
            yield Change(direction.narrowed, pointer(at, "properties", name), f"now required in the {direction.value}")
        for name in sorted(required[0] - required[1]):
            what = f"no longer required in the {direction.value}"
            yield Change(direction.widened, pointer(at, "properties", name), what)
        yield from self._further(_further(old), _further(new), pointer(at, "additionalProperties"), direction)

    def _further(self, old: Schema | None, new: Schema | None, at: str, direction: Direction) -> Iterator[Change]:
        """Properties without a name: a schema for them, or None where there may be none."""
        if old and new:
            yield from self.compare(old, new, at, direction)
        elif old != new:
            # No schema means anything goes, so that between it and a schema the schema is the narrower one.
            narrowed = new is None or (old is not None and not old)
            what = f"further properties of the {direction.value} are now "
            what += "refused" if new is None else "held to a schema" if new else "allowed"
            yield Change(direction.narrowed if narrowed else direction.widened, at, what)

    def _parts(self, old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
        if "items" in old or "items" in new:
            yield from self.compare(old.get("items", {}), new.get("items", {}), pointer(at, "items"), direction)
        for key in alternatives.KEYS:
            yield from self._list(key, old, new, at, direction)
        yield from _discriminator(old, new, pointer(at, "discriminator"), direction)

    def _list(self, key: str, old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
        before, after = old.get(key, []), new.get(key, [])
        if key != "allOf" and bool(before) != bool(after):
            # No alternatives at all leave every value: the first ones narrow, the last ones widen.
            names = ", ".join(alternatives.name(part, new if after else old) for part in after or before)
            what = f"{key} {names} {'from now on' if after else 'no longer asked for'} in the {direction.value}"
            yield Change(direction.narrowed if after else direction.widened, at, what)
            return
        for one, other, index in alternatives.pairs(before, after):
            if one is not None and other is not None:
                yield from self.compare(one, other, pointer(at, key, index), direction)
                continue
            what = f"{key} {'gained' if one is None else 'lost'} "
            what += alternatives.name(other, new) if one is None else alternatives.name(one, old)
            if key == "allOf":
                rest = self._type(old, self._old) if one is None else self._type(new, self._new)
                severity = self._condition(one, other, rest, direction)
            else:
                severity = direction.widened if one is None else direction.narrowed
            yield Change(severity, at, f"{what} in the {direction.value}")

    def _condition(self, old: Schema | None, new: Schema | None, rest: str | None, direction: Direction) -> Severity:
        """How bad it is that a part of an `allOf` has come or gone: as bad as what it alone says.

        The type that the rest asks for anyway is no condition of this part.
        """
        asked = self._type(new or {}, self._new) or self._type(old or {}, self._old)
        nothing = {"type": rest} if rest and rest == asked else {}
        one, other = old or nothing, new or nothing
        pair = (_identity(one), _identity(other), direction)
        if pair in self._judged:
            return Severity.PATCH
        # What it refers to may have been compared already, which says nothing of this place.
        fresh = SchemaComparison(self._old, self._new, self._judged | {pair})
        return max((change.severity for change in fresh.compare(one, other, "#", direction)), default=Severity.PATCH)

    def _type(self, schema: Schema, document: dict[str, Any]) -> str | None:
        """The type that a schema asks for, itself or in one of its conditions."""
        schema = resolve(document, schema)
        parts = (self._type(part, document) for part in schema.get("allOf", []))
        return schema.get("type") or next(filter(None, parts), None)


def _discriminator(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    before, after = (schema.get("discriminator", {}) for schema in (old, new))
    if before.get("propertyName") != after.get("propertyName"):
        yield Change(Severity.MAJOR, at, "alternatives are told apart by another field")
    known = [part.get("$ref") for key in ("oneOf", "anyOf") for part in old.get(key, [])]
    for value, one, other in both(before.get("mapping"), after.get("mapping")):
        place = pointer(at, "mapping", value)
        if other is None:
            yield Change(direction.narrowed, place, "removed")
        elif one is None and other in known:
            yield Change(direction.widened, place, f"new value for {other}")
        elif one is not None and one != other:
            yield Change(Severity.MAJOR, place, f"leads to {other}, before to {one}")


def _identity(schema: Schema) -> str:
    return schema.get("$ref") or json.dumps(schema, sort_keys=True)


def _further(schema: Schema) -> Schema | None:
    value = schema.get("additionalProperties", True)
    if isinstance(value, dict):
        return value
    return {} if value else None
