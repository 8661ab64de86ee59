"""Handlers are called once for each completion, and again when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from apikley.errors import ConfigurationError
from apikley.receiver import Event, RetryPolicy
from apikley.testing import ManualClock
from contract_tests.receiver.inboxes import LEASE
from contract_tests.receiver.receivers import MakeReceiver, collect, deliver


def unix(clock: ManualClock) -> float:
    return clock.now().timestamp()


def test_each_handler_gets_the_events_of_its_states(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    calls: list[str] = []
    receiver.on_success(lambda event: calls.append(f"success {event.task_id}"))

    @receiver.on_failure
    def failed(event: Event) -> None:
        calls.append(f"failure {event.task_id}")

    @receiver.on_any
    async def ended(event: Event) -> None:
        await asyncio.sleep(0)
        calls.append(f"any {event.task_id}")

    deliver(receiver, "a")
    deliver(receiver, "b", "fail")
    receiver.work()
    assert calls == ["success a", "any a", "failure b", "any b"]


def test_a_handler_may_return_any_awaitable(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    awaited: list[str] = []

    class Saving:
        """An awaitable that is not a coroutine, such as the futures of many libraries."""

        def __init__(self, event: Event) -> None:
            self.event = event

        def __await__(self) -> Generator[None, None, None]:
            yield
            awaited.append(self.event.task_id)

    receiver.on_any(Saving)
    deliver(receiver, "a")
    receiver.work()
    assert awaited == ["a"]


def test_a_failed_handler_is_called_again_and_the_others_are_not(
    make_receiver: MakeReceiver, clock: ManualClock
) -> None:
    receiver = make_receiver(retries=RetryPolicy(attempts=5, first=10))
    calls: list[str] = []
    receiver.on_any(lambda event: calls.append(f"first {event.attempt}"))

    @receiver.on_any
    def second(event: Event) -> None:
        calls.append(f"second {event.attempt}")
        if event.attempt < 3:
            raise OSError("no disk")

    deliver(receiver, "task_1")
    receiver.work()
    receiver.work()
    assert calls == ["first 1", "second 1"]
    assert receiver.inbox.counts() == {"failed": 1}
    for seconds in (10, 20, 1000):
        clock.advance(seconds)
        receiver.work()
    assert calls == ["first 1", "second 1", "second 2", "second 3"]
    assert receiver.inbox.counts() == {"done": 1}


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "error", [ValueError("bad\n\0line \ud800"), SystemExit(3), asyncio.CancelledError(), Unprintable()], ids=type
)
def test_an_event_whose_handler_never_succeeds_is_dead_until_it_is_replayed(
    make_receiver: MakeReceiver, clock: ManualClock, error: BaseException
) -> None:
    receiver = make_receiver(retries=RetryPolicy(attempts=3, first=1))
    is_broken = True

    @receiver.on_any
    def handle(event: Event) -> None:
        if is_broken:
            raise error

    deliver(receiver, "task_1")
    for _ in range(5):
        receiver.work()
        clock.advance(100)
    (row,) = receiver.inbox.rows("dead")
    assert (row.event_id, row.attempts) == ("task_1:success", 3)
    assert row.error is not None
    assert row.error.startswith(type(error).__name__)
    is_broken = False
    receiver.inbox.replay(unix(clock))
    receiver.work()
    assert receiver.inbox.counts() == {"done": 1}


def test_an_event_that_ends_the_process_at_each_attempt_is_dead(
    make_receiver: MakeReceiver, clock: ManualClock
) -> None:
    receiver = make_receiver(retries=RetryPolicy(attempts=3))
    events = collect(receiver)
    deliver(receiver, "task_1")
    for _ in range(3):
        assert len(receiver.inbox.claim(unix(clock), LEASE, 1)) == 1
        clock.advance(LEASE)
    receiver.work()
    assert events == []
    (row,) = receiver.inbox.rows("dead")
    assert (row.error, row.attempts) == ("the process ended during attempt 3", 3)


def test_an_event_whose_process_ended_is_handled_by_the_next_process(
    make_receiver: MakeReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    first, second = (make_receiver(inbox=tmp_path / "inbox.db") for _ in range(2))
    deliver(first, "task_1")
    first.inbox.claim(unix(clock), LEASE, 1)  # then the process ends
    events = collect(second)
    assert second.work() == 0
    clock.advance(LEASE)
    assert second.work() == 1
    assert [event.attempt for event in events] == [2]


def test_events_wait_until_a_handler_is_registered(
    make_receiver: MakeReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = make_receiver()
    deliver(receiver, "task_1")
    assert [receiver.work(), receiver.work()] == [0, 0]
    assert receiver.inbox.counts() == {"pending": 1}
    assert [record.message for record in caplog.records] == ["no handler is registered; events wait in the inbox"]
    collect(receiver)
    assert receiver.work() == 1


@pytest.mark.parametrize(("attempts", "full"), [(1, 10), (2, 20), (3, 30), (4, 30), (5_000, 30)])
def test_pauses_double_up_to_the_longest(attempts: int, full: float) -> None:
    pause = RetryPolicy(attempts=10_000, first=10, longest=30).pause(attempts)
    assert pause is not None
    assert 0.8 * full <= pause <= full


def test_no_pause_follows_the_last_attempt() -> None:
    assert RetryPolicy(attempts=5).pause(5) is None


def test_two_handlers_of_one_name_are_refused(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    with pytest.raises(ConfigurationError, match=r"there is already a handler named .*append"):
        receiver.on_success(events.append)


async def yields_async(event: Event) -> AsyncIterator[None]:
    yield


class Yields:
    def __call__(self, event: Event) -> Iterator[None]:
        yield


@pytest.mark.parametrize(
    ("handler", "message"),
    [(yields_async, "is a generator"), (Yields(), "is a generator"), ("save", "is not callable")],
    ids=["async generator", "object", "text"],
)
def test_only_a_function_can_be_a_handler(make_receiver: MakeReceiver, handler: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_receiver().on_any(handler)


class Timeout(BaseException):
    """Not an Exception, as gevent's timeouts."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Timeout])
def test_work_raises_what_is_more_than_a_failure(
    make_receiver: MakeReceiver, clock: ManualClock, error: type[BaseException]
) -> None:
    receiver = make_receiver(retries=RetryPolicy(first=10))
    calls: list[str] = []
    receiver.on_any(lambda _: calls.append("first"))

    @receiver.on_any
    def second(event: Event) -> None:
        if event.attempt == 1:
            raise error
        calls.append("second")

    deliver(receiver, "task_1")
    with pytest.raises(error):
        receiver.work()
    assert [(row.status, row.error) for row in receiver.inbox.rows()] == [("failed", f"{error.__name__}:")]
    clock.advance(10)
    receiver.work()
    assert calls == ["first", "second"]


def test_work_prunes_old_events(make_receiver: MakeReceiver, clock: ManualClock, tmp_path: Path) -> None:
    def counts_after_work() -> dict[str, int]:
        receiver = make_receiver(inbox=tmp_path / "inbox.db", keep=600)
        collect(receiver)
        receiver.work()
        return receiver.inbox.counts()

    deliver(make_receiver(inbox=tmp_path / "inbox.db"), "task_1")
    assert counts_after_work() == {"done": 1}
    clock.advance(601)
    assert counts_after_work() == {}
