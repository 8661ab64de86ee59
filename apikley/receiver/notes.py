"""A local file of created tasks, which `apikley listen` follows.

Each line is a JSON object. It holds a hash of the API key, so that a task is polled only with the key that created it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from apikley._model.fields import parse_json
from apikley._model.key_hash import key_hash
from apikley._model.task import TaskInfo
from apikley.errors import ConfigurationError

NOTES = ".apikley-tasks.jsonl"
API_KEY = "APIKLEY_API_KEY"
Closed = Literal["delivered", "given_up"]  # why a task is not polled any more


def note(task: object, *, path: str | os.PathLike[str] = NOTES, api_key: str | None = None) -> None:
    """Note a task that was just created, or poll one again that was given up.

    Args:
        task: A task or its id.
        path: The file, created if missing.
        api_key: The key that created the task; by default the key of the task's client, otherwise the environment
            variable APIKLEY_API_KEY.

    Raises:
        ConfigurationError: There is no task id or no key. The error names the task.
        OSError: The file cannot be written. The error names the task.

    Example:
        task = api.create(Hailuo02ImageToVideoPro(prompt="…", image_url="https://…"))
        note(task)
    """
    task_id = task if isinstance(task, str) else getattr(task, "id", None)
    if not isinstance(task_id, str) or not task_id:
        raise ConfigurationError(f"{task!r} has no task id to note")
    account = task.account if isinstance(task, TaskInfo) and not api_key else None
    try:
        Notes(path, api_key, account=account).add(task_id)
    # The errors name the id, because the caller may have created the task in the same expression.
    except ConfigurationError as error:
        raise ConfigurationError(f"task {task_id} is not noted: {error}") from None
    except OSError as error:
        raise OSError(error.errno, f"task {task_id} is not noted: {error.strerror or error}", error.filename) from error


class Notes:
    """The tasks in a file, which may be missing, that one key created. See `note`; `account` is a hash of the key."""

    def __init__(
        self, path: str | os.PathLike[str] = NOTES, api_key: str | None = None, *, account: str | None = None
    ) -> None:
        key = api_key or os.environ.get(API_KEY, "")
        if not account and not key:
            raise ConfigurationError(f"there is no API key; set the environment variable {API_KEY}")
        self.path = Path(path)
        self._account = account or key_hash(key)

    def add(self, task_id: str, closed: Closed | None = None) -> None:
        """Note that a task is to be polled, or why it is not polled any more."""
        line = json.dumps({"task_id": task_id, "account": self._account, "closed": closed}) + "\n"
        with self.path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":  # do not append to a half-written line
                    line = "\n" + line
            file.write(line.encode())

    def open_tasks(self) -> list[str]:
        """Return the tasks to poll, in the order in which they were noted.

        A task that was given up is included if it was noted again later; a delivered one never is.
        """
        text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""
        tasks: dict[str, Closed | None] = {}
        for line in text.splitlines():
            entry = parse_json(line)
            # Half-written lines and lines of other keys are skipped.
            if isinstance(entry, dict) and entry.get("account") == self._account and entry.get("task_id"):
                task_id = str(entry["task_id"])
                if tasks.get(task_id) != "delivered":
                    tasks[task_id] = entry.get("closed")
        return [task_id for task_id, closed in tasks.items() if not closed]
