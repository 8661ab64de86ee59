"""Single tasks by a key: the same key never pays twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from apikley import (
    ConfigurationError,
    CreateNotAdmitted,
    CreateOutcomeUnknown,
    RequestInvalid,
    ValidationFailed,
)
from apikley.batch import Batch, Budget, Jobs
from apikley_mock.plugin import MockService
from contract_tests.batch.conftest import MakeBatch
from contract_tests.batch.test_runs import CREATE, creates
from contract_tests.simulator.simulators import request_for


def with_jobs(batch: Batch, call: Callable[[Jobs], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with batch.jobs() as jobs:
            return await call(jobs)

    return asyncio.run(main())


def create(batch: Batch, key: str = "order-1", prompt: str = "a ship", **options: Any) -> Any:
    return with_jobs(batch, lambda jobs: jobs.create(key, request_for(prompt), **options))


def test_a_key_returns_the_same_task_after_a_restart(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    assert create(make_batch()).id == create(make_batch()).id
    assert creates(apikley_mock).total() == 1


def test_two_calls_with_one_key_at_the_same_time_create_one_task(
    make_batch: MakeBatch, apikley_mock: MockService
) -> None:
    async def twice(jobs: Jobs) -> set[str]:
        return {task.id for task in await asyncio.gather(*(jobs.create("a", request_for()) for _ in range(2)))}

    assert len(with_jobs(make_batch(), twice)) == 1
    assert creates(apikley_mock).total() == 1


def test_another_key_creates_another_task(make_batch: MakeBatch) -> None:
    batch = make_batch()
    assert create(batch, "order-1").id != create(batch, "order-2").id


def test_a_key_is_for_one_request(make_batch: MakeBatch) -> None:
    batch = make_batch()
    create(batch)
    with pytest.raises(ConfigurationError, match="order-1"):
        create(batch, prompt="another")


def test_an_invalid_request_is_not_sent(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    with pytest.raises(RequestInvalid, match="prompt"):
        create(make_batch(), prompt="x" * 9_999)
    assert not creates(apikley_mock)


def test_a_refusal_is_raised_and_the_key_can_be_tried_again(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(422, when=CREATE)
    batch = make_batch()
    with pytest.raises(ValidationFailed):
        create(batch)
    assert create(batch).id


def test_an_unknown_outcome_is_told_again_and_never_repeated(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(fault="reset", stage="after", when=CREATE)
    batch = make_batch()
    for _ in range(2):
        with pytest.raises(CreateOutcomeUnknown):
            create(batch)
    assert creates(apikley_mock).total() == 1


def test_a_spent_budget_admits_nothing(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    batch = make_batch()
    create(batch, "order-1", budgets=[Budget(3)])
    with_jobs(batch, lambda jobs: _end(jobs, "order-1", apikley_mock))
    with pytest.raises(CreateNotAdmitted, match="2 of 3 credits are spent; the next create costs 2"):
        create(batch, "order-2", budgets=[Budget(3)])
    assert create(batch, "order-2", budgets=[Budget(4)]).id


async def _end(jobs: Jobs, key: str, mock: MockService) -> None:
    row = await jobs.row(key)
    async with mock.async_client() as api:
        await jobs.ended(key, await api.get_task(row.task_id or ""))


def test_a_paused_batch_admits_nothing(make_batch: MakeBatch) -> None:
    batch = make_batch()
    batch.pause()
    with pytest.raises(CreateNotAdmitted, match="paused by a user"):
        create(batch)


def test_a_task_that_has_ended_is_done(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    batch = make_batch()
    create(batch)
    with_jobs(batch, lambda jobs: _end(jobs, "order-1", apikley_mock))
    assert batch.status().rows == {"done": 1}


def test_an_unknown_key_is_named(make_batch: MakeBatch) -> None:
    with pytest.raises(ConfigurationError, match="no row 'order-9'"):
        with_jobs(make_batch(), lambda jobs: jobs.row("order-9"))
