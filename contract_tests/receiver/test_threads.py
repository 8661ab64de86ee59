"""The receiver's threads handle what comes, survive what fails, and end."""

from __future__ import annotations

import asyncio
import importlib
import logging
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from apikley._model.task import TaskInfo
from apikley.errors import ConfigurationError
from apikley.receiver import Event, Inbox, Receiver
from apikley.receiver.inbox.rows import Delivery, Outcome
from apikley.receiver.work import workers
from contract_tests.receiver.inboxes import begin
from contract_tests.receiver.receivers import (
    WEBHOOK_KEY,
    DrivenClock,
    Make,
    Service,
    body_of,
    collect,
    deliver,
    signed,
)


def test_it_starts_again_after_it_was_stopped(tmp_path: Path) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=2)
    heard: list[str] = []
    handled = threading.Event()

    @receiver.on_any
    def handle(event: Event) -> None:
        heard.append(event.task_id)
        handled.set()

    for task_id in ("task_1", "task_2"):
        with receiver:
            deliver(receiver, task_id)
            assert handled.wait(10)
        handled.clear()
    assert heard == ["task_1", "task_2"]
    receiver.inbox.close()


def test_an_unopened_inbox_stops_the_start(tmp_path: Path) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "none" / "inbox.db")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        receiver.start()


def test_in_the_foreground_of_its_own_loop_an_async_handler_needs_a_thread(make_receiver: Make) -> None:
    receiver = make_receiver(in_app_loop=True)

    @receiver.on_any
    async def handle(event: Event) -> None:
        raise AssertionError("never reached")

    async def main() -> None:
        receiver.start()
        receiver.work()

    deliver(receiver, "task_1")
    asyncio.run(main())
    (entry,) = receiver.inbox.entries("pending")
    assert entry.error
    assert "asyncio.to_thread" in entry.error


async def handling_loop(receiver: Receiver) -> asyncio.AbstractEventLoop:
    """The event loop that a handler of one ending is run in, where the receiver is started in this one."""
    loops: list[asyncio.AbstractEventLoop] = []
    handled = threading.Event()

    @receiver.on_any
    async def handle(event: Event) -> None:
        loops.append(asyncio.get_running_loop())
        handled.set()

    async with receiver:
        receiver.inbox.write([Delivery("task_1", "success", body_of("task_1"), 0)])
        assert await asyncio.to_thread(handled.wait, 10)
    return loops[0]


@pytest.mark.parametrize("in_app_loop", [False, True])
def test_async_handlers_run_in_the_applications_loop_only_on_request(tmp_path: Path, in_app_loop: bool) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1, in_app_loop=in_app_loop)

    async def main() -> bool:
        return await handling_loop(receiver) is asyncio.get_running_loop()

    assert asyncio.run(main()) is in_app_loop
    receiver.inbox.close()


def test_an_async_client_is_awaited_in_the_applications_loop(tmp_path: Path) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    class Client(Service):
        async def get_task(self, task_id: str) -> TaskInfo:  # type: ignore[override]
            loops.append(asyncio.get_running_loop())
            return super().get_task(task_id)

    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1, client=Client(task_1="success"))

    async def main() -> None:
        await handling_loop(receiver)
        assert loops == [asyncio.get_running_loop()]

    asyncio.run(main())
    receiver.inbox.close()


def test_an_async_handler_that_blocks_holds_up_no_answer(tmp_path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()
    answered: list[bool] = []
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1)

    @receiver.on_any
    async def handle(event: Event) -> None:
        entered.set()
        answered.append(go_on.wait(10))

    async def main() -> int:
        transport = httpx2.ASGITransport(receiver)
        async with receiver, httpx2.AsyncClient(transport=transport, base_url="http://receiver.test") as client:
            receiver.inbox.write([Delivery("task_1", "success", body_of("task_1"), 0)])
            receiver._workers.wake()
            assert await asyncio.to_thread(entered.wait, 10)
            answer = await client.post("/", content=body_of("task_2"), headers=signed("task_2", time.time()))
            go_on.set()
            return answer.status_code

    assert asyncio.run(main()) == 200
    assert answered[0], "before the handler gave up waiting for it"
    receiver.inbox.close()


def threads_left() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("apikley-receiver")]


def test_its_threads_handle_what_comes_and_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    handled, entered, go_on = threading.Event(), threading.Event(), threading.Event()
    seen: list[str] = []
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=2)

    @receiver.on_success
    def slow(event: Event) -> None:
        entered.set()
        assert go_on.wait(10)

    @receiver.on_failure
    async def quick(event: Event) -> None:
        seen.append(event.task_id)
        handled.set()

    with receiver:
        assert deliver(receiver, "slow").status_code == 200
        assert entered.wait(10)
        assert deliver(receiver, "quick", "fail").status_code == 200, "acknowledged while a handler is busy"
        assert handled.wait(10)
        go_on.set()
    assert threads_left() == []
    assert receiver.inbox.counts() == {"done": 2}
    receiver.inbox.close()


def test_a_lease_is_renewed_while_a_handler_is_busy(tmp_path: Path) -> None:
    class Clock(DrivenClock):
        def monotonic(self) -> float:
            return self.time

    entered, go_on = threading.Event(), threading.Event()
    clock, renewed = Clock(), threading.Event()
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1, clock=clock, lease=60)
    renew = receiver.inbox.renew

    def watched(items: Any, until: float) -> None:
        renew(items, until)
        renewed.set()

    receiver.inbox.renew = watched  # type: ignore[method-assign]

    @receiver.on_any
    def handle(event: Event) -> None:
        entered.set()
        assert go_on.wait(10)

    with receiver:
        deliver(receiver, "task_1")
        assert entered.wait(10)
        clock.time += 50
        receiver._workers.wake()
        assert renewed.wait(10)
        clock.time += 50
        assert receiver.inbox.claim(clock.time, 60, 1) == [], "it is still held"
        go_on.set()
    assert receiver.inbox.counts() == {"done": 1}
    receiver.inbox.close()


def test_a_lease_shorter_than_the_pause_between_two_looks_is_renewed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_POLL", 1_000.0)
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1, lease=0.1)
    entered, renewed, seen = threading.Event(), threading.Event(), []
    renew = receiver.inbox.renew

    def watched(items: Any, until: float) -> None:
        renew(items, until)
        if entered.is_set():
            renewed.set()

    monkeypatch.setattr(receiver.inbox, "renew", watched)

    @receiver.on_any
    def handle(event: Event) -> None:
        entered.set()
        seen.append(renewed.wait(10))

    with receiver:
        deliver(receiver, "task_1")
        assert entered.wait(10)
        assert renewed.wait(10)
    assert seen == [True]
    receiver.inbox.close()


def test_a_database_that_fails_for_a_while_delays_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "_POLL", 0.01)
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1)
    claim, write = receiver.inbox.claim, receiver.inbox.write
    failures = {"claim": 3, "write": 3}
    heard: list[str] = []
    settled = threading.Event()

    def claims(*arguments: Any) -> Any:
        failures["claim"] -= 1
        if failures["claim"] >= 0:
            raise OSError("disk unplugged")
        return claim(*arguments)

    def writes(operations: Any) -> None:
        if any(isinstance(each, Outcome) for each in operations):
            failures["write"] -= 1
            if failures["write"] >= 0:
                raise OSError("disk unplugged")
            write(operations)
            settled.set()
        else:
            write(operations)

    monkeypatch.setattr(receiver.inbox, "claim", claims)
    monkeypatch.setattr(receiver.inbox, "write", writes)

    @receiver.on_any
    def handle(event: Event) -> None:
        heard.append(event.key)

    with receiver:
        deliver(receiver, "task_1")
        assert settled.wait(10)
    assert heard == ["task_1:success"]
    assert "the inbox cannot be read" in caplog.text
    assert "the outcome of task_1:success cannot be written" in caplog.text
    assert receiver.inbox.counts() == {"done": 1}
    receiver.inbox.close()


def test_an_outcome_that_cannot_be_written_does_not_keep_it_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driven_clock: DrivenClock
) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1, clock=driven_clock, lease=60)
    collect(receiver)
    write, failed = receiver.inbox.write, threading.Event()

    def writes(operations: Any) -> None:
        if any(isinstance(each, Outcome) for each in operations):
            failed.set()
            raise OSError("disk unplugged")
        write(operations)

    monkeypatch.setattr(receiver.inbox, "write", writes)
    with receiver:
        deliver(receiver, "task_1")
        assert failed.wait(10)
    assert threads_left() == []
    assert receiver.inbox.counts() == {"pending": 1}
    assert [item.key for item in receiver.inbox.claim(driven_clock.time + 61, 60, 1)] == ["task_1:success"]
    receiver.inbox.close()


def test_an_ending_that_is_being_handled_is_not_begun_again_where_the_clock_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driven_clock: DrivenClock
) -> None:
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=2, clock=driven_clock, lease=60)
    claim, claimed = receiver.inbox.claim, threading.Semaphore(0)
    entered, go_on = threading.Event(), threading.Event()
    heard: list[str] = []

    def claims(*arguments: Any) -> Any:
        try:
            return claim(*arguments)
        finally:
            claimed.release()

    monkeypatch.setattr(receiver.inbox, "claim", claims)

    @receiver.on_any
    def handle(event: Event) -> None:
        heard.append(event.key)
        entered.set()
        assert go_on.wait(10)

    with receiver:
        deliver(receiver, "task_1")
        assert entered.wait(10)
        driven_clock.time += 61
        while claimed.acquire(blocking=False):
            pass
        for _ in range(2):  # after the second, whatever the first has found is handed out
            receiver._workers.wake()
            assert claimed.acquire(timeout=10)
        go_on.set()
    assert heard == ["task_1:success"]
    assert receiver.inbox.counts() == {"done": 1}, "and its outcome counts"
    receiver.inbox.close()


def test_what_was_handled_long_ago_is_forgotten_each_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(DrivenClock):
        def monotonic(self) -> float:
            return self.time

    clock, forgotten = Clock(), threading.Event()
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1, clock=clock, keep=600)
    forget = receiver.inbox.forget

    def forgets(before: float) -> int:
        count = forget(before)
        if count:
            forgotten.set()
        return count

    monkeypatch.setattr(receiver.inbox, "forget", forgets)
    collect(receiver)
    deliver(receiver, "task_1")
    receiver.work()
    with receiver:
        for _ in range(200):
            clock.time += 3601
            receiver._workers.wake()
            if forgotten.wait(0.05):
                break
    assert receiver.inbox.counts() == {}
    receiver.inbox.close()


def test_its_threads_ask_for_what_is_overdue_and_survive_what_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, driven_clock: DrivenClock
) -> None:
    monkeypatch.setattr(workers, "_ASK", 0.01)
    service = Service(task_1="success")
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", client=service, workers=1, clock=driven_clock)
    overdue, handled = receiver.inbox.overdue, threading.Event()
    errors = [OSError("disk unplugged")]

    def asked(*arguments: Any) -> Any:
        if errors:
            raise errors.pop()
        return overdue(*arguments)

    monkeypatch.setattr(receiver.inbox, "overdue", asked)
    receiver.on_success(lambda _: handled.set())
    receiver.expect(SimpleNamespace(id="task_1"), due=0)
    with receiver:
        assert handled.wait(10)
    assert "overdue tasks cannot be asked for" in caplog.text
    assert receiver.inbox.counts() == {"done": 1}
    receiver.inbox.close()


def test_it_stops_though_a_thread_takes_the_last_from_the_queue_before_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Raced(queue.SimpleQueue[Any]):
        def empty(self) -> bool:
            return False  # as it was a moment ago

    monkeypatch.setattr(queue, "SimpleQueue", Raced)
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1)
    receiver.start()
    stopping = threading.Thread(target=receiver.stop, daemon=True)
    stopping.start()
    stopping.join(10)
    assert not stopping.is_alive()
    receiver.inbox.close()


def test_what_was_not_begun_when_it_stops_is_left_for_later(tmp_path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()
    receiver = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=1)

    @receiver.on_any
    def handle(event: Event) -> None:
        entered.set()
        assert go_on.wait(10)

    with receiver:
        for number in range(6):
            deliver(receiver, f"task_{number}")
        assert entered.wait(10)
        threading.Timer(0.1, go_on.set).start()
    counts = receiver.inbox.counts()
    assert counts["pending"] + counts["done"] == 6
    assert all(entry.attempts == 0 for entry in receiver.inbox.entries("pending"))
    receiver.inbox.close()


def test_a_crash_between_two_handlers_repeats_only_the_one_it_fell_into(
    tmp_path: Path, driven_clock: DrivenClock
) -> None:
    inbox = Inbox(tmp_path / "inbox.db")
    receiver = Receiver(WEBHOOK_KEY, inbox=inbox, workers=0, clock=driven_clock, lease=60)
    deliver(receiver, "task_1")
    begin(inbox, driven_clock.time)  # and then the process ends
    receiver.stop()
    inbox.close()
    after = Receiver(WEBHOOK_KEY, inbox=tmp_path / "inbox.db", workers=0, clock=driven_clock)
    events = collect(after)
    assert after.work() == 0
    driven_clock.time += 60
    assert after.work() == 1
    assert [event.attempt for event in events] == [2]
    after.inbox.close()


def test_importing_it_loads_no_database_until_it_is_needed() -> None:
    code = "import sys, apikley.receiver.listen; print('sqlalchemy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_every_public_name_can_be_had() -> None:
    import apikley.receiver

    for name in apikley.receiver.__all__:
        assert getattr(apikley.receiver, name).__name__ == name
    with pytest.raises(AttributeError, match=r"module 'apikley\.receiver' has no attribute 'Nothing'"):
        _ = apikley.receiver.Nothing


def test_a_part_that_is_missing_for_another_reason_is_not_blamed_on_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import apikley.receiver

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name="_sqlite3")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ModuleNotFoundError) as caught:
        apikley.receiver.__getattr__("Inbox")
    assert caught.value.name == "_sqlite3"
