"""Async handlers and clients run in the application's event loop, or in one of the receiver's own."""

from __future__ import annotations

import asyncio
import threading
import time

import httpx2
import pytest

from apikley._model.task import TaskInfo
from apikley.receiver import Event
from apikley.receiver.work import async_calls, workers
from apikley.testing import ManualClock
from contract_tests.receiver.receivers import (
    HANG,
    BlockingHandler,
    MakeReceiver,
    Service,
    body_of,
    deliver,
    signed,
    store,
)

Loops = list[asyncio.AbstractEventLoop]


def test_async_handlers_and_clients_run_in_the_applications_loop(threaded: MakeReceiver) -> None:
    loops: Loops = []
    handled = threading.Event()

    class Client(Service):
        async def get_task(self, task_id: str) -> TaskInfo:
            loops.append(asyncio.get_running_loop())
            task: TaskInfo = super().get_task(task_id)
            return task

    receiver = threaded(client=Client(task_1="success"))
    store(receiver)

    @receiver.on_any
    async def handle(event: Event) -> None:
        loops.append(asyncio.get_running_loop())
        handled.set()

    async def main() -> None:
        async with receiver:
            assert await asyncio.to_thread(handled.wait, HANG)
        assert loops == [asyncio.get_running_loop()] * 2

    asyncio.run(main())


def test_async_handlers_run_in_one_loop_without_an_application(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    loops: Loops = []

    @receiver.on_any
    async def handle(event: Event) -> None:
        loops.append(asyncio.get_running_loop())

    for task_id in ("a", "b"):
        deliver(receiver, task_id)  # in a loop that is closed before the handler runs
        receiver.work()
    assert loops[0] is loops[1]


def test_a_callback_is_acknowledged_while_a_sync_handler_blocks(threaded: MakeReceiver) -> None:
    receiver, handler = threaded(), BlockingHandler()
    receiver.on_any(handler)
    store(receiver)

    async def main() -> int:
        transport = httpx2.ASGITransport(receiver)
        async with receiver, httpx2.AsyncClient(transport=transport, base_url="http://receiver.test") as client:
            await asyncio.to_thread(handler.wait_until_entered)
            response = await client.post("/", content=body_of("task_2"), headers=signed("task_2", time.time()))
            handler.go_on.set()
            return response.status_code

    assert asyncio.run(main()) == 200


def test_a_handler_whose_application_ends_before_it_starts_is_called_again(
    make_receiver: MakeReceiver, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_calls, "_CLOSED_CHECK", 0.01)
    receiver, loop, calls = make_receiver(), asyncio.new_event_loop(), list[int]()

    @receiver.on_any
    async def handle(event: Event) -> None:
        calls.append(event.attempt)

    async def start() -> None:
        receiver.start()

    store(receiver)
    loop.run_until_complete(start())
    run = asyncio.run_coroutine_threadsafe
    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", lambda *arguments: (run(*arguments), loop.close())[0])
    receiver.work()
    assert [row.error for row in receiver.inbox.rows()] == ["RuntimeError: the application's event loop was closed"]
    clock.advance(60)
    receiver.work()
    assert calls == [2]


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


def test_ctrl_c_in_an_async_handler_ends_the_application_and_loses_no_event(threaded: MakeReceiver) -> None:
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


def test_an_async_handler_that_never_ends_does_not_block_the_stop(
    threaded: MakeReceiver, monkeypatch: pytest.MonkeyPatch
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
