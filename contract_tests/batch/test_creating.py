"""Whatever the service responds to a create, its row has one outcome, and no create is sent twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import apikley_contract
from apikley.batch.ledger.rows import Budget, NewRow
from apikley.batch.run import context
from apikley.batch.run.context import Context
from apikley.batch.run.creating import Creator
from apikley.errors import LedgerUnavailable
from apikley.testing import ManualClock
from contract_tests.batch.create_service import (
    LOST,
    SILENT,
    CreateService,
    Response,
    create,
    created,
    envelope,
    page,
    working,
)
from contract_tests.batch.ledgers import LEASE, LIMITED, Rows, limits
from contract_tests.conftest import free_port, published_example

CODES = apikley_contract.codes()
MakeService = Callable[..., CreateService]

pytestmark = pytest.mark.parametrize("where", ["sqlite"], indirect=True)


@pytest.fixture
def make_service() -> Iterator[MakeService]:
    """Makes services that respond to creates."""
    made: list[CreateService] = []

    def make(*responses: Response) -> CreateService:
        made.append(CreateService(*responses))
        return made[-1]

    yield make
    for service in made:
        service.close()


@pytest.fixture
def row(rows: Rows) -> Rows:
    """A batch with the planned row `a`."""
    add(rows)
    rows.configure(price=5.0)
    return rows


def add(rows: Rows, **changes: Any) -> None:
    body = published_example()
    body = {"model": body["model"], "input": {**body["input"], **changes}}
    rows.ledger.add(rows.id, "table", [NewRow("a", 1, body["model"], json.dumps(body), "1")])


def test_a_create_is_sent_once(row: Rows, make_service: MakeService) -> None:
    service = make_service(created("task_1"))
    create(row, service.url)
    assert (row.state("a"), row.row("a").task_id) == ("running", "task_1")
    assert [post["input"] for post in service.posts] == [published_example()["input"]]


@pytest.mark.parametrize(
    "response",
    [
        LOST,
        page(500),
        page(502),
        page(408),
        Response(200, b"<html></html>"),
        Response(200, b""),
        Response(200, b'{"code":200,"msg":"success","data":null}'),
        envelope(CODES["PROVIDER_TIMEOUT"]),
        envelope(599, status=500),
    ],
    ids=["lost", "HTML 500", "HTML 502", "HTML 408", "HTML 200", "empty", "no task", "timeout", "unknown code"],
)
def test_a_response_that_proves_nothing_makes_the_row_unknown(
    row: Rows, make_service: MakeService, response: Response
) -> None:
    service = make_service(response, created())
    worker = create(row, service.url)
    assert (row.state("a"), row.row("a").credits) == ("unknown", 5)
    assert len(service.posts) == 1
    assert worker.stop is None
    assert row.ledger.status("batch").paused is None


@pytest.mark.parametrize(
    "name", ["BAD_REQUEST", "NOT_FOUND", "VALIDATION_FAILED", "SERVER_ERROR", "GENERATION_FAILED", "FEATURE_DISABLED"]
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_refused_row_is_settled(row: Rows, make_service: MakeService, name: str, status: int) -> None:
    service = make_service(envelope(CODES[name], status=status), created())
    create(row, service.url)
    found = row.row("a")
    assert (found.state, found.credits, found.error_code) == ("refused", 0, str(CODES[name]))
    assert len(service.posts) == 1
    assert row.ledger.status("batch").paused is None


@pytest.mark.parametrize("name", ["UNAUTHORIZED", "INSUFFICIENT_CREDITS", "SUB_KEY_LIMIT_EXCEEDED"])
def test_an_account_that_cannot_create_tasks_pauses_the_batch(row: Rows, make_service: MakeService, name: str) -> None:
    service = make_service(envelope(CODES[name]), created())
    worker = create(row, service.url)
    assert (row.state("a"), row.row("a").credits) == ("planned", None)
    assert len(service.posts) == 1
    assert worker.stop is not None
    assert worker.stop.kind == "paused"
    assert f"code {CODES[name]}" in (row.ledger.status("batch").paused or "")


@pytest.mark.parametrize(
    ("response", "pause"),
    [
        (envelope(CODES["RATE_LIMITED"]), 2),
        (page(429), 2),
        (envelope(CODES["RATE_LIMITED"], status=429, Retry_After="7"), 7),
        (envelope(CODES["MAINTENANCE"]), 30),
        (page(455), 30),
    ],
    ids=["429", "HTML 429", "Retry-After", "455", "HTML 455"],
)
def test_a_create_is_sent_again_after_a_refusal_for_now(
    row: Rows, make_service: MakeService, clock: ManualClock, response: Response, pause: float
) -> None:
    service = make_service(response, created())
    create(row, service.url)
    assert row.state("a") == "running"
    assert len(service.posts) == 2
    assert clock.monotonic() == pytest.approx(pause)
    assert row.ledger.status("batch").paused is None
    assert row.row("a").credits == 5


def test_a_long_maintenance_is_asked_about_less_and_less_often(
    row: Rows, make_service: MakeService, clock: ManualClock
) -> None:
    service = make_service(*[envelope(CODES["MAINTENANCE"])] * 4, created())
    create(row, service.url)
    assert len(service.posts) == 5
    assert clock.monotonic() == pytest.approx(30 + 60 + 60 + 60)


def test_an_invalid_row_is_refused_without_a_create(rows: Rows, make_service: MakeService) -> None:
    service = make_service(created())
    add(rows, prompt=7)
    create(rows, service.url)
    assert (rows.state("a"), rows.row("a").error_code) == ("refused", "invalid")
    assert service.posts == []


def test_a_row_whose_file_is_missing_is_refused_without_a_create(rows: Rows, make_service: MakeService) -> None:
    service = make_service(created())
    add(rows, image_url="missing.png")
    create(rows, service.url)
    assert rows.state("a") == "refused"
    assert service.posts == []


def test_nothing_is_sent_without_a_budget(row: Rows, make_service: MakeService) -> None:
    service = make_service(created())
    row.configure(max_credits=4.0)
    worker = create(row, service.url)
    assert row.state("a") == "planned"
    assert service.posts == []
    assert worker.stop is not None
    assert worker.stop.kind == "cap"


def test_the_budgets_of_a_worker_are_asked(row: Rows, make_service: MakeService) -> None:
    service = make_service(created())

    async def work(context: Context, _: Creator) -> None:
        await Creator(context, [Budget(4.0)]).create(row.claim("a"))

    working(row, service.url, work)
    assert service.posts == []


def test_nothing_is_sent_for_a_lost_claim(row: Rows, make_service: MakeService, clock: ManualClock) -> None:
    service = make_service(created())

    async def work(context: Context, creator: Creator) -> None:
        lost = row.claim("a")
        clock.advance(LEASE)
        row.claim("a", worker="another")
        assert await creator.create(lost) is None
        assert context.stop is None

    working(row, service.url, work)
    assert service.posts == []
    assert row.state("a") == "planned"


def test_nothing_is_sent_while_the_batch_is_paused(row: Rows, make_service: MakeService) -> None:
    service = make_service(created())
    row.ledger.pause(row.id, "paused by a user", by_user=True)
    create(row, service.url)
    assert service.posts == []


def test_a_model_at_its_own_limit_is_left_to_other_rows(rows: Rows, make_service: MakeService) -> None:
    service = make_service(created())
    add(rows)
    with limits(requests=9, model={"requests": 1, "seconds": 3_600, "concurrent": 9}):
        body = json.dumps({**published_example(), "model": LIMITED})
        rows.create("first", model=LIMITED)
        rows.ledger.add(rows.id, "table", [NewRow("second", 1, LIMITED, body, "1")])

        async def work(_: Context, creator: Creator) -> dict[str, float]:
            assert await creator.create(rows.claim("second")) is None
            return creator.skipped_models

        assert working(rows, service.url, work) == {LIMITED: 3_600}
    assert service.posts == []
    assert rows.state("second") == "planned"


def test_nothing_is_noted_without_a_connection(row: Rows) -> None:
    pauses: list[float] = []

    async def work(context: Context, creator: Creator) -> None:
        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                context.stopped.set()

        context.sleep_unless_stopped = sleep  # type: ignore[method-assign]
        claim = row.claim("a")
        assert await creator.create(claim) is None
        row.ledger.release([claim])

    working(row, f"http://127.0.0.1:{free_port()}", work)
    assert pauses == [1, 2, 4]
    assert row.state("a") == "planned"
    assert row.claim("a").attempts == 0


def test_a_create_that_is_interrupted_while_it_is_sent_becomes_unknown(row: Rows, make_service: MakeService) -> None:
    service = make_service(SILENT)

    async def work(_: Context, creator: Creator) -> None:
        task = asyncio.create_task(creator.create(row.claim("a")))
        await asyncio.to_thread(service.received.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    working(row, service.url, work)
    assert (row.state("a"), row.row("a").credits) == ("unknown", 5)
    assert len(service.posts) == 1


@pytest.mark.parametrize("is_noted", [True, False])
def test_nothing_is_sent_when_the_ledger_fails_during_an_admission(
    row: Rows, make_service: MakeService, monkeypatch: pytest.MonkeyPatch, is_noted: bool
) -> None:
    service = make_service(created())
    admit, failures = row.ledger.admit, 1

    def fail_once(*arguments: Any) -> Any:
        nonlocal failures
        if not failures:
            return admit(*arguments)
        failures -= 1
        if is_noted:
            admit(*arguments)
        assert service.posts == []
        raise LedgerUnavailable("the connection is lost")

    monkeypatch.setattr(row.ledger, "admit", fail_once)
    create(row, service.url)
    assert len(service.posts) == 1
    assert row.state("a") == "running"


def test_an_outcome_is_noted_when_the_ledger_is_back(
    row: Rows, make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(created())
    note, failures = row.ledger.created, 1

    def fail_once(*arguments: Any) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise LedgerUnavailable("the connection is lost")
        return note(*arguments)

    monkeypatch.setattr(row.ledger, "created", fail_once)
    monkeypatch.setattr(context, "_FIRST_PAUSE", 0.0)
    create(row, service.url)
    assert len(service.posts) == 1
    assert row.state("a") == "running"
