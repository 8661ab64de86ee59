"""The inbox keeps each completion once, for one handler at a time, the same on every database."""

from __future__ import annotations

import pytest

from apikley.receiver import Inbox
from apikley.receiver.inbox.rows import Result
from contract_tests.receiver.inboxes import LEASE, NOW, DrivenInbox, completion, done


def test_a_claim_holds_the_stored_completion(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1", token="t" * 20)])
    (claim,) = inbox.claim(NOW, LEASE, 10)
    assert (claim.event_id, claim.task_id, claim.state, claim.attempt) == ("task_1:success", "task_1", "success", 1)
    assert (claim.body, claim.token, claim.source) == (b'{"x":"\\u0000"}\x00\xff', "t" * 20, "callback")


def test_a_repeated_callback_is_stored_once(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1"), completion("task_1", at=NOW + 1)])
    inbox.write([completion("task_1", at=NOW + 2)])
    (row,) = inbox.rows()
    assert row.received_at == NOW


def test_another_final_state_is_another_event(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1"), completion("task_1", "fail")])
    assert inbox.counts() == {"pending": 2}


def test_a_callback_after_its_event_is_done_changes_nothing(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    inbox.write([done(claim) for claim in inbox.claim(NOW, LEASE, 1)])
    inbox.write([completion("task_1")])
    assert inbox.counts() == {"done": 1}
    assert inbox.claim(NOW + 1e9, LEASE, 1) == []


def test_a_claim_holds_until_its_lease_ends(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    assert len(inbox.claim(NOW, LEASE, 1)) == 1
    assert inbox.counts() == {"processing": 1}
    assert inbox.claim(NOW + LEASE - 1, LEASE, 1) == []
    assert len(inbox.claim(NOW + LEASE, LEASE, 1)) == 1


def test_a_claim_counts_an_attempt(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    claims = [inbox.claim(NOW + lapsed * LEASE, LEASE, 1)[0] for lapsed in range(3)]
    assert [claim.attempt for claim in claims] == [1, 2, 3]
    assert [row.attempts for row in inbox.rows()] == [3]


def test_a_lease_can_be_renewed(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    claims = inbox.claim(NOW, LEASE, 1)
    inbox.at(NOW + 50)
    inbox.renew(claims)
    assert inbox.claim(NOW + 50 + LEASE - 1, LEASE, 1) == []
    assert len(inbox.claim(NOW + 50 + LEASE, LEASE, 1)) == 1


def test_a_result_counts_only_while_its_claim_holds(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    (lost,) = inbox.claim(NOW, LEASE, 1)
    (held,) = inbox.claim(NOW + LEASE, LEASE, 1)
    inbox.write([Result(lost, "dead", NOW, "late")])
    inbox.renew([lost])
    assert inbox.counts() == {"processing": 1}
    inbox.write([done(held)])
    assert inbox.counts() == {"done": 1}


def test_a_failed_event_is_claimed_again_when_it_is_due(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    (claim,) = inbox.claim(NOW, LEASE, 1)
    inbox.write([Result(claim, "failed", NOW + 5, "no disk", ("a.first", "a.second"))])
    (row,) = inbox.rows("failed")
    assert row.error == "no disk"
    assert inbox.claim(NOW + 4, LEASE, 1) == []
    (again,) = inbox.claim(NOW + 5, LEASE, 1)
    assert (again.attempt, again.handled_by) == (2, ("a.first", "a.second"))


def test_dead_events_are_listed_and_replayed(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1"), completion("task_2"), completion("task_3")])
    inbox.write([Result(claim, "dead", NOW, "no") for claim in inbox.claim(NOW, LEASE, 2)])
    assert {row.event_id for row in inbox.rows("dead")} == {"task_1:success", "task_2:success"}
    assert inbox.replay(NOW, ["task_2:success", "task_3:success", "task_9:success"]) == ["task_2:success"]
    assert inbox.replay(NOW) == ["task_1:success"]
    assert {claim.event_id: claim.attempt for claim in inbox.claim(NOW, LEASE, 9)} == dict.fromkeys(
        ["task_1:success", "task_2:success", "task_3:success"], 1
    )


def test_a_contradicted_event_is_replaced_in_the_same_transaction(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1", "fail")])
    (claim,) = inbox.claim(NOW, LEASE, 1)
    inbox.write([Result(claim, "dead", NOW, "no", replacement=completion("task_1", source="poll"))])
    assert inbox.counts() == {"dead": 1, "pending": 1}


def test_the_earliest_events_are_claimed_first(inbox: DrivenInbox) -> None:
    inbox.write([completion(f"task_{n}", at=NOW - n) for n in range(5)])
    assert [claim.task_id for claim in inbox.claim(NOW, LEASE, 3)] == ["task_4", "task_3", "task_2"]


def test_pruning_deletes_old_done_events_only(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1", token="a" * 20), completion("task_2", token="b" * 20)])
    first, second = inbox.claim(NOW, LEASE, 2)
    inbox.write([Result(first, "done", NOW), Result(second, "dead", NOW)])
    inbox.prune(NOW + 1)
    assert [row.task_id for row in inbox.rows()] == [second.task_id]
    assert inbox.task_of("a" * 20) is None
    assert inbox.task_of("b" * 20) == "task_2"


def test_a_lease_holds_whatever_the_wall_clock_says(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    inbox.claim(NOW, LEASE, 1)
    assert Inbox.claim(inbox, NOW + 1e9, LEASE, 1) == []


def test_a_new_event_is_due_although_the_clock_was_set_back(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1", at=NOW + 1e9)])
    assert len(inbox.claim(NOW, LEASE, 1)) == 1


def test_a_lease_ends_when_the_machine_starts_again(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    inbox.claim(NOW, LEASE, 1)
    assert len(inbox.claim(1.0, LEASE, 1)) == 1


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_leases_end_by_the_clock_of_the_database(where: str) -> None:
    with Inbox(where) as inbox:
        inbox.write([completion("task_1"), completion("task_2")])
        (kept,) = inbox.claim(NOW, 3600, 1)
        (lapsed,) = inbox.claim(NOW, 0, 1)
        assert [claim.event_id for claim in inbox.claim(NOW, 3600, 9)] == [lapsed.event_id]
        assert inbox.begin(kept)
        assert not inbox.begin(lapsed)


def test_a_handler_begins_only_with_its_claim(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    (lost,) = inbox.claim(NOW, LEASE, 1)
    assert inbox.begin(lost)
    (held,) = inbox.claim(NOW + LEASE, LEASE, 1)
    assert not inbox.begin(lost)
    assert inbox.begin(held)
    inbox.write([done(held)])
    assert not inbox.begin(held)


def test_beginning_extends_a_lease_that_has_lapsed(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    (claim,) = inbox.claim(NOW, LEASE, 1)
    inbox.at(NOW + LEASE)
    assert inbox.begin(claim)
    assert inbox.claim(NOW + 2 * LEASE - 1, LEASE, 1) == []


def test_a_success_counts_without_its_claim(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    (lost,) = inbox.claim(NOW, LEASE, 1)
    (held,) = inbox.claim(NOW + LEASE, LEASE, 1)
    inbox.write([Result(lost, "done", NOW, handled_by=("a.first",))])
    inbox.write([Result(held, "failed", NOW, "late")])
    (row,) = inbox.rows()
    assert (row.status, row.attempts, row.error) == ("done", 2, None)


def test_a_success_of_one_handler_counts_without_its_claim(inbox: DrivenInbox) -> None:
    inbox.write([completion("task_1")])
    (lost,) = inbox.claim(NOW, LEASE, 1)
    (held,) = inbox.claim(NOW + LEASE, LEASE, 1)
    inbox.write([Result(lost, "failed", NOW, "late", ("a.first",))])
    assert inbox.counts() == {"processing": 1}
    inbox.write([Result(held, "failed", NOW, "no", ("a.second",))])
    (again,) = inbox.claim(NOW + LEASE, LEASE, 1)
    assert again.handled_by == ("a.first", "a.second")


def test_a_repeated_callback_with_other_tokens_adds_none(inbox: DrivenInbox) -> None:
    for letter in "abc":
        inbox.write([completion("task_1", token=letter * 20)])
    inbox.write([completion("task_2", token="d" * 20), completion("task_2", token="e" * 20)])
    found = [inbox.task_of(letter * 20) for letter in "abcde"]
    assert found == ["task_1", None, None, "task_2", None]


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_an_inbox_of_an_earlier_version_gets_the_new_columns(where: str) -> None:
    with Inbox(where) as inbox:
        inbox.write([completion("task_1"), completion("task_2")])
        with inbox._database.begin() as connection:
            for name in ("leased_at", "lease"):
                connection.exec_driver_sql(f"ALTER TABLE apikley_events DROP COLUMN {name}")
            connection.exec_driver_sql(
                "UPDATE apikley_events SET status = 'processing', due_at = 500 WHERE task_id = 'task_1'"
            )
    with Inbox(where) as inbox:
        assert inbox.claim(499, LEASE, 1)[0].task_id == "task_2"
        assert inbox.claim(499, LEASE, 1) == []
        assert inbox.claim(500, LEASE, 1)[0].task_id == "task_1"
