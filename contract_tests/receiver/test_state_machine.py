"""In any order of events, every finished task is handled, and once unless a crash interrupts its handler."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from apikley.receiver import Event, Receiver, RetryPolicy
from apikley.receiver.inbox.rows import Completion
from apikley.receiver.web.request_check import RequestCheck
from apikley.testing import ManualClock
from contract_tests.receiver.receivers import START, WEBHOOK_KEY, Service, body_of, signed

LEASE = 60.0
DUE = 900.0


class Crash(BaseException):
    """The process is killed here."""


class Life(RuleBasedStateMachine):
    """A receiver, the service, and everything that happens between them."""

    tasks = Bundle("tasks")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock(datetime.fromtimestamp(START, UTC))
        self.service = Service()
        self.to_call_back: list[str] = []
        self.handled: Counter[str] = Counter()
        self.crashed_in: Counter[str] = Counter()
        self.failing: set[str] = set()
        self.crash_at: str | None = None
        self.start()

    def now(self) -> float:
        return self.clock.now().timestamp()

    def crash(self, task_id: str) -> None:
        """Crash: nothing that the old process still does reaches the disk."""

        def write(_: object) -> None:
            raise Crash

        self.crash_at = None
        self.crashed_in[task_id] += 1
        self.receiver.inbox.write = write  # type: ignore[method-assign, assignment]
        raise Crash

    def start(self) -> None:
        self.receiver = Receiver(
            WEBHOOK_KEY,
            inbox=Path(self.folder.name) / "inbox.db",
            client=self.service,
            workers=0,
            clock=self.clock,
            lease=LEASE,
            retries=RetryPolicy(attempts=1_000, first=1, longest=30),
        )
        self.check = RequestCheck([WEBHOOK_KEY], 300, self.now)

        @self.receiver.on_any
        def handle(event: Event) -> None:
            assert self.service.records[event.task_id]["state"] == event.state, "only confirmed states are handled"
            if self.crash_at == "in the handler":
                self.crash(event.task_id)
            if event.task_id in self.failing:
                self.failing.discard(event.task_id)
                raise OSError("no disk")
            self.handled[event.task_id] += 1
            if self.crash_at == "after the handler":
                self.crash(event.task_id)

    def store(self, task_id: str, state: str) -> None:
        checked = self.check.check(signed(task_id, self.now()).items(), body_of(task_id, state), "")
        if isinstance(checked, Completion):
            self.receiver.inbox.write([checked])

    @rule(target=tasks, is_expected=st.booleans())
    def create(self, is_expected: bool) -> str:
        task_id = f"task_{len(self.service.records)}"
        self.service.records[task_id] = {"taskId": task_id, "state": "generating"}
        # The callback of an expected task may be lost.
        if is_expected:
            self.receiver.expect(task_id, due=DUE)
        else:
            self.to_call_back.append(task_id)
        return task_id

    @rule(task_id=tasks, state=st.sampled_from(["success", "fail"]))
    def finish(self, task_id: str, state: str) -> None:
        if self.service.records[task_id]["state"] == "generating":
            self.service.records[task_id]["state"] = state

    # Hypothesis chooses the order, so this also covers late, repeated, reordered and lost callbacks.
    @rule(task_id=tasks)
    def deliver(self, task_id: str) -> None:
        state = self.service.records[task_id]["state"]
        self.store(task_id, state)
        if state != "generating" and task_id in self.to_call_back:
            self.to_call_back.remove(task_id)

    @rule(task_id=tasks, state=st.sampled_from(["success", "fail"]))
    def deliver_a_wrong_or_early_state(self, task_id: str, state: str) -> None:
        self.store(task_id, state)

    @rule(task_id=tasks)
    def fail_once(self, task_id: str) -> None:
        self.failing.add(task_id)

    @rule(crash_at=st.none() | st.sampled_from(["in the handler", "after the handler"]))
    def work(self, crash_at: str | None) -> None:
        self.crash_at = crash_at
        try:
            self.receiver.work()
        except Crash:
            self.restart()
        self.crash_at = None

    @rule()
    def crash_after_a_claim(self) -> None:
        self.receiver.inbox.claim(self.now(), LEASE, 1)
        self.restart()

    @rule()
    def restart(self) -> None:
        self.receiver.inbox.close()
        self.start()

    @rule(seconds=st.sampled_from([1.0, LEASE, DUE]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def only_a_crash_repeats_a_handler(self) -> None:
        for task_id, count in getattr(self, "handled", Counter()).items():
            assert count <= 1 + self.crashed_in[task_id]

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        # Finish without further trouble: every open task ends and is called back.
        for task_id in self.to_call_back:
            self.finish(task_id, "success")
            self.store(task_id, self.service.records[task_id]["state"])
        for _ in range(40):
            self.clock.advance(DUE)
            self.receiver.work()
        finished = {task_id for task_id, record in self.service.records.items() if record["state"] != "generating"}
        assert finished <= set(self.handled), "every finished task is handled"
        self.only_a_crash_repeats_a_handler()
        self.receiver.inbox.close()
        self.folder.cleanup()


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestLife = Life.TestCase
