"""A wait ends with the task, an error or a timeout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

import apikley
from apikley import GenerationFailed, NotFound, ValidationFailed, WaitTimeout
from contract_tests.client.fake_service import (
    BOTH,
    Call,
    Service,
    call_async,
    call_create,
    call_sync,
    created,
    details,
    envelope,
)

pytestmark = pytest.mark.parametrize("run", BOTH)

RESULT = {"resultJson": '{"resultUrls":["https://files.example.com/a.mp4"]}'}


def test_the_first_poll_is_immediate(run: Any) -> None:
    done, clock = run(Service(details("success", **RESULT)), lambda api: api.wait("task_hailuo_1"))
    assert done.state == "success"
    assert done.result_urls == ["https://files.example.com/a.mp4"]
    assert clock.slept == []


def test_polls_follow_the_documented_schedule(run: Any) -> None:
    service = Service(details("generating"))
    with pytest.raises(WaitTimeout):
        run(service, lambda api: api.wait("task_hailuo_1", 600))
    # The schedule gives the number of polls: 10 to 15 in the first half
    # minute, 9 to 18 until two minutes, 16 to 32 until ten.
    assert 35 <= len(service.requests) <= 66


@pytest.mark.parametrize(("elapsed", "shortest", "longest"), [(0, 2, 3), (29.9, 2, 3), (30, 5, 10), (120, 15, 30)])
def test_the_pause_grows_with_the_time_waited(run: Any, elapsed: float, shortest: float, longest: float) -> None:
    from apikley._flows.wait import poll_pause

    assert all(shortest <= poll_pause(elapsed) <= longest for _ in range(100))


def test_a_timeout_is_raised_at_the_deadline_with_the_task(run: Any) -> None:
    service = Service(details("generating"))
    clocks: list[Any] = []

    def wait(api: Any) -> Any:
        clocks.append(api._state.clock)
        return api.wait("task_hailuo_1", 10)

    with pytest.raises(WaitTimeout) as caught:
        run(service, wait)
    assert clocks[0].monotonic() == 10.0
    assert caught.value.task_id == "task_hailuo_1"
    assert str(caught.value) == (
        "task task_hailuo_1 had not ended after 10 s, last seen generating; wait for it again by its id"
    )


def test_progress_is_reported_after_each_poll(run: Any) -> None:
    reported: list[Any] = []
    states: list[str | None] = []

    def note(task: Any) -> None:
        reported.append(task)
        states.append(task.state)

    service = Service(details("waiting"), details("queuing"), details("success", **RESULT))
    run(service, lambda api: api.wait("task_hailuo_1", on_progress=note))
    assert [type(each) for each in reported] == [apikley.Task if run is call_sync else apikley.AsyncTask] * 3
    assert states == ["waiting", "queuing", "success"]


def test_an_unknown_state_counts_as_not_finished(run: Any) -> None:
    service = Service(details("paused"), details("success", **RESULT))
    done, _ = run(service, lambda api: api.wait("task_hailuo_1"))
    assert done.state == "success"
    assert len(service.requests) == 2


def test_a_failed_task_raises_with_the_services_reason(run: Any) -> None:
    service = Service(details("fail", failCode="422", failMsg="Invalid prompt"))
    with pytest.raises(GenerationFailed) as caught:
        run(service, lambda api: api.wait("task_hailuo_1"))
    assert (caught.value.fail_code, caught.value.fail_message) == ("422", "Invalid prompt")
    assert caught.value.task_id == "task_hailuo_1"


UNKNOWN = [envelope(404, "Task not found"), envelope(422, "recordInfo is null")]


@pytest.mark.parametrize("response", UNKNOWN, ids=repr)
def test_a_wait_for_the_task_of_another_client_allows_it_to_be_new(run: Any, response: httpx2.Response) -> None:
    service = Service(response, response, details("success", **RESULT))
    done, _ = run(service, lambda api: api.wait("task_hailuo_1"))
    assert done.succeeded


@pytest.mark.parametrize("response", UNKNOWN, ids=repr)
def test_a_wait_for_an_unknown_task_ends_after_the_grace_period(run: Any, response: httpx2.Response) -> None:
    clocks: list[Any] = []

    def ask(api: Any) -> Any:
        clocks.append(api._state.clock)
        return api.wait("task_hailuo_1")

    with pytest.raises(NotFound, match=r"\(task task_hailuo_1\)"):
        run(Service(response), ask)
    assert 15 < clocks[0].monotonic() <= 18


@pytest.mark.parametrize("response", UNKNOWN, ids=repr)
def test_a_task_that_vanishes_during_a_wait_is_not_found_at_once(run: Any, response: httpx2.Response) -> None:
    service = Service(details("generating"), response)
    with pytest.raises(NotFound):
        run(service, lambda api: api.wait("task_hailuo_1"))
    assert len(service.requests) == 2


@pytest.mark.parametrize("response", UNKNOWN, ids=repr)
def test_get_task_of_an_unknown_task_is_not_found_at_once(run: Any, response: httpx2.Response) -> None:
    service = Service(response)
    with pytest.raises(NotFound):
        run(service, lambda api: api.get_task("task_hailuo_1"))
    assert len(service.requests) == 1


def test_another_refusal_of_a_poll_is_no_unknown_task(run: Any) -> None:
    with pytest.raises(ValidationFailed):
        run(Service(envelope(422, "taskId is too long")), lambda api: api.wait("task_hailuo_1"))


@pytest.mark.parametrize("code", [408, 501])
@pytest.mark.parametrize("status", [200, None])
def test_a_code_for_a_failed_generation_ends_a_wait_at_once(run: Any, code: int, status: int | None) -> None:
    failed = httpx2.Response(status or code, json={"code": code, "msg": "No result", "data": None})
    service = Service(details("generating"), failed)
    with pytest.raises(GenerationFailed) as caught:
        run(service, lambda api: api.wait("task_hailuo_1"))
    assert (caught.value.fail_code, caught.value.fail_message) == (str(code), "No result")
    assert (caught.value.task.failed, len(service.requests)) == (True, 2)


def test_a_status_without_an_envelope_is_no_failed_generation(run: Any) -> None:
    service = Service(details("generating"), httpx2.Response(501), details("success", **RESULT))
    done, _ = run(service, lambda api: api.wait("task_hailuo_1"))
    assert done.succeeded


@pytest.mark.parametrize("response", [envelope(404, "Task not found"), envelope(422, "recordInfo is null")], ids=repr)
def test_a_new_task_may_be_invisible_at_first(run: Any, response: httpx2.Response) -> None:
    service = Service(created(), response, response, details("success", **RESULT))
    if run is call_sync:
        done, _ = call_sync(service, lambda api: call_create(api).wait())
    else:

        async def create_and_wait(api: Any) -> Any:
            return await (await call_create(api)).wait()

        done, _ = call_async(service, create_and_wait)
    assert done.state == "success"


Look = Callable[[Any], Any]


def _after_create(poll: Look) -> tuple[Call, Call]:
    """Create a task, then poll it, sync and async."""

    async def asynchronous(api: Any) -> Any:
        task = await call_create(api)
        found = poll((api, task))
        return [each async for each in found].pop() if hasattr(found, "__anext__") else await found

    def synchronous(api: Any) -> Any:
        found = poll((api, call_create(api)))
        return next(found) if hasattr(found, "__next__") else found

    return synchronous, asynchronous


LOOKS: dict[str, Look] = {
    "wait by id": lambda pair: pair[0].wait(pair[1].id),
    "wait many by id": lambda pair: pair[0].wait_many([pair[1].id]),
    "refresh": lambda pair: pair[1].refresh(),
    "task": lambda pair: pair[0].get_task(pair[1].id),
}


@pytest.mark.parametrize("poll", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("response", [envelope(404, "Task not found"), envelope(422, "recordInfo is null")], ids=repr)
def test_every_poll_of_the_creating_client_tolerates_an_invisible_task(
    run: Any, response: httpx2.Response, poll: Look
) -> None:
    service = Service(created(), response, response, details("success", **RESULT))
    done, clock = run(service, _after_create(poll)[run is call_async])
    assert done.state == "success"
    assert all(2 <= pause <= 3 for pause in clock.slept)
    assert len(service.requests) == 4


@pytest.mark.parametrize("poll", LOOKS.values(), ids=LOOKS)
def test_a_task_that_stays_invisible_is_not_found_by_get_task(run: Any, poll: Look) -> None:
    service = Service(created(), envelope(404))
    clocks: list[Any] = []

    def ask(api: Any) -> Any:
        clocks.append(api._state.clock)
        return _after_create(poll)[run is call_async](api)

    with pytest.raises(NotFound):
        run(service, ask)
    assert 15 < clocks[0].monotonic() <= 18


def test_a_task_of_another_client_gets_no_grace_period(run: Any) -> None:
    service = Service(created("task_other"), envelope(404))
    with pytest.raises(NotFound):
        run(service, _after_create(lambda pair: pair[0].get_task("task_hailuo_1"))[run is call_async])
    assert len(service.requests) == 2


@pytest.mark.parametrize("poll", ["wait", "refresh"])
def test_a_task_keeps_the_token_of_its_create(run: Any, poll: str) -> None:
    image = apikley.Hailuo02ImageToVideoPro(prompt="x", image_url="https://e.test/x.png")

    async def asynchronous(api: Any) -> Any:
        task = await api.create(image, callback_url="https://me.test", correlation_token="a-token-of-the-caller")
        return task, await getattr(task, poll)()

    def synchronous(api: Any) -> Any:
        task = api.create(image, callback_url="https://me.test", correlation_token="a-token-of-the-caller")
        return task, getattr(task, poll)()

    service = Service(created(), details("success", **RESULT))
    (task, done), _ = run(service, synchronous if run is call_sync else asynchronous)
    assert task.token
    assert done.token == task.token


def test_only_recent_creates_are_remembered(run: Any) -> None:
    seen: list[tuple[int, bool, bool]] = []

    def fill(api: Any) -> Any:
        recent, clock = api._state.recently_created, api._state.clock
        for number in range(3_000):
            recent.add(f"task_{number}")
        full = len(recent)
        clock.sleep(15.1)
        recent.add("task_new")
        seen.append((full, "task_2999" in recent, "task_new" in recent))
        assert len(recent) == 1
        return api.get_task("task_new")

    run(Service(details("success")), fill)
    assert seen == [(1_000, False, True)]


def test_a_wait_for_an_invisible_task_ends_with_not_found(run: Any) -> None:
    service = Service(created(), envelope(404))

    async def create_and_wait(api: Any) -> Any:
        return await (await call_create(api)).wait()

    with pytest.raises(NotFound):
        run(service, (lambda api: call_create(api).wait()) if run is call_sync else create_and_wait)


@pytest.mark.parametrize("trouble", [httpx2.ReadTimeout("late"), httpx2.Response(502), envelope(429), envelope(455)])
def test_a_transient_failure_does_not_end_the_wait(run: Any, trouble: Any) -> None:
    service = Service(details("waiting"), trouble, trouble, trouble, details("success", **RESULT))
    done, _ = run(service, lambda api: api.wait("task_hailuo_1"))
    assert done.state == "success"
    assert len(service.requests) == 5


def test_a_lasting_failure_is_raised_before_the_deadline(run: Any) -> None:
    service = Service(details("waiting"), httpx2.ConnectError("refused"))
    clocks: list[Any] = []

    def wait(api: Any) -> Any:
        clocks.append(api._state.clock)
        return api.wait("task_hailuo_1", 900)

    with pytest.raises(apikley.TransportError) as caught:
        run(service, wait)
    assert caught.value.task_id == "task_hailuo_1"
    assert 60 < clocks[0].monotonic() < 80


def test_a_timeout_names_the_last_failure(run: Any) -> None:
    service = Service(details("waiting"), httpx2.ConnectError("refused"))
    with pytest.raises(WaitTimeout) as caught:
        run(service, lambda api: api.wait("task_hailuo_1", 10))
    assert str(caught.value) == (
        "task task_hailuo_1 had not ended after 10 s, last seen waiting; the last poll failed: "
        "http://service.test (from base_url=) refused the connection; is the server or the simulator running? "
        "`apikley doctor` checks; wait for it again by its id"
    )
    assert caught.value.__cause__ is caught.value.failure


def test_a_refused_key_ends_the_wait_at_once(run: Any) -> None:
    service = Service(envelope(401))
    with pytest.raises(apikley.Unauthorized):
        run(service, lambda api: api.wait("task_hailuo_1"))
    assert len(service.requests) == 1


def test_retry_after_extends_the_pause_between_polls(run: Any) -> None:
    slow = httpx2.Response(429, json={"code": 429}, headers={"retry-after": "20"})
    _, clock = run(Service(slow, details("success", **RESULT)), lambda api: api.wait("task_hailuo_1"))
    assert clock.slept == [20.0]


def test_a_wait_with_timeout_0_polls_once(run: Any) -> None:
    service = Service(details("waiting"))
    with pytest.raises(WaitTimeout):
        run(service, lambda api: api.wait("task_hailuo_1", 0))
    assert len(service.requests) == 1


def test_an_error_of_the_progress_function_is_raised(run: Any) -> None:
    def broken(_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Service(details("waiting")), lambda api: api.wait("task_hailuo_1", on_progress=broken))


@pytest.mark.parametrize("task_id", ["", "  ", 7])
def test_an_invalid_task_id_is_not_polled(run: Any, task_id: Any) -> None:
    service = Service(details("waiting"))
    with pytest.raises(apikley.RequestInvalid, match=f"taskId: {task_id!r} is not a task id"):
        run(service, lambda api: api.get_task(task_id))
    assert service.requests == []


def test_refresh_polls_once(run: Any) -> None:
    async def refresh(api: Any) -> Any:
        return await (await api.get_task("task_hailuo_1")).refresh()

    service = Service(details("waiting"), details("generating"))
    seen, _ = run(service, (lambda api: api.get_task("task_hailuo_1").refresh()) if run is call_sync else refresh)
    assert (seen.id, seen.state, len(service.requests)) == ("task_hailuo_1", "generating", 2)


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -1, "5", None, True, 10**400], ids=lambda _: "")
def test_an_invalid_timeout_is_refused_before_any_poll(run: Any, timeout: Any) -> None:
    service = Service(details("success", **RESULT))

    async def first(api: Any) -> Any:
        return await anext(api.wait_many(["task_hailuo_1"], timeout))

    many = (lambda api: next(api.wait_many(["task_hailuo_1"], timeout))) if run is call_sync else first
    for call in (lambda api: api.wait("task_hailuo_1", timeout), many):
        with pytest.raises(apikley.RequestInvalid, match=r"^timeout: .*, expected a number of seconds from 0 to 1,000"):
            run(service, call)
    assert service.requests == []


def test_a_lone_surrogate_is_neither_a_task_id_nor_a_link(run: Any) -> None:
    service = Service(details("success", **RESULT))
    with pytest.raises(apikley.RequestInvalid, match="is not a task id"):
        run(service, lambda api: api.get_task("\ud800"))
    with pytest.raises(apikley.RequestInvalid, match="is not UTF-8 text"):
        run(service, lambda api: api.get_download_url("http://\ud800"))
    with pytest.raises(apikley.RequestInvalid, match="is not UTF-8 text"):
        run(service, lambda api: api.upload(b"\x89PNG\r\n\x1a\n", name="\ud800.png"))
    assert service.requests == []


@pytest.mark.parametrize("poll", ["wait", "refresh"])
def test_wait_updates_the_task_and_returns_it(run: Any, poll: str) -> None:
    async def asynchronous(api: Any) -> Any:
        task = await call_create(api)
        return task, await getattr(task, poll)()

    def synchronous(api: Any) -> Any:
        task = call_create(api)
        return task, getattr(task, poll)()

    service = Service(created(), details("success", **RESULT))
    (task, polled), _ = run(service, synchronous if run is call_sync else asynchronous)
    assert task is polled
    assert (task.state, task.finished, task.succeeded, task.failed) == ("success", True, True, False)
