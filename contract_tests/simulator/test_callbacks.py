"""The simulator's callbacks: forms, signatures, retries and faults."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from typing import Any

import httpx2
import pytest

from apikley import BadPayload, BadSignature, StaleCallback, callbacks
from apikley_mock.control.vocabulary import Settings
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.world.caller import Answer, Caller, NotAllowedError
from apikley_mock.world.clock import RealClock, VirtualClock
from apikley_mock.world.plan import CallbackChanges, PlanChanges
from contract_tests.simulator.simulators import (
    CREATE,
    CREDITS,
    MODEL,
    Received,
    assert_fits,
    create,
    in_process,
    poll,
    request_for,
)


def _received(receiver: Received, mock: MockService, number: int = 0) -> callbacks.Callback:
    headers, body = receiver.calls[number]
    return callbacks.verify(headers, body, mock.webhook_key)


@pytest.mark.parametrize("outcome", ["success", "fail 422"])
@pytest.mark.parametrize("form", ["2025", "late-2025", "2026"])
def test_every_published_form_is_sent(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received, form: Any, outcome: Any
) -> None:
    directive = "" if outcome == "success" else f"{outcome}, "
    task_id = create(http, f"[mock: {directive}callback form {form}]", callBackUrl=receiver.url)
    apikley_mock.wait_for_callback(task_id)
    payload = json.loads(receiver.calls[0][1])
    assert_fits("TaskCallback", {**payload, "data": {k: v for k, v in payload["data"].items() if v is not None}})
    data, failed = payload["data"], outcome != "success"
    assert payload["code"] == (501 if failed else 200)
    assert ("consumeCredits" in data, "remainedCredits" in data) == (form == "2025", form == "2025")
    assert ("updateTime" in data) == (form == "2025")
    assert ("creditsConsumed" in data) == (form == "2026")
    assert ("failCode" in data) == (form != "2025" or failed)
    assert ("resultJson" in data) == (form != "2025" or not failed)
    assert ("createTime" in data) == (form != "2026" or not failed)
    if form == "2026":
        assert data["costTime"] == 3
        assert json.loads(json.loads(data["param"])["input"])["image_url"]
    assert _received(receiver, apikley_mock).state == ("fail" if failed else "success")


@pytest.mark.parametrize(("form", "name"), [("2025", "consumeCredits"), ("2026", "creditsConsumed")])
@pytest.mark.parametrize(("outcome", "cost"), [("success", 1), ("fail", 0)])
def test_record_and_callback_state_the_cost_of_a_task(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received, form: Any, name: str, outcome: Any, cost: int
) -> None:
    apikley_mock.set_shapes("documented")
    apikley_mock.plan_next(outcome=outcome, callback={"form": form}, times=None)
    for credits_left in (None, 10):
        apikley_mock.set_credits(credits_left)
        task_id = create(http, callBackUrl=receiver.url)
        apikley_mock.wait_for_callback(task_id)
    assert [json.loads(body)["data"][name] for _, body in receiver.calls] == [cost, cost]
    assert poll(http, task_id)["creditsConsumed"] == cost
    assert http.get(CREDITS).json()["data"] == 10 - cost


def test_a_lost_callback_is_never_sent(http: httpx2.Client, apikley_mock: MockService, receiver: Received) -> None:
    create(http, "[mock: callback lost]", callBackUrl=receiver.url)
    apikley_mock.advance(100_000)
    assert receiver.calls == []


def test_a_callback_is_sent_twice(http: httpx2.Client, apikley_mock: MockService, receiver: Received) -> None:
    create(http, "[mock: callback twice]", callBackUrl=receiver.url)
    apikley_mock.advance(10)
    assert [_received(receiver, apikley_mock, number).state for number in (0, 1)] == ["success", "success"]


def test_an_early_callback_precedes_the_response_of_create(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    task_id = create(http, "[mock: callback early]", callBackUrl=receiver.url)
    assert _received(receiver, apikley_mock).task_id == task_id, "before any time has passed"
    assert [entry.kind for entry in apikley_mock.journal] == ["callback", "request"]


@pytest.mark.anyio
async def test_concurrent_early_callbacks_precede_their_responses() -> None:
    service = Service(clock=VirtualClock())

    async def posted(*_: Any) -> Answer:
        for _pass in range(10):
            await asyncio.sleep(0)
        return Answer(200)

    service.caller.post = posted  # type: ignore[assignment,method-assign]
    request = request_for("[mock: callback early]", callBackUrl="http://127.0.0.1:9/")
    async with in_process(service) as client:
        await asyncio.gather(*(client.post(CREATE, json=request) for _ in range(150)))
    orders: dict[str | None, list[str]] = {}
    for entry in service.journal:
        orders.setdefault(entry.task_id, []).append(entry.kind)
    assert list(orders.values()) == [["callback", "request"]] * 150


def test_a_callback_can_be_delayed(http: httpx2.Client, apikley_mock: MockService, receiver: Received) -> None:
    create(http, "[mock: callback late 60]", callBackUrl=receiver.url)
    apikley_mock.advance(62.9)
    assert receiver.calls == []
    apikley_mock.advance(0.2)
    assert len(receiver.calls) == 1


@pytest.mark.parametrize(
    ("directive", "error"),
    [("forged", BadSignature), ("unsigned", BadSignature), ("stale", StaleCallback), ("corrupt", BadPayload)],
)
def test_a_receiver_refuses_a_wrong_callback(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received, directive: str, error: type[Exception]
) -> None:
    create(http, f"[mock: callback {directive}]", callBackUrl=receiver.url)
    apikley_mock.advance(10)
    headers, body = receiver.calls[0]
    with pytest.raises(error):
        callbacks.verify(headers, body, apikley_mock.webhook_key)


def test_a_callback_is_signed_with_the_machines_time(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    apikley_mock.plan_next(durations=[60, 60, 100_000])
    task_id = create(http, callBackUrl=receiver.url)
    apikley_mock.wait_for_callback(task_id, within=200_000)
    assert _received(receiver, apikley_mock).task_id == task_id


def test_a_callback_can_be_signed_with_simulated_time(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    apikley_mock.plan_next(durations=[0, 0, 100_000], callback={"clock": "simulated", "age": 200})
    create(http, callBackUrl=receiver.url)
    apikley_mock.advance(100_000)
    headers, body = receiver.calls[0]
    with pytest.raises(StaleCallback):
        callbacks.verify(headers, body, apikley_mock.webhook_key)
    now = apikley_mock.now()
    assert callbacks.verify(headers, body, apikley_mock.webhook_key, now=now, tolerance=201).state == "success"
    with pytest.raises(StaleCallback):
        callbacks.verify(headers, body, apikley_mock.webhook_key, now=now, tolerance=198)


def test_a_failed_callback_is_repeated_after_1_5_and_15_minutes(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    receiver.statuses = [500]
    create(http, callBackUrl=receiver.url)
    apikley_mock.advance(100_000)
    entries = apikley_mock.journal.callbacks()
    assert [round(entry.at - entries[0].at) for entry in entries] == [0, 60, 60 + 300, 60 + 300 + 900]
    assert entries[-1].note == "attempt 4"


def test_attempts_end_with_the_first_200(http: httpx2.Client, apikley_mock: MockService, receiver: Received) -> None:
    receiver.statuses = [503, 200]
    task_id = create(http, callBackUrl=receiver.url)
    entry = apikley_mock.wait_for_callback(task_id, within=120)
    assert (entry.status, len(receiver.calls)) == (200, 2)
    apikley_mock.advance(100_000)
    assert len(receiver.calls) == 2


def test_redirects_are_not_followed(http: httpx2.Client, apikley_mock: MockService, receiver: Received) -> None:
    receiver.statuses = [302]
    create(http, callBackUrl=receiver.url)
    apikley_mock.advance(10)
    (entry,) = apikley_mock.journal.callbacks()
    assert (entry.status, len(receiver.calls)) == (302, 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1/cb",
        "http://service.test/cb",
        "http://169.254.169.254/latest",
        "http://192.0.2.1\\@127.0.0.1/",
        "http://127.0.0.1@192.0.2.1/",
        "ftp://127.0.0.1/x",
        "http://localhost.evil.test/",
        "http://[::ffff:192.0.2.1]/",
        "file:///etc/passwd",
        "http://127.0.0.1:99999/",
    ],
)
def test_no_callback_reaches_another_host(http: httpx2.Client, apikley_mock: MockService, url: str) -> None:
    response = http.post(CREATE, json={"model": MODEL, "callBackUrl": url})
    apikley_mock.advance(10)
    if response.json()["code"] == 200:
        (entry,) = apikley_mock.journal.callbacks()
        assert (entry.status, "not sent" in entry.note) == (None, True)
    else:
        assert apikley_mock.journal.callbacks() == []


def test_a_callback_repeats_a_request_without_input(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    request = {"model": MODEL, "callBackUrl": receiver.url}
    apikley_mock.plan_next(callback={"form": "2026"})
    assert http.post(CREATE, json=request).json()["code"] == 200
    apikley_mock.advance(10)
    assert json.loads(json.loads(receiver.calls[0][1])["data"]["param"]) == request


async def _calling_back(service: Service, post: Any) -> asyncio.Task[None]:
    """Run a task in-process until its callback starts, which the given function sends."""
    started = asyncio.Event()

    async def posted(*_: Any) -> Answer:
        started.set()
        await post()
        return Answer(200)

    service.caller.post = posted  # type: ignore[assignment,method-assign]
    async with in_process(service) as client:
        await client.post(CREATE, json=request_for(callBackUrl="http://127.0.0.1:9/"))
    advancing = asyncio.create_task(service.advance(10))
    await asyncio.wait_for(started.wait(), 600)
    return advancing


@pytest.mark.anyio
async def test_a_reset_cancels_running_callbacks() -> None:
    service, cancelled = Service(clock=VirtualClock()), asyncio.Event()

    async def post() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    advancing = await _calling_back(service, post)
    service.reset()
    await asyncio.wait_for(cancelled.wait(), 600)
    await asyncio.wait_for(advancing, 600)
    assert (service.deliveries.planned(), service.journal.callbacks()) == (0, [])


def test_a_reset_after_the_event_loop_closed_forgets_its_callbacks() -> None:
    service, loop = Service(clock=VirtualClock()), asyncio.new_event_loop()
    under_way = loop.run_until_complete(_calling_back(service, asyncio.Event().wait))
    loop.close()
    service.reset()
    assert (service.deliveries.planned(), under_way.done()) == (0, False)
    del service, under_way
    gc.collect()  # asyncio warns about the unfinished task here, and not in a later test


@pytest.mark.anyio
async def test_the_number_of_concurrent_callbacks_is_limited() -> None:
    plan = PlanChanges(callback=CallbackChanges(times=100))
    service, at_once = Service(Settings(plan=plan), VirtualClock()), [0]

    async def post() -> None:
        at_once.append(at_once[-1] + 1)
        await asyncio.sleep(0)
        at_once.append(at_once[-1] - 1)

    await (await _calling_back(service, post))
    assert len(service.journal.callbacks()) == 100
    assert 1 < max(at_once) <= 64


def test_a_hundred_five_minute_jobs_call_back_in_order(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    apikley_mock.plan_next(durations=[0, 0, [270, 330]], times=None)
    for _ in range(100):
        create(http, callBackUrl=receiver.url)
    apikley_mock.advance(330)
    ended = [json.loads(body)["data"]["completeTime"] for _, body in receiver.calls]
    assert len(ended) == 100
    assert ended == sorted(ended)


def test_a_missing_callback_shows_the_nearest_one(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    task_id = create(http, callBackUrl=receiver.url)
    with pytest.raises(AssertionError) as failure:
        apikley_mock.wait_for_callback(task_id, data={"state": "fail"})
    assert f"callback acknowledged with HTTP 200 for {task_id}" in str(failure.value)
    assert "data.state: expected 'fail', got 'success'" in str(failure.value)


def test_a_missing_callback_is_reported_without_any_callback(apikley_mock: MockService) -> None:
    with pytest.raises(AssertionError, match="there was none at all"):
        apikley_mock.wait_for_callback()


@pytest.mark.anyio
async def test_a_receiver_that_does_not_respond_in_time_has_failed() -> None:
    caller = Caller()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert await caller.post(url, b"{}", {}, 0.05) == Answer(None, "no response within 0.05 s")
    await caller.close()


def test_the_timeout_of_a_receiver_depends_on_the_clock() -> None:
    assert [RealClock(speed).real_timeout(15) for speed in (1, 5, 1000)] == [15, 3, 1]
    assert VirtualClock().real_timeout(15) == 10


@pytest.mark.anyio
async def test_an_allowed_host_is_called(receiver: Received) -> None:
    # This address is not loopback, but leads to this machine.
    url = receiver.url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104
    with pytest.raises(NotAllowedError, match=r"0\.0\.0\.0 is neither loopback nor allowed by name"):
        await Caller().post(url, b"{}", {}, 5)
    caller = Caller(frozenset({"0.0.0.0"}))  # noqa: S104
    assert (await caller.post(url, b"{}", {}, 5)).status == 200
    await caller.close()
