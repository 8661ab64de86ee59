"""Compares two schemas by the direction of their values.

Narrowing a request breaks callers, and widening a response breaks readers. The reverse is safe.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scripts.pipeline.issues import pointer
from scripts.pipeline.report.alternatives import KEYWORDS, alternative_name, match, wrap_like
from scripts.pipeline.report.changes import Change, Direction, Severity
from scripts.pipeline.report.nodes import resolve, zip_keys
from scripts.pipeline.report.values import compare_values

Schema = dict[str, Any]
_Pair = tuple[str, str, Direction]


class SchemaComparison:
    """Compares schemas of two documents, each pair of components once for each direction."""

    def __init__(self, old: dict[str, Any], new: dict[str, Any], conditions: frozenset[_Pair] = frozenset()) -> None:
        self._old, self._new = old, new
        self._seen: set[_Pair] = set()
        self._conditions = conditions

    def compare(self, old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
        """Yield the changes from one schema to the other, following references."""
        old, new = wrap_like(old, new), wrap_like(new, old)
        names = old.get("$ref", ""), new.get("$ref", "")
        if any(names):
            pair = (_identity(old), _identity(new), direction)
            if pair in self._seen:
                return
            self._seen.add(pair)
            if all(names) and names[0] != names[1]:
                # Even if both mean the same, the type has another name in Python.
                yield Change(Severity.MINOR, at, f"refers to {names[1]} instead of {names[0]}")
            yield from self.compare(resolve(self._old, old), resolve(self._new, new), names[1] or at, direction)
            return
        yield from compare_values(old, new, at, direction)
        yield from self._object(old, new, at, direction)
        if "items" in old or "items" in new:
            yield from self.compare(old.get("items", {}), new.get("items", {}), pointer(at, "items"), direction)
        for key in KEYWORDS:
            yield from self._alternatives(key, old, new, at, direction)
        yield from _discriminator(old, new, pointer(at, "discriminator"), direction)

    def _object(self, old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
        for name, before, after in zip_keys(old.get("properties"), new.get("properties")):
            place = pointer(at, "properties", name)
            if before is None or after is None:
                severity = Severity.MINOR if before is None else Severity.MAJOR
                what = "added to" if before is None else "removed from"
                yield Change(severity, place, f"{what} the {direction.value}")
            else:
                yield from self.compare(before, after, place, direction)
        required = set(old.get("required", [])), set(new.get("required", []))
        for name in sorted(required[1] - required[0]):
            yield Change(direction.narrowed, pointer(at, "properties", name), f"now required in the {direction.value}")
        for name in sorted(required[0] - required[1]):
            what = f"no longer required in the {direction.value}"
            yield Change(direction.widened, pointer(at, "properties", name), what)
        place = pointer(at, "additionalProperties")
        yield from self._additional(_additional(old), _additional(new), place, direction)

    def _additional(self, old: Schema | None, new: Schema | None, at: str, direction: Direction) -> Iterator[Change]:
        """Compare the schemas of additional properties; None refuses them, and `{}` allows any."""
        if old and new:
            yield from self.compare(old, new, at, direction)
        elif old != new:
            narrowed = new is None or old == {}
            what = "refused" if new is None else "restricted by a schema" if new else "allowed"
            severity = direction.narrowed if narrowed else direction.widened
            yield Change(severity, at, f"additional properties of the {direction.value} are now {what}")

    def _alternatives(self, key: str, old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
        before, after = old.get(key, []), new.get(key, [])
        if key != "allOf" and bool(before) != bool(after):
            # A schema without alternatives allows every value.
            names = ", ".join(alternative_name(part, new if after else old) for part in after or before)
            what = f"{key} {names} {'now' if after else 'no longer'} required in the {direction.value}"
            yield Change(direction.narrowed if after else direction.widened, at, what)
            return
        for one, other, index in match(before, after):
            if one is not None and other is not None:
                yield from self.compare(one, other, pointer(at, key, index), direction)
                continue
            if key == "allOf":
                rest = self._type(old, self._old) if one is None else self._type(new, self._new)
                severity = self._condition_severity(one, other, rest, direction)
            else:
                severity = direction.widened if one is None else direction.narrowed
            name = alternative_name(other, new) if one is None else alternative_name(one, old)
            what = f"{key} {'gained' if one is None else 'lost'} {name} in the {direction.value}"
            yield Change(severity, at, what)

    def _condition_severity(
        self, old: Schema | None, new: Schema | None, rest: str | None, direction: Direction
    ) -> Severity:
        """Return the severity of a new or removed part of an `allOf`: the one of its own contents.

        Its type does not count if `rest`, the type that the other parts require, is the same.
        """
        type_ = self._type(new or {}, self._new) or self._type(old or {}, self._old)
        nothing = {"type": rest} if rest and rest == type_ else {}
        one, other = old or nothing, new or nothing
        pair = (_identity(one), _identity(other), direction)
        if pair in self._conditions:  # a recursive schema
            return Severity.PATCH
        # A new comparison, because this one skips components that it has compared at another place.
        comparison = SchemaComparison(self._old, self._new, self._conditions | {pair})
        changes = comparison.compare(one, other, "#", direction)
        return max((change.severity for change in changes), default=Severity.PATCH)

    def _type(self, schema: Schema, document: dict[str, Any]) -> str | None:
        """Return the type that a schema, or a part of its `allOf`, requires."""
        schema = resolve(document, schema)
        parts = (self._type(part, document) for part in schema.get("allOf", []))
        return schema.get("type") or next(filter(None, parts), None)


def _discriminator(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    before, after = (schema.get("discriminator", {}) for schema in (old, new))
    if before.get("propertyName") != after.get("propertyName"):
        yield Change(Severity.MAJOR, at, "the discriminator is another field")
    known = [part.get("$ref") for key in ("oneOf", "anyOf") for part in old.get(key, [])]
    for value, one, other in zip_keys(before.get("mapping"), after.get("mapping")):
        place = pointer(at, "mapping", value)
        if other is None:
            yield Change(direction.narrowed, place, "removed")
        elif one is None and other in known:
            yield Change(direction.widened, place, f"new value for {other}")
        elif one is not None and one != other:
            yield Change(Severity.MAJOR, place, f"selects {other} instead of {one}")


def _identity(schema: Schema) -> str:
    return schema.get("$ref") or json.dumps(schema, sort_keys=True)


def _additional(schema: Schema) -> Schema | None:
    value = schema.get("additionalProperties", True)
    if isinstance(value, dict):
        return value
    return {} if value else None
