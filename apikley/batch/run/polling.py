"""Waits for the tasks of one worker: by the receiver's inbox where there is one, otherwise by polls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from apikley._flows.retry import LONGEST_PAUSE, is_transient
from apikley._flows.wait import poll_pause
from apikley._model.task import TaskInfo
from apikley.batch.ledger.limits import poll_interval
from apikley.batch.run.context import Context, logger
from apikley.errors import ApiError, GenerationFailed, InboxUnavailable, NotFound, TransportError, WaitTimeout
from apikley.receiver import Inbox

_TICK = 0.5  # seconds between two looks at the inbox
_MAX_POLLS = 10  # reserved at a time
_MAX_UNKNOWN = 120.0  # seconds in which the service may say that it does not know a task
_PAGE = 500
# The first poll when a callback is expected: this many median durations after the create.
_CALLBACK_IS_LATE = 1.5


@dataclass(eq=False)
class _Waiting:
    """A task that has not ended.

    Attributes:
        task_id: The task.
        since: When its create was noted, by the clock.
        due: When it is polled next, by the clock.
        ended: Becomes the task when it has ended.
        has_event: Whether the inbox holds its completion.
        not_found_since: When the service first said that it does not know the task.
    """

    task_id: str
    since: float
    due: float
    ended: asyncio.Future[TaskInfo] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    has_event: bool = False
    not_found_since: float | None = None


class Poller:
    """Polls within the rate that all workers of the account share.

    Args:
        context: The worker.
        inbox: The receiver's inbox, if callbacks arrive there.
        seconds_per_video: Returns the median duration of a task, if one is known.
    """

    def __init__(self, context: Context, inbox: Inbox | None, seconds_per_video: Callable[[], float | None]) -> None:
        self._context = context
        self._inbox = inbox
        self._seconds_per_video = seconds_per_video
        self._waiting: dict[str, _Waiting] = {}

    async def wait(self, task_id: str) -> TaskInfo:
        """Return a task when it has ended.

        Raises:
            NotFound: The service does not know the task.
            ApiError: The service refuses to describe the task.
        """
        now = self._context.clock.monotonic()
        waiting = self._waiting[task_id] = _Waiting(task_id, now, now + self._first_poll())
        try:
            return await waiting.ended
        finally:
            self._waiting.pop(task_id, None)

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            if self._inbox is not None and self._waiting:
                await self._read_inbox(self._inbox)
            now = self._context.clock.monotonic()
            due = sorted((each for each in self._waiting.values() if each.due <= now), key=lambda each: each.due)
            if due:
                await self._poll_all(due[:_MAX_POLLS])
            else:
                await self._context.sleep(_TICK)

    def _first_poll(self) -> float:
        if self._inbox is not None and (median := self._seconds_per_video()) is not None:
            return _CALLBACK_IS_LATE * median
        return poll_pause(0.0)

    async def _read_inbox(self, inbox: Inbox) -> None:
        """Poll the tasks whose completion has arrived now: the signature of a callback does not cover its body."""
        known = [task_id for task_id, each in self._waiting.items() if not each.has_event]
        for start in range(0, len(known), _PAGE):
            try:
                ended = await asyncio.to_thread(inbox.ended, known[start : start + _PAGE])
            except InboxUnavailable as error:
                logger.warning("%s; tasks are polled", error)
                return
            for task_id in ended:
                if waiting := self._waiting.get(task_id):
                    waiting.has_event, waiting.due = True, 0.0

    async def _poll_all(self, due: list[_Waiting]) -> None:
        context = self._context
        await context.sleep(await context.write(context.ledger.reserve_polls, context.account, len(due)))
        async with asyncio.TaskGroup() as group:
            for index, waiting in enumerate(due):
                if index:
                    await context.sleep(poll_interval())
                group.create_task(self._poll(waiting))

    async def _poll(self, waiting: _Waiting) -> None:
        """Poll once, and set the time of the next poll."""
        pause = 0.0
        try:
            task: TaskInfo = await self._context.api.wait(waiting.task_id, timeout=0)
        except GenerationFailed as error:
            task = error.task
        except WaitTimeout as error:
            task, failure = error.task, error.failure
            pause = min(getattr(failure, "retry_after", None) or 0.0, LONGEST_PAUSE)
            if isinstance(failure, NotFound):
                return self._not_found(waiting, failure)
            waiting.not_found_since = None
        except (ApiError, TransportError) as error:
            if isinstance(error, NotFound):
                return self._not_found(waiting, error)
            if not is_transient(error):
                return self._fail(waiting, error)
            return self._again(waiting, LONGEST_PAUSE)
        if not task.finished:
            return self._again(waiting, pause)
        if not waiting.ended.done():
            waiting.ended.set_result(task)
        return None

    def _again(self, waiting: _Waiting, pause: float) -> None:
        now = self._context.clock.monotonic()
        waiting.due = now + max(poll_pause(now - waiting.since), pause)

    def _not_found(self, waiting: _Waiting, error: ApiError) -> None:
        now = self._context.clock.monotonic()
        waiting.not_found_since = now if waiting.not_found_since is None else waiting.not_found_since
        if now - waiting.not_found_since > _MAX_UNKNOWN:
            return self._fail(waiting, error)
        return self._again(waiting, 0.0)

    def _fail(self, waiting: _Waiting, error: ApiError | TransportError) -> None:
        if not waiting.ended.done():
            waiting.ended.set_exception(error)
