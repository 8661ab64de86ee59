"""The receiver's threads handle events, survive errors, and end."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from apikley._model.task import TaskInfo
from apikley.errors import InboxUnavailable
from apikley.receiver import Event, Receiver, RetryPolicy
from apikley.receiver.inbox.rows import Claim, Completion, Result
from apikley.receiver.work import overdue, workers
from apikley.receiver.work.processing import EventProcessor
from apikley.testing import ManualClock
from contract_tests.receiver.receivers import (
    HANG,
    WEBHOOK_KEY,
    MakeReceiver,
    Service,
    body_of,
    collect,
    deliver,
    signed,
)


@pytest.fixture
def threaded(tmp_path: Path) -> Iterator[Callable[..., Receiver]]:
    """Makes receivers with one worker and a file."""
    receivers: list[Receiver] = []

    def make(**options: Any) -> Receiver:
        receivers.append(Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", **{"workers": 1, **options}))
        return receivers[-1]

    yield make
    for receiver in receivers:
        receiver.stop()
        receiver.inbox.close()


Threaded = Callable[..., Receiver]


def fail_first(monkeypatch: pytest.MonkeyPatch, holder: Any, name: str, failures: int = 1) -> threading.Event:
    """Make the first calls of a method raise; returns an event that is set when a call succeeds."""
    original, remaining, succeeded = getattr(holder, name), [OSError("disk unplugged")] * failures, threading.Event()

    def method(*arguments: Any) -> Any:
        if remaining:
            raise remaining.pop()
        returned = original(*arguments)
        succeeded.set()
        return returned

    monkeypatch.setattr(holder, name, method)
    return succeeded


def receiver_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("apikley-receiver")]


def store(receiver: Receiver, task_id: str = "task_1") -> None:
    receiver.inbox.write([Completion(task_id, "success", body_of(task_id), 0)])


def test_threads_handle_events_and_end_with_the_receiver(threaded: Threaded) -> None:
    handled, entered, go_on = threading.Event(), threading.Event(), threading.Event()
    receiver = threaded(workers=2)

    @receiver.on_success
    def slow(event: Event) -> None:
        entered.set()
        assert go_on.wait(HANG)

    @receiver.on_failure
    async def quick(event: Event) -> None:
        handled.set()

    with receiver:
        assert deliver(receiver, "slow").status_code == 200
        assert entered.wait(HANG)
        assert deliver(receiver, "quick", "fail").status_code == 200, "acknowledged while a handler runs"
        assert handled.wait(HANG)
        go_on.set()
    assert receiver_threads() == []
    assert receiver.inbox.counts() == {"done": 2}


def test_a_receiver_can_start_again(threaded: Threaded) -> None:
    receiver, handled = threaded(), threading.Semaphore(0)
    receiver.on_any(lambda _: handled.release())
    for task_id in ("task_1", "task_2"):
        with receiver:
            deliver(receiver, task_id)
            assert handled.acquire(timeout=HANG)
    assert receiver.inbox.counts() == {"done": 2}


def test_an_unavailable_inbox_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(InboxUnavailable, match="cannot be opened"):
        Receiver(WEBHOOK_KEY, inbox=tmp_path / "none" / "inbox.db").start()


def test_no_more_events_are_claimed_than_workers_are_idle(threaded: Threaded) -> None:
    receiver = threaded(workers=2)
    entered, go_on = threading.Semaphore(0), threading.Event()

    @receiver.on_any
    def handle(event: Event) -> None:
        entered.release()
        assert go_on.wait(HANG)

    for number in range(6):
        store(receiver, f"task_{number}")
    with receiver:
        for _ in range(2):
            assert entered.acquire(timeout=HANG)
        receiver._workers.wake()
        assert receiver.inbox.counts() == {"processing": 2, "pending": 4}
        go_on.set()
    assert all(row.attempts == 0 for row in receiver.inbox.rows("pending"))


ERRORS = [type("Timeout", (BaseException,), {}), SystemExit, KeyboardInterrupt, GeneratorExit]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_worker_survives_whatever_a_handler_raises(threaded: Threaded, error: type[BaseException], kind: str) -> None:
    receiver = threaded(retries=RetryPolicy(first=0.001))
    calls: list[tuple[str, int]] = []
    handled = threading.Semaphore(0)

    def handle(event: Event) -> None:
        calls.append((event.task_id, event.attempt))
        if event.attempt == 1:
            raise error
        handled.release()

    async def handle_async(event: Event) -> None:
        handle(event)

    receiver.on_any(handle if kind == "sync" else handle_async)
    for task_id in ("task_1", "task_2"):
        store(receiver, task_id)
    with receiver:
        for _ in range(2):
            assert handled.acquire(timeout=HANG)
    assert sorted(calls) == [("task_1", 1), ("task_1", 2), ("task_2", 1), ("task_2", 2)]
    assert receiver.inbox.counts() == {"done": 2}


def test_a_worker_survives_a_bug_of_the_receiver(
    threaded: Threaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver, handled, process = threaded(), threading.Event(), EventProcessor.process

    def process_with_bug(processor: EventProcessor, claim: Claim) -> Result:
        if claim.task_id == "task_1":
            raise RuntimeError("a bug")
        return process(processor, claim)

    monkeypatch.setattr(EventProcessor, "process", process_with_bug)
    receiver.on_any(lambda _: handled.set())
    with receiver:
        deliver(receiver, "task_1")
        deliver(receiver, "task_2")
        assert handled.wait(HANG)
    assert "task_1:success has no result; it is handled again when its lease ends" in caplog.text
    assert [row.event_id for row in receiver.inbox.rows("processing")] == ["task_1:success"]


def test_a_running_event_is_not_handled_twice_after_a_clock_jump(threaded: Threaded, clock: ManualClock) -> None:
    receiver = threaded(workers=2, clock=clock, lease=60)
    entered, other, go_on = threading.Event(), threading.Event(), threading.Event()
    calls: list[str] = []

    @receiver.on_any
    def handle(event: Event) -> None:
        calls.append(event.task_id)
        if event.task_id == "task_1":
            entered.set()
            assert go_on.wait(HANG)
        else:
            other.set()

    with receiver:
        deliver(receiver, "task_1")
        assert entered.wait(HANG)
        clock.advance(61)
        deliver(receiver, "task_2")
        assert other.wait(HANG)
        go_on.set()
    assert calls == ["task_1", "task_2"]
    assert receiver.inbox.counts() == {"done": 2}


def test_an_async_handler_that_never_ends_does_not_block_the_stop(
    threaded: Threaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_STOP_TIMEOUT", 0.01)
    receiver, entered = threaded(), threading.Event()

    @receiver.on_any
    async def handle(event: Event) -> None:
        entered.set()
        await asyncio.Event().wait()

    store(receiver)
    with receiver:
        assert entered.wait(HANG)
    receiver._workers._threads[0].join(HANG)
    (row,) = receiver.inbox.rows("failed")
    assert str(row.error).startswith("CancelledError")


@pytest.mark.parametrize("foreground", [False, True])
def test_a_lease_is_renewed_while_a_handler_runs(
    threaded: Threaded,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    clock: ManualClock,
    foreground: bool,
) -> None:
    receiver = threaded(workers=0 if foreground else 1, clock=clock, lease=0.03)
    renewed = fail_first(monkeypatch, receiver.inbox, "renew")
    claimed: list[Claim] = []
    handled = threading.Event()

    @receiver.on_any
    def handle(event: Event) -> None:
        for _ in range(2):
            clock.advance(0.02)
            renewed.clear()
            assert renewed.wait(HANG)
        claimed.extend(receiver.inbox.claim(clock.now().timestamp(), 60, 1))
        handled.set()

    store(receiver)
    with receiver:
        if foreground:
            receiver.work()
        assert handled.wait(HANG)
    assert claimed == [], "it was still claimed"
    assert "cannot renew a lease" in caplog.text
    assert receiver.inbox.counts() == {"done": 1}


def test_a_failing_database_delays_events_and_repeats_none(
    threaded: Threaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "_POLL_INTERVAL", 0.01)
    receiver = threaded()
    events = collect(receiver)
    store(receiver)
    fail_first(monkeypatch, receiver.inbox, "claim", failures=3)
    written = fail_first(monkeypatch, receiver.inbox, "write", failures=3)
    with receiver:
        assert written.wait(HANG)
    assert [event.event_id for event in events] == ["task_1:success"]
    assert "cannot read the inbox" in caplog.text
    assert "cannot write the result of task_1:success" in caplog.text
    assert receiver.inbox.counts() == {"done": 1}


def test_a_result_that_cannot_be_written_does_not_block_the_stop(
    threaded: Threaded, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    receiver = threaded(clock=clock, lease=60)
    collect(receiver)
    store(receiver)
    failed = threading.Event()

    def write(_: object) -> None:
        failed.set()
        raise OSError("disk unplugged")

    monkeypatch.setattr(receiver.inbox, "write", write)
    with receiver:
        assert failed.wait(HANG)
    assert receiver_threads() == []
    clock.advance(61)
    assert [claim.event_id for claim in receiver.inbox.claim(clock.now().timestamp(), 60, 1)] == ["task_1:success"]


def test_old_events_are_pruned_each_hour(
    threaded: Threaded, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    receiver = threaded(clock=clock, keep=600)
    collect(receiver)
    store(receiver)
    receiver.work()
    clock.advance(3601)
    pruned = fail_first(monkeypatch, receiver.inbox, "prune", failures=0)
    with receiver:
        receiver._workers.wake()
        assert pruned.wait(HANG)
    assert receiver.inbox.counts() == {}


def test_overdue_tasks_are_polled_despite_an_error(
    threaded: Threaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clock: ManualClock
) -> None:
    monkeypatch.setattr(workers, "OVERDUE_INTERVAL", 0.01)
    receiver, handled = threaded(client=Service(task_1="success"), clock=clock), threading.Event()
    fail_first(monkeypatch, receiver.inbox, "claim_overdue")
    receiver.on_success(lambda _: handled.set())
    receiver.expect(SimpleNamespace(id="task_1"), due=0)
    with receiver:
        assert handled.wait(HANG)
    assert "cannot poll overdue tasks" in caplog.text
    assert overdue.OVERDUE_INTERVAL == 10


async def loop_of_a_handler(receiver: Receiver) -> asyncio.AbstractEventLoop:
    """Start the receiver in this loop; returns the loop that an async handler runs in."""
    loops: list[asyncio.AbstractEventLoop] = []
    handled = threading.Event()

    @receiver.on_any
    async def handle(event: Event) -> None:
        loops.append(asyncio.get_running_loop())
        handled.set()

    async with receiver:
        store(receiver)
        receiver._workers.wake()
        assert await asyncio.to_thread(handled.wait, HANG)
    return loops[0]


def test_async_handlers_and_clients_run_in_the_applications_loop(threaded: Threaded) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    class Client(Service):
        async def get_task(self, task_id: str) -> TaskInfo:
            loops.append(asyncio.get_running_loop())
            task: TaskInfo = super().get_task(task_id)
            return task

    receiver = threaded(client=Client(task_1="success"))

    async def main() -> None:
        loops.append(await loop_of_a_handler(receiver))
        assert loops == [asyncio.get_running_loop()] * 2

    asyncio.run(main())


def test_async_handlers_run_in_one_loop_without_an_application(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    loops: list[asyncio.AbstractEventLoop] = []

    @receiver.on_any
    async def handle(event: Event) -> None:
        loops.append(asyncio.get_running_loop())

    for task_id in ("a", "b"):
        deliver(receiver, task_id)  # in a loop that is closed before the handler runs
        receiver.work()
    assert loops[0] is loops[1]


def test_a_callback_is_acknowledged_while_a_sync_handler_blocks(threaded: Threaded) -> None:
    entered, go_on = threading.Event(), threading.Event()
    receiver = threaded()

    @receiver.on_any
    def handle(event: Event) -> None:
        entered.set()
        assert go_on.wait(HANG)

    async def main() -> int:
        transport = httpx2.ASGITransport(receiver)
        async with receiver, httpx2.AsyncClient(transport=transport, base_url="http://receiver.test") as client:
            store(receiver)
            receiver._workers.wake()
            assert await asyncio.to_thread(entered.wait, HANG)
            response = await client.post("/", content=body_of("task_2"), headers=signed("task_2", time.time()))
            go_on.set()
            return response.status_code

    assert asyncio.run(main()) == 200


def test_work_in_the_applications_loop_says_to_use_a_thread(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()

    @receiver.on_any
    async def handle(event: Event) -> None:
        raise AssertionError("never reached")

    async def main() -> None:
        receiver.start()
        receiver.work()

    deliver(receiver, "task_1")
    asyncio.run(main())
    (row,) = receiver.inbox.rows("failed")
    assert row.error is not None
    assert "asyncio.to_thread" in row.error


def test_ctrl_c_in_an_async_handler_ends_the_application_and_loses_no_event(threaded: Threaded) -> None:
    receiver = threaded()
    store(receiver)

    @receiver.on_any
    async def handle(event: Event) -> None:
        raise KeyboardInterrupt  # as Python raises it in the main thread

    async def main() -> None:
        async with receiver:
            await asyncio.sleep(HANG)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    receiver.stop()
    (row,) = receiver.inbox.rows("failed")
    assert (row.event_id, row.attempts, row.error) == ("task_1:success", 1, "KeyboardInterrupt:")


def test_importing_the_listener_loads_no_database() -> None:
    code = "import sys, apikley.receiver.listen; print('sqlalchemy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_every_public_name_can_be_imported() -> None:
    package: Any = importlib.import_module("apikley.receiver")
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match=r"module 'apikley\.receiver' has no attribute 'Nothing'"):
        _ = package.Nothing


@pytest.mark.parametrize(
    ("missing", "message"), [("sqlalchemy", r"pip install 'apikley\[receiver\]'"), ("_sqlite3", "^No module$")]
)
def test_only_a_missing_sqlalchemy_names_the_extra(monkeypatch: pytest.MonkeyPatch, missing: str, message: str) -> None:
    package: Any = importlib.import_module("apikley.receiver")

    def import_module(name: str) -> Any:
        raise ModuleNotFoundError("No module", name=missing)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(ModuleNotFoundError, match=message):
        package.__getattr__("Inbox")
