"""Hypothesis strategies for the valid values of a JSON schema."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

import apikley_contract

Schema = dict[str, Any]
ASTRAL = "\U0001f680"
# One value of each JSON type.
SAMPLES: dict[str, Any] = {"string": "text", "integer": 7, "number": 1.5, "boolean": True, "array": [], "object": {}}
_CHARACTERS = st.characters(codec="utf-8")
# Bounds of numbers whose schema has none.
_LEAST, _MOST = -(2**31), 2**31


def resolve(schema: Schema) -> Schema:
    """Follow a schema's reference and merge its `allOf`."""
    if "$ref" in schema:
        return component(schema["$ref"].rsplit("/", 1)[1])
    if "allOf" not in schema:
        return schema
    merged: Schema = {key: value for key, value in schema.items() if key != "allOf"}
    for part in map(resolve, schema["allOf"]):
        merged = {
            **merged,
            **part,
            "required": [*merged.get("required", []), *part.get("required", [])],
            "properties": {**merged.get("properties", {}), **part.get("properties", {})},
        }
    return merged


def component(name: str) -> Schema:
    """A component schema of the contract, resolved."""
    return resolve(apikley_contract.schemas()["components"]["schemas"][name])


def types(schema: Schema) -> list[str]:
    """The JSON types that a schema allows."""
    kind = schema.get("type", "object" if "properties" in schema else list(SAMPLES))
    return [kind] if isinstance(kind, str) else kind


@st.composite
def values(draw: st.DrawFn, schema: Schema, present: tuple[str, ...] = ()) -> Any:
    """Draw a valid value.

    Args:
        draw: Given by Hypothesis.
        schema: The schema, in JSON Schema Draft 4.
        present: The path of a value that must exist: names of properties, and "0" for an array's first item.
    """
    schema = resolve(schema)
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    if branches := schema.get("oneOf") or schema.get("anyOf"):
        options = [branch for branch in branches if not present or types(branch) != ["null"]]
        return draw(values(draw(st.sampled_from(options)), present))
    kinds = [kind for kind in types(schema) if kind != "null" or not present]
    return draw(_of_type(draw(st.sampled_from(kinds)), schema, present))


def _of_type(kind: str, schema: Schema, present: tuple[str, ...]) -> st.SearchStrategy[Any]:
    return {
        "object": lambda: _objects(schema, present),
        "array": lambda: _arrays(schema, present),
        "string": lambda: strings(schema),
        "integer": lambda: numbers(schema, integer=True),
        "number": lambda: numbers(schema, integer=False),
        "boolean": st.booleans,
        "null": st.none,
    }[kind]()


@st.composite
def texts(draw: st.DrawFn, shortest: int, longest: int, characters: st.SearchStrategy[str] = _CHARACTERS) -> str:
    """Draw a text of a length in a range. Long texts repeat short ones, which is cheap to draw and to shrink."""
    edges = {shortest, min(longest, shortest + 12), (shortest + longest) // 2, longest}
    length = draw(st.one_of(st.integers(shortest, min(longest, shortest + 60)), st.sampled_from(sorted(edges))))
    piece = draw(st.text(characters, min_size=1, max_size=12))
    return (piece * (length // len(piece) + 1))[:length]


def strings(schema: Schema) -> st.SearchStrategy[str]:
    """Valid strings of a string schema."""
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", max(60, schema.get("minLength", 0)))
    if schema.get("format") == "uri":
        return uris().filter(lambda uri: shortest <= len(uri) <= longest)
    if schema.get("format") == "date-time":
        return st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
    if "pattern" in schema:
        pattern = python_pattern(schema["pattern"])
        # Regular expression dialects agree on ASCII.
        found = st.from_regex(pattern, alphabet=st.characters(min_codepoint=32, max_codepoint=126))
        return found.filter(lambda text: shortest <= len(text) <= schema.get("maxLength", math.inf))
    return texts(shortest, longest)


def python_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile a pattern of the contract; Python's `$` would match before a final newline, so it becomes `\Z`."""
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern))


@st.composite
def uris(draw: st.DrawFn) -> str:
    """Draw a loopback http(s) URI. Nothing listens there: Prism sends callbacks even for invalid requests."""
    host = draw(st.sampled_from(["127.0.0.1:9", "localhost:9", "[::1]:9"]))
    path = "/".join(draw(st.lists(st.sampled_from(["cb", "a-b", "%20", "~x", "1", ""]), max_size=3)))
    query = draw(st.sampled_from(["", "?job=7", "?a=%C3%A9&b=", "#part"]))
    return f"{draw(st.sampled_from(['http', 'https']))}://{host}/{path}{query}"


def multiples(schema: Schema, *, integer: bool) -> tuple[float, int, int]:
    """The step of a number schema, and the least and greatest valid multiples of it; step 0 for any float."""
    step = schema.get("multipleOf", 1 if integer else 0)
    least, most = schema.get("minimum", _LEAST), schema.get("maximum", _MOST)
    unit = step or 1
    low, high = math.ceil(least / unit), math.floor(most / unit)
    low += bool(schema.get("exclusiveMinimum")) and low * unit == least
    high -= bool(schema.get("exclusiveMaximum")) and high * unit == most
    return step, low, high


def numbers(schema: Schema, *, integer: bool) -> st.SearchStrategy[Any]:
    """Valid numbers of a number schema."""
    step, low, high = multiples(schema, integer=integer)
    if step:
        found = st.integers(low, high).map(lambda count: count * step)
        # Binary floats hit few multiples of 0.1 exactly.
        return found if integer else found.filter(lambda number: (number / step).is_integer())
    least, most = schema.get("minimum", _LEAST), schema.get("maximum", _MOST)
    least_is_out, most_is_out = bool(schema.get("exclusiveMinimum")), bool(schema.get("exclusiveMaximum"))
    floats = st.floats(least, most, exclude_min=least_is_out, exclude_max=most_is_out)
    return floats if low > high else st.one_of(st.integers(low, high), floats)


@st.composite
def _objects(draw: st.DrawFn, schema: Schema, present: tuple[str, ...]) -> dict[str, Any]:
    made = {}
    for name, part in schema.get("properties", {}).items():
        inner = present[1:] if present[:1] == (name,) else None
        if inner is not None or name in schema.get("required", []) or draw(st.booleans()):
            made[name] = draw(values(part, inner or ()))
    return made


@st.composite
def _arrays(draw: st.DrawFn, schema: Schema, present: tuple[str, ...]) -> list[Any]:
    items, fewest = schema.get("items", {}), schema.get("minItems", 0)
    first = [draw(values(items, present[1:]))] if present else []
    most = schema.get("maxItems", fewest + 3)
    rest = st.lists(values(items), min_size=max(0, fewest - len(first)), max_size=most - len(first))
    return first + draw(rest)
