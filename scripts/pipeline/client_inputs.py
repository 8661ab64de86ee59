"""Prepares the contract for the client's generator, and writes the module that names every input model."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

# Published descriptions repeat limits in brackets. The docstrings take them from the schema instead.
_REPEATED = re.compile(r"\s*\((Max length: \d+ characters|Boolean value \(true/false\)|File URL after upload[^()]*)\)")
_MAX_LENGTH = 400
_RANGES = {("minLength", "maxLength"): " characters", ("minItems", "maxItems"): " items", ("minimum", "maximum"): ""}
# The client's template gives a field with one of these texts a type for files.
_FILE = "A URL, or a LocalFile or path, which is uploaded first"
_FILES = "URLs, or LocalFiles or paths, which are uploaded first"


def for_generator(document: dict[str, Any]) -> dict[str, Any]:
    """Return the contract as the generator needs it: with the types that people write, and documented fields."""
    result = copy.deepcopy(document)
    schemas = result["components"]["schemas"]
    for field in (field for schema in schemas.values() for field in _fields(schema)):
        if field.get("format") == "date-time":
            del field["format"]  # the client keeps the text as it was sent
    for name in input_classes(result):
        for field in _fields(schemas[name]):
            # A default would be sent. The documentation shows it.
            sentences = [*_sentences(field)]
            for key in ("example", "default", "pattern"):
                field.pop(key, None)
            if sentences and "$ref" not in field:
                field["description"] = " ".join(sentences)
            _simplify_enum(field)
    return result


def _fields(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield all schemas inside a schema."""
    for key in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(key), dict):
            yield from _fields(schema[key])
            yield schema[key]
    for each in [part for key in ("allOf", "anyOf", "oneOf") for part in schema.get(key, [])]:
        yield from _fields(each)
        yield each
    for field in schema.get("properties", {}).values():
        yield from _fields(field)
        yield field


def _simplify_enum(field: dict[str, Any]) -> None:
    if "enum" not in field:
        return
    values = [value for value in field["enum"] if value is not None]
    if len({type(value) for value in values}) == 1 and isinstance(values[0], str | int) and values[0] is not True:
        field["enum"] = [*values, *([None] if field.pop("nullable", False) else [])]
    else:
        # The generator knows no such literal. The contract keeps the values.
        del field["enum"]


def input_classes(document: dict[str, Any]) -> list[str]:
    """Return the names of the input schemas, which are class names, in the order of the models."""
    schemas = document["components"]["schemas"]
    requests = [each["$ref"].rpartition("/")[2] for each in schemas.get("CreateTaskRequest", {}).get("oneOf", [])]
    return [schemas[request]["properties"]["input"]["$ref"].rpartition("/")[2] for request in requests]


def inputs_module(document: dict[str, Any]) -> str:
    """Return the source of `apikley_client/inputs.py`, which imports a class when it is first used."""
    names = sorted(input_classes(document))
    schemas = document["components"]["schemas"]
    needed = [name for name in names if "callBackUrl" in schemas[f"{name}Request"].get("required", [])]
    unions = {"ModelInput": [name for name in names if name not in needed], "CallbackInput": needed}
    return "\n".join(
        [
            '"""The inputs of all models: one class for each model.',
            "",
            "`ModelInput` is the input of any model whose callback is optional, `CallbackInput` of any other model.",
            '"""',
            "",
            "from typing import TYPE_CHECKING, Never, TypeAlias",
            "",
            "if TYPE_CHECKING:",
            "    from .models import (",
            *(f"        {name}," for name in names),
            "    )",
            "",
            *(f"    {union}: TypeAlias = {_union(members)}" for union, members in unions.items()),
            "else:",
            "",
            "    def __getattr__(name: str) -> object:",
            "        from . import models",
            "",
            '        if name in ("ModelInput", "CallbackInput"):',
            "            return object  # for type checkers only",
            "        if name in __all__:",
            "            return getattr(models, name)",
            '        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")',
            "",
            "",
            "__all__ = [",
            *(f'    "{name}",' for name in sorted([*names, *unions])),
            "]",
            "",
        ]
    )


def _union(names: list[str]) -> str:
    if len(names) < 2:
        return names[0] if names else "Never"
    return "(\n        " + "\n        | ".join(names) + "\n    )"


def _sentences(field: dict[str, Any]) -> Iterator[str]:
    text = " ".join(_REPEATED.sub("", field.get("description", "")).split())
    if len(text) > _MAX_LENGTH:
        text = text[:_MAX_LENGTH].rpartition(" ")[0] + "…"
    if text:
        yield text if text.endswith((".", "!", "?", "…")) else f"{text}."
    rule = field.get("x-file", field.get("items", {}).get("x-file"))
    if rule is not None:
        types, size = rule.get("media-types"), rule.get("max-bytes")
        limits = [", ".join(types)] if types else []
        limits += [f"at most {size / 2**20:g} MB"] if size else []
        yield (_FILE if "x-file" in field else _FILES) + (f": {'; '.join(limits)}." if limits else ".")
    values = [value for value in field.get("enum", []) if value is not None]
    if values:
        yield f"One of {', '.join(map(repr, values))}."
    for (low, high), unit in _RANGES.items():
        least, most = field.get(low), field.get(high)
        if least is not None and most is not None:
            yield f"From {least:,} to {most:,}{unit}."
        elif least is not None:
            yield f"At least {least:,}{unit}."
        elif most is not None:
            yield f"At most {most:,}{unit}."
    if "default" in field:
        yield f"Default: {field['default']!r}."
