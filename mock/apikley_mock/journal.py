"""What happened: requests with their verdicts, callbacks with their answers. Bounded; no headers, so no keys."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_KEPT = 10_000


@dataclass(frozen=True)
class Entry:
    """One request received, or one callback sent.

    Attributes:
        at: Unix seconds of the simulator's clock.
        kind: `request` or `callback`.
        method: The HTTP method.
        target: The path of a request, without its query; the URL of a callback.
        status: The HTTP status answered; None where none came.
        note: The code in the envelope, or what went wrong.
        task_id: The task that it was about, if any.
    """

    at: float
    kind: Literal["request", "callback"]
    method: str
    target: str
    status: int | None
    note: str = ""
    task_id: str | None = None


class Journal:
    """The newest entries."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)

    def __iter__(self) -> Iterator[Entry]:
        """The entries, oldest first."""
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """Note one."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()

    def callbacks(self) -> list[Entry]:
        """The callbacks that were sent."""
        return [entry for entry in self._entries if entry.kind == "callback"]

    def requests(self, method: str | None = None, target: str | None = None) -> list[Entry]:
        """The requests, of one method and to one path."""
        return [
            entry
            for entry in self._entries
            if entry.kind == "request" and method in (None, entry.method) and target in (None, entry.target)
        ]
