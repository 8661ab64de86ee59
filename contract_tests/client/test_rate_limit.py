"""Concurrent waits keep the rate limit, and cancelled ones free their places."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikley import AsyncApikley, WaitTimeout
from apikley._flows.effects import Flow, Response, SendRequest, Sleep
from apikley._flows.rate_limit import RateLimiter
from apikley._flows.state import ClientState
from apikley._flows.wait import wait
from apikley._http.bodies import parse_envelope
from apikley._model.task import TaskInfo
from apikley.testing import ManualClock
from contract_tests.client.fake_service import BASE, BOTH, Service, details, envelope
from contract_tests.conftest import KEY

_BODY = envelope(data={"state": "waiting"}).content
WAITING = Response(200, {}, _BODY, parse_envelope(_BODY))


class Waits:
    """Many waits of one client, on a clock that jumps from event to event."""

    def __init__(self) -> None:
        self.time = 0.0
        self.state = ClientState(0, self)  # type: ignore[arg-type]  # the part of a clock that a flow reads
        self.polls: list[tuple[float, str]] = []
        self.ended: dict[str, float] = {}
        self.steps = 0
        self._flows: dict[str, Flow[TaskInfo]] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def start(self, name: str, timeout: float) -> None:
        self._flows[name] = wait(self.state, TaskInfo(name), timeout, None)
        self._step(name, None)

    def cancel(self, name: str) -> None:
        flow = self._flows.pop(name)
        with pytest.raises(asyncio.CancelledError):
            flow.throw(asyncio.CancelledError())

    def at(self, time: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time, next(self._order), act))

    def run(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            self.time, _, act = heapq.heappop(self._due)
            act()
        self.time = until

    def first_poll(self, name: str) -> float:
        return next(time for time, polled in self.polls if polled == name)

    def _step(self, name: str, response: Response | None) -> None:
        if name not in self._flows:
            return
        self.steps += 1
        try:
            effect = self._flows[name].send(response)
        except WaitTimeout:
            self.ended[name] = self.time
            del self._flows[name]
            return
        if isinstance(effect, SendRequest):
            self.polls.append((self.time, name))
            self._step(name, WAITING)
        else:
            assert isinstance(effect, Sleep)
            self.at(self.time + effect.seconds, lambda: self._step(name, None))


def _gentle(waits: Waits) -> bool:
    times = [time for time, _ in waits.polls]
    return all(later - earlier >= 1.0 - 1e-9 for earlier, later in zip(times, times[10:], strict=False))


def test_cancelled_waits_free_their_places() -> None:
    waits = Waits()
    for number in range(300):
        waits.start(f"t{number}", 900)
    waits.run(0.5)
    for number in range(300):
        waits.cancel(f"t{number}")
    waits.start("new", 5)
    waits.run(20)
    assert waits.first_poll("new") == pytest.approx(1.0)  # the ten places of the first second were taken
    assert waits.ended["new"] == pytest.approx(5.5)


def test_ended_waits_free_their_places() -> None:
    waits = Waits()
    for number in range(100):
        waits.start(f"t{number}", 2)
    waits.run(10)
    assert len(waits.ended) == 100
    assert max(waits.ended.values()) == pytest.approx(2.0)
    waits.start("new", 5)
    assert waits.first_poll("new") == 10


def test_a_wait_moves_up_when_earlier_ones_end() -> None:
    waits = Waits()
    for number in range(300):
        waits.start(f"t{number}", 900)
    waits.start("last", 5)
    waits.run(0.5)
    for number in range(300):
        waits.cancel(f"t{number}")
    waits.run(20)
    assert waits.first_poll("last") <= 2.0


def test_a_thousand_waits_are_served_in_order() -> None:
    waits = Waits()
    for number in range(1_000):
        waits.start(f"t{number}", 3_600)
    waits.run(105)
    firsts = list(dict.fromkeys(name for _, name in waits.polls))
    assert firsts == [f"t{number}" for number in range(1_000)]
    assert len(waits.polls) >= 1_000, "a place stayed unused"
    assert _gentle(waits)
    assert waits.steps <= 1_000 * 110


@given(
    st.lists(st.tuples(st.floats(0, 30), st.floats(0, 40), st.none() | st.floats(0, 30)), max_size=80),
)
def test_no_window_ever_holds_more_than_the_limit(lives: list[tuple[float, float, float | None]]) -> None:
    waits = Waits()

    def leave(name: str) -> None:
        if name in waits._flows:
            waits.cancel(name)

    for number, (start, timeout, leaves) in enumerate(lives):
        name = f"t{number}"
        waits.at(start, lambda name=name, timeout=timeout: waits.start(name, timeout))  # type: ignore[misc]
        if leaves is not None:
            waits.at(start + leaves, lambda name=name: leave(name))  # type: ignore[misc]
    waits.run(200)
    assert _gentle(waits)
    for number, (start, timeout, leaves) in enumerate(lives):
        if leaves is None:
            assert waits.ended[f"t{number}"] == pytest.approx(start + timeout)


def test_a_call_is_admitted_if_the_window_has_room() -> None:
    limiter = RateLimiter(2, 1.0)
    for now, wanted in [(0.0, 0.0), (0.5, 0.0), (0.6, 0.4), (1.0, 0.0), (1.2, 0.3), (1.5, 0.0), (9.0, 0.0)]:
        with limiter.queued() as ask:
            assert ask(now) == pytest.approx(wanted)


def test_cancelled_asyncio_tasks_leave_no_places() -> None:
    service = Service(details("waiting"))

    async def main() -> list[str]:
        clock = ManualClock()
        clock.async_sleep = lambda _: asyncio.Event().wait()  # type: ignore[method-assign, assignment, return-value]
        transport = httpx2.MockTransport(service.respond_async)
        async with AsyncApikley(KEY, base_url=BASE, http_client=transport, clock=clock) as api:
            crowd = [asyncio.create_task(api.wait(f"t{number}", 900)) for number in range(300)]
            for _ in range(50):
                await asyncio.sleep(0)
            for each in crowd:
                each.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)
            clock.advance(3_600)
            with pytest.raises(WaitTimeout):
                await api.wait("new", 0)
        return [str(request.url.params["taskId"]) for request in service.requests]

    requested = asyncio.run(main())
    assert len(requested) == 11
    assert requested[-1] == "new"


def _life(**responses: Any) -> Service:
    """A service with a response for each task."""

    def response(request: httpx2.Request) -> Any:
        task_id = request.url.params["taskId"]
        messages = responses[task_id]
        return envelope(data={"taskId": task_id, "state": messages}) if isinstance(messages, str) else messages

    return Service(response)


def _collect(run: Any, service: Service, *ids: str, timeout: float = 900) -> tuple[list[str], BaseException | None]:
    ended: list[str] = []

    def gather(api: Any) -> Any:
        if hasattr(api, "close"):
            ended.extend(task.id for task in api.wait_many(ids, timeout))
            return None

        async def gather_async() -> None:
            async for task in api.wait_many(ids, timeout):
                ended.append(task.id)  # noqa: PERF401 - the tasks before an error count

        return gather_async()

    try:
        run(service, gather)
    except Exception as error:  # noqa: BLE001 - the test checks it
        return ended, error
    return ended, None


@pytest.mark.parametrize("run", BOTH)
def test_a_task_that_cannot_be_polled_does_not_stop_the_others(run: Any) -> None:
    service = _life(a="success", b=envelope(404, "Task not found"), c="success", d=envelope(422, "recordInfo is null"))
    ended, error = _collect(run, service, "a", "b", "c", "d")
    assert ended == ["a", "c"]
    assert isinstance(error, Exception)
    errors = {"b": "404: Task not found (task b)", "d": "422: recordInfo is null (task d)"}
    (second,) = error.__notes__  # whichever was polled first after the grace period raises
    assert (str(error), second) in {
        (errors[one], f"task {other} could not be polled: {errors[other]}") for one, other in ("bd", "db")
    }


@pytest.mark.parametrize("run", BOTH)
def test_a_timeout_names_the_task_that_could_not_be_polled(run: Any) -> None:
    service = _life(a="success", b=envelope(404, "Task not found"), c="waiting")
    ended, error = _collect(run, service, "a", "b", "c", timeout=60)
    assert ended == ["a"]
    assert isinstance(error, WaitTimeout)
    assert error.task_ids == ("c",)
    assert error.__notes__ == ["task b could not be polled: 404: Task not found (task b)"]


@pytest.mark.parametrize("run", BOTH)
def test_an_invalid_id_is_reported_before_any_poll(run: Any) -> None:
    service = _life(a="success")
    ended, error = _collect(run, service, "a", " ")
    assert ended == []
    assert str(error) == "taskId: ' ' is not a task id"
    assert service.requests == []


def test_one_failure_after_a_long_queue_is_transient() -> None:
    waits = Waits()
    flow = wait(waits.state, TaskInfo("task_1"), 900, None)
    assert isinstance(next(flow), SendRequest)
    flow.send(WAITING)
    waits.time = 100.0  # long after the last poll
    assert isinstance(next(flow), SendRequest)
    assert isinstance(flow.send(Response(502, {}, b"", None)), Sleep)
    waits.time = 161.0
    assert isinstance(next(flow), SendRequest)
    with pytest.raises(Exception, match="502"):
        flow.send(Response(502, {}, b"", None))
