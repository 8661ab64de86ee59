"""Compares what was expected with what came, and says how the nearest of it differed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apikley_mock.journal.truncation import excerpt

if TYPE_CHECKING:
    from apikley_mock.journal.journal import Entry


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Where a value lacks what is expected, one line each; objects may hold more than is named."""
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return [f"{path or 'body'}: expected an object, got {_short(actual)}"]
        found = []
        for name, value in expected.items():
            where = f"{path}.{name}" if path else str(name)
            if name in actual:
                found += differences(value, actual[name], where)
            else:
                found.append(f"{where}: expected {_short(value)}, but it is missing")
        return found
    # A large body is kept with its long strings shortened.
    fits = expected == actual or excerpt(expected) == actual
    return [] if fits else [f"{path or 'body'}: expected {_short(expected)}, got {_short(actual)}"]


def report(
    what: str,
    expected: Mapping[str, Any],
    found: Sequence[Entry],
    attempts: Sequence[Entry],
    body: Callable[[Entry], Any],
) -> str:
    """Why an assertion failed: how many were found, and the nearest miss."""
    wanted = f" with {_short(dict(expected))}" if expected else ""
    lines = [f"expected one {what}{wanted}; found {len(found) or 'none'}"]
    lines += [f"  {_line(entry)}" for entry in found[:5]]
    if not found and attempts:
        nearest = min(attempts, key=lambda entry: (len(differences(expected, body(entry))), -entry.number))
        lines.append(f"nearest of {len(attempts)}: {_line(nearest)}")
        lines += [f"  {line}" for line in differences(expected, body(nearest))[:10]]
    elif not found:
        lines.append("there was none at all")
    return "\n".join(lines)


def _line(entry: Entry) -> str:
    verdict = "no answer" if entry.status is None else f"HTTP {entry.status}"
    code = f" code {entry.code}" if entry.code is not None else ""
    task = f" {entry.task_id}" if entry.task_id else ""
    note = f": {entry.note}" if entry.note else ""
    return f"#{entry.number} {entry.method} {entry.target} -> {verdict}{code}{task}{note}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "…" + text[-1]
