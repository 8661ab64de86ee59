"""A ledger keeps batches and the rows of their tables, the same on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from apikley.batch.ledger.rows import Stop
from apikley.batch.ledger.schema import VERSION, versions
from apikley.batch.ledger.store import Ledger
from apikley.errors import ConfigurationError
from apikley.testing import ManualClock
from contract_tests.batch.ledgers import ACCOUNT, LEASE, Rows, new_row


def test_new_rows_are_planned(rows: Rows) -> None:
    assert rows.add("a", "b").new == 2
    assert rows.states() == {"planned": 2}


def test_known_rows_are_not_added_again(rows: Rows) -> None:
    rows.add("a", "b")
    assert rows.add("a", "b", "c") == (1, 2, 0, 0)
    assert [row.key for row in rows.ledger.rows(rows.id)] == ["a", "b", "c"]


def test_rows_of_more_than_one_page_are_added_and_listed(rows: Rows) -> None:
    keys = [f"row {number}" for number in range(2_001)]
    rows.add(*keys[:5])
    assert rows.add(*keys) == (1_996, 5, 0, 0)
    assert [row.key for row in rows.ledger.rows(rows.id)] == keys


def test_a_planned_row_takes_over_a_changed_request(rows: Rows) -> None:
    rows.add("a", content="1")
    assert rows.add("a", content="2").changed == 1
    assert rows.claim("a").body == new_row("a", content="2").body
    assert rows.add("a", content="2").changed == 0


def test_a_worker_cannot_send_a_request_that_was_replaced_after_its_claim(rows: Rows) -> None:
    rows.add("a", content="1")
    claim = rows.claim("a")
    rows.add("a", content="2")
    outcome = rows.admit(claim)
    assert isinstance(outcome, Stop)
    assert outcome.kind == "lost"
    assert rows.claim("a", worker="another").body == new_row("a", content="2").body


@pytest.mark.parametrize("outcome", ["sending", "running", "done", "failed", "unknown", "not created"])
def test_a_request_that_changes_after_its_create_was_sent_is_refused_by_name(rows: Rows, outcome: str) -> None:
    if outcome == "not created":
        rows.send("a")
        rows.ledger.not_created(rows.row_id("a"), rows.tokens["a"])
    else:
        rows.bring("a", outcome)
    with pytest.raises(ConfigurationError, match="after their create was sent: a;"):
        rows.ledger.add(rows.id, "table", [new_row("b"), new_row("a", content="2")])
    assert rows.ledger.row(rows.id, "b") is None


def test_an_unchanged_row_is_known_after_its_create_was_sent(rows: Rows) -> None:
    rows.create("a")
    assert rows.add("a").known == 1


def test_planned_rows_that_a_table_no_longer_has_are_removed(rows: Rows) -> None:
    rows.add("a", "b", "c")
    rows.add("d", source="another table")
    assert rows.ledger.remove_planned(rows.id, "table", ["b"]) == 2
    assert [row.key for row in rows.ledger.rows(rows.id)] == ["b", "d"]


def test_a_row_is_not_removed_after_its_create_was_sent(rows: Rows) -> None:
    rows.send("sending")
    rows.create("running")
    rows.lose("unknown")
    rows.send("refused for now")
    rows.ledger.not_created(rows.row_id("refused for now"), rows.tokens["refused for now"])
    rows.clock.advance(LEASE)
    assert rows.ledger.remove_planned(rows.id, "table", []) == 0
    assert rows.states() == {"sending": 1, "running": 1, "unknown": 1, "planned": 1}


def test_a_row_that_was_refused_without_a_create_is_not_removed(rows: Rows) -> None:
    rows.add("a")
    rows.ledger.refused(rows.row_id("a"), None, "invalid", "no such file")
    assert rows.ledger.remove_planned(rows.id, "table", []) == 0
    assert rows.states() == {"refused": 1}


def test_a_row_that_a_worker_has_claimed_is_neither_removed_nor_counted(rows: Rows) -> None:
    rows.add("a", "b")
    rows.claim("a")
    assert rows.ledger.remove_planned(rows.id, "table", []) == 1
    assert rows.states() == {"planned": 1}


def test_a_row_whose_worker_is_gone_is_removed(rows: Rows, clock: ManualClock) -> None:
    rows.add("a")
    rows.claim("a")
    clock.advance(LEASE)
    assert rows.ledger.remove_planned(rows.id, "table", []) == 1
    assert rows.states() == {}


def test_two_programs_may_add_the_same_rows_at_the_same_time(where: str) -> None:
    new = [new_row(f"row {number}") for number in range(500)]
    with Ledger(where) as first, Ledger(where) as second, ThreadPoolExecutor(2) as pool:
        batch_id = first.open_batch("batch").id
        added = [*pool.map(lambda ledger: ledger.add(batch_id, "table", new), (first, second))]
        assert sorted(each.new for each in added) == [0, 500]


def test_open_rows_without_a_live_worker_are_listed_as_free(rows: Rows) -> None:
    rows.add("planned")
    rows.send("sending")
    rows.create("running")
    rows.finish("done")
    rows.lose("unknown")
    assert rows.ledger.free_ids(rows.id) == [rows.row_id("planned")]
    rows.clock.advance(LEASE)
    assert rows.ledger.free_ids(rows.id) == [rows.row_id(key) for key in ("planned", "sending", "running")]
    assert rows.ledger.free_ids(rows.id, rows.row_id("planned")) == [rows.row_id(key) for key in ("sending", "running")]


# Batches


def test_a_batch_is_opened_again_by_its_name(ledger: Ledger) -> None:
    first = ledger.open_batch("a")
    assert ledger.open_batch("a") == first
    assert ledger.open_batch("b").id != first.id
    assert [batch.name for batch in ledger.batches()] == ["a", "b"]


def test_a_batch_stays_on_the_api_that_its_tasks_are_on(ledger: Ledger) -> None:
    ledger.open_batch("a")
    ledger.open_batch("a", "https://one.test")
    assert ledger.open_batch("a").base_url == "https://one.test"
    with pytest.raises(ConfigurationError, match=r"'a' are on https://one\.test, not on https://two\.test"):
        ledger.open_batch("a", "https://two.test")
    assert ledger.open_batch("a", "https://one.test").base_url == "https://one.test"


def test_the_settings_of_a_batch_are_kept(ledger: Ledger) -> None:
    batch = ledger.open_batch("a")
    values = {"price": 5.0, "max_credits": 50.0, "max_running": 3, "stop_after": 4, "options": {"out": "videos"}}
    ledger.configure(batch.id, values)
    kept = ledger.batch("a")
    assert kept is not None
    assert {name: getattr(kept, name) for name in values} == values


def test_the_rows_of_two_batches_are_apart(ledger: Ledger, clock: ManualClock) -> None:
    one, two = Rows(ledger, clock, "one"), Rows(ledger, clock, "two")
    one.add("a")
    assert two.add("a").new == 1
    two.create("a")
    assert (one.state("a"), two.state("a")) == ("planned", "running")


@pytest.mark.parametrize(("other", "kind"), [(VERSION + 1, "a newer"), (0, "an older")])
def test_a_ledger_of_another_version_is_refused_and_left_as_it_is(ledger: Ledger, other: int, kind: str) -> None:
    ledger.check_version()
    with ledger._database.begin() as connection:
        connection.execute(update(versions).values(version=other))
    with pytest.raises(ConfigurationError, match=f"{kind} version of apikley made the ledger"):
        ledger.check_version()
    with ledger._database.begin() as connection:
        assert connection.scalars(select(versions.c.version)).all() == [other]


def test_a_ledger_of_this_version_is_opened_again(where: str) -> None:
    for _ in range(2):
        with Ledger(where) as ledger:
            ledger.check_version()


def test_a_missing_ledger_is_made_only_on_request(tmp_path: object) -> None:
    with Ledger(f"{tmp_path}/none.db", create=False) as ledger, pytest.raises(ConfigurationError, match="no ledger"):
        ledger.batches()


def test_an_unknown_batch_is_reported_with_the_known_ones(rows: Rows) -> None:
    with pytest.raises(ConfigurationError, match=r"no batch 'other' in .*; known batches: 'batch'"):
        rows.ledger.status("other")


# Uploads and polls


def test_an_upload_is_known_while_its_link_lives(ledger: Ledger, clock: ManualClock) -> None:
    ledger.uploaded(ACCOUNT, "hash", "https://files.test/1")
    uploaded_at = clock.now().timestamp()
    assert ledger.upload_of(ACCOUNT, "hash", uploaded_at - 1) == "https://files.test/1"
    assert ledger.upload_of(ACCOUNT, "hash", uploaded_at) is None
    assert ledger.upload_of("another account", "hash", 0) is None
    assert ledger.upload_of(ACCOUNT, "another hash", 0) is None


def test_a_second_upload_replaces_the_first(ledger: Ledger, clock: ManualClock) -> None:
    ledger.uploaded(ACCOUNT, "hash", "https://files.test/1")
    clock.advance(100)
    ledger.uploaded(ACCOUNT, "hash", "https://files.test/2")
    assert ledger.upload_of(ACCOUNT, "hash", clock.now().timestamp() - 1) == "https://files.test/2"
