"""A process that stood still, or whose clock jumped, handles nothing that another one has taken over."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apikley.receiver import Event, Receiver
from apikley.receiver.inbox.rows import Claim, Result
from apikley.receiver.work.processing import EventProcessor
from apikley.testing import ManualClock
from contract_tests.receiver.receivers import HANG, MakeReceiver, closing_receivers, store

LEASE = 60.0


@pytest.fixture
def pair(tmp_path: Path, clock: ManualClock) -> Any:
    """Two receivers of one inbox, as in two processes."""
    with closing_receivers(inbox=tmp_path / "inbox.db", workers=0, clock=clock, lease=LEASE) as make:
        yield make(), make()


def test_a_handler_does_not_begin_after_its_process_stood_still(
    pair: tuple[Receiver, Receiver], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, other = pair
    handled: Counter[str] = Counter()
    for name, receiver in (("frozen", frozen), ("other", other)):
        receiver.on_any(lambda _, name=name: handled.update([name]))
    process = frozen._workers.processor.process

    def stand_still(_: EventProcessor, claim: Claim) -> Result:
        monkeypatch.undo()
        clock.advance(LEASE)
        other.work()
        return process(claim)

    store(frozen)
    monkeypatch.setattr(EventProcessor, "process", stand_still)
    frozen.work()
    assert handled == {"other": 1}
    assert frozen.inbox.counts() == {"done": 1}


def test_the_next_handler_does_not_begin_after_its_process_stood_still(
    pair: tuple[Receiver, Receiver], clock: ManualClock
) -> None:
    frozen, other = pair
    handled: Counter[str] = Counter()
    is_frozen = [True]

    def first(_: Event) -> None:
        handled.update(["first"])
        if is_frozen.pop() if is_frozen else False:
            clock.advance(LEASE)
            other.work()

    def second(_: Event) -> None:
        handled.update(["second"])

    for receiver in (frozen, other):
        receiver.on_any(first)
        receiver.on_any(second)
    store(frozen)
    frozen.work()
    # The first handler was running when the process stood still, so it ran twice. The second one did not.
    assert handled == {"first": 2, "second": 1}
    assert frozen.inbox.counts() == {"done": 1}


def test_a_success_is_recorded_although_another_process_has_taken_the_event_over(
    pair: tuple[Receiver, Receiver], clock: ManualClock
) -> None:
    frozen, other = pair
    attempts: list[Event] = []

    def slow(_: Event) -> None:
        clock.advance(LEASE)
        other.work()

    def failing(event: Event) -> None:
        attempts.append(event)
        raise OSError("no disk")

    frozen.on_any(slow)
    other.on_any(failing)
    store(frozen)
    frozen.work()
    clock.advance(1e6)
    other.work()
    assert len(attempts) == 1
    assert frozen.inbox.counts() == {"done": 1}


def test_a_jump_of_the_wall_clock_ends_no_lease(tmp_path: Path) -> None:
    entered, go_on, handled = threading.Event(), threading.Event(), Counter[str]()

    class Jumping(ManualClock):
        """Its wall clock is two minutes ahead of the other one's."""

        def now(self) -> Any:
            return super().now() + timedelta(seconds=120)

    def slow(_: Event) -> None:
        handled.update(["slow"])
        entered.set()
        assert go_on.wait(HANG)

    with closing_receivers(inbox=tmp_path / "inbox.db", lease=LEASE) as make:
        holder = make(workers=1, clock=ManualClock())
        holder.on_any(slow)
        store(holder)
        holder.start()
        assert entered.wait(HANG)
        jumped = make(workers=0, clock=Jumping())
        jumped.on_any(lambda _: handled.update(["jumped"]))
        assert jumped.work() == 0
        go_on.set()
        holder.stop()
    assert handled == {"slow": 1}


def test_no_event_is_claimed_ahead_of_a_free_worker(threaded: MakeReceiver) -> None:
    receiver, entered, go_on = threaded(workers=2), threading.Semaphore(0), threading.Event()

    def slow(_: Event) -> None:
        entered.release()
        assert go_on.wait(HANG)

    receiver.on_any(slow)
    for number in range(5):
        store(receiver, f"task_{number}")
    receiver.start()
    for _ in range(2):
        assert entered.acquire(timeout=HANG)
    assert receiver.inbox.counts() == {"processing": 2, "pending": 3}
    go_on.set()
