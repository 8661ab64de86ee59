"""Handlers are called once for each ending, and again when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from apikley.errors import ConfigurationError
from apikley.receiver import Event, Receiver, Retries
from apikley.receiver.inbox.rows import Begun, Outcome
from contract_tests.receiver.inboxes import LEASE, begin
from contract_tests.receiver.receivers import (
    DrivenClock,
    Make,
    collect,
    deliver,
)


def test_each_handler_gets_what_it_asked_for(make_receiver: Make) -> None:
    receiver = make_receiver()
    heard: list[str] = []

    @receiver.on_success
    def won(event: Event) -> None:
        heard.append(f"won {event.task_id}")

    @receiver.on_failure
    def lost(event: Event) -> None:
        heard.append(f"lost {event.task_id}")

    @receiver.on_any
    async def ended(event: Event) -> None:
        await asyncio.sleep(0)
        heard.append(f"ended {event.task_id}")

    deliver(receiver, "a")
    deliver(receiver, "b", "fail")
    receiver.work()
    assert heard == ["won a", "ended a", "lost b", "ended b"]


def test_a_handler_may_give_anything_that_can_be_awaited(make_receiver: Make) -> None:
    receiver = make_receiver()
    heard: list[str] = []

    class Saving:
        """Not a coroutine, but awaitable, as the futures of many libraries are."""

        def __init__(self, event: Event) -> None:
            self.event = event

        def __await__(self) -> Generator[None, None, None]:
            yield
            heard.append(self.event.task_id)

    receiver.on_any(Saving)
    deliver(receiver, "a")
    receiver.work()
    assert heard == ["a"]


def test_async_handlers_stay_in_the_loop_that_was_begun_for_them(make_receiver: Make) -> None:
    receiver = make_receiver()
    loops: list[asyncio.AbstractEventLoop] = []

    @receiver.on_any
    async def handle(event: Event) -> None:
        loops.append(asyncio.get_running_loop())

    for task_id in ("a", "b"):
        deliver(receiver, task_id)  # in a loop of its own, which is closed before the handler is called
        receiver.work()
    assert loops[0] is loops[1]


def test_a_handler_that_fails_is_called_again_later_and_the_others_are_not(
    make_receiver: Make, driven_clock: DrivenClock
) -> None:
    receiver = make_receiver(retries=Retries(attempts=5, first=10))
    heard: list[str] = []

    @receiver.on_any
    def first(event: Event) -> None:
        heard.append(f"first {event.attempt}")

    @receiver.on_any
    def second(event: Event) -> None:
        heard.append(f"second {event.attempt}")
        if event.attempt < 3:
            raise OSError("no disk")

    deliver(receiver, "task_1")
    receiver.work()
    receiver.work()
    assert heard == ["first 1", "second 1"]
    for seconds in (10, 20, 1000):
        driven_clock.time += seconds
        receiver.work()
    assert heard == ["first 1", "second 1", "second 2", "second 3"]
    assert receiver.inbox.counts() == {"done": 1}


@pytest.mark.parametrize("error", [ValueError("bad\n\0line \ud800"), SystemExit(3), asyncio.CancelledError()], ids=repr)
def test_a_handler_that_never_succeeds_is_given_up_listed_and_replayed(
    make_receiver: Make, driven_clock: DrivenClock, error: BaseException
) -> None:
    receiver = make_receiver(retries=Retries(attempts=3, first=1))
    broken = True

    @receiver.on_any
    def handle(event: Event) -> None:
        if broken:
            raise error

    deliver(receiver, "task_1")
    for _ in range(5):
        receiver.work()
        driven_clock.time += 100
    (entry,) = receiver.inbox.entries("dead")
    assert (entry.key, entry.attempts) == ("task_1:success", 3)
    assert entry.error
    assert entry.error.startswith(type(error).__name__)
    broken = False
    receiver.inbox.replay(driven_clock.time)
    receiver.work()
    assert receiver.inbox.counts() == {"done": 1}


def test_what_ends_the_process_each_time_is_given_up_too(make_receiver: Make, driven_clock: DrivenClock) -> None:
    receiver = make_receiver(retries=Retries(attempts=3))
    events = collect(receiver)
    deliver(receiver, "task_1")
    for _ in range(3):
        begin(receiver.inbox, driven_clock.time)
        driven_clock.time += LEASE
    receiver.work()
    assert events == []
    (entry,) = receiver.inbox.entries("dead")
    assert (entry.attempts, entry.error) == (3, "the process ended during 3 attempts in a row")


def test_what_was_never_begun_is_not_given_up_for_what_a_process_ends_in_each_time(
    make_receiver: Make, driven_clock: DrivenClock
) -> None:
    receiver = make_receiver(retries=Retries(attempts=3))
    events = collect(receiver)
    for number in range(8):
        deliver(receiver, f"task_{number}")
    for _ in range(3):
        claimed = receiver.inbox.claim(driven_clock.time, LEASE, 8)
        receiver.inbox.write([Begun(item) for item in claimed if item.task_id == "task_0"])
        driven_clock.time += LEASE  # the process ends here
    receiver.work()
    assert [event.attempt for event in events] == [1] * 7
    assert [entry.key for entry in receiver.inbox.entries("dead")] == ["task_0:success"]


def test_an_attempt_more_than_is_allowed_now_is_no_crash(make_receiver: Make, driven_clock: DrivenClock) -> None:
    receiver = make_receiver(retries=Retries(attempts=1))
    events = collect(receiver)
    deliver(receiver, "task_1")
    inbox = receiver.inbox
    inbox.write([Outcome(item, "pending", driven_clock.time) for item in begin(inbox, driven_clock.time)])
    receiver.work()
    assert [event.attempt for event in events] == [2], "when more were allowed, it was to be tried again"


def test_without_any_handler_endings_wait_for_one(make_receiver: Make, caplog: pytest.LogCaptureFixture) -> None:
    receiver = make_receiver()
    deliver(receiver, "task_1")
    assert [receiver.work(), receiver.work()] == [0, 0]
    assert receiver.inbox.counts() == {"pending": 1}
    assert [record.message for record in caplog.records] == [
        "there is no handler, so nothing is handled; what comes waits in the inbox for one"
    ]
    collect(receiver)
    assert receiver.work() == 1


def test_pauses_grow_and_end() -> None:
    retries = Retries(attempts=5, first=10, longest=30)
    pauses = [retries.pause(attempts) for attempts in (1, 2, 3, 4, 5)]
    assert pauses[4] is None
    for pause, full in zip(pauses, (10, 20, 30, 30), strict=False):
        assert pause is not None
        assert 0.8 * full <= pause <= full


def test_two_handlers_of_one_name_are_refused(make_receiver: Make) -> None:
    receiver = make_receiver()
    events: list[Event] = []
    receiver.on_success(events.append)
    with pytest.raises(ConfigurationError, match=r"there is a handler named .*append already"):
        receiver.on_any(events.append)
    with pytest.raises(ConfigurationError, match="is no handler"):
        receiver.on_any("save")  # type: ignore[type-var]


async def yields_async(event: Event) -> AsyncIterator[None]:
    yield


def yields(event: Event) -> Iterator[None]:
    yield


class Yields:
    def __call__(self, event: Event) -> Iterator[None]:
        yield


@pytest.mark.parametrize("handler", [yields_async, yields, Yields()], ids=["async", "sync", "an object"])
def test_a_generator_is_no_handler_since_nobody_would_run_it(make_receiver: Make, handler: Any) -> None:
    with pytest.raises(ConfigurationError, match="is no handler: it yields"):
        make_receiver().on_any(handler)


class Stop(BaseException):
    """As gevent's time-outs are: no Exception."""


class Unprintable(Exception):
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stop])
def test_in_the_foreground_what_is_more_than_a_failure_reaches_the_caller(
    make_receiver: Make, driven_clock: DrivenClock, error: type[BaseException]
) -> None:
    receiver = make_receiver(retries=Retries(first=10))
    heard: list[str] = []

    @receiver.on_any
    def first(event: Event) -> None:
        heard.append("first")

    @receiver.on_any
    def second(event: Event) -> None:
        if event.attempt == 1:
            raise error
        heard.append("second")

    deliver(receiver, "task_1")
    with pytest.raises(error):
        receiver.work()
    assert [(entry.status, entry.error) for entry in receiver.inbox.entries()] == [("pending", f"{error.__name__}:")]
    driven_clock.time += 10
    receiver.work()
    assert heard == ["first", "second"]
    assert receiver.inbox.counts() == {"done": 1}


def test_an_error_that_cannot_be_printed_is_a_failure_like_any(make_receiver: Make) -> None:
    receiver = make_receiver()

    @receiver.on_any
    def handle(event: Event) -> None:
        raise Unprintable

    deliver(receiver, "task_1")
    receiver.work()
    (entry,) = receiver.inbox.entries("pending")
    assert entry.error == "Unprintable"


def test_pauses_stay_finite_however_often_it_is_tried() -> None:
    pause = Retries(attempts=10_000, first=1, longest=30).pause(5_000)
    assert pause is not None
    assert 24 <= pause <= 30


def test_in_the_foreground_too_what_was_handled_long_ago_is_forgotten(
    make_receiver: Make, driven_clock: DrivenClock, tmp_path: Path
) -> None:
    def scheduled() -> Receiver:
        receiver = make_receiver(inbox=tmp_path / "inbox.db", keep=600)
        collect(receiver)
        receiver.work()
        return receiver

    deliver(make_receiver(inbox=tmp_path / "inbox.db"), "task_1")
    assert scheduled().inbox.counts() == {"done": 1}
    driven_clock.time += 601
    assert scheduled().inbox.counts() == {}
