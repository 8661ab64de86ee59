"""Handlers see what the service says of a task, whatever its callback says."""

from __future__ import annotations

import json

import pytest

import apikley_contract
from apikley._model.task import FINISHED, TaskInfo
from apikley.receiver import Retries
from apikley.receiver.work.confirmation import payload
from contract_tests.receiver.receivers import (
    AsyncService,
    DrivenClock,
    Make,
    Service,
    collect,
    deliver,
)


@pytest.mark.parametrize("kind", [Service, AsyncService])
def test_the_handler_sees_what_the_service_says(make_receiver: Make, kind: type[Service]) -> None:
    service = kind(task_1="success")
    url = '{"resultUrls":["https://real.test/1.mp4"]}'
    service.records["task_1"]["resultJson"] = url
    receiver = make_receiver(client=service)
    events = collect(receiver)
    deliver(receiver, "task_1", resultJson=url, model="made up")
    receiver.work()
    (event,) = events
    assert (event.confirmed, event.task.model) == (True, None)
    assert event.task.result_urls == ["https://real.test/1.mp4"]


def test_an_altered_result_is_logged_and_never_handed_on(make_receiver: Make, caplog: pytest.LogCaptureFixture) -> None:
    service = Service(task_1="success")
    service.records["task_1"]["resultJson"] = '{"resultUrls":["https://real.test/1.mp4?sig=1"]}'
    receiver = make_receiver(client=service)
    events = collect(receiver)
    deliver(receiver, "task_1", resultJson='{"resultUrls":["https://evil.test/1.mp4"]}')
    receiver.work()
    assert events[0].task.result_urls == ["https://real.test/1.mp4?sig=1"]
    assert "callback contradicted: result_urls of task task_1" in caplog.text


def test_a_link_that_was_signed_anew_is_no_contradiction(make_receiver: Make, caplog: pytest.LogCaptureFixture) -> None:
    service = Service(task_1="success")
    service.records["task_1"]["resultJson"] = '{"resultUrls":["https://real.test/1.mp4?sig=2"]}'
    receiver = make_receiver(client=service)
    collect(receiver)
    deliver(receiver, "task_1", resultJson='{"resultUrls":["https://real.test/1.mp4?sig=1"]}')
    receiver.work()
    assert "contradicted" not in caplog.text


def test_an_address_that_is_none_is_compared_as_it_stands(
    make_receiver: Make, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(task_1="success")
    service.records["task_1"]["resultJson"] = '{"resultUrls":["http://[?sig=1"]}'
    receiver = make_receiver(client=service)
    events = collect(receiver)
    deliver(receiver, "task_1", resultJson='{"resultUrls":["http://[?sig=2"]}')
    receiver.work()
    assert [event.task.result_urls for event in events] == [["http://[?sig=1"]]
    assert "callback contradicted: result_urls" in caplog.text


def test_an_altered_state_is_refused_and_the_true_one_is_handled(
    make_receiver: Make, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = make_receiver(client=Service(task_1="success"))
    events = collect(receiver)
    deliver(receiver, "task_1", "fail")
    receiver.work()
    assert [(event.key, event.confirmed) for event in events] == [("task_1:success", True)]
    (entry,) = receiver.inbox.entries("refused")
    assert entry.error == (
        "CallbackContradicted: state of task task_1: the callback says 'fail', the service 'success'"
    )
    assert "callback contradicted" in caplog.text


def test_a_callback_that_comes_before_the_service_knows_is_confirmed_later(
    make_receiver: Make, driven_clock: DrivenClock
) -> None:
    service = Service(task_1="generating")
    receiver = make_receiver(client=service)
    events = collect(receiver)
    deliver(receiver, "task_1")
    receiver.work()
    assert events == []
    service.records["task_1"]["state"] = "success"
    driven_clock.time += 60
    receiver.work()
    assert [event.state for event in events] == ["success"]


def test_a_task_that_the_service_does_not_know_is_never_handled(make_receiver: Make, driven_clock: DrivenClock) -> None:
    receiver = make_receiver(client=Service(), retries=Retries(attempts=2, first=1))
    events = collect(receiver)
    deliver(receiver, "task_1")
    for _ in range(4):
        receiver.work()
        driven_clock.time += 100
    assert events == []
    assert [entry.status for entry in receiver.inbox.entries()] == ["dead"]


def test_confirmation_can_be_switched_off(make_receiver: Make) -> None:
    service = Service()
    receiver = make_receiver(client=service, confirm=False)
    events = collect(receiver)
    deliver(receiver, "task_1")
    receiver.work()
    assert [event.confirmed for event in events] == [False]
    assert service.asked == []


@pytest.mark.parametrize("state", FINISHED)
def test_a_task_that_was_looked_at_is_handed_on_as_the_contracts_callback(state: str) -> None:
    (item,) = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"].values()
    examples = item["post"]["requestBody"]["content"]["application/json"]["examples"].values()
    (example,) = (each["value"] for each in examples if each["value"]["data"]["state"] == state)
    seen = TaskInfo(example["data"]["taskId"], example["data"])
    assert json.loads(payload(seen)) == example
