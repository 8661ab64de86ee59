"""Notes which tasks were created, in a local file, for `apikley listen` to find.

One JSON object a line. In place of the key it holds a short hash of it, so that tasks of one account are
not looked for with the key of another.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal, get_args

from apikley._model.fields import parse_json
from apikley._model.key_hash import key_hash
from apikley._model.task import TaskInfo
from apikley.errors import ConfigurationError

NOTES = ".apikley-tasks.jsonl"
API_KEY = "APIKLEY_API_KEY"
# Why nobody looks at a task any more.
Closed = Literal["delivered", "given_up"]


def note(task: object, *, path: str | os.PathLike[str] = NOTES, api_key: str | None = None) -> None:
    """Note a task that was just created, or one that was given up, to be looked at again.

    Args:
        task: A task, or its id.
        path: The file; it is made where there is none.
        api_key: The key that it was created with; otherwise that of the client whose task it is, otherwise
            the environment variable APIKLEY_API_KEY.

    Raises:
        ConfigurationError: There is no task id, or no key. What is raised names the task.
        OSError: The file cannot be written.

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
    # Said with the id: where the task was created in the same expression, it stands nowhere else.
    except ConfigurationError as error:
        raise ConfigurationError(f"task {task_id} is not noted: {error}") from None
    except OSError as error:
        raise OSError(error.errno, f"task {task_id} is not noted: {error.strerror or error}", error.filename) from error


class Notes:
    """The tasks noted in a file with one key.

    Args:
        path: The file; it need not be there yet.
        api_key: The key; otherwise the environment variable APIKLEY_API_KEY.
        account: The hash of a key, in place of the key.

    Raises:
        ConfigurationError: There is no key.
    """

    def __init__(
        self, path: str | os.PathLike[str] = NOTES, api_key: str | None = None, *, account: str | None = None
    ) -> None:
        key = api_key or os.environ.get(API_KEY, "")
        if not account and not key:
            raise ConfigurationError(f"no API key to note tasks by; set the environment variable {API_KEY}")
        self.path = Path(path)
        self._account = account or key_hash(key)

    def add(self, task_id: str, **more: Any) -> None:
        """Note a task."""
        line = json.dumps({"task_id": task_id, "account": self._account, **more}) + "\n"
        with self.path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":  # somebody's half-written line, which is not to take this one with it
                    line = "\n" + line
            file.write(line.encode())

    def close(self, task_id: str, why: Closed) -> None:
        """Note that nobody need look at a task any more."""
        self.add(task_id, **{why: True})

    def open_tasks(self) -> list[str]:
        """The tasks that are to be looked at, in the order in which they were noted.

        One that was given up is, if it was noted again after that; one that was delivered is not.
        """
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        tasks: dict[str, Closed | None] = {}
        for line in text.splitlines():
            entry = parse_json(line)
            # What cannot be read is somebody's half-written line, or none of ours.
            if isinstance(entry, dict) and entry.get("account") == self._account and entry.get("task_id"):
                task_id = str(entry["task_id"])
                if tasks.get(task_id) != "delivered":
                    tasks[task_id] = next((why for why in get_args(Closed) if entry.get(why)), None)
        return [task_id for task_id, closed in tasks.items() if not closed]
