"""The life cycle of tasks, without I/O."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from msgspec.structs import replace

import apikley_contract
from apikley_mock.world.accounts import Account
from apikley_mock.world.plan import Plan

# The contract's states, in the order of the life cycle.
STATES: list[str] = apikley_contract.openapi()["components"]["schemas"]["TaskState"]["enum"]
WAITING, QUEUING, GENERATING, SUCCESS, FAIL = STATES
_ALL_STATES = 0.04  # the share of tasks that show all states


@dataclass(slots=True, eq=False)
class Task:
    """One task.

    Attributes:
        id: The id.
        model: The model.
        body: The createTask body as it arrived.
        account: The account that pays.
        plan: What becomes of it.
        created: When it was created, in Unix seconds.
        price: The price in credits.
        paid: Whether the price was taken from the account, which is not so if its credits never run out.
        base_url: The base URL that the client used, for the result's URL.
        callback_url: The callback URL, if there is one.
        moments: When it is queued, when it is generating, and when it ends; infinite if unknown.
        polls: How often it was polled.
        settled: Whether `Engine.ended` has returned it.
        forgotten: Whether newer tasks have replaced it.
        recorded: Whether its records have the recorded shape, and not the documented one.
    """

    id: str
    model: str
    body: bytes
    account: Account
    plan: Plan
    created: float
    price: float = 0.0
    paid: bool = False
    base_url: str = ""
    callback_url: str | None = None
    moments: list[float] = field(default_factory=lambda: [math.inf] * 3)
    polls: int = 0
    settled: bool = False
    forgotten: bool = False
    recorded: bool = True

    @property
    def param(self) -> str:
        """The createTask body as text."""
        return self.body.decode()

    @property
    def completed(self) -> float:
        """When it ends, in Unix seconds; infinite if unknown."""
        return self.moments[2]

    def state(self, now: float) -> tuple[str, float]:
        """Return the state at a time, and when it began."""
        queued, generating, ended = self.moments
        if now >= ended:
            return (FAIL if self.plan.outcome == "fail" else SUCCESS), ended
        if now >= generating:
            return GENERATING, generating
        return (QUEUING, queued) if now >= queued else (WAITING, self.created)

    def reach(self, step: int, now: float) -> None:
        """Move the task past a step (1 queued, 2 generating, 3 ended), unless it is already."""
        self.moments = [min(moment, now) if place < step else moment for place, moment in enumerate(self.moments)]


class Engine:
    """All tasks.

    Args:
        random: Draws durations.
        max_tasks: The number of tasks that are kept.
        max_bytes: Bytes of their bodies together.
    """

    def __init__(self, random: Random, max_tasks: int = 250_000, max_bytes: int = 128 * 1024 * 1024) -> None:
        self.tasks: OrderedDict[str, Task] = OrderedDict()
        self._random = random
        self._max_tasks = max_tasks
        self._max_bytes = max_bytes
        self._bytes = 0
        self._completions: list[tuple[float, int, Task]] = []
        self._last_number = 0
        self._pushed = 0

    def create(
        self, model: str, body: bytes, account: Account, plan: Plan, now: float, *, recorded: bool = True
    ) -> Task:
        """Create a task, forgetting the oldest ones if there is no room."""
        task = Task(self._new_id(None if recorded else model, now), model, body, account, plan, now, recorded=recorded)
        if plan.progress == "time":
            waiting, queuing, generating = plan.draw_durations(self._random)
            queued = now + waiting
            started = queued + queuing
            ended = math.inf if plan.outcome == "never" else started + generating
            task.moments = [queued, started, ended]
            if recorded and plan.durations is None:
                self._skip_states(task)
            if ended != math.inf:
                self._push(task)
        self.tasks[task.id] = task
        self._bytes += len(body)
        if len(self.tasks) > self._max_tasks or self._bytes > self._max_bytes:
            self._forget()
        return task

    def find(self, task_id: str, now: float) -> Task | None:
        """Return the task with an id, if polls may see it."""
        task = self.tasks.get(task_id)
        if task is None or now < task.created + task.plan.hidden:
            return None
        return None if task.plan.outcome == "disappear" and now >= task.completed else task

    def poll(self, task: Task, now: float) -> None:
        """Count a poll, and advance a task that progresses by polls."""
        if task.plan.progress == "per_poll" and not task.settled:
            step = min(task.polls // task.plan.per_poll, 2 if task.plan.outcome == "never" else 3)
            ends = step == 3 and task.completed == math.inf
            task.reach(step, now)
            if ends:
                self._push(task)
        task.polls += 1

    def step(self, task: Task, now: float) -> None:
        """Move a task to its next state; the last one ends it."""
        reached = sum(moment <= now for moment in task.moments)
        if reached == 2:
            endless = task.plan.outcome == "never"
            self.end(task, replace(task.plan, outcome="success") if endless else task.plan, now)
        else:
            task.reach(reached + 1, now)

    def end(self, task: Task, plan: Plan, now: float) -> None:
        """End a task now, as a plan says."""
        task.plan = plan
        task.reach(3, now)
        self._push(task)

    def next_completion(self) -> float | None:
        """Return when the next task ends, in Unix seconds."""
        return self._completions[0][0] if self._completions else None

    def ended(self, now: float) -> Iterator[Task]:
        """Yield the tasks that have ended since the last call, in order, each once."""
        while self._completions and self._completions[0][0] <= now:
            task = heapq.heappop(self._completions)[2]
            if not task.settled and not task.forgotten:
                task.settled = True
                yield task

    def _forget(self) -> None:
        while len(self.tasks) > self._max_tasks or (self._bytes > self._max_bytes and len(self.tasks) > 1):
            _, task = self.tasks.popitem(last=False)
            task.forgotten = True
            self._bytes -= len(task.body)
            task.body = b"{}"  # planned callbacks may hold the task for a while
        # Rarely, so that it costs little for each task; a remaining task has at most two entries.
        if len(self._completions) > 3 * len(self.tasks) + 100:
            self._completions = [each for each in self._completions if not (each[2].forgotten or each[2].settled)]
            heapq.heapify(self._completions)

    def _push(self, task: Task) -> None:
        self._pushed += 1
        heapq.heappush(self._completions, (task.completed, self._pushed, task))

    def _skip_states(self, task: Task) -> None:
        """Let a task only wait, or only be generated, as recorded tasks do; rarely show all states."""
        drawn = self._random.random()
        if drawn >= _ALL_STATES:
            start = task.created if drawn > (1 + _ALL_STATES) / 2 else task.completed
            task.moments[:2] = [start, start]

    def _new_id(self, model: str | None, now: float) -> str:
        # A number in milliseconds, which is unique, also after a restart.
        self._last_number = max(self._last_number + 1, int(now * 1000))
        if model is None:
            return hashlib.blake2b(b"%d" % self._last_number, digest_size=16).hexdigest()
        return f"task_{model.partition('/')[0]}_{self._last_number}"
