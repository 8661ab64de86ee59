"""Describes JSON schemas in words and tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scripts.docs.markdown import code, inline, table

_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "multipleOf": "a multiple of {}",
}


def fields(schema: Mapping[str, Any]) -> str:
    """Return a table of the properties of an object."""
    required = schema.get("required", [])
    rows = [
        (code(name), "yes" if name in required else "", type_of(field), _note(field))
        for name, field in schema.get("properties", {}).items()
    ]
    return table(("field", "required", "type and limits", "description"), rows)


def type_of(schema: Mapping[str, Any]) -> str:
    """Return the type of a value and its limits in words."""
    if "$ref" in schema:
        return code(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " or ".join(code(json.dumps(value, ensure_ascii=False)) for value in schema["enum"])
    if "const" in schema:
        return code(json.dumps(schema["const"], ensure_ascii=False))
    for keyword, word in (("allOf", " and "), ("anyOf", " or "), ("oneOf", " or ")):
        if keyword in schema:
            return word.join(type_of(part) for part in schema[keyword])
    kind = str(schema.get("type", "any value"))
    items = schema.get("items") or {}
    words = [f"array of {type_of(items)}" if items else kind]
    words += [text.format(_number(schema[name])) for name, text in _BOUNDS.items() if name in schema]
    if "x-file" in schema:
        rules = schema["x-file"]
        words.append(f"a file: {', '.join(map(code, rules.get('media-types', ())))}")
        if "max-bytes" in rules:
            words.append(f"at most {rules['max-bytes'] / 1024 / 1024:g} MiB")
    elif "pattern" in schema:
        words.append(f"matches {code(schema['pattern'])}")
    return ", ".join([*words, *(["or null"] if schema.get("nullable") else [])])


def _note(schema: Mapping[str, Any]) -> str:
    default = f" Default: {code(json.dumps(schema['default'], ensure_ascii=False))}." if "default" in schema else ""
    return inline(str(schema.get("description", ""))) + default


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
