"""`apikley inbox`."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from apikley.receiver import Inbox, Receiver
from apikley.receiver.inbox.rows import Result
from contract_tests.cli.command_line import CommandLine, run_process
from contract_tests.receiver.inboxes import LEASE, NOW, completion


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_dead_events_are_listed_and_replayed(inbox: Inbox, where: str, cli: CommandLine) -> None:
    inbox.write([completion("task_1"), completion("task_2"), completion("task_3")])
    inbox.write([Result(claim, "dead", NOW, "OSError: [no] disk") for claim in inbox.claim(NOW, LEASE, 2)])
    code, out, _ = cli("inbox", "list", "--inbox", where, "--status", "dead")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["event", "status", "attempts", "received", "error"],
        ["task_1:success", "dead", "1", "1970-01-01T00:16:40+00:00", "OSError:", "[no]", "disk"],
        ["task_2:success", "dead", "1", "1970-01-01T00:16:40+00:00", "OSError:", "[no]", "disk"],
    ]
    assert cli("inbox", "replay", "--inbox", where, "task_1:success") == (0, "task_1:success\n", "")
    code, out, err = cli("inbox", "replay", "--inbox", where, "task_1:success", "task_2:success")
    assert (code, out, err) == (1, "task_2:success\n", "apikley: not dead, so not replayed: task_1:success\n")
    assert inbox.counts() == {"pending": 3}
    assert cli("inbox", "replay", "--inbox", where, "--all") == (0, "", "")


def test_events_that_are_not_dead_are_named_in_the_json_document(cli: CommandLine) -> None:
    place = str(cli.folder / "inbox.db")
    with Inbox(place) as inbox:
        inbox.expect("task_2", None, NOW, NOW)
    code, out, err = cli("inbox", "replay", "task_1:success", "--inbox", place, "--format", "json")
    document = json.loads(out)
    assert (document["not_dead"], document["error"]["exit_code"], code) == (["task_1:success"], 1, 1)
    assert err == "apikley: not dead, so not replayed: task_1:success\n"


def test_expected_callbacks_are_listed(cli: CommandLine) -> None:
    place = str(cli.folder / "inbox.db")
    with Inbox(place) as inbox:
        inbox.expect("task_1", None, NOW, NOW)
        inbox.reschedule(inbox.claim_overdue(NOW, LEASE, 1)[0], None)
        inbox.expect(None, "t" * 20, NOW, NOW)
    _, out, _ = cli("inbox", "expected", "--inbox", place)
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
def test_the_command_creates_no_inbox(cli: CommandLine, words: tuple[str, ...], place: str, message: str) -> None:
    assert cli("inbox", *words, "--inbox", place) == (2, "", f"apikley: {message}\n")
    assert [path.name for path in cli.folder.iterdir()] == ["cat.png"]


@pytest.mark.parametrize("words", [("list",), ("expected",), ("replay", "--all")], ids=" ".join)
def test_the_command_does_not_change_another_database(cli: CommandLine, words: tuple[str, ...]) -> None:
    file = cli.folder / "other.db"
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = file.read_bytes()
    place = f"sqlite:///{file}"
    message = f"apikley: {place} is not an inbox: it lacks the tables of one\n"
    assert cli("inbox", *words, "--inbox", str(file)) == cli("inbox", *words, "--inbox", place) == (2, "", message)
    assert file.read_bytes() == before


def test_an_empty_variable_counts_as_not_set(cli: CommandLine) -> None:
    cli.patch.setenv("APIKLEY_INBOX", "")
    cli.patch.setenv("XDG_DATA_HOME", str(cli.folder))
    place = cli.folder / "apikley" / "inbox.db"
    assert cli("inbox", "list") == (2, "", f"apikley: there is no inbox {place}; name it with --inbox\n")


def test_the_default_inbox_is_the_receivers(cli: CommandLine) -> None:
    cli.patch.setenv("XDG_DATA_HOME", str(cli.folder / "data"))
    with Receiver("webhook-key", workers=0) as receiver:
        assert str(cli.folder / "data") in repr(receiver)
    receiver.inbox.close()
    assert cli("inbox", "list").code == 0
    assert [path.name for path in cli.folder.iterdir() if path.suffix == ".db"] == []


@pytest.mark.parametrize(("module", "extra"), [("click", "cli"), ("sqlalchemy", "receiver")])
def test_a_missing_package_names_the_extra_to_install(cli: CommandLine, module: str, extra: str) -> None:
    (cli.folder / f"{module}.py").write_text(f"raise ModuleNotFoundError(name={module!r})", encoding="utf-8")
    place = cli.folder / "inbox.db"
    place.touch()
    run = run_process("inbox", "list", "--inbox", str(place), PYTHONPATH=str(cli.folder))
    message = f"apikley: {module} is not installed; run: pip install 'apikley[{extra}]'\n"
    assert (run.returncode, run.stderr) == (1, message)


@pytest.mark.parametrize(
    "place", ["postgresql://me:secret@127.0.0.1:9/db", "postgresql://127.0.0.1:9/db?user=me&password=secret"]
)
def test_a_password_on_the_command_line_is_warned_about(cli: CommandLine, place: str) -> None:
    warning = "warning: --inbox shows the password in the process list and the shell history; use APIKLEY_INBOX\n"
    ended = cli("inbox", "list", "--inbox", place)
    assert warning in ended.err
    assert "secret" not in ended.out + ended.err
    cli.patch.setenv("APIKLEY_INBOX", place)
    assert warning not in cli("inbox", "list").err
    assert warning not in cli("inbox", "list", "--inbox", "postgresql://me@127.0.0.1:9/db").err
