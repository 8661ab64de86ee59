"""Extracts the rules of file fields from their published descriptions.

All pages use one format: "(File URL after upload, not file content; Accepted types: image/jpeg, image/png;
Max size: 10.0MB)". The contract contains it as `x-file`, with a `pattern` for the URL.
"""

from __future__ import annotations

import re
from typing import Any

_RULE = re.compile(r"File URL after upload.*Accepted types:\s*(?P<types>[^;)]+);\s*Max size:\s*(?P<size>[\d.]+)\s*MB")
# ECMA syntax that every validator understands. `(?![\s\S])` matches the empty text; in Python `$` also matches "\n".
_URL = "^[Hh][Tt][Tt][Pp][Ss]?://[^/]"
_URL_OR_EMPTY = f"{_URL}|^(?![\\s\\S])"


def add_file_rules(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an input's schema with `x-file` and `pattern` on each field for the URL of a file.

    An optional field also accepts `""`, which published examples use for "no file".
    """
    required = schema.get("required", [])
    properties = {
        name: _add_rule(field, _URL if name in required else _URL_OR_EMPTY)
        for name, field in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties} if properties else schema


def _add_rule(field: dict[str, Any], pattern: str) -> dict[str, Any]:
    found = _RULE.search(field.get("description", "").replace("\n", " "))
    if found is None or field.get("type") != "string":
        return field
    types = [name.strip() for name in found["types"].split(",")]
    rule = {"media-types": types, "max-bytes": int(float(found["size"]) * 1024 * 1024)}
    if "pattern" in field:
        return {**field, "x-file": rule}
    # Only newer upstream pages document that the URL is http(s) (`format: uri`), so the pattern is grade K.
    return {**field, "pattern": pattern, "x-pattern-evidence": "K", "x-file": rule}
