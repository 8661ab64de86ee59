"""Applies an OpenAPI Overlay 1.0 document, strictly: a target that matches nothing is an error."""

from __future__ import annotations

import copy
from typing import Any

from jsonpath_rfc9535 import JSONPathError, find

from scripts.pipeline.issues import Issue, error, refuse


def apply(document: dict[str, Any], overlay: Any, where: str) -> dict[str, Any]:
    """Return a copy of the document with all actions of the overlay applied in order.

    Args:
        document: An OpenAPI document.
        overlay: An Overlay 1.0 document.
        where: The name of the overlay in errors.
    """
    actions = overlay.get("actions") if isinstance(overlay, dict) else None
    if not isinstance(actions, list):
        raise error(where, "is not an overlay document: it has no list of actions")
    result = copy.deepcopy(document)
    issues: list[Issue] = []
    for number, action in enumerate(actions, start=1):
        place = f"{where}, action {number}"
        if not isinstance(action, dict) or ("update" in action) == bool(action.get("remove")):
            issues.append(Issue(place, "needs either 'update' or 'remove: true'"))
            continue
        target = str(action.get("target"))
        try:
            nodes = find(target, result)
        except JSONPathError as caught:
            issues.append(Issue(place, f"the target {target!r} is not a JSONPath: {caught}"))
            continue
        if not nodes:
            remedy = "has the part that it changes been renamed or removed?"
            issues.append(Issue(place, f"the target {target} matches nothing", remedy))
        # Backwards, because removing an array element moves the following ones.
        for node in reversed(nodes):
            update = action.get("update")
            if "update" not in action:
                parent: Any = result
                for step in node.location[:-1]:
                    parent = parent[step]
                del parent[node.location[-1]]
            elif isinstance(node.value, list) or (isinstance(node.value, dict) and isinstance(update, dict)):
                _update(node.value, copy.deepcopy(update))
            else:
                what = f"the target {node.path()} cannot be updated: it is not an array, and not both are objects"
                issues.append(Issue(place, what))
    refuse(issues)
    return result


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
