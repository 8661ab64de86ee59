"""The rules of a schema, and Hypothesis strategies for bodies that break exactly one of them.

Nothing here names a field, a limit or a code; all of it is read from the schema.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from contract_tests.contract.draws import (
    ASTRAL,
    SAMPLES,
    Schema,
    multiples,
    python_pattern,
    resolve,
    texts,
    types,
    values,
)

# The keywords that `rules` covers, and keywords without effect on validity.
KEYWORDS = {
    *("type", "enum", "anyOf", "oneOf", "allOf", "$ref", "required", "properties", "additionalProperties", "items"),
    *("maxLength", "minLength", "pattern", "format", "maximum", "minimum", "multipleOf", "maxItems", "minItems"),
    *("exclusiveMaximum", "exclusiveMinimum"),
}
ANNOTATIONS = {"description", "default", "title"}
# Strings that are no URIs, and strings that barely miss a pattern.
_NO_URIS = ("no uri", "/relative", "//127.0.0.1:9/x", "", "http://127.0.0.1:9/a b", "1http://127.0.0.1:9/")
_NEAR_MISSES = ("", "/", "/a", "a/", " ", "0", "cat.png", "C:\\cat.png", "file:///cat.png", "ftp://127.0.0.1:9/a")
_UNKNOWN_NAMES = ("extra", "Prompt", "x-y", "ключ", "")


@dataclass(frozen=True)
class Rule:
    """One rule of a schema that a body breaks, or keeps at its limit.

    Attributes:
        name: A JSON Schema keyword, with the wrong type after `type`; or the limit that the body
            keeps (`within maxLength`).
        pointer: JSON pointer to the value.
        valid: Whether a body that shows this rule is valid.
    """

    name: str
    pointer: str
    valid: bool

    def __str__(self) -> str:
        return f"{self.name} {self.pointer or '/'}"

    @property
    def keyword(self) -> str:
        """The JSON Schema keyword."""
        return self.name.split(" ")[0] if self.name.startswith("type ") else self.name.rpartition(" ")[2]

    @property
    def reported(self) -> str:
        """The pointer that validators report: the parent's for a missing value."""
        return self.pointer.rpartition("/")[0] if self.name == "required" else self.pointer


def rules(schema: Schema, pointer: str = "") -> Iterator[Rule]:
    """Yield every rule of a schema and of the values in it."""
    schema = resolve(schema)
    for combined in ("oneOf", "anyOf"):
        if combined in schema:
            if _foreign_types(schema):
                yield Rule(combined, pointer, False)
            return
    for kind in _foreign_types(schema):
        yield Rule(f"type {kind}", pointer, False)
    for name in _STRATEGIES:
        if _applies(name, schema):
            yield Rule(name, pointer, name.startswith(("within", "astral within", "unknown")))
    for name, part in schema.get("properties", {}).items():
        required = name in schema.get("required", [])
        yield Rule("required" if required else "left out", f"{pointer}/{name}", not required)
        yield from rules(part, f"{pointer}/{name}")
    if "items" in schema:
        yield from rules(schema["items"], f"{pointer}/0")


@st.composite
def bodies(draw: st.DrawFn, schema: Schema, rule: Rule | None = None) -> Any:
    """Draw any valid body, or one that shows `rule` and breaks no other."""
    schema = resolve(schema)
    if rule is None:
        return draw(values(schema))
    steps = rule.pointer.split("/")[1:]
    # The extra step requires that the value itself is not null.
    body = draw(values(schema, (*steps, "")))
    if not steps:
        return draw(_strategy(rule, schema, body))
    holder, key = body, _key(steps[0])
    for step in steps[1:]:
        holder, schema, key = holder[key], _part(schema, key), _key(step)
    if rule.name in ("required", "left out"):
        del holder[key]
    else:
        holder[key] = draw(_strategy(rule, _part(schema, key), holder[key]))
    return body


def _key(step: str) -> str | int:
    return int(step) if step.isdecimal() else step


def _part(schema: Schema, key: str | int) -> Schema:
    return resolve(schema["items"] if isinstance(key, int) else schema["properties"][key])


def _foreign_types(schema: Schema) -> list[str]:
    kinds = _kinds(schema)
    kinds |= {"integer"} if "number" in kinds else set()
    return [kind for kind in (*SAMPLES, "null") if kind not in kinds]


def _kinds(schema: Schema) -> set[str]:
    schema = resolve(schema)
    branches = schema.get("oneOf") or schema.get("anyOf")
    return set().union(*map(_kinds, branches)) if branches else set(types(schema))


def _applies(name: str, schema: Schema) -> bool:
    keyword = name.rpartition(" ")[2]
    plain = "pattern" not in schema and "format" not in schema
    step = schema.get("multipleOf", 1)
    conditions = {
        "key": "properties" in schema and schema.get("additionalProperties") is not False,
        "additionalProperties": schema.get("additionalProperties") is False,
        "format": schema.get("format") == "uri",
        "minLength": schema.get("minLength", 0) > 0 and plain,
        "maxLength": "maxLength" in schema and (plain or name == "maxLength"),
        "minItems": schema.get("minItems", 0) > 0,
        # Every integer is a multiple of 1.
        "multipleOf": step > 1 or step != int(step),
    }
    return bool(conditions.get(keyword, keyword in schema))


def _strategy(rule: Rule, schema: Schema, valid: Any) -> st.SearchStrategy[Any]:
    if rule.keyword in ("oneOf", "anyOf"):
        return st.sampled_from(_foreign_types(schema)).map(_sample)
    if rule.keyword == "type":
        return st.builds(_sample, st.just(rule.name.removeprefix("type ")))
    return _STRATEGIES[rule.name](schema, valid)


def _sample(kind: str) -> Any:
    return copy.deepcopy(SAMPLES.get(kind))


def _enum(schema: Schema, _: Any) -> st.SearchStrategy[Any]:
    known = {json.dumps(each) for each in schema["enum"]}

    def near(value: Any) -> st.SearchStrategy[Any]:
        if isinstance(value, str):
            return st.sampled_from([f"{value}-2", value.upper(), "", value[:-1], f" {value}"])
        return st.just(not value) if isinstance(value, bool) else st.just(value + 1)

    options = [value for value in schema["enum"] if value is not None]
    return st.sampled_from(options).flatmap(near).filter(lambda value: json.dumps(value) not in known)


def _no_match(schema: Schema, _: Any) -> st.SearchStrategy[str]:
    pattern = python_pattern(schema["pattern"])
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", 60)
    printable = st.characters(min_codepoint=32, max_codepoint=126)
    found = st.one_of(st.sampled_from(_NEAR_MISSES), texts(shortest, min(longest, shortest + 12), printable))
    return found.filter(lambda text: not pattern.search(text) and shortest <= len(text) <= longest)


def _of_length(length: int, schema: Schema, valid: str) -> st.SearchStrategy[str]:
    if "pattern" not in schema and "format" not in schema:
        return texts(length, length)
    padded = st.just(valid + "a" * (length - len(valid)))
    return padded.filter(python_pattern(schema.get("pattern", "")).search)


def _unknown_key(_: Schema, valid: Any) -> st.SearchStrategy[Any]:
    extra: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
        st.sampled_from(_UNKNOWN_NAMES), st.sampled_from([None, 1, {"a": []}]), min_size=1, max_size=1
    )
    return extra.map(lambda extra: {**valid, **extra})


def _edge(schema: Schema, end: int, beyond: int) -> st.SearchStrategy[Any]:
    """The number `beyond` steps past the least (end 0) or greatest (end 1) valid one."""
    step, *ends = multiples(schema, integer="number" not in types(schema))
    bound = schema["maximum" if end else "minimum"]
    exclusive = schema.get("exclusiveMaximum" if end else "exclusiveMinimum")
    outward = beyond if end else -beyond
    if step:
        return st.just((ends[end] + outward) * step)
    if exclusive:
        return st.just(bound if beyond else math.nextafter(bound, -math.inf if end else math.inf))
    return st.just(bound + outward)


def _between_multiples(schema: Schema, _: Any) -> st.SearchStrategy[Any]:
    integer = "number" not in types(schema)
    step, low, high = multiples(schema, integer=integer)
    return st.integers(low, high - 1).map(lambda count: count * step + (1 if integer else step / 2))


def _items(schema: Schema, count: int) -> st.SearchStrategy[Any]:
    return values(schema.get("items", {})).map(lambda item: [copy.deepcopy(item) for _ in range(count)])


# The strategy of each rule, from the schema and a valid value. The last word of a name is the keyword.
_STRATEGIES: dict[str, Callable[[Schema, Any], st.SearchStrategy[Any]]] = {
    "enum": _enum,
    "format": lambda *_: st.sampled_from(_NO_URIS),
    "pattern": _no_match,
    "maxLength": lambda schema, valid: _of_length(schema["maxLength"] + 1, schema, valid),
    "within maxLength": lambda schema, _: texts(schema["maxLength"] - 1, schema["maxLength"]),
    "astral over maxLength": lambda schema, _: st.just(ASTRAL * (schema["maxLength"] + 1)),
    "astral within maxLength": lambda schema, _: st.just(ASTRAL * schema["maxLength"]),
    "minLength": lambda schema, _: texts(schema["minLength"] - 1, schema["minLength"] - 1),
    "within minLength": lambda schema, _: texts(schema["minLength"], schema["minLength"]),
    "maximum": lambda schema, _: _edge(schema, 1, 1),
    "within maximum": lambda schema, _: _edge(schema, 1, 0),
    "minimum": lambda schema, _: _edge(schema, 0, 1),
    "within minimum": lambda schema, _: _edge(schema, 0, 0),
    "multipleOf": _between_multiples,
    "maxItems": lambda schema, _: _items(schema, schema["maxItems"] + 1),
    "within maxItems": lambda schema, _: _items(schema, schema["maxItems"]),
    "minItems": lambda schema, _: _items(schema, schema["minItems"] - 1),
    "within minItems": lambda schema, _: _items(schema, schema["minItems"]),
    "unknown key": _unknown_key,
    "additionalProperties": _unknown_key,
}


def keywords(schema: Schema) -> set[str]:
    """Every keyword in a schema and in the values and branches in it."""
    schema = resolve(schema)
    inner = [*schema.get("properties", {}).values(), *schema.get("oneOf", []), *schema.get("anyOf", [])]
    inner += [schema["items"]] if "items" in schema else []
    return set(schema).union(*map(keywords, inner))
