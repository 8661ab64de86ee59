"""Compares what two schemas say of a value itself: type, choices, limits, default, file, words."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from scripts.pipeline.report.changes import Change, Direction, Severity, shown
from scripts.pipeline.report.nodes import both, deprecated

Schema = dict[str, Any]

_UPPER = ("maxLength", "maximum", "maxItems", "maxProperties")
_LOWER = ("minLength", "minimum", "minItems", "minProperties")
_FLAGS = ("exclusiveMaximum", "exclusiveMinimum", "uniqueItems")
_EXACT = ("format", "pattern", "multipleOf", "not")
_ONE_SIDED = {"readOnly": Direction.REQUEST, "writeOnly": Direction.RESPONSE}
# For these the generated client has types of its own, which take and give nothing else.
_TYPED_FORMATS = {"date", "date-time", "uuid", "binary"}
_WORDS = ("title", "description", "example", "examples", "externalDocs", "xml")
_VALUES = ("type", "enum", "nullable", "default", "deprecated", "discriminator")
_PARTS = ("required", "properties", "additionalProperties", "items", "allOf", "oneOf", "anyOf")
_KNOWN = {*_UPPER, *_LOWER, *_FLAGS, *_EXACT, *_ONE_SIDED, *_VALUES, *_PARTS, "x-enum-varnames", "x-file"}


def compare_values(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    """What changed in all that a schema says without another schema."""
    for rule in (_type, _enum, _limits, _default, _file, _one_sided):
        yield from rule(old, new, at, direction)
    yield from _others(old, new, at)


def is_word(key: str) -> bool:
    """Whether a member of a schema is for people only."""
    return key in _WORDS or (key.startswith("x-") and key not in _KNOWN)


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
        yield from _choices(before, after, "value", at, direction)
        names = [_member_names(schema) for schema in (old, new)]
        for value, one, other in both(*names):
            if one and other and one != other:
                yield Change(Severity.MAJOR, at, f"the value {value} is named {other}, before {one}")


def _choices(before: Iterable[Any], after: Iterable[Any], what: str, at: str, direction: Direction) -> Iterator[Change]:
    old, new = ({json.dumps(value, sort_keys=True): value for value in values} for values in (before, after))
    for value in (new[key] for key in new if key not in old):
        yield Change(direction.widened, at, f"new {what} {shown(value)} in the {direction.value}")
    for value in (old[key] for key in old if key not in new):
        yield Change(direction.narrowed, at, f"{what} {shown(value)} dropped in the {direction.value}")


def _member_names(schema: Schema) -> dict[str, str]:
    values = [str(value) for value in schema["enum"] if value is not None]
    return dict(zip(values, schema.get("x-enum-varnames", []), strict=False))


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
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        retyped = key == "format" and not _TYPED_FORMATS.isdisjoint((before, after))
        if retyped or (before is not None and after is not None):
            yield Change(Severity.MAJOR, at, f"{key} {shown(before)} → {shown(after)}")
        else:
            yield change(key, narrower=before is None)


def _default(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    """A request that leaves a field out gets something else by a changed default, and pays for it."""
    before, after = old.get("default"), new.get("default")
    if before == after and type(before) is type(after):
        return
    severity = Severity.PATCH
    if direction is Direction.REQUEST:
        severity = Severity.MINOR if before is None else Severity.MAJOR
    yield Change(severity, at, f"default {shown(before)} → {shown(after)} in the {direction.value}")


def _file(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    """What a local file may be for a field that takes its URL: the client refuses any other, or all without a rule."""
    before, after = old.get("x-file"), new.get("x-file")
    if before == after:
        return
    if before is None or after is None:
        severity = direction.widened if before is None else direction.narrowed
        yield Change(severity, at, "now takes a local file" if before is None else "no longer takes a local file")
        return
    yield from _choices(before["media-types"], after["media-types"], "media type", at, direction)
    sizes = before["max-bytes"], after["max-bytes"]
    if sizes[0] != sizes[1]:
        severity = direction.narrowed if sizes[1] < sizes[0] else direction.widened
        yield Change(severity, at, f"max-bytes {sizes[0]} → {sizes[1]} of the file")


def _one_sided(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    """Whether a field has left, or come to, one of the two directions."""
    for key, left in _ONE_SIDED.items():
        now = bool(new.get(key))
        if bool(old.get(key)) != now:
            severity = Severity.MAJOR if now else Severity.MINOR
            what = f"{'now' if now else 'no longer'} {key} in the {direction.value}"
            yield Change(severity if direction is left else Severity.PATCH, at, what)


def _others(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    yield from deprecated(old, new, at)
    for key, before, after in both(old, new):
        if before == after or key in _KNOWN:
            continue
        if is_word(key):
            yield Change(Severity.PATCH, at, f"{key} changed")
        else:
            yield Change(Severity.MAJOR, at, f"{key} {shown(before)} → {shown(after)}")
