"""Applies an OpenAPI Overlay 1.0 document, strictly: a target that matches nothing is an error."""

from __future__ import annotations

import copy
from typing import Any

from jsonpath_rfc9535 import JSONPathError, find

from scripts.pipeline.issues import Issue, SpecError


def apply(document: dict[str, Any], overlay: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the document with all actions of the overlay applied in order.

    Args:
        document: An OpenAPI document; it is not changed.
        overlay: An Overlay 1.0 document.
        where: The name of the overlay in errors.

    Raises:
        SpecError: A target is not a JSONPath, matches nothing, or cannot be updated.
    """
    result = copy.deepcopy(document)
    issues: list[Issue] = []
    for number, action in enumerate(overlay.get("actions", []), start=1):
        target = action.get("target", "")
        place = f"{where}, action {number}"
        try:
            nodes = find(target, result)
        except JSONPathError as error:
            issues.append(Issue(place, f"the target {target!r} is not a JSONPath: {error}"))
            continue
        if not nodes:
            issues.append(
                Issue(place, f"the target {target} matches nothing", "has what it repairs changed or been renamed?")
            )
        # Backwards, because removing an array element moves the following ones.
        for node in reversed(nodes):
            if action.get("remove"):
                parent = _at(result, node.location[:-1])
                del parent[node.location[-1]]
            elif isinstance(node.value, list) or (isinstance(node.value, dict) and isinstance(action["update"], dict)):
                _update(node.value, copy.deepcopy(action["update"]))
            else:
                issues.append(
                    Issue(
                        place,
                        f"the target {node.path()} cannot take the update: it is no array, or not both are objects",
                    )
                )
    if issues:
        raise SpecError(*issues)
    return result


def _at(document: Any, location: tuple[int | str, ...]) -> Any:
    for step in location:
        document = document[step]
    return document


def _update(target: Any, update: Any) -> None:
    if isinstance(target, list):
        target.append(update)
        return
    for key, value in update.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _update(target[key], value)
        elif isinstance(value, list) and isinstance(target.get(key), list):
            target[key].extend(value)
        else:
            target[key] = value
