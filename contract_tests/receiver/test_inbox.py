"""The inbox keeps each ending once, for one handler at a time, the same on every database."""

from __future__ import annotations

from apikley.receiver import Inbox
from apikley.receiver.inbox.rows import Begun, Outcome
from contract_tests.receiver.inboxes import LEASE, NOW, begin, delivery, done


def test_what_is_stored_is_claimed_as_it_came(inbox: Inbox) -> None:
    inbox.write([delivery("task_1", token="t" * 20)])
    (item,) = inbox.claim(NOW, LEASE, 10)
    assert (item.key, item.task_id, item.state, item.attempts) == ("task_1:success", "task_1", "success", 0)
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
    assert len(inbox.claim(NOW + LEASE, LEASE, 1)) == 1


def test_what_was_claimed_and_not_begun_counts_as_not_tried(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    inbox.claim(NOW, LEASE, 1)
    (item,) = inbox.claim(NOW + LEASE, LEASE, 1)
    assert (item.attempts, item.interrupted) == (0, 0)


def test_an_attempt_is_counted_when_it_is_begun_and_as_interrupted_until_its_outcome(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    for lapsed in range(3):
        (item,) = begin(inbox, NOW + lapsed * LEASE)
        assert (item.attempts, item.interrupted) == (lapsed, lapsed)
    (item,) = begin(inbox, NOW + 3 * LEASE)
    inbox.write([Outcome(item, "pending", NOW, "no disk")])
    (item,) = inbox.claim(NOW + 3 * LEASE, LEASE, 1)
    assert (item.attempts, item.interrupted) == (4, 0)


def test_who_lost_the_lease_begins_nothing(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    (lost,) = inbox.claim(NOW, LEASE, 1)
    inbox.claim(NOW + LEASE, LEASE, 1)
    inbox.write([Begun(lost)])
    assert [entry.attempts for entry in inbox.entries()] == [0]


def test_what_a_process_has_ended_in_comes_after_the_rest(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    begin(inbox)
    inbox.write([delivery("task_2", at=NOW + LEASE)])
    assert [item.task_id for item in inbox.claim(NOW + LEASE, LEASE, 9)] == ["task_2", "task_1"]


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
    assert item.attempts == 0


def test_a_failure_comes_up_again_when_it_is_due_with_what_was_done(inbox: Inbox) -> None:
    inbox.write([delivery("task_1")])
    (item,) = begin(inbox)
    inbox.write([Outcome(item, "pending", NOW + 5, "no disk", ("a.first", "a.second"))])
    assert inbox.claim(NOW + 4, LEASE, 1) == []
    (again,) = inbox.claim(NOW + 5, LEASE, 1)
    assert (again.attempts, again.handled_by) == (1, ("a.first", "a.second"))
    (entry,) = inbox.entries("pending")
    assert entry.error == "no disk"


def test_the_dead_are_listed_and_replayed(inbox: Inbox) -> None:
    inbox.write([delivery("task_1"), delivery("task_2"), delivery("task_3")])
    inbox.write([Outcome(item, "dead", NOW, "no") for item in begin(inbox, limit=2)])
    assert {entry.key for entry in inbox.entries("dead")} == {"task_1:success", "task_2:success"}
    assert inbox.replay(NOW, ["task_2:success", "task_3:success", "task_9:success"]) == ["task_2:success"]
    assert inbox.replay(NOW) == ["task_1:success"]
    assert {item.key: item.attempts for item in inbox.claim(NOW, LEASE, 9)} == dict.fromkeys(
        ["task_1:success", "task_2:success", "task_3:success"], 0
    )


def test_what_is_refused_is_replaced_in_the_same_moment(inbox: Inbox) -> None:
    inbox.write([delivery("task_1", "fail")])
    (item,) = inbox.claim(NOW, LEASE, 1)
    inbox.write([Outcome(item, "refused", NOW, "no", instead=delivery("task_1", source="poll"))])
    assert inbox.counts() == {"refused": 1, "pending": 1}


def test_the_earliest_are_claimed_first(inbox: Inbox) -> None:
    inbox.write([delivery(f"task_{n}", at=NOW - n) for n in range(5)])
    assert [item.task_id for item in inbox.claim(NOW, LEASE, 3)] == ["task_4", "task_3", "task_2"]


def test_what_was_handled_long_ago_is_forgotten(inbox: Inbox) -> None:
    inbox.write([delivery("task_1", token="a" * 20), delivery("task_2", token="b" * 20)])
    first, second = inbox.claim(NOW, LEASE, 2)
    inbox.write([Outcome(first, "done", NOW), Outcome(second, "dead", NOW)])
    assert inbox.forget(NOW + 1) == 1
    assert [entry.task_id for entry in inbox.entries()] == [second.task_id]
    assert inbox.task_of("a" * 20) is None
    assert inbox.task_of("b" * 20) == "task_2"
