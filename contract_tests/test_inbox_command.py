"""`apikley inbox` lists and replays what the inbox holds."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from apikley.cli import main
from apikley.receiver import Inbox
from apikley.receiver._records import Outcome
from contract_tests.inboxes import LEASE, NOW, begin, delivery


@pytest.fixture
def command() -> Any:
    """The command, as a shell would run it: exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["inbox", *arguments])
        return code, out.getvalue(), err.getvalue()

    return run


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_the_command_lists_and_replays_the_dead(inbox: Inbox, where: str, command: Any) -> None:
    inbox.write([delivery("task_1"), delivery("task_2"), delivery("task_3")])
    inbox.write([Outcome(item, "dead", NOW, "OSError: [no] disk") for item in begin(inbox, limit=2)])
    code, out, _ = command("list", "--inbox", where, "--status", "dead")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["key", "status", "attempts", "received", "error"],
        ["task_1:success", "dead", "1", "1970-01-01T00:16:40+00:00", "OSError:", "[no]", "disk"],
        ["task_2:success", "dead", "1", "1970-01-01T00:16:40+00:00", "OSError:", "[no]", "disk"],
    ]
    assert command("replay", "--inbox", where, "task_1:success") == (0, "task_1:success\n", "")
    code, out, err = command("replay", "--inbox", where, "task_1:success", "task_2:success")
    assert (code, out, err) == (1, "task_2:success\n", "apikley: not dead, so not replayed: task_1:success\n")
    assert inbox.counts() == {"pending": 3}
    assert command("replay", "--inbox", where, "--all") == (0, "", "")


def test_the_command_lists_what_is_expected(tmp_path: Path, command: Any) -> None:
    inbox = Inbox(tmp_path / "inbox.db")
    inbox.expect("task_1", None, NOW, NOW)
    inbox.postpone(inbox.overdue(NOW, LEASE, 1)[0], None)
    inbox.close()
    code, out, _ = command("expected", "--inbox", str(tmp_path / "inbox.db"))
    assert code == 0
    assert out.splitlines()[1].split() == ["task_1", "1970-01-01T00:16:40+00:00", "given", "up"]


def test_the_command_says_of_a_job_without_a_task_that_it_waits(tmp_path: Path, command: Any) -> None:
    with Inbox(tmp_path / "inbox.db") as inbox:
        inbox.expect(None, "t" * 20, NOW, NOW)
    _, out, _ = command("expected", "--inbox", str(tmp_path / "inbox.db"))
    assert out.splitlines()[1].split("  ")[-1] == "waits for its callback"
