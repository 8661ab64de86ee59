"""The flows of looking at a task, once and until it has ended."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import apikley_contract
from apikley import _retry
from apikley._checks import SECONDS, demand, is_task_id
from apikley._core import Core, kwargs, read
from apikley._effects import Emit, Flow, Sleep, Tell
from apikley._task import TaskSnapshot, record_of
from apikley.errors import (
    ApiError,
    ApikleyError,
    Finding,
    NotFound,
    RequestInvalid,
    TransportError,
    ValidationFailed,
    WaitTimeout,
)
from apikley_client.api.jobs import get_task_details

if TYPE_CHECKING:
    from apikley_client.models import TaskDetails

# How long looks may fail in a row before a wait gives up, in seconds.
PATIENCE = 60.0
# A look near the deadline has at least this long, in seconds: an answer is worth a moment.
_SHORTEST_LOOK = 5.0

OnProgress = Callable[["TaskDetails"], Any]


def see(core: Core, task: TaskSnapshot) -> Flow[TaskSnapshot]:
    """One look at a task; more, while it was just created and the service does not know it yet."""
    while True:
        try:
            return (yield from look(core, task))
        except (NotFound, ValidationFailed):
            if task.id not in core.created:
                raise
        yield Sleep(poll_pause(0.0))


def look(
    core: Core, task: TaskSnapshot, *, resends: int | None = None, timeout: float | None = None
) -> Flow[TaskSnapshot]:
    """One look at a task."""
    _check_id(task.id)
    request = kwargs(get_task_details, task_id=task.id)
    envelope = yield from read(core, request, task_id=task.id, resends=resends, timeout=timeout)
    record = record_of(envelope.data)
    if not record:
        raise TransportError("the answer is a success, but holds no task", task_id=task.id)
    return TaskSnapshot(task.id, record, task.token)


def wait(core: Core, task: TaskSnapshot, timeout: float, on_progress: OnProgress | None) -> Flow[TaskSnapshot]:
    """Look until the task has ended; raise where it failed."""
    demand(SECONDS, "timeout", timeout)
    watch = _Watch(core, task, timeout)
    while True:
        yield from watch.look(on_progress)
        if watch.task.finished:
            watch.task.raise_for_failure()
            return watch.task
        if watch.left() <= 0:
            raise WaitTimeout([task.id], timeout, watch.task)
        yield Sleep(min(watch.pause(), watch.left()))


def wait_many(core: Core, tasks: Iterable[TaskSnapshot], timeout: float, on_progress: OnProgress | None) -> Flow[None]:
    """Look at many tasks in turn, and emit each as it ends, whether well or badly.

    One that cannot be looked at does not stop the others: its error is raised when they have ended.
    """
    demand(SECONDS, "timeout", timeout)
    watches = [_Watch(core, task, timeout) for task in tasks]
    for watch in watches:
        _check_id(watch.task.id)
    queue = [(core.clock.monotonic(), number) for number in range(len(watches))]
    failures: list[ApiError | TransportError] = []
    while queue:
        due, number = heapq.heappop(queue)
        watch = watches[number]
        if due > core.clock.monotonic():
            yield Sleep(min(due - core.clock.monotonic(), max(watch.left(), 0.0)))
        if watch.left() <= 0 and watch.looked:
            waiting = [watch, *(watches[other] for _, other in sorted(queue))]
            late = WaitTimeout([each.task.id for each in waiting], timeout, watch.task)
            raise _with_notes(late, failures) from (failures[0] if failures else None)
        try:
            yield from watch.look(on_progress)
        except (ApiError, TransportError) as failure:
            failures.append(failure)
            continue
        if watch.task.finished:
            yield Emit(watch.task)
        else:
            heapq.heappush(queue, (core.clock.monotonic() + watch.pause(), number))
    if failures:
        raise _with_notes(failures[0], failures[1:])


def _check_id(task_id: object) -> None:
    if not is_task_id(task_id):
        raise RequestInvalid([Finding("/taskId", "type", "string", f"{task_id!r} is no task id")])


def _with_notes(error: ApikleyError, others: list[ApiError | TransportError]) -> ApikleyError:
    """An error that also tells of the others."""
    for other in others:
        error.add_note(f"task {other.task_id} could not be looked at: {other}")
    return error


class _Watch:
    """One task that is being waited for."""

    def __init__(self, core: Core, task: TaskSnapshot, timeout: float) -> None:
        self.task = task
        self.looked = False
        self._core = core
        self._start = core.clock.monotonic()
        self._failing_since: float | None = None
        self._timeout = timeout
        self._asked_pause = 0.0

    def left(self) -> float:
        """Seconds until the deadline."""
        return self._start + self._timeout - self._core.clock.monotonic()

    def pause(self) -> float:
        """Seconds until the next look, by the documented schedule."""
        elapsed = self._core.clock.monotonic() - self._start
        return max(poll_pause(elapsed), self._asked_pause)

    def look(self, on_progress: OnProgress | None) -> Flow[None]:
        """One look. What fails in passing is no news, and waiting goes on.

        Raises:
            ApiError: The service does not know the task, refuses the key, or has long failed.
            TransportError: No usable answer has come for long.
        """
        clock = self._core.clock
        self.looked = True
        with self._core.looks.line() as ask:
            while (seconds := ask(clock.monotonic())) > 0:
                if self.left() <= 0:
                    return  # its turn has not come in time: waiting ends without this look
                yield Sleep(min(seconds, self.left()))
        self._asked_pause = 0.0
        limit = max(self.left(), _SHORTEST_LOOK)
        try:
            self.task = yield from look(self._core, self.task, resends=0, timeout=limit)
        except (ApiError, TransportError) as failure:
            if not self._bearable(failure):
                raise
            self._asked_pause = min(getattr(failure, "retry_after", None) or 0.0, _retry.LONGEST)
            return
        self._failing_since = None
        if on_progress is not None:
            yield Tell(on_progress, self.task.details)

    def _bearable(self, failure: ApiError | TransportError) -> bool:
        now = self._core.clock.monotonic()
        if isinstance(failure, NotFound | ValidationFailed):
            return self.task.id in self._core.created
        self._failing_since = now if self._failing_since is None else self._failing_since
        return _retry.passing(failure) and now - self._failing_since <= PATIENCE


def poll_pause(elapsed: float) -> float:
    """Seconds until the next look after so many, anywhere within the documented range."""
    for until, shortest, longest in apikley_contract.poll_schedule():
        if elapsed < until:
            return random.uniform(shortest, longest)  # noqa: S311 - jitter, no secret
    raise AssertionError("the schedule's last step has no end")
