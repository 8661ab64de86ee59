"""A lost callback is replaced by polling, and a callback names the task of a create of unknown outcome."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from apikley.errors import ApikleyError, ConfigurationError, InboxUnavailable
from apikley.receiver import Event, RetryPolicy
from apikley.testing import ManualClock
from contract_tests.receiver.receivers import MakeReceiver, Service, collect, deliver

TOKEN = "tok-" + "x" * 28


def test_a_lost_callback_only_costs_time(make_receiver: MakeReceiver, clock: ManualClock) -> None:
    service = Service(task_1="generating")
    receiver = make_receiver(client=service)
    events = collect(receiver)
    receiver.expect("task_1", due=100)
    clock.advance(99)
    receiver.work()
    assert service.polled == []
    clock.advance(1)
    receiver.work()
    assert service.polled == ["task_1"]
    service.records["task_1"]["state"] = "fail"
    clock.advance(60)
    receiver.work()
    assert [(event.event_id, event.source, event.confirmed) for event in events] == [("task_1:fail", "poll", True)]
    assert receiver.inbox.pending_callbacks() == []


def test_a_failed_poll_is_repeated_later(
    make_receiver: MakeReceiver, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    service = Service()
    receiver = make_receiver(client=service)
    events = collect(receiver)
    receiver.expect("task_1", due=0)
    receiver.work()
    assert "task task_1 is overdue (NotFound: 404: Task not found" in caplog.text
    service.records["task_1"] = {"taskId": "task_1", "state": "success"}
    receiver.work()
    assert events == []
    clock.advance(60)
    receiver.work()
    assert [event.event_id for event in events] == ["task_1:success"]


def test_each_attempt_polls_again_because_links_expire(make_receiver: MakeReceiver, clock: ManualClock) -> None:
    service = Service(task_1="success")
    receiver = make_receiver(client=service, retries=RetryPolicy(first=1))
    links: list[str] = []

    @receiver.on_any
    def handle(event: Event) -> None:
        links.extend(event.task.result_urls)
        if len(links) == 1:
            raise OSError("no disk")

    receiver.expect("task_1", due=0)
    for number in (1, 2):
        service.records["task_1"]["resultJson"] = f'{{"resultUrls":["https://a.test/1.mp4?sig={number}"]}}'
        receiver.work()
        clock.advance(1)
    assert links == ["https://a.test/1.mp4?sig=1", "https://a.test/1.mp4?sig=2"]
    assert receiver.inbox.counts() == {"done": 1}


def test_a_callback_after_the_poll_is_not_handled_again(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver(client=Service(task_1="success"))
    events = collect(receiver)
    receiver.expect(SimpleNamespace(task_id="task_1"), due=0)
    receiver.work()
    assert deliver(receiver, "task_1").status_code == 200
    receiver.work()
    assert len(events) == 1


def test_a_handled_task_is_not_polled(make_receiver: MakeReceiver, clock: ManualClock) -> None:
    service = Service(task_1="success")
    receiver = make_receiver(client=service)
    collect(receiver)
    receiver.expect(SimpleNamespace(id="task_1"), due=100)
    deliver(receiver, "task_1")
    receiver.work()
    clock.advance(1000)
    receiver.work()
    assert service.polled == ["task_1"], "only the confirmation"


def test_polling_is_given_up_after_a_day(
    make_receiver: MakeReceiver, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(task_1="generating")
    receiver = make_receiver(client=service)
    receiver.expect("task_1", due=0)
    for _ in range(150):
        receiver.work()
        clock.advance(900)
    assert len(service.polled) == 100
    assert "polling task task_1 is given up after 100 polls" in caplog.text
    (pending,) = receiver.inbox.pending_callbacks()
    assert pending.due_at is None


@pytest.mark.parametrize("error", [ValueError("unexpected"), SystemExit(1)], ids=repr)
def test_one_failing_poll_does_not_stop_the_others(
    make_receiver: MakeReceiver, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    caplog.set_level("INFO")

    class Breaking(Service):
        def get_task(self, task_id: str) -> Any:
            if task_id == "task_1":
                raise error
            return super().get_task(task_id)

    receiver = make_receiver(client=Breaking(task_2="success"))
    events = collect(receiver)
    for task_id in ("task_1", "task_2"):
        receiver.expect(task_id, due=0)
    receiver.work()
    assert [event.task_id for event in events] == ["task_2"]
    assert f"task task_1 is overdue ({type(error).__name__}: " in caplog.text


def test_a_create_of_unknown_outcome_gets_its_task_from_the_callback(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    unknown = SimpleNamespace(token=TOKEN)
    receiver.expect(unknown)
    assert receiver.resolve(unknown) is None
    deliver(receiver, "task_1", query=f"?apikley_token={TOKEN}")
    assert receiver.resolve(unknown) == receiver.resolve(TOKEN) == "task_1"
    receiver.work()
    assert [(event.task_id, event.token) for event in events] == [("task_1", TOKEN)]
    assert receiver.inbox.pending_callbacks() == []


@pytest.mark.parametrize(
    "query", ["?apikley_token=short", f"?apikley_token={TOKEN}&apikley_token={'y' * 32}", "?" + "a=b&" * 99, "?%ff=%00"]
)
def test_a_malformed_query_carries_no_token(make_receiver: MakeReceiver, query: str) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    assert deliver(receiver, "task_1", query=query).status_code == 200
    receiver.work()
    assert events[0].token is None


@pytest.mark.parametrize("task", [object(), ""], ids=["object", "empty"])
def test_expecting_needs_an_id_or_a_token(make_receiver: MakeReceiver, task: object) -> None:
    with pytest.raises(ConfigurationError, match="has neither a task id nor a token"):
        make_receiver(client=Service()).expect(task)


NOWHERE = "/nowhere/inbox.db"


@pytest.mark.parametrize(
    ("options", "due", "error", "message"),
    [
        ({}, 1.0, ConfigurationError, "there is no client to poll it with; pass client=Apikley()"),
        ({"client": Service(), "inbox": NOWHERE}, 1.0, InboxUnavailable, f"the inbox sqlite:///{NOWHERE} is"),
        ({"client": Service()}, float("nan"), ConfigurationError, "due is nan, expected a number of seconds"),
    ],
)
def test_an_error_of_expect_names_the_task(
    make_receiver: MakeReceiver, options: dict[str, Any], due: float, error: type[ApikleyError], message: str
) -> None:
    with pytest.raises(error) as caught:
        make_receiver(**options).expect(SimpleNamespace(id="task_1"), due=due)
    assert str(caught.value).startswith(f"task task_1 is not expected: {message}")
