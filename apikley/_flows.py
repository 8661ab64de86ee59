"""The protocol of every call, written once and without I/O; see `_effects`."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import apikley_client.models
import apikley_contract
from apikley import _envelope as envelopes
from apikley import _retry
from apikley._clock import Clock
from apikley._effects import Fetch, Fetched, Flow, Lost, NotSent, Send, Sleep, Tell
from apikley._envelope import Answer, Envelope
from apikley._fields import number, text
from apikley._files import partial_file
from apikley._task import TaskSnapshot, record_of
from apikley._validation import encode, validate, validate_create
from apikley.errors import (
    ApiError,
    CreateOutcomeUnknown,
    Finding,
    GenerationFailed,
    NoResult,
    NotFound,
    RequestInvalid,
    TransportError,
    ValidationFailed,
    WaitTimeout,
)
from apikley_client.api.account import get_credits, get_download_url
from apikley_client.api.jobs import create_task, get_task_details

if TYPE_CHECKING:
    from apikley_client.models import TaskDetails

# How long a task that was just created may be answered as unknown, in seconds.
GRACE = 15.0
_RAW_KEPT = 2_000


class Flows:
    """The calls of one client.

    Args:
        retries: The number of resends allowed.
        clock: What tells the time.
    """

    def __init__(self, retries: int, clock: Clock) -> None:
        self.retries = retries
        self.clock = clock

    def create(self, input_: object, callback_url: str | None) -> Flow[TaskSnapshot]:
        """Create one task, and never two."""
        body = _request(input_, callback_url)
        request = _kwargs(create_task, body=body)
        sent: dict[str, Any] = request.pop("json")
        request["content"] = encode(sent)
        validate_create(sent)
        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            sent_at = self.clock.now()
            try:
                answer = yield Send(request)
            except NotSent as error:
                if last:
                    raise TransportError(f"not sent: {error}") from error.__cause__
                yield Sleep(_retry.pause(attempt, {}, self.clock.now()))
                continue
            except Lost as error:
                raise CreateOutcomeUnknown(str(error), request=sent, sent_at=sent_at) from error.__cause__
            envelope = envelopes.read(answer)
            if envelope and envelopes.is_success(answer, envelope):
                task_id = text(record_of(envelope.data).get("taskId"))
                if task_id:
                    return TaskSnapshot(task_id, visible_after=self.clock.monotonic() + GRACE)
            elif _refused(answer, envelope):
                failure = envelopes.failure(answer, envelope)
                if last or not (isinstance(failure, ApiError) and _retry.certainly_refused(failure.code)):
                    raise failure
                yield Sleep(_retry.pause(attempt, answer.headers, self.clock.now()))
                continue
            raise CreateOutcomeUnknown(
                f"the answer names no task ({envelopes.described(answer)})"
                if envelope is None
                else f"the answer names no task (HTTP {answer.status}, code {envelope.code})",
                request=sent,
                sent_at=sent_at,
                raw=answer.body[:_RAW_KEPT],
            )
        raise AssertionError("the last attempt returns or raises")

    def look(self, task_id: str) -> Flow[TaskSnapshot]:
        """One look at a task."""
        request = _kwargs(get_task_details, task_id=_checked_id(task_id))
        envelope = yield from self._read(request, task_id=task_id)
        record = record_of(envelope.data)
        if not record:
            raise TransportError("the answer is a success, but holds no task", task_id=task_id)
        return TaskSnapshot(task_id, record)

    def wait(
        self, task: TaskSnapshot, timeout: float, on_progress: Callable[[TaskDetails], Any] | None
    ) -> Flow[TaskSnapshot]:
        """Look until the task has ended."""
        start = self.clock.monotonic()
        deadline = start + timeout
        seen: TaskSnapshot | None = None
        while True:
            try:
                seen = yield from self.look(task.id)
            except (NotFound, ValidationFailed):
                if task._visible_after is None or self.clock.monotonic() > task._visible_after:  # noqa: SLF001
                    raise
            if seen is not None:
                if on_progress is not None:
                    yield Tell(on_progress, seen.details)
                if seen.finished:
                    return _succeeded(seen)
            now = self.clock.monotonic()
            if now >= deadline:
                raise WaitTimeout(task.id, timeout, seen)
            yield Sleep(min(poll_pause(now - start), deadline - now))

    def download(self, task: TaskSnapshot, target: Path, index: int) -> Flow[Path]:
        """Stream one result beside the target, then put it in place."""
        urls = task.result_urls
        if not -len(urls) <= index < len(urls):
            raise NoResult(f"task {task.id} has {len(urls)} results, no number {index}; state: {task.state}")
        url = urls[index]
        if urlsplit(url).scheme not in ("http", "https"):
            raise TransportError("the result's address is not an http or https URL", task_id=task.id)
        with partial_file(target) as part:
            try:
                fetched: Fetched = yield Fetch(url, part.file)
            except (NotSent, Lost) as error:
                raise TransportError(f"the download broke off: {error}", task_id=task.id) from error.__cause__
            if not envelopes.answered_well(fetched.status):
                raise TransportError(f"the result cannot be fetched: HTTP {fetched.status}", task_id=task.id)
            part.keep()
        return target

    def credits(self) -> Flow[float | int]:
        """What the account has left."""
        envelope = yield from self._read(_kwargs(get_credits))
        left = number(envelope.data)
        if left is None:
            raise TransportError("the answer is a success, but holds no number of credits")
        return left

    def download_url(self, url: str) -> Flow[str]:
        """A fresh link for a file of the service."""
        body = apikley_client.models.DownloadUrlRequest(url=url)
        validate(body.to_dict(), "DownloadUrlRequest")
        envelope = yield from self._read(_kwargs(get_download_url, body=body))
        link = text(envelope.data)
        if link is None:
            raise TransportError("the answer is a success, but holds no link")
        return link

    def _read(self, request: Mapping[str, Any], *, task_id: str | None = None) -> Flow[Envelope]:
        """A call that changes nothing, and so may be sent again after any failure of the way."""
        for attempt in range(self.retries + 1):
            headers: Mapping[str, str] = {}
            try:
                answer: Answer = yield Send(request)
            except (NotSent, Lost) as error:
                failure: ApiError | TransportError = TransportError(str(error), task_id=task_id)
                failure.__cause__ = error.__cause__
                passing = True
            else:
                envelope = envelopes.read(answer)
                if envelope and envelopes.is_success(answer, envelope):
                    return envelope
                failure = envelopes.failure(answer, envelope, task_id=task_id)
                headers = answer.headers
                passing = isinstance(failure, TransportError) or _passing(failure, answer)
            if attempt == self.retries or not passing:
                raise failure
            yield Sleep(_retry.pause(attempt, headers, self.clock.now()))
        raise AssertionError("the last attempt returns or raises")


def poll_pause(elapsed: float) -> float:
    """Seconds until the next look, by the documented schedule, anywhere within its range."""
    for until, shortest, longest in apikley_contract.poll_schedule():
        if elapsed < until:
            return random.uniform(shortest, longest)  # noqa: S311 - jitter, no secret
    raise AssertionError("the schedule's last step has no end")


def _passing(failure: ApiError, answer: Answer) -> bool:
    return _retry.certainly_refused(failure.code) or answer.status >= 500


def _refused(answer: Answer, envelope: Envelope | None) -> bool:
    """Whether an answer that is no success says for certain that no task was made.

    A code of the contract does, in whichever way it came. Beyond those only a client error does: a
    server's or a proxy's failure may have come after the task was made, and so may a time-out (408).
    """
    success = apikley_contract.codes()["SUCCESS"]
    if envelope and envelope.code == success:
        return False
    if envelope and envelope.code in apikley_contract.codes().values():
        return True
    code = envelope.code if envelope else answer.status
    return (400 <= code < 500 and code != 408) or code in (301, 307, 308)


def _request(input_: object, callback_url: str | None) -> Any:
    """The request of the generated client: around an input, or read from a whole body."""
    models = apikley_contract.models().values()
    for model in models:
        if type(input_) is getattr(apikley_client.models, model.input):
            request = getattr(apikley_client.models, model.request)
            return request(input_=input_, **({} if callback_url is None else {"call_back_url": callback_url}))
    if isinstance(input_, Mapping):
        return _Body({**input_, **({} if callback_url is None else {"callBackUrl": callback_url})})
    known = ", ".join(model.input for model in models)
    message = f"{type(input_).__name__} is no input of a known model; expected {known} or a dict"
    raise RequestInvalid([Finding("", "type", known, message)])


class _Body(dict[str, Any]):
    """A whole request body, handed to the generated client as it is."""

    def to_dict(self) -> dict[str, Any]:
        return dict(self)


def _kwargs(endpoint: Any, **arguments: Any) -> dict[str, Any]:
    """The generated client's request, before it is sent."""
    kwargs: dict[str, Any] = endpoint._get_kwargs(**arguments)  # noqa: SLF001 - the seam under its send functions
    return kwargs


def _checked_id(task_id: str) -> str:
    if not isinstance(task_id, str) or not task_id.strip():
        raise RequestInvalid([Finding("/taskId", "type", "string", f"{task_id!r} is no task id")])
    return task_id


def _succeeded(task: TaskSnapshot) -> TaskSnapshot:
    if task.state != "fail":
        return task
    code = apikley_contract.codes()["GENERATION_FAILED"]
    failure = GenerationFailed(code, task.fail_msg or task.fail_code or "", task_id=task.id, raw=task.raw)
    failure.fail_code = task.fail_code
    failure.task = task
    raise failure
