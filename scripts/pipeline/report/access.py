"""Compares servers and security."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.pipeline.issues import pointer
from scripts.pipeline.report.changes import Change, Severity, display
from scripts.pipeline.report.nodes import compare_remaining, presence, zip_keys

Node = dict[str, Any]

_DEFAULT: list[Node] = [{"url": "/"}]


def compare_servers(old: list[Node], new: list[Node], at: str) -> Iterator[Change]:
    """Compare the servers of a node.

    Args:
        old: The node, followed by the nodes that it inherits servers from, the nearest first.
        new: The same in the new document.
        at: The place of the node's servers.
    """
    if not any("servers" in levels[0] for levels in (old, new)):
        return  # inherited servers are compared where they are defined
    before, after = _by_url(old), _by_url(new)
    for url, one, other in zip_keys(before, after):
        if one is None or other is None:
            yield presence(f"server {url}", at, added=one is None)
        else:
            yield from compare_remaining(one, other, at, ("url",))
    first = next(iter(after))
    if first != next(iter(before)) and before.keys() <= after.keys():
        yield Change(Severity.MAJOR, at, f"the first server, which clients call, is now {first}")


def _by_url(levels: list[Node]) -> dict[str, Node]:
    servers = next((node["servers"] for node in levels if node.get("servers")), _DEFAULT)
    return {server["url"]: server for server in servers}


def compare_security(old: Node, new: Node, defaults: tuple[Node, Node], at: str) -> Iterator[Change]:
    """Compare the security of an operation; `defaults` are the nodes that it inherits security from."""
    before, after = (_alternatives(node, default) for node, default in zip((old, new), defaults, strict=True))
    if before == after:
        return
    if frozenset() in after and frozenset() not in before:
        yield Change(Severity.MAJOR, at, "security removed: no key is required")
    elif before - after:
        yield Change(Severity.MAJOR, at, f"security {_text(before)} → {_text(after)}")
    else:
        yield Change(Severity.MINOR, at, f"security also accepts {_text(after - before)}")


def compare_security_schemes(old: Node, new: Node) -> Iterator[Change]:
    """Compare the definitions of the security schemes."""
    schemes = (document.get("components", {}).get("securitySchemes") for document in (old, new))
    for name, before, after in zip_keys(*schemes):
        place = pointer("#/components/securitySchemes", name)
        if before is None or after is None:
            yield presence("scheme", place, added=before is None)
            continue
        changed = {key: (one, other) for key, one, other in zip_keys(before, after) if one != other}
        if changed:
            only_texts = all(key == "description" or key.startswith("x-") for key in changed)
            what = ", ".join(f"{key} {display(one)} → {display(other)}" for key, (one, other) in changed.items())
            yield Change(Severity.PATCH if only_texts else Severity.MAJOR, place, what)


def _alternatives(operation: Node, default: Node) -> set[frozenset[str]]:
    """Return the alternatives of an operation's security, each a set of schemes with their scopes."""
    security: list[Node] = operation["security"] if "security" in operation else default.get("security", [])
    found = {
        frozenset(f"{name}[{' '.join(sorted(scopes))}]" if scopes else name for name, scopes in each.items())
        for each in security
    }
    return found or {frozenset()}


def _text(alternatives: set[frozenset[str]]) -> str:
    return " or ".join(sorted("+".join(sorted(each)) or "none" for each in alternatives))
