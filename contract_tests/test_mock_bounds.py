"""Whatever is asked of the simulator, and for however long, its memory stays bounded and nobody waits for long."""

from __future__ import annotations

import pytest

from apikley_mock.clock import VirtualClock
from apikley_mock.engine import Task
from apikley_mock.plan import CallbackPlan, Durations, Plan
from apikley_mock.service import Service
from apikley_mock.settings import Settings
from contract_tests.simulators import MODEL

NOWHERE = "http://127.0.0.1:9/callback"
AT_ONCE = Durations(0, 0, 0)


def _create(service: Service, body: bytes = b"{}") -> Task:
    """One more task of the account, with a callback that nobody takes."""
    (account,) = service.accounts
    task = service.engine.create(MODEL, body, account, service.plan_for(MODEL), service.clock.now())
    task.callback_url = NOWHERE
    return task


def test_the_bodies_of_all_tasks_are_bounded_together() -> None:
    service = Service(Settings(bodies_kept=10_000), VirtualClock())
    tasks = [_create(service, b"x" * 1000) for _ in range(30)]
    assert list(service.engine.tasks.values()) == tasks[-10:]
    large = _create(service, b"x" * 20_000)
    assert list(service.engine.tasks.values()) == [large], "the newest is kept, however large"


def test_a_task_keeps_its_body_once() -> None:
    body = b'{"input": "\xf0\x9f\x9a\xa2"}' * 1000
    task = _create(Service(clock=VirtualClock()), body)
    assert task.body is body
    assert task.param == body.decode()


@pytest.mark.anyio
async def test_nothing_of_a_forgotten_task_is_kept_or_sent() -> None:
    service = Service(Settings(tasks_kept=10), VirtualClock())
    tasks = [_create(service) for _ in range(5000)]
    assert len(service.engine._endings) <= 150
    await service.advance(10_000)
    await service.close()
    assert {entry.task_id for entry in service.journal.callbacks()} == {task.id for task in tasks[-10:]}


@pytest.mark.anyio
async def test_callbacks_put_off_are_dropped_with_their_tasks() -> None:
    late = Plan(durations=AT_ONCE, callback=CallbackPlan(delay=1000))
    service = Service(Settings(tasks_kept=10, plan=late, durations=AT_ONCE), VirtualClock())
    for _ in range(5000):
        _create(service)
        service.tick()
    assert service.deliveries.planned() <= 1100
    await service.advance(900)
    assert service.journal.callbacks() == []
    await service.advance(200)
    await service.close()
    assert len(service.journal.callbacks()) <= 4 * 10


def test_a_task_that_goes_by_look_ups_ends_once_however_often_it_is_looked_up() -> None:
    service = Service(Settings(plan=Plan(progress="polls")), VirtualClock())
    task = _create(service)
    for _ in range(100):
        service.engine.look(task, service.clock.now())
    assert len(service.engine._endings) == 1


@pytest.mark.anyio
async def test_callbacks_wait_for_a_free_connection_without_keeping_the_loop_busy() -> None:
    service = Service(Settings(plan=Plan(durations=AT_ONCE), durations=AT_ONCE), VirtualClock())
    for _ in range(200):
        _create(service)
    service.tick()
    assert service.deliveries.planned() == 200
    assert service.deliveries.next_attempt() is None, "all connections are busy"
    await service.advance(0)
    await service.close()
    assert len({entry.task_id for entry in service.journal.callbacks()}) == 200
