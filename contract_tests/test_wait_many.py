"""Many tasks are waited for together, gently."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import apikley
from apikley import AsyncApikley, WaitTimeout
from apikley._core import Limiter
from contract_tests.conftest import KEY
from contract_tests.services import BASE, BOTH, FakeClock, Service, call_sync, details, envelope


def _life(**looks: int) -> Any:
    """A service where each task ends, in the given state, after so many looks."""
    seen: dict[str, int] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        task_id = request.url.params["taskId"]
        seen[task_id] = seen.get(task_id, 0) + 1
        state = ("fail" if task_id.startswith("bad") else "success") if seen[task_id] >= looks[task_id] else "waiting"
        return envelope(data={"taskId": task_id, "state": state})

    return Service(answer)


def _all(run: Any, service: Service, *ids: str, timeout: float = 900, **options: Any) -> tuple[list[Any], FakeClock]:
    if run is call_sync:
        found: list[Any]
        found, clock = run(service, lambda api: list(api.wait_many(ids, timeout, **options)))
        return found, clock

    async def collect(api: Any) -> list[Any]:
        return [task async for task in api.wait_many(ids, timeout, **options)]

    found, clock = run(service, collect)
    return found, clock


@pytest.mark.parametrize("run", BOTH)
def test_tasks_come_as_they_end_failed_ones_too(run: Any) -> None:
    tasks, _ = _all(run, _life(slow=6, quick=1, bad=3), "slow", "quick", "bad")
    assert [(task.id, task.state) for task in tasks] == [("quick", "success"), ("bad", "fail"), ("slow", "success")]
    with pytest.raises(apikley.GenerationFailed):
        tasks[1].raise_for_failure()


@pytest.mark.parametrize("run", BOTH)
def test_those_that_did_not_end_in_time_are_named(run: Any) -> None:
    with pytest.raises(WaitTimeout) as caught:
        _all(run, _life(quick=1, slow=10**6, slower=10**6), "slow", "quick", "slower", timeout=20)
    assert set(caught.value.task_ids) == {"slow", "slower"}
    assert " and 1 more had not ended after 20 s" in str(caught.value)


@pytest.mark.parametrize("run", BOTH)
def test_no_task_is_nothing_to_wait_for(run: Any) -> None:
    assert _all(run, Service(details("waiting")))[0] == []


@pytest.mark.parametrize("run", BOTH)
def test_progress_is_told_of_each(run: Any) -> None:
    told: list[Any] = []
    _all(run, _life(a=1, b=1), "a", "b", on_progress=told.append)
    assert {details.task_id for details in told} == {"a", "b"}


@pytest.mark.parametrize("run", BOTH)
def test_looks_never_come_faster_than_the_service_allows(run: Any) -> None:
    ids = [f"t{number}" for number in range(100)]
    times: list[float] = []
    clocks: list[FakeClock] = []
    life = _life(**dict.fromkeys(ids, 3))

    def answer(request: httpx.Request) -> Any:
        times.append(clocks[0].time)
        return life(request)

    def start(api: Any) -> None:
        clocks.append(FakeClock(api))

    if run is call_sync:

        def wait_all(api: Any) -> int:
            start(api)
            return len(list(api.wait_many(ids)))

        assert run(Service(answer), wait_all)[0] == 100
    else:

        async def wait_all_async(api: Any) -> int:
            start(api)
            return len([task async for task in api.wait_many(ids)])

        assert run(Service(answer), wait_all_async)[0] == 100
    assert len(times) == 300
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in zip(times, times[10:], strict=False))


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 10))
def test_no_window_holds_more_than_the_limit(gaps: list[float], most: int) -> None:
    limiter, now, places = Limiter(most, 1.0), 0.0, []
    for gap in gaps:
        now += gap
        places.append(now + limiter.reserve(now))
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in zip(places, places[most:], strict=False))


def test_leaving_the_loop_leaves_nothing_running() -> None:
    async def main() -> int:
        transport = httpx.MockTransport(Service(details("success")).answer_async)
        async with AsyncApikley(KEY, base_url=BASE, http_client=transport) as api:
            async for _ in api.wait_many(["a", "b", "c"]):
                break
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1


def test_cancelling_a_wait_leaves_nothing_running() -> None:
    async def main() -> int:
        transport = httpx.MockTransport(Service(details("waiting")).answer_async)
        async with AsyncApikley(KEY, base_url=BASE, http_client=transport) as api:
            looked = asyncio.Event()
            waiting = asyncio.create_task(api.wait("task_1", on_progress=lambda _: looked.set()))
            await looked.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1


def test_progress_may_be_awaited() -> None:
    told: list[str] = []

    async def main() -> None:
        async def tell(seen: Any) -> None:
            await asyncio.sleep(0)
            told.append(str(seen.state))

        transport = httpx.MockTransport(Service(details("success")).answer_async)
        async with AsyncApikley(KEY, base_url=BASE, http_client=transport) as api:
            await api.wait("task_1", on_progress=tell)

    asyncio.run(main())
    assert told == ["success"]


@pytest.mark.parametrize("run", BOTH)
def test_an_error_while_many_are_waited_for_comes_through(run: Any) -> None:
    def broken(_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _all(run, _life(a=1, b=1), "a", "b", on_progress=broken)
