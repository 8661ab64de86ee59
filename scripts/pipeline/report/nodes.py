"""Helpers that compare nodes of two OpenAPI documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.pipeline.report.changes import Change, Severity

Node = dict[str, Any]

_TEXTS = ("summary", "description", "tags", "externalDocs", "example", "examples")
# Extensions that callers plan by.
_LIMITS = ("x-rate-limit", "x-running-limit", "x-poll-schedule", "x-delivery")


def resolve(document: Node, node: Node) -> Node:
    """Return the target of a reference, or the node itself."""
    while "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def zip_keys(old: dict[Any, Any] | None, new: dict[Any, Any] | None) -> Iterator[tuple[Any, Any, Any]]:
    """Yield each key with its old and new value, or None."""
    old, new = old or {}, new or {}
    for key in [*old, *(key for key in new if key not in old)]:
        yield key, old.get(key), new.get(key)


def presence(name: str, at: str, *, added: bool, severity: Severity = Severity.MINOR) -> Change:
    """Return the change that something was added, with this severity, or removed."""
    return Change(severity if added else Severity.MAJOR, at, f"{name} {'added' if added else 'removed'}")


def compare_flag(
    old: Node, new: Node, key: str, at: str, severities: tuple[Severity, Severity], what: str = "{}"
) -> Iterator[Change]:
    """Compare a boolean member.

    Args:
        old: The old node.
        new: The new node.
        key: The member.
        at: The place of the node.
        severities: The severity if the flag is now set, and if it is no longer set.
        what: The text of the change; `{}` becomes "now KEY" or "no longer KEY".
    """
    now = bool(new.get(key))
    if bool(old.get(key)) != now:
        yield Change(severities[not now], at, what.replace("{}", f"{'now' if now else 'no longer'} {key}"))


def compare_deprecated(old: Node, new: Node, at: str) -> Iterator[Change]:
    """Compare the `deprecated` flag."""
    yield from compare_flag(old, new, "deprecated", at, (Severity.MINOR, Severity.PATCH))


def compare_remaining(old: Node, new: Node, at: str, handled: tuple[str, ...]) -> Iterator[Change]:
    """Compare the members that no other rule handles: limits are minor, texts patch, anything else major."""
    for key, before, after in zip_keys(old, new):
        if key in handled or before == after:
            continue
        severity = Severity.MAJOR
        if key in _LIMITS:
            severity = Severity.MINOR
        elif key in _TEXTS or key.startswith("x-"):
            severity = Severity.PATCH
        yield Change(severity, at, f"{key} changed")
