"""The life of tasks, without I/O: who made them, and in which state they are at what time."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import apikley_contract

# In the order of the life cycle; the contract's own enumeration.
STATES: list[str] = apikley_contract.openapi()["components"]["schemas"]["TaskState"]["enum"]
WAITING, QUEUING, GENERATING, SUCCESS, FAIL = STATES


@dataclass(frozen=True)
class Durations:
    """How long a task stays in each state, in seconds."""

    waiting: float = 0.5
    queuing: float = 0.5
    generating: float = 2.0


@dataclass(frozen=True)
class Task:
    """One task. Everything about it is decided when it is created.

    Attributes:
        id: The task's id.
        request: The createTask body as it came.
        changes: The states that it goes through, each with its Unix time, earliest first.
        base_url: Where the simulator was reached, for the result's address.
    """

    id: str
    request: dict[str, Any]
    changes: tuple[tuple[str, float], ...]
    base_url: str

    @property
    def created(self) -> float:
        """Unix seconds."""
        return self.changes[0][1]

    @property
    def completed(self) -> float:
        """Unix seconds."""
        return self.changes[-1][1]

    def change(self, now: float) -> tuple[str, float]:
        """The state at a time, and since when it lasts."""
        return next(change for change in reversed(self.changes) if change[1] <= now or change is self.changes[0])


class Engine:
    """All tasks.

    Args:
        durations: How long tasks stay in each state.
    """

    def __init__(self, durations: Durations) -> None:
        self.durations = durations
        self.tasks: dict[str, Task] = {}
        self._endings: list[tuple[float, str]] = []
        self._last_number = 0

    def create(self, request: dict[str, Any], base_url: str, now: float) -> Task:
        """Begin a task."""
        steps = ((WAITING, 0.0), (QUEUING, self.durations.waiting), (GENERATING, self.durations.queuing))
        changes, moment = [], now
        for state, pause in (*steps, (SUCCESS, self.durations.generating)):
            moment += pause
            changes.append((state, moment))
        task = Task(self._new_id(str(request["model"]), now), request, tuple(changes), base_url)
        self.tasks[task.id] = task
        heapq.heappush(self._endings, (task.completed, task.id))
        return task

    def next_ending(self) -> float | None:
        """When the next task ends, in Unix seconds."""
        return self._endings[0][0] if self._endings else None

    def ended(self, now: float) -> list[Task]:
        """The tasks that have ended since this was last asked, in order."""
        found = []
        while self._endings and self._endings[0][0] <= now:
            found.append(self.tasks[heapq.heappop(self._endings)[1]])
        return found

    def _new_id(self, model: str, now: float) -> str:
        # As in the documentation: the family, and the time in milliseconds. Never the same twice.
        self._last_number = max(self._last_number + 1, int(now * 1000))
        return f"task_{model.split('/', maxsplit=1)[0]}_{self._last_number}"
