"""Waiting for many tasks within one rate limit."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx2
import pytest

import apikley
from apikley import Apikley, AsyncApikley, WaitTimeout
from apikley.testing import ManualClock
from contract_tests.client.fake_service import BASE, BOTH, Service, call_sync, details, envelope
from contract_tests.conftest import KEY


def _life(**polls: int) -> Any:
    """A service where each task ends in the given state after a number of polls."""
    seen: dict[str, int] = {}

    def response(request: httpx2.Request) -> httpx2.Response:
        task_id = request.url.params["taskId"]
        seen[task_id] = seen.get(task_id, 0) + 1
        state = ("fail" if task_id.startswith("bad") else "success") if seen[task_id] >= polls[task_id] else "waiting"
        return envelope(data={"taskId": task_id, "state": state})

    return Service(response)


def _all(run: Any, service: Service, *ids: str, timeout: float = 900, **options: Any) -> tuple[list[Any], ManualClock]:
    if run is call_sync:
        found: list[Any]
        found, clock = run(service, lambda api: list(api.wait_many(ids, timeout, **options)))
        return found, clock

    async def collect(api: Any) -> list[Any]:
        return [task async for task in api.wait_many(ids, timeout, **options)]

    found, clock = run(service, collect)
    return found, clock


@pytest.mark.parametrize("run", BOTH)
def test_tasks_are_yielded_as_they_end(run: Any) -> None:
    tasks, _ = _all(run, _life(slow=6, quick=1, bad=3), "slow", "quick", "bad")
    assert [(task.id, task.state) for task in tasks] == [("quick", "success"), ("bad", "fail"), ("slow", "success")]
    with pytest.raises(apikley.GenerationFailed):
        tasks[1].raise_for_failure()


@pytest.mark.parametrize("run", BOTH)
def test_a_timeout_names_the_unfinished_tasks(run: Any) -> None:
    with pytest.raises(WaitTimeout) as caught:
        _all(run, _life(quick=1, slow=10**6, slower=10**6), "slow", "quick", "slower", timeout=20)
    assert set(caught.value.task_ids) == {"slow", "slower"}
    assert " and 1 more had not ended after 20 s" in str(caught.value)


@pytest.mark.parametrize("run", BOTH)
def test_waiting_for_no_tasks_ends_at_once(run: Any) -> None:
    assert _all(run, Service(details("waiting")))[0] == []


@pytest.mark.parametrize("run", BOTH)
def test_progress_is_reported_for_each_task(run: Any) -> None:
    reported: list[Any] = []
    _all(run, _life(a=1, b=1), "a", "b", on_progress=reported.append)
    assert {task.id for task in reported} == {"a", "b"}


@pytest.mark.parametrize("run", BOTH)
def test_polls_keep_the_rate_limit(run: Any) -> None:
    ids = [f"t{number}" for number in range(100)]
    times: list[float] = []
    clocks: list[ManualClock] = []
    life = _life(**dict.fromkeys(ids, 3))

    def response(request: httpx2.Request) -> Any:
        times.append(clocks[0].monotonic())
        return life(request)

    def start(api: Any) -> None:
        clocks.append(api._state.clock)

    if run is call_sync:

        def wait_all(api: Any) -> int:
            start(api)
            return len(list(api.wait_many(ids)))

        assert run(Service(response), wait_all)[0] == 100
    else:

        async def wait_all_async(api: Any) -> int:
            start(api)
            return len([task async for task in api.wait_many(ids)])

        assert run(Service(response), wait_all_async)[0] == 100
    assert len(times) == 300
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in zip(times, times[10:], strict=False))


def test_leaving_the_loop_leaves_nothing_running() -> None:
    async def main() -> int:
        transport = httpx2.MockTransport(Service(details("success")).respond_async)
        async with AsyncApikley(KEY, base_url=BASE, http_client=transport) as api:
            async for _ in api.wait_many(["a", "b", "c"]):
                break
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1


def test_cancelling_a_wait_leaves_nothing_running() -> None:
    async def main() -> int:
        transport = httpx2.MockTransport(Service(details("waiting")).respond_async)
        async with AsyncApikley(KEY, base_url=BASE, http_client=transport) as api:
            polled = asyncio.Event()
            waiting = asyncio.create_task(api.wait("task_1", on_progress=lambda _: polled.set()))
            await polled.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1


def test_the_progress_function_may_be_async() -> None:
    reported: list[str] = []

    async def main() -> None:
        async def tell(seen: Any) -> None:
            await asyncio.sleep(0)
            reported.append(str(seen.state))

        transport = httpx2.MockTransport(Service(details("success")).respond_async)
        async with AsyncApikley(KEY, base_url=BASE, http_client=transport) as api:
            await api.wait("task_1", on_progress=tell)

    asyncio.run(main())
    assert reported == ["success"]


@pytest.mark.parametrize("run", BOTH)
def test_an_error_is_raised_after_the_other_tasks_ended(run: Any) -> None:
    def broken(_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _all(run, _life(a=1, b=1), "a", "b", on_progress=broken)


class Timed:
    """Tasks that end at given times; each poll takes time."""

    def __init__(self, ends: dict[str, float], poll: float = 0.0) -> None:
        self.service = Service(self._response)
        self.clock: ManualClock | None = None
        self._ends = ends
        self._poll = poll

    def all(self, timeout: float, work: float = 0.0) -> list[str]:
        """Wait for all of them, and work for some seconds on each."""
        with httpx2.Client(transport=httpx2.MockTransport(self.service)) as http:
            self.clock = ManualClock()
            api = Apikley(KEY, base_url=BASE, http_client=http, clock=self.clock)
            found = []
            for task in api.wait_many(list(self._ends), timeout):
                found.append(task.id)
                self.clock.advance(work)
            return found

    def _response(self, request: httpx2.Request) -> httpx2.Response:
        assert self.clock is not None
        self.clock.advance(self._poll)
        task_id = request.url.params["taskId"]
        state = "success" if self.clock.monotonic() >= self._ends[task_id] else "generating"
        return envelope(data={"taskId": task_id, "state": state})


def test_the_deadline_is_overshot_by_one_poll_at_most() -> None:
    slow = Timed({f"t{number}": 1e9 for number in range(40)}, poll=0.3)
    with pytest.raises(WaitTimeout) as caught:
        slow.all(1)
    assert slow.clock is not None
    assert slow.clock.monotonic() <= 1.3 + 1e-9
    assert caught.value.task_ids == tuple(f"t{number}" for number in range(40))


@pytest.mark.parametrize("seed", range(20))
def test_tasks_that_end_just_before_the_deadline_are_found(seed: int) -> None:
    random.seed(seed)
    ends = {f"t{number}": 59.0 for number in range(5)}
    assert sorted(Timed(ends).all(60)) == sorted(ends)


def test_timeout_0_polls_each_task_once() -> None:
    life = Timed({"a": 1e9, "b": 0.0, "c": 1e9, "d": 0.0}, poll=0.3)
    with pytest.raises(WaitTimeout) as caught:
        life.all(0)
    assert caught.value.task_ids == ("a", "c")
    assert len(life.service.requests) == 4


def test_the_timeout_stops_while_the_caller_works() -> None:
    assert Timed({"a": 0.0, "b": 20.0, "c": 30.0}).all(60, work=500) == ["a", "b", "c"]


def test_a_poll_may_take_ten_seconds_while_others_wait() -> None:
    service = _life(a=1, b=1)
    call_sync(service, lambda api: list(api.wait_many(["a", "b"])), timeout=60)
    first, last = (request.extensions["timeout"]["read"] for request in service.requests)
    assert (first, last) == (10.0, 60.0)
