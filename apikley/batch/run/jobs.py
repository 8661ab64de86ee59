"""Single jobs of a batch, by their keys: the same key again returns the same task."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from apikley._model.local_files import find_local_files
from apikley._model.task import TaskInfo
from apikley._model.validation import validate_create
from apikley.batch.ledger.rows import Budget, NewRow, Row, Wait
from apikley.batch.run.context import Context
from apikley.batch.run.creating import Creator
from apikley.batch.run.worker import LEASE
from apikley.batch.table.bodies import content_hash, pack
from apikley.errors import (
    ConfigurationError,
    CreateNotAdmitted,
    CreateOutcomeUnknown,
    RequestInvalid,
    Violation,
    error_class,
)

_SOURCE = "jobs"


class Jobs:
    """Creates single tasks through the ledger of a batch; see `Batch.jobs`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def create(
        self,
        key: str,
        body: Mapping[str, Any],
        *,
        budgets: Sequence[Budget] = (),
        give_up: asyncio.Event | None = None,
    ) -> TaskInfo:
        """Create the task of a key, or return the one that was created for it before.

        Args:
            key: The name of the job, chosen by the caller. The same key never pays twice, also after a restart.
            body: The request body, `{"model": …, "input": {…}}`.
            budgets: Limits on the cost, besides the batch's own.
            give_up: Set it to send nothing any more. A create that was sent goes on.

        Raises:
            RequestInvalid: The request breaks the contract; nothing was sent.
            ConfigurationError: The key was used for another request.
            CreateNotAdmitted: The budget is spent, the batch is paused, or `give_up` was set; nothing was sent.
            CreateOutcomeUnknown: The response was lost, now or before; a task may exist and be paid.
            ApiError: The service refused the request. The same key may be tried again.
        """
        context, ledger, batch_id = self._context, self._context.ledger, self._context.batch.id
        new = _new_row(key, body)
        await context.write(ledger.add, batch_id, _SOURCE, [new])
        await context.write(ledger.resume, batch_id)
        await context.write(ledger.retry, batch_id, ("refused",), key=key)
        # Not the worker's own event, because the next create may be admitted again.
        own = replace(context, stopped=give_up or asyncio.Event(), stop=None)
        creator = Creator(own, budgets)
        while True:
            row = await self.row(key)
            if row.task_id is not None:
                return TaskInfo(row.task_id, account=context.account)
            _raise_for(row, body)
            if own.stop is not None:
                raise CreateNotAdmitted(own.stop.kind, own.stop.reason)
            if own.stopped.is_set():
                raise CreateNotAdmitted("given-up", "it had to wait too long for its turn or for its budget")
            if creator.skipped_models:
                raise CreateNotAdmitted("rate", f"{row.model} is at its own limit; try again later")
            row_id = await context.write(ledger.row_id, batch_id, key)
            claim = await context.write(ledger.claim, row_id, context.worker, LEASE)
            if isinstance(claim, Wait):
                await context.sleep(min(claim.seconds, 1.0))
            elif claim is not None:
                try:
                    await creator.create(claim)
                finally:
                    await context.write(ledger.release, [claim])

    async def row(self, key: str) -> Row:
        """Return the row of a key.

        Raises:
            ConfigurationError: There is no such row.
        """
        row = await self._context.write(self._context.ledger.row, self._context.batch.id, key)
        if row is None:
            raise ConfigurationError(f"batch {self._context.batch.name!r} has no row {key!r}")
        return row

    async def ended(self, key: str, task: TaskInfo) -> None:
        """Note how the task of a key has ended, so that it no longer counts as running."""
        ledger = self._context.ledger
        row_id = await self._context.write(ledger.row_id, self._context.batch.id, key)
        await self._context.write(ledger.ended, row_id, task)
        if task.succeeded:
            await self._context.write(ledger.saved, row_id, [])


def _new_row(key: str, body: Mapping[str, Any]) -> NewRow:
    # Not by `jobs_of`, which takes a text in place of a URL for a local file, as tables do.
    complete, _, violations = find_local_files({**body})
    validate_create(complete, violations)
    return NewRow(key, 1, str(body["model"]), pack(body), content_hash(body))


def _raise_for(row: Row, body: Mapping[str, Any]) -> None:
    """Raise if a row has been settled without a task."""
    if row.state == "unknown":
        sent_at = datetime.fromtimestamp(row.sent_at or 0.0, UTC)
        raise CreateOutcomeUnknown(row.error or "the response was lost", request=body, sent_at=sent_at)
    if row.state == "refused":
        code, message = row.error_code or "", row.error or ""
        if code.isdigit():
            raise error_class(int(code))(int(code), message)
        raise RequestInvalid([Violation("", "row", None, message)])
