"""Compares two schemas by the direction in which their values travel.

What a request may hold gets narrower: callers break. What a response may hold gets wider: readers do.
The other way round is safe.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Iterator
from enum import Enum
from typing import Any

from scripts.spec.report.changes import Change, Severity, shown
from scripts.spec.report.nodes import both, deprecated, pointer, resolve

Schema = dict[str, Any]

_UPPER = ("maxLength", "maximum", "maxItems", "maxProperties")
_LOWER = ("minLength", "minimum", "minItems", "minProperties")
_FLAGS = ("exclusiveMaximum", "exclusiveMinimum", "uniqueItems")
_EXACT = ("format", "pattern", "multipleOf")
_WORDS = ("title", "description", "example", "examples", "externalDocs", "xml")
_VALUES = ("type", "enum", "nullable", "default", "deprecated", "discriminator")
_PARTS = ("required", "properties", "additionalProperties", "items", "allOf", "oneOf", "anyOf")
_KNOWN = {*_UPPER, *_LOWER, *_FLAGS, *_EXACT, *_VALUES, *_PARTS}


class Direction(Enum):
    """Who sends the value."""

    REQUEST = "request"
    RESPONSE = "response"

    @property
    def narrowed(self) -> Severity:
        """Fewer values than before."""
        return Severity.MAJOR if self is Direction.REQUEST else Severity.PATCH

    @property
    def widened(self) -> Severity:
        """More values than before."""
        return Severity.MINOR if self is Direction.REQUEST else Severity.MAJOR

    @property
    def reversed(self) -> Direction:
        """The same in a callback, where the service is the caller."""
        return Direction.RESPONSE if self is Direction.REQUEST else Direction.REQUEST


class SchemaComparison:
    """Compares schemas of two documents; each pair of components once for each direction."""

    def __init__(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str, Direction]] = set()

    def compare(self, old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
        """What changed from one schema to the other, references followed."""
        names = old.get("$ref", ""), new.get("$ref", "")
        if any(names):
            if (*names, direction) in self._seen:
                return
            self._seen.add((*names, direction))
            if all(names) and names[0] != names[1]:
                yield Change(Severity.PATCH, at, f"refers to {names[1]}, before to {names[0]}")
            old, new = resolve(self._old, old), resolve(self._new, new)
            at = names[1] or at
            yield from self.compare(old, new, at, direction)
            return
        yield from _type(old, new, at, direction)
        yield from _enum(old, new, at, direction)
        yield from _limits(old, new, at, direction)
        yield from _default(old, new, at, direction)
        yield from _others(old, new, at)
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
        for key in ("oneOf", "anyOf", "allOf"):
            # One more alternative widens; one more condition narrows.
            more, less = direction.widened, direction.narrowed
            if key == "allOf":
                more, less = less, more
            for one, other, index in _pairs(old.get(key, []), new.get(key, [])):
                if one is None:
                    yield Change(more, at, f"{key} gained {_name(other, new)} in the {direction.value}")
                elif other is None:
                    yield Change(less, at, f"{key} lost {_name(one, old)} in the {direction.value}")
                else:
                    yield from self.compare(one, other, pointer(at, key, index), direction)
        mappings = [schema.get("discriminator", {}) for schema in (old, new)]
        if mappings[0].get("propertyName") != mappings[1].get("propertyName"):
            yield Change(Severity.MAJOR, pointer(at, "discriminator"), "alternatives are told apart by another field")
        targets = [mapping.get("mapping", {}) for mapping in mappings]
        for value in (value for value in targets[0] if value not in targets[1]):
            yield Change(direction.narrowed, pointer(at, "discriminator", "mapping", value), "removed")


def _type(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    before, after = old.get("type"), new.get("type")
    if before != after:
        what = f"type {before or 'any'} → {after or 'any'} in the {direction.value}"
        severity = Severity.MAJOR
        if after is None or (before, after) == ("integer", "number"):
            severity = direction.widened
        elif before is None or (before, after) == ("number", "integer"):
            severity = direction.narrowed
        yield Change(severity, at, what)
    if bool(old.get("nullable")) != bool(new.get("nullable")):
        now = bool(new.get("nullable"))
        what = f"null is {'now' if now else 'no longer'} allowed in the {direction.value}"
        yield Change(direction.widened if now else direction.narrowed, at, what)


def _enum(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    before, after = old.get("enum"), new.get("enum")
    if before is None and after is not None:
        yield Change(direction.narrowed, at, f"only {shown(after)} from now on in the {direction.value}")
    elif before is not None and after is None:
        yield Change(direction.widened, at, f"no longer only {shown(before)} in the {direction.value}")
    elif before is not None and after is not None:
        keys = [{json.dumps(value): value for value in values} for values in (before, after)]
        for value in (keys[1][key] for key in keys[1] if key not in keys[0]):
            yield Change(direction.widened, at, f"new value {shown(value)} in the {direction.value}")
        for value in (keys[0][key] for key in keys[0] if key not in keys[1]):
            yield Change(direction.narrowed, at, f"value {shown(value)} dropped in the {direction.value}")
        names = [_member_names(schema) for schema in (old, new)]
        for value, one, other in both(*names):
            if one and other and one != other:
                yield Change(Severity.MAJOR, at, f"the value {value} is named {other}, before {one}")


def _member_names(schema: Schema) -> dict[str, str]:
    return dict(zip(map(str, schema["enum"]), schema.get("x-enum-varnames", []), strict=False))


def _limits(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    def change(key: str, *, narrower: bool) -> Change:
        what = f"{key} {shown(old.get(key))} → {shown(new.get(key))} in the {direction.value}"
        return Change(direction.narrowed if narrower else direction.widened, at, what)

    none = dict.fromkeys(_UPPER, math.inf) | dict.fromkeys(_LOWER, 0) | {"minimum": -math.inf}
    for key, nothing in none.items():
        before, after = (schema.get(key, nothing) for schema in (old, new))
        if before != after:
            yield change(key, narrower=(after < before) == (key in _UPPER))
    for key in _FLAGS:
        if bool(old.get(key)) != bool(new.get(key)):
            yield change(key, narrower=bool(new.get(key)))
    for key in _EXACT:
        if key in old and key in new and old[key] != new[key]:
            yield Change(Severity.MAJOR, at, f"{key} {shown(old[key])} → {shown(new[key])}")
        elif (key in old) != (key in new):
            yield change(key, narrower=key in new)


def _default(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    """A request that leaves a field out gets something else by a changed default, and pays for it."""
    before, after = old.get("default"), new.get("default")
    if before == after and type(before) is type(after):
        return
    severity = Severity.PATCH
    if direction is Direction.REQUEST:
        severity = Severity.MINOR if before is None else Severity.MAJOR
    yield Change(severity, at, f"default {shown(before)} → {shown(after)} in the {direction.value}")


def _others(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    yield from deprecated(old, new, at)
    for key, before, after in both(old, new):
        if before == after:
            continue
        if key in _WORDS or key.startswith("x-"):
            if key != "x-enum-varnames":
                yield Change(Severity.PATCH, at, f"{key} changed")
        elif key not in _KNOWN:
            yield Change(Severity.MAJOR, at, f"{key} {shown(before)} → {shown(after)}")


def _further(schema: Schema) -> Schema | None:
    value = schema.get("additionalProperties", True)
    if isinstance(value, dict):
        return value
    return {} if value else None


def _pairs(old: list[Schema], new: list[Schema]) -> Iterator[tuple[Schema | None, Schema | None, int]]:
    """Alternatives that belong together: those of one name, then those that say the same, then the rest in order."""
    left, right = list(enumerate(old)), list(enumerate(new))
    for same in (_one_name, operator.eq):
        for index, one in list(left):
            match = next((pair for pair in right if same(one, pair[1])), None)
            if match is not None:
                left.remove((index, one))
                right.remove(match)
                yield one, match[1], match[0]
    plain = [[pair for pair in side if "$ref" not in pair[1]] for side in (left, right)]
    for (_, one), (index, other) in zip(*plain, strict=False):
        yield one, other, index
    paired = min(map(len, plain))
    rest = [[pair for pair in side if pair not in few[:paired]] for side, few in zip((left, right), plain, strict=True)]
    yield from ((one, None, index) for index, one in rest[0])
    yield from ((None, other, index) for index, other in rest[1])


def _one_name(old: Schema, new: Schema) -> bool:
    return "$ref" in old and old["$ref"] == new.get("$ref")


def _name(part: Schema | None, whole: Schema) -> str:
    """What an alternative is called: by the value that chooses it, by its component, or by itself."""
    reference = (part or {}).get("$ref", "")
    values = whole.get("discriminator", {}).get("mapping", {})
    chosen_by = next((value for value, target in values.items() if target == reference), "")
    return chosen_by or str(reference).rpartition("/")[2] or shown(part)
