"""Finding one's way in two OpenAPI documents at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.pipeline.report.changes import Change, Severity

Node = dict[str, Any]

_TEXTS = ("summary", "description", "tags", "externalDocs", "example", "examples")
# What we know of limits is data of ours, but callers plan by it.
_PLANNED_BY = ("x-rate-limit", "x-poll-schedule", "x-delivery")


def pointer(where: str, *steps: object) -> str:
    """A place below another one, as a JSON pointer."""
    return "/".join([where, *(str(step).replace("~", "~0").replace("/", "~1") for step in steps)])


def resolve(document: Node, node: Node) -> Node:
    """What a node refers to, or the node itself."""
    while "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def both(old: dict[Any, Any] | None, new: dict[Any, Any] | None) -> Iterator[tuple[Any, Any, Any]]:
    """The keys of both, with what each holds there; None for nothing."""
    old, new = old or {}, new or {}
    for key in [*old, *(key for key in new if key not in old)]:
        yield key, old.get(key), new.get(key)


def deprecated(old: Node, new: Node, at: str) -> Iterator[Change]:
    """Whether something is now, or is no longer, deprecated."""
    if bool(old.get("deprecated")) != bool(new.get("deprecated")):
        now = bool(new.get("deprecated"))
        yield Change(Severity.MINOR if now else Severity.PATCH, at, f"{'now' if now else 'no longer'} deprecated")


def others(old: Node, new: Node, at: str, read: tuple[str, ...]) -> Iterator[Change]:
    """What no rule above reads: words are harmless, limits are planned by, and the unknown may break."""
    for key, before, after in both(old, new):
        if key in read or before == after:
            continue
        severity = Severity.MAJOR
        if key in _PLANNED_BY:
            severity = Severity.MINOR
        elif key in _TEXTS or key.startswith("x-"):
            severity = Severity.PATCH
        yield Change(severity, at, f"{key} changed")
