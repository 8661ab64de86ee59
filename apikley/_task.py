"""A task as it was last seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apikley._fields import TaskFields, nested, text

if TYPE_CHECKING:
    from apikley_client.models import TaskDetails, TaskState

FINISHED = ("success", "fail")


class TaskSnapshot(TaskFields):
    """One task, as it was when it was last looked at; looking again makes another snapshot.

    Attributes:
        id: The task's id.
    """

    def __init__(
        self, task_id: str, record: dict[str, Any] | None = None, *, visible_after: float | None = None
    ) -> None:
        super().__init__(record or {})
        self.id = task_id
        self._visible_after = visible_after

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state or 'not looked at yet'}>"

    @property
    def state(self) -> TaskState | None:
        """Where the task stands; None before the first look. An unknown state is not finished."""
        from apikley_client.models import TaskState  # noqa: PLC0415 - loads the network stack

        word = text(self._record.get("state"))
        return TaskState(word) if word else None

    @property
    def finished(self) -> bool:
        """Whether the task has ended, well or badly."""
        return text(self._record.get("state")) in FINISHED

    @property
    def details(self) -> TaskDetails:
        """The record as the generated client's type."""
        from apikley_client.models import TaskDetails  # noqa: PLC0415 - loads the network stack

        safe = {"taskId": self.id, "state": text(self._record.get("state")) or ""}
        return TaskDetails.from_dict({**self._record, **safe})


def record_of(data: object) -> dict[str, Any]:
    """The record in an answer's data; empty where there is none."""
    return nested(data) or {}
