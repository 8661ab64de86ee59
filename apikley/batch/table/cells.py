"""Reads the value of a field from a cell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from apikley._model.fields import is_number
from apikley._model.local_files import LocalFile

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class CellError(Exception):
    """A cell holds no value of its field's type."""


def value_of(cell: Any, schema: Mapping[str, Any]) -> Any:
    """Return the value of a cell for a field.

    A text is converted to the field's type; of several types, text comes last. A text that is no URL, where the field
    takes a file, is a local path.

    Args:
        cell: A text, or a value of JSON types.
        schema: The field's schema in the contract.

    Raises:
        CellError: The text has no value of the field's type.
    """
    kind = schema.get("type")
    branches = schema.get("oneOf") or schema.get("anyOf")
    if isinstance(cell, str) and branches:
        return _of_branches(cell, branches)
    if isinstance(cell, str) and kind not in ("string", None):
        cell = _converted(cell.strip(), str(kind), schema)
    return _with_files(cell, schema)


def _of_branches(text: str, branches: Sequence[Mapping[str, Any]]) -> Any:
    errors = []
    for branch in sorted(branches, key=lambda each: each.get("type") in ("string", None)):
        try:
            return value_of(text, branch)
        except CellError as error:
            errors.append(str(error))
    raise CellError(", and ".join(errors))


def _converted(text: str, kind: str, schema: Mapping[str, Any]) -> Any:
    if kind == "boolean":
        if text.lower() not in _BOOLEANS:
            raise CellError(f"{text!r} is not true or false")
        return _BOOLEANS[text.lower()]
    if kind in ("integer", "number"):
        number = _parsed(text)
        if not is_number(number):
            raise CellError(f"{text!r} is not a number" + ("; write a point, not a comma" if "," in text else ""))
        # Spreadsheets write 6 as 6.0.
        return int(number) if kind == "integer" and number % 1 == 0 else number
    value = _parsed(text)
    if kind == "array" and not isinstance(value, list):
        if schema.get("items", {}).get("type") == "string" and not text.startswith("["):
            return [text]
        raise CellError(f"{text!r} is not a JSON array such as [1, 2]")
    if kind == "object" and not isinstance(value, dict):
        raise CellError(f'{text!r} is not a JSON object such as {{"name": 1}}')
    return value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _with_files(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_with_files(item, schema.get("items", {})) for item in value]
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        return {name: _with_files(item, fields.get(name, {})) for name, item in value.items()}
    if "x-file" in schema and isinstance(value, str) and value and "://" not in value and value[:5] != "data:":
        return LocalFile(value)
    return value
