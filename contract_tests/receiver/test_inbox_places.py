"""Where an inbox can be kept, and the errors of locations that cannot be used."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from apikley._database import database as database_module
from apikley.errors import ConfigurationError, InboxUnavailable
from apikley.receiver import Inbox, Receiver
from contract_tests.receiver.inboxes import NOW, completion
from contract_tests.receiver.receivers import MakeReceiver, deliver


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_events_survive_closing_the_inbox(where: str) -> None:
    with Inbox(where) as first:
        first.write([completion("task_1")])
    with Inbox(where) as second:
        assert second.counts() == {"pending": 1}


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_a_new_inbox_can_be_opened_several_times_at_once(where: str) -> None:
    inboxes = [Inbox(where) for _ in range(6)]
    barrier = threading.Barrier(6)

    def store(number: int) -> None:
        barrier.wait()
        inboxes[number].write([completion("same"), completion(f"task_{number}")])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(store, range(6)))
    assert inboxes[0].counts() == {"pending": 7}
    for inbox in inboxes:
        inbox.close()


def test_opening_waits_for_another_writer_of_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(time, "sleep", lambda _: other.rollback())
    with Inbox(tmp_path / "inbox.db") as inbox:
        inbox.write([completion("one")])
        assert inbox.counts() == {"pending": 1}
    other.close()


def test_a_write_to_a_file_is_synced(tmp_path: Path) -> None:
    database = Inbox(tmp_path / "inbox.db")._database
    with database.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "FULL"
    database.close()


@pytest.mark.parametrize("scheme", ["mysql", "nonsense", "postgresql+asyncpg", "sqlite+aiosqlite"])
def test_an_unusable_database_is_refused(scheme: str) -> None:
    message = rf"^an inbox cannot be kept in {re.escape(scheme)}; expected sqlite:///FILE or postgresql://…$"
    with pytest.raises(ConfigurationError, match=message):
        Inbox(f"{scheme}://root:secret@host/x")


def test_a_malformed_url_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^the inbox's URL is malformed; expected sqlite:///FILE or "):
        Inbox("://")


@pytest.mark.parametrize("where", ["", "sqlite://", "sqlite:///"])
def test_an_inbox_in_memory_must_be_named(where: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^the inbox is '{where}'; expected a file"):
        Receiver("key", inbox=where)
    with Inbox("sqlite:///:memory:") as inbox:
        assert inbox.counts() == {}


@pytest.mark.parametrize("where", ["/nowhere/inbox.db", "postgresql://u:secret@/x?host=/nowhere"])
def test_an_inbox_that_cannot_be_opened_is_unavailable(where: str) -> None:
    inbox = Inbox(where)
    with pytest.raises(InboxUnavailable, match=r"^the inbox .*nowhere.* is unavailable: ") as caught:
        inbox.counts()
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value) + repr(inbox)


def test_an_inbox_that_fails_later_is_unavailable(tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.db") as inbox:
        inbox.counts()
        with contextlib.closing(sqlite3.connect(tmp_path / "inbox.db")) as other:
            other.execute("DROP TABLE apikley_events")
        with pytest.raises(InboxUnavailable, match=r"^the inbox .*inbox\.db is unavailable: no such table"):
            inbox.claim(NOW, 60, 1)


def test_a_postgresql_server_that_is_gone_is_given_up_within_seconds(postgresql: str) -> None:
    database = Inbox(f"{postgresql}&keepalives_idle=7")._database
    with database.begin() as connection:
        info = connection.connection.dbapi_connection.info  # type: ignore[union-attr]
        parameters: dict[str, str] = info.get_parameters()
    database.close()
    names = ("connect_timeout", "tcp_user_timeout", "keepalives_idle")
    assert [parameters[name] for name in names] == ["5", "8000", "7"]
    assert int(parameters["keepalives_interval"]) * int(parameters["keepalives_count"]) < 10


def test_a_missing_driver_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"needs psycopg; run: pip install 'psycopg\[binary\]'"):
        Inbox("postgresql://host/x").counts()


@pytest.mark.parametrize("prefix", ["sqlite:///", "sqlite+pysqlite:///"])
def test_a_url_can_name_a_file(tmp_path: Path, prefix: str) -> None:
    with Inbox(f"{prefix}{tmp_path}/inbox.db") as inbox:
        inbox.write([completion("one")])
    with Inbox(tmp_path / "inbox.db", create=False) as same:
        assert same.counts() == {"pending": 1}


def test_a_file_that_is_not_a_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but as long as the header of one" * 20)
    with pytest.raises(InboxUnavailable, match=r"notes\.txt is unavailable: file is not a database"):
        Inbox(tmp_path / "notes.txt").counts()


def test_a_file_that_another_program_locks_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_BUSY_TIMEOUT", 0.01)
    with contextlib.closing(sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InboxUnavailable, match=r"inbox\.db is unavailable: database is locked"):
            Inbox(tmp_path / "inbox.db").counts()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:se@cret@127.0.0.1:9/db",
        "postgresql://me:x@s/ecret@127.0.0.1:9/db",
        "postgresql://me:x@127.0.0.1@ecret/db",
    ],
)
def test_an_at_sign_in_a_password_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="write an @ in the password as %40") as caught:
        Inbox(url)
    assert "ecret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@127.0.0.1:9/db",
        "postgresql://me@127.0.0.1:9/db?password=secret",
        "postgresql://127.0.0.1:9/db?user=me&password=secret&connect_timeout=1",
        "postgresql://me:secret@127.0.0.1:9/db?no_such_option=secret",
    ],
)
def test_no_password_of_a_database_is_shown(url: str) -> None:
    inbox = Inbox(url)
    assert "secret" not in repr(inbox)
    with pytest.raises(InboxUnavailable) as caught:
        inbox.counts()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_file_that_is_removed_while_it_is_open_fails_the_write(tmp_path: Path, suffix: str, replaced: bool) -> None:
    with Inbox(tmp_path / "inbox.db") as inbox:
        inbox.write([completion("task_1")])
        file = tmp_path / f"inbox.db{suffix}"
        if replaced:
            (tmp_path / "other").write_bytes(file.read_bytes())
            (tmp_path / "other").replace(file)
        else:
            file.unlink()
        with pytest.raises(InboxUnavailable, match=rf"inbox\.db{suffix} was removed or replaced"):
            inbox.write([completion("task_2")])
    for path in tmp_path.glob("inbox.db*"):
        path.unlink()
    with Inbox(tmp_path / "inbox.db") as inbox:
        inbox.write([completion("task_3")])
        assert inbox.counts() == {"pending": 1}


def test_a_callback_is_not_acknowledged_after_the_file_was_removed(
    threaded: MakeReceiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = threaded(workers=0)
    assert deliver(receiver, "task_1").status_code == 200
    (tmp_path / "inbox.db").unlink()
    assert deliver(receiver, "task_2").status_code == 503
    assert "cannot store the callback task_2:success" in caplog.text
    assert "was removed or replaced" in caplog.text
    for path in tmp_path.glob("inbox.db*"):
        path.unlink()
    assert deliver(receiver, "task_2").status_code == 200
    assert [row.task_id for row in receiver.inbox.rows()] == ["task_2"]


def test_an_inbox_in_postgresql_prepares_no_statements(postgresql: str) -> None:
    # A transaction pooler gives each transaction another connection, which does not know them.
    with Inbox(postgresql) as inbox:
        for number in range(20):
            inbox.write([completion(f"task_{number}")])
        with inbox._database.begin() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar() == 0


def test_the_isolation_level_does_not_depend_on_the_server(postgresql: str) -> None:
    database = Inbox(f"{postgresql}&options=-c%20default_transaction_isolation%3Dserializable")._database
    with database.begin() as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
    database.close()


class _Conflict(Exception):
    sqlstate = "40001"


def test_a_transaction_that_conflicts_with_another_one_is_repeated(tmp_path: Path) -> None:
    database, attempts = Inbox(tmp_path / "inbox.db")._database, []

    def conflict(_: object) -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise OperationalError("UPDATE", {}, _Conflict())
        return "written"

    assert database.run(conflict) == "written"
    with pytest.raises(InboxUnavailable):
        database.run(lambda _: (_ for _ in ()).throw(OperationalError("UPDATE", {}, _Conflict())))
    database.close()
