"""The flows that poll a task, once and until it has ended."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeGuard, TypeVar

import apikley_contract
from apikley._flows.clock import Clock
from apikley._flows.effects import CallUser, Flow, Sleep, YieldItem
from apikley._flows.retry import LONGEST_PAUSE, is_transient
from apikley._flows.state import VISIBILITY_GRACE, ClientState, request_for, send_with_retries
from apikley._model.checks import SECONDS, is_task_id, require
from apikley._model.fields import text
from apikley._model.task import FAIL, TaskInfo, record_of
from apikley.errors import (
    ApiError,
    ApikleyError,
    GenerationError,
    NotFound,
    ProviderTimeout,
    RequestInvalid,
    TransportError,
    ValidationFailed,
    Violation,
    WaitTimeout,
)

# Transient failures are ignored for up to this many seconds.
MAX_FAILING_SECONDS = 60.0
# Minimum timeout of a poll near the deadline, in seconds.
_MIN_POLL_TIMEOUT = 5.0
# Maximum timeout of a poll while other tasks are due, in seconds.
_MAX_TURN = 10.0

OnProgress = Callable[[Any], Any]
TaskT = TypeVar("TaskT", bound=TaskInfo)


def get_task(state: ClientState, task: TaskT) -> Flow[TaskT]:
    """Poll once; poll again while a new task is not visible yet."""
    while True:
        try:
            return (yield from poll(state, task))
        except (NotFound, ValidationFailed):
            if task.id not in state.recently_created:
                raise
        yield Sleep(poll_pause(0.0))


def poll(
    state: ClientState, task: TaskT, *, max_retries: int | None = None, timeout: float | None = None
) -> Flow[TaskT]:
    """Poll once, and update the task in place."""
    _require_task_id(task.id)
    request = request_for("getTaskDetails", params={"taskId": task.id})
    try:
        envelope = yield from send_with_retries(
            state, request, task_id=task.id, max_retries=max_retries, timeout=timeout
        )
    except ValidationFailed as error:
        if error.message != _no_record():
            raise
        about: dict[str, Any] = {"status_code": error.status_code, "task_id": task.id, "body": error.body}
        raise NotFound(error.code, error.message, **about) from None
    record = record_of(envelope.data)
    if not record:
        raise TransportError("the response is a success, but holds no task", task_id=task.id)
    if (other := text(record.get("taskId"))) not in (None, task.id):
        raise TransportError(f"the response is about another task, {other!r}", task_id=task.id)
    return task.update(record)


@cache
def _no_record() -> str:
    """Return the text of a validation error about a task that the service does not know."""
    code = apikley_contract.codes()["VALIDATION_FAILED"]
    response = apikley_contract.operation("getTaskDetails").description["responses"][str(code)]
    return str(response["content"]["application/json"]["example"]["msg"])


def wait(state: ClientState, task: TaskT, timeout: float, on_progress: OnProgress | None) -> Flow[TaskT]:
    """Poll until the task has ended; raise if it failed."""
    require(SECONDS, "timeout", timeout)
    timer = _Timer(state.clock, timeout)
    watch = _Watch(state, task, timer)
    while True:
        yield from watch.poll(on_progress)
        if task.finished:
            task.raise_for_failure()
            return task
        if timer.remaining() <= 0:
            raise _timed_out([watch], timeout) from watch.failure
        yield Sleep(min(watch.pause(), timer.remaining()))


def wait_many(
    state: ClientState, tasks: Iterable[TaskInfo], timeout: float, on_progress: OnProgress | None
) -> Flow[None]:
    """Poll many tasks and yield each as it ends, successful or failed.

    A task that cannot be polled does not stop the others. Its error is raised at the end.
    """
    require(SECONDS, "timeout", timeout)
    timer = _Timer(state.clock, timeout)
    watches = [_Watch(state, task, timer) for task in tasks]
    for watch in watches:
        _require_task_id(watch.task.id)
    schedule = _Schedule(len(watches), timer, state.polls.interval)
    failures: list[ApiError | TransportError] = []
    while (index := schedule.next()) is not None:
        watch = watches[index]
        if (pause := schedule.due_in()) > 0:
            yield Sleep(pause)
        started = timer.elapsed()
        try:
            yield from watch.poll(on_progress, _MAX_TURN if schedule.others_due() else None)
        except (ApiError, TransportError) as failure:
            failures.append(failure)
            schedule.settle()
        else:
            if watch.task.finished:
                schedule.settle()
                with timer.stopped():
                    yield YieldItem(watch.task)
            else:
                schedule.again(watch.pause(), timer.elapsed() - started)
        if timer.remaining() <= 0 < timeout:
            break  # with a timeout of 0, each task is still polled once
    if schedule.open:
        late = _timed_out([watches[index] for index in schedule.open], timeout)
        raise _with_notes(late, failures) from (failures[0] if failures else late.failure)
    if failures:
        raise _with_notes(failures[0], failures[1:])


def poll_pause(elapsed: float) -> float:
    """Return the pause before the next poll, drawn from the documented range after `elapsed` seconds."""
    for until, shortest, longest in apikley_contract.poll_schedule():
        if elapsed < until:
            return random.uniform(shortest, longest)  # noqa: S311 - jitter, not a secret
    raise AssertionError("the schedule's last step has no end")


def _has_failed(failure: ApiError | TransportError) -> TypeGuard[ApiError]:
    """Whether an error's envelope says that the generation has failed. A status alone may come from a proxy."""
    return isinstance(failure, GenerationError | ProviderTimeout) and "code" in record_of(failure.body)


def _require_task_id(task_id: object) -> None:
    if not is_task_id(task_id):
        raise RequestInvalid([Violation("/taskId", "type", "string", f"{task_id!r} is not a task id")])


def _with_notes(error: ApikleyError, others: list[ApiError | TransportError]) -> ApikleyError:
    for other in others:
        error.add_note(f"task {other.task_id} could not be polled: {other}")
    return error


def _timed_out(watches: Sequence[_Watch], timeout: float) -> WaitTimeout:
    first = watches[0]
    return WaitTimeout([watch.task.id for watch in watches], timeout, first.task, failure=first.failure)


class _Timer:
    """The time that one wait has spent, in seconds."""

    def __init__(self, clock: Clock, timeout: float) -> None:
        self.timeout = timeout
        self._clock = clock
        self._start = clock.monotonic()
        # Stored, because recomputing it accumulates rounding errors.
        self._end = self._start + timeout

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return self._clock.monotonic() - self._start

    def remaining(self) -> float:
        """Return the seconds until the deadline."""
        return self._end - self._clock.monotonic()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the timer while the caller handles a result."""
        since = self._clock.monotonic()
        yield
        spent = self._clock.monotonic() - since
        self._start += spent
        self._end += spent


class _Schedule:
    """Which of many tasks is polled when: a heap of due times.

    Each task has a last poll as close to the deadline as one poll after another allows.

    Attributes:
        open: The indexes of the tasks that have not ended, in their order.
    """

    def __init__(self, count: int, timer: _Timer, interval: float) -> None:
        self.open = dict.fromkeys(range(count))
        self._timer = timer
        self._interval = interval
        self._heap = [(0.0, index) for index in range(count)]
        self._current = (0.0, 0)
        self._last_poll: set[int] = set()

    def next(self) -> int | None:
        """Return the index of the next task to poll, or None if no poll is left."""
        if not self._heap:
            return None
        self._current = heapq.heappop(self._heap)
        return self._current[1]

    def due_in(self) -> float:
        """Return the seconds until the current poll is due."""
        return min(self._current[0] - self._timer.elapsed(), self._timer.remaining())

    def others_due(self) -> bool:
        """Whether other tasks wait for the current poll to end."""
        return bool(self._heap)

    def settle(self) -> None:
        """Remove the current task."""
        del self.open[self._current[1]]

    def again(self, pause: float, took: float) -> None:
        """Schedule the next poll of the current task.

        Args:
            pause: The pause before it, in seconds.
            took: How long the current poll took.
        """
        index = self._current[1]
        if index in self._last_poll or self._timer.remaining() <= 0:
            return
        now = self._timer.elapsed()
        due = now + pause
        if due >= self._timer.timeout:
            # The last polls of all tasks share the time before the deadline.
            due = max(now, self._timer.timeout - len(self._last_poll) * max(self._interval, took))
            self._last_poll.add(index)
        heapq.heappush(self._heap, (due, index))


class _Watch:
    """One task that is being waited for.

    Attributes:
        task: The task.
        failure: Why the last poll failed, if it did.
    """

    def __init__(self, state: ClientState, task: TaskInfo, timer: _Timer) -> None:
        self.task = task
        self.failure: ApiError | TransportError | None = None
        self._state = state
        self._timer = timer
        self._failing_since: float | None = None
        self._first_poll: float | None = None
        self._retry_after = 0.0

    def pause(self) -> float:
        """Return the seconds until the next poll."""
        return max(poll_pause(self._timer.elapsed()), self._retry_after)

    def poll(self, on_progress: OnProgress | None, max_seconds: float | None = None) -> Flow[None]:
        """Poll once. Transient failures are ignored for up to `MAX_FAILING_SECONDS`.

        Args:
            on_progress: Called with the task after a successful poll.
            max_seconds: How long the poll may take.

        Raises:
            ApiError: The task is not known, the key is refused, or the service fails for too long.
            TransportError: No usable response arrived for too long.
        """
        clock = self._state.clock
        with self._state.polls.queued() as try_take:
            while (seconds := try_take(clock.monotonic())) > 0:
                if self._timer.remaining() <= 0:
                    return
                yield Sleep(min(seconds, self._timer.remaining()))
        self._retry_after = 0.0
        timeout = max(self._timer.remaining(), _MIN_POLL_TIMEOUT)
        timeout = timeout if max_seconds is None else min(timeout, max_seconds)
        self._first_poll = self._timer.elapsed() if self._first_poll is None else self._first_poll
        try:
            yield from poll(self._state, self.task, max_retries=0, timeout=timeout)
        except (ApiError, TransportError) as failure:
            if _has_failed(failure):
                reason = {"failCode": str(failure.code), "failMsg": failure.message}
                self.task.update({**self.task.raw, "taskId": self.task.id, "state": FAIL, **reason})
            elif self._ignorable(failure):
                self.failure = failure
                self._retry_after = min(getattr(failure, "retry_after", None) or 0.0, LONGEST_PAUSE)
                return
            else:
                raise
        self.failure = self._failing_since = None
        if on_progress is not None:
            yield CallUser(on_progress, self.task)

    def _ignorable(self, failure: ApiError | TransportError) -> bool:
        now = self._timer.elapsed()
        if isinstance(failure, NotFound) and self.task.state is None and self._first_poll is not None:
            # The task may be new, whichever client created it.
            return now - self._first_poll <= VISIBILITY_GRACE
        if isinstance(failure, NotFound | ValidationFailed):
            return self.task.id in self._state.recently_created
        self._failing_since = now if self._failing_since is None else self._failing_since
        return is_transient(failure) and now - self._failing_since <= MAX_FAILING_SECONDS
