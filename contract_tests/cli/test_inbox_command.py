"""`apikley inbox`."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apikley.cli import main
from apikley.receiver import Inbox
from apikley.receiver.inbox.rows import Result
from contract_tests.receiver.inboxes import LEASE, NOW, completion

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command() -> Command:
    """Run `apikley inbox`; returns exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["inbox", *arguments])
        return code, out.getvalue(), err.getvalue()

    return run


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_dead_events_are_listed_and_replayed(inbox: Inbox, where: str, command: Command) -> None:
    inbox.write([completion("task_1"), completion("task_2"), completion("task_3")])
    inbox.write([Result(claim, "dead", NOW, "OSError: [no] disk") for claim in inbox.claim(NOW, LEASE, 2)])
    code, out, _ = command("list", "--inbox", where, "--status", "dead")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["event", "status", "attempts", "received", "error"],
        ["task_1:success", "dead", "1", "1970-01-01T00:16:40+00:00", "OSError:", "[no]", "disk"],
        ["task_2:success", "dead", "1", "1970-01-01T00:16:40+00:00", "OSError:", "[no]", "disk"],
    ]
    assert command("replay", "--inbox", where, "task_1:success") == (0, "task_1:success\n", "")
    code, out, err = command("replay", "--inbox", where, "task_1:success", "task_2:success")
    assert (code, out, err) == (1, "task_2:success\n", "apikley: not dead, so not replayed: task_1:success\n")
    assert inbox.counts() == {"pending": 3}
    assert command("replay", "--inbox", where, "--all") == (0, "", "")


def test_events_that_are_not_dead_are_named_in_the_json_document(tmp_path: Path, command: Command) -> None:
    place = str(tmp_path / "inbox.db")
    with Inbox(place) as inbox:
        inbox.expect("task_2", None, NOW, NOW)
    code, out, err = command("replay", "task_1:success", "--inbox", place, "--output", "json")
    document = json.loads(out)
    assert (document["not_dead"], document["error"]["exit_code"], code) == (["task_1:success"], 1, 1)
    assert err == "apikley: not dead, so not replayed: task_1:success\n"


def test_expected_callbacks_are_listed(tmp_path: Path, command: Command) -> None:
    place = str(tmp_path / "inbox.db")
    with Inbox(place) as inbox:
        inbox.expect("task_1", None, NOW, NOW)
        inbox.reschedule(inbox.claim_overdue(NOW, LEASE, 1)[0], None)
        inbox.expect(None, "t" * 20, NOW, NOW)
    _, out, _ = command("expected", "--inbox", place)
    rows = [line.split(maxsplit=2) for line in out.splitlines()[1:]]
    assert ["task_1", "1970-01-01T00:16:40+00:00", "given up"] in rows
    assert ["t" * 20, "1970-01-01T00:16:40+00:00", "waits for its callback"] in rows


@pytest.mark.parametrize("words", [("list",), ("expected",), ("replay", "--all")], ids=" ".join)
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("none.db", "there is no inbox none.db; check the path"),
        ("sqlite:///none.db", "there is no inbox none.db; check the path"),
        ("", "--inbox is empty; name a SQLite file, or the URL of a PostgreSQL database"),
    ],
)
def test_the_command_creates_no_inbox(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], place: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(*words, "--inbox", place) == (2, "", f"apikley: {message}\n")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("words", [("list",), ("expected",), ("replay", "--all")], ids=" ".join)
def test_the_command_does_not_change_another_database(tmp_path: Path, command: Command, words: tuple[str, ...]) -> None:
    file = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = file.read_bytes()
    place = f"sqlite:///{file}"
    message = f"apikley: {place} is not an inbox: it lacks a receiver's tables\n"
    assert command(*words, "--inbox", str(file)) == command(*words, "--inbox", place) == (2, "", message)
    assert (file.read_bytes(), [*tmp_path.iterdir()]) == (before, [file])


def test_an_empty_variable_counts_as_not_set(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APIKLEY_INBOX", "")
    assert command("list") == (2, "", "apikley: there is no inbox apikley-inbox.db; name it with --inbox\n")


@pytest.mark.parametrize(("module", "extra"), [("click", "cli"), ("sqlalchemy", "receiver")])
def test_a_missing_package_names_the_extra_to_install(tmp_path: Path, module: str, extra: str) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError(name={module!r})", encoding="utf-8")
    (tmp_path / "inbox.db").touch()
    run = subprocess.run(
        [sys.executable, "-m", "apikley", "inbox", "list", "--inbox", str(tmp_path / "inbox.db")],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == f"apikley: {module} is not installed; run: pip install 'apikley[{extra}]'\n"
