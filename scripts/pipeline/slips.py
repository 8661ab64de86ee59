"""Repairs what publishers get wrong in a request, and reports it.

A published slip is information, not a reason to stop: the report names the page, the place and the value, and the
contract stays usable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import jsonschema_rs

from apikley_contract import draft4
from scripts.pipeline.issues import Issue, pointer
from scripts.pipeline.page_shape import request_content

Schema = dict[str, Any]

_LIMITS = (("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum"))
_MAX_LENGTH = 80
_MAX_VIOLATIONS = 3
_CONVERT: dict[str, Callable[[Any], Any]] = {"string": str, "integer": int, "number": float}


def repair_request(name: str, document: dict[str, Any]) -> list[Issue]:
    """Repair the request of a normalized document in place; returns one issue for each slip."""
    content = request_content(document)
    repair = _Repair(name)
    repair.schema(content["schema"], "")
    repair.examples(content)
    return repair.slips


class _Repair:
    def __init__(self, name: str) -> None:
        self._name = name
        self.slips: list[Issue] = []

    def _slip(self, at: str, what: str) -> None:
        self.slips.append(Issue(f"{self._name}, {at.strip('/').replace('/', '.') or 'request'}", what))

    def schema(self, schema: Schema, at: str) -> None:
        for name, field in [*schema.get("properties", {}).items()]:
            if isinstance(field, dict):
                self.schema(field, f"{at}/{name}")
            if name != name.strip():
                self._slip(f"{at}/{name}", f"the published name {name!r} has white space; {name.strip()!r} is accepted")
        self._required(schema, at)
        if schema.get("type") == "array" and "items" not in schema:
            schema["items"] = {}
        for key in ("items", "additionalProperties", "not"):
            if isinstance(schema.get(key), dict):
                self.schema(schema[key], f"{at}[]" if key == "items" else at)
        for key in ("allOf", "anyOf", "oneOf"):
            for each in schema.get(key, []):
                self.schema(each, at)
        self._values(schema, at)

    def _required(self, schema: Schema, at: str) -> None:
        properties = schema.get("properties")
        if not isinstance(schema.get("required"), list) or not isinstance(properties, dict):
            return
        names = {name.strip(): name for name in properties}
        for name in schema["required"]:
            if name.strip() not in names:
                self._slip(f"{at}/{name}", "is required, but not described; the contract does not require it")
        schema["required"] = [*dict.fromkeys(names[n.strip()] for n in schema["required"] if n.strip() in names)]
        if not schema["required"]:
            del schema["required"]

    def _values(self, schema: Schema, at: str) -> None:
        if "pattern" in schema and not _is_pattern(schema["pattern"]):
            self._slip(at, f"the pattern {_short(schema.pop('pattern'))} is not a regular expression; left out")
        for low, high in _LIMITS:
            if low in schema and high in schema and schema[low] > schema[high]:
                self._slip(at, f"{low} {schema.pop(low)} is above {high} {schema[high]}; {low} is left out")
        if "enum" in schema:
            self._enum(schema, at)
        if "default" in schema:
            self._default(schema, at)
        if "example" in schema and not _is_valid(schema, schema["example"]):
            del schema["example"]

    def _enum(self, schema: Schema, at: str) -> None:
        convert = _CONVERT.get(schema.get("type", ""))
        values = []
        for value in schema["enum"]:
            found = value
            if value is not None and convert and not _is_valid({"type": schema["type"]}, value):
                found = _converted(value, convert)
                self._converted(at, "value", value, found)
            if found not in values or isinstance(found, bool):
                values.append(found)
        if None in values:
            schema["nullable"] = True
        schema["enum"] = values
        if not [value for value in values if value is not None]:
            del schema["enum"]

    def _default(self, schema: Schema, at: str) -> None:
        default = schema["default"]
        if _is_valid(schema, default):
            return
        convert = _CONVERT.get(schema.get("type", ""))
        found = _converted(default, convert) if convert else default
        if _is_valid(schema, found):
            schema["default"] = found
            self._converted(at, "default", default, found)
        else:
            del schema["default"]
            self._slip(at, f"the default {_short(default)} breaks its own schema; left out")

    def _converted(self, at: str, what: str, published: Any, used: Any) -> None:
        self._slip(at, f"the {what} {_short(published)} is not of the published type; {_short(used)} is used")

    def examples(self, content: dict[str, Any]) -> None:
        """Keep the valid example of a request as `example`, or none."""
        given = [content.pop("example")] if "example" in content else []
        named = content.pop("examples", None) or {}
        named = named.values() if isinstance(named, dict) else named
        given += [each.get("value", each) if isinstance(each, dict) else each for each in named]
        for example in given:
            violations = self._violations(content["schema"], example)
            for place, rule in violations[:_MAX_VIOLATIONS]:
                self._slip(f"example{place}", f"{rule}; the example is left out")
            if len(violations) > _MAX_VIOLATIONS:
                self._slip("example", f"breaks {len(violations) - _MAX_VIOLATIONS} more rules")
            if not violations:
                content.setdefault("example", example)

    def _violations(self, schema: Schema, example: Any) -> list[tuple[str, str]]:
        if not isinstance(example, dict):
            return [("", f"is {_short(example)}, expected an object")]
        _rename(schema, example)
        found = []
        for each in jsonschema_rs.Draft4Validator(draft4(schema)).iter_errors(example):
            place = "".join(f"/{step}" for step in each.instance_path)
            rule = str(each.schema_path[-1])
            found.append(
                (
                    place,
                    f"{_short(each.instance)} breaks {rule} of the page's own schema"
                    if rule != "required"
                    else each.message,
                )
            )
        found += [(place, "is a field that the page does not describe") for place in _unknown(schema, example, "")]
        return found


def _rename(schema: Schema, example: Any) -> None:
    """Give the fields of an example their published names."""
    if isinstance(example, list):
        for item in example:
            _rename(schema.get("items", {}), item)
    if not isinstance(example, dict):
        return
    for name, field in schema.get("properties", {}).items():
        if name.strip() in example and name not in example:
            example[name] = example.pop(name.strip())
        if name in example:
            _rename(field, example[name])


def _unknown(schema: Schema, value: Any, at: str) -> list[str]:
    """Return the places of the fields that a schema does not describe."""
    if isinstance(value, list):
        items = schema.get("items", {})
        return [place for index, item in enumerate(value) for place in _unknown(items, item, pointer(at, index))]
    properties = schema.get("properties")
    if not isinstance(value, dict) or not properties or isinstance(schema.get("additionalProperties"), dict):
        return []
    found = [pointer(at, name) for name in value if name not in properties]
    for name, field in properties.items():
        found += _unknown(field, value[name], pointer(at, name)) if name in value else []
    return found


def _is_valid(schema: Schema, value: Any) -> bool:
    try:
        return bool(jsonschema_rs.Draft4Validator(draft4(schema)).is_valid(value))
    except (jsonschema_rs.ValidationError, ValueError):
        return True  # the schema is refused elsewhere


def _is_pattern(pattern: Any) -> bool:
    try:
        re.compile(pattern)
        jsonschema_rs.Draft4Validator({"pattern": pattern}).is_valid("")
    except (re.error, TypeError, OverflowError, RecursionError, jsonschema_rs.ValidationError, ValueError):
        return False
    return True


def _converted(value: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        found = convert(value)
    except (ValueError, OverflowError):
        return value
    return int(found) if isinstance(found, float) and found.is_integer() else found


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"
