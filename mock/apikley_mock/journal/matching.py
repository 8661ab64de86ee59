"""Compares entries with expectations, and reports the nearest one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apikley_mock.journal.entry import Entry


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Return where a value lacks what is expected, one line each. Objects may have more members."""
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return [f"{path or 'body'}: expected an object, got {_short(actual)}"]
        found = []
        for name, value in expected.items():
            place = f"{path}.{name}" if path else str(name)
            if name in actual:
                found += differences(value, actual[name], place)
            else:
                found.append(f"{place}: expected {_short(value)}, but it is missing")
        return found
    return [] if expected == actual else [f"{path or 'body'}: expected {_short(expected)}, got {_short(actual)}"]


def report(what: str, expected: Mapping[str, Any], found: Sequence[Entry], candidates: Sequence[Entry]) -> str:
    """Return why an assertion failed: how many entries matched, and the nearest other one."""
    members = f" with {_short(dict(expected))}" if expected else ""
    lines = [f"expected one {what}{members}; found {len(found) or 'none'}"]
    lines += [f"  {line(entry)}" for entry in found[:5]]
    if not found and candidates:
        nearest = min(candidates, key=lambda entry: (len(differences(expected, entry.json())), -entry.number))
        lines.append(f"nearest of {len(candidates)}: {line(nearest)}")
        lines += [f"  {each}" for each in differences(expected, nearest.json())[:10]]
    elif not found:
        lines.append("there was none at all")
    return "\n".join(lines)


def line(entry: Entry) -> str:
    """Return an entry in one line."""
    verdict = "no response" if entry.status is None else f"HTTP {entry.status}"
    code = f" code {entry.code}" if entry.code is not None else ""
    task = f" {entry.task_id}" if entry.task_id else ""
    note = f": {entry.note}" if entry.note else ""
    return f"#{entry.number} {entry.method} {entry.target} -> {verdict}{code}{task}{note}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "…" + text[-1]
