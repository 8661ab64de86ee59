"""Grades every statement of the contract, and writes the grades as a table."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from scripts.pipeline.issues import pointer
from scripts.pipeline.page_shape import METHODS

GRADE, PATTERN_GRADE = "x-evidence", "x-pattern-evidence"
_HEAD = """\
# What is known and what is inferred

Written by `nox -s generate` from the grades in the contract (`x-evidence`); do not edit it.

| grade | meaning |
| --- | --- |
| A | Documented by Apikley. |
| K | Documented only by the upstream service, and inferred for Apikley. |
| U | Reported by users of the upstream service. |

A row covers everything below its place, except for places with their own row.
"""


def add_grades(document: dict[str, Any]) -> dict[str, Any]:
    """Return the contract with grade A on each operation, schema and response that has no grade."""
    result = copy.deepcopy(document)
    operations = [item[method] for item in result["paths"].values() for method in METHODS if method in item]
    components = [part for kind in ("schemas", "responses") for part in result["components"].get(kind, {}).values()]
    for node in [*operations, *components]:
        node.setdefault(GRADE, "A")
    return result


def table(document: dict[str, Any]) -> str:
    """Return the page `docs/evidence.md`."""
    rows = ["| grade | statement | place in the contract |", "| --- | --- | --- |"]
    for grade, place, node in _graded(document, []):
        rows.append(f"| {grade} | {_statement(place, node)} | `{pointer('#', *place)}` |")
    return "\n".join([_HEAD, *rows, ""])


def _graded(node: Any, place: list[str]) -> Iterator[tuple[str, list[str], Any]]:
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _graded(item, [*place, str(index)])
    if not isinstance(node, dict):
        return
    if isinstance(node.get(GRADE), str):
        yield node[GRADE], place, node
    if isinstance(node.get(PATTERN_GRADE), str):
        yield node[PATTERN_GRADE], [*place, "pattern"], node
    for key, item in node.items():
        if key not in ("example", "examples", "properties") or "type" in node or key == "properties":
            yield from _graded(item, [*place, str(key)])


def _statement(place: list[str], node: dict[str, Any]) -> str:
    if "operationId" in node:
        return f"operation `{node['operationId']}`"
    if place[:1] == ["components"] and len(place) == 3:
        return f"{place[1].removesuffix('s')} `{place[2]}`"
    names = [step for step in place if not step.isdigit() and step not in ("properties", "schema", "content", "allOf")]
    return " ".join(f"`{step}`" for step in names[-3:])
