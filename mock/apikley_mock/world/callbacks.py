"""Calls back the ends of tasks: when, how often, signed or not, and again where the receiver failed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import heapq
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import apikley_contract
from apikley_mock.journal.journal import Journal
from apikley_mock.web.caller import Caller, NotAllowedError
from apikley_mock.world import records as shapes
from apikley_mock.world.clock import Clock
from apikley_mock.world.tasks import Task

_AT_ONCE = 64
_FEW = 1000


@dataclass(frozen=True)
class Delivery:
    """One callback of one task.

    Attributes:
        task: The task, which has ended.
        attempt: How often it has been tried before.
    """

    task: Task
    attempt: int = 0


class Deliveries:
    """All callbacks that are still to be sent.

    Args:
        caller: Sends them.
        clock: Says when.
        journal: Where each attempt is noted.
        on_planned: Told when the next attempt may be another one than before.
    """

    def __init__(self, caller: Caller, clock: Clock, journal: Journal, on_planned: Callable[[], None]) -> None:
        self._caller = caller
        self._clock = clock
        self._journal = journal
        self._on_planned = on_planned
        self._planned: list[tuple[float, int, Delivery]] = []
        self._pushed = 0
        self._look_through_at = _FEW
        self._running: dict[asyncio.Task[None], Delivery] = {}
        operation = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"]
        (description,) = (item["post"] for item in operation.values())
        self._timeout: float = description["x-delivery"]["timeout"]
        self._retry_after: list[float] = description["x-delivery"]["retry-after"]
        self._headers: list[str] = [parameter["name"] for parameter in description["parameters"]]

    def plan(self, task: Task, now: float) -> None:
        """Plan the callbacks of a task that has ended."""
        if task.callback_url and task.plan.outcome != "vanish":
            for _ in range(task.plan.callback.times):
                self._push(now + task.plan.callback.delay, Delivery(task))

    def again(self, task: Task) -> None:
        """Plan one more callback of a task that has ended, for now."""
        self._push(self._clock.now(), Delivery(task))

    def next_attempt(self) -> float | None:
        """When the next attempt is due, in Unix seconds; none is while all connections are busy."""
        return self._planned[0][0] if self._planned and len(self._running) < _AT_ONCE else None

    def planned(self) -> int:
        """How many attempts are still to be made."""
        return len(self._planned) + len(self._running)

    def start_due(self, now: float) -> None:
        """Begin the attempts that are due, as many at once as there are connections."""
        while self._planned and self._planned[0][0] <= now and len(self._running) < _AT_ONCE:
            delivery = heapq.heappop(self._planned)[2]
            if not delivery.task.forgotten:
                running = asyncio.get_running_loop().create_task(self._attempt(delivery))
                self._running[running] = delivery
                running.add_done_callback(self._on_done)

    async def settled(self, task: Task | None = None) -> None:
        """Return once every attempt that has begun is over; of one task, also those that are due but wait in line."""
        while waited := self._under_way(task):
            await asyncio.wait(waited)
            # A loop pass for the callbacks of those that are done, which begin the next ones.
            await asyncio.sleep(0)

    def clear(self) -> None:
        """Forget what is planned, and break off what is being sent."""
        self._planned.clear()
        self._look_through_at = _FEW
        for running in list(self._running):
            if not running.get_loop().is_closed():
                running.cancel()
        self._running.clear()

    def _under_way(self, task: Task | None) -> list[asyncio.Task[None]]:
        own = [each for each, delivery in self._running.items() if task in (None, delivery.task)]
        if own or task is None:
            return own
        now = self._clock.now()
        in_line = any(delivery.task is task and due <= now for due, _, delivery in self._planned)
        return list(self._running) if in_line else []  # it gets a connection from those that have one

    def _push(self, due: float, delivery: Delivery) -> None:
        self._pushed += 1
        heapq.heappush(self._planned, (due, self._pushed, delivery))
        if len(self._planned) > self._look_through_at:
            self._planned = [each for each in self._planned if not each[2].task.forgotten]
            heapq.heapify(self._planned)
            # Seldom, so that it costs next to nothing for each.
            self._look_through_at = 2 * len(self._planned) + _FEW

    def _on_done(self, running: asyncio.Task[None]) -> None:
        if self._running.pop(running, None) is not None and self._planned:
            self.start_due(self._clock.now())
            self._on_planned()

    async def _attempt(self, delivery: Delivery) -> None:
        task, now = delivery.task, self._clock.now()
        url = task.callback_url or ""
        content = _content(task)
        headers = {"Content-Type": "application/json", **self._signature(task, now)}
        status, allowed = None, True
        try:
            status, trouble = await self._caller.post(url, content, headers, self._clock.patience(self._timeout))
        except NotAllowedError as error:
            trouble, allowed = str(error), False
        attempt = f"attempt {delivery.attempt + 1}" if delivery.attempt else ""
        note = ": ".join(filter(None, (attempt, trouble)))
        self._journal.note(now, "callback", "POST", url, status, note=note, task_id=task.id, body=content)
        if status != 200 and allowed and delivery.attempt < len(self._retry_after):
            due = self._clock.now() + self._retry_after[delivery.attempt]
            self._push(due, Delivery(task, delivery.attempt + 1))
            self._on_planned()

    def _signature(self, task: Task, now: float) -> dict[str, str]:
        plan, key = task.plan.callback, task.account.webhook_key
        if plan.signature == "wrong":
            key = f"not {key}"
        if not key or plan.signature == "none":
            return {}
        stamp = str(int((now if plan.clock == "simulated" else time.time()) - plan.age))
        digest = hmac.new(key.encode(), f"{task.id}.{stamp}".encode(), hashlib.sha256).digest()
        return dict(zip(self._headers, (stamp, base64.b64encode(digest).decode()), strict=True))


def _content(task: Task) -> bytes:
    payload: dict[str, Any] = shapes.callback(task, task.plan.callback.form)
    content = json.dumps(payload, separators=(",", ":")).encode()
    return content[: len(content) // 2] if task.plan.callback.corrupt else content
