"""The inbox keeps each ending once, for one handler at a time, the same on every database."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from apikley.errors import ConfigurationError
from apikley.receiver import Inbox
from apikley.receiver._commit import GroupCommit
from apikley.receiver._database import Database
from apikley.receiver._records import Claimed, Delivery, Outcome
from apikley.receiver._schema import metadata
from scripts import postgres

NOW = 1_000.0
LEASE = 60.0


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres.running() as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an inbox can be kept; empty."""
    if request.param == "memory":
        return ":memory:"
    if request.param == "sqlite":
        return str(tmp_path / "inbox.db")
    url: str = request.getfixturevalue("database")
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    metadata.drop_all(engine)
    engine.dispose()
    return url


@pytest.fixture
def inbox(where: str) -> Iterator[Inbox]:
    opened = Inbox(where)
    yield opened
    opened.close()


def delivery(task: str, state: str = "success", **more: Any) -> Delivery:
    return Delivery(task, state, b'{"x":"\\u0000"}\x00\xff', more.pop("at", NOW), **more)


def done(item: Claimed) -> Outcome:
    return Outcome(item, "done", NOW)


def test_what_is_stored_is_claimed_as_it_came(inbox: Inbox) -> None:
    inbox.write([delivery("task_1", token="t" * 20)])
    (item,) = inbox.claim(NOW, LEASE, 10)
    assert (item.key, item.task_id, item.state, item.attempts) == ("task_1:success", "task_1", "success", 1)
    assert (item.body, item.token, item.source) == (b'{"x":"\\u0000"}\x00\xff', "t" * 20, "callback")


def test_an_ending_is_stored_once_however_often_it_is_delivered(inbox: Inbox) -> None:
    inbox.write([delivery("task_1"), delivery("task_1", at=NOW + 1)])
    inbox.write([delivery("task_1", at=NOW + 2)])
    (entry,) = inbox.entries()
    assert entry.received_at == NOW


def test_another_final_state_is_another_ending(inbox: Inbox) -> None:
    inbox.write([delivery("task_1"), delivery("task_1", "fail")])
    assert inbox.counts() == {"pending": 2}


def test_a_repeat_after_it_was_handled_changes_nothing(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    inbox.write([done(item) for item in inbox.claim(NOW, LEASE, 1)])
    inbox.write([delivery("task_1")])
    assert inbox.counts() == {"done": 1}
    assert inbox.claim(NOW + 1e9, LEASE, 1) == []


def test_what_is_claimed_is_nobody_elses_until_the_lease_is_over(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    assert len(inbox.claim(NOW, LEASE, 1)) == 1
    assert inbox.claim(NOW + LEASE - 1, LEASE, 1) == []
    (again,) = inbox.claim(NOW + LEASE, LEASE, 1)
    assert again.attempts == 2


def test_a_lease_can_be_made_longer(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    inbox.renew(inbox.claim(NOW, LEASE, 1), NOW + 500)
    assert inbox.claim(NOW + 499, LEASE, 1) == []


def test_who_lost_the_lease_settles_nothing(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    (lost,) = inbox.claim(NOW, LEASE, 1)
    (held,) = inbox.claim(NOW + LEASE, LEASE, 1)
    inbox.write([Outcome(lost, "dead", NOW, "late")])
    inbox.renew([lost], NOW)
    inbox.release([lost], NOW)
    assert inbox.counts() == {"pending": 1}
    inbox.write([done(held)])
    assert inbox.counts() == {"done": 1}


def test_what_is_given_back_counts_as_not_tried(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    inbox.release(inbox.claim(NOW, LEASE, 1), NOW)
    (item,) = inbox.claim(NOW, LEASE, 1)
    assert item.attempts == 1


def test_a_failure_comes_up_again_when_it_is_due_with_what_was_done(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    (item,) = inbox.claim(NOW, LEASE, 1)
    inbox.write([Outcome(item, "pending", NOW + 5, "no disk", ("a.first", "a.second"))])
    assert inbox.claim(NOW + 4, LEASE, 1) == []
    (again,) = inbox.claim(NOW + 5, LEASE, 1)
    assert (again.attempts, again.handled_by) == (2, ("a.first", "a.second"))
    (entry,) = inbox.entries("pending")
    assert entry.error == "no disk"


def test_the_dead_are_listed_and_replayed(inbox: Inbox) -> None:
    inbox.write([delivery("task_1"), delivery("task_2"), delivery("task_3")])
    inbox.write([Outcome(item, "dead", NOW, "no") for item in inbox.claim(NOW, LEASE, 2)])
    assert {entry.key for entry in inbox.entries("dead")} == {"task_1:success", "task_2:success"}
    assert inbox.replay(NOW, ["task_2:success", "task_3:success", "task_9:success"]) == ["task_2:success"]
    assert inbox.replay(NOW) == ["task_1:success"]
    assert {item.key: item.attempts for item in inbox.claim(NOW, LEASE, 9)} == dict.fromkeys(
        ["task_1:success", "task_2:success", "task_3:success"], 1
    )


def test_what_is_refused_is_replaced_in_the_same_moment(inbox: Inbox) -> None:
    inbox.write([delivery("task_1", "fail")])
    (item,) = inbox.claim(NOW, LEASE, 1)
    inbox.write([Outcome(item, "refused", NOW, "no", instead=delivery("task_1", source="poll"))])
    assert inbox.counts() == {"refused": 1, "pending": 1}


def test_the_earliest_are_claimed_first(inbox: Inbox) -> None:
    inbox.write([delivery(f"task_{n}", at=NOW - n) for n in range(5)])
    assert [item.task_id for item in inbox.claim(NOW, LEASE, 3)] == ["task_4", "task_3", "task_2"]


def test_an_expected_task_is_overdue_once_its_time_has_come(inbox: Inbox) -> None:
    inbox.expect("task_1", None, NOW + 10, NOW)
    inbox.expect("task_1", None, NOW + 99, NOW)
    inbox.expect(None, "t" * 20, NOW, NOW)
    assert inbox.overdue(NOW + 9, LEASE, 9) == []
    (job,) = inbox.overdue(NOW + 10, LEASE, 9)
    assert (job.task_id, job.attempts) == ("task_1", 1)
    assert inbox.overdue(NOW + 10, LEASE, 9) == []
    inbox.postpone(job, NOW + 500)
    assert inbox.overdue(NOW + 499, LEASE, 9) == []
    inbox.met(job)
    assert [each.token for each in inbox.expectations()] == ["t" * 20]


def test_what_was_handled_is_no_longer_expected(inbox: Inbox) -> None:
    inbox.expect("task_1", None, NOW, NOW)
    inbox.expect(None, "t" * 20, NOW, NOW)
    inbox.expect("task_3", None, NOW, NOW)
    inbox.write([delivery("task_1"), delivery("task_2", token="t" * 20)])
    inbox.write([done(item) for item in inbox.claim(NOW, LEASE, 9)])
    assert [each.task_id for each in inbox.expectations()] == ["task_3"]


def test_a_token_names_its_task_from_its_callback_on(inbox: Inbox) -> None:
    assert inbox.task_of("t" * 20) is None
    inbox.write([delivery("task_1")])
    inbox.write([delivery("task_1", token="t" * 20)])
    assert inbox.task_of("t" * 20) == "task_1"


def test_the_token_that_is_expected_is_the_one_that_is_handed_on(inbox: Inbox) -> None:
    inbox.expect(None, "expected-" + "t" * 20, NOW, NOW)
    inbox.write([delivery("task_1", token=token) for token in ("a" * 20, "expected-" + "t" * 20, "z" * 20)])
    (item,) = inbox.claim(NOW, LEASE, 1)
    assert item.token == "expected-" + "t" * 20


def test_what_was_handled_long_ago_is_forgotten(inbox: Inbox) -> None:
    inbox.write([delivery("task_1", token="a" * 20), delivery("task_2", token="b" * 20)])
    first, second = inbox.claim(NOW, LEASE, 2)
    inbox.write([Outcome(first, "done", NOW), Outcome(second, "dead", NOW)])
    assert inbox.forget(NOW + 1) == 1
    assert [entry.task_id for entry in inbox.entries()] == [second.task_id]
    assert inbox.task_of("a" * 20) is None
    assert inbox.task_of("b" * 20) == "task_2"


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_it_is_all_there_after_it_was_closed(where: str) -> None:
    first = Inbox(where)
    first.write([delivery("task_1")])
    first.close()
    second = Inbox(where)
    assert second.counts() == {"pending": 1}
    second.close()


def test_many_claim_at_once_and_each_ending_is_claimed_once(where: str) -> None:
    inboxes = [Inbox(where)] * 4 if where == ":memory:" else [Inbox(where) for _ in range(4)]
    inboxes[0].write([delivery(f"task_{n:03}") for n in range(200)])
    claimed: list[str] = []

    def claim(inbox: Inbox) -> None:
        while items := inbox.claim(NOW, LEASE, 7):
            claimed.extend(item.key for item in items)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(claim, inboxes))
    assert sorted(claimed) == [f"task_{n:03}:success" for n in range(200)]
    for inbox in inboxes:
        inbox.close()


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_many_open_a_new_inbox_at_once(where: str) -> None:
    inboxes = [Inbox(where) for _ in range(6)]
    gate = threading.Barrier(6)

    def store(number: int) -> None:
        gate.wait()
        inboxes[number].write([delivery("same"), delivery(f"task_{number}")])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(store, range(6)))
    assert inboxes[0].counts() == {"pending": 7}
    for inbox in inboxes:
        inbox.close()


def test_a_new_file_that_another_is_writing_to_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(time, "sleep", lambda _: other.rollback())
    with Inbox(tmp_path / "inbox.db") as inbox:
        inbox.write([delivery("one")])
        assert inbox.counts() == {"pending": 1}
    other.close()


def test_what_is_handed_in_together_is_written_together(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write, entered, go_on = inbox.write, threading.Event(), threading.Event()

    def held(operations: Any) -> None:
        sizes.append(len(operations))
        entered.set()
        assert go_on.wait(10)
        write(operations)

    monkeypatch.setattr(inbox, "write", held)
    commit = GroupCommit(inbox)
    first = commit.submit(delivery("task_0"))
    assert entered.wait(10)
    others = [commit.submit(delivery(f"task_{n}")) for n in range(1, 50)]
    go_on.set()
    for future in [first, *others]:
        future.result(10)
    commit.close()
    assert sizes == [1, 49]
    assert inbox.counts() == {"pending": 50}


def test_who_gave_up_waiting_is_not_written_and_holds_up_nobody(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    write, entered, go_on = inbox.write, threading.Event(), threading.Event()

    def held(operations: Any) -> None:
        entered.set()
        assert go_on.wait(10)
        write(operations)

    monkeypatch.setattr(inbox, "write", held)
    commit = GroupCommit(inbox)
    first = commit.submit(delivery("task_1"))
    assert entered.wait(10)
    given_up, other = commit.submit(delivery("task_2")), commit.submit(delivery("task_3"))
    assert not first.cancel(), "it is being written"
    assert given_up.cancel()
    go_on.set()
    first.result(10)
    other.result(10)
    commit.close()
    assert {entry.task_id for entry in inbox.entries()} == {"task_1", "task_3"}


def test_one_that_cannot_be_written_does_not_take_the_others_with_it(inbox: Inbox) -> None:
    commit = GroupCommit(inbox)
    wrong = Delivery("task_wrong", "success", None, NOW)  # type: ignore[arg-type]
    futures = [commit.submit(each) for each in (delivery("task_1"), wrong, delivery("task_2"))]
    commit.close()
    assert [future.exception() is None for future in futures] == [True, False, True]
    assert inbox.counts() == {"pending": 2}


def test_an_acknowledged_write_is_synced(tmp_path: Path) -> None:
    database = Database(tmp_path / "inbox.db")
    with database.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "FULL"
    database.close()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("mysql://root:secret@host/x", "no inbox can be kept in mysql; expected sqlite:///FILE or postgresql://…"),
        ("nonsense://x", "no inbox can be kept in nonsense; expected sqlite:///FILE or postgresql://…"),
        ("://", "the inbox's URL cannot be read; expected sqlite:///FILE or postgresql://…"),
    ],
)
def test_a_place_for_no_inbox_is_refused_in_one_line(where: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Inbox(where)
    assert str(caught.value) == words


@pytest.mark.parametrize("where", ["/nowhere/inbox.db", "postgresql://u:secret@/x?host=/nowhere"])
def test_an_inbox_that_cannot_be_opened_is_said_without_its_password(where: str) -> None:
    inbox = Inbox(where)
    with pytest.raises(ConfigurationError, match=r"^the inbox .*nowhere.* cannot be opened: ") as caught:
        inbox.counts()
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value) + repr(inbox)


def test_a_server_whose_machine_is_gone_is_given_up_within_seconds(database: str) -> None:
    opened = Database(f"{database}&keepalives_idle=7")
    with opened.begin() as connection:
        given: dict[str, str] = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
    opened.close()
    assert (given["connect_timeout"], given["tcp_user_timeout"], given["keepalives_idle"]) == ("5", "8000", "7")
    assert int(given["keepalives_interval"]) * int(given["keepalives_count"]) < 10


def test_a_missing_driver_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"needs psycopg; run: pip install 'psycopg\[binary\]'"):
        Inbox("postgresql://host/x").counts()


def test_a_file_that_is_no_inbox_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(ConfigurationError, match=r"notes\.txt cannot be opened: file is not a database"):
        Inbox(tmp_path / "notes.txt").counts()


@pytest.fixture
def command() -> Any:
    """The command, as a shell would run it: exit code and what it printed."""
    import contextlib
    import io

    from apikley.cli import main

    def run(*arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["inbox", *arguments])
        return code, out.getvalue(), err.getvalue()

    return run


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_the_command_lists_and_replays_the_dead(inbox: Inbox, where: str, command: Any) -> None:
    inbox.write([delivery("task_1"), delivery("task_2"), delivery("task_3")])
    inbox.write([Outcome(item, "dead", NOW, "OSError: [no] disk") for item in inbox.claim(NOW, LEASE, 2)])
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


def test_expected_jobs_that_nobody_asks_for_are_forgotten_in_time(inbox: Inbox) -> None:
    inbox.expect(None, "a" * 20, NOW, NOW)
    inbox.expect(None, "b" * 20, NOW, NOW + 10)
    inbox.expect("given up", None, NOW, NOW)
    inbox.postpone(inbox.overdue(NOW, LEASE, 1)[0], None)
    inbox.expect("asked for later", None, NOW + 1e6, NOW)
    assert inbox.forget(NOW) == 0
    assert len(inbox.expectations()) == 4
    inbox.forget(NOW + 1)
    assert [job.token or job.task_id for job in inbox.expectations()] == ["b" * 20, "asked for later"]


@pytest.mark.parametrize("token", [None, "t" * 20])
def test_a_job_that_was_given_up_can_be_expected_again(inbox: Inbox, token: str | None) -> None:
    inbox.expect("task_1", token, NOW, NOW)
    inbox.postpone(inbox.overdue(NOW, LEASE, 1)[0], None)
    inbox.expect("task_2", None, NOW + 1e6, NOW)
    inbox.expect("task_1", token, NOW + 5, NOW)
    (job,) = inbox.overdue(NOW + 5, LEASE, 9)
    assert (job.task_id, job.token, job.attempts) == ("task_1", token, 1)
    assert len(inbox.expectations()) == 2


def test_a_job_is_asked_for_once_its_task_is_known(inbox: Inbox) -> None:
    inbox.expect(None, "t" * 20, NOW, NOW)
    inbox.expect(None, "u" * 20, NOW, NOW)
    inbox.expect("task_1", "t" * 20, NOW, NOW)
    assert [job.task_id for job in inbox.overdue(NOW, LEASE, 9)] == ["task_1"]
    assert [job.token for job in inbox.expectations()] == ["u" * 20, "t" * 20]


def test_those_who_change_the_same_endings_in_any_order_never_wait_for_each_other(inbox: Inbox) -> None:
    inbox.write([delivery(f"task_{n:02}") for n in range(60)])
    items = inbox.claim(NOW, LEASE, 60)

    def renew(items: list[Claimed]) -> None:
        for _ in range(30):
            inbox.renew(items, NOW + LEASE)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(renew, [items, items[::-1]]))
