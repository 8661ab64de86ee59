"""The receiver's threads outlive whatever the user's code raises in them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from apikley.receiver import Event, Receiver, Retries
from apikley.receiver.inbox.rows import Begun, Claimed, Delivery, Operation, Outcome
from apikley.receiver.work.processing import Handling
from apikley.receiver.work.workers import Workers
from contract_tests.receiver.inboxes import LEASE, begin
from contract_tests.receiver.receivers import WEBHOOK_KEY, DrivenClock, body_of, deliver

ERRORS = [type("Stop", (BaseException,), {}), SystemExit, KeyboardInterrupt, GeneratorExit]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_handler_may_raise_anything_and_its_thread_goes_on(
    tmp_path: Path, error: type[BaseException], kind: str
) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1, retries=Retries(first=0.001))
    heard: list[tuple[str, int]] = []
    handled = threading.Semaphore(0)

    def handle(event: Event) -> None:
        heard.append((event.task_id, event.attempt))
        if event.attempt == 1:
            raise error
        handled.release()

    async def handle_async(event: Event) -> None:
        handle(event)

    receiver.on_any(handle if kind == "sync" else handle_async)
    with receiver:
        for task_id in ("task_1", "task_2"):
            assert deliver(receiver, task_id).status_code == 200
        for _ in range(2):
            assert handled.acquire(timeout=10)
    assert sorted(heard) == [("task_1", 1), ("task_1", 2), ("task_2", 1), ("task_2", 2)]
    assert receiver.inbox.counts() == {"done": 2}
    receiver.inbox.close()


def test_what_is_due_again_at_once_is_handled_again_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1, retries=Retries(first=0.0))
    handled, settle = threading.Event(), Workers._settle

    def settle_slowly(workers: Workers, outcome: Outcome) -> None:
        settle(workers, outcome)
        workers._take(10)  # the thread that claims comes before the one that handles has let go

    @receiver.on_any
    def handle(event: Event) -> None:
        if event.attempt == 1:
            raise ZeroDivisionError
        handled.set()

    monkeypatch.setattr(Workers, "_settle", settle_slowly)
    with receiver:
        assert deliver(receiver, "task_1").status_code == 200
        assert handled.wait(10)
    receiver.inbox.close()


def test_a_thread_survives_what_goes_wrong_around_the_handlers_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1)
    handled = threading.Event()
    handle = Handling.handle

    def handles(handling: Handling, item: Claimed) -> Outcome:
        if item.task_id == "task_1":
            raise RuntimeError("a mistake of the receiver's own")
        return handle(handling, item)

    monkeypatch.setattr(Handling, "handle", handles)
    receiver.on_any(lambda _: handled.set())
    with receiver:
        deliver(receiver, "task_1")
        deliver(receiver, "task_2")
        assert handled.wait(10)
    assert "task_1:success is left; it comes up again when its lease is over" in caplog.text
    assert [entry.key for entry in receiver.inbox.entries("pending")] == ["task_1:success"]
    receiver.inbox.close()


def test_it_stops_and_starts_again_though_nothing_can_be_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1)
    handled = threading.Semaphore(0)
    receiver.on_any(lambda _: handled.release())

    def release(*_: object) -> None:
        raise OSError("disk unplugged")

    monkeypatch.setattr(receiver.inbox, "release", release)
    for task_id in ("task_1", "task_2"):
        with receiver:
            deliver(receiver, task_id)
            assert handled.acquire(timeout=10)
    assert "cannot be given back" in caplog.text
    assert receiver.inbox.counts() == {"done": 2}
    receiver.inbox.close()


def test_in_the_foreground_too_a_lease_is_renewed_while_a_handler_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, driven_clock: DrivenClock
) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=0, clock=driven_clock, lease=0.03)
    renew, renewed = receiver.inbox.renew, threading.Event()
    errors = [OSError("disk unplugged")]

    def renews(items: Iterable[Claimed], until: float) -> None:
        if errors:
            raise errors.pop()
        renew(items, until)
        renewed.set()

    monkeypatch.setattr(receiver.inbox, "renew", renews)
    claimed: list[Claimed] = []

    @receiver.on_any
    def handle(event: Event) -> None:
        driven_clock.time += 0.02
        renewed.clear()
        assert renewed.wait(10)
        driven_clock.time += 0.02
        claimed.extend(receiver.inbox.claim(driven_clock.time, 60, 1))

    deliver(receiver, "task_1")
    assert receiver.work() == 1
    assert claimed == [], "it was still held"
    assert "a lease cannot be renewed" in caplog.text
    assert receiver.inbox.counts() == {"done": 1}
    receiver.stop()
    receiver.inbox.close()


def test_ctrl_c_while_an_async_handler_runs_ends_the_application_and_loses_nothing(tmp_path: Path) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1, in_app_loop=True)
    receiver.inbox.write([Delivery("task_1", "success", body_of("task_1"), 0)])

    @receiver.on_any
    async def handle(event: Event) -> None:
        raise KeyboardInterrupt  # where Python raises it, in the main thread

    async def main() -> None:
        async with receiver:
            await asyncio.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    receiver.stop()
    (entry,) = receiver.inbox.entries("pending")
    assert (entry.key, entry.attempts, entry.error) == ("task_1:success", 1, "KeyboardInterrupt:")
    receiver.inbox.close()


@pytest.fixture
def suspects(tmp_path: Path, driven_clock: DrivenClock) -> Receiver:
    """A receiver whose inbox holds three endings that a process has ended in twice."""
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=4, clock=driven_clock)
    stored = [Delivery(f"suspect_{n}", "success", body_of(f"suspect_{n}"), driven_clock.time) for n in range(3)]
    receiver.inbox.write(stored)
    for _ in range(2):
        begin(receiver.inbox, driven_clock.time, 3)
        driven_clock.time += LEASE
    return receiver


def test_those_that_a_process_has_ended_in_twice_are_handled_one_at_a_time(suspects: Receiver) -> None:
    entered, go_on, others = threading.Event(), threading.Event(), threading.Semaphore(0)
    running: list[str] = []
    together: list[int] = []

    @suspects.on_any
    def handle(event: Event) -> None:
        if not event.task_id.startswith("suspect"):
            others.release()
            return
        running.append(event.task_id)
        together.append(len(running))
        entered.set()
        assert go_on.wait(10)
        running.remove(event.task_id)

    with suspects:
        assert entered.wait(10)
        for number in range(5):  # which a free thread handles beside it
            deliver(suspects, f"task_{number}")
            assert others.acquire(timeout=10)
        go_on.set()
        handled_at = time.monotonic() + 10
        while suspects.inbox.counts() != {"done": 8}:
            assert time.monotonic() < handled_at
    assert together == [1, 1, 1]
    suspects.inbox.close()


def test_those_that_wait_for_their_turn_are_given_back_when_it_stops(suspects: Receiver) -> None:
    entered, go_on = threading.Event(), threading.Event()

    @suspects.on_any
    def handle(event: Event) -> None:
        entered.set()
        assert go_on.wait(10)

    with suspects:
        assert entered.wait(10)
        threading.Timer(0.1, go_on.set).start()
    assert suspects.inbox.counts() == {"done": 1, "pending": 2}
    assert len(suspects.inbox.claim(suspects._clock.now().timestamp(), LEASE, 9)) == 2
    suspects.inbox.close()


def test_what_cannot_be_begun_on_record_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1)
    heard: list[str] = []
    handled, write = threading.Event(), receiver.inbox.write

    def writes(operations: Sequence[Operation]) -> None:
        if any(isinstance(each, Begun) and each.item.task_id == "task_1" for each in operations):
            raise OSError("disk unplugged")
        write(operations)

    monkeypatch.setattr(receiver.inbox, "write", writes)

    @receiver.on_any
    def handle(event: Event) -> None:
        heard.append(event.task_id)
        handled.set()

    with receiver:
        deliver(receiver, "task_1")
        deliver(receiver, "task_2")
        assert handled.wait(10)
    assert heard == ["task_2"]
    assert "task_1:success is left; it comes up again when its lease is over" in caplog.text
    receiver.inbox.close()
