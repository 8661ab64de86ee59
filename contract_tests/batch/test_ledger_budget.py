"""Spent, reserved and next credits together are never above a cap."""

from __future__ import annotations

import pytest

from apikley.batch.ledger.rows import Budget, Stop, Wait
from apikley.testing import ManualClock
from contract_tests.batch.ledgers import LEASE, Rows

IN_FLIGHT = Wait(1, "budget")  # a task that runs may turn out to be cheaper


def stopped(outcome: object) -> str:
    """The reason of a stop by a budget."""
    assert isinstance(outcome, Stop), outcome
    assert outcome.kind == "cap"
    return outcome.reason


def test_creates_are_admitted_up_to_the_cap(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=10.0)
    rows.finish("a", "b")
    assert stopped(rows.try_send("c")) == "10 of 10 credits are spent; the next create costs 5"
    assert rows.state("c") == "planned"


def test_a_create_that_would_exceed_the_cap_is_not_admitted(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=9.0)
    rows.finish("a")
    assert stopped(rows.try_send("b")) == "5 of 9 credits are spent; the next create costs 5"


@pytest.mark.parametrize("state", ["sending", "running"])
def test_creates_in_flight_reserve_their_price(rows: Rows, state: str) -> None:
    rows.configure(price=5.0, max_credits=5.0)
    rows.bring("a", state)
    assert rows.ledger.status("batch").reserved == 5.0
    assert rows.try_send("b") == IN_FLIGHT


def test_a_row_of_unknown_outcome_counts_as_spent(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=5.0)
    rows.lose("a")
    assert rows.ledger.status("batch").spent == 5.0
    stopped(rows.try_send("b"))


def test_a_row_whose_worker_is_gone_counts_as_spent(rows: Rows, clock: ManualClock) -> None:
    rows.configure(price=5.0, max_credits=5.0)
    rows.send("a")
    clock.advance(LEASE)
    rows.ledger.sweep(rows.id)
    stopped(rows.try_send("b"))


@pytest.mark.parametrize("outcome", ["refused", "not created", "failed"])
def test_a_create_without_a_paid_task_returns_what_it_reserved(rows: Rows, outcome: str) -> None:
    rows.configure(price=5.0, max_credits=5.0)
    if outcome == "failed":
        rows.fail("a", credits=0)
    else:
        rows.send("a")
        row_id, token = rows.row_id("a"), rows.tokens["a"]
        if outcome == "refused":
            rows.ledger.refused(row_id, token, "422", "no")
        else:
            rows.ledger.not_created(row_id, token)
    assert rows.ledger.status("batch").spent == 0
    rows.send("b")


def test_a_cheaper_task_leaves_credits_for_another(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=10.0)
    rows.finish("a", credits=2)
    rows.finish("b", credits=3)
    rows.send("c")


def test_a_price_above_the_given_one_counts_from_then_on(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=30.0)
    rows.finish("a", credits=8)
    rows.send("b")
    assert rows.row("b").credits == 8
    assert rows.ledger.status("batch").price == 8


def test_a_price_below_the_given_one_does_not_count(rows: Rows) -> None:
    rows.configure(price=5.0)
    rows.finish("a", credits=2)
    rows.send("b")
    assert rows.row("b").credits == 5


def test_the_price_of_another_model_does_not_count(rows: Rows) -> None:
    rows.configure(max_credits=30.0)
    rows.finish("a", credits=8)
    rows.send("b", model="acme/other")
    assert rows.row("b").credits == 22


def test_a_failed_task_does_not_state_the_price(rows: Rows) -> None:
    rows.configure(max_credits=30.0)
    rows.fail("a", credits=0)
    rows.send("b")
    assert rows.row("b").credits == 30


def test_a_create_of_unknown_price_reserves_the_rest_of_the_cap(rows: Rows) -> None:
    rows.configure(max_credits=30.0)
    rows.send("a")
    assert rows.row("a").credits == 30
    assert rows.try_send("b") == IN_FLIGHT


def test_the_first_stated_price_frees_the_rest(rows: Rows) -> None:
    rows.configure(max_credits=30.0)
    rows.finish("a", credits=8)
    rows.send("b", "c")
    assert rows.row("c").credits == 8
    assert rows.try_send("d") == IN_FLIGHT


def test_a_service_that_states_no_price_pauses_a_capped_batch(rows: Rows) -> None:
    rows.configure(max_credits=30.0)
    rows.finish("a", credits=None)
    assert rows.row("a").credits is None
    outcome = rows.try_send("b")
    assert isinstance(outcome, Stop)
    assert outcome.kind == "paused"
    assert "name a price" in outcome.reason


def test_another_run_creates_nothing_while_the_price_is_unknown(rows: Rows) -> None:
    rows.configure(max_credits=30.0)
    rows.finish("a", credits=None)
    assert rows.ledger.resume(rows.id)
    outcome = rows.try_send("b")
    assert isinstance(outcome, Stop)
    assert "name a price" in outcome.reason


def test_a_task_without_a_stated_price_costs_what_others_have_cost(rows: Rows) -> None:
    rows.configure(max_credits=30.0)
    rows.finish("a", credits=8)
    rows.finish("b", credits=None)
    assert rows.row("b").credits == 8
    assert rows.ledger.status("batch").paused is None


def test_a_price_that_is_named_while_a_task_runs_replaces_the_reserved_rest(rows: Rows) -> None:
    rows.configure(max_credits=30.0)
    rows.create("a")
    rows.configure(price=5.0)
    rows.end("a", credits=None)
    assert rows.row("a").credits == 5


def test_a_price_that_is_named_later_counts_for_earlier_tasks(rows: Rows) -> None:
    rows.configure(max_credits=30.0)
    rows.finish("a", credits=None)
    rows.configure(price=5.0)
    rows.ledger.resume(rows.id)
    rows.send("b")
    assert rows.ledger.status("batch").spent == 5
    assert rows.ledger.status("batch").reserved == 5


def test_a_task_without_a_stated_price_costs_the_given_one(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=30.0)
    rows.finish("a", credits=None)
    assert rows.row("a").credits == 5
    rows.send("b")


def test_a_batch_without_a_cap_needs_no_price(rows: Rows) -> None:
    rows.finish("a", "b", credits=None)
    assert rows.ledger.status("batch").paused is None
    assert rows.ledger.status("batch").spent == 0


def test_a_cap_of_nothing_admits_nothing(rows: Rows) -> None:
    rows.configure(max_credits=0.0)
    assert stopped(rows.try_send("a")) == "0 of 0 credits are spent"
    rows.configure(price=0.0)
    stopped(rows.try_send("a"))


# Budgets besides the cap


def test_a_budget_limits_what_the_cap_allows(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=100.0)
    budget = Budget(5.0)
    rows.send("a", budgets=[budget])
    assert rows.try_send("b", budgets=[budget]) == IN_FLIGHT
    rows.send("b")


def test_a_budget_limits_a_batch_without_a_cap(rows: Rows) -> None:
    rows.configure(price=5.0)
    assert stopped(rows.try_send("a", budgets=[Budget(4.0)])) == "0 of 4 credits are spent; the next create costs 5"


def test_the_cap_holds_whatever_a_budget_allows(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=4.0)
    assert "of 4 credits" in stopped(rows.try_send("a", budgets=[Budget(100.0)]))


def test_only_creates_after_its_begin_count_for_a_budget(rows: Rows, clock: ManualClock) -> None:
    rows.configure(price=5.0)
    rows.finish("yesterday")
    clock.advance(60)
    today = Budget(5.0, since=clock.now().timestamp())
    rows.finish("a", credits=None)
    stopped(rows.try_send("b", budgets=[today]))
    clock.advance(60)
    rows.send("b", budgets=[Budget(5.0, since=clock.now().timestamp())])


@pytest.mark.parametrize(("cap", "budget"), [(30.0, 20.0), (20.0, 30.0)])
def test_a_create_of_unknown_price_reserves_the_smallest_rest(rows: Rows, cap: float, budget: float) -> None:
    rows.configure(max_credits=cap)
    rows.send("a", budgets=[Budget(budget)])
    assert rows.row("a").credits == 20


# Retries


def test_a_retry_pays_again_and_keeps_what_was_paid(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=9.0)
    rows.fail("a", credits=4)
    assert rows.ledger.retry(rows.id, ("failed",)) == 1
    assert rows.ledger.status("batch").spent == 4
    rows.send("a")
    assert rows.row("a").credits == 9
    assert rows.try_send("b") == IN_FLIGHT


def test_a_retry_of_an_unknown_row_counts_both_creates(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=9.0)
    rows.lose("a")
    assert rows.ledger.retry(rows.id, ("unknown",)) == 1
    assert rows.ledger.status("batch").spent == 5
    stopped(rows.try_send("a"))


def test_a_row_without_a_task_costs_nothing_once_it_is_resolved(rows: Rows) -> None:
    rows.configure(price=5.0, max_credits=5.0)
    rows.lose("a")
    rows.ledger.resolve(rows.id, "a", None)
    assert rows.ledger.status("batch").spent == 0
    rows.send("a")
