"""A task as it was last seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import apikley_contract
from apikley._model.fields import TaskFields, nested, text
from apikley.errors import GenerationFailed

if TYPE_CHECKING:
    from apikley_client.models import TaskDetails, TaskState

SUCCESS, FAIL = FINISHED = ("success", "fail")


class TaskSnapshot(TaskFields):
    """One task, as it was when it was last looked at; looking again makes another snapshot.

    Pickled, it leaves its client behind, and comes back as a plain snapshot, which any client's methods
    take.

    Attributes:
        id: The task's id.
        token: The token that its create put into the callback URL, if it did.
        account: A short hash of the key of the client that it belongs to; None if it belongs to none.
    """

    def __init__(
        self,
        task_id: str,
        record: dict[str, Any] | None = None,
        token: str | None = None,
        account: str | None = None,
    ) -> None:
        super().__init__(record or {})
        self.id = task_id
        self.token = token
        self.account = account

    def __reduce__(self) -> tuple[Any, ...]:
        return TaskSnapshot, (self.id, self.raw, self.token, self.account)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

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

    def raise_for_failure(self) -> None:
        """Do nothing, unless the task has failed.

        Raises:
            GenerationFailed: It has.
        """
        if text(self._record.get("state")) != FAIL:
            return
        code = apikley_contract.codes()["GENERATION_FAILED"]
        failure = GenerationFailed(code, self.fail_message or self.fail_code or "", task_id=self.id, body=self.raw)
        failure.fail_code = self.fail_code
        failure.task = self
        raise failure


def record_of(data: object) -> dict[str, Any]:
    """The record in an answer's data; empty where there is none."""
    return nested(data) or {}


def snapshot(task: TaskSnapshot | str) -> TaskSnapshot:
    """A task, or one of which only the id is known."""
    return task if isinstance(task, TaskSnapshot) else TaskSnapshot(task)
