"""Gives each code of the envelope the name that the overlay has for it.

The client resends by these names, so a code under another one's name costs money. Generators read them
from `x-enum-varnames`, which goes by place: that list is made here, for whatever order is published.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from scripts.pipeline.issues import Issue, SpecError

# Beside the code table: {"200": "SUCCESS", …}.
NAMES = "x-code-names"
_TABLE = "built contract, /components/schemas/ApiResponse/properties/code/enum"
_ADD = "add '{code}': NAME there, and to apikley/errors.py a class of that name in CamelCase"
_REMOVE = "remove it there, and what apikley/ and mock/ do by that name"


def add_names(document: dict[str, Any], where: str) -> dict[str, Any]:
    """The document with `x-enum-varnames` in place of `x-code-names`.

    Args:
        document: What the overlay gives; it is not changed.
        where: What to call the overlay in an error.

    Raises:
        SpecError: There are no codes, a code has no name, a name has no code, or two codes have one name.
    """
    result = copy.deepcopy(document)
    table = result["components"]["schemas"]["ApiResponse"]["properties"].get("code", {})
    names = table.pop(NAMES, {})
    codes = table.get("enum")
    if not codes:
        raise SpecError(Issue(_TABLE, "no code is listed there", f"see what the pages and {where} say of it"))
    issues = [*_misfits(codes, names, f"{where}, {NAMES}")]
    if issues:
        raise SpecError(*issues)
    table["x-enum-varnames"] = [names[str(code)] for code in codes]
    return result


def _misfits(codes: list[Any], names: dict[str, str], place: str) -> Iterator[Issue]:
    for code in codes:
        if type(code) is not int or str(code) not in names:
            yield Issue(place, f"the published code {code!r} has no name", _ADD.format(code=code))
    for code, name in names.items():
        if code not in map(str, codes):
            yield Issue(place, f"{name} names the code {code}, which is no longer published", _REMOVE)
        if [*names.values()].count(name) > 1:
            yield Issue(place, f"{name} names the code {code} and another one", "give each a name of its own")
