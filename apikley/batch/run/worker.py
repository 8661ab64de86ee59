"""Works on the rows of a batch in one event loop."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from apikley._model.task import SUCCESS, TaskInfo
from apikley.batch.ledger.rows import Claim, Wait
from apikley.batch.run.context import Context, logger
from apikley.batch.run.creating import Creator
from apikley.batch.run.polling import Poller
from apikley.batch.run.saving import Output, save
from apikley.errors import (
    ApiError,
    InboxUnavailable,
    NoResult,
    TransportError,
    Unauthorized,
)
from apikley.receiver import Inbox

# Seconds after which another worker takes over the rows of a killed one.
LEASE = 30.0
# Rows that are uploaded or wait to be sent at a time, and rows that wait for their tasks.
_MAX_CREATING, _MAX_WAITING = 10, 300
_MAX_SAVING = 4
_MAX_TRIES = 10  # to save a result
_TICK, _SWEEP, _SAVE_PAUSE, _LONGEST_WAIT = 0.5, 2.0, 30.0, 5.0  # seconds
# How long a batch goes on for the callbacks of unknown rows: median durations of a task, and at least these seconds.
_LATE_CALLBACK, _MIN_LATE = 3.0, 60.0
_MEDIAN_PAUSE = 30.0  # seconds between two looks at the median duration
# Another result would not fit either.
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


class Worker:
    """Works on rows: creates their tasks, waits for them, saves their results.

    Args:
        context: What the parts of the worker share.
        output: Where results are saved.
        template: The template of file names.
        inbox: The receiver's inbox, if callbacks arrive there.
    """

    def __init__(self, context: Context, output: Output, template: str, inbox: Inbox | None = None) -> None:
        self._context = context
        self._output = output
        self._template = template
        self._inbox = inbox
        self._median: float | None = None
        self._creator = Creator(context)
        self._poller = Poller(context, inbox, lambda: self._median)
        self._saving = asyncio.Semaphore(_MAX_SAVING)
        self._claims: dict[int, Claim] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._creating: set[int] = set()  # ids of rows
        self._none_creating = asyncio.Event()
        self._none_creating.set()
        self._changed = asyncio.Event()  # set when a row may be claimed or the batch may be finished
        self._has_swept = True
        self._tries: dict[int, int] = {}  # to save a result, by row
        self._saves = True  # whether results can be saved
        self._gives_up = False  # whether the key is refused

    # One row

    @property
    def batch_id(self) -> int:
        """The id of the batch."""
        return self._context.batch.id

    @property
    def takes_rows(self) -> bool:
        """Whether this worker works on further rows."""
        return not self.leaves_early and len(self._claims) < _MAX_WAITING

    async def free_ids(self, after: int) -> list[int]:
        """Return up to 1,000 ids of open rows that no worker has claimed, and that come after one."""
        return await self._context.write(self._context.ledger.free_ids, self.batch_id, after)

    async def work_on(self, row_id: int) -> None:
        """Work on a row that a dispatcher has chosen, until it is settled or creates are stopped."""
        context = self._context
        while not self.leaves_early and row_id not in self._claims:
            claim = await context.write(context.ledger.claim, row_id, context.worker, LEASE)
            if isinstance(claim, Wait):
                await context.sleep(min(claim.seconds, _LONGEST_WAIT))
                continue
            if claim is None:
                return
            if claim.state == "planned" and context.stopped.is_set():
                await context.write(context.ledger.release, [claim])
                return
            await self._work(claim)
            await context.sleep(_TICK)

    async def _work(self, claim: Claim) -> None:
        """Work on a claimed row."""
        context = self._context
        self._claims[claim.row_id] = claim
        task = asyncio.current_task()
        if task is not None:
            self._tasks[claim.row_id] = task
        try:
            await self._go_on(claim)
        except Unauthorized as error:  # nothing can be polled either
            await context.pause(str(error))
            self._gives_up = True
        except ApiError as error:
            await context.write(context.ledger.failed, claim.row_id, str(error.code), error.message)
        finally:
            self._claims.pop(claim.row_id, None)
            self._tasks.pop(claim.row_id, None)
            self._changed.set()
            with suppress(asyncio.CancelledError):
                await context.write(context.ledger.release, [claim])

    async def _go_on(self, claim: Claim) -> None:
        """Take a row from its state to the next ones."""
        context, task_id = self._context, claim.task_id
        if claim.state == "planned":
            self._creating.add(claim.row_id)
            self._none_creating.clear()
            try:
                task_id = await self._creator.create(claim)
            finally:
                self._creating.discard(claim.row_id)
                self._changed.set()
                if not self._creating:
                    self._none_creating.set()
        if task_id is None:
            return
        if claim.task_state == SUCCESS:
            task: TaskInfo = await context.api.get_task(task_id)
        else:
            task = await self._poller.wait(task_id)
            await context.write(context.ledger.ended, claim.row_id, task)
        if task.succeeded:
            await self._save(claim, task)

    async def _save(self, claim: Claim, task: TaskInfo) -> None:
        context = self._context
        try:
            async with self._saving:
                files = await save(context, self._output, self._template, claim, task)
        except NoResult as error:
            return await context.write(context.ledger.failed, claim.row_id, "no-result", str(error))
        except (OSError, TransportError) as error:
            if getattr(error, "errno", None) in _OF_THE_DISK:
                await context.pause(f"results cannot be saved in {self._output.place}: {error}")
                self._saves = False
            tries = self._tries[claim.row_id] = self._tries.get(claim.row_id, 0) + 1
            if tries == _MAX_TRIES:
                return await context.write(context.ledger.failed, claim.row_id, "not-saved", str(error))
            logger.warning("row %s: its result is not saved yet: %s", claim.key, error)
            return await context.write(context.ledger.delay, claim, _SAVE_PAUSE, str(error))
        return await context.write(context.ledger.saved, claim.row_id, files)

    # All rows of the batch

    async def run(self) -> None:
        """Work on all rows of the batch, in the order of their tables, until none is open or creates are stopped.

        When creates are stopped, this returns after the tasks that run have ended, unless the reason is `interrupted`.
        """
        async with self.serving() as group:
            while not await self.is_finished():
                self._changed.clear()
                for claim in await self._next_claims():
                    self._tasks[claim.row_id] = group.create_task(self._work(claim))
                    self._claims[claim.row_id] = claim
                await self._context.sleep_unless(self._changed, _TICK)
            if self.leaves_early:
                await self.leave()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[asyncio.TaskGroup]:
        """Poll, renew claims and find lost creates during a block. Yields a group for the tasks of rows."""
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(each) for each in (self._poller.run(), self._renew(), self._sweep())]
            try:
                yield group
            finally:
                for each in background:
                    each.cancel()

    async def leave(self) -> None:
        """Let creates that were sent end, and leave everything else to the next run."""
        await self._none_creating.wait()
        for task in [*self._tasks.values()]:
            task.cancel()

    @property
    def leaves_early(self) -> bool:
        """Whether this worker leaves running tasks to the next run: after Ctrl-C, or with a refused key."""
        stop = self._context.stop
        return self._gives_up or (stop is not None and stop.kind == "interrupted")

    async def _next_claims(self) -> list[Claim]:
        context, claim_next, batch_id = self._context, self._context.ledger.claim_next, self._context.batch.id
        claims: list[Claim] = []
        if self._has_swept:
            self._has_swept = False
            room = _MAX_WAITING - len(self._claims)
            if room > 0:
                # Not those of this worker, whose claims may have lapsed while it stood still.
                claims += await context.write(
                    claim_next, batch_id, "running", context.worker, LEASE, room, excluded=[*self._claims]
                )
        room = min(_MAX_CREATING - len(self._creating), _MAX_WAITING - len(self._claims))
        if room >= _MAX_CREATING // 2 and not context.stopped.is_set():
            now = context.clock.monotonic()
            skipped = [model for model, until in self._creator.skipped_models.items() if until > now]
            claims += await context.write(
                claim_next, batch_id, "planned", context.worker, LEASE, room, skipped, [*self._claims]
            )
        return claims

    async def is_finished(self) -> bool:
        """Whether no row is left for this worker."""
        context, ledger, batch_id = self._context, self._context.ledger, self._context.batch.id
        if self.leaves_early:
            return True
        if self._claims:
            return False
        if context.stopped.is_set():
            left = await context.write(ledger.count, batch_id, ("sending", "running"))
            # A result that cannot be saved waits for the next run.
            return not (left if self._saves else await context.write(ledger.count_unfinished, batch_id))
        late = max(_MIN_LATE, _LATE_CALLBACK * (self._median or 0.0))
        since = context.clock.now().timestamp() - late if self._inbox is not None else None
        return not await context.write(ledger.count_left, batch_id, since)

    # In the background

    async def _renew(self) -> None:
        """Renew the claims, and give up rows that another worker has taken over."""
        context = self._context
        while True:
            await context.sleep(LEASE / 3)
            claims = [*self._claims.values()]
            held = await context.write(context.ledger.renew, claims)
            for claim in claims:
                if claim.row_id in held or self._claims.get(claim.row_id) is not claim:
                    continue
                logger.warning("row %s is left to another worker", claim.key)
                # The outcome of a create is noted whoever has the claim.
                if claim.row_id not in self._creating and (task := self._tasks.get(claim.row_id)):
                    task.cancel()

    async def _sweep(self) -> None:
        """Find creates whose worker is gone, and the tasks of unknown rows by their callbacks."""
        context, ledger, batch_id = self._context, self._context.ledger, self._context.batch.id
        next_median = 0.0
        while True:
            if lost := await context.write(ledger.sweep, batch_id):
                logger.error("the outcome of %d creates is unknown, because their worker has ended", lost)
            if context.clock.monotonic() >= next_median:
                self._median, _ = await context.write(ledger.medians, batch_id)
                next_median = context.clock.monotonic() + _MEDIAN_PAUSE
            if self._inbox is not None:
                await self._find_tasks(self._inbox)
            self._has_swept = True
            await context.sleep(_SWEEP)

    async def _find_tasks(self, inbox: Inbox) -> None:
        context, ledger = self._context, self._context.ledger
        tokens = await context.write(ledger.unknown_tokens, context.batch.id)
        if not tokens:
            return
        try:
            found = await asyncio.to_thread(inbox.tasks_of, [*tokens])
        except InboxUnavailable as error:
            logger.warning("%s; unknown rows wait", error)
            return
        for token, task_id in found.items():
            await context.write(ledger.created, tokens[token], token, task_id)
