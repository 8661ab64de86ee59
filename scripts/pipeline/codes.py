"""Replaces two extensions of the overlay: names of the envelope's codes, and error responses.

The client decides about retries by these names, so a wrong name costs money. Generators read names from
`x-enum-varnames`, in the order of the published codes; the overlay names each code by its value instead.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from scripts.pipeline.issues import Issue, error, refuse
from scripts.pipeline.page_shape import METHODS

# In the code table: {"200": "SUCCESS", …}.
NAMES = "x-code-names"
# In an operation: {"401": "Unauthorized", …}, with names of components.
RESPONSES = "x-error-responses"
_TABLE = "built contract, /components/schemas/ApiResponse/properties/code/enum"
_ADD = "add '{code}': NAME there, and to apikley/errors.py a class of that name in CamelCase"
_REMOVE = "remove it there, and its uses in apikley/ and mock/"


def add_names(document: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a copy of the document with both extensions replaced; each code must have its own name.

    Args:
        document: The document after the overlay.
        where: The name of the overlay in errors.
    """
    result = copy.deepcopy(document)
    table = result["components"]["schemas"]["ApiResponse"]["properties"].get("code", {})
    names = table.pop(NAMES, {})
    codes = table.get("enum")
    if not codes:
        raise error(_TABLE, "has no codes", f"check the pages and {where}")
    refuse(_mismatches(codes, names, f"{where}, {NAMES}"))
    table["x-enum-varnames"] = [names[str(code)] for code in codes]
    for operation in (item[method] for item in result["paths"].values() for method in METHODS if method in item):
        for status, name in operation.pop(RESPONSES, {}).items():
            operation["responses"].setdefault(status, {"$ref": f"#/components/responses/{name}"})
    return result


def _mismatches(codes: list[Any], names: dict[str, str], place: str) -> Iterator[Issue]:
    for code in codes:
        if type(code) is not int or str(code) not in names:
            yield Issue(place, f"the published code {code!r} has no name", _ADD.format(code=code))
    for code, name in names.items():
        if code not in map(str, codes):
            yield Issue(place, f"{name} names the code {code}, which is no longer published", _REMOVE)
        if [*names.values()].count(name) > 1:
            yield Issue(place, f"{name} names several codes, including {code}", "give each code its own name")
