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
# The client's template gives a field with this text a type for files.
_FILE = "A URL, or a LocalFile or path, which is uploaded first"


def with_field_docs(document: dict[str, Any]) -> dict[str, Any]:
    """Return the contract with descriptions of input fields that contain text, limits and default."""
    result = copy.deepcopy(document)
    for name in input_classes(result):
        for field in result["components"]["schemas"][name].get("properties", {}).values():
            if "$ref" in field:
                continue
            field["description"] = " ".join(_sentences(field))
            field.pop("example", None)
    return result


def input_classes(document: dict[str, Any]) -> list[str]:
    """Return the names of the input schemas, which are class names, in the order of the models."""
    schemas = document["components"]["schemas"]
    requests = [each["$ref"].rpartition("/")[2] for each in schemas.get("CreateTaskRequest", {}).get("oneOf", [])]
    return [schemas[request]["properties"]["input"]["$ref"].rpartition("/")[2] for request in requests]


def inputs_module(classes: list[str]) -> str:
    """Return the source of `apikley_client/inputs.py`."""
    names = sorted(classes)
    union = names[0] if len(names) == 1 else "(\n    " + "\n    | ".join(names) + "\n)"
    return "\n".join(
        [
            '"""The inputs of all models: one class for each model."""',
            "",
            "from typing import TypeAlias",
            "",
            "from .models import (",
            *(f"    {name}," for name in names),
            ")",
            "",
            "# Any model's input.",
            f"ModelInput: TypeAlias = {union}",
            "",
            "__all__ = [",
            *(f'    "{name}",' for name in sorted([*names, "ModelInput"])),
            "]",
            "",
        ]
    )


def _sentences(field: dict[str, Any]) -> Iterator[str]:
    text = " ".join(_REPEATED.sub("", field.get("description", "")).split())
    if len(text) > _MAX_LENGTH:
        text = text[:_MAX_LENGTH].rpartition(" ")[0] + "…"
    if text:
        yield text if text.endswith((".", "!", "?", "…")) else f"{text}."
    if "x-file" in field:
        rule = field["x-file"]
        yield f"{_FILE}: {', '.join(rule['media-types'])}; at most {rule['max-bytes'] / 2**20:g} MB."
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
