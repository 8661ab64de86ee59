"""A callback that never comes is replaced by a look, and a lost create learns its task from one."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from apikley._model.task import TaskInfo
from apikley.errors import ConfigurationError
from apikley.receiver import Event, Retries
from contract_tests.receiver.receivers import (
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


@pytest.mark.parametrize("seconds", [1, 3600], ids=["again after a failure", "long after"])
def test_what_was_polled_is_looked_at_again_before_it_is_handled_later(
    make_receiver: Make, driven_clock: DrivenClock, seconds: float
) -> None:
    service = Service(task_1="success")
    receiver = make_receiver(client=service, retries=Retries(attempts=1 if seconds > 1 else 2, first=1))
    links: list[str] = []

    @receiver.on_any
    def handle(event: Event) -> None:
        links.extend(event.task.result_urls)
        assert event.confirmed
        if len(links) == 1:
            raise OSError("no disk")

    receiver.expect(SimpleNamespace(id="task_1"), due=0)
    for link in ("https://a.test/1.mp4?sig=1", "https://a.test/1.mp4?sig=2"):
        service.records["task_1"]["resultJson"] = json.dumps({"resultUrls": [link]})
        receiver.work()
        driven_clock.time += seconds
        receiver.inbox.replay(driven_clock.time)
    assert links == ["https://a.test/1.mp4?sig=1", "https://a.test/1.mp4?sig=2"]
    assert receiver.inbox.counts() == {"done": 1}


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
    with pytest.raises(ConfigurationError, match="'' has neither a task id nor a token"):
        make_receiver(client=Service()).expect("")


@pytest.mark.parametrize("task", ["task_1", SimpleNamespace(id="task_1")], ids=["id", "task"])
@pytest.mark.parametrize(
    ("options", "due", "why"),
    [
        ({}, 1.0, "only with a client can it be asked for; pass client=Apikley()"),
        ({"client": Service(), "inbox": "/nowhere/inbox.db"}, 1.0, "the inbox sqlite:////nowhere/inbox.db cannot be "),
        ({"client": Service()}, float("nan"), "due is nan, expected 0 or more seconds"),
    ],
)
def test_a_task_that_is_not_expected_is_named(
    make_receiver: Make, task: object, options: dict[str, Any], due: Any, why: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make_receiver(**options).expect(task, due=due)
    assert str(caught.value).startswith(f"task task_1 is not expected: {why}")


def test_a_task_that_a_failing_inbox_does_not_take_is_named(
    make_receiver: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = make_receiver(client=Service())
    monkeypatch.setattr(receiver.inbox, "expect", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full") as caught:
        receiver.expect("task_1")
    assert caught.value.__notes__ == ["task task_1 is not expected"]


def test_a_task_is_expected_by_its_id(make_receiver: Make) -> None:
    receiver = make_receiver(client=Service())
    receiver.expect("task_1")
    assert [job.task_id for job in receiver.inbox.expectations()] == ["task_1"]


@pytest.mark.parametrize("error", [ValueError("no answer of ours"), SystemExit(1)], ids=repr)
def test_a_task_that_breaks_the_client_does_not_keep_the_others_from_being_asked_for(
    make_receiver: Make, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    caplog.set_level("INFO")

    class Breaking(Service):
        def get_task(self, task_id: str) -> TaskInfo:
            if task_id == "task_1":
                raise error
            return super().get_task(task_id)

    receiver = make_receiver(client=Breaking(task_2="success"))
    events = collect(receiver)
    for task_id in ("task_1", "task_2"):
        receiver.expect(SimpleNamespace(id=task_id), due=0)
    receiver.work()
    assert [event.task_id for event in events] == ["task_2"]
    assert f"task task_1 is overdue ({type(error).__name__}: " in caplog.text
