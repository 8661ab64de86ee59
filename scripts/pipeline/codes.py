"""Names the envelope's codes and adds the error responses, as the overlay says.

The client retries by these names, so a wrong name costs money. Generators read names from
`x-enum-varnames`, whose order must match the published codes; the overlay gives them by value instead.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from scripts.pipeline.issues import Issue, SpecError
from scripts.pipeline.page_shape import METHODS

# Beside the code table: {"200": "SUCCESS", …}.
NAMES = "x-code-names"
# In an operation: {"401": "Unauthorized", …}, names of components.
RESPONSES = "x-error-responses"
_TABLE = "built contract, /components/schemas/ApiResponse/properties/code/enum"
_ADD = "add '{code}': NAME there, and to apikley/errors.py a class of that name in CamelCase"
_REMOVE = "remove it there, and its uses in apikley/ and mock/"


def add_names(document: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the document with the extensions of the overlay replaced by what they stand for.

    Args:
        document: The overlaid document; it is not changed.
        where: The name of the overlay in errors.

    Raises:
        SpecError: There are no codes, a code has no name, a name has no code, or two codes share a name.
    """
    result = copy.deepcopy(document)
    table = result["components"]["schemas"]["ApiResponse"]["properties"].get("code", {})
    names = table.pop(NAMES, {})
    codes = table.get("enum")
    if not codes:
        raise SpecError(Issue(_TABLE, "lists no code", f"check the pages and {where}"))
    issues = [*_mismatches(codes, names, f"{where}, {NAMES}")]
    if issues:
        raise SpecError(*issues)
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
            yield Issue(place, f"{name} names more than one code, {code} among them", "give each code its own name")
