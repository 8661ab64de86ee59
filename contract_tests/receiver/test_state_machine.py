"""Whatever order things happen in: every finished task is handled, and once unless a crash fell into it."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from apikley.receiver import Event, Receiver, Retries
from apikley.receiver.inbox.rows import Delivery
from apikley.receiver.web.request_check import Gate
from contract_tests.receiver.inboxes import begin
from contract_tests.receiver.receivers import WEBHOOK_KEY, DrivenClock, Service, body_of, signed

LEASE = 60.0
DUE = 900.0


class Crash(BaseException):
    """The process is killed here."""


class Life(RuleBasedStateMachine):
    """A receiver, the service, and all that happens between them."""

    tasks = Bundle("tasks")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = DrivenClock()
        self.service = Service()
        self.number = 0
        self.under_way: list[str] = []
        self.handled: Counter[str] = Counter()
        self.crashed_in: Counter[str] = Counter()
        self.failing: set[str] = set()
        self.crash_at: str | None = None
        self.started()

    def crash(self, task_id: str) -> None:
        """Whatever runs on until the test has its turn again, nothing of it reaches the disk."""

        def gone(_: object) -> None:
            raise Crash

        self.crash_at = None
        self.crashed_in[task_id] += 1
        self.receiver.inbox.write = gone  # type: ignore[method-assign, assignment]
        raise Crash

    def started(self) -> None:
        self.receiver = Receiver(
            WEBHOOK_KEY,
            inbox=Path(self.folder.name) / "inbox.db",
            client=self.service,
            workers=0,
            clock=self.clock,
            lease=LEASE,
            retries=Retries(attempts=1_000, first=1, longest=30),
        )
        self.gate = Gate([WEBHOOK_KEY], 300, self.clock)

        @self.receiver.on_any
        def handle(event: Event) -> None:
            assert self.service.records[event.task_id]["state"] == event.state, "only the truth is handled"
            if self.crash_at == "in the handler":
                self.crash(event.task_id)
            if event.task_id in self.failing:
                self.failing.discard(event.task_id)
                raise OSError("no disk")
            self.handled[event.task_id] += 1
            if self.crash_at == "after the handler":
                self.crash(event.task_id)

    @rule(target=tasks, is_expected=st.booleans())
    def create(self, is_expected: bool) -> str:
        self.number += 1
        task_id = f"task_{self.number}"
        self.service.records[task_id] = {"taskId": task_id, "state": "generating"}
        # What is not expected has to be called back; what is may lose every callback.
        if is_expected:
            self.receiver.expect(SimpleNamespace(id=task_id), due=DUE)
        else:
            self.under_way.append(task_id)
        return task_id

    @rule(task_id=tasks, state=st.sampled_from(["success", "fail"]))
    def finish(self, task_id: str, state: str) -> None:
        if self.service.records[task_id]["state"] == "generating":
            self.service.records[task_id]["state"] = state

    # The order is drawn, so this is late, repeated and reordered delivery as well; what is not drawn is lost.
    @rule(task_id=tasks)
    def deliver(self, task_id: str) -> None:
        state = self.service.records[task_id]["state"]
        self.stored(task_id, state)
        if state != "generating" and task_id in self.under_way:
            self.under_way.remove(task_id)

    @rule(task_id=tasks, state=st.sampled_from(["success", "fail"]))
    def deliver_something_altered_or_early(self, task_id: str, state: str) -> None:
        self.stored(task_id, state)

    def stored(self, task_id: str, state: str) -> None:
        judged = self.gate.judge(signed(task_id, self.clock.time).items(), body_of(task_id, state), "")
        if isinstance(judged, Delivery):
            self.receiver.inbox.write([judged])

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
    def crash_with_a_claim(self) -> None:
        self.receiver.inbox.claim(self.clock.time, LEASE, 1)
        self.restart()

    @rule()
    def crash_at_the_very_beginning(self) -> None:
        begin(self.receiver.inbox, self.clock.time)
        self.restart()

    @rule()
    def restart(self) -> None:
        self.receiver.inbox.close()
        self.started()

    @rule(seconds=st.sampled_from([1.0, LEASE, DUE]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.time += seconds

    @invariant()
    def nothing_is_handled_twice(self) -> None:
        for task_id, count in getattr(self, "handled", Counter()).items():
            assert count <= 1 + self.crashed_in[task_id]

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        # The rest of the story, without any further harm: whatever is still under way ends and is called back.
        for task_id in self.under_way:
            self.finish(task_id, "success")
            self.stored(task_id, self.service.records[task_id]["state"])
        for _ in range(40):
            self.clock.time += DUE
            self.receiver.work()
        finished = {task_id for task_id, record in self.service.records.items() if record["state"] != "generating"}
        assert finished <= set(self.handled), "every finished task is handled"
        self.nothing_is_handled_twice()
        self.receiver.inbox.close()
        self.folder.cleanup()


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestLife = Life.TestCase
