"""Jobs whose callback is due are noted, asked for in time, and met by what comes; tokens name their tasks."""

from __future__ import annotations

import pytest

from apikley.receiver import Inbox
from contract_tests.receiver.inboxes import LEASE, NOW, delivery, done


def test_an_expected_task_is_overdue_once_its_time_has_come(inbox: Inbox) -> None:
    inbox.expect("task_1", None, NOW + 10, NOW)
    inbox.expect("task_1", None, NOW + 99, NOW)
    inbox.expect(None, "t" * 20, NOW, NOW)
    assert inbox.overdue(NOW + 9, LEASE, 9) == []
    (job,) = inbox.overdue(NOW + 10, LEASE, 9)
    assert (job.task_id, job.attempts) == ("task_1", 1)
    assert inbox.overdue(NOW + 10, LEASE, 9) == []
    inbox.postpone(job, NOW + 500)
    assert inbox.overdue(NOW + 499, LEASE, 9) == []
    inbox.met(job)
    assert [each.token for each in inbox.expectations()] == ["t" * 20]


def test_what_was_handled_is_no_longer_expected(inbox: Inbox) -> None:
    inbox.expect("task_1", None, NOW, NOW)
    inbox.expect(None, "t" * 20, NOW, NOW)
    inbox.expect("task_3", None, NOW, NOW)
    inbox.write([delivery("task_1"), delivery("task_2", token="t" * 20)])
    inbox.write([done(item) for item in inbox.claim(NOW, LEASE, 9)])
    assert [each.task_id for each in inbox.expectations()] == ["task_3"]


@pytest.mark.parametrize(("task_id", "token"), [("task_1", None), (None, "t" * 20), ("task_1", "t" * 20)])
def test_what_was_handled_already_is_not_expected_any_more(
    inbox: Inbox, task_id: str | None, token: str | None
) -> None:
    inbox.write([delivery("task_1", token="t" * 20)])
    inbox.write([done(item) for item in inbox.claim(NOW, LEASE, 9)])
    inbox.expect(task_id, token, NOW + 10, NOW)
    assert inbox.expectations() == []


def test_what_is_stored_and_not_handled_is_expected_until_it_is(inbox: Inbox) -> None:
    inbox.write([delivery("task_1", token="t" * 20)])
    inbox.expect(None, "t" * 20, NOW + 10, NOW)
    assert [job.token for job in inbox.expectations()] == ["t" * 20]
    inbox.write([done(item) for item in inbox.claim(NOW, LEASE, 9)])
    assert inbox.expectations() == []


def test_expected_jobs_that_nobody_asks_for_are_forgotten_in_time(inbox: Inbox) -> None:
    inbox.expect(None, "a" * 20, NOW, NOW)
    inbox.expect(None, "b" * 20, NOW, NOW + 10)
    inbox.expect("given up", None, NOW, NOW)
    inbox.postpone(inbox.overdue(NOW, LEASE, 1)[0], None)
    inbox.expect("asked for later", None, NOW + 1e6, NOW)
    assert inbox.forget(NOW) == 0
    assert len(inbox.expectations()) == 4
    inbox.forget(NOW + 1)
    assert [job.token or job.task_id for job in inbox.expectations()] == ["b" * 20, "asked for later"]


@pytest.mark.parametrize("token", [None, "t" * 20])
def test_a_job_that_was_given_up_can_be_expected_again(inbox: Inbox, token: str | None) -> None:
    inbox.expect("task_1", token, NOW, NOW)
    inbox.postpone(inbox.overdue(NOW, LEASE, 1)[0], None)
    inbox.expect("task_2", None, NOW + 1e6, NOW)
    inbox.expect("task_1", token, NOW + 5, NOW)
    (job,) = inbox.overdue(NOW + 5, LEASE, 9)
    assert (job.task_id, job.token, job.attempts) == ("task_1", token, 1)
    assert len(inbox.expectations()) == 2


def test_a_job_is_asked_for_once_its_task_is_known(inbox: Inbox) -> None:
    inbox.expect(None, "t" * 20, NOW, NOW)
    inbox.expect(None, "u" * 20, NOW, NOW)
    inbox.expect("task_1", "t" * 20, NOW, NOW)
    assert [job.task_id for job in inbox.overdue(NOW, LEASE, 9)] == ["task_1"]
    assert [job.token for job in inbox.expectations()] == ["u" * 20, "t" * 20]


def test_a_token_names_its_task_from_its_callback_on(inbox: Inbox) -> None:
    assert inbox.task_of("t" * 20) is None
    inbox.write([delivery("task_1")])
    inbox.write([delivery("task_1", token="t" * 20)])
    assert inbox.task_of("t" * 20) == "task_1"


def test_the_token_that_is_expected_is_the_one_that_is_handed_on(inbox: Inbox) -> None:
    inbox.expect(None, "expected-" + "t" * 20, NOW, NOW)
    inbox.write([delivery("task_1", token=token) for token in ("a" * 20, "expected-" + "t" * 20, "z" * 20)])
    (item,) = inbox.claim(NOW, LEASE, 1)
    assert item.token == "expected-" + "t" * 20
