"""Each outcome of a create has one effect on its row, and a row is never sent again by itself."""

from __future__ import annotations

import pytest

from apikley.batch.ledger import admission
from apikley.batch.ledger.rows import Stop, Wait
from apikley.batch.ledger.store import Ledger
from apikley.testing import ManualClock
from contract_tests.batch.ledgers import LEASE, Rows

UNKNOWN = "a task may exist and be paid"


def test_a_created_task_runs(rows: Rows) -> None:
    rows.create("a")
    row = rows.row("a")
    assert (row.state, row.task_id, row.error) == ("running", "task_a", None)


def test_the_worker_that_has_created_a_task_keeps_its_row(rows: Rows, clock: ManualClock) -> None:
    rows.create("a")
    assert rows.next(state="running", worker="another") == []
    clock.advance(LEASE)
    (claim,) = rows.next(state="running", worker="another")
    assert (claim.key, claim.task_id) == ("a", "task_a")


def test_a_refused_row_is_settled_and_costs_nothing(rows: Rows) -> None:
    rows.configure(price=5.0)
    rows.send("a")
    rows.ledger.refused(rows.row_id("a"), rows.tokens["a"], "422", "no such style")
    row = rows.row("a")
    assert (row.state, row.credits, row.error_code, row.error) == ("refused", 0, "422", "no such style")
    assert rows.next() == []


def test_a_planned_row_can_be_refused_without_a_create(rows: Rows) -> None:
    rows.add("a")
    rows.ledger.refused(rows.row_id("a"), None, "invalid", "no such file")
    assert rows.state("a") == "refused"


def test_only_a_planned_row_can_be_refused_without_a_create(rows: Rows) -> None:
    rows.create("a")
    rows.ledger.refused(rows.row_id("a"), None, "invalid", "no such file")
    assert rows.state("a") == "running"


def test_a_row_whose_create_made_no_task_is_planned_again(rows: Rows) -> None:
    rows.send("a")
    rows.ledger.not_created(rows.row_id("a"), rows.tokens["a"])
    assert (rows.state("a"), rows.row("a").credits) == ("planned", None)
    rows.clock.advance(LEASE)
    assert [claim.attempts for claim in rows.next()] == [1]


def test_the_same_worker_sends_a_create_again_that_made_no_task(rows: Rows) -> None:
    rows.add("a")
    claim = rows.claim("a")
    assert rows.admit(claim) is None
    rows.ledger.not_created(claim.row_id, rows.tokens["a"])
    assert rows.admit(claim) is None
    assert rows.state("a") == "sending"


def test_a_row_of_unknown_outcome_is_never_planned_by_itself(rows: Rows, clock: ManualClock) -> None:
    rows.lose("a")
    clock.advance(10 * LEASE)
    rows.ledger.sweep(rows.id)
    rows.add("a")
    assert rows.next() == rows.next(state="running") == []
    assert rows.ledger.claim(rows.row_id("a"), "worker", LEASE) is None
    row = rows.row("a")
    assert (row.state, row.error_code, row.error) == ("unknown", "unknown", f"{UNKNOWN}: timed out")


def test_a_row_is_admitted_once(rows: Rows) -> None:
    rows.add("a")
    claim = rows.claim("a")
    assert rows.admit(claim) is None
    outcome = rows.admit(claim)
    assert isinstance(outcome, Stop)
    assert outcome.kind == "lost"


@pytest.mark.parametrize("outcome", ["created", "refused", "not created"])
def test_a_late_outcome_corrects_an_unknown_one(rows: Rows, outcome: str) -> None:
    rows.configure(price=5.0)
    rows.lose("a")
    row_id, token = rows.row_id("a"), rows.tokens["a"]
    if outcome == "created":
        rows.ledger.created(row_id, token, "task_a")
        assert (rows.state("a"), rows.row("a").task_id, rows.row("a").error) == ("running", "task_a", None)
    elif outcome == "refused":
        rows.ledger.refused(row_id, token, "422", "no")
        assert (rows.state("a"), rows.row("a").credits) == ("refused", 0)
    else:
        rows.ledger.not_created(row_id, token)
        assert (rows.state("a"), rows.row("a").credits) == ("planned", None)


@pytest.mark.parametrize("outcome", ["created", "refused", "not created", "unknown"])
def test_an_outcome_of_an_older_attempt_changes_nothing(rows: Rows, outcome: str) -> None:
    rows.send("a")
    row_id, old = rows.row_id("a"), rows.tokens["a"]
    rows.ledger.not_created(row_id, old)
    rows.clock.advance(LEASE)
    rows.send("a")
    before = rows.row("a")
    late = {
        "created": lambda: rows.ledger.created(row_id, old, "task_old"),
        "refused": lambda: rows.ledger.refused(row_id, old, "422", "no"),
        "not created": lambda: rows.ledger.not_created(row_id, old),
        "unknown": lambda: rows.ledger.unknown(row_id, old, "timed out"),
    }
    late[outcome]()
    assert rows.row("a") == before


@pytest.mark.parametrize("outcome", ["refused", "not created", "unknown"])
def test_an_outcome_after_the_task_is_known_changes_nothing(rows: Rows, outcome: str) -> None:
    rows.create("a")
    row_id, token = rows.row_id("a"), rows.tokens["a"]
    if outcome == "refused":
        rows.ledger.refused(row_id, token, "422", "no")
    elif outcome == "unknown":
        rows.ledger.unknown(row_id, token, "timed out")
    else:
        rows.ledger.not_created(row_id, token)
    assert (rows.state("a"), rows.row("a").task_id) == ("running", "task_a")


def test_a_long_error_is_cut(rows: Rows) -> None:
    rows.send("a")
    rows.ledger.refused(rows.row_id("a"), rows.tokens["a"], "422", "no " * 10_000)
    assert len(rows.row("a").error or "") == 500


# Claims


def test_a_claimed_row_is_not_claimed_again_while_its_lease_holds(rows: Rows, clock: ManualClock) -> None:
    rows.add("a", "b")
    assert [claim.key for claim in rows.next(1)] == ["a"]
    assert [claim.key for claim in rows.next()] == ["b"]
    clock.advance(LEASE - 1)
    assert rows.next() == []
    assert rows.ledger.claim(rows.row_id("a"), "another", LEASE) == Wait(1, "another worker works on the row")


def test_a_lapsed_claim_is_taken_over(rows: Rows, clock: ManualClock) -> None:
    rows.add("a")
    old = rows.claim("a")
    clock.advance(LEASE)
    (new,) = rows.next(worker="another")
    outcome = rows.admit(old)
    assert isinstance(outcome, Stop)
    assert outcome.kind == "lost"
    assert rows.admit(new) is None


def test_the_claim_and_not_the_name_of_the_worker_decides(rows: Rows, clock: ManualClock) -> None:
    rows.add("a")
    old = rows.claim("a", worker="same")
    clock.advance(LEASE)
    rows.claim("a", worker="same")
    assert isinstance(rows.admit(old), Stop)


def test_a_renewed_claim_holds_for_another_lease(rows: Rows, clock: ManualClock) -> None:
    rows.add("a")
    claim = rows.claim("a")
    clock.advance(LEASE - 1)
    assert rows.ledger.renew([claim]) == {claim.row_id}
    clock.advance(LEASE - 1)
    assert rows.next() == []


def test_renewing_reports_lost_claims(rows: Rows, clock: ManualClock) -> None:
    rows.add("a", "b", "c")
    kept, taken, settled = rows.next()
    rows.ledger.refused(settled.row_id, None, "invalid", "no")
    clock.advance(LEASE)
    rows.ledger.renew([kept])
    (other,) = rows.next(worker="another")
    assert rows.ledger.renew([kept, taken, settled]) == {kept.row_id}
    assert rows.ledger.renew([other]) == {taken.row_id}


def test_a_released_row_is_free_at_once(rows: Rows) -> None:
    rows.add("a")
    claims = rows.next()
    rows.ledger.release(claims)
    assert [claim.key for claim in rows.next(worker="another")] == ["a"]


def test_a_lost_claim_releases_nothing(rows: Rows, clock: ManualClock) -> None:
    rows.add("a")
    lost = rows.next()
    clock.advance(LEASE)
    assert len(rows.next()) == 1
    rows.ledger.release(lost)
    assert rows.next() == []


def test_a_row_is_not_released_while_its_create_is_sent(rows: Rows) -> None:
    rows.add("a")
    claim = rows.claim("a")
    assert rows.admit(claim) is None
    rows.ledger.release([claim])
    assert rows.ledger.sweep(rows.id) == 0
    assert rows.state("a") == "sending"


@pytest.mark.parametrize("how", ["sweep", "claim"])
def test_a_create_whose_worker_is_gone_becomes_unknown(rows: Rows, clock: ManualClock, how: str) -> None:
    rows.send("a")
    clock.advance(LEASE - 1)
    assert rows.ledger.sweep(rows.id) == 0
    clock.advance(1)
    if how == "sweep":
        assert rows.ledger.sweep(rows.id) == 1
    else:
        assert rows.ledger.claim(rows.row_id("a"), "another", LEASE) is None
    assert rows.state("a") == "unknown"
    assert rows.row("a").error == f"{UNKNOWN}: the worker ended while the create was sent"


def test_a_create_whose_worker_is_gone_is_not_claimed(rows: Rows, clock: ManualClock) -> None:
    rows.send("a")
    clock.advance(LEASE)
    assert rows.next() == rows.next(state="running") == []
    assert rows.state("a") == "sending"


def test_rows_are_claimed_in_their_order_without_skipped_models(rows: Rows) -> None:
    rows.add("a", "c")
    rows.add("b", model="acme/other")
    rows.add("d")
    assert [claim.key for claim in rows.next(2, skipped_models=["acme/other"])] == ["a", "c"]
    assert [claim.key for claim in rows.next(skipped_models=["acme/other"])] == ["d"]
    assert [claim.key for claim in rows.next()] == ["b"]


def test_a_lease_ends_when_the_machine_starts_again(rows: Rows, clock: ManualClock) -> None:
    clock.advance(1_000)
    rows.add("a")
    rows.claim("a")
    clock.advance(-999)
    assert len(rows.next()) == 1


@pytest.mark.parametrize("where", ["postgresql"], indirect=True)
def test_a_claim_is_not_taken_over_while_its_create_is_admitted(
    where: str, rows: Rows, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.add("a")
    claim = rows.claim("a")
    clock.advance(LEASE)
    taken: list[object] = []

    def wait_for(*_: object) -> None:
        """Another worker looks for rows between the check of the claim and the intent."""
        with Ledger(where, clock=clock) as other:
            taken.extend(other.claim_next(rows.id, "planned", "another", LEASE, 1))

    monkeypatch.setattr(admission, "wait_for", wait_for)
    assert rows.admit(claim) is None
    assert taken == []
    assert rows.state("a") == "sending"
