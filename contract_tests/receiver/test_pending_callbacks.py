"""The inbox keeps the tasks whose callback is expected, and the task of each correlation token."""

from __future__ import annotations

import pytest

from apikley.receiver import Inbox
from contract_tests.receiver.inboxes import LEASE, NOW, completion, done

TOKEN = "t" * 20


def handle_all(inbox: Inbox) -> None:
    inbox.write([done(claim) for claim in inbox.claim(NOW, LEASE, 9)])


def test_a_task_is_overdue_when_its_time_has_come(inbox: Inbox) -> None:
    inbox.expect("task_1", None, NOW + 10, NOW)
    inbox.expect("task_1", None, NOW + 99, NOW)
    inbox.expect(None, TOKEN, NOW, NOW)
    assert inbox.claim_overdue(NOW + 9, LEASE, 9) == []
    (pending,) = inbox.claim_overdue(NOW + 10, LEASE, 9)
    assert (pending.task_id, pending.attempts) == ("task_1", 1)
    assert inbox.claim_overdue(NOW + 10, LEASE, 9) == []
    inbox.reschedule(pending, NOW + 500)
    assert inbox.claim_overdue(NOW + 499, LEASE, 9) == []
    inbox.resolve(pending)
    assert [each.token for each in inbox.pending_callbacks()] == [TOKEN]


def test_a_handled_task_is_no_longer_expected(inbox: Inbox) -> None:
    inbox.expect("task_1", None, NOW, NOW)
    inbox.expect(None, TOKEN, NOW, NOW)
    inbox.expect("task_3", None, NOW, NOW)
    inbox.write([completion("task_1"), completion("task_2", token=TOKEN)])
    handle_all(inbox)
    assert [each.task_id for each in inbox.pending_callbacks()] == ["task_3"]


@pytest.mark.parametrize(("task_id", "token"), [("task_1", None), (None, TOKEN), ("task_1", TOKEN)])
def test_a_task_that_was_handled_already_is_not_expected(inbox: Inbox, task_id: str | None, token: str | None) -> None:
    inbox.write([completion("task_1", token=TOKEN)])
    handle_all(inbox)
    inbox.expect(task_id, token, NOW + 10, NOW)
    assert inbox.pending_callbacks() == []


def test_a_stored_event_is_expected_until_it_is_handled(inbox: Inbox) -> None:
    inbox.write([completion("task_1", token=TOKEN)])
    inbox.expect(None, TOKEN, NOW + 10, NOW)
    assert [each.token for each in inbox.pending_callbacks()] == [TOKEN]
    handle_all(inbox)
    assert inbox.pending_callbacks() == []


def test_pruning_deletes_pending_callbacks_that_are_not_polled(inbox: Inbox) -> None:
    inbox.expect(None, "a" * 20, NOW, NOW)
    inbox.expect(None, "b" * 20, NOW, NOW + 10)
    inbox.expect("given up", None, NOW, NOW)
    inbox.reschedule(inbox.claim_overdue(NOW, LEASE, 1)[0], None)
    inbox.expect("polled later", None, NOW + 1e6, NOW)
    inbox.prune(NOW)
    assert len(inbox.pending_callbacks()) == 4
    inbox.prune(NOW + 1)
    assert [each.token or each.task_id for each in inbox.pending_callbacks()] == ["b" * 20, "polled later"]


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_given_up_task_can_be_expected_again(inbox: Inbox, token: str | None) -> None:
    inbox.expect("task_1", token, NOW, NOW)
    inbox.reschedule(inbox.claim_overdue(NOW, LEASE, 1)[0], None)
    inbox.expect("task_2", None, NOW + 1e6, NOW)
    inbox.expect("task_1", token, NOW + 5, NOW)
    (pending,) = inbox.claim_overdue(NOW + 5, LEASE, 9)
    assert (pending.task_id, pending.token, pending.attempts) == ("task_1", token, 1)
    assert len(inbox.pending_callbacks()) == 2


def test_a_create_of_unknown_outcome_is_polled_once_its_task_is_known(inbox: Inbox) -> None:
    inbox.expect(None, TOKEN, NOW, NOW)
    inbox.expect(None, "u" * 20, NOW, NOW)
    inbox.expect("task_1", TOKEN, NOW, NOW)
    assert [each.task_id for each in inbox.claim_overdue(NOW, LEASE, 9)] == ["task_1"]
    assert [each.token for each in inbox.pending_callbacks()] == ["u" * 20, TOKEN]


def test_a_callback_names_the_task_of_its_token(inbox: Inbox) -> None:
    assert inbox.task_of(TOKEN) is None
    inbox.write([completion("task_1")])
    inbox.write([completion("task_1", token=TOKEN)])
    assert inbox.task_of(TOKEN) == "task_1"


def test_an_event_has_the_expected_one_of_several_tokens(inbox: Inbox) -> None:
    expected = "expected-" + TOKEN
    inbox.expect(None, expected, NOW, NOW)
    inbox.write([completion("task_1", token=token) for token in ("a" * 20, expected, "z" * 20)])
    inbox.write([completion("task_1", token="b" * 20)])
    assert [inbox.task_of(letter * 20) for letter in "zb"] == [None, None]
    (claim,) = inbox.claim(NOW, LEASE, 1)
    assert claim.token == expected
