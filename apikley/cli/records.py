"""The tasks that this machine has created, in a file of the user, so that a paid id is never lost with a terminal.

Each line is a JSON object. A later line about a task adds to an earlier one. No line contains a key or a prompt.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from apikley._model.fields import parse_json
from apikley.cli.constants import RECORDS_VARIABLE
from apikley.cli.output import Output

if TYPE_CHECKING:
    from apikley import TaskInfo

_OFF = ("off", "no", "0")


def records_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file; None if it is switched off, or this user has no home folder."""
    given = environment.get(RECORDS_VARIABLE)
    if given:
        return None if given.lower() in _OFF else Path(given)
    try:
        return platformdirs.user_data_path("apikley", appauthor=False) / "tasks.jsonl"
    except RuntimeError:
        return None


def record(output: Output, task_id: str, **facts: object) -> None:
    """Note what is known of a task. A file that cannot be written costs a message, and never the task."""
    file = records_file()
    if file is None:
        return
    known = {name: value for name, value in facts.items() if value is not None}
    line = json.dumps({"task_id": task_id, "at": datetime.now(UTC).isoformat(timespec="seconds"), **known})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"{line}\n")
    except OSError as error:
        output.note(f"task {task_id} is not noted in {file}: {error.strerror}")


def record_end(output: Output, task: TaskInfo, file: Path | None) -> None:
    """Note how a task has ended, if this machine has created it, and where its result was saved."""
    if any(each["task_id"] == task.id for each in read_records()):
        saved = str(file.resolve()) if file else None
        record(output, task.id, state=task.state, credits=task.credits, file=saved)


def read_records() -> list[dict[str, Any]]:
    """Return what is known of each task, the latest task last."""
    file = records_file()
    tasks: dict[str, dict[str, Any]] = {}
    if file is not None and file.exists():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            entry = parse_json(line)
            if isinstance(entry, dict) and isinstance(task_id := entry.get("task_id"), str):  # not half a line
                created = tasks.get(task_id, entry).get("created_at", entry.get("at"))
                tasks[task_id] = {**tasks.get(task_id, {}), **entry, "created_at": created}
    return [*tasks.values()]
