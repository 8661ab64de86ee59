"""Compares where an operation is and who gets in: servers and security."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.pipeline.report.changes import Change, Severity, shown
from scripts.pipeline.report.nodes import both, others, pointer

Node = dict[str, Any]

_DEFAULT: list[Node] = [{"url": "/"}]


def compare_servers(old: list[Node], new: list[Node], at: str) -> Iterator[Change]:
    """What changed in the addresses of a node.

    Args:
        old: The node, followed by those it inherits servers from, the nearest first.
        new: The same in the other document.
        at: Where the node's servers are.
    """
    if not any("servers" in levels[0] for levels in (old, new)):
        return  # what is inherited is compared where it is said
    before, after = _addresses(old), _addresses(new)
    for address, one, other in both(before, after):
        if other is None:
            yield Change(Severity.MAJOR, at, f"server {address} removed")
        elif one is None:
            yield Change(Severity.MINOR, at, f"server {address} added")
        else:
            yield from others(one, other, at, ("url",))
    first = next(iter(after))
    if first != next(iter(before)) and before.keys() <= after.keys():
        yield Change(Severity.MAJOR, at, f"the first server, to which calls go, is {first} now")


def _addresses(levels: list[Node]) -> dict[str, Node]:
    """The servers that count for a node, by address; a variable stands for its default."""
    found: dict[str, Node] = {}
    for server in next((node["servers"] for node in levels if node.get("servers")), _DEFAULT):
        address = server["url"]
        for name, variable in server.get("variables", {}).items():
            address = address.replace(f"{{{name}}}", str(variable["default"]))
        found[address] = server
    return found


def compare_security(old: Node, new: Node, defaults: tuple[Node, Node], at: str) -> Iterator[Change]:
    """What changed in the ways into an operation; `defaults` are the nodes that say it for all operations."""
    before, after = (_ways_in(node, default) for node, default in zip((old, new), defaults, strict=True))
    if before == after:
        return
    if frozenset() in after and frozenset() not in before:
        yield Change(Severity.MAJOR, at, "security dropped: no key is asked for any more")
    elif before - after:
        yield Change(Severity.MAJOR, at, f"security {_worded(before)} → {_worded(after)}")
    else:
        yield Change(Severity.MINOR, at, f"one more way in: {_worded(after - before)}")


def compare_security_schemes(old: Node, new: Node) -> Iterator[Change]:
    """What changed in the kinds of keys."""
    schemes = (document.get("components", {}).get("securitySchemes") for document in (old, new))
    for name, before, after in both(*schemes):
        place = pointer("#/components/securitySchemes", name)
        if before is None or after is None:
            severity = Severity.MINOR if before is None else Severity.MAJOR
            yield Change(severity, place, "scheme added" if before is None else "scheme removed")
            continue
        changes = {
            key: f"{key} {shown(one)} → {shown(other)}" for key, one, other in both(before, after) if one != other
        }
        worded = [key for key in changes if key == "description" or key.startswith("x-")]
        if changes:
            severity = Severity.PATCH if len(worded) == len(changes) else Severity.MAJOR
            yield Change(severity, place, ", ".join(changes.values()))


def _ways_in(operation: Node, default: Node) -> set[frozenset[str]]:
    asked: list[Node] = operation["security"] if "security" in operation else default.get("security", [])
    return {frozenset(_with_scopes(*scheme) for scheme in each.items()) for each in asked} or {frozenset()}


def _with_scopes(scheme: str, scopes: list[str]) -> str:
    return f"{scheme}[{' '.join(sorted(scopes))}]" if scopes else scheme


def _worded(ways: set[frozenset[str]]) -> str:
    return " or ".join(sorted("+".join(sorted(way)) or "none" for way in ways))
