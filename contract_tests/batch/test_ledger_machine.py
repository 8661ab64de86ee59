"""In any order of events, workers that share a ledger stay within its limits and pay each row once."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from apikley.batch.ledger.admission import Intent
from apikley.batch.ledger.rows import OPEN, Budget, Claim, State, Stop
from apikley.batch.ledger.store import Ledger
from apikley.testing import ManualClock
from contract_tests.batch.ledgers import (
    ACCOUNT,
    FILES,
    LEASE,
    LIMITED,
    NO_RESPONSE,
    drop_tables,
    limits,
    new_row,
    task,
)
from contract_tests.simulator.simulators import MODEL

REQUESTS, WINDOW, RUNNING = 3, 10.0, 4
MODEL_LIMIT = {"requests": 2, "seconds": 100, "concurrent": 2}
PRICE = 5.0
# A request that arrives later than this after its admission is not within the promise of the rate.
LONGEST_WAY = NO_RESPONSE - WINDOW
WORKERS = ["one", "two", "three"]
FATES = st.lists(
    st.sampled_from(["task", "task", "task", "task", "refused", "hold", "not sent"]), min_size=1, max_size=5
)
EVENTS = [
    *["create"] * 6,
    *["let time pass"] * 4,
    *["claim", "send", "receive", "end", "work on tasks", "note responses"] * 2,
    *["add", "call back", "time out", "renew", "release", "kill", "sweep", "retry", "retry unknown", "resolve"],
]


@dataclass
class Attempt:
    """A create, as worker and service see it.

    Attributes:
        claim: The row.
        admitted_at: When the ledger admitted it.
        arrived_at: When the service received it.
        state: The state of its task at the service, if it made one.
        response: Notes the response in the ledger, until its worker has done so.
        is_abandoned: Whether a user has planned the row again although this create may have made a task.
    """

    claim: Claim
    token: str
    admitted_at: float
    arrived_at: float | None = None
    state: str | None = None
    response: Callable[[], None] | None = None
    is_abandoned: bool = False

    @property
    def task_id(self) -> str:
        return f"task_{self.token}"


@dataclass
class Worker:
    """What a worker holds in memory, which a kill takes away."""

    claims: list[Claim] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)


class Workers(RuleBasedStateMachine):
    """Workers, the service, a user, and everything that happens between them."""

    where = ":memory:"

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(limits(requests=REQUESTS, seconds=WINDOW, tasks=RUNNING, model=MODEL_LIMIT))
        self.clock = ManualClock()
        self.clock.advance(1_000)
        self.ledger = self.stack.enter_context(Ledger(self.where, clock=self.clock))
        self.workers = {name: Worker() for name in WORKERS}
        self.sent: list[Attempt] = []
        self.keys: list[str] = []
        self.may_pay_again: Counter[str] = Counter()  # how often a user has planned a row again
        self.batch_id = 0
        self.budgets: list[Budget] = []

    @initialize(
        price=st.sampled_from([PRICE, PRICE, None]),
        cap=st.sampled_from([None, 5 * PRICE + 1, 8 * PRICE + 1]),
        budget=st.sampled_from([None, None, 4 * PRICE]),
    )
    def open(self, price: float | None, cap: float | None, budget: float | None) -> None:
        if price is None and cap is not None:
            cap -= cap % PRICE  # a price that is not known yet may be above the rest
        self.batch_id = self.ledger.open_batch("batch").id
        self.ledger.configure(self.batch_id, {"price": price, "max_credits": cap})
        self.budgets = [] if budget is None else [Budget(budget)]
        self.add(20, MODEL)
        self.add(4, LIMITED)
        self.most = min((each for each in (cap, budget) if each is not None), default=float("inf"))

    def now(self) -> float:
        return self.clock.monotonic()

    @rule(name=st.sampled_from(WORKERS), event=st.sampled_from(EVENTS), at=st.integers(0, 9), fates=FATES)
    def step(self, name: str, event: str, at: int, fates: list[str]) -> None:
        """Let one event happen. With a rule for each, most runs would leave out most of them."""
        match event:
            case "add":
                self.add(1 + at % 3, LIMITED if at > 6 else MODEL)
            case "claim":
                self.claimed(name, 1 + at % 3, "running" if at > 4 else "planned")
            case "send":
                self.send(name, at)
            case "create":
                self.create(name, fates, is_noted=at > 4)
            case "let time pass":
                self.clock.advance((1.0, WINDOW / 2, WINDOW, WINDOW, LEASE, NO_RESPONSE)[at % 6])
            case "work on tasks":
                self.claimed(name, 5, "running")
                self.work_on_tasks(name)
            case "note responses" | "time out" | "renew" | "release" | "kill":
                getattr(self, event.replace(" ", "_"))(name)
            case "sweep" | "retry" | "retry unknown" | "resolve":
                getattr(self, event.replace(" ", "_"))()
            case _:
                self.serve(event, at, fates[0])

    # Workers

    def add(self, count: int, model: str) -> None:
        new = [f"row {len(self.keys) + number}" for number in range(count)]
        self.keys += new
        self.ledger.add(self.batch_id, "table", [new_row(key, model=model) for key in new])

    def claimed(self, name: str, count: int, state: Literal["planned", "running"]) -> list[Claim]:
        claims = self.ledger.claim_next(self.batch_id, state, name, LEASE, count)
        self.workers[name].claims += claims
        return claims

    def send(self, name: str, at: int) -> None:
        """Send any create, also one that was sent already or whose claim is lost."""
        if claims := [claim for claim in self.workers[name].claims if claim.state == "planned"]:
            self.try_send(name, claims[at % len(claims)])

    def create(self, name: str, fates: list[str], *, is_noted: bool) -> None:
        """Create tasks as fast as the ledger allows."""
        for claim, fate in zip(self.claimed(name, len(fates), "planned"), fates, strict=False):
            if attempt := self.try_send(name, claim):
                self.receive(attempt, fate)
                if is_noted:
                    self.note_responses(name)
            else:
                self.ledger.release([claim])

    def try_send(self, name: str, claim: Claim) -> Attempt | None:
        token = secrets.token_hex(8)
        outcome = self.ledger.admit(claim, Intent(ACCOUNT, token, self.clock.now().timestamp(), self.budgets))
        if outcome is not None:
            assert isinstance(outcome, Stop) or outcome.seconds > 0
            return None
        attempt = Attempt(claim, token, self.now())
        self.sent.append(attempt)
        self.workers[name].attempts.append(attempt)
        return attempt

    def note_responses(self, name: str) -> None:
        for attempt in self.workers[name].attempts:
            if attempt.response is not None:
                attempt.response()
                attempt.response = None

    def time_out(self, name: str) -> None:
        """Wait no longer for responses; they may still be on their way."""
        for attempt in self.workers[name].attempts:
            self.ledger.unknown(attempt.claim.row_id, attempt.token, "timed out")
        self.workers[name].attempts = []

    def work_on_tasks(self, name: str) -> None:
        """Note ended tasks, and save their files."""
        for claim in self.workers[name].claims:
            attempt = self.attempt_of(claim.task_id)
            if attempt is not None and attempt.state != "running":
                cost = PRICE if attempt.state == "success" else 0.0
                self.ledger.ended(claim.row_id, task(attempt.task_id, state=attempt.state or "", credits=cost))
                if attempt.state == "success":
                    self.ledger.saved(claim.row_id, FILES)

    def renew(self, name: str) -> None:
        worker = self.workers[name]
        held = self.ledger.renew(worker.claims)
        worker.claims = [claim for claim in worker.claims if claim.row_id in held]

    def release(self, name: str) -> None:
        self.ledger.release(self.workers[name].claims)
        self.workers[name].claims = []

    def kill(self, name: str) -> None:
        self.workers[name] = Worker()

    def sweep(self) -> None:
        self.ledger.sweep(self.batch_id)

    # The service

    def serve(self, event: str, at: int, fate: str) -> None:
        """Let the service do something with one of the creates."""
        going = [each for each in self.sent if each.arrived_at is None or each.state == "running"]
        if event == "call back" and self.sent:
            self.call_back(self.sent[at % len(self.sent)])
        elif event == "receive" and going:
            self.receive(going[at % len(going)], fate)
        elif event == "end" and going:
            self.end(going[at % len(going)], "fail" if at > 6 else "success")

    def receive(self, attempt: Attempt, fate: str) -> None:
        """Receive a create, whether its worker still lives or not."""
        if attempt.arrived_at is not None or self.now() > attempt.admitted_at + LONGEST_WAY:
            return
        row_id, token = attempt.claim.row_id, attempt.token
        attempt.arrived_at = self.now()
        if fate == "task":
            attempt.state = "running"
            attempt.response = lambda: self.ledger.created(row_id, token, attempt.task_id)
        elif fate == "refused":
            attempt.response = lambda: self.ledger.refused(row_id, token, "422", "no")
        elif fate == "hold":
            attempt.response = lambda: self.ledger.not_created(row_id, token, hold=2.0)
        else:
            attempt.arrived_at = float("-inf")
            attempt.response = lambda: self.ledger.not_created(row_id, token, was_sent=False)

    def end(self, attempt: Attempt, state: str) -> None:
        if attempt.state == "running":
            attempt.state = state

    def call_back(self, attempt: Attempt) -> None:
        """Learn the task of a create from its callback, also long after the row became unknown."""
        if attempt.state in ("success", "fail"):
            self.ledger.created(attempt.claim.row_id, attempt.token, attempt.task_id)

    # Users

    def retry(self) -> None:
        state: tuple[State, ...] = ("failed", "refused")
        for row in self.ledger.rows(self.batch_id, state):
            self.may_pay_again[row.key] += 1
        self.ledger.retry(self.batch_id, state)

    def retry_unknown(self) -> None:
        for token in self.ledger.unknown_tokens(self.batch_id):
            attempt = next(each for each in self.sent if each.token == token)
            attempt.is_abandoned = True
            self.may_pay_again[attempt.claim.key] += 1
        self.ledger.retry(self.batch_id, ("unknown",))

    def resolve(self) -> None:
        """Say of one unknown row what has become of it, if that is certain."""
        for token in self.ledger.unknown_tokens(self.batch_id):
            attempt = next(each for each in self.sent if each.token == token)
            is_lost = attempt.arrived_at is None and self.now() > attempt.admitted_at + LONGEST_WAY
            if attempt.arrived_at is not None or is_lost:
                task_id = attempt.task_id if attempt.state else None
                self.ledger.resolve(self.batch_id, attempt.claim.key, task_id)
                return

    # What holds after each of these

    def attempt_of(self, task_id: str | None) -> Attempt | None:
        return next((each for each in self.sent if each.state and each.task_id == task_id), None)

    @invariant()
    def no_row_has_a_second_task_unless_a_user_retried_it(self) -> None:
        for key, count in Counter(attempt.claim.key for attempt in self.sent if attempt.state).items():
            assert count <= 1 + self.may_pay_again[key], f"{key} has {count} tasks"

    @invariant()
    def the_cost_is_within_the_cap(self) -> None:
        assert PRICE * sum(attempt.state in ("running", "success") for attempt in self.sent) <= self.most

    @invariant()
    def creates_are_within_the_rate(self) -> None:
        for model, most, window in ((None, REQUESTS, WINDOW), (LIMITED, MODEL_LIMIT["requests"], 100.0)):
            times = [each.arrived_at for each in self.sent if model in (None, each.claim.model) and each.arrived_at]
            recent = [time for time in times if self.now() - window < time]
            assert len(recent) <= most, f"{len(recent)} creates in {window:g} s"

    @invariant()
    def running_tasks_are_within_the_limit(self) -> None:
        for model, most in ((None, RUNNING), (LIMITED, MODEL_LIMIT["concurrent"])):
            running = [each for each in self.sent if each.state == "running" and not each.is_abandoned]
            assert sum(model in (None, each.claim.model) for each in running) <= most

    @invariant()
    def every_row_is_accounted_for(self) -> None:
        if not self.batch_id:
            return
        rows = {row.key: row for row in self.ledger.rows(self.batch_id)}
        assert [*rows] == self.keys
        last = {attempt.claim.key: attempt for attempt in self.sent}
        for key, row in rows.items():
            attempt = last.get(key)
            if row.state in ("running", "done"):
                assert attempt is not None
                assert attempt.state is not None
                assert row.task_id == attempt.task_id
                assert row.state == "running" or attempt.state == "success"
            elif attempt is not None and attempt.state is not None and not attempt.is_abandoned:
                # A task that failed may have been retried.
                known = row.state in ("sending", "unknown", "failed") or attempt.state == "fail"
                assert known, f"{key} has a task and is {row.state}"

    def teardown(self) -> None:
        try:
            if self.batch_id:
                self.finish()
        finally:
            self.stack.close()

    def finish(self) -> None:
        """Without further trouble, a new worker settles every row that the limits allow."""
        for name in WORKERS:
            self.kill(name)
        self.clock.advance(LEASE + NO_RESPONSE)
        self.sweep()
        for _ in range(3 * len(self.keys) + 3):
            self.resolve()
            for claim in self.claimed("one", 1, "planned"):
                if attempt := self.try_send("one", claim):
                    self.receive(attempt, "task")
                self.note_responses("one")
                self.ledger.release([claim])
            for attempt in self.sent:
                self.end(attempt, "success")
            self.claimed("one", 100, "running")
            self.work_on_tasks("one")
            self.clock.advance(MODEL_LIMIT["seconds"])
            self.no_row_has_a_second_task_unless_a_user_retried_it()
            self.the_cost_is_within_the_cap()
        self.every_row_is_accounted_for()
        status = self.ledger.status("batch")
        if status.open:
            assert status.rows.keys() & {*OPEN} == {"planned"}
            assert status.spent + PRICE > self.most, "only a budget leaves rows planned"


class WorkersOnPostgreSQL(Workers):
    """The same with a server."""

    def __init__(self) -> None:
        drop_tables(self.where)
        super().__init__()


def test_workers_on_sqlite_pay_each_row_once() -> None:
    run_machine(Workers, settings=settings(max_examples=40, stateful_step_count=50, deadline=None))


def test_workers_on_postgresql_pay_each_row_once(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorkersOnPostgreSQL, "where", postgresql)
    run_machine(WorkersOnPostgreSQL, settings=settings(max_examples=5, stateful_step_count=30, deadline=None))
