"""A ledger shares polls between workers, and reports what became of a batch."""

from __future__ import annotations

from typing import Any

import pytest

from apikley.batch.ledger.limits import poll_interval
from apikley.testing import ManualClock
from contract_tests.batch.ledgers import ACCOUNT, LEASE, Rows


def test_workers_share_the_rate_of_polls(rows: Rows, clock: ManualClock) -> None:
    waits = [rows.ledger.reserve_polls(ACCOUNT, count) for count in (1, 3, 1)]
    assert waits == pytest.approx([0, poll_interval(), 4 * poll_interval()])
    assert rows.ledger.reserve_polls("another account", 1) == 0
    clock.advance(100)
    assert rows.ledger.reserve_polls(ACCOUNT, 1) == 0


def test_polls_begin_at_once_after_the_clock_of_the_machine_has_started_again(rows: Rows, clock: ManualClock) -> None:
    clock.advance(10_000)
    rows.ledger.reserve_polls(ACCOUNT, 1)
    clock.advance(-10_000)
    assert rows.ledger.reserve_polls(ACCOUNT, 1) == 0


def test_the_status_shows_the_whole_batch(rows: Rows, clock: ManualClock) -> None:
    rows.configure(price=5.0, max_credits=100.0)
    rows.finish("done", credits=4)
    clock.advance(61)
    rows.add("planned")
    rows.send("sending")
    rows.create("running")
    rows.lose("unknown")
    rows.fail("failed", credits=0)
    status = rows.ledger.status("batch")
    states = {"done": 1, "planned": 1, "sending": 1, "running": 1, "unknown": 1, "failed": 1}
    assert (status.rows, status.total, status.open) == (states, 6, 3)
    assert (status.spent, status.reserved, status.max_credits, status.price) == (9, 10, 100, 4)
    assert (status.creates_per_minute, status.workers, status.paused) == (4, 1, None)
    assert status.errors == [
        ("failed", "500", "no"),
        ("unknown", "unknown", "a task may exist and be paid: timed out"),
    ]


def test_the_status_counts_the_workers_that_hold_claims(rows: Rows, clock: ManualClock) -> None:
    rows.add("a", "b", "c")
    rows.next(1, worker="gone")
    clock.advance(LEASE)
    rows.ledger.release(rows.next(1, worker="free"))
    rows.next(1, worker="one")
    rows.next(1, worker="two")
    assert rows.ledger.status("batch").workers == 2


def test_errors_of_settled_rows_are_shown_before_those_of_delayed_ones(rows: Rows) -> None:
    rows.create("delayed")
    rows.clock.advance(LEASE)
    rows.ledger.delay(rows.claim("delayed"), 30, "disk full")
    rows.fail("failed")
    assert [key for key, _, _ in rows.ledger.status("batch").errors] == ["failed", "delayed"]


def test_medians_are_of_successful_tasks(rows: Rows) -> None:
    assert rows.ledger.medians(rows.id) == (None, None)
    for seconds, key in ((10, "a"), (20, "b"), (90, "c")):
        rows.create(key)
        rows.end(key, credits=seconds, createTime=1_000, completeTime=1_000 + 1_000 * seconds)
    rows.fail("d")
    assert rows.ledger.medians(rows.id) == (20, 20)


def test_medians_do_not_need_a_stated_price(rows: Rows) -> None:
    rows.finish("a", "b", credits=None)
    seconds, price = rows.ledger.medians(rows.id)
    assert (seconds, price) == (0, None)


@pytest.mark.parametrize(("states", "count"), [(("unknown",), 1), (("planned", "running"), 2), (("done",), 0)])
def test_rows_are_counted_by_state(rows: Rows, states: Any, count: int) -> None:
    rows.add("a")
    rows.create("b")
    rows.lose("c")
    assert rows.ledger.count(rows.id, states) == count


def test_rows_are_counted_by_the_age_of_their_create(rows: Rows, clock: ManualClock) -> None:
    rows.lose("a")
    clock.advance(60)
    assert rows.ledger.count(rows.id, ("unknown",), clock.now().timestamp() - 61) == 1
    assert rows.ledger.count(rows.id, ("unknown",), clock.now().timestamp() - 60) == 0


def test_a_claim_shows_what_was_sent_for_its_row(rows: Rows) -> None:
    rows.create("a")
    rows.clock.advance(LEASE)
    claim = rows.claim("a")
    assert (claim.account, claim.token, claim.attempts) == (ACCOUNT, rows.tokens["a"], 1)
