"""The life cycle of tasks: durations, outcomes, credits and rate limits."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

import httpx2
import pytest

import apikley_contract
from apikley_mock.control.vocabulary import ModelSettings, Settings, documented_limits
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.world.accounts import AccountSettings
from apikley_mock.world.caller import Answer
from apikley_mock.world.clock import RealClock, VirtualClock
from apikley_mock.world.plan import PlanChanges
from contract_tests.simulator.simulators import (
    CREATE,
    CREDITS,
    DETAILS,
    MODEL,
    RUNNING,
    create,
    in_process,
    poll,
    request_for,
)


class Bench:
    """An in-process simulator with its own settings and a virtual clock."""

    def __init__(self, key: str = "mock-key", **settings: Any) -> None:
        self.service = Service(Settings(**settings), VirtualClock(1_765_185_328.0))
        self.http = in_process(self.service, key)

    async def create(self, prompt: str = "a ship", http: httpx2.AsyncClient | None = None, **more: Any) -> Any:
        return (await (http or self.http).post(CREATE, json=request_for(prompt, **more))).json()

    async def poll(self, task_id: str) -> Any:
        return (await self.http.get(DETAILS, params={"taskId": task_id})).json()

    async def credits(self) -> Any:
        return (await self.http.get(CREDITS)).json()["data"]


@pytest.mark.parametrize("code", ["422", "500", "501", "GENERATION_FAILED"])
def test_a_task_fails_with_a_code_and_a_message(http: httpx2.Client, apikley_mock: MockService, code: str) -> None:
    task_id = create(http, f"[mock: fail {code}]")
    apikley_mock.advance(10)
    record = poll(http, task_id)
    assert (record["state"], record["failCode"], record["resultJson"]) == ("fail", code, "")
    assert record["failMsg"]
    assert httpx2.get(f"{apikley_mock.url}/results/{task_id}.mp4").status_code == 404


def test_a_failure_has_the_given_message(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http, "[mock: fail 422 too dark]")
    apikley_mock.advance(10)
    assert poll(http, task_id)["failMsg"] == "too dark"


def test_a_task_may_never_end_or_disappear(http: httpx2.Client, apikley_mock: MockService) -> None:
    never, gone = create(http, "[mock: never]"), create(http, "[mock: disappear]")
    assert poll(http, gone)["state"] in RUNNING
    apikley_mock.advance(1_000_000)
    assert poll(http, never)["state"] == "generating"
    assert http.get(DETAILS, params={"taskId": gone}).json()["code"] == 422


def test_a_new_task_may_be_hidden_for_a_while(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http, "[mock: hidden 3]")
    assert http.get(DETAILS, params={"taskId": task_id}).json()["code"] == 422
    apikley_mock.advance(2.9)
    assert http.get(DETAILS, params={"taskId": task_id}).json()["code"] == 422
    apikley_mock.advance(0.2)
    assert poll(http, task_id)["state"] == "success"


def test_a_task_can_progress_by_polls(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http, "[mock: per_poll 2]")
    states = [poll(http, task_id)["state"] for _ in range(8)]
    assert states == ["waiting"] * 2 + ["queuing"] * 2 + ["generating"] * 2 + ["success"] * 2


def test_a_task_can_progress_manually(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http, "[mock: manual]")
    apikley_mock.advance(1_000)
    states = []
    for _ in range(4):
        states.append(poll(http, task_id)["state"])
        httpx2.post(f"{apikley_mock.url}/__mock__/tasks/{task_id}/step")
    assert states == ["waiting", "queuing", "generating", "success"]


def test_a_manual_task_can_disappear(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http, "[mock: manual, disappear]")
    for _ in range(3):
        httpx2.post(f"{apikley_mock.url}/__mock__/tasks/{task_id}/step")
    assert http.get(DETAILS, params={"taskId": task_id}).json()["code"] == 422


def test_a_result_link_can_expire(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http, "[mock: expire 60]")
    apikley_mock.advance(10)
    (url,) = json.loads(poll(http, task_id)["resultJson"])["resultUrls"]
    assert httpx2.get(url).status_code == 200
    apikley_mock.advance(60)
    assert httpx2.get(url).status_code == 403


def test_the_next_tasks_can_be_planned(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(outcome="fail", fail_code="422", when={"prompt": "cat"}, times=2)
    ids = [create(http, prompt) for prompt in ("a dog", "a cat", "two cats", "three cats")]
    apikley_mock.advance(10)
    assert [poll(http, task_id)["state"] for task_id in ids] == ["success", "fail", "fail", "success"]


@pytest.mark.parametrize("refused", ["[mock: error 429]", "[mock: reset before]", "[mock: nonsense]", "no credits"])
def test_a_refused_create_does_not_use_up_a_plan(http: httpx2.Client, apikley_mock: MockService, refused: str) -> None:
    apikley_mock.plan_next(outcome="fail")
    apikley_mock.set_credits(0 if refused == "no credits" else None)
    with contextlib.suppress(httpx2.ReadError):
        assert http.post(CREATE, json=request_for(refused)).json()["code"] != 200
    apikley_mock.set_credits(10)
    task_id = create(http)
    apikley_mock.advance(10)
    assert poll(http, task_id)["state"] == "fail"


def test_durations_may_be_given_as_tuples(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(durations=(1, 2, (60, 61)))
    task_id = create(http)
    apikley_mock.advance(62)
    assert poll(http, task_id)["state"] == "generating"
    apikley_mock.advance(2)
    assert poll(http, task_id)["state"] == "success"


@pytest.mark.anyio
async def test_durations_are_drawn_from_the_seed() -> None:
    async def spans(seed: int) -> list[float]:
        bench = Bench(seed=seed, durations=(0, 0, (60, 300)))
        for _ in range(20):
            await bench.create()
        return [task.completed - task.created for task in bench.service.engine.tasks.values()]

    first = await spans(1)
    assert all(60 <= span <= 300 for span in first)
    assert len(set(first)) == 20
    assert await spans(1) == first
    assert await spans(2) != first


@pytest.mark.anyio
async def test_durations_differ_by_model() -> None:
    bench = Bench(models={MODEL: ModelSettings(durations=(1, 2, 3))})
    await bench.create()
    (task,) = bench.service.engine.tasks.values()
    assert task.completed - task.created == 6


@pytest.mark.anyio
async def test_tasks_cost_credits_until_there_are_none() -> None:
    bench = Bench(credits=5, models={MODEL: ModelSettings(price=2.5)})
    assert [(await bench.create())["code"] for _ in range(3)] == [200, 200, 402]
    assert await bench.credits() == 0
    assert len(bench.service.journal.created()) == 2


@pytest.mark.anyio
async def test_credits_come_back_when_a_task_fails() -> None:
    bench = Bench(credits=5, price=2, shapes="documented")
    await bench.create("[mock: fail 500]")
    good = (await bench.create())["data"]["taskId"]
    assert await bench.credits() == 1
    await bench.service.advance(10)
    assert await bench.credits() == 3
    assert (await bench.poll(good))["data"]["creditsConsumed"] == 2


@pytest.mark.parametrize(("before", "after"), [(None, 5), (5, None)])
def test_setting_the_credits_does_not_change_an_ended_task(
    http: httpx2.Client, apikley_mock: MockService, before: float | None, after: float | None
) -> None:
    apikley_mock.set_shapes("documented")
    apikley_mock.set_credits(before)
    task_id = create(http)
    apikley_mock.advance(10)
    record = poll(http, task_id)
    apikley_mock.set_credits(after)
    assert poll(http, task_id) == record
    assert record.get("creditsConsumed") == (None if before is None else 1)


def test_a_failed_task_refunds_only_what_it_paid(http: httpx2.Client, apikley_mock: MockService) -> None:
    create(http, "[mock: fail 500]")
    apikley_mock.set_credits(5)
    apikley_mock.advance(10)
    assert http.get(CREDITS).json()["data"] == 5


@pytest.mark.anyio
async def test_each_key_has_its_own_account() -> None:
    bench = Bench(credits=1, accounts=[AccountSettings(key="second-key", name="second", credits=10)])
    second = in_process(bench.service, "second-key")
    task_id = (await bench.create())["data"]["taskId"]
    assert (await bench.create())["code"] == 402
    assert (await bench.create(http=second))["code"] == 200
    assert (await second.get(CREDITS)).json()["data"] == 9
    assert (await second.get(DETAILS, params={"taskId": task_id})).json()["code"] == 422


@pytest.mark.anyio
async def test_the_documented_limits_hold_for_any_window() -> None:
    bench = Bench(limits=documented_limits())
    codes = []
    for _ in range(60):
        codes.append((await bench.create())["code"])
        await bench.service.advance(0.25)
    accepted = [number * 0.25 for number, code in enumerate(codes) if code == 200]
    assert codes[:21] == [200] * 20 + [429]
    assert all(sum(start <= moment < start + 10 for moment in accepted) <= 20 for start in accepted)
    assert len(accepted) >= 35, "a refused request does not count"


@pytest.mark.anyio
async def test_a_rate_limited_request_gets_retry_after() -> None:
    bench = Bench(limits={"getTaskDetails": (2, 30)})
    first = [(await bench.poll("x"))["code"] for _ in range(2)]
    response = await bench.http.get(DETAILS, params={"taskId": "x"})
    assert (first, response.json()["code"], response.headers["retry-after"]) == ([422, 422], 429, "30")
    await bench.service.advance(30)
    assert (await bench.poll("x"))["code"] == 422


def test_the_documented_limits_are_the_contracts() -> None:
    for operation, limit in documented_limits().items():
        described = apikley_contract.operation(operation).description["x-rate-limit"]
        assert limit == (described["requests"], described["seconds"])


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["", None])
async def test_lenient_accepts_an_empty_callback_url(url: Any) -> None:
    assert (await Bench(shapes="documented").create(callBackUrl=url))["code"] == 422
    assert (await Bench(shapes="documented", lenient=True).create(callBackUrl=url))["code"] == 200


@pytest.mark.anyio
async def test_lenient_ignores_null_options() -> None:
    wrong = {"model": MODEL, "input": {**request_for()["input"], "end_image_url": None}}
    for lenient, code in ((False, 422), (True, 200)):
        assert (await Bench(lenient=lenient).http.post(CREATE, json=wrong)).json()["code"] == code


@pytest.mark.anyio
@pytest.mark.parametrize("body", [[], "a ship", {"model": MODEL, "input": []}, {"model": MODEL, "input": None}])
async def test_lenient_refuses_what_is_not_a_request(body: Any) -> None:
    response = await Bench(lenient=True).http.post(CREATE, json=body)
    assert (response.status_code, response.json()["code"]) == (200, 422)


@pytest.mark.anyio
async def test_tasks_are_called_back_in_the_order_of_their_end() -> None:
    service, called = Service(), asyncio.Event()

    async def post(*_: Any) -> Answer:
        called.set()
        return Answer(200)

    service.caller.post = post  # type: ignore[assignment,method-assign]
    async with in_process(service) as http:
        await http.post(CREATE, json=request_for("[mock: take 600]"))
        await http.post(CREATE, json=request_for("[mock: take 0.01]", callBackUrl="http://127.0.0.1:9/"))
        await asyncio.wait_for(called.wait(), 600)
    await service.close()


@pytest.mark.anyio
async def test_old_tasks_are_forgotten() -> None:
    bench = Bench(max_tasks=10)
    ids = [(await bench.create())["data"]["taskId"] for _ in range(12)]
    assert (await bench.poll(ids[1]))["code"] == 422
    assert (await bench.poll(ids[2]))["code"] == 200


@pytest.mark.anyio
async def test_the_default_plan_can_be_changed() -> None:
    bench = Bench(plan=PlanChanges(fail_code="501"))
    task_id = (await bench.create())["data"]["taskId"]
    await bench.service.advance(10)
    assert (await bench.poll(task_id))["data"]["failCode"] == "501"


def test_a_scaled_clock_runs_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    clock = RealClock(speed=1000)
    start = clock.now()
    monkeypatch.setattr(time, "monotonic", lambda: 100.005)
    assert clock.now() - start == pytest.approx(5)
    assert clock.until(clock.now() + 60) == pytest.approx(0.06)


def test_only_a_virtual_clock_can_be_advanced() -> None:
    with pytest.raises(TypeError, match="virtual"):
        Service().advance(1).send(None)
    with pytest.raises(ValueError, match="cannot advance by -1"):
        Service(clock=VirtualClock()).advance(-1).send(None)
