"""Replaces two extensions of the overlay: names of the envelope's codes, and error responses.

The client decides about retries by these names, so a wrong name costs money. Generators read names from
`x-enum-varnames`, in the order of the codes; the overlay names each code by its value instead. It also names codes
that no vendored page lists, which extends the table.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from scripts.pipeline.issues import Issue, error, refuse
from scripts.pipeline.page_shape import METHODS

# In the code table: {"200": "SUCCESS", …}.
NAMES = "x-code-names"
# In an operation: {"401": "Unauthorized", …}, with names of components.
RESPONSES = "x-error-responses"
# The codes that no vendored page lists.
INFERRED = "x-inferred-codes"
_STATUS = re.compile(r"[1-5]\d\d")
_TABLE = "built contract, /components/schemas/ApiResponse/properties/code/enum"


def add_names(document: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a copy of the document with both extensions replaced; each code has its own name and error response.

    Args:
        document: The document after the overlay.
        where: The name of the overlay in errors.
    """
    result = copy.deepcopy(document)
    table = result["components"]["schemas"]["ApiResponse"]["properties"].get("code", {})
    names = table.pop(NAMES, {})
    published = table.get("enum")
    if not published:
        raise error(_TABLE, "has no codes", f"check the pages and {where}")
    taken = [*names.values()]
    refuse(
        Issue(f"{where}, {NAMES}", f"{name} names several codes, including {code}", "give each code its own name")
        for code, name in names.items()
        if taken.count(name) > 1
    )
    table["enum"] = sorted({*published, *map(int, names)})
    if inferred := [code for code in table["enum"] if code not in published]:
        table[INFERRED] = inferred
    for code in table["enum"]:
        if str(code) not in names:
            names[str(code)] = _name(code, table.get("description", ""), {*names.values()})
    table["x-enum-varnames"] = [names[str(code)] for code in table["enum"]]
    for operation in (item[method] for item in result["paths"].values() for method in METHODS if method in item):
        if RESPONSES in operation:
            _add_responses(operation, names, result["components"]["responses"])
    return result


def _name(code: int, description: str, taken: set[str]) -> str:
    """Return a name for a code that the overlay does not name, from the text of the table."""
    text = re.search(rf"\*\*{code}\*\*:\s*([^\n]+?)\s*(?: - |\n|$)", description)
    name = re.sub(r"\W+", "_", text[1], flags=re.ASCII).strip("_").upper() if text else ""
    return name if name[:1].isalpha() and name not in taken else f"CODE_{code}"


def _add_responses(operation: dict[str, Any], names: dict[str, str], components: dict[str, Any]) -> None:
    given = operation.pop(RESPONSES)
    for status, name in [*given.items(), *((code, "") for code in names if code not in given)]:
        if status in operation["responses"] or names.get(status) == "SUCCESS" or not _STATUS.fullmatch(status):
            continue
        component = name or f"Code{status}"
        if not name:
            title = names[status].replace("_", " ").capitalize()
            schema = {"$ref": "#/components/schemas/ErrorResponse"}
            example = {"code": int(status), "msg": title, "data": None}
            components.setdefault(
                component,
                {"description": title, "content": {"application/json": {"schema": schema, "example": example}}},
            )
        operation["responses"][status] = {"$ref": f"#/components/responses/{component}"}
