"""The receiver's threads handle events, survive errors, and end."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from apikley.receiver import Event, RetryPolicy
from apikley.receiver.inbox.rows import Claim, Result
from apikley.receiver.work import overdue, workers
from apikley.receiver.work.processing import EventProcessor
from apikley.testing import ManualClock
from contract_tests.receiver.receivers import (
    HANG,
    BlockingHandler,
    MakeReceiver,
    Service,
    collect,
    deliver,
    store,
)


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


def test_threads_handle_events_and_end_with_the_receiver(threaded: MakeReceiver) -> None:
    receiver, slow, handled = threaded(workers=2), BlockingHandler(), threading.Event()
    receiver.on_success(slow)

    receiver.on_failure(lambda _: handled.set())
    with receiver:
        assert deliver(receiver, "slow").status_code == 200
        slow.wait_until_entered()
        assert deliver(receiver, "quick", "fail").status_code == 200, "acknowledged while a handler runs"
        assert handled.wait(HANG)
        slow.go_on.set()
    assert receiver_threads() == []
    assert receiver.inbox.counts() == {"done": 2}


def test_a_receiver_can_start_again(threaded: MakeReceiver) -> None:
    receiver, handled = threaded(), threading.Semaphore(0)
    receiver.on_any(lambda _: handled.release())
    for task_id in ("task_1", "task_2"):
        with receiver:
            deliver(receiver, task_id)
            assert handled.acquire(timeout=HANG)
    assert receiver.inbox.counts() == {"done": 2}


def test_no_more_events_are_claimed_than_workers_are_idle(threaded: MakeReceiver) -> None:
    receiver, handler = threaded(workers=2), BlockingHandler()
    receiver.on_any(handler)
    for number in range(6):
        store(receiver, f"task_{number}")
    with receiver:
        for _ in range(2):
            handler.wait_until_entered()
        receiver._workers.wake()
        assert receiver.inbox.counts() == {"processing": 2, "pending": 4}
        # Without an attempt, the stop leaves what no worker has started.
        receiver._workers._stopping.set()
        handler.go_on.set()
    assert receiver.inbox.counts() == {"done": 2, "pending": 4}
    assert {row.attempts for row in receiver.inbox.rows("pending")} == {0}


ERRORS = [type("Timeout", (BaseException,), {}), SystemExit, KeyboardInterrupt, GeneratorExit]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_worker_survives_whatever_a_handler_raises(
    threaded: MakeReceiver, error: type[BaseException], kind: str
) -> None:
    receiver, handled = threaded(retries=RetryPolicy(first=0.0)), threading.Semaphore(0)
    calls: list[tuple[str, int]] = []

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
    threaded: MakeReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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


def test_a_running_event_is_not_handled_twice_after_a_clock_jump(threaded: MakeReceiver, clock: ManualClock) -> None:
    receiver, slow, handled = threaded(workers=2, clock=clock, lease=60), BlockingHandler(), threading.Event()
    receiver.on_success(slow)
    receiver.on_failure(lambda _: handled.set())
    with receiver:
        deliver(receiver, "slow")
        slow.wait_until_entered()
        clock.advance(61)
        deliver(receiver, "quick", "fail")
        assert handled.wait(HANG)
        slow.go_on.set()
    assert [row.attempts for row in receiver.inbox.rows("done")] == [1, 1]


@pytest.mark.parametrize("foreground", [False, True])
def test_a_lease_is_renewed_while_a_handler_runs(
    threaded: MakeReceiver,
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
    threaded: MakeReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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
    threaded: MakeReceiver, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
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
    threaded: MakeReceiver, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    receiver = threaded(clock=clock, keep=600)
    collect(receiver)
    store(receiver)
    receiver.work()
    clock.advance(3601)
    pruned = fail_first(monkeypatch, receiver.inbox, "prune", failures=0)
    with receiver:
        assert pruned.wait(HANG)
    assert receiver.inbox.counts() == {}


def test_overdue_tasks_are_polled_despite_an_error(
    threaded: MakeReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clock: ManualClock
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
