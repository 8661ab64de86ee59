"""`apikley inbox` lists and replays what the inbox holds."""

from __future__ import annotations

import contextlib
import io
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from apikley.cli import main
from apikley.receiver import Inbox
from apikley.receiver.inbox.rows import Result
from contract_tests.receiver.inboxes import LEASE, NOW, begin, delivery


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
    inbox.write([Result(item, "dead", NOW, "OSError: [no] disk") for item in begin(inbox, limit=2)])
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
    inbox.reschedule(inbox.claim_overdue(NOW, LEASE, 1)[0], None)
    inbox.close()
    code, out, _ = command("expected", "--inbox", str(tmp_path / "inbox.db"))
    assert code == 0
    assert out.splitlines()[1].split() == ["task_1", "1970-01-01T00:16:40+00:00", "given", "up"]


@pytest.mark.parametrize("words", [("list",), ("expected",), ("replay", "--all")], ids=" ".join)
@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("none.db", "there is no inbox none.db"),
        ("sqlite:///none.db", "there is no inbox none.db"),
        ("sqlite:///file:none.db?uri=true", "there is no inbox file:none.db"),
        ("sqlite://", "the inbox is 'sqlite://'; expected a file, a PostgreSQL URL, or :memory: for tests"),
        ("", "--inbox is empty; name a SQLite file, or the URL of a PostgreSQL database"),
    ],
)
def test_the_command_makes_no_inbox(
    tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], place: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(*words, "--inbox", place) == (2, "", f"apikley: {said}\n")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("words", [("list",), ("expected",), ("replay", "--all")], ids=" ".join)
def test_the_command_leaves_the_database_of_another_program_as_it_is(
    tmp_path: Path, command: Any, words: tuple[str, ...]
) -> None:
    file = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = file.read_bytes()
    place = f"sqlite:///{file}"
    said = f"apikley: {place} is no inbox: it lacks a receiver's tables\n"
    assert command(*words, "--inbox", str(file)) == command(*words, "--inbox", place) == (2, "", said)
    assert (file.read_bytes(), [*tmp_path.iterdir()]) == (before, [file])


@pytest.mark.parametrize("where", ["postgresql"], indirect=True)
def test_the_command_makes_no_tables_in_a_server(where: str, command: Any) -> None:
    code, out, err = command("list", "--inbox", where)
    assert (code, out, "is no inbox: it lacks a receiver's tables\n" in err) == (2, "", True)
    assert command("list", "--inbox", where) == (code, out, err)


def test_an_empty_variable_is_as_none(tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APIKLEY_INBOX", "")
    assert command("list") == (2, "", "apikley: there is no inbox apikley-inbox.db; name it with --inbox\n")


def test_the_command_says_of_a_job_without_a_task_that_it_waits(tmp_path: Path, command: Any) -> None:
    with Inbox(tmp_path / "inbox.db") as inbox:
        inbox.expect(None, "t" * 20, NOW, NOW)
    _, out, _ = command("expected", "--inbox", str(tmp_path / "inbox.db"))
    assert out.splitlines()[1].split("  ")[-1] == "waits for its callback"
