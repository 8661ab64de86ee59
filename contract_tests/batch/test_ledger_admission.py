"""A create is admitted only within the limits of the contract, of the account, of the model and of the batch."""

from __future__ import annotations

import pytest

from apikley.batch.ledger.rows import Stop, Wait
from apikley.testing import ManualClock
from contract_tests.batch.ledgers import ACCOUNT, LIMITED, NO_RESPONSE, Rows, contract_limits, limits

RATE = contract_limits()["x-rate-limit"]
RUNNING = contract_limits()["x-running-limit"]["tasks"]
MODEL_LIMIT = {"requests": 2, "seconds": 3_600, "concurrent": 9}


def fill(rows: Rows, count: int = RATE["requests"], **options: object) -> list[str]:
    """Create as many tasks as the rate allows at once."""
    keys = [f"first {number}" for number in range(count)]
    rows.create(*keys, **options)
    return keys


def test_an_admitted_create_is_noted_before_it_is_sent(rows: Rows, clock: ManualClock) -> None:
    rows.configure(price=5.0)
    rows.send("a", token="token")
    row = rows.row("a")
    assert (row.state, row.credits, row.sent_at) == ("sending", 5.0, clock.now().timestamp())
    assert rows.ledger.status("batch").reserved == 5.0


def test_a_create_above_the_rate_waits_for_the_first_free_slot(rows: Rows, clock: ManualClock) -> None:
    rows.create("first")
    clock.advance(1)
    fill(rows, RATE["requests"] - 1)
    assert rows.try_send("next") == Wait(RATE["seconds"] - 1, "rate")
    assert rows.state("next") == "planned"
    clock.advance(RATE["seconds"] - 1)
    rows.send("next")
    assert rows.try_send("one more") == Wait(1, "rate")


def test_a_slot_is_free_one_window_after_the_response(rows: Rows, clock: ManualClock) -> None:
    keys = [f"row {number}" for number in range(RATE["requests"])]
    rows.send(*keys)
    clock.advance(7)
    for key in keys:
        rows.ledger.created(rows.row_id(key), rows.tokens[key], f"task_{key}")
    assert rows.try_send("next") == Wait(RATE["seconds"], "rate")
    clock.advance(RATE["seconds"])
    rows.send("next")


@pytest.mark.parametrize("outcome", ["refused", "not created", "unknown"])
def test_a_response_of_any_kind_takes_part_in_the_rate(rows: Rows, clock: ManualClock, outcome: str) -> None:
    with limits(requests=1):
        rows.send("a")
        clock.advance(7)
        row_id, token = rows.row_id("a"), rows.tokens["a"]
        if outcome == "refused":
            rows.ledger.refused(row_id, token, "422", "no")
        elif outcome == "unknown":
            rows.ledger.unknown(row_id, token, "timed out")
        else:
            rows.ledger.not_created(row_id, token)
        assert rows.try_send("next") == Wait(10, "rate")


def test_a_slot_without_a_response_is_free_after_a_minute(rows: Rows, clock: ManualClock) -> None:
    with limits(requests=1):
        rows.send("a")
        assert rows.try_send("next") == Wait(NO_RESPONSE, "rate")
        clock.advance(NO_RESPONSE)
        rows.send("next")


def test_a_model_slot_without_a_response_is_held_for_the_window_of_the_model(rows: Rows, clock: ManualClock) -> None:
    with limits(requests=9, model={"requests": 1, "seconds": 3_600, "concurrent": 9}):
        rows.send("a", model=LIMITED)
        clock.advance(NO_RESPONSE)
        assert rows.try_send("next", model=LIMITED) == Wait(3_600 - NO_RESPONSE, "rate", of_model=True)


def test_a_create_that_was_not_sent_takes_no_slot(rows: Rows) -> None:
    with limits(requests=1, model={"requests": 1, "seconds": 3_600, "concurrent": 9}):
        rows.send("a", model=LIMITED)
        rows.ledger.not_created(rows.row_id("a"), rows.tokens["a"], was_sent=False)
        rows.send("next", model=LIMITED)


def test_each_account_has_its_own_rate(rows: Rows) -> None:
    fill(rows)
    rows.send("next", account="another account")


def test_a_question_takes_no_slot(rows: Rows) -> None:
    with limits(requests=1):
        rows.add("a")
        claim = rows.claim("a")
        assert rows.ledger.wait_for(claim, ACCOUNT) is None
        assert rows.ledger.wait_for(claim, ACCOUNT) is None
        assert rows.admit(claim) is None
        rows.add("b")
        assert rows.ledger.wait_for(rows.claim("b"), ACCOUNT) == Wait(NO_RESPONSE, "rate")


def test_slots_are_free_after_the_clock_of_the_machine_has_started_again(rows: Rows, clock: ManualClock) -> None:
    with limits(requests=1):
        clock.advance(10_000)
        rows.create("a")
        clock.advance(-10_000)
        rows.send("next")


# Running tasks


def test_a_create_above_the_limit_of_running_tasks_waits(rows: Rows, clock: ManualClock) -> None:
    for number in range(RUNNING):
        if number % RATE["requests"] == 0:
            clock.advance(RATE["seconds"])
        rows.create(f"row {number}")
    clock.advance(RATE["seconds"])
    assert rows.try_send("next") == Wait(1, "running tasks")
    rows.end("row 3")
    rows.send("next")


@pytest.mark.parametrize("state", ["sending", "running", "unknown"])
def test_a_row_whose_task_may_run_counts_as_running(rows: Rows, state: str) -> None:
    with limits(requests=9, tasks=1):
        rows.bring("a", state)
        assert rows.try_send("next") == Wait(1, "running tasks")


def test_a_task_that_has_ended_does_not_run_while_its_file_is_saved(rows: Rows) -> None:
    with limits(requests=9, tasks=1):
        rows.create("a")
        rows.end("a")
        assert rows.state("a") == "running"
        rows.send("next")


def test_tasks_of_other_batches_of_the_account_count_as_running(rows: Rows, clock: ManualClock) -> None:
    other = Rows(rows.ledger, clock, "other")
    with limits(requests=9, tasks=1):
        other.create("a")
        assert rows.try_send("a") == Wait(1, "running tasks")
        rows.send("a", account="another account")


def test_a_batch_may_run_fewer_tasks_than_the_account(rows: Rows, clock: ManualClock) -> None:
    rows.configure(max_running=2)
    rows.send("a", "b")
    assert rows.try_send("c") == Wait(1, "running tasks")
    other = Rows(rows.ledger, clock, "other")
    other.send("a")
    rows.ledger.refused(rows.row_id("a"), rows.tokens["a"], "422", "no")
    rows.send("c")


# Limits of models


def test_the_rate_of_a_model_does_not_block_other_models(rows: Rows) -> None:
    with limits(requests=9, model=MODEL_LIMIT):
        rows.create("a", "b", model=LIMITED)
        assert rows.try_send("c", model=LIMITED) == Wait(3_600, "rate", of_model=True)
        rows.send("d")


def test_the_running_tasks_of_a_model_do_not_block_other_models(rows: Rows) -> None:
    with limits(requests=9, model={**MODEL_LIMIT, "concurrent": 1}):
        rows.create("a", model=LIMITED)
        assert rows.try_send("b", model=LIMITED) == Wait(1, "running tasks", of_model=True)
        rows.send("c")


def test_other_models_do_not_count_for_the_limits_of_a_model(rows: Rows) -> None:
    with limits(requests=9, model={"requests": 1, "seconds": 3_600, "concurrent": 1}):
        rows.create("a", "b")
        rows.create("c", model=LIMITED)


def test_a_create_of_a_limited_model_also_takes_a_slot_of_the_account(rows: Rows) -> None:
    with limits(requests=1, model=MODEL_LIMIT):
        rows.create("a", model=LIMITED)
        assert rows.try_send("b") == Wait(10, "rate")


def test_what_all_creates_wait_for_comes_before_what_a_model_waits_for(rows: Rows) -> None:
    with limits(requests=1, model={**MODEL_LIMIT, "requests": 1}):
        rows.create("a", model=LIMITED)
        assert rows.try_send("b", model=LIMITED) == Wait(10, "rate")


def test_the_window_of_a_model_starts_at_the_response(rows: Rows, clock: ManualClock) -> None:
    with limits(requests=9, model={**MODEL_LIMIT, "requests": 1}):
        rows.send("a", model=LIMITED)
        clock.advance(5)
        rows.ledger.created(rows.row_id("a"), rows.tokens["a"], "task_a")
        clock.advance(3_599)
        assert rows.try_send("b", model=LIMITED) == Wait(1, "rate", of_model=True)
        clock.advance(1)
        rows.send("b", model=LIMITED)


# Pauses


def test_the_service_can_ask_for_a_pause_of_the_account(rows: Rows, clock: ManualClock) -> None:
    rows.send("a")
    rows.ledger.not_created(rows.row_id("a"), rows.tokens["a"], hold=30)
    assert rows.state("a") == "planned"
    assert rows.try_send("b") == Wait(30, "the service asked for a pause")
    rows.send("c", account="another account")
    clock.advance(30)
    rows.send("b")


def test_a_shorter_pause_does_not_end_a_longer_one(rows: Rows) -> None:
    rows.send("a", "b")
    rows.ledger.not_created(rows.row_id("a"), rows.tokens["a"], hold=30)
    rows.ledger.not_created(rows.row_id("b"), rows.tokens["b"], hold=2)
    assert rows.try_send("c") == Wait(30, "the service asked for a pause")


def test_a_pause_that_the_service_asks_for_is_not_endless(rows: Rows) -> None:
    rows.send("a")
    rows.ledger.not_created(rows.row_id("a"), rows.tokens["a"], hold=1e9)
    outcome = rows.try_send("b")
    assert isinstance(outcome, Wait)
    assert outcome.seconds <= 300


def test_a_pause_of_the_service_ends_when_the_machine_starts_again(rows: Rows, clock: ManualClock) -> None:
    clock.advance(10_000)
    rows.send("a")
    rows.ledger.not_created(rows.row_id("a"), rows.tokens["a"], hold=30)
    clock.advance(-10_000)
    rows.send("b")


def test_no_create_is_admitted_while_the_batch_is_paused(rows: Rows, clock: ManualClock) -> None:
    rows.ledger.pause(rows.id, "no credits")
    assert rows.try_send("a") == Stop("paused", "no credits")
    Rows(rows.ledger, clock, "other").send("a")
    assert rows.ledger.resume(rows.id)
    rows.send("a")


def test_a_run_does_not_end_the_pause_of_a_user(rows: Rows) -> None:
    rows.ledger.pause(rows.id, "paused by a user", by_user=True)
    rows.ledger.pause(rows.id, "no credits")
    assert not rows.ledger.resume(rows.id)
    assert rows.try_send("a") == Stop("paused", "paused by a user")
    assert rows.ledger.resume(rows.id, by_user=True)
    rows.send("a")


def test_a_user_can_keep_a_batch_paused_that_was_paused_already(rows: Rows) -> None:
    rows.ledger.pause(rows.id, "no credits")
    rows.ledger.pause(rows.id, "paused by a user", by_user=True)
    assert not rows.ledger.resume(rows.id)
    assert rows.ledger.status("batch").paused == "paused by a user"


def test_a_batch_that_is_not_paused_is_not_resumed(rows: Rows) -> None:
    assert not rows.ledger.resume(rows.id, by_user=True)
