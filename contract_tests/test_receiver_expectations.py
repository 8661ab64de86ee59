"""A callback that never comes is replaced by a look, and a lost create learns its task from one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from apikley.errors import ConfigurationError
from contract_tests.receivers import (
    DrivenClock,
    Make,
    Service,
    collect,
    deliver,
)

OK = {"code": 200, "msg": "success"}
TOKEN = "tok-" + "x" * 28


def test_a_lost_callback_only_costs_time(make_receiver: Make, driven_clock: DrivenClock) -> None:
    service = Service(task_1="generating")
    receiver = make_receiver(client=service)
    events = collect(receiver)
    receiver.expect(SimpleNamespace(id="task_1"), due=100)
    driven_clock.time += 99
    receiver.work()
    assert service.asked == []
    driven_clock.time += 1
    receiver.work()
    assert service.asked == ["task_1"]
    service.records["task_1"]["state"] = "fail"
    driven_clock.time += 60
    receiver.work()
    assert [(event.key, event.source, event.confirmed) for event in events] == [("task_1:fail", "poll", True)]
    assert receiver.inbox.expectations() == []


def test_a_service_that_cannot_be_asked_is_asked_again_later(
    make_receiver: Make, driven_clock: DrivenClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    service = Service()
    receiver = make_receiver(client=service)
    events = collect(receiver)
    receiver.expect(SimpleNamespace(id="task_1"), due=0)
    receiver.work()
    assert "task task_1 is overdue (NotFound: 404: Task not found" in caplog.text
    service.records["task_1"] = {"taskId": "task_1", "state": "success"}
    receiver.work()
    assert events == [], "not yet"
    driven_clock.time += 60
    receiver.work()
    assert [event.key for event in events] == ["task_1:success"]


def test_a_callback_after_the_poll_is_not_handled_again(make_receiver: Make, driven_clock: DrivenClock) -> None:
    receiver = make_receiver(client=Service(task_1="success"))
    events = collect(receiver)
    receiver.expect(SimpleNamespace(task_id="task_1"), due=0)
    receiver.work()
    assert deliver(receiver, "task_1").status_code == 200
    receiver.work()
    assert len(events) == 1


def test_a_task_that_was_called_back_is_not_polled(make_receiver: Make, driven_clock: DrivenClock) -> None:
    service = Service(task_1="success")
    receiver = make_receiver(client=service)
    collect(receiver)
    receiver.expect(SimpleNamespace(id="task_1"), due=100)
    deliver(receiver, "task_1")
    receiver.work()
    driven_clock.time += 1000
    receiver.work()
    assert service.asked == ["task_1"], "the confirmation"


def test_a_task_that_never_ends_is_given_up(
    make_receiver: Make, driven_clock: DrivenClock, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(task_1="generating")
    receiver = make_receiver(client=service)
    receiver.expect(SimpleNamespace(id="task_1"), due=0)
    for _ in range(150):
        receiver.work()
        driven_clock.time += 900
    assert len(service.asked) == 100
    assert "task task_1 is no longer asked for" in caplog.text
    (job,) = receiver.inbox.expectations()
    assert job.due_at is None


def test_a_lost_create_learns_its_task_from_the_callback(make_receiver: Make) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    unknown = SimpleNamespace(token=TOKEN)
    receiver.expect(unknown)
    assert receiver.resolve(unknown) is None
    deliver(receiver, "task_1", query=f"?apikley_token={TOKEN}")
    assert receiver.resolve(unknown) == receiver.resolve(TOKEN) == "task_1"
    receiver.work()
    assert [(event.task_id, event.token) for event in events] == [("task_1", TOKEN)]
    assert receiver.inbox.expectations() == []


@pytest.mark.parametrize(
    "query", ["?apikley_token=short", f"?apikley_token={TOKEN}&apikley_token={'y' * 32}", "?" + "a=b&" * 99, "?%ff=%00"]
)
def test_an_odd_query_names_nothing_and_does_no_harm(make_receiver: Make, query: str) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    assert deliver(receiver, "task_1", query=query).status_code == 200
    receiver.work()
    assert events[0].token is None


def test_what_cannot_be_expected_is_said(make_receiver: Make) -> None:
    with pytest.raises(ConfigurationError, match="neither a task id nor a token"):
        make_receiver(client=Service()).expect(object())
    with pytest.raises(ConfigurationError, match="pass client="):
        make_receiver().expect(SimpleNamespace(id="task_1"))
