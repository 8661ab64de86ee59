"""The receiver confirms callbacks with the service, because their body is not signed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from apikley import ConfigurationError, Task
from apikley.receiver import Event, RetryPolicy
from apikley.testing import ManualClock
from apikley_mock.plugin import MockService
from contract_tests.receiver.receivers import AsyncService, MakeReceiver, Service, collect, deliver

REAL = '{"resultUrls":["https://real.test/1.mp4?sig=1"]}'


def service_with(result: str, kind: type[Service] = Service) -> Service:
    service = kind(task_1="success")
    service.records["task_1"]["resultJson"] = result
    return service


@pytest.mark.parametrize("kind", [Service, AsyncService])
def test_a_handler_gets_the_task_that_the_service_describes(make_receiver: MakeReceiver, kind: type[Service]) -> None:
    receiver = make_receiver(client=service_with(REAL, kind))
    events = collect(receiver)
    deliver(receiver, "task_1", resultJson=REAL, model="made up")
    receiver.work()
    (event,) = events
    assert (event.confirmed, event.task.model) == (True, None)
    assert event.task.result_urls == json.loads(REAL)["resultUrls"]


def test_a_handler_gets_a_task_of_the_receivers_client(make_receiver: MakeReceiver, apikley_mock: MockService) -> None:
    with apikley_mock.client() as api:
        task = api.create_raw(
            {"model": "hailuo/02-image-to-video-pro", "input": {"prompt": "x", "image_url": "https://a.test/a"}}
        ).wait()
        receiver = make_receiver(client=api)
        events = collect(receiver)
        deliver(receiver, task.id)
        receiver.work()
        assert isinstance(events[0].task, Task)
        assert events[0].task.refresh().succeeded


@pytest.mark.parametrize("claimed", ["https://evil.test/1.mp4", "http://["], ids=["another host", "not a URL"])
def test_a_contradicted_result_is_logged_and_replaced(
    make_receiver: MakeReceiver, caplog: pytest.LogCaptureFixture, claimed: str
) -> None:
    receiver = make_receiver(client=service_with(REAL))
    events = collect(receiver)
    deliver(receiver, "task_1", resultJson=json.dumps({"resultUrls": [claimed]}))
    receiver.work()
    assert events[0].task.result_urls == json.loads(REAL)["resultUrls"]
    assert "callback contradicted: result_urls of task task_1" in caplog.text


def test_a_new_signature_of_a_link_is_not_a_contradiction(
    make_receiver: MakeReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = make_receiver(client=service_with(REAL))
    collect(receiver)
    deliver(receiver, "task_1", resultJson=REAL.replace("sig=1", "sig=2"))
    receiver.work()
    assert "contradicted" not in caplog.text


def test_a_contradicted_state_is_dead_and_the_confirmed_one_is_handled(
    make_receiver: MakeReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = make_receiver(client=Service(task_1="success"))
    events = collect(receiver)
    deliver(receiver, "task_1", "fail")
    receiver.work()
    assert [(event.event_id, event.confirmed) for event in events] == [("task_1:success", True)]
    (row,) = receiver.inbox.rows("dead")
    assert row.error == "CallbackContradicted: state of task task_1: the callback says 'fail', the service 'success'"
    assert "callback contradicted" in caplog.text


def test_a_callback_before_the_service_knows_the_end_is_confirmed_later(
    make_receiver: MakeReceiver, clock: ManualClock
) -> None:
    service = Service(task_1="generating")
    receiver = make_receiver(client=service)
    events = collect(receiver)
    deliver(receiver, "task_1")
    receiver.work()
    assert events == []
    service.records["task_1"]["state"] = "success"
    clock.advance(60)
    receiver.work()
    assert [event.state for event in events] == ["success"]


def test_a_task_unknown_to_the_service_is_never_handled(make_receiver: MakeReceiver, clock: ManualClock) -> None:
    receiver = make_receiver(client=Service(), retries=RetryPolicy(attempts=2, first=1))
    events = collect(receiver)
    deliver(receiver, "task_1")
    for _ in range(4):
        receiver.work()
        clock.advance(100)
    assert events == []
    assert [row.status for row in receiver.inbox.rows()] == ["dead"]


def test_confirmation_can_be_switched_off(make_receiver: MakeReceiver) -> None:
    service = Service()
    receiver = make_receiver(client=service, confirm=False)
    events = collect(receiver)
    deliver(receiver, "task_1")
    receiver.work()
    assert [event.confirmed for event in events] == [False]
    assert service.polled == []


@pytest.mark.parametrize("kind", [Service, AsyncService])
def test_an_event_downloads_its_result(make_receiver: MakeReceiver, tmp_path: Path, kind: type[Service]) -> None:
    receiver = make_receiver(client=service_with(REAL, kind))
    saved: list[Path] = []
    receiver.on_success(lambda event: saved.append(event.download(tmp_path / "sync.mp4")))

    @receiver.on_success
    async def save(event: Event) -> None:
        saved.append(await event.download_async(tmp_path / "async.mp4"))

    deliver(receiver, "task_1")
    receiver.work()
    assert [path.name for path in saved] == ["sync.mp4", "async.mp4"]
    assert {path.read_text() for path in saved} == {"https://real.test/1.mp4?sig=1"}


def test_a_download_without_a_client_says_what_to_pass(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    deliver(receiver, "task_1")
    receiver.work()
    with pytest.raises(ConfigurationError, match="pass client=Apikley"):
        events[0].download("clip.mp4")
    with pytest.raises(ConfigurationError, match="pass client=Apikley"):
        asyncio.run(events[0].download_async("clip.mp4"))
