"""Turns the contract's schemas into plain JSON Schema Draft 4, which validators read directly.

An OpenAPI 3.0 schema has Draft 4's meaning but for `nullable`. What says nothing about validity
(examples, x-…, discriminators) is left out. References keep their form.
"""

from __future__ import annotations

from typing import Any

_SILENT = {"example", "examples", "discriminator", "externalDocs", "xml", "deprecated", "readOnly", "writeOnly"}


def to_draft4(schema: Any) -> Any:
    """One schema, with `nullable` spelled out."""
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _SILENT or key == "nullable" or key.startswith("x-"):
            continue
        if key == "properties":
            result[key] = {name: to_draft4(item) for name, item in value.items()}
        elif key in ("allOf", "anyOf", "oneOf"):
            result[key] = [to_draft4(item) for item in value]
        elif key in ("items", "not", "additionalProperties"):
            result[key] = to_draft4(value)
        else:
            result[key] = value
    return _or_null(result) if schema.get("nullable") else result


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "type" in schema and not any(key in schema for key in ("allOf", "anyOf", "oneOf", "$ref")):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def definitions(document: dict[str, Any]) -> dict[str, Any]:
    """All component schemas, laid out so that the document's own references lead to them."""
    schemas = document["components"]["schemas"]
    return {"components": {"schemas": {name: to_draft4(schema) for name, schema in schemas.items()}}}
