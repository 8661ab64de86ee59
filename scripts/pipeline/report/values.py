"""Compares what two schemas say about a value itself: type, enum, limits, default, file rule and texts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from scripts.pipeline.report.changes import Change, Direction, Severity, display
from scripts.pipeline.report.nodes import compare_deprecated, compare_flag, zip_keys

Schema = dict[str, Any]

_UPPER = ("maxLength", "maximum", "maxItems", "maxProperties")
_LOWER = ("minLength", "minimum", "minItems", "minProperties")
# The value of each limit that restricts nothing.
_UNLIMITED = dict.fromkeys(_UPPER, math.inf) | dict.fromkeys(_LOWER, 0) | {"minimum": -math.inf}
_FLAGS = ("exclusiveMaximum", "exclusiveMinimum", "uniqueItems")
_EXACT = ("format", "pattern", "multipleOf", "not")
_ONE_SIDED = {"readOnly": Direction.REQUEST, "writeOnly": Direction.RESPONSE}
# The generated client has its own type for each of these formats.
_TYPED_FORMATS = {"date", "date-time", "uuid", "binary"}
_TEXTS = ("title", "description", "example", "examples", "externalDocs", "xml")
_VALUES = ("type", "enum", "nullable", "default", "deprecated", "discriminator")
_PARTS = ("required", "properties", "additionalProperties", "items", "allOf", "oneOf", "anyOf")
_KNOWN = {*_UPPER, *_LOWER, *_FLAGS, *_EXACT, *_ONE_SIDED, *_VALUES, *_PARTS, "x-enum-varnames", "x-file"}


def compare_values(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    """Yield the changes of everything in a schema that is not another schema."""
    for compare in (_type, _enum, _limits, _default, _file):
        yield from compare(old, new, at, direction)
    for key, side in _ONE_SIDED.items():
        severities = (Severity.MAJOR, Severity.MINOR) if direction is side else (Severity.PATCH, Severity.PATCH)
        yield from compare_flag(old, new, key, at, severities, f"{{}} in the {direction.value}")
    yield from compare_deprecated(old, new, at)
    for key, before, after in zip_keys(old, new):
        if before == after or key in _KNOWN:
            continue
        if is_text(key):
            yield Change(Severity.PATCH, at, f"{key} changed")
        else:
            yield Change(Severity.MAJOR, at, f"{key} {display(before)} → {display(after)}")


def is_text(key: str) -> bool:
    """Return whether a member of a schema is a text or annotation that does not restrict values."""
    return key in _TEXTS or (key.startswith("x-") and key not in _KNOWN)


def _type(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    before, after = old.get("type"), new.get("type")
    if before != after:
        severity = Severity.MAJOR
        if after is None or (before, after) == ("integer", "number"):
            severity = direction.widened
        elif before is None or (before, after) == ("number", "integer"):
            severity = direction.narrowed
        yield Change(severity, at, f"type {before or 'any'} → {after or 'any'} in the {direction.value}")
    severities = (direction.widened, direction.narrowed)
    yield from compare_flag(old, new, "nullable", at, severities, f"{{}} in the {direction.value}")


def _enum(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    before, after = old.get("enum"), new.get("enum")
    if before is None and after is not None:
        yield Change(direction.narrowed, at, f"now restricted to {display(after)} in the {direction.value}")
    elif before is not None and after is None:
        yield Change(direction.widened, at, f"no longer restricted to {display(before)} in the {direction.value}")
    elif before is not None and after is not None:
        yield from _choices(before, after, "value", at, direction)
        for value, one, other in zip_keys(*map(_member_names, (old, new))):
            if one and other and one != other:
                yield Change(Severity.MAJOR, at, f"the value {value} is named {other} instead of {one}")


def _choices(before: Iterable[Any], after: Iterable[Any], what: str, at: str, direction: Direction) -> Iterator[Change]:
    old, new = ({json.dumps(value, sort_keys=True): value for value in values} for values in (before, after))
    added, removed = ([values[key] for key in values if key not in other] for values, other in ((new, old), (old, new)))
    if added:
        yield Change(direction.widened, at, f"new {_list(what, added)} in the {direction.value}")
    if removed:
        yield Change(direction.narrowed, at, f"{_list(what, removed)} removed from the {direction.value}")


def _list(what: str, values: list[Any]) -> str:
    return f"{what}{'s' if len(values) > 1 else ''} {', '.join(map(display, values))}"


def _member_names(schema: Schema) -> dict[str, str]:
    values = [str(value) for value in schema["enum"] if value is not None]
    return dict(zip(values, schema.get("x-enum-varnames", []), strict=False))


def _limits(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    def change(key: str, *, narrower: bool) -> Change:
        what = f"{key} {display(old.get(key))} → {display(new.get(key))} in the {direction.value}"
        return Change(direction.narrowed if narrower else direction.widened, at, what)

    for key, unlimited in _UNLIMITED.items():
        before, after = (schema.get(key, unlimited) for schema in (old, new))
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
            yield Change(Severity.MAJOR, at, f"{key} {display(before)} → {display(after)}")
        else:
            yield change(key, narrower=before is None)


def _default(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    """Compare defaults; a changed default changes the result, and the price, of requests that omit the field."""
    before, after = old.get("default"), new.get("default")
    if before == after and type(before) is type(after):
        return
    severity = Severity.PATCH
    if direction is Direction.REQUEST:
        severity = Severity.MINOR if before is None else Severity.MAJOR
    yield Change(severity, at, f"default {display(before)} → {display(after)} in the {direction.value}")


def _file(old: Schema, new: Schema, at: str, direction: Direction) -> Iterator[Change]:
    """Compare the file rules; the client refuses a local file without a rule, or one that breaks it."""
    before, after = old.get("x-file"), new.get("x-file")
    if before == after:
        return
    if before is None or after is None:
        severity = direction.widened if before is None else direction.narrowed
        yield Change(severity, at, f"{'now' if before is None else 'no longer'} accepts a local file")
        return
    types = before.get("media-types"), after.get("media-types")
    if types[0] and types[1]:
        yield from _choices(types[0], types[1], "media type", at, direction)
    elif types[0] != types[1]:
        severity = direction.narrowed if types[1] else direction.widened
        yield Change(severity, at, f"media types {display(types[0])} → {display(types[1])} of the file")
    sizes = before.get("max-bytes", math.inf), after.get("max-bytes", math.inf)
    if sizes[0] != sizes[1]:
        severity = direction.narrowed if sizes[1] < sizes[0] else direction.widened
        yield Change(severity, at, f"max-bytes {sizes[0]} → {sizes[1]} of the file")
