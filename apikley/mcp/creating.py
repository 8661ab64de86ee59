"""Creates tasks through the ledger: within the budget, and with a person's consent where it is asked for."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from apikley import AsyncApikley, TaskInfo
from apikley._flows.clock import Clock
from apikley.batch import Batch, Budget, Jobs
from apikley.batch.ledger.rows import Row
from apikley.batch.table.bodies import content_hash
from apikley.errors import ApikleyError, ConfigurationError
from apikley.mcp.failures import ToolError
from apikley.mcp.options import Options

logger = logging.getLogger("apikley.mcp")

# Asks a person; raises ToolError if they do not agree, or cannot be asked.
Confirm = Callable[[str], Awaitable[None]]
_DAY = 24 * 3600.0
_GRACE = 5.0  # seconds that a create that was sent still has
_SETTLE_AFTER = 2.0  # seconds; most creates need less
_LAST = 30.0  # seconds that creates have when the server ends
_MAX_SHOWN = 1_000  # characters of an input


class Creates:
    """The tasks that this server has created.

    Args:
        batch: The ledger.
        jobs: Its jobs.
        api: The client that polls.
        options: What an agent may do.
        clock: The clock.
    """

    def __init__(self, batch: Batch, jobs: Jobs, api: AsyncApikley, options: Options, clock: Clock) -> None:
        self._ledger, self._batch_id = batch.ledger, batch.record.id
        self._jobs = jobs
        self._api = api
        self._options = options
        self._clock = clock
        self._start = clock.now().timestamp()
        self._creating: dict[asyncio.Task[TaskInfo], asyncio.Event] = {}

    async def create(self, key: str | None, body: Mapping[str, Any], confirm: Confirm) -> dict[str, Any]:
        """Create a task, or return the one of an earlier call with the same key.

        Args:
            key: The idempotency key; None to derive it from the request.
            body: The request body.
            confirm: Asks a person.

        Raises:
            ToolError: The key was used for another request, a person does not agree, or the response is late.
            ApikleyError: As `Jobs.create`.
        """
        await self._api.check(body)
        key = key or derived_key(body)
        if not key.isprintable() or key != key.strip():
            raise ToolError("idempotency_key must be printable text without spaces around it; nothing was sent")
        row = await asyncio.to_thread(self._ledger.row, self._batch_id, key)
        if row is None or row.state in ("planned", "refused"):
            await self._confirm(body, confirm)
        task = await self._create(key, body)
        return {
            "task_id": task.id,
            "idempotency_key": key,
            "already_created": row is not None and row.task_id is not None,
            "next": "Call wait_for_task with this task_id.",
        }

    async def _confirm(self, body: Mapping[str, Any], confirm: Confirm) -> None:
        limit = self._options.confirm_above
        if limit is None:
            return
        price = await asyncio.to_thread(self._ledger.price, self._batch_id, body["model"])
        if price is None or price > limit:
            cost = "a price that is not known yet" if price is None else f"{price:g} credits"
            shown = json.dumps(body["input"], ensure_ascii=False)
            shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"
            await confirm(f"Create a task of {body['model']} for {cost}? Its input: {shown}")

    async def _create(self, key: str, body: Mapping[str, Any]) -> TaskInfo:
        """Create in a task of its own, because a create that was sent must not be cancelled."""
        options, give_up = self._options, asyncio.Event()
        budgets = [Budget(options.max_credits, self._start)]
        if options.max_credits_per_day is not None:
            budgets.append(Budget(options.max_credits_per_day, self._clock.now().timestamp() - _DAY))
        creating = asyncio.create_task(self._jobs.create(key, body, budgets=budgets, give_up=give_up))
        self._creating[creating] = give_up
        creating.add_done_callback(self._forget)
        settling = asyncio.create_task(self._settle())
        try:
            await asyncio.wait({creating}, timeout=options.wait)
            give_up.set()
            await asyncio.wait({creating}, timeout=_GRACE)
        finally:
            give_up.set()
            settling.cancel()
        if not creating.done():
            raise ToolError(
                "The create was sent, and its response has not arrived yet. Call create_video again with the same "
                "request and idempotency_key: it returns the task and does not create a second one. Use no other key."
            )
        try:
            return creating.result()
        except ConfigurationError as error:
            raise ToolError(
                f"idempotency_key {key!r} was used for another request, so nothing was sent. Repeat that request, or "
                "use a new key for a new video."
            ) from error

    def _forget(self, creating: asyncio.Task[TaskInfo]) -> None:
        del self._creating[creating]
        if not creating.cancelled():
            creating.exception()  # nobody may be left to read it

    async def _settle(self) -> None:
        """Poll running tasks while a create waits: a task that has ended frees what was reserved for it."""
        await asyncio.sleep(_SETTLE_AFTER)
        keys = {row.task_id: row.key for row in await self._running() if row.task_id}
        try:
            async for task in self._api.wait_many([*keys], self._options.wait):
                await self._jobs.ended(keys[task.id], task)
        except ApikleyError as error:
            logger.info("running tasks cannot be polled: %s", error)

    async def _running(self) -> list[Row]:
        return await asyncio.to_thread(lambda: [*self._ledger.rows(self._batch_id, ("running",))])

    async def note_end(self, task: TaskInfo) -> None:
        """Note how a task has ended, if it has and this ledger knows it."""
        if task.finished:
            for row in await self._running():
                if row.task_id == task.id:
                    await self._jobs.ended(row.key, task)

    async def latest(self, count: int) -> list[Row]:
        """Return the latest rows of the ledger, the newest first."""
        rows = await asyncio.to_thread(lambda: [*self._ledger.rows(self._batch_id)])
        return rows[: -count - 1 : -1]

    async def aclose(self) -> None:
        """Let creates that were sent end; the others are not sent."""
        for give_up in self._creating.values():
            give_up.set()
        if self._creating:
            with suppress(asyncio.CancelledError):
                await asyncio.wait({*self._creating}, timeout=_LAST)
        for creating in [*self._creating]:
            creating.cancel()


def derived_key(body: Mapping[str, Any]) -> str:
    """Return an idempotency key that is the same for the same request."""
    return f"request-{content_hash(body)[:32]}"
