"""The life of tasks, without I/O: who made them, and in which state they are at what time."""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from collections.abc import Iterator
from random import Random

import apikley_contract
from apikley_mock.control.plan import Plan
from apikley_mock.world.accounts import Account

# In the order of the life cycle; the contract's own enumeration.
STATES: list[str] = apikley_contract.openapi()["components"]["schemas"]["TaskState"]["enum"]
WAITING, QUEUING, GENERATING, SUCCESS, FAIL = STATES


class Task:
    """One task.

    Attributes:
        id: The task's id.
        model: The model that was asked for.
        body: The createTask body as it came.
        account: Who pays.
        price: What it costs.
        paid: Whether that was taken from the account; not where credits never run out.
        base_url: Where the simulator was reached, for the result's address.
        callback_url: Where its end is called back, if anywhere.
        plan: What becomes of it.
        created: When it was made, in Unix seconds.
        moments: When it is queued, when it is worked on, and when it ends; infinite while unknown.
        polls: How often it was looked up.
        settled: Whether its end has been reported by `Engine.ended`.
        forgotten: Whether newer tasks have taken its place; then nothing more becomes of it.
    """

    __slots__ = (
        "account",
        "base_url",
        "body",
        "callback_url",
        "created",
        "forgotten",
        "id",
        "model",
        "moments",
        "paid",
        "plan",
        "polls",
        "price",
        "settled",
    )

    def __init__(self, task_id: str, model: str, body: bytes, account: Account, plan: Plan, created: float) -> None:
        self.id = task_id
        self.model = model
        self.body = body
        self.account = account
        self.plan = plan
        self.created = created
        self.price = 0.0
        self.base_url = ""
        self.callback_url: str | None = None
        self.moments = [math.inf, math.inf, math.inf]
        self.polls = 0
        self.paid = self.settled = self.forgotten = False

    @property
    def param(self) -> str:
        """The createTask body as text."""
        return self.body.decode()

    @property
    def completed(self) -> float:
        """When it ends, in Unix seconds; infinite if that is not known."""
        return self.moments[2]

    def state(self, now: float) -> tuple[str, float]:
        """The state at a time, and since when it lasts."""
        queued, begun, ended = self.moments
        if now >= ended:
            return (FAIL if self.plan.outcome == "fail" else SUCCESS), ended
        if now >= begun:
            return GENERATING, begun
        return (QUEUING, queued) if now >= queued else (WAITING, self.created)

    def reach(self, step: int, now: float) -> None:
        """Let it be past a step (1 queued, 2 worked on, 3 ended) at a time, if it is not yet."""
        self.moments = [min(moment, now) if place < step else moment for place, moment in enumerate(self.moments)]


class Engine:
    """All tasks.

    Args:
        random: Decides what is left to chance.
        kept: How many tasks are remembered.
        kept_bytes: Bytes that their bodies may have together.
    """

    def __init__(self, random: Random, kept: int = 250_000, kept_bytes: int = 128 * 1024 * 1024) -> None:
        self.tasks: OrderedDict[str, Task] = OrderedDict()
        self._random = random
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._endings: list[tuple[float, int, Task]] = []
        self._last_number = 0
        self._pushed = 0

    def create(self, model: str, body: bytes, account: Account, plan: Plan, now: float) -> Task:
        """Begin a task; the oldest ones are forgotten where there is no room for it."""
        task = Task(self._new_id(model, now), model, body, account, plan, now)
        if plan.progress == "time":
            waiting, queuing, generating = plan.durations.draw(self._random)
            queued = now + waiting
            begun = queued + queuing
            ended = math.inf if plan.outcome == "never" else begun + generating
            task.moments = [queued, begun, ended]
            if ended != math.inf:
                self._push(task)
        self.tasks[task.id] = task
        self._bytes += len(body)
        if len(self.tasks) > self._kept or self._bytes > self._kept_bytes:
            self._forget()
        return task

    def find(self, task_id: str, now: float) -> Task | None:
        """The task of an id, if look-ups may see it."""
        task = self.tasks.get(task_id)
        if task is None or now < task.created + task.plan.hidden:
            return None
        return None if task.plan.outcome == "vanish" and now >= task.completed else task

    def look(self, task: Task, now: float) -> None:
        """Count a look-up, and let a task that goes by look-ups go on."""
        if task.plan.progress == "polls" and not task.settled:
            step = min(task.polls // task.plan.polls, 2 if task.plan.outcome == "never" else 3)
            ends = step == 3 and task.completed == math.inf
            task.reach(step, now)
            if ends:
                self._push(task)
        task.polls += 1

    def step(self, task: Task, now: float) -> None:
        """Take a task to its next state by hand; the last of them is its end."""
        reached = sum(moment <= now for moment in task.moments)
        if reached == 2:
            endless = task.plan.outcome == "never"
            self.end(task, task.plan.changed({"outcome": "success"}) if endless else task.plan, now)
        else:
            task.reach(reached + 1, now)

    def end(self, task: Task, plan: Plan, now: float) -> None:
        """End a task now, by hand, as the plan says."""
        task.plan = plan
        task.reach(3, now)
        self._push(task)

    def next_ending(self) -> float | None:
        """When the next task ends, in Unix seconds."""
        return self._endings[0][0] if self._endings else None

    def ended(self, now: float) -> Iterator[Task]:
        """The tasks that have ended since this was last asked, in order, each once."""
        while self._endings and self._endings[0][0] <= now:
            task = heapq.heappop(self._endings)[2]
            if not task.settled and not task.forgotten:
                task.settled = True
                yield task

    def _forget(self) -> None:
        while len(self.tasks) > self._kept or (self._bytes > self._kept_bytes and len(self.tasks) > 1):
            _, task = self.tasks.popitem(last=False)
            task.forgotten = True
            self._bytes -= len(task.body)
            task.body = b"{}"  # what is planned may hold the task for a while yet
        # Seldom, so that it costs next to nothing for each: of what is left, a task has two at most.
        if len(self._endings) > 3 * len(self.tasks) + 100:
            self._endings = [each for each in self._endings if not (each[2].forgotten or each[2].settled)]
            heapq.heapify(self._endings)

    def _push(self, task: Task) -> None:
        self._pushed += 1
        heapq.heappush(self._endings, (task.completed, self._pushed, task))

    def _new_id(self, model: str, now: float) -> str:
        # As in the documentation: the family, and the time in milliseconds. Never the same twice.
        self._last_number = max(self._last_number + 1, int(now * 1000))
        return f"task_{model.partition('/')[0]}_{self._last_number}"
