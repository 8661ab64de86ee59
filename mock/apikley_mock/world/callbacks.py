"""Sends callbacks: when, how often, signed or not, and again after a failure."""

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

import apikley_contract
from apikley_mock.journal.entry import Entry, header_lines
from apikley_mock.journal.journal import Journal
from apikley_mock.world import records
from apikley_mock.world.caller import Answer, Caller, NotAllowedError
from apikley_mock.world.clock import Clock
from apikley_mock.world.tasks import Task

_MAX_CONCURRENT = 64
_MIN_CLEANUP = 1000


@dataclass(frozen=True)
class Delivery:
    """One callback of one task.

    Attributes:
        task: The task, which has ended.
        attempt: The number of earlier attempts.
    """

    task: Task
    attempt: int = 0


class Deliveries:
    """The callbacks that are still to be sent.

    Args:
        caller: Sends them.
        clock: The simulator's time.
        journal: Records each attempt.
        on_planned: Called when the time of the next attempt may have changed.
    """

    def __init__(self, caller: Caller, clock: Clock, journal: Journal, on_planned: Callable[[], None]) -> None:
        self._caller = caller
        self._clock = clock
        self._journal = journal
        self._on_planned = on_planned
        self._planned: list[tuple[float, int, Delivery]] = []
        self._pushed = 0
        self._cleanup_at = _MIN_CLEANUP
        self._running: dict[asyncio.Task[None], Delivery] = {}
        operation = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"]
        (description,) = (item["post"] for item in operation.values())
        self._timeout: float = description["x-delivery"]["timeout"]
        self._retry_after: list[float] = description["x-delivery"]["retry-after"]
        self._headers: list[str] = [parameter["name"] for parameter in description["parameters"]]

    def plan(self, task: Task, now: float) -> None:
        """Plan the callbacks of a task that has ended."""
        if task.callback_url and task.plan.outcome != "disappear":
            for _ in range(task.plan.callback.times):
                self._push(now + task.plan.callback.delay, Delivery(task))

    def repeat(self, task: Task) -> None:
        """Plan one more callback of a task that has ended, for now."""
        self._push(self._clock.now(), Delivery(task))

    def next_attempt(self) -> float | None:
        """Return when the next attempt is due, in Unix seconds; None while all connections are busy."""
        return self._planned[0][0] if self._planned and len(self._running) < _MAX_CONCURRENT else None

    def planned(self) -> int:
        """Return the number of attempts that are still to be made."""
        return len(self._planned) + len(self._running)

    def start_due(self, now: float) -> None:
        """Start the attempts that are due, as many at once as there are connections."""
        while self._planned and self._planned[0][0] <= now and len(self._running) < _MAX_CONCURRENT:
            delivery = heapq.heappop(self._planned)[2]
            if not delivery.task.forgotten:
                running = asyncio.get_running_loop().create_task(self._attempt(delivery))
                self._running[running] = delivery
                running.add_done_callback(self._on_done)

    async def settled(self, task: Task | None = None) -> None:
        """Return when every started attempt has ended; of one task, also the due ones that wait for a connection."""
        while waited := self._under_way(task):
            await asyncio.wait(waited)
            # The callbacks of finished attempts, which start the next ones, need a pass of the loop.
            await asyncio.sleep(0)

    def clear(self) -> None:
        """Forget planned callbacks and cancel running ones."""
        self._planned.clear()
        self._cleanup_at = _MIN_CLEANUP
        for running in list(self._running):
            if not running.get_loop().is_closed():
                running.cancel()
        self._running.clear()

    def _under_way(self, task: Task | None) -> list[asyncio.Task[None]]:
        own = [each for each, delivery in self._running.items() if task in (None, delivery.task)]
        if own or task is None:
            return own
        now = self._clock.now()
        waiting = any(delivery.task is task and due <= now for due, _, delivery in self._planned)
        return list(self._running) if waiting else []  # one of these will free a connection

    def _push(self, due: float, delivery: Delivery) -> None:
        self._pushed += 1
        heapq.heappush(self._planned, (due, self._pushed, delivery))
        if len(self._planned) > self._cleanup_at:
            self._planned = [each for each in self._planned if not each[2].task.forgotten]
            heapq.heapify(self._planned)
            self._cleanup_at = 2 * len(self._planned) + _MIN_CLEANUP

    def _on_done(self, running: asyncio.Task[None]) -> None:
        if self._running.pop(running, None) is not None and self._planned:
            self.start_due(self._clock.now())
            self._on_planned()

    async def _attempt(self, delivery: Delivery) -> None:
        task, now = delivery.task, self._clock.now()
        url = task.callback_url or ""
        content = _content(task)
        headers = {"Content-Type": "application/json", **self._signature(task, now)}
        answer, allowed, start = Answer(None), True, time.monotonic()
        try:
            answer = await self._caller.post(url, content, headers, self._clock.real_timeout(self._timeout))
        except NotAllowedError as refused:
            answer, allowed = Answer(None, str(refused)), False
        attempt = f"attempt {delivery.attempt + 1}" if delivery.attempt else ""
        note = ": ".join(filter(None, (attempt, answer.error)))
        took = time.monotonic() - start
        self._journal.add(
            Entry(
                now,
                "callback",
                "POST",
                url,
                answer.status,
                note=note,
                task_id=task.id,
                body=content,
                took=took,
                headers=header_lines((name.encode(), value.encode()) for name, value in headers.items()),
                response_headers=header_lines(answer.headers),
                response=answer.body,
            )
        )
        if answer.status != 200 and allowed and delivery.attempt < len(self._retry_after):
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
    content = json.dumps(records.callback(task, task.plan.callback.form), separators=(",", ":")).encode()
    return content[: len(content) // 2] if task.plan.callback.corrupt else content
