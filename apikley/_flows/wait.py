"""The flows of looking at a task, once and until it has ended."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import apikley_contract
from apikley._flows import retry as _retry
from apikley._flows.clock import Clock
from apikley._flows.effects import Emit, Flow, Sleep, Tell
from apikley._flows.state import Core, kwargs, read
from apikley._model.checks import SECONDS, demand, is_task_id
from apikley._model.task import TaskSnapshot, record_of
from apikley.errors import (
    ApiError,
    ApikleyError,
    NotFound,
    RequestInvalid,
    TransportError,
    ValidationFailed,
    Violation,
    WaitTimeout,
)
from apikley_client.api.jobs import get_task_details

if TYPE_CHECKING:
    from apikley_client.models import TaskDetails

# How long looks may fail in a row before a wait gives up, in seconds.
PATIENCE = 60.0
# A look near the deadline has at least this long, in seconds: an answer is worth a moment.
_SHORTEST_LOOK = 5.0
# A look that others are waiting for has no longer than this, in seconds: one that hangs must not stop them.
_TURN = 10.0

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
    time = _Time(core.clock, timeout)
    watch = _Watch(core, task, time)
    while True:
        yield from watch.look(on_progress)
        if watch.task.finished:
            watch.task.raise_for_failure()
            return watch.task
        if time.left() <= 0:
            raise _late([watch], timeout) from watch.failure
        yield Sleep(min(watch.pause(), time.left()))


def wait_many(core: Core, tasks: Iterable[TaskSnapshot], timeout: float, on_progress: OnProgress | None) -> Flow[None]:
    """Look at many tasks in turn, and emit each as it ends, whether well or badly.

    One that cannot be looked at does not stop the others: its error is raised when they have ended.
    """
    demand(SECONDS, "timeout", timeout)
    time = _Time(core.clock, timeout)
    watches = [_Watch(core, task, time) for task in tasks]
    for watch in watches:
        _check_id(watch.task.id)
    plan = _Plan(len(watches), time, core.looks.gap)
    failures: list[ApiError | TransportError] = []
    while (number := plan.next()) is not None:
        watch = watches[number]
        if (pause := plan.due_in()) > 0:
            yield Sleep(pause)
        began = time.elapsed()
        try:
            yield from watch.look(on_progress, _TURN if plan.others() else None)
        except (ApiError, TransportError) as failure:
            failures.append(failure)
            plan.settled()
        else:
            if watch.task.finished:
                plan.settled()
                with time.standing_still():
                    yield Emit(watch.task)
            else:
                plan.again(watch.pause(), time.elapsed() - began)
        if time.left() <= 0 < timeout:
            break  # one look may overshoot the deadline; where no time was given, each is looked at once
    if plan.open:
        late = _late([watches[number] for number in plan.open], timeout)
        raise _with_notes(late, failures) from (failures[0] if failures else late.failure)
    if failures:
        raise _with_notes(failures[0], failures[1:])


def _check_id(task_id: object) -> None:
    if not is_task_id(task_id):
        raise RequestInvalid([Violation("/taskId", "type", "string", f"{task_id!r} is no task id")])


def _with_notes(error: ApikleyError, others: list[ApiError | TransportError]) -> ApikleyError:
    """An error that also tells of the others."""
    for other in others:
        error.add_note(f"task {other.task_id} could not be looked at: {other}")
    return error


def _late(watches: Sequence[_Watch], timeout: float) -> WaitTimeout:
    first = watches[0]
    return WaitTimeout([watch.task.id for watch in watches], timeout, first.task, failure=first.failure)


class _Time:
    """The time of one wait, in seconds, as far as it was spent waiting."""

    def __init__(self, clock: Clock, timeout: float) -> None:
        self.timeout = timeout
        self._clock = clock
        self._start = clock.monotonic()
        # Of its own, since a difference of differences may never come to nothing.
        self._end = self._start + timeout

    def elapsed(self) -> float:
        """Since it began."""
        return self._clock.monotonic() - self._start

    def left(self) -> float:
        """Until the deadline."""
        return self._end - self._clock.monotonic()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """While the caller works on what was emitted, nobody waits."""
        since = self._clock.monotonic()
        yield
        worked = self._clock.monotonic() - since
        self._start += worked
        self._end += worked


class _Plan:
    """Which of many tasks is looked at when.

    Each has a last look, as close to the deadline as one look after another allows.

    Attributes:
        open: The numbers of those that have not ended, in their order.
    """

    def __init__(self, count: int, time: _Time, gap: float) -> None:
        self.open = dict.fromkeys(range(count))
        self._time = time
        self._gap = gap
        self._queue = [(0.0, number) for number in range(count)]
        self._current = (0.0, 0)
        self._last: set[int] = set()

    def next(self) -> int | None:
        """The number of the next; None: none is to be looked at any more."""
        if not self._queue:
            return None
        self._current = heapq.heappop(self._queue)
        return self._current[1]

    def due_in(self) -> float:
        """After how many seconds its look is due."""
        return min(self._current[0] - self._time.elapsed(), self._time.left())

    def others(self) -> bool:
        """Whether others are kept waiting by its look."""
        return bool(self._queue)

    def settled(self) -> None:
        """Say that it has ended, or cannot be looked at."""
        del self.open[self._current[1]]

    def again(self, pause: float, took: float) -> None:
        """Plan its next look, after a pause and a look that took so long."""
        number = self._current[1]
        if number in self._last or self._time.left() <= 0:
            return
        now = self._time.elapsed()
        due = now + pause
        if due >= self._time.timeout:
            due = max(now, self._time.timeout - len(self._last) * max(self._gap, took))
            self._last.add(number)
        heapq.heappush(self._queue, (due, number))


class _Watch:
    """One task that is being waited for.

    Attributes:
        task: What was last seen of it.
        failure: What went wrong with the last look, if anything did.
    """

    def __init__(self, core: Core, task: TaskSnapshot, time: _Time) -> None:
        self.task = task
        self.failure: ApiError | TransportError | None = None
        self._core = core
        self._time = time
        self._failing_since: float | None = None
        self._asked_pause = 0.0

    def pause(self) -> float:
        """Seconds until the next look, by the documented schedule."""
        return max(poll_pause(self._time.elapsed()), self._asked_pause)

    def look(self, on_progress: OnProgress | None, at_most: float | None = None) -> Flow[None]:
        """One look. What fails in passing is no news, and waiting goes on.

        Args:
            on_progress: Called after it.
            at_most: How long it may take, in seconds.

        Raises:
            ApiError: The service does not know the task, refuses the key, or has long failed.
            TransportError: No usable answer has come for long.
        """
        clock = self._core.clock
        with self._core.looks.line() as ask:
            while (seconds := ask(clock.monotonic())) > 0:
                if self._time.left() <= 0:
                    return  # its turn has not come in time: waiting ends without this look
                yield Sleep(min(seconds, self._time.left()))
        self._asked_pause = 0.0
        limit = max(self._time.left(), _SHORTEST_LOOK)
        limit = limit if at_most is None else min(limit, at_most)
        try:
            self.task = yield from look(self._core, self.task, resends=0, timeout=limit)
        except (ApiError, TransportError) as failure:
            if not self._bearable(failure):
                raise
            self.failure = failure
            self._asked_pause = min(getattr(failure, "retry_after", None) or 0.0, _retry.LONGEST)
            return
        self.failure = self._failing_since = None
        if on_progress is not None:
            yield Tell(on_progress, self.task.details)

    def _bearable(self, failure: ApiError | TransportError) -> bool:
        if isinstance(failure, NotFound | ValidationFailed):
            return self.task.id in self._core.created
        now = self._time.elapsed()
        self._failing_since = now if self._failing_since is None else self._failing_since
        return _retry.passing(failure) and now - self._failing_since <= PATIENCE


def poll_pause(elapsed: float) -> float:
    """Seconds until the next look after so many, anywhere within the documented range."""
    for until, shortest, longest in apikley_contract.poll_schedule():
        if elapsed < until:
            return random.uniform(shortest, longest)  # noqa: S311 - jitter, no secret
    raise AssertionError("the schedule's last step has no end")
