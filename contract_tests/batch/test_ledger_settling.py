"""Tasks end, files are saved, failures pause a batch, and users settle what is left."""

from __future__ import annotations

import pytest

from apikley.batch.ledger.rows import Stop, Wait
from apikley.errors import ConfigurationError
from apikley.testing import ManualClock
from contract_tests.batch.ledgers import FILES, LEASE, Rows, task


def test_a_successful_task_is_running_until_its_file_is_saved(rows: Rows, clock: ManualClock) -> None:
    rows.create("a")
    rows.end("a", createTime=1_000, completeTime=43_000)
    assert (rows.state("a"), rows.row("a").seconds, rows.row("a").credits) == ("running", 42, 5)
    assert rows.ledger.status("batch").saving == 1
    rows.ledger.saved(rows.row_id("a"), FILES)
    assert (rows.state("a"), rows.row("a").files) == ("done", FILES)
    assert rows.row("a").ended_at == clock.now().timestamp()


def test_a_duration_that_the_service_does_not_state_is_measured(rows: Rows, clock: ManualClock) -> None:
    rows.create("a")
    clock.advance(60)
    rows.end("a")
    assert rows.row("a").seconds == 60


def test_a_worker_that_takes_over_a_saved_task_knows_its_state(rows: Rows, clock: ManualClock) -> None:
    rows.create("a")
    rows.end("a")
    clock.advance(LEASE)
    (claim,) = rows.next(state="running")
    assert (claim.task_id, claim.task_state) == ("task_a", "success")


def test_a_failed_task_settles_its_row(rows: Rows) -> None:
    rows.create("a")
    rows.end("a", state="fail", credits=0, failCode="400", failMsg="bad picture")
    row = rows.row("a")
    assert (row.state, row.error_code, row.error, row.credits) == ("failed", "400", "bad picture", 0)
    assert rows.next(state="running") == []


def test_a_failed_task_without_a_reason_says_so(rows: Rows) -> None:
    rows.create("a")
    rows.end("a", state="fail", credits=0)
    assert (rows.row("a").error_code, rows.row("a").error) == ("fail", "the service gave no reason")


def test_the_end_of_another_task_changes_nothing(rows: Rows) -> None:
    rows.create("a")
    before = rows.row("a")
    rows.ledger.ended(rows.row_id("a"), task("task_old", state="fail"))
    assert rows.row("a") == before


def test_the_end_of_a_task_does_not_change_a_settled_row(rows: Rows) -> None:
    rows.finish("a")
    rows.end("a", state="fail", credits=0)
    rows.ledger.failed(rows.row_id("a"), "404", "not found")
    assert (rows.state("a"), rows.row("a").credits) == ("done", 5)


def test_files_of_a_row_without_a_task_are_not_noted(rows: Rows) -> None:
    rows.lose("a")
    rows.ledger.saved(rows.row_id("a"), FILES)
    assert rows.state("a") == "unknown"


def test_a_task_that_the_service_does_not_know_any_more_fails_its_row(rows: Rows) -> None:
    rows.configure(price=5.0)
    rows.create("a")
    rows.ledger.failed(rows.row_id("a"), "404", "no such task")
    row = rows.row("a")
    assert (row.state, row.error_code, row.error, row.credits) == ("failed", "404", "no such task", 5)


def test_a_delayed_row_is_worked_on_later(rows: Rows, clock: ManualClock) -> None:
    rows.create("a")
    rows.end("a")
    clock.advance(LEASE)
    rows.ledger.delay(rows.claim("a"), 30, "disk full")
    assert rows.next(state="running") == []
    assert rows.ledger.claim(rows.row_id("a"), "worker", LEASE) == Wait(30, "the row waits for a retry")
    clock.advance(30)
    assert len(rows.next(state="running")) == 1


def test_a_lost_claim_delays_nothing(rows: Rows, clock: ManualClock) -> None:
    rows.create("a")
    clock.advance(LEASE)
    lost = rows.claim("a")
    clock.advance(LEASE)
    rows.claim("a")
    rows.ledger.delay(lost, 30, "disk full")
    assert rows.row("a").error is None
    assert isinstance(rows.ledger.claim(rows.row_id("a"), "third", LEASE), Wait)


# Equal failures


def paused(rows: Rows) -> str | None:
    return rows.ledger.status("batch").paused


def test_equal_failures_in_a_row_pause_the_batch(rows: Rows) -> None:
    rows.configure(stop_after=3)
    rows.fail("a", "b")
    assert paused(rows) is None
    rows.fail("c")
    assert paused(rows) == "3 rows in a row failed with 500: no"
    assert isinstance(rows.try_send("d"), Stop)


def test_equal_refusals_in_a_row_pause_the_batch(rows: Rows, clock: ManualClock) -> None:
    rows.configure(stop_after=2)
    for key in ("a", "b"):
        rows.send(key)
        clock.advance(1)
        rows.ledger.refused(rows.row_id(key), rows.tokens[key], "422", "no such style")
    assert paused(rows) == "2 rows in a row failed with 422: no such style"


def test_invalid_rows_pause_the_batch_like_refused_ones(rows: Rows, clock: ManualClock) -> None:
    rows.configure(stop_after=2)
    rows.add("a", "b")
    for key in ("a", "b"):
        clock.advance(1)
        rows.ledger.refused(rows.row_id(key), None, "invalid", "no such file")
    assert paused(rows) == "2 rows in a row failed with invalid: no such file"


def test_tasks_that_are_not_known_any_more_pause_the_batch(rows: Rows, clock: ManualClock) -> None:
    rows.configure(stop_after=2)
    rows.create("a", "b")
    for key in ("a", "b"):
        clock.advance(1)
        rows.ledger.failed(rows.row_id(key), "404", "no such task")
    assert paused(rows) == "2 rows in a row failed with 404: no such task"


def test_failures_with_different_codes_do_not_pause_the_batch(rows: Rows) -> None:
    rows.configure(stop_after=2)
    rows.fail("a", code="500")
    rows.fail("b", code="501")
    assert paused(rows) is None


def test_a_success_between_failures_keeps_the_batch_going(rows: Rows, clock: ManualClock) -> None:
    rows.configure(stop_after=2)
    rows.fail("a")
    clock.advance(1)
    rows.finish("b")
    clock.advance(1)
    rows.fail("c")
    assert paused(rows) is None


def test_a_late_outcome_after_successes_does_not_pause_the_batch(rows: Rows) -> None:
    rows.configure(stop_after=2)
    rows.finish("a", "b")
    rows.ledger.refused(rows.row_id("a"), rows.tokens["a"], "422", "no such style")
    assert paused(rows) is None


def test_unknown_rows_are_not_equal_failures(rows: Rows) -> None:
    rows.configure(stop_after=2)
    rows.lose("a", "b")
    assert paused(rows) is None


def test_a_batch_without_that_limit_is_not_paused_by_failures(rows: Rows) -> None:
    rows.fail(*(f"row {number}" for number in range(12)))
    assert paused(rows) is None


# Users settle rows


def test_a_user_names_the_task_of_an_unknown_row(rows: Rows) -> None:
    rows.configure(price=5.0)
    rows.lose("a")
    rows.ledger.resolve(rows.id, "a", "task_a")
    row = rows.row("a")
    assert (row.state, row.task_id, row.credits, row.error) == ("running", "task_a", 5, None)
    assert [claim.key for claim in rows.next(state="running")] == ["a"]
    rows.end("a")
    rows.ledger.saved(rows.row_id("a"), FILES)
    assert rows.state("a") == "done"


def test_a_user_states_that_an_unknown_row_has_no_task(rows: Rows) -> None:
    rows.lose("a")
    rows.ledger.resolve(rows.id, "a", None)
    assert rows.state("a") == "planned"
    rows.create("a")
    assert rows.state("a") == "running"


@pytest.mark.parametrize("state", ["planned", "sending", "running", "done", "failed"])
def test_only_an_unknown_row_is_resolved(rows: Rows, state: str) -> None:
    rows.bring("a", state)
    with pytest.raises(ConfigurationError, match="not unknown"):
        rows.ledger.resolve(rows.id, "a", None)
    with pytest.raises(ConfigurationError, match="not unknown"):
        rows.ledger.resolve(rows.id, "a", "task_other")
    assert rows.state("a") == state


def test_a_missing_row_is_not_resolved(rows: Rows) -> None:
    with pytest.raises(ConfigurationError, match="no row 'a'"):
        rows.ledger.resolve(rows.id, "a", None)


def test_an_unknown_row_is_found_by_its_correlation_token(rows: Rows) -> None:
    rows.lose("a")
    rows.create("b")
    tokens = rows.ledger.unknown_tokens(rows.id)
    assert tokens == {rows.tokens["a"]: rows.row_id("a")}
    rows.ledger.created(rows.row_id("a"), rows.tokens["a"], "task_a")
    assert rows.ledger.unknown_tokens(rows.id) == {}


def test_a_retry_plans_the_chosen_rows_again(rows: Rows, clock: ManualClock) -> None:
    rows.fail("a")
    rows.fail("b", code="501")
    rows.lose("c")
    assert rows.ledger.retry(rows.id, ("failed",), code="501", only_count=True) == 1
    assert rows.ledger.retry(rows.id, ("failed",), code="501") == 1
    assert {key: rows.state(key) for key in "abc"} == {"a": "failed", "b": "planned", "c": "unknown"}
    row = rows.row("b")
    assert (row.task_id, row.error, row.seconds, row.ended_at) == (None, None, None, None)
    rows.create("b")
    assert rows.state("b") == "running"


def test_a_retry_that_only_counts_changes_nothing(rows: Rows) -> None:
    rows.fail("a")
    assert rows.ledger.retry(rows.id, ("failed",), only_count=True) == 1
    assert rows.state("a") == "failed"


def test_only_unknown_rows_of_a_certain_age_are_retried(rows: Rows, clock: ManualClock) -> None:
    rows.lose("a")
    clock.advance(60)
    rows.lose("b")
    assert rows.ledger.retry(rows.id, ("unknown",), sent_before=clock.now().timestamp()) == 1
    assert (rows.state("a"), rows.state("b")) == ("planned", "unknown")


def test_a_retry_of_a_success_without_a_file_only_saves_again(rows: Rows) -> None:
    rows.configure(price=5.0)
    rows.create("a")
    rows.end("a")
    rows.ledger.failed(rows.row_id("a"), "no-result", "no result")
    assert rows.ledger.retry(rows.id, ("failed",)) == 1
    row = rows.row("a")
    assert (row.state, row.task_id, row.credits) == ("running", "task_a", 5)
    assert rows.next() == []
    (claim,) = rows.next(state="running")
    assert claim.task_state == "success"


def test_a_late_outcome_of_a_row_that_was_planned_again_changes_nothing(rows: Rows) -> None:
    rows.lose("a")
    old = rows.tokens["a"]
    rows.ledger.retry(rows.id, ("unknown",))
    rows.ledger.created(rows.row_id("a"), old, "task_old")
    assert rows.state("a") == "planned"
