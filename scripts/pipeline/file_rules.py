"""Reads what the published pages say in prose about the files that an input takes.

The pages describe them all in one form: "(File URL after upload, not file content; Accepted types:
image/jpeg, image/png; Max size: 10.0MB)". As data, it stands beside the field as `x-file`.
"""

from __future__ import annotations

import re
from typing import Any

_RULE = re.compile(r"File URL after upload.*Accepted types:\s*(?P<types>[^;)]+);\s*Max size:\s*(?P<size>[\d.]+)\s*MB")


def with_file_rules(schema: dict[str, Any]) -> dict[str, Any]:
    """An input's schema, with `x-file` on each field that takes a file's URL."""
    properties = {name: _described(field) for name, field in schema.get("properties", {}).items()}
    return {**schema, "properties": properties} if properties else schema


def _described(field: dict[str, Any]) -> dict[str, Any]:
    found = _RULE.search(field.get("description", "").replace("\n", " "))
    if found is None or field.get("type") != "string":
        return field
    types = [name.strip() for name in found["types"].split(",")]
    return {**field, "x-file": {"media-types": types, "max-bytes": int(float(found["size"]) * 1024 * 1024)}}
