"""Nobody pays twice, more than the budget, or without the consent that was asked for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult, ErrorData, InputRequiredResult

from apikley.batch.ledger.store import Ledger
from contract_tests.mcp.agents import CREATE, ERAS, Agents, User, run
from contract_tests.simulator.simulators import request_for


@pytest.mark.parametrize("key", [{"idempotency_key": "cat"}, {}], ids=["given", "derived"])
def test_the_same_key_returns_the_same_task_after_a_restart(agents: Agents, key: dict[str, str]) -> None:
    async def work() -> None:
        answers = []
        for _ in range(2):
            async with agents.open() as call:
                answers += [(await call.create(**key)).document for _ in range(2)]
        assert len({each["task_id"] for each in answers}) == 1
        assert [each["already_created"] for each in answers] == [False, True, True, True]

    run(work)
    assert agents.created() == 1


def test_another_key_or_another_request_creates_another_task(agents: Agents) -> None:
    async def work() -> None:
        async with agents.open() as call:
            created = [await call.create(), await call.create("a cat"), await call.create(idempotency_key="second")]
            assert len({each.document["task_id"] for each in created}) == 3

    run(work)


def test_a_key_is_for_one_request(agents: Agents) -> None:
    async def work() -> None:
        async with agents.open() as call:
            await call.create(idempotency_key="cat")
            other = await call.create("another", idempotency_key="cat")
            assert other.is_error
            assert "was used for another request" in other.text

    run(work)
    assert agents.created() == 1


def test_a_task_can_be_waited_for_after_a_restart(agents: Agents) -> None:
    async def work() -> None:
        async with agents.open() as call:
            task_id = (await call.create()).document["task_id"]
        async with agents.open() as call:
            (listed,) = (await call("list_tasks")).document["tasks"]
            assert (listed["task_id"], listed["state"]) == (task_id, "running")
            assert (await call("wait_for_task", task_id=task_id)).document["finished"]

    run(work)


def test_two_agents_with_one_key_get_one_task(agents: Agents) -> None:
    async def work() -> None:
        async with agents.open() as first, agents.open() as second:
            answers = await asyncio.gather(*(call.create(idempotency_key="cat") for call in (first, second, first)))
            assert len({each.document["task_id"] for each in answers}) == 1

    run(work)
    assert agents.created() == 1


def test_a_lost_response_is_told_as_unknown_and_the_same_key_creates_nothing(agents: Agents) -> None:
    agents.mock.fail_next(fault="reset", stage="after", when=CREATE)

    async def work() -> None:
        for _ in range(2):
            async with agents.open() as call:
                lost = await call.create(idempotency_key="cat")
                assert lost.is_error
                assert lost.text.startswith("OUTCOME UNKNOWN")
                assert "Do not create it again with another idempotency_key" in lost.text
                (listed,) = (await call("list_tasks")).document["tasks"]
                assert listed["state"] == "unknown"

    run(work)
    assert agents.created() == 1
    (task_id,) = agents.mock._service.engine.tasks

    async def settle() -> None:
        async with agents.open() as call:
            assert (await call("wait_for_task", task_id=task_id)).document["state"] == "success"

    run(settle)


def test_a_lost_create_counts_as_spent(agents: Agents) -> None:
    agents.mock.fail_next(fault="reset", stage="after", when=CREATE)

    async def work() -> None:
        async with agents.open(max_credits=3) as call:
            await call.create(idempotency_key="a")
            assert "2 of 3 credits are spent" in (await call.create(idempotency_key="b")).text

    run(work)
    assert agents.created() == 1


def test_the_budget_of_a_run_is_never_exceeded(agents: Agents) -> None:
    async def work() -> None:
        async with agents.open(max_credits=5) as call:
            answers = []
            for key in "abc":
                answers.append(await call.create(idempotency_key=key))
                if task := answers[-1].document:
                    await call("wait_for_task", task_id=task["task_id"])
            assert [each.is_error for each in answers] == [False, False, True]
            assert "4 of 5 credits are spent; the next create costs 2" in answers[-1].text
            assert "--max-credits" in answers[-1].text
        async with agents.open(max_credits=5) as call:  # another run has a budget of its own
            assert not (await call.create(idempotency_key="c")).is_error

    run(work)
    assert agents.created() == 3


def test_the_budget_of_a_day_holds_over_all_runs(agents: Agents) -> None:
    async def work() -> None:
        errors = []
        for key in "abc":
            async with agents.open(max_credits_per_day=5) as call:
                created = await call.create(idempotency_key=key)
                errors.append(created.is_error)
                if task := created.document:
                    await call("wait_for_task", task_id=task["task_id"])
        assert errors == [False, False, True]
        assert "4 of 5 credits" in created.text

    run(work)
    assert agents.created() == 2


def test_a_task_that_has_ended_frees_its_budget_without_being_waited_for(agents: Agents) -> None:
    agents.mock.set_shapes("documented")  # in these the service states the price
    agents.mock.set_credits(1_000)

    async def work() -> None:
        async with agents.open(price=None, max_credits=10) as call:
            await call.create(idempotency_key="a")
            agents.mock.advance(10)
            assert not (await call.create(idempotency_key="b")).is_error

    run(work)
    assert agents.created() == 2


def test_a_budget_that_was_reserved_for_an_unknown_price_is_no_price(agents: Agents) -> None:
    user = User("accept")

    async def work() -> None:
        async with agents.open(user=user, price=None, max_credits=10, confirm_above=1) as call:
            task_id = (await call.create(idempotency_key="a")).document["task_id"]
            await call("wait_for_task", task_id=task_id)
            refused = await call.create(idempotency_key="b")
            assert "10 of 10 credits are spent" in refused.text
            assert "--price" in refused.text
        async with agents.open(user=user, price=None, max_credits=30, confirm_above=1) as call:
            assert not (await call.create(idempotency_key="b")).is_error

    run(work)
    assert agents.created() == 2
    assert [asked for asked in user.asked if "a price that is not known yet" not in asked] == []


def test_without_a_price_the_first_task_reserves_the_budget(agents: Agents) -> None:
    agents.mock.plan_next(outcome="never")

    async def work() -> None:
        async with agents.open(price=None, wait=0.2) as call:
            await call.create(idempotency_key="a")
            late = await call.create(idempotency_key="b")
            assert late.is_error
            assert "was not sent" in late.text
            assert "wait_for_task" in late.text

    run(work)
    assert agents.created() == 1


@pytest.mark.parametrize("era", ERAS)
def test_a_person_confirms_an_expensive_create(agents: Agents, era: str) -> None:
    user = User("accept")

    async def work() -> None:
        async with agents.open(era, user, confirm_above=1) as call:
            assert not (await call.create("a \u202eship", idempotency_key="cat")).is_error
            assert not (await call.create("a \u202eship", idempotency_key="cat")).is_error

    run(work)
    (asked,) = user.asked  # the second call pays nothing
    assert "for 2 credits?" in asked
    assert "a \ufffdship" in asked
    assert agents.created() == 1


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_create_that_is_not_confirmed_is_not_sent(agents: Agents, era: str, action: str) -> None:
    async def work() -> None:
        async with agents.open(era, User(action), confirm_above=1) as call:
            declined = await call.create()
            assert declined.is_error
            assert "did not confirm" in declined.text

    run(work)
    assert not agents.created()


@pytest.mark.parametrize("era", ERAS)
def test_a_client_that_cannot_ask_may_create_only_below_the_price(agents: Agents, era: str) -> None:
    async def work() -> None:
        async with agents.open(era, confirm_above=1) as call:
            refused = await call.create()
            assert refused.is_error
            assert "cannot ask" in refused.text
        async with agents.open(era, confirm_above=2) as call:
            assert not (await call.create()).is_error

    run(work)
    assert agents.created() == 1


def test_a_client_that_fails_to_ask_creates_nothing(agents: Agents) -> None:
    async def broken(*_: object) -> ErrorData:
        return ErrorData(code=-32603, message="no window")

    async def work() -> None:
        async with agents.open(user=broken, confirm_above=1) as call:
            refused = await call.create()
            assert refused.is_error
            assert "could not be asked" in refused.text

    run(work)
    assert not agents.created()


def test_an_unknown_price_is_confirmed(agents: Agents) -> None:
    user = User("accept")

    async def work() -> None:
        async with agents.open(user=user, price=None, confirm_above=1_000) as call:
            await call.create()

    run(work)
    assert "a price that is not known yet" in user.asked[0]


def test_a_consent_is_for_the_arguments_that_were_asked_for(agents: Agents) -> None:
    async def work() -> None:
        async with agents.open("auto", User("accept"), confirm_above=1) as call:
            session = call.client.session
            first = await session.call_tool("create_video", request_for("a ship"), allow_input_required=True)
            assert isinstance(first, InputRequiredResult)
            call.told.append(first.model_dump_json())
            accepted: Any = {name: ElicitResult(action="accept", content={}) for name in first.input_requests or {}}
            with pytest.raises(MCPError, match="requestState"):
                await session.call_tool(
                    "create_video",
                    request_for("another"),
                    input_responses=accepted,
                    request_state=first.request_state,
                    allow_input_required=True,
                )

    run(work)
    assert not agents.created()


@pytest.mark.parametrize("era", ERAS)
def test_a_cancelled_wait_leaves_the_task_and_the_server_alone(agents: Agents, era: str) -> None:
    agents.mock.plan_next(outcome="never")

    async def work() -> None:
        async with agents.open(era) as call:
            task_id = (await call.create()).document["task_id"]
            waiting = asyncio.ensure_future(call("wait_for_task", task_id=task_id))
            await call.has_progress.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (await call("get_task", task_id=task_id)).document["finished"] is False

    run(work)
    assert agents.created() == 1


def test_a_create_goes_on_when_its_call_is_cancelled(agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    sent, released, created = threading.Event(), threading.Event(), Ledger.created

    def late(*arguments: Any) -> None:
        sent.set()
        released.wait(600)
        created(*arguments)

    monkeypatch.setattr(Ledger, "created", late)

    async def work() -> None:
        async with agents.open() as call:
            creating = asyncio.ensure_future(call.create(idempotency_key="cat"))
            await asyncio.to_thread(sent.wait, 600)
            creating.cancel()
            with pytest.raises(asyncio.CancelledError):
                await creating
            released.set()
            assert (await call.create(idempotency_key="cat")).document["task_id"]

    run(work)
    assert agents.created() == 1


def test_a_create_that_a_killed_server_sent_is_unknown(agents: Agents) -> None:
    async def work() -> None:
        async with agents.open() as call:
            await call.create(idempotency_key="cat")
        with Ledger(agents.database) as ledger, ledger._database.begin() as connection:
            # As a server leaves it that was killed before the response.
            connection.exec_driver_sql("UPDATE apikley_rows SET state = 'sending', task_id = NULL")
        async with agents.open() as call:
            assert (await call.create(idempotency_key="cat")).text.startswith("OUTCOME UNKNOWN")

    run(work)
    assert agents.created() == 1
