"""Where an inbox can be kept, what stays there, and what is said where it cannot be."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apikley.errors import ConfigurationError
from apikley.receiver import Inbox, Receiver
from apikley.receiver.inbox import database as _database
from apikley.receiver.inbox.database import Database
from contract_tests.receiver.inboxes import delivery


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_it_is_all_there_after_it_was_closed(where: str) -> None:
    first = Inbox(where)
    first.write([delivery("task_1")])
    first.close()
    second = Inbox(where)
    assert second.counts() == {"pending": 1}
    second.close()


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
        ("postgresql+asyncpg://u:secret@h/x", "no inbox can be kept over postgresql+asyncpg; expected postgresql://…"),
        ("postgresql+nonsense://h/x", "no inbox can be kept over postgresql+nonsense; expected postgresql://…"),
        ("sqlite+aiosqlite:///a.db", "no inbox can be kept over sqlite+aiosqlite; expected sqlite:///FILE"),
        ("sqlite+pysqlcipher://:secret@/a.db", "no inbox can be kept over sqlite+pysqlcipher; expected sqlite:///FILE"),
        ("://", "the inbox's URL cannot be read; expected sqlite:///FILE or postgresql://…"),
    ],
)
def test_a_place_for_no_inbox_is_refused_in_one_line(where: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Inbox(where)
    assert str(caught.value) == words


@pytest.mark.parametrize("where", ["", "sqlite://", "sqlite:///"])
def test_an_inbox_is_kept_in_memory_only_where_that_is_said(where: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^the inbox is '{where}'; expected a file"):
        Receiver("key", inbox=where)
    with Inbox("sqlite:///:memory:") as inbox:
        assert inbox.counts() == {}


@pytest.mark.parametrize("where", ["/nowhere/inbox.db", "postgresql://u:secret@/x?host=/nowhere"])
def test_an_inbox_that_cannot_be_opened_is_said_without_its_password(where: str) -> None:
    inbox = Inbox(where)
    with pytest.raises(ConfigurationError, match=r"^the inbox .*nowhere.* cannot be opened: ") as caught:
        inbox.counts()
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value) + repr(inbox)


def test_a_server_whose_machine_is_gone_is_given_up_within_seconds(postgresql: str) -> None:
    opened = Database(f"{postgresql}&keepalives_idle=7")
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
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(ConfigurationError, match=r"needs psycopg2; run: .*, and write postgresql://…"):
        Inbox("postgresql+psycopg2://host/x").counts()


@pytest.mark.parametrize("prefix", ["sqlite:///", "sqlite+pysqlite:///"])
def test_a_file_is_named_by_a_url_as_well(tmp_path: Path, prefix: str) -> None:
    with Inbox(f"{prefix}{tmp_path}/inbox.db") as inbox:
        inbox.write([delivery("one")])
    with Inbox(tmp_path / "inbox.db", create=False) as same:
        assert same.counts() == {"pending": 1}


def test_a_file_that_is_no_inbox_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(ConfigurationError, match=r"notes\.txt cannot be opened: file is not a database"):
        Inbox(tmp_path / "notes.txt").counts()


def test_an_inbox_that_another_program_holds_for_too_long_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_database, "_BUSY", 0.01)
    with contextlib.closing(sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ConfigurationError, match=r"inbox\.db cannot be opened: database is locked"):
            Inbox(tmp_path / "inbox.db").counts()
